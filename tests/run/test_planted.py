"""The search for planted secrets finds them however they are packed."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from urllib.parse import quote

import pytest

from reports import pdf
from tests.support.example_record import green_drill
from tests.support.planted import Plants, found


def zipped(raw: bytes) -> bytes:
    """An archive with a file of these bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", raw)
    return out.getvalue()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "json": lambda raw: json.dumps({"a": raw.decode()}).encode(),
    "url": lambda raw: quote(raw).encode(),
    "hexadecimal": lambda raw: b"\\x" + raw.hex().encode(),
    "utf-16": lambda raw: raw.decode().encode("utf-16"),
    "gzip": gzip.compress,
    "zip": zipped,
    "zip of gzip": lambda raw: zipped(gzip.compress(raw)),
    "pdf attachment": lambda raw: pdf.render(green_drill(), raw),
    "base64": base64.b64encode,
    "base64 after one": lambda raw: base64.b64encode(b"a" + raw),
    "base64 after two": lambda raw: base64.b64encode(b"ab" + raw),
}


@pytest.mark.parametrize("packed", PACKED)
def test_a_planted_word_is_found(packed: str) -> None:
    """A word beside other text, in each way of packing, and no word where there is none."""
    plants = Plants()
    word = plants.word("row")
    raw = PACKED[packed](f"<{word}@example.org>".encode())

    assert {kind for kind, _ in found(plants.words, [("file", raw)])} == {"row"}
    assert found({"other": Plants().word("other")}, [("file", raw)]) == []


def test_a_word_in_the_text_of_a_pdf_is_found() -> None:
    """The fonts of a PDF number their glyphs: what can be read on its pages stands in no stream as it is."""
    record = green_drill()
    raw = pdf.render(record, b"{}")

    assert {kind for kind, _ in found({"id": record.run_id}, [("file", raw)])} == {"id"}
