"""Duplicates are folded within a period, and counted."""

from __future__ import annotations

import dataclasses
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drills.config.load import load
from drills.model.notice import Notice
from drills.notices import send as sending
from drills.notices.fold import Folding, Told, key_of, period_of

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
FAILED = Notice(("failure",), "aws", "orders", False, "failed", ("why",), "failure 11")
PASSED = Notice(("success",), "aws", "orders", False, "passed", (), "success")
NOT_SENT = "not sent: 1 more of what was told before this one"


def folding(path: Path, now: datetime = NOW, kind: str = "day") -> Folding:
    """The file as a command opens it."""
    return Folding(path / "notices.json", kind, now)


def told(path: Path, notice: Notice, now: datetime = NOW) -> Told:
    """What a command does with a notice."""
    opened = folding(path, now)
    found = opened.look(notice)
    if not found.duplicate:
        assert opened.note(notice) == ""
    return found


def test_the_same_is_told_once_in_a_period(tmp_path: Path) -> None:
    """A scheduler that fires twice wakes nobody twice; the next day it does, and says how many were folded."""
    assert [told(tmp_path, FAILED).duplicate for _ in range(3)] == [False, True, True]
    assert told(tmp_path, FAILED, NOW + timedelta(days=1)) == Told(duplicate=False, folded=2)
    assert told(tmp_path, FAILED, NOW + timedelta(days=2)) == Told(duplicate=False, folded=0)


def test_another_target_profile_or_outcome_is_no_duplicate(tmp_path: Path) -> None:
    """Neither of one target tells anything of another, nor of the same target with another profile."""
    others = [dataclasses.replace(FAILED, target="stock"), dataclasses.replace(FAILED, profile="sandbox")]

    assert not any(told(tmp_path, each).duplicate for each in (FAILED, *others, PASSED, FAILED))


def test_two_findings_that_alternate_are_told_once_each(tmp_path: Path) -> None:
    """The ledger's and a run's, say; a third one says how many were folded of both, and folds neither of them anew."""
    late, third = (dataclasses.replace(FAILED, signature=each) for each in ("missed drill 12", "failure 12"))

    assert [told(tmp_path, each).duplicate for each in (FAILED, late, FAILED, late, FAILED)] == [False] * 2 + [True] * 3
    assert told(tmp_path, third) == Told(duplicate=False, folded=3)
    assert [told(tmp_path, each) for each in (late, third)] == [Told(True, 0), Told(True, 1)]
    assert [told(tmp_path, each, NOW + timedelta(days=1)) for each in (FAILED, late)] == [Told(False, 2), Told()]


def test_each_change_between_a_success_and_a_finding_is_told(tmp_path: Path) -> None:
    """Who heard that all is well hears that it is not, and again that it is; twice in a row neither is told."""
    late = dataclasses.replace(FAILED, signature="missed drill 12")
    heard = [told(tmp_path, each).duplicate for each in (late, FAILED, PASSED, PASSED, FAILED, late, FAILED, PASSED)]

    assert heard == [False, False, False, True, False, False, True, False]


def test_whatever_comes_next_says_how_many_were_folded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A success says it in its one line, and a finding in one of its own; the count is said once."""
    (tmp_path / "drill.toml").write_text(
        '[notices]\nurls = "env:TOLD"\non = ["failure", "success"]\n[targets.orders]\n'
    )
    config = load(tmp_path / "drill.toml", profile="sandbox", target=None, environment={})
    heard: list[Notice] = []

    def deliver(notice: Notice, *_: object) -> tuple[sending.Delivery, ...]:
        heard.append(notice)
        return (sending.Delivery("a service"),)

    monkeypatch.setattr(sending, "deliver", deliver)
    for each in (FAILED, FAILED, PASSED, PASSED, FAILED, PASSED):
        sending.send(each, config, {}, NOW, path=tmp_path / "told.json")

    assert [each.title for each in heard] == ["failed", f"passed; {NOT_SENT}", "failed", "passed"]
    assert [each.lines for each in heard] == [("why",), (), ("why", NOT_SENT), ()]


@pytest.mark.parametrize(
    ("kind", "same", "other"),
    [
        ("day", NOW + timedelta(hours=11), NOW + timedelta(hours=13)),
        ("week", NOW + timedelta(days=6), NOW + timedelta(days=7)),
        ("month", NOW - timedelta(days=29), NOW + timedelta(days=1)),
    ],
)
def test_a_period_is_a_day_a_week_or_a_month_of_utc(kind: str, same: datetime, other: datetime) -> None:
    """30 November 2026 is a Monday."""
    assert period_of(kind, NOW) == period_of(kind, same) != period_of(kind, other)
    assert key_of(FAILED, period_of("month", NOW)) == "aws/orders/2026-11"


def test_a_file_that_cannot_be_used_sends_rather_than_not(tmp_path: Path) -> None:
    """A broken file is written anew; one that cannot be written is said, and nothing is taken for a duplicate."""
    (tmp_path / "notices.json").write_text("[1, 2")
    assert told(tmp_path, FAILED).problem
    assert told(tmp_path, FAILED).duplicate
    (tmp_path / "notices.json").unlink()
    (tmp_path / "notices.json").mkdir()

    found = folding(tmp_path).look(FAILED)

    assert not found.duplicate
    assert "duplicates are not folded" in found.problem
    assert "duplicates are not folded" in folding(tmp_path).note(FAILED)


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    """It says what failed."""
    told(tmp_path, FAILED)

    assert stat.S_IMODE(os.stat(tmp_path / "notices.json").st_mode) == 0o600
