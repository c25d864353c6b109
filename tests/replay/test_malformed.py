"""A bundle that is not as a run writes it is told in a sentence with the file: never a traceback, never "none differs"."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.evidence.bundle import write_bundle
from drills.evidence.seal import Seal
from drills.replay import bundle
from drills.replay.again import replay
from drills.replay.bundle import CannotReplay
from drills.replay.outcome import Replay
from tests.support import replayed

NAMES = (
    "drill.json",
    "observations.json",
    "start.json",
    "config.json",
    "raw/cucumber.json",
    "raw/aws/0001-RestoreDBInstanceFromDBSnapshot.json",
)
ODD = st.sampled_from([None, True, -1, 10**30, 1e400, "", "x", "\x00", [], [None], {}, {"x": 1}])
Alter = Callable[[Path], bool]


def replayed_or_refused(folder: Path) -> Replay | CannotReplay:
    """What a replay of the folder comes to."""
    try:
        return replay(bundle.read(folder))
    except CannotReplay as error:
        return error


def members(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all values below a JSON value."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, key)
            yield from members(each, (*path, key))


def altered(text: str, place: tuple[Any, ...], other: Any, *, drop: bool) -> str:
    """A JSON text with another value in a place, or nothing."""
    whole = json.loads(text)
    inner = whole
    for each in place[:-1]:
        inner = inner[each]
    if drop:
        del inner[place[-1]]
    else:
        inner[place[-1]] = other
    return json.dumps(whole)


@st.composite
def damages(draw: st.DrawFn) -> tuple[str, bytes | None]:
    """A file of the evidence and its damaged content, None for one that is taken away."""
    name, sources = draw(st.sampled_from(NAMES)), _whole()
    text = sources[name]
    how = draw(st.sampled_from(["drop", "truncate", "bytes", "member", "value"]))
    if how == "drop":
        return name, None
    if how == "truncate":
        return name, text[: draw(st.integers(0, len(text) - 2))].encode()
    if how == "bytes":
        return name, draw(st.binary(max_size=20))
    place = draw(st.sampled_from(list(members(json.loads(text))) or [()]))
    if not place:  # an empty list has no members
        return name, b"{"
    return name, altered(text, place, draw(ODD), drop=how == "member").encode()


def _whole() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as made:
        folder = replayed.written(Path(made) / "whole")
        return {name: (folder / name).read_text() for name in NAMES}


@given(damages())
def test_no_damage_ends_in_a_traceback(damage: tuple[str, bytes | None]) -> None:
    """Whatever a file holds, a replay names differences or says which file it cannot read, what it expected and what it found."""
    name, content = damage
    with tempfile.TemporaryDirectory() as made:
        folder = replayed.written(Path(made) / "run")
        damage_file(folder / name, content)
        found = replayed_or_refused(folder)
    if isinstance(found, CannotReplay):
        assert folder.name in str(found) or name in str(found)
        assert "expected" in str(found)
        assert "Errno" not in str(found)
    elif not (content is None and name in ("start.json", "config.json")):  # which the folder of a run may lack
        assert (content is not None and is_json(content)) or found.differences


@given(damages())
def test_no_damage_of_a_sealed_bundle_goes_unnoticed(damage: tuple[str, bytes | None]) -> None:
    """SHA256SUMS has the digest of each file: a change that no verdict depends on is named too."""
    name, content = damage
    with tempfile.TemporaryDirectory() as made:
        folder = sealed(Path(made))
        before = (folder / name).read_bytes()
        damage_file(folder / name, content)
        found = replayed_or_refused(folder)
    assert content == before or isinstance(found, CannotReplay) or found.differences


def sealed(place: Path) -> Path:
    """The evidence as a bundle without a signature."""
    folder = replayed.written(place / "run")
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    write_bundle(place / "chain" / "0001-1", files, Seal(None))
    return place / "chain" / "0001-1"


def damage_file(path: Path, content: bytes | None) -> None:
    """Take a file away, or write something else to it."""
    path.unlink()
    if content is not None:
        path.write_bytes(content)


def is_json(content: bytes) -> bool:
    """Whether it can be read as JSON at all."""
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("observations.json", None, "expected the observations of the run, found no such file"),
        ("observations.json", "[]", "found [] (Input should be"),
        ("observations.json", '{"format": 1, "observations": [{}]}', "observations.0.copy: no such member"),
        ("observations.json", '{"format": 2, "observations": []}', "expected observations of format 1, found 2"),
        ("observations.json", '{"format": 1, "observations": []}', "expected the configuration among"),
        ("raw/aws/0001-RestoreDBInstanceFromDBSnapshot.json", "{}", "operation: no such member"),
        ("raw/cucumber.json", '[{"name": "f", "elements": [{"name": 1}]}]', "0.elements.0.name: 1 ("),
        ("raw/cucumber.json", "[" * 100_000, "expected the results of the scenarios as JSON, found"),
        ("drill.json", None, "no run record at"),
        ("start.json", "{}", "expected a start record"),
        ("manifest.json", "{}", "is no whole manifest"),
    ],
)
def test_a_sentence_says_the_file_what_was_expected_and_what_was_found(
    tmp_path: Path, name: str, content: str | None, said: str
) -> None:
    """The reader can go to the place in the file."""
    folder = replayed.written(tmp_path / "run")
    (folder / name).unlink(missing_ok=True)
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(CannotReplay) as refused:
        bundle.read(folder)
    assert said in str(refused.value)
    assert Path(name).name in str(refused.value)


def test_a_bundle_that_was_sealed_without_its_start_record_is_told(tmp_path: Path) -> None:
    """Who leaves it out and seals again leaves nothing to compare the record's own account with."""
    folder = replayed.written(tmp_path / "run")
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.json") if path.name != "start.json"}
    write_bundle(tmp_path / "chain" / "0001-1", files, Seal(None))
    found = replay(bundle.read(tmp_path / "chain" / "0001-1")).differences
    assert [each.what for each in found] == ["file start.json"]


def test_a_folder_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    """What cannot be read is said without the number of an error."""
    folder = replayed.written(tmp_path / "run")
    (folder / "observations.json").unlink()
    (folder / "observations.json").mkdir()
    with pytest.raises(CannotReplay, match="found that it cannot be read: Is a directory"):
        bundle.read(folder)


def test_a_file_of_calls_that_was_taken_away_is_told(tmp_path: Path) -> None:
    """The calls of a run are numbered without a gap, so that one that no verdict reads is missed too."""
    folder = replayed.written(tmp_path / "run")
    (path,) = (folder / "raw/aws").iterdir()
    shutil.copy(path, folder / "raw/aws/0003-Other.json")
    (folder / "raw/aws/0003-Other.json").write_text(path.read_text().replace('"number": 1', '"number": 3'))
    with pytest.raises(CannotReplay, match="found 3 in the place of 2: a file is missing"):
        bundle.read(folder)


def test_answers_of_another_shape_are_a_difference_that_names_the_files(tmp_path: Path) -> None:
    """What AWS's answers lack is seen when the drill's own functions read them."""
    folder = replayed.written(tmp_path / "run")
    (path,) = (folder / "raw/aws").iterdir()
    raw = json.loads(path.read_text())
    raw["operation"], raw["calls"][0]["answer"] = "rds.DescribeDBInstances", {"DBInstances": [1]}
    path.write_text(json.dumps(raw))
    found = [str(each) for each in replay(bundle.read(folder)).differences]
    assert any("expected observations.json, manifest.json and raw/aws as a run writes them" in each for each in found)
