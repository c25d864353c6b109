"""What matters to a verdict cannot be forged alone: another file of the bundle says otherwise. What a run meets forges nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from drills.aws.databases.described import read_instance
from drills.checks.content.model import Contents
from drills.checks.judging import Judge
from drills.checks.observed import ContentSeen
from drills.cutover import judge as cutover
from drills.model.finding import Verdict
from drills.model.timing import ClockOffset, Disaster, Moment
from drills.posture.read import POSTURE
from drills.recovery import selection
from drills.recovery.drill import CHOOSING
from drills.recovery.observed import IsolationSeen, ScheduleReadAt
from drills.replay import copies
from drills.replay.again import replay
from drills.replay.bundle import CannotReplay, Evidence, Observation
from drills.replay.recovery import Recovery
from tests.replay.test_recorded_aws import call
from tests.support import replayed
from tests.support.clock import NOON

AT = (NOON + timedelta(seconds=3)).isoformat()
NAMED = {"DBInstanceIdentifier": "orders"}
GROUP = {"GroupId": "sg-1", "GroupName": "drill", "IpPermissions": [], "IpPermissionsEgress": []}
COPY = {
    "DBInstanceIdentifier": replayed.COPY,
    "DbiResourceId": replayed.IDENTITY,
    "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1"}],
    "PubliclyAccessible": False,
}


def numbered(*calls: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The calls of the small recovery with these before them, all in order."""
    given = ({"at": AT, "sent": AT, "repeated": 0, "date": None, **each} for each in calls)
    return tuple({**each, "number": number} for number, each in enumerate((*given, *replayed.calls()), 1))


def named(evidence: Evidence) -> set[str]:
    """What differs that the bundle as it is does not differ in."""
    return {each.what for each in replay(evidence).differences if not each.what.startswith("aws_calls")}


@pytest.mark.parametrize("number", range(1, len(replayed.observations())))
def test_an_observation_that_was_taken_out_is_missed(number: int) -> None:
    """Whatever a result follows from; how long a check took is in its result."""
    known = replayed.observations()
    evidence = dataclasses.replace(replayed.evidence(), observations=known[:number] + known[number + 1 :])
    assert any(each.startswith(f"restorations[{replayed.COPY}].") for each in named(evidence))


@pytest.mark.parametrize("name", [cutover.NAME, cutover.CLOSED, cutover.CONFIGURED, cutover.IDLE, cutover.BACK])
def test_a_verdict_on_a_cut_over_needs_its_journal(name: str) -> None:
    """It is noted before the verdict is given: one without it was put in, or the journal was taken out."""
    known = replayed.record()
    given = dataclasses.replace(known, verdicts=(*known.verdicts, Verdict(name, "met", "it went well", exit_code=12)))
    assert named(replayed.evidence(given)) == {f"verdicts[{name}]"}


def test_a_posture_that_aws_was_asked_about_has_results() -> None:
    """Who takes them out of the observations leaves the calls."""
    asked = call("backup.ListBackupPlans", {}, {"BackupPlansList": []}, **{"for": POSTURE})
    assert named(dataclasses.replace(replayed.evidence(), calls=numbered(asked))) == {"posture"}


def test_the_scenario_is_that_of_the_settings() -> None:
    """Points and objectives are chosen by it."""
    other = dataclasses.replace(replayed.configuration(), scenario="region-loss")
    assert named(dataclasses.replace(replayed.evidence(), configuration=other)) == {"settings[--scenario]"}


def test_contents_are_compared_where_the_server_hashes_alike() -> None:
    """Without what it makes of known texts nothing says that two fingerprints can be compared."""
    seen = ContentSeen(Contents("record/md5/2", {}), "1", "UTF8", "whole")
    evidence = dataclasses.replace(
        replayed.evidence(), observations=(Observation(replayed.COPY, "content", "orders", seen),)
    )
    with pytest.raises(CannotReplay, match="what the copy's server makes of known texts"):
        copies.derive(evidence, replayed.COPY, Judge(None), ())


def isolated(instance: dict[str, Any], group: dict[str, Any], *told: dict[str, Any]) -> set[str]:
    """What differs where these were observed, and AWS answered with `told`."""
    seen = Observation(replayed.COPY, "isolation", "", IsolationSeen(read_instance(instance), (group,)))
    evidence = replayed.evidence()
    evidence = dataclasses.replace(evidence, observations=(*evidence.observations, seen), calls=numbered(*told))
    differences = replay(evidence).differences
    return {each.recorded for each in differences if each.derived == "no answer of AWS that says so"}


