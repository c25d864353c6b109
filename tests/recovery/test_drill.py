"""The engine against the running sandbox: what an untouched copy, a damaged one and no copy at all come to."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import EndpointConnectionError

from drills.aws import read as aws
from drills.aws.session import Clients
from drills.clock import SystemClock
from drills.config.objectives import Scenario
from drills.config.target import RestoreConfig
from drills.errors import DrillError, NoRecoveryPoint
from drills.model.record import Restoration, RunRecord
from drills.objectives import verdicts as objectives
from drills.record import load
from drills.recovery.disaster import declare
from drills.recovery.drill import Drill
from tests.support.drill import INSTANCE, VAULT, Staged, eventually, followed, open_database
from tests.support.rds import names_there

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]

CHECKS = (
    *("connection", "queries", "catalog", "sequences", "canary", "invariants", "data loss", "engine version"),
    *("content", "large objects", "settings", "harmless", "indexes", "constraints"),
    *(
        "sequences and columns",
        "state",
        "system catalog",
        "files",
        "views",
        "libraries",
        "amcheck",
        "isolation",
    ),
)
NOT_HERE = (
    "queries",
    "invariants",
    "libraries",
    "amcheck",
)  # none are set; the sample uses none; the master user may not create it: optional or impossible


@dataclass(frozen=True)
class Recovered:
    """A drill of the untouched backup: what it recorded, and what was seen of its copy before that was removed."""

    record: RunRecord
    restoration: Restoration
    planned_before: dict[str, bool]
    newest_beat: datetime
    workers: str
    described: dict[str, Any]
    groups: list[dict[str, Any]]
    tags: dict[str, dict[str, str]]
    left: tuple[object, ...]


def watched(clients: Clients, folder: Path) -> dict[str, bool]:
    """By the operation and the name of what it makes: whether the record held it when the request was about to leave."""
    seen: dict[str, bool] = {}
    named = {
        "RestoreDBInstanceFromDBSnapshot": "DBInstanceIdentifier",
        "CreateDBParameterGroup": "DBParameterGroupName",
        "CreateDBSubnetGroup": "DBSubnetGroupName",
        "CreateSecurityGroup": "GroupName",
        "CopyDBSnapshot": "TargetDBSnapshotIdentifier",
    }

    def note(model: Any, params: dict[str, Any], **_: Any) -> None:
        if model.name in named:
            name = params["body"][named[model.name]]
            states = [resource.state for resource in load(folder).resources if resource.id == name]
            seen[f"{model.name} {name}"] = states == ["planned"]

    for client in (clients.rds, clients.ec2):
        client.meta.events.register("before-call", note)
    return seen


def tags_of(clients: Clients, record: RunRecord) -> dict[str, dict[str, str]]:
    """The tags of everything that the record names, by kind."""
    rds = clients.rds
    found: dict[str, dict[str, str]] = {}
    for resource in record.resources:
        if resource.kind == "security-group":
            raw = clients.ec2.describe_security_groups(GroupIds=[resource.note])["SecurityGroups"][0]["Tags"]
        else:
            kind = {
                "db-instance": "db",
                "db-snapshot": "snapshot",
                "db-parameter-group": "pg",
                "db-subnet-group": "subgrp",
            }
            arn = f"arn:aws:rds:{clients.region}:{clients.account}:{kind[resource.kind]}:{resource.id}"
            raw = rds.list_tags_for_resource(ResourceName=arn)["TagList"]
        found[resource.kind] = {tag["Key"]: tag["Value"] for tag in raw}
    return found


@pytest.fixture(scope="module")
def recovered(staged: Staged, tmp_path_factory: pytest.TempPathFactory) -> Recovered:
    """One drill of the untouched backup, shared by the tests that look at it."""
    folder, clients = tmp_path_factory.mktemp("recovered"), staged.clients()
    planned = watched(clients, folder)
    with staged.drill(folder, clients=clients) as running:
        restoration = running.drill.recover()
        described = clients.rds.describe_db_instances(DBInstanceIdentifier=restoration.instance_id)["DBInstances"][0]
        ids = [group["VpcSecurityGroupId"] for group in described["VpcSecurityGroups"]]
        groups = clients.ec2.describe_security_groups(GroupIds=ids)["SecurityGroups"]
        tags = tags_of(clients, running.record)
        (database,) = set(staged.stored.databases) - {"postgres"}
        with open_database(clients, restoration.instance_id, database, staged.sandbox.ca) as copy:
            ((beat,),) = copy.execute("select max(beat_at) from drill_canary.beat").fetchall()
            ((workers,),) = copy.execute("show max_logical_replication_workers").fetchall()
        left = running.drill.clean_up()
        running.setup.journal.end()
        record = running.record
    return Recovered(record, restoration, planned, beat, workers, described, groups, tags, left)


# -- an untouched copy ------------------------------------------------------------------------------------------------


def test_an_untouched_copy_gives_no_finding(recovered: Recovered) -> None:
    """Every check compared something, found nothing and was met; so were the point and both objectives."""
    checks = recovered.restoration.checks

    assert tuple(check.name for check in checks) == CHECKS
    assert [finding for check in checks for finding in check.findings] == []
    assert {check.name for check in checks if check.outcome != "met"} <= set(NOT_HERE)
    assert all(check.compared > 0 for check in checks if check.outcome == "met")
    verdicts = {verdict.name: verdict.outcome for verdict in recovered.record.verdicts}
    assert {name: outcome for name, outcome in verdicts.items() if name not in NOT_HERE} == dict.fromkeys(
        ("recovery point", "rto", "rpo", "rpo by policy", *(name for name in CHECKS if name not in NOT_HERE)), "met"
    )
    assert recovered.record.failures == ()


def test_the_record_says_which_engine_was_restored_and_whether_it_is_enrolled(recovered: Recovered) -> None:
    """What was asked for is what the instance has; the versions before and after stand in the record."""
    support, point = recovered.restoration.engine, recovered.restoration.point

    assert support
    assert point
    assert support.setting == recovered.described["EngineLifecycleSupport"]
    assert support.version == point.engine_version == recovered.restoration.engine_version
    assert support.standard_until
    assert support.standard_until.strftime("%Y-%m-%d") in support.reason


def test_phases_are_contiguous_over_the_whole_record(recovered: Recovered) -> None:
    """Each phase begins in the instant in which the one before ended, the first with the run."""
    phases = recovered.record.phases

    assert phases[0].start_seconds == 0
    assert phases[0].started_at == recovered.record.started_at
    for one, after in itertools.pairwise(phases):
        assert (one.end_seconds, one.ended_at) == (after.start_seconds, after.started_at)


def test_rta_runs_from_the_declaration_to_the_last_blocking_check(recovered: Recovered) -> None:
    """RTA is the sum of one block of phases that begins with the disaster and ends with what blocks."""
    record = recovered.record
    rta = next(measurement for measurement in record.measurements if measurement.name == "RTA")
    inside = [number for number, phase in enumerate(record.phases) if phase.clock == "rta"]
    block = [record.phases[number] for number in inside]

    assert inside == list(range(inside[0], inside[0] + len(inside)))
    assert rta.seconds == pytest.approx(sum(phase.seconds or 0.0 for phase in block))
    assert rta.seconds == pytest.approx((block[-1].end_seconds or 0.0) - block[0].start_seconds)
    assert (rta.from_at, rta.to_at) == (block[0].started_at, block[-1].ended_at)
    assert block[-1].name == "run the blocking checks"
    assert record.disaster is not None
    before = record.phases[inside[0] - 1] if inside[0] else None
    assert (before.started_at if before else record.started_at) <= record.disaster.at <= block[0].started_at
    blocking = sum(check.seconds for check in recovered.restoration.checks if check.blocking)
    assert 0 < blocking <= (block[-1].seconds or 0.0) + 0.01  # each is rounded to a millisecond


def test_rpa_is_the_disaster_minus_the_newest_restored_beat(recovered: Recovered, staged: Staged) -> None:
    """As read from the copy and from the source by a query of the test's own."""
    record = recovered.record
    rpa = next(measurement for measurement in record.measurements if measurement.name == "RPA")
    (database,) = set(staged.stored.databases) - {"postgres"}
    with open_database(staged.clients(), INSTANCE, database, staged.sandbox.ca) as source:
        beats = [at for (at,) in source.execute("select beat_at from drill_canary.beat order by beat_at")]

    assert record.disaster is not None
    assert rpa.seconds == pytest.approx((record.disaster.at - recovered.newest_beat).total_seconds(), abs=1e-6)
    assert beats.count(recovered.newest_beat) == 1
    assert len(beats) == 10
    assert beats[4] == recovered.newest_beat  # five before the backup, five that the disaster took


