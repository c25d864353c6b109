"""A call whose outcome is not known: whatever AWS has made of it is found and removed, by its name and the run's own tag."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from drills import errors
from drills.aws import owned
from drills.aws.cleanup import removal_command, remove_all
from drills.aws.guarded import permits, rules
from drills.aws.guarded.names import ScratchNames, scratch_tags
from drills.aws.scratch import Scratch
from drills.config.limits import Limit
from drills.config.load import RestoreConfig
from drills.errors import RestoreFailed
from drills.model.instance import Resource, ResourceKind
from drills.model.point import RecoveryPoint
from drills.model.record import SCHEMA_VERSION, RunRecord
from drills.objectives.verdicts import exit_codes
from drills.record import Journal
from tests.support.aurora import OF_CLUSTERS
from tests.support.clock import NOON, HandClock
from tests.support.lossy import LossyAws
from tests.support.models import mock_aws
from tests.support.points import point_of
from tests.support.tables import OF_BUCKETS, OF_FILE_SYSTEMS, OF_TABLES, OF_VOLUMES

RUN = "20261123-120000-abcd"
NAMES = ScratchNames.of(RUN, "recovery")
LIMIT = Limit("the clean-up", 600.0, "targets.orders.limits.clean_up", "default")
COPY = NAMES.snapshot
LOG_GROUP = f"/aws/rds/instance/{NAMES.instance}/postgresql"
MAKING: dict[tuple[str, str], tuple[ResourceKind, str]] = {
    ("rds", "CreateDBParameterGroup"): ("db-parameter-group", NAMES.parameter_group),
    ("rds", "CreateDBSubnetGroup"): ("db-subnet-group", NAMES.subnet_group),
    ("ec2", "CreateSecurityGroup"): ("security-group", NAMES.security_group),
    ("rds", "RestoreDBInstanceFromDBSnapshot"): ("db-instance", NAMES.instance),
    ("rds", "RestoreDBInstanceToPointInTime"): ("db-instance", NAMES.instance),
    ("rds", "CopyDBSnapshot"): ("db-snapshot", COPY),
    ("secretsmanager", "CreateSecret"): ("secret", NAMES.secret),
}
CHANGING = {
    ("rds", "ModifyDBParameterGroup"),
    ("ec2", "RevokeSecurityGroupEgress"),
    ("ec2", "AuthorizeSecurityGroupIngress"),
    ("rds", "ModifyDBInstance"),
}
REMOVING: dict[tuple[str, str], ResourceKind] = {
    ("rds", "DeleteDBInstance"): "db-instance",
    ("rds", "DeleteDBSnapshot"): "db-snapshot",
    ("rds", "DeleteDBParameterGroup"): "db-parameter-group",
    ("rds", "DeleteDBSubnetGroup"): "db-subnet-group",
    ("ec2", "DeleteSecurityGroup"): "security-group",
    ("logs", "DeleteLogGroup"): "log-group",
    ("secretsmanager", "DeleteSecret"): "secret",
}
# makes and removes nothing of a run's; whoever posts reads the job before, and leaves one with a result alone
POSTING = {("backup", "PutRestoreValidationResult")}
ARNS = ("DBSnapshotArn", "DBInstanceArn", "DBParameterGroupArn", "DBSubnetGroupArn")
LOST = ("connection reset", "no answer", "error of AWS", "throttled")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[LossyAws]:
    """An AWS with a source and a snapshot of it; botocore's pauses between two tries take no time."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))
    with mock_aws():
        made = LossyAws()
        made.clients.rds.create_db_instance(
            DBInstanceIdentifier="orders",
            DBInstanceClass="db.t4g.medium",
            Engine="postgres",
            EngineVersion="16.4",
            AllocatedStorage=20,
            MasterUsername="owner",
            MasterUserPassword="of-the-source",
            BackupRetentionPeriod=1,
        )
        made.clients.rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="nightly")
        yield made


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """The record of a run, on a clock that nobody waits for."""
    return Journal.create(
        tmp_path, RunRecord(SCHEMA_VERSION, RUN, "aws", False, NOON, "0"), origin=0, clock=HandClock()
    )


