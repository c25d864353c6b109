"""The history on disk."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from drills.clock import SystemClock
from drills.history import store as history_file
from drills.history.line import write_line
from drills.objectives.verdicts import reported
from drills.record import Journal, from_json, load, to_json
from drills.run import context, finish
from tests.support.example_history import FIRST, MONTH, line, monthly
from tests.support.example_record import green_drill
from tests.support.paths import CHECKOUT

APPEND = """
import sys
from pathlib import Path
from drills.history import store as history_file
from tests.support.example_history import FIRST, line
from datetime import timedelta
who = int(sys.argv[2])
for index in range(25):
    assert history_file.append(Path(sys.argv[1]), line(who * 100 + index, FIRST + timedelta(minutes=who * 100 + index))) == ""
"""


def test_two_runs_at_once_lose_nothing(tmp_path: Path) -> None:
    """Four processes that append as fast as they can leave every one of their lines, whole."""
    path = tmp_path / "deep" / "history.jsonl"

    def start(who: int) -> int:
        return subprocess.run([sys.executable, "-c", APPEND, str(path), str(who)], check=False, cwd=CHECKOUT).returncode

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(start, range(4))) == [0, 0, 0, 0]
    lines, problems = history_file.read(path)

    assert (len(lines), problems) == (100, ())
    assert path.read_text(encoding="utf-8").count("\n") == 100


def test_a_line_that_was_cut_off_stays_a_line_of_its_own(tmp_path: Path) -> None:
    """After a crash in the middle of a line the next run begins a new one, and what was cut off is named."""
    path = tmp_path / "history.jsonl"
    path.write_text(write_line(line(1, FIRST)) + "\n" + write_line(line(2, FIRST + MONTH))[:70], encoding="utf-8")

    assert history_file.append(path, line(3, FIRST + 2 * MONTH)) == ""
    lines, problems = history_file.read(path)

    assert [each.started_at for each in lines] == [FIRST, FIRST + 2 * MONTH]
    assert problems == ("line 2 of the history is cut off or no JSON, so that its run counts nowhere",)


def test_a_full_disk_leaves_the_history_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk takes only a part of the line, that part is taken back and the reason is one sentence."""
    path = tmp_path / "history.jsonl"
    history_file.append(path, line(1, FIRST))
    before = path.read_bytes()
    really = os.write
    room = [40]

    def half(file: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        taken, room[0] = room[0], 0
        return really(file, data[:taken])

    monkeypatch.setattr(os, "write", half)
    said = history_file.append(path, line(2, FIRST + MONTH))

    assert "could not be added to the history" in said
    assert "No space left on device" in said
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_one_sentence_and_no_failed_drill(tmp_path: Path) -> None:
    """The trend is made with this run all the same, and says that no other will count it."""
    (tmp_path / "file").touch()
    found = history_file.add(tmp_path / "file" / "history.jsonl", line(1, FIRST), SystemClock())

    assert [point.run_id for point in found.points] == [line(1, FIRST).run_id]
    assert "it counts in no trend" in found.problems[0]
    assert all("\n" not in problem for problem in found.problems)


def test_a_device_is_no_history() -> None:
    """What never ends is not read, and what takes nothing in is not believed."""
    assert "it is no regular file" in history_file.append(Path("/dev/null"), line(1, FIRST))
    assert "it is no regular file" in history_file.read(Path("/dev/zero"))[1][0]


def test_a_lock_that_is_never_let_go_ends_the_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run does not hang because of another one that hangs."""
    path = tmp_path / "history.jsonl"
    monkeypatch.setattr(history_file, "LOCK_SECONDS", 0.3)
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "timed out after 0.3 s waiting for another run to let go" in history_file.append(path, line(1, FIRST))
    assert path.read_bytes() == b""


def test_no_history_yet_is_no_problem(tmp_path: Path) -> None:
    """The first run finds no file."""
    assert history_file.read(tmp_path / "none") == ((), ())


def test_the_trend_is_frozen_in_the_record_at_the_runs_end(tmp_path: Path) -> None:
    """Closing a run appends it and keeps the trend as it was then; later runs change the history and not the record."""
    path, folder = tmp_path / "history.jsonl", tmp_path / "run"
    folder.mkdir()
    context.save(folder, context.RunOptions(history=str(path)))
    open_record = dataclasses.replace(green_drill(), code=None, all_codes=(), ended_at=None)
    finish.close(folder, Journal.create(folder, open_record, origin=0.0))
    record = load(folder)
    for each in monthly(3):
        history_file.append(path, each)

    assert reported(record).code == 0
    assert record.history is not None
    assert history_file.read(path)[0][0].code == 0
    assert [point.run_id for point in record.history.points] == [record.run_id]
    assert record.history.key.simulated
    assert from_json(to_json(record)) == record
    assert len(history_file.read(path)[0]) == 4


def test_without_a_place_no_history_is_kept(tmp_path: Path) -> None:
    """A run whose choices name no history is closed as before."""
    context.save(tmp_path, context.RunOptions())
    finish.close(tmp_path, Journal.create(tmp_path, dataclasses.replace(green_drill(), code=None), origin=0.0))

    assert load(tmp_path).history is None