# -- what is made, and how --------------------------------------------------------------------------------------------


def test_everything_is_in_the_record_before_it_is_asked_for(recovered: Recovered) -> None:
    """Whoever cleans up after a crash in the very next instant knows of it."""
    operations = {key.split()[0] for key in recovered.planned_before}

    assert all(recovered.planned_before.values()), recovered.planned_before
    assert operations == {
        "RestoreDBInstanceFromDBSnapshot",
        "CreateDBParameterGroup",
        "CreateDBSubnetGroup",
        "CreateSecurityGroup",
    }
    assert {key.split()[1] for key in recovered.planned_before} == {r.id for r in recovered.record.resources}


def test_the_record_says_where_the_restored_point_comes_from(recovered: Recovered) -> None:
    """Vault, lock, encryption and job are read of the chosen point, and nothing that could be read is left unknown."""
    point = recovered.restoration.point
    assert point is not None
    lineage = point.lineage
    assert lineage is not None
    assert (lineage.vault_type, lineage.vault_locked, lineage.is_parent, lineage.parent) == (
        "BACKUP_VAULT",
        False,
        False,
        "",
    )
    assert (lineage.storage_encryption, lineage.key_manager) == ("sse-kms", "CUSTOMER")
    assert lineage.vault_lock_at_backup == "UNLOCKED"
    assert lineage.initiated_at == point.created_at
    assert lineage.not_read == ()