def scratch_of(aws: LossyAws, journal: Journal) -> Scratch:
    """What makes the run's things."""
    return Scratch(aws.clients, RestoreConfig(), journal, scratch_tags(RUN, "orders", "2026-11-23T16:00:00+00:00", {}))


def asked_point(operation: str = "") -> RecoveryPoint:
    """The snapshot, or a moment for a restore to one."""
    return point_of(
        "nightly",
        kind="continuous" if operation.endswith("PointInTime") else "manual",
        vault=None,
        status="available",
        dbi_resource_id="db-ORDERS",
        created_at=NOON,
        completed_at=NOON,
        data_time=NOON,
        data_time_source="",
        engine_version="16.4",
    )


def make_all(aws: LossyAws, journal: Journal, operation: str) -> None:
    """Make what the operation makes, and what that needs before."""
    scratch, point = scratch_of(aws, journal), asked_point(operation)
    if operation == "CopyDBSnapshot":
        scratch.copy_snapshot(point, COPY, source_region="eu-central-1")
        return
    if operation == "CreateSecret":
        scratch.keep_secret(NAMES.secret, SecretStr("word-of-nobody"))
        return
    groups = scratch.make_groups(NAMES, point, None)
    if operation.startswith("Restore"):
        scratch.restore(NAMES, groups, point)


def clean(aws: LossyAws, journal: Journal) -> tuple[Resource, ...]:
    """What is left after a clean-up by the record alone, of which AWS has nothing either unless it is named."""
    return remove_all(aws.clients, journal, journal.clock, every=15.0, limit=LIMIT)


def there(aws: LossyAws, kind: ResourceKind, name: str) -> bool:
    """Whether AWS has it."""
    return bool(owned.find(aws.clients, kind, name))


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("way", ["RestoreDBInstanceFromDBSnapshot", "RestoreDBInstanceToPointInTime"])
def test_what_a_repeated_request_finds_is_taken(aws: LossyAws, journal: Journal, way: str, how: str) -> None:
    """Each first answer is lost and the repetition is refused, for the thing exists: it is the run's, which goes on with it."""
    calls = [call for call in MAKING if not call[1].startswith("Restore") or call[1] == way]
    for call in calls:
        aws.lose(*call, how, times=1)

    make_all(aws, journal, way)
    make_all(aws, journal, "CopyDBSnapshot")
    make_all(aws, journal, "CreateSecret")

    assert aws.struck == {call[1]: 1 for call in calls}
    assert {(each.state, each.id) for each in journal.record.resources} == {("made", MAKING[call][1]) for call in calls}
    assert clean(aws, journal) == ()
    assert not any(there(aws, *MAKING[call]) for call in calls)


@pytest.mark.parametrize("how", ["no answer", "error of AWS"])
@pytest.mark.parametrize("call", MAKING, ids=lambda call: call[1])
def test_what_may_have_been_made_is_looked_for(
    aws: LossyAws, journal: Journal, call: tuple[str, str], how: str
) -> None:
    """No answer ever comes although AWS has carried the call out: it stays planned, the sentence says so, it is removed."""
    kind, name = MAKING[call]
    aws.lose(*call, how, times=None)

    with pytest.raises(RestoreFailed, match=f"whether {name} was made is not known, the clean-up asks for it"):
        make_all(aws, journal, call[1])

    assert there(aws, kind, name)
    assert ("planned", name) in {(each.state, each.id) for each in journal.record.resources}
    aws.recover()
    assert clean(aws, journal) == ()
    assert not there(aws, kind, name)


@pytest.mark.parametrize("call", MAKING, ids=lambda call: call[1])
def test_a_crash_between_the_call_and_the_record(aws: LossyAws, journal: Journal, call: tuple[str, str]) -> None:
    """The process ends while the answer is on its way: another one removes what was made."""
    kind, name = MAKING[call]

    aws.lose(*call, "crash", times=1)
    with pytest.raises(SystemExit):
        make_all(aws, journal, call[1])

    assert there(aws, kind, name)
    assert clean(aws, Journal.open(journal.folder, clock=journal.clock)) == ()
    assert not there(aws, kind, name)


