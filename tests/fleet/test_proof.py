"""What a scorecard says of each target: what its run proved, and what is taken on trust."""

from __future__ import annotations

import dataclasses

import pytest

from drills.fleet import proof, score
from drills.fleet.record import Member
from drills.model.finding import CheckResult, Finding, NotChecked, Outcome, Verdict
from drills.model.instance import FILE_SYSTEM, TABLE, VOLUME
from drills.model.record import Failure, Promise, Restoration, RunRecord
from tests.support.example_record import failing_drill, green_drill


def check(name: str, outcome: Outcome = "met", compared: int = 1, left: tuple[str, ...] = ()) -> CheckResult:
    """A check of the copy; `left` is what it left out."""
    return CheckResult(name, outcome, "", compared=compared, not_checked=tuple(NotChecked(each, "") for each in left))


def run_of(kind: str, *checks: CheckResult) -> RunRecord:
    """A run of a target of this kind, whose copy has these checks."""
    drill = green_drill()
    assert drill.target is not None
    copy = dataclasses.replace(drill.restorations[0], checks=checks)
    return dataclasses.replace(drill, target=dataclasses.replace(drill.target, kind=kind), restorations=(copy,))


def test_a_file_system_says_that_nobody_mounted_it() -> None:
    """Its contents and what no restore brings back are on trust, whatever else was met."""
    whole = run_of(FILE_SYSTEM, check("available"), check("settings", compared=9), check("contents", "not verified", 0))

    assert proof.proved(whole)[0] == "a file system can be made of the recovery point"
    assert proof.on_trust(whole) == ("which files it has, and of when: nothing has mounted it",)


def test_a_volume_says_that_nobody_read_it() -> None:
    """Its contents are on trust whatever else was met, and once, and its settings alone are proved where they are met."""
    whole = run_of(VOLUME, check("available"), check("settings", compared=9), check("contents", "not verified", 0))

    assert proof.proved(whole) == ("a volume can be made of the recovery point", "9 settings are those of the source")
    assert proof.on_trust(whole) == (
        "what is on it, and of when: no block was read",
        "that an instance can attach and mount it",
    )


def test_a_setting_that_is_to_be_set_up_by_hand_is_not_proved() -> None:
    """It is compared and is another one: counted among those of the source it would be said to be there."""
    lost = Finding("settings", "warning", "tag.team", "files", "none", "")
    settings = dataclasses.replace(check("settings", compared=9), findings=(lost,))
    whole = run_of(VOLUME, settings)

    assert proof.proved(whole) == ("8 settings are those of the source",)
    assert proof.on_trust(whole)[0] == "that somebody sets up by hand: tag.team"


def test_what_was_not_found_as_it_was_is_not_said_to_be_proved() -> None:
    """A missed check proves nothing, one without an object neither, and what was not verified is named."""
    found = run_of(TABLE, check("items", "missed", 400), check("settings", "not verified", 0), check("readable"))

    assert proof.proved(found) == ()
    assert "not verified: settings" in proof.on_trust(found)
    assert proof.proved(run_of("", check("content", compared=0))) == ()
    assert proof.proved(run_of(TABLE, check("items", compared=1400))) == (
        "every attribute of all 1,400 items is as it was",
    )


def test_what_a_database_leaves_out_is_counted_and_named() -> None:
    """The names of at most four checks, the number of the others, and that of the things that were compared in part."""
    names = ("queries", "invariants", "amcheck", "files", "views", "state")
    found = run_of(
        "",
        check("content", compared=13, left=("one", "two")),
        *(check(name, "not verified", 0, left=(name,)) for name in names),
    )

    assert proof.proved(found) == ("every row of 13 tables is as it was",)
    assert proof.on_trust(found) == (
        "not verified: queries, invariants, amcheck, files and 2 more",
        "2 things compared in part or not at all",
    )


@pytest.mark.parametrize("restorations", [(), (Restoration("recovery", None, "copy"),)])
def test_without_a_check_all_is_on_trust(restorations: tuple[Restoration, ...]) -> None:
    """Where no copy was restored, or none was looked at."""
    found = dataclasses.replace(run_of(VOLUME), restorations=restorations)

    assert (proof.proved(found), proof.on_trust(found)) == ((), ("everything: no copy was checked",))


def test_what_ran_and_was_not_verified_is_no_run_that_could_not_run() -> None:
    """Only where nothing failed or broke on the way; the code is 12 in each case."""
    unverified = Verdict("contents", "not verified", "no block of it was read", exit_code=12)
    ran = dataclasses.replace(run_of(VOLUME), verdicts=(unverified,), code=12, all_codes=(12,))
    failed = dataclasses.replace(ran, failures=(Failure("no answer", 12),))
    broke = dataclasses.replace(ran, promises=(Promise("1", "f", "p", "broken"),))
    rows = [score.of_run(Member("media"), 12, each, "") for each in (ran, failed, broke)]

    assert [each.outcome for each in rows] == ["not verified", "could not run", "could not run"]
    assert [(each.kind, each.code) for each in rows] == [("volume", 12)] * 3
    assert rows[0].sentence == "contents: no block of it was read"
    assert score.of_run(Member("shop"), 11, dataclasses.replace(failing_drill(), code=11), "").kind == "instance"