def test_everything_carries_the_tags_of_the_run_alone(recovered: Recovered) -> None:
    """The run's id, the target, the end of its time to live and the configured tags; nothing of production's own."""
    record = recovered.record
    limits = timedelta(minutes=2 + 6 + 1 + 1 + 5)  # start, features, clean-up and its margin, judgement
    expires = (record.started_at + limits + timedelta(minutes=90)).isoformat(timespec="seconds")
    disaster, point = record.disaster, recovered.restoration.point
    assert disaster is not None
    assert disaster.declared_at is not None
    assert point is not None
    wanted = {"drills:declared": disaster.declared_at.isoformat(), "drills:disaster": disaster.at.isoformat()}
    wanted |= {"drills:point": point.arn}  # by these three another machine goes on with the copy
    wanted |= {"team": "orders", "drills:run": record.run_id, "drills:target": INSTANCE, "drills:expires": expires}

    assert recovered.tags == dict.fromkeys(
        ("db-parameter-group", "db-subnet-group", "security-group", "db-instance"), wanted
    )


def test_the_copy_is_shut_off(recovered: Recovered) -> None:
    """Not public, no backups, not protected, no log exports, no way out, one host in, no logical workers."""
    described = recovered.described
    (group,) = recovered.groups
    ranges = [entry["CidrIp"] for rule in group["IpPermissions"] for entry in rule["IpRanges"]]

    assert not described["PubliclyAccessible"]
    assert not described["DeletionProtection"]
    assert described["BackupRetentionPeriod"] == 0
    assert not described.get("EnabledCloudwatchLogsExports")
    assert group["IpPermissionsEgress"] == []
    assert ranges == ["127.0.0.1/32"]
    assert recovered.workers == "0"


def test_clean_up_sees_everything_gone(recovered: Recovered, staged: Staged) -> None:
    """The record says so with an instant, and AWS knows none of it any more."""
    clients, names = staged.clients(), {resource.id for resource in recovered.record.resources}

    assert recovered.left == ()
    assert {resource.state for resource in recovered.record.resources} == {"gone"}
    assert all(resource.gone_at for resource in recovered.record.resources)
    assert not names & set().union(*names_there(clients.rds, clients.ec2).values())


# -- a damaged one ----------------------------------------------------------------------------------------------------

# a large object is one entry less in the catalog too, which counts them by owner
DAMAGE = {
    "row": {"content"},
    "row-value": {"content"},
    "default": {"catalog"},
    "grant": {"catalog"},
    "sequence": {"sequences", "sequences and columns"},
    "large-object": {"large objects", "catalog"},
    "canary": {"canary"},
}