@pytest.mark.parametrize("call", MAKING, ids=lambda call: call[1])
def test_what_aws_refuses_at_once_was_never_made(aws: LossyAws, journal: Journal, call: tuple[str, str]) -> None:
    """The refusal of the first and only request is certain: nothing is looked for."""
    _, name = MAKING[call]
    aws.lose(*call, "denied", times=None, carried_out=False)

    with pytest.raises(RestoreFailed, match="AccessDenied") as error:
        make_all(aws, journal, call[1])

    assert "not known" not in str(error.value)
    assert {each.id: each.state for each in journal.record.resources}[name] == "gone"


def give_away(aws: LossyAws) -> None:
    """Let all that the run has made carry the tag of another."""
    theirs = [{"Key": "drills:run", "Value": "another"}]
    for kind in ("db-instance", "db-snapshot", "db-parameter-group", "db-subnet-group"):
        names = {"db-instance": NAMES.instance, "db-snapshot": COPY, "db-parameter-group": NAMES.parameter_group}
        (raw,) = owned.find(aws.clients, kind, names.get(kind, NAMES.subnet_group))
        arn = next(raw[key] for key in ARNS if key in raw)
        aws.clients.rds.add_tags_to_resource(ResourceName=arn, Tags=theirs)
    (group,) = owned.find(aws.clients, "security-group", NAMES.security_group)
    aws.clients.ec2.create_tags(Resources=[group["GroupId"]], Tags=theirs)
    aws.clients.secretsmanager.tag_resource(SecretId=NAMES.secret, Tags=theirs)


@pytest.mark.parametrize("call", MAKING, ids=lambda call: call[1])
def test_a_name_that_is_another_s_is_left_alone(aws: LossyAws, journal: Journal, call: tuple[str, str]) -> None:
    """What exists under the planned name without the run's tag is not the run's, whatever happened to an answer."""
    kind, name = MAKING[call]
    before = journal.record
    make_all(aws, journal, "RestoreDBInstanceFromDBSnapshot")
    make_all(aws, journal, "CopyDBSnapshot")
    make_all(aws, journal, "CreateSecret")
    give_away(aws)
    ours = Journal.create(journal.folder, before, origin=0, clock=HandClock())

    with pytest.raises(RestoreFailed, match="AWS refused"):
        make_all(aws, ours, call[1])

    assert clean(aws, ours) == ()
    assert there(aws, kind, name)


@pytest.mark.parametrize("call", sorted(CHANGING), ids=lambda call: call[1])
def test_a_change_may_be_made_twice(aws: LossyAws, journal: Journal, call: tuple[str, str]) -> None:
    """A change that was carried out and whose answer was lost is repeated without harm."""
    aws.lose(*call, "connection reset", times=1)

    make_all(aws, journal, "RestoreDBInstanceFromDBSnapshot")
    scratch_of(aws, journal).set_password(NAMES.instance, SecretStr("a-new-one-1234"))

    assert aws.struck == {call[1]: 1}
    (group,) = owned.find(aws.clients, "security-group", NAMES.security_group)
    assert group["IpPermissionsEgress"] == []
    assert len(group["IpPermissions"]) == 1


def fill(aws: LossyAws, journal: Journal) -> None:
    """Everything that a run can make, and the log group that RDS makes for it."""
    make_all(aws, journal, "RestoreDBInstanceFromDBSnapshot")
    make_all(aws, journal, "CopyDBSnapshot")
    make_all(aws, journal, "CreateSecret")
    aws.clients.logs.create_log_group(logGroupName=LOG_GROUP)


