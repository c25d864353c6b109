"""What drills of a target have proved of its tables, on disk."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from drills.clock import SystemClock
from drills.history import coverage as kept
from drills.model.coverage import Coverage, Known, Learned, Measured, Proof, Speed
from drills.model.record import RunRecord, Setting
from tests.support.example_record import START, green_drill

CLOCK = SystemClock()
NOW = START + timedelta(days=30)


def learned(day: int, *tables: str) -> Learned:
    """What the run of a day has proved."""
    speeds = Measured(2e6, 0.5, {"orders": {"shop.a": Speed(10, 0.5)}})
    return Learned(
        f"run-{day}", START + timedelta(days=day), {"orders": tables}, {"orders": {"shop.vast": ((0, 9),)}}, speeds
    )


def ended(day: int, *tables: str) -> RunRecord:
    """A drill within a budget that has ended."""
    return dataclasses.replace(green_drill(), coverage=Coverage(300.0, 3, learned(day, *tables)))


def test_drills_of_a_target_add_up_and_others_stand_apart(tmp_path: Path) -> None:
    """A line for each drill that counts; a drill of other data, or one that counts nowhere, proves nothing here."""
    history = tmp_path / "history.jsonl"
    for record in (
        ended(2, "shop.b"),
        ended(1, "shop.a", "shop.b"),
        dataclasses.replace(ended(3, "shop.a"), profile="aws", simulated=False),
        dataclasses.replace(ended(4, "shop.a"), settings=(Setting("target.sample", "oldest", "drill.toml"),)),
        dataclasses.replace(ended(5, "shop.a"), partial=True),
        dataclasses.replace(ended(6, "shop.a"), interrupted_by="SIGTERM"),
        green_drill(),
    ):
        assert kept.keep(history, record, CLOCK) == ""
    path = kept.file_beside(history)
    known, problem = kept.known(path, kept.whose(ended(9)), NOW)

    assert (problem, path.read_text(encoding="utf-8").count("\n")) == ("", 4)
    assert known.of("orders", "shop.a").whole == Proof("run-1", START + timedelta(days=1))
    assert known.of("orders", "shop.b").whole == Proof("run-2", START + timedelta(days=2))
    assert [(each.low, each.high, each.proof.run_id) for each in known.of("orders", "shop.vast").keys] == [
        (0, 9, "run-2")
    ]
    assert (known.rate, known.of("orders", "shop.a").speed) == (2e6, Speed(10, 0.5))


@pytest.mark.parametrize("line", ["{", '{"version":99}', '{"version":1}', "[]", '{"version":1,"key":{},"learned":{}}'])
def test_a_line_that_is_none_is_left_out_and_counted(tmp_path: Path, line: str) -> None:
    """The others are read; what it would have said was proved is read anew."""
    path = tmp_path / kept.FILE
    assert kept.append(path, kept.whose(ended(1)), learned(1, "shop.a"), CLOCK) == ""
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    known, problem = kept.known(path, kept.whose(ended(1)), NOW)

    assert known.of("orders", "shop.a").whole
    assert "1 line could not be read" in problem


def test_no_file_is_nothing_known_and_one_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """A drill goes on either way."""
    assert kept.known(tmp_path / "none", kept.whose(ended(1)), NOW) == (Known(), "")
    assert "could not be kept" in kept.append(tmp_path, kept.whose(ended(1)), learned(1), CLOCK)


def test_ten_thousand_tables_take_a_quarter_of_a_megabyte_a_line_at_most(tmp_path: Path) -> None:
    """A line holds what its own drill has proved, and no more of a table than its name."""
    names = tuple(f"shop.table_number_{number}" for number in range(10_000))
    kept.append(tmp_path / kept.FILE, kept.whose(ended(1)), learned(1, *names), CLOCK)

    assert (tmp_path / kept.FILE).stat().st_size < 300_000


@pytest.mark.parametrize(
    "wrong",
    [
        dataclasses.replace(learned(1, "shop.a"), at=NOW + timedelta(hours=2)),
        dataclasses.replace(learned(1, "shop.a"), measured=Measured(-1.0)),
        dataclasses.replace(learned(1, "shop.a"), measured=Measured(1e6, -5.0)),
        dataclasses.replace(learned(1, "shop.a"), measured=Measured(whole={"orders": {"shop.a": Speed(-1, 0.5)}})),
        dataclasses.replace(learned(1, "shop.a"), by_key={"orders": {"shop.vast": ((5, 1),)}}),
    ],
    ids=("future", "rate", "overhead", "size", "range"),
)
def test_what_no_drill_can_have_written_proves_nothing(tmp_path: Path, wrong: Learned) -> None:
    """A line of a clock that is ahead would keep its tables proved for as long; numbers that nobody measured plan nothing."""
    path = tmp_path / kept.FILE
    kept.append(path, kept.whose(ended(1)), wrong, CLOCK)
    known, problem = kept.known(path, kept.whose(ended(1)), NOW)

    assert known == Known()
    assert "1 line could not be read" in problem