# a run's own rehearsal names these two in every whole run
REHEARSED = ("default", "sequence")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.matrix) if kind in REHEARSED else kind for kind in DAMAGE]
)
def test_a_damaged_backup_fails_the_drill_and_is_named(staged: Staged, tmp_path: Path, kind: str) -> None:
    """Verification failed, 11, with findings on exactly the damaged object and none on any other."""
    eligible = Scenario(name="logical corruption", points=("manual",))
    with staged.copied(f"damaged-{kind}") as copy:
        (done,) = staged.sandbox.control.damage(copy, [kind])
        with staged.drill(tmp_path, scenario="logical corruption", changes={"scenarios": (eligible,)}) as running:
            restoration = running.drill.recover()
            assert running.drill.clean_up() == ()
            record = running.record

    assert restoration.point is not None
    assert restoration.point.snapshot_id == copy
    found = {finding.object for check in restoration.checks for finding in check.findings}
    missed = {verdict.name for verdict in record.verdicts if verdict.outcome == "missed"}
    assert found - {"large objects"} == {done["object"]}
    assert missed == DAMAGE[kind]
    assert objectives.exit_codes(record)[0] == 11


# -- none at all ------------------------------------------------------------------------------------------------------


@contextmanager
def point_said(staged: Staged, *, status: str | None = None, expires_at: datetime | None = None) -> Iterator[None]:
    """The stored point with another status or end of its life; as it was afterwards."""
    control, point = staged.sandbox.control, staged.point()
    control.set_point_status(point, status=status, expires_at=expires_at)
    try:
        yield
    finally:
        control.set_point_status(point, status="COMPLETED", expires_at=SystemClock().now() + timedelta(days=1))


def refused(staged: Staged, folder: Path, **options: Any) -> tuple[str, RunRecord]:
    """The sentence of a drill that finds nothing to restore, and its record; it has made nothing."""
    before = len(staged.sandbox.control.calls())
    with staged.drill(folder, **options) as running:
        with pytest.raises(NoRecoveryPoint) as first:
            running.drill.recover()
        with pytest.raises(NoRecoveryPoint) as again:
            running.drill.recover()
        record = running.record
    asked = {call["operation"] for call in staged.sandbox.control.calls()[before:]}
    assert str(again.value) == str(first.value)
    assert {name for name in asked if not name.startswith(("Describe", "List", "Get"))} == set()
    assert record.resources == ()
    return str(first.value), record


def judged_missed(record: RunRecord) -> bool:
    """Whether the point is an objective missed, 10, and the only verdict."""
    (verdict,) = record.verdicts
    return (verdict.name, verdict.outcome) == ("recovery point", "missed") and objectives.exit_codes(record) == (10,)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"status": "EXPIRED"}, "status EXPIRED"),
        ({"status": "PARTIAL"}, "status PARTIAL"),
        ({"status": "DELETING"}, "status DELETING"),
        ({"status": "CREATING"}, "status CREATING"),
        ({"expires_at": datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)}, "expired at 2020-01-02 03:04:05 UTC"),
    ],
)
def test_a_point_that_cannot_be_used_is_an_objective_missed(
    staged: Staged, tmp_path: Path, said: dict[str, Any], reason: str
) -> None:
    """Only an expired or unfinished point: a sentence that names it and why, 10, and nothing made."""
    eligible = Scenario(name="instance loss", points=("awsbackup",))
    with point_said(staged, **said):
        changes = {"scenarios": (eligible,)}
        sentence, record = refused(staged, tmp_path, scenario="instance loss", changes=changes)

    assert judged_missed(record)
    assert "expected a usable recovery point of 'drilled'" in sentence
    assert reason in sentence
    assert "\n" not in sentence
    assert any(point.arn.endswith(staged.point()) and reason in point.reason for point in record.refused_points)


@pytest.fixture(scope="module")
def bare(staged: Staged) -> Iterator[str]:
    """An instance that was never backed up."""
    make_bare(staged.clients(), "bare")
    yield "bare"
    staged.clients().rds.delete_db_instance(DBInstanceIdentifier="bare", SkipFinalSnapshot=True)


