"""The run record on disk: whole at every instant, contiguous in its phases, and a sentence when it is none."""

from __future__ import annotations

import itertools
import json
import math
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.errors import ConfigError
from drills.files import write_atomically
from drills.model.finding import Verdict
from drills.model.instance import Resource
from drills.model.record import Restoration, RunRecord
from drills.record import ORIGIN_NAME, Journal, from_json, load, new_run_id, to_json
from tests.support.clock import NOON, HandClock
from tests.support.example_record import failing_drill, green_drill, interrupted_drill, running_drill

OPENING = RunRecord(1, "20261123-120000-a1b2", "sandbox", True, NOON, "0")


def journal_in(folder: Path, clock: HandClock) -> Journal:
    """A record that was begun at noon."""
    return Journal.create(folder, OPENING, origin=clock.monotonic(), clock=clock)


@pytest.mark.parametrize("record", [green_drill(), failing_drill(), interrupted_drill(), running_drill()])
def test_a_record_is_read_as_it_was_written(record: RunRecord) -> None:
    """Nothing is lost or rounded on the way."""
    assert from_json(to_json(record)) == record


@given(st.lists(st.floats(min_value=0.0, max_value=1e6), min_size=1, max_size=12), st.data())
def test_phases_are_contiguous_and_add_up_whoever_writes_them(
    tmp_path_factory: pytest.TempPathFactory, seconds: list[float], data: st.DataObject
) -> None:
    """In one process or in several, one after the other; the sum is the wall clock."""
    clock, folder = HandClock(), tmp_path_factory.mktemp("run")
    journal = journal_in(folder, clock)
    for number, length in enumerate(seconds):
        if data.draw(st.booleans()):
            journal = Journal.open(folder, clock=clock)
        journal.enter(f"phase {number}")
        clock.sleep(length)
    journal.end()

    record = load(folder)
    assert record.phases[0].start_seconds == 0.0
    for one, after in itertools.pairwise(record.phases):
        assert (one.end_seconds, one.ended_at) == (after.start_seconds, after.started_at)
    assert record.wall_seconds == record.phases[-1].end_seconds
    assert math.fsum(phase.seconds or 0.0 for phase in record.phases) == pytest.approx(record.wall_seconds)


def test_the_first_phase_begins_with_the_run(tmp_path: Path) -> None:
    """What passed before a process could say so belongs to it."""
    clock = HandClock()
    journal = journal_in(tmp_path, clock)
    clock.sleep(1.5)
    journal.enter("start")

    (phase,) = journal.record.phases
    assert (phase.started_at, phase.start_seconds) == (NOON, 0.0)


def test_a_run_that_goes_on_after_its_end_leaves_no_gap(tmp_path: Path) -> None:
    """The reports are written after the end, and are part of the wall clock."""
    clock = HandClock()
    journal = journal_in(tmp_path, clock)
    journal.enter("drill")
    clock.sleep(5)
    journal.end()
    clock.sleep(2)
    journal.resume("reports")
    clock.sleep(1)
    journal.end()

    assert [(phase.start_seconds, phase.end_seconds) for phase in journal.record.phases] == [(0.0, 5.0), (5.0, 8.0)]
    assert journal.record.wall_seconds == 8.0
    assert journal.record.ended_at == NOON + timedelta(seconds=8)


def test_later_knowledge_takes_the_place_of_earlier(tmp_path: Path) -> None:
    """Of a verdict by its name, of a resource by kind and id, of a restoration by its instance; in the first order."""
    journal = journal_in(tmp_path, HandClock())
    for state in ("planned", "made", "gone"):
        journal.resource(Resource("db-instance", "drill-1", state))
        journal.resource(Resource("db-snapshot", "drill-1", "planned"))
    journal.restoration(Restoration("recovery", None, "drill-1"))
    journal.restoration(Restoration("rehearsal", None, "drill-2"))
    journal.restoration(Restoration("recovery", None, "drill-1", host="localhost"))
    journal.verdict(Verdict("rto", "not verified", "not yet"))
    journal.verdict(Verdict("rto", "met", "in time"))

    record = load(tmp_path)
    assert [(one.kind, one.state) for one in record.resources] == [("db-instance", "gone"), ("db-snapshot", "planned")]
    assert [(one.instance_id, one.host) for one in record.restorations] == [("drill-1", "localhost"), ("drill-2", "")]
    assert [verdict.outcome for verdict in record.verdicts] == ["met"]


def test_a_failure_names_the_phase_that_it_happened_in(tmp_path: Path) -> None:
    """The one that is open, or none; the sentence is one line."""
    journal = journal_in(tmp_path, HandClock())
    journal.failure("too\n early", 12)
    journal.enter("restore")
    journal.failure("refused", 12)

    assert [failure.phase for failure in load(tmp_path).failures] == ["", "restore"]
    assert load(tmp_path).failures[0].sentence == "too early"


def test_a_write_that_fails_leaves_the_old_text(tmp_path: Path) -> None:
    """A full disk, a crash: what was there stays whole."""
    path = tmp_path / "drill.json"
    write_atomically(path, "old")

    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")

    assert path.read_text() == "old"


def test_a_record_whose_origin_is_gone_is_opened(tmp_path: Path) -> None:
    """A process of the run that outlives its end finds no origin any more: the seconds count from the start of the run."""
    clock = HandClock()
    journal_in(tmp_path, clock)
    (tmp_path / ORIGIN_NAME).unlink()
    clock.sleep(30.0)

    again = Journal.open(tmp_path, clock=clock)

    assert again.elapsed() == pytest.approx(30.0)


def test_run_ids_sort_by_time_and_fit_into_identifiers() -> None:
    """RDS allows 63 letters, digits and hyphens, the first a letter, no two hyphens in a row."""
    early, late = new_run_id(NOON), new_run_id(NOON + timedelta(seconds=1))

    assert early < late
    assert len(f"drill-{early}-rehearsal-parameters") <= 63
    assert "--" not in early


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no run record: expected JSON with schema_version, as a run writes it, found an empty file: name"),
        (to_json(green_drill())[:-200], "as a run writes it, found no JSON ("),
        ("[]", "as a run writes it, found a list: name"),
        ("null", "as a run writes it, found null: name"),
        ('{"schema_version": []}', "found an object whose schema_version is a list: name"),
        ("{}", "as a run writes it, found an empty object, {}: name"),
        (json.dumps({"schema_version": 99}), "has schema version 99; this version reads up to 1: use a newer one"),
        (
            to_json(green_drill()).replace('"gone"', '"vanished"', 1),
            "found resources.0.state: Input should be",
        ),
    ],
)
def test_what_is_no_record_is_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    """Truncated, of another kind, newer, edited: the file is named and what is wrong with it."""
    (tmp_path / "drill.json").write_text(text)

    with pytest.raises(ConfigError) as raised:
        load(tmp_path)

    assert said in str(raised.value)
    assert str(tmp_path / "drill.json") in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_record_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    """Nothing there, bytes that are no text, a folder of that name."""
    path = tmp_path / "drill.json"
    with pytest.raises(ConfigError, match=r"no run record at .*drill\.json: expected the folder of a run"):
        load(tmp_path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(
        ConfigError, match=r"drill\.json is no run record: expected JSON with schema_version, as a run writes it, found"
    ):
        load(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError, match=r"drill\.json cannot be read: Is a directory"):
        load(tmp_path)
