"""What PDF/A-3 and PDF/UA-1 ask of report.pdf, read with a library that has nothing to do with the one that writes it.

No checker of these standards runs without Java, so that the properties which they ask for are held here one by one.
"""

from __future__ import annotations

import io
import itertools
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from pypdf import PdfReader
from pypdf.generic import ContentStream, DictionaryObject, IndirectObject

from drills.record import to_json
from reports import pdf
from tests.support.example_history import drill_with_history
from tests.support.example_record import failing_drill, interrupted_drill

RECORDS = {"failing": failing_drill(), "interrupted": interrupted_drill(), "history": drill_with_history(5)}
SHOWS_TEXT = (b"Tj", b"TJ", b"'", b'"')
XMP = {
    "pdfaid": "http://www.aiim.org/pdfa/ns/id/",
    "pdfuaid": "http://www.aiim.org/pdfua/ns/id/",
    "dc": "http://purl.org/dc/elements/1.1/",
}


@cache
def document(name: str) -> Any:
    """The PDF of a record, as pypdf reads it; typed loosely, as what a PDF holds is."""
    record = RECORDS[name]
    return PdfReader(io.BytesIO(pdf.render(record, to_json(record).encode())), strict=True)


def root(name: str) -> Any:
    """The catalog of the document."""
    return document(name).trailer["/Root"]


def elements(node: Any) -> Iterator[Any]:
    """The structure elements below one, in the order in which they are read."""
    kids = node.get("/K", [])
    for kid in kids if isinstance(kids, list) else [kids]:
        each: Any = kid.get_object() if isinstance(kid, IndirectObject) else kid
        if isinstance(each, DictionaryObject) and "/S" in each:
            yield each
            yield from elements(each)


def structure(name: str) -> list[Any]:
    """Every structure element of the document."""
    return list(elements(root(name)["/StructTreeRoot"]))


@pytest.mark.parametrize("name", RECORDS)
def test_the_metadata_say_which_standards_it_keeps(name: str) -> None:
    """XMP names part 3, level A, PDF/UA-1 and the title, unpacked so that any tool can read it; a viewer shows the title."""
    metadata = root(name)["/Metadata"]
    tree = ET.fromstring(metadata.get_data())

    def value(key: str) -> str:
        prefix, _, local = key.partition(":")
        full = f"{{{XMP[prefix]}}}{local}"
        found = [each.text or "" for each in tree.iter(full)] + [each.get(full, "") for each in tree.iter()]
        return next(filter(None, found), "")

    assert "/Filter" not in metadata
    assert (value("pdfaid:part"), value("pdfaid:conformance"), value("pdfuaid:part")) == ("3", "A", "1")
    assert document(name).metadata is not None
    assert "Recovery drill of" in "".join(
        ET.tostring(each, encoding="unicode") for each in tree.iter(f"{{{XMP['dc']}}}title")
    )
    assert root(name)["/ViewerPreferences"]["/DisplayDocTitle"].value is True


@pytest.mark.parametrize("name", RECORDS)
def test_it_depends_on_nothing_outside_and_runs_nothing(name: str) -> None:
    """A colour profile is embedded, no part is encrypted, and nothing happens when it is opened."""
    found = document(name)
    intents = [each.get_object() for each in root(name)["/OutputIntents"]]

    assert [each["/S"] for each in intents] == ["/GTS_PDFA1"]
    assert intents[0]["/DestOutputProfile"].get_data()[36:40] == b"acsp"  # the signature of an ICC profile
    assert "/Encrypt" not in found.trailer
    assert len(found.trailer["/ID"]) == 2
    assert not {"/OpenAction", "/AA", "/AcroForm"} & set(root(name))
    assert "/JavaScript" not in root(name)["/Names"]
    assert not [page for page in found.pages if "/AA" in page]


@pytest.mark.parametrize("name", RECORDS)
def test_every_font_is_embedded_and_its_text_can_be_read(name: str) -> None:
    """Each font brings its program and what its glyphs mean, so that text can be searched and read aloud."""
    fonts = [
        font.get_object() for page in document(name).pages for font in page["/Resources"].get("/Font", {}).values()
    ]
    assert fonts
    for font in fonts:
        descendant = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
        assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(descendant["/FontDescriptor"])
        assert "/ToUnicode" in font


@pytest.mark.parametrize("name", RECORDS)
def test_the_record_is_an_associated_file(name: str) -> None:
    """drill.json is named, described, of a media type, and the source of the document; the catalog refers to it."""
    associated = [each.get_object() for each in root(name)["/AF"]]
    named = root(name)["/Names"]["/EmbeddedFiles"]

    assert len(associated) == 1
    assert str(associated[0]["/UF"]) == str(associated[0]["/F"]) == "drill.json"
    assert associated[0]["/AFRelationship"] == "/Source"
    assert associated[0]["/Desc"]
    stream = associated[0]["/EF"]["/F"]
    assert stream["/Subtype"] == "/application/json"
    assert "/ModDate" in stream["/Params"]
    assert stream.get_data() == to_json(RECORDS[name]).encode()
    assert "/Names" in named or "/Kids" in named


@pytest.mark.parametrize("name", RECORDS)
def test_it_is_tagged_so_that_it_can_be_read_aloud(name: str) -> None:
    """Language, tags in reading order, headings without a gap in their levels, rows and headers of tables, words for drawings."""
    kinds = [str(each["/S"]) for each in structure(name)]
    levels = [int(kind[2:]) for kind in kinds if kind[:2] == "/H" and kind[2:].isdigit()]

    assert root(name)["/Lang"] == "en"
    marks = root(name)["/MarkInfo"]
    assert (marks["/Marked"].value, marks["/Suspects"].value) == (
        True,
        False,
    )  # a tagger that guessed would set the second
    assert all(page.get("/Tabs") == "/S" or "/Annots" not in page for page in document(name).pages)
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert {"/Table", "/TR", "/TH", "/TD", "/L", "/LI", "/Figure"} <= set(kinds)
    for each in structure(name):
        if each["/S"] == "/Figure":
            assert str(each.get("/Alt", "")).strip()


def test_no_text_stands_outside_of_the_tags() -> None:
    """What is drawn as text is content of a tag, or marked as an artifact such as the foot of the page."""
    for page in document("failing").pages:
        depth = 0
        for _, operator in ContentStream(page.get_contents(), document("failing")).operations:
            depth += (operator in (b"BDC", b"BMC")) - (operator == b"EMC")
            assert depth > 0 or operator not in SHOWS_TEXT
        assert depth == 0