def make_bare(clients: Clients, name: str) -> None:
    """Make an empty instance and wait for it."""
    clients.rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="owner",
        MasterUserPassword=secrets.token_urlsafe(),
        BackupRetentionPeriod=0,
    )
    followed(clients, name)


def test_no_point_at_all_is_an_objective_missed(staged: Staged, tmp_path: Path, bare: str) -> None:
    """A living instance that nothing has backed up: 10, and the sentence says where was looked."""
    sentence, record = refused(staged, tmp_path, changes={"instance": bare})

    assert judged_missed(record)
    assert f"usable recovery point of 'bare' in vault '{VAULT}' and the RDS snapshots, there is none at all" in sentence


def test_points_of_another_instance_of_the_same_name_are_told_apart(staged: Staged, tmp_path: Path, bare: str) -> None:
    """Newer points of an instance that had the name for a while are refused, and the drill says that there are some."""
    clients = staged.clients()
    rds = clients.rds

    def snap(name: str) -> str:
        rds.create_db_snapshot(DBInstanceIdentifier=bare, DBSnapshotIdentifier=name)
        eventually(lambda: aws.snapshot_status(clients, name) == "available", name)
        return followed(clients, bare).dbi_resource_id

    def rename(old: str, new: str) -> None:
        rds.modify_db_instance(DBInstanceIdentifier=old, NewDBInstanceIdentifier=new, ApplyImmediately=True)
        eventually(lambda: aws.describe_instance(clients, new), f"{old} to be called {new}")
        followed(clients, new)

    ours = snap("bare-ours")
    rename(bare, "bare-away")
    make_bare(clients, bare)
    other = snap("bare-other")
    rds.delete_db_instance(DBInstanceIdentifier=bare, SkipFinalSnapshot=True)
    eventually(lambda: aws.describe_instance(clients, bare) is None, "the other to go")
    rename("bare-away", bare)
    try:
        with staged.drill(tmp_path, changes={"instance": bare}) as running:
            point = running.drill.choose()
            record = running.record
    finally:
        for name in ("bare-ours", "bare-other"):
            rds.delete_db_snapshot(DBSnapshotIdentifier=name)

    assert (point.snapshot_id, point.dbi_resource_id) == ("bare-ours", ours)
    assert [refused.reason for refused in record.refused_points] == [
        f"taken from another instance of that name ({other}), expected {ours}"
    ]
    assert record.notes == (f"several instances were called 'bare'; only points of {ours} were eligible",)


def test_a_random_disaster_strikes_since_the_last_point(staged: Staged, tmp_path: Path) -> None:
    """The instant is recorded with its seed, from which the same instant follows, and the newest point is chosen."""
    with staged.drill(tmp_path, changes={"disaster": "random"}) as running:
        point = running.drill.choose()
        disaster = running.record.disaster
        points = aws.recovery_points(staged.clients(), INSTANCE, VAULT)

    assert disaster is not None
    assert disaster.declared_at is not None
    assert point.completed_at is not None
    assert point.completed_at <= disaster.at <= disaster.declared_at
    assert declare("random", points, disaster.declared_at, disaster.seed) == disaster


def test_a_disaster_before_the_next_point_falls_back_on_the_one_before(staged: Staged, tmp_path: Path) -> None:
    """The newest point was not usable yet; the one before it is restored, and the refusal is on record."""
    with (
        staged.copied("newest-point") as newest,
        staged.drill(tmp_path, changes={"disaster": "before-next-point"}) as running,
    ):
        point, record = running.drill.choose(), running.record

    assert record.disaster is not None
    assert point.snapshot_id == staged.point()
    assert [one.arn.endswith(newest) for one in record.refused_points if "after the disaster" in one.reason] == [True]


def test_without_a_manifest_nothing_is_called_verified(staged: Staged, tmp_path: Path) -> None:
    """Could not verify, 12: what needs a manifest is not verified, so the copy was never shown to be usable in time."""
    with staged.drill(tmp_path) as running:
        restoration = Drill(running.setup, None).recover()
        record = running.record

    outcomes = {check.name: check.outcome for check in restoration.checks}
    verdicts = {verdict.name: verdict.outcome for verdict in record.verdicts}
    needs = {"catalog", "sequences", "content", "large objects", "settings"}
    assert {name for name, outcome in outcomes.items() if outcome == "not verified"} - set(NOT_HERE) == needs
    assert {name for name, outcome in verdicts.items() if outcome == "not verified"} - set(NOT_HERE) == {*needs, "rto"}
    assert verdicts["rpo"] == "met"
    assert objectives.exit_codes(record)[0] == 12


