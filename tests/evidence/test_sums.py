"""SHA256SUMS: what is written is read back, and what could mislead a reader is refused."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.errors import ConfigError
from drills.evidence.sums import SumsError, read_sums, refuse_name, write_sums

PARTS = st.text("aBz09 .-_*'\"äß日😀", min_size=1, max_size=6).filter(lambda part: part not in (".", "..", "-"))
NAMES = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
DIGESTS = st.binary(max_size=4).map(lambda data: hashlib.sha256(data).hexdigest())
LISTS = st.lists(st.tuples(NAMES, DIGESTS), unique_by=lambda each: each[0].casefold(), max_size=8).map(dict)


@given(LISTS.filter(bool))
def test_a_list_is_read_back_as_it_was_written(digests: dict[str, str]) -> None:
    """Nothing is lost between the digests and their text, whatever the names."""
    assert read_sums(write_sums(digests)) == digests


@given(LISTS.filter(bool))
def test_names_stand_in_the_order_of_their_bytes(digests: dict[str, str]) -> None:
    """The order is that of `LC_ALL=C sort`, so that the list can be made again on every machine."""
    names = [line[66:].encode() for line in write_sums(digests).splitlines()]

    assert names == sorted(names)


@given(LISTS.filter(bool), st.data())
def test_a_list_that_was_edited_by_a_character_is_another_or_none(digests: dict[str, str], data: st.DataObject) -> None:
    """No two texts are read as the same digests: what `sha256sum` would skip is refused."""
    text = write_sums(digests)
    at = data.draw(st.integers(0, len(text) - 1))
    edited = text[:at] + data.draw(st.sampled_from(["", "\n", " ", "\\", "\r", "0", "x"])) + text[at + 1 :]
    try:
        found = read_sums(edited)
    except SumsError:
        return
    assert edited == text or found != digests


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-",
        "/etc/passwd",
        "../up",
        "a/../b",
        "./a",
        "a//b",
        "a/",
        "back\\slash",
        "line\nbreak",
        "tab\t",
        "\x7f",
        "\u202e",
    ],
)
def test_a_name_that_could_mislead_is_refused(name: str) -> None:
    """What `sha256sum` escapes, reads as standard input or follows out of the folder is refused on writing and on reading."""
    with pytest.raises(ConfigError, match="relative path"):
        write_sums({name: "0" * 64})
    with pytest.raises(SumsError):
        read_sums(f"{'0' * 64}  {name}\n")


@pytest.mark.parametrize("name", ["SHA256SUMS", "SHA256SUMS.sig", "SHA256SUMS.sig.tsr"])
def test_a_seal_is_in_no_list(name: str) -> None:
    """A list cannot hold its own digest or signature."""
    with pytest.raises(ConfigError, match="belongs to the seal"):
        refuse_name(name)


def test_names_that_differ_by_case_alone_are_refused() -> None:
    """On a Mac they would be one file."""
    with pytest.raises(ConfigError, match='"a/B" and "a/b"'):
        write_sums({"a/B": "0" * 64, "a/b": "1" * 64})


def test_it_is_what_sha256sum_writes(tmp_path: Path) -> None:
    """The text is that of coreutils, byte for byte."""
    names = ["a.json", "Z.json", "raw/ä b.sql", "raw/a.sql"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    in_order = sorted(names, key=os.fsencode)
    theirs = subprocess.run(["sha256sum", *in_order], cwd=tmp_path, capture_output=True, check=True).stdout.decode()

    assert write_sums({name: hashlib.sha256(name.encode()).hexdigest() for name in names}) == theirs


LINES = f"{'0' * 64}  a\n{'1' * 64}  b\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a line break at its end, found none"),
        (LINES[:-1], "expected a line break at its end, found none"),
        (f"\n{LINES}", "line 1: expected a digest, two blanks and a name"),
        (f"{LINES}x\n", "line 3: expected a digest, two blanks and a name"),
        (LINES.replace("  b", " *b"), "line 2: expected a digest, two blanks and a name"),
        (
            LINES.replace("  b", "  ../b"),
            "line 2: expected the relative path of a file, without backslash, line break or other control character, found '../b'",
        ),
        (LINES.replace("  b", "  A"), 'expected names that differ by more than their case, found "a" and "A"'),
        (LINES.replace("  b", "  a"), "expected each name once, sorted by bytes"),
    ],
    ids=["nothing", "end", "empty line", "line", "binary", "name", "case", "twice"],
)
def test_what_is_no_list_is_told_with_its_line(text: str, said: str) -> None:
    """So that a reader finds it; what concerns the whole list has no line."""
    with pytest.raises(SumsError) as found:
        read_sums(text)
    assert str(found.value) == said
    assert read_sums(LINES) == {"a": "0" * 64, "b": "1" * 64}