@pytest.mark.parametrize("times", [1, 25])
@pytest.mark.parametrize("how", LOST)
def test_a_removal_whose_answer_is_lost(aws: LossyAws, journal: Journal, how: str, times: int) -> None:
    """What has been removed is seen to be gone, also when more answers are lost than botocore repeats a call."""
    fill(aws, journal)
    for call in REMOVING:
        aws.lose(*call, how, times=times)

    assert clean(aws, journal) == ()

    assert set(aws.struck) == {operation for _, operation in REMOVING}
    assert {resource.kind for resource in journal.record.resources} == set(REMOVING.values())
    assert {resource.state for resource in journal.record.resources} == {"gone"}
    assert not any(there(aws, resource.kind, resource.id) for resource in journal.record.resources)


def test_what_is_planned_must_stay_absent(aws: LossyAws, journal: Journal) -> None:
    """A request without an answer may be carried out a little later: AWS is asked again for half a minute."""
    journal.resource(Resource("db-instance", NAMES.instance, "planned"))
    groups = Journal.create(journal.folder, journal.record, origin=0, clock=HandClock())

    class Late(HandClock):
        """After 20 seconds the instance appears."""

        def sleep(self, seconds: float) -> None:
            before = self.slept
            super().sleep(seconds)
            if before < 20 <= self.slept:
                tags = [{"Key": "drills:run", "Value": RUN}]
                aws.clients.rds.restore_db_instance_from_db_snapshot(
                    DBInstanceIdentifier=NAMES.instance, DBSnapshotIdentifier="nightly", Tags=tags
                )

    clock = Late()
    groups.clock = clock
    assert remove_all(aws.clients, groups, clock, every=5.0, limit=LIMIT) == ()
    assert clock.slept >= 20
    assert not there(aws, "db-instance", NAMES.instance)


def test_what_was_unknown_once_and_cannot_be_removed_is_left_when_time_is_up(aws: LossyAws, journal: Journal) -> None:
    """It is there after all: the wait for what stays away ends with the first other answer, and the limit holds."""
    fill(aws, journal)
    aws.lose("ec2", "DescribeSecurityGroups", "unknown", times=1)
    aws.lose("ec2", "DeleteSecurityGroup", "throttled", times=None, carried_out=False)

    class Impatient(HandClock):
        """Long after the limit nobody waits any more."""

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            assert self.slept < LIMIT.seconds + 120

    journal.clock = Impatient()
    (left,) = clean(aws, journal)

    assert left.kind == "security-group"
    assert left.note.startswith("still there when the 600 s of the clean-up were over: ")


def test_a_removal_that_is_denied_is_asked_for_once(aws: LossyAws, journal: Journal) -> None:
    """Every deletion is denied: nobody waits, each thing is left with the reason and the command, and 13 is a code."""
    fill(aws, journal)
    for call in REMOVING:
        aws.lose(*call, "denied", times=None, carried_out=False)

    left = clean(aws, journal)

    assert {resource.kind for resource in left} == set(REMOVING.values())
    assert aws.struck == {operation: 1 for _, operation in REMOVING if operation != "DeleteSecret"}
    (secret,) = (each for each in left if each.kind == "secret")  # not asked for while its instance is there
    assert secret.note.startswith(f"not removed: {NAMES.instance} is still there, and this has its password: aws ")
    for resource in (each for each in left if each.kind != "secret"):
        assert resource.note.startswith("AWS refused to remove it: ")
        assert "AccessDenied" in resource.note
        assert resource.note.endswith(removal_command(resource))
    assert slept(journal) == 0
    assert errors.LEFT_BEHIND in exit_codes(journal.record)


READING = [("rds", f"DescribeDB{what}s") for what in ("Instance", "Snapshot", "ParameterGroup", "SubnetGroup")] + [
    ("ec2", "DescribeSecurityGroups"),
    ("logs", "DescribeLogGroups"),
    ("secretsmanager", "DescribeSecret"),
]