# -- AWS that does not answer -----------------------------------------------------------------------------------------


def test_a_copy_of_a_snapshot_that_fails_is_not_waited_for(staged: Staged, tmp_path: Path) -> None:
    """RDS gives up on a copy whose key may not be used; the sentence comes at once, and the copy is removed."""
    clients = staged.clients()

    def failed(params: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        if not str(params["body"].get("DBSnapshotIdentifier", "")).endswith("-copy"):
            return None
        parsed = {"DBSnapshots": [{"Status": "failed"}], "ResponseMetadata": {}}
        return AWSResponse("https://rds.example", 200, HTTPHeaders(), None), parsed

    clients.rds.meta.events.register("before-call.rds.DescribeDBSnapshots", failed)
    key = clients.kms.create_key()["KeyMetadata"]["Arn"]
    with staged.drill(tmp_path, clients=clients, changes={"restore": RestoreConfig(kms_key=key)}) as running:
        with pytest.raises(DrillError, match=r"to become available, RDS says that it failed: read its events"):
            running.drill.recover()
        record = running.record

    assert [(resource.kind, resource.state) for resource in record.resources] == [("db-snapshot", "made")]


def spoiled(clients: Clients, service: str, operation: str, code: str) -> Clients:
    """Clients of which one operation fails: with an AWS error code, or without an answer."""

    def fail(model: Any, **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        if code == "unreachable":
            raise EndpointConnectionError(endpoint_url="https://rds.example")
        parsed = {"Error": {"Code": code, "Message": f"{operation} was\nrefused"}, "ResponseMetadata": {}}
        return AWSResponse("https://rds.example", 403, HTTPHeaders(), None), parsed

    getattr(clients, service).meta.events.register(f"before-call.{service}.{operation}", fail)
    return clients


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("rds", "DescribeDBInstances", "Throttling"),
        ("backup", "ListRecoveryPointsByBackupVault", "AccessDeniedException"),
        ("rds", "CreateDBParameterGroup", "AccessDenied"),
        ("rds", "CreateDBSubnetGroup", "DBSubnetGroupQuotaExceeded"),
        ("ec2", "AuthorizeSecurityGroupIngress", "UnauthorizedOperation"),
        ("rds", "RestoreDBInstanceFromDBSnapshot", "SnapshotQuotaExceeded"),
        ("rds", "RestoreDBInstanceFromDBSnapshot", "unreachable"),
        ("rds", "ModifyDBInstance", "AccessDenied"),
    ],
)
def test_whatever_aws_refuses_ends_the_drill_with_one_sentence(
    staged: Staged, tmp_path: Path, service: str, operation: str, code: str
) -> None:
    """Could not run, 12, with AWS's own words and the phase in the record; what was made before is removed."""
    with staged.drill(tmp_path, clients=spoiled(staged.clients(), service, operation, code)) as running:
        with pytest.raises(DrillError) as raised:
            running.drill.recover()
        with pytest.raises(DrillError) as again:
            running.drill.recover()
        record = running.record

    (failure,) = record.failures
    assert str(again.value) == str(raised.value) == failure.sentence
    assert failure.exit_code == 12
    assert failure.phase
    assert failure.sentence.startswith("AWS ")
    assert "\n" not in failure.sentence
    assert ("https://rds.example" if code == "unreachable" else code) in failure.sentence
    assert objectives.exit_codes(record)[0] == 12


def test_a_declaration_that_aws_does_not_answer_is_a_sentence_too(staged: Staged, tmp_path: Path) -> None:
    """A vault that does not exist is named, with its key, and with the vault that the backups of the source went to."""
    with (
        staged.drill(tmp_path, changes={"vault": "no-such-vault"}) as running,
        pytest.raises(DrillError, match=r'vault = "no-such-vault" .*the backup jobs of .* went to drilled-vault'),
    ):
        running.drill.declare_disaster()
