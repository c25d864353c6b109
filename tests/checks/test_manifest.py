"""A manifest's file: it comes back as it was, and whatever happened to it since is one sentence."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.checks import manifest
from drills.checks.canary.chain import CanaryState
from drills.checks.content.check import Contents, TableContent
from drills.checks.content.large_objects import LargeObjects
from drills.checks.content.sequences import Sequences
from drills.checks.manifest import FORMAT, DatabaseManifest, Manifest
from drills.errors import ConfigError

AT = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
ONE = DatabaseManifest(
    catalog={"columns": {'s."Ü\n".a': '{"type": "text"}'}},
    sequences=Sequences({"s.q": "last_value=1, is_called=true"}, unlogged=("s.u",)),
    contents=Contents(
        "record/md5/2", {"s.t": TableContent(3, "0" * 32, "s.p", True, "made", "2026-01-01")}, {"s.h": "needs"}
    ),
    large_objects=LargeObjects({"7": "3 bytes"}),
    canary=CanaryState(2, 2, AT, "ab", "", 1),
)
WHOLE = Manifest(FORMAT, AT, 180004, "PostgreSQL 18.4 on x86_64", {"roles": {"role a": "{}"}}, {"orders": ONE})


def test_a_manifest_comes_back_as_it_was() -> None:
    """Every part survives its file."""
    assert manifest.load(manifest.dump(WHOLE)) == WHOLE


@given(st.integers(min_value=0, max_value=len(manifest.dump(WHOLE)) - 3))
def test_a_truncated_manifest_is_one_sentence(length: int) -> None:
    """Wherever it was cut; the file ends with a brace and a newline."""
    with pytest.raises(ConfigError, match="no whole manifest") as raised:
        manifest.load(manifest.dump(WHOLE)[:length], "m.json")
    assert str(raised.value).startswith("m.json ")
    assert "\n" not in str(raised.value)


def test_an_edited_manifest_is_refused() -> None:
    """One digit changed, and its digest does not fit."""
    edited = manifest.dump(WHOLE).replace('"rows": 3', '"rows": 2')
    assert edited != manifest.dump(WHOLE)
    with pytest.raises(ConfigError, match="changed after it was taken"):
        manifest.load(edited)


JSON = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(
    JSON,
    st.integers(min_value=0, max_value=3),
    st.integers(min_value=1, max_value=3),
    st.sampled_from([(",", ":"), (",\n", ": ")]),
)
def test_pieces_are_those_of_the_whole(value: object, depth: int, most: int, separators: tuple[str, str]) -> None:
    """Wherever the text of a digest or of a file is cut, its pieces are what versions before this one made at once."""
    pieces = manifest.json_pieces(value, depth, most, separators)
    assert "".join(pieces) == json.dumps(value, sort_keys=True, separators=separators)


def test_a_newer_format_asks_for_a_newer_version() -> None:
    """Said before the digest, which a newer version may make in another way."""
    raw = json.loads(manifest.dump(WHOLE))
    raw["manifest"]["format"] = FORMAT + 1
    with pytest.raises(ConfigError, match="use a newer version"):
        manifest.load(json.dumps(raw))


@pytest.mark.parametrize("text", ["", "[]", "null", "3", '{"digest": 1}', "\x00"])
def test_what_is_no_manifest_is_one_sentence(text: str) -> None:
    """Other JSON, or none at all."""
    with pytest.raises(ConfigError, match="no whole manifest"):
        manifest.load(text)


def test_a_manifest_that_was_edited_and_digested_anew_does_not_fit_its_key() -> None:
    """With its key it is refused: with the HMAC of what it was, without one, and whatever format it says that it has."""
    key = b"k" * 32
    text, edited = manifest.dump(WHOLE, key), dataclasses.replace(WHOLE, workers=7)
    assert manifest.load(text) == manifest.load(text, "m.json", key) == WHOLE
    kept = json.dumps(json.loads(manifest.dump(edited)) | {"hmac": json.loads(text)["hmac"]})
    # JSON's last member of a name counts: the HMAC must be of the digest that the contents fit
    first = json.dumps({each: json.loads(text)[each] for each in ("digest", "hmac")})[1:-1]
    twice = manifest.dump(edited).replace("{", f"{{{first},\n", 1)
    for other in (kept, twice, manifest.dump(edited, b"x" * 32), kept.replace(json.loads(text)["hmac"], "\u00fc")):
        assert manifest.load(other) == edited
        with pytest.raises(ConfigError, match="does not fit the key beside it: it was edited"):
            manifest.load(other, "m.json", key)
    for form in (FORMAT, 4):
        bare = manifest.dump(dataclasses.replace(edited, format=form))
        with pytest.raises(ConfigError, match=r"m\.json has no HMAC, .* or move the key away, and what is digested"):
            manifest.load(bare, "m.json", key)


@pytest.mark.parametrize("definition", ["", "x", "[]", "1", "[" * 100_000])
def test_a_definition_that_is_no_object_is_one_sentence(definition: str) -> None:
    """A catalog's entries are JSON in JSON; the place of the one that is none is named, even where the digest fits."""
    forged = dataclasses.replace(WHOLE, cluster={"roles": {"role a": definition}})
    with pytest.raises(ConfigError, match=r"cluster\.roles\.role a: expected a definition as a JSON object"):
        manifest.load(manifest.dump(forged))