@pytest.mark.parametrize(("how", "waits"), [("expired", False), ("no answer", True), ("connection reset", True)])
def test_credentials_that_end_and_a_connection_that_is_lost(
    aws: LossyAws, journal: Journal, how: str, waits: bool
) -> None:
    """Every call fails for good: each thing is left by name with its command, within the limit; a sweep removes all."""
    fill(aws, journal)
    for call in (*REMOVING, *READING):
        aws.lose(*call, how, times=None, carried_out=False)

    left = clean(aws, journal)

    assert {resource.kind for resource in left} == {*REMOVING.values()} - {"log-group"}  # RDS's own is not known of
    assert all(removal_command(resource) in resource.note for resource in left)
    assert slept(journal) <= LIMIT.seconds + 15
    assert bool(slept(journal)) == waits
    assert errors.LEFT_BEHIND in exit_codes(journal.record)
    aws.recover()
    journal.update(clean_up_seconds=0.0)  # as in a sweep, which has a limit of its own
    assert clean(aws, journal) == ()
    assert not any(there(aws, *MAKING[call]) for call in MAKING)


def test_nobody_waits_for_what_hangs_on_a_refused_thing(aws: LossyAws, journal: Journal) -> None:
    """The instance may not be removed, so that its groups stay in use: they are left with it, and say so."""
    fill(aws, journal)
    aws.lose("rds", "DeleteDBInstance", "denied", times=None, carried_out=False)
    groups = [call for call in REMOVING if call[1].endswith("Group") and call[0] != "logs"]
    for call in groups:
        aws.lose(*call, "in use", times=None, carried_out=False)

    left = {resource.kind: resource.note for resource in clean(aws, journal)}

    assert set(left) == {"db-instance", "secret", *(REMOVING[call] for call in groups)}
    assert left["secret"].startswith(f"not removed: {NAMES.instance} is still there, and this has its password: aws ")
    for call in groups:
        assert left[REMOVING[call]].startswith(f"not removed: {NAMES.instance} uses it, and is left too: aws ")
        assert aws.struck[call[1]] == 1
    assert slept(journal) == 0


def test_all_clean_ups_of_a_run_share_one_limit(aws: LossyAws, journal: Journal) -> None:
    """Everything is throttled for good: the first ends when the limit is used up, and a further one does not wait at all."""
    fill(aws, journal)
    for call in REMOVING:
        aws.lose(*call, "throttled", times=None, carried_out=False)

    first = clean(aws, journal)
    waited = slept(journal)
    again = Journal.open(journal.folder, clock=journal.clock)
    second = clean(aws, again)

    assert LIMIT.seconds <= waited <= LIMIT.seconds + 15
    assert slept(again) == waited
    assert len(first) == len(second) == len(REMOVING)
    for resource in second:
        assert resource.note.startswith("still there when the 600 s of the clean-up were over: ")
        assert "raise targets.orders.limits.clean_up, and aws " in resource.note


def slept(journal: Journal) -> float:
    """The seconds that were waited between two polls."""
    assert isinstance(journal.clock, HandClock)
    return journal.clock.slept


def test_every_call_that_makes_or_removes_is_tried_here() -> None:
    """A new call of the guard, or one that is posted without it, must come into the tables above."""
    tried = {f"{service}:{operation}" for service, operation in (*MAKING, *CHANGING, *REMOVING)}

    # and those of the modules beside, of clusters and of what is no database
    others = OF_CLUSTERS | OF_TABLES | OF_VOLUMES | OF_FILE_SYSTEMS | OF_BUCKETS
    assert tried | others == {*rules.MAKES, *rules.CHANGES}
    assert {f"{service}:{operation}" for service, operation in POSTING} == permits.FREE["validator"]


@pytest.mark.parametrize("kind", REMOVING.values())
def test_the_command_for_what_is_left_names_it(kind: ResourceKind) -> None:
    """A person gets a command for each kind, with the name and the region."""
    assert re.fullmatch(
        r"aws (rds|ec2|logs|secretsmanager) delete-[a-z-]+ .*drill-x.* --region eu-west-1",
        removal_command(Resource(kind, "drill-x", "left", region="eu-west-1")),
    )