def test_a_copy_is_shut_off_as_aws_said() -> None:
    """The instance and its groups that were judged are those of AWS's answers: neither is made better afterwards."""
    opened = {**GROUP, "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}
    described = call("rds.DescribeDBInstances", {"DBInstanceIdentifier": replayed.COPY}, {"DBInstances": [COPY]})
    tagged = {**GROUP, "Tags": [{"Key": "drills:run", "Value": "1"}]}
    groups = call("ec2.DescribeSecurityGroups", {"GroupIds": ["sg-1"]}, {"SecurityGroups": [tagged]})
    public = call("ec2.DescribeSecurityGroups", {"GroupIds": ["sg-1"]}, {"SecurityGroups": [opened]})

    assert isolated(COPY, GROUP, described, groups) == set()
    assert isolated(COPY, GROUP, described, public) == {"an observation of sg-1"}
    assert isolated({**COPY, "PubliclyAccessible": None}, GROUP, described, groups) == {
        f"an observation of {replayed.COPY}"
    }


# -- what a run meets -------------------------------------------------------------------------------------------------


def choosing(*answers: dict[str, Any] | str) -> Recovery:
    """A recovery whose choice read the source and the points so often: an answer, or the code of a refusal."""
    calls: list[dict[str, Any]] = []
    for each in answers:
        refusal = {"code": each, "message": "no"} if isinstance(each, str) else None
        calls.append(call("rds.DescribeDBInstances", NAMED, {"DBInstances": []}, **{"for": CHOOSING}))
        answer = None if refusal else each
        asked = {"DBInstanceIdentifier": "orders", "SnapshotType": "awsbackup"}
        calls.append(call("rds.DescribeDBSnapshots", asked, answer, error=refusal, **{"for": CHOOSING}))
        for kind in ("manual", "automated") if answer is not None else ():
            calls.append(call("rds.DescribeDBSnapshots", {**asked, "SnapshotType": kind}, {}, **{"for": CHOOSING}))
    known = dataclasses.replace(replayed.record(), disaster=Disaster(NOON, "now", None, NOON))
    return Recovery(dataclasses.replace(replayed.evidence(known), calls=numbered(*calls)))


def test_a_choice_that_was_refused_once_is_that_of_the_next_scenario() -> None:
    """AWS refused the first one; the scenarios after it asked again."""
    chosen = choosing("AccessDenied", {"DBSnapshots": []}).choose()
    assert chosen is not None
    assert chosen.verdict.name == selection.VERDICT


def test_a_choice_that_aws_refused_follows_from_nothing() -> None:
    """Where the record has none either, that is listed; where it has one, it is a difference."""
    refused = choosing("AccessDenied").evidence
    recorded = dataclasses.replace(refused.record, restorations=(), verdicts=())
    given = Verdict(selection.VERDICT, "met", "one was found", exit_code=10)

    def choice(verdicts: Sequence[Verdict]) -> tuple[bool, bool]:
        found = replay(dataclasses.replace(refused, record=dataclasses.replace(recorded, verdicts=tuple(verdicts))))
        left = any("AWS refused what it follows from" in each.reason for each in found.not_derived)
        return "choice" in {each.what for each in found.differences}, left

    assert (choice(()), choice((given,))) == ((False, True), (True, False))


@pytest.mark.parametrize("status", [-15, 1])
def test_a_schedule_that_was_being_read_when_the_run_was_killed_is_listed(status: int) -> None:
    """The answers are not all there, and the record has no verdict on it; of a run that came to its end nothing is excused."""
    known = replayed.observations()
    reading = Observation("", "", "", ScheduleReadAt(NOON))
    record = dataclasses.replace(replayed.record(), pytest_status=status)
    found = replay(dataclasses.replace(replayed.evidence(record), observations=(*known, reading)))
    assert ("schedule" in {each.what for each in found.differences}) == (status == 1)
    listed = [each.reason for each in found.not_derived if each.what == "worst_case, verdicts[rpo by policy]"]
    assert [each.startswith("the run was ended while AWS was asked") for each in listed] == [True] * (status == -15)


@pytest.mark.parametrize(("outcome", "named"), [("not verified", False), ("met", True), ("missed", True)])
def test_a_schedule_that_aws_did_not_answer_for_passes_for_nothing(outcome: Any, named: bool) -> None:
    """A call without an answer leaves no entry: "not verified" follows from that, and nothing else does."""
    given = Verdict("rpo by policy", outcome, "the backup plans could not be read: no answer", exit_code=10)
    record = dataclasses.replace(replayed.record(), verdicts=(*replayed.record().verdicts, given))
    seen = (*replayed.observations(), Observation("", "", "", ScheduleReadAt(NOON)))
    found = replay(dataclasses.replace(replayed.evidence(record), observations=seen))
    assert ("schedule" in {each.what for each in found.differences}) == named


@pytest.mark.parametrize(
    ("offset", "source", "outside"),
    [
        (None, "InstanceCreateTime", True),
        (ClockOffset(1199.9, 1200.1, 9), "InstanceCreateTime", False),
        (ClockOffset(1199.9, 0.5, 9), "InstanceCreateTime", False),
        (ClockOffset(1199.9, 1200.1, 9), "own clock", True),
    ],
)
def test_an_instant_of_a_clock_that_is_ahead_lies_within_the_run(
    offset: ClockOffset | None, source: str, outside: bool
) -> None:
    """By as much as AWS's answers say; this machine's own clock is not ahead of itself."""
    moment = Moment("instance created", NOON + timedelta(minutes=20), source, 30.0 if source == "own clock" else None)
    known = dataclasses.replace(replayed.record(), moments=(moment,), clock_offset=offset)
    assert bool({"moments[instance created].at"} & named(replayed.evidence(known))) == outside


def test_a_source_that_came_back_later_has_no_class() -> None:
    """It was not there when the point was chosen, and what AWS said afterwards is not what the run recorded."""
    there = call("rds.DescribeDBInstances", NAMED, {"DBInstances": [{**COPY, "DBInstanceClass": "db.t4g.medium"}]})
    gone = call("rds.DescribeDBInstances", NAMED, None, error={"code": "DBInstanceNotFound", "message": "no"})
    place = f"restorations[{replayed.COPY}].source_class"

    def differs(first: dict[str, Any]) -> bool:
        chosen = {**first, "for": CHOOSING}
        return place in named(dataclasses.replace(replayed.evidence(), calls=numbered(chosen, there)))

    assert (differs(gone), differs(there)) == (False, True)
