"""Removal of what a run made: from the record alone, ours and nothing else, each thing seen to be gone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from drills.aws import owned
from drills.aws import read as aws
from drills.aws.cleanup import remove_all
from drills.aws.guarded.names import ScratchNames
from drills.aws.scratch import Scratch
from drills.aws.session import Clients
from drills.clock import SystemClock
from drills.config.limits import Limit
from drills.model.instance import Instance, Resource
from drills.model.point import RecoveryPoint
from drills.objectives import verdicts
from drills.record import Journal, load
from drills.recovery.setup import Setup
from drills.run import context
from drills.run.plan import SERVICE_NAME
from tests.support.clock import HandClock
from tests.support.drill import INSTANCE, POLL, VAULT, Staged, followed
from tests.support.paths import CHECKOUT
from tests.support.rds import names_there

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]
KINDS = {"db-parameter-group", "db-subnet-group", "security-group"}


@pytest.fixture
def setup(staged: Staged, tmp_path: Path) -> Iterator[Setup]:
    """A run that has made its three groups, by another process; whatever the test leaves of them is removed."""
    setup = staged.setup(tmp_path)
    names = ScratchNames.of(setup.journal.record.run_id, "recovery")
    scratch = Scratch(staged.clients(), setup.target.restore, setup.journal, setup.tags())
    scratch.make_groups(names, point_of(setup.clients), source_of(setup.clients))
    made = setup.journal.record.resources
    yield setup
    setup.journal.update(resources=made)
    removed(setup)


def scratch_of(setup: Setup) -> Scratch:
    """What makes things for the run."""
    return Scratch(setup.scratch_clients, setup.target.restore, setup.journal, setup.tags())


def point_of(clients: Clients) -> RecoveryPoint:
    """The stage's recovery point."""
    (point,) = [p for p in aws.recovery_points(clients, INSTANCE, VAULT) if p.kind == "awsbackup"]
    return point


def source_of(clients: Clients) -> Instance:
    """The staged source."""
    found = aws.describe_instance(clients, INSTANCE)
    assert found is not None
    return found


def removed(setup: Setup, clients: Clients | None = None) -> tuple[Resource, ...]:
    """What is left after a clean-up that knows nothing but the record on disk."""
    journal = Journal.open(setup.journal.folder)
    limit = Limit("the clean-up", 120.0, "limits.clean_up", "configured")
    left = remove_all(clients or setup.clients, journal, SystemClock(), every=POLL, limit=limit)
    setup.journal.record = journal.record
    return left


def kinds_there(setup: Setup) -> set[str]:
    """The kinds of what AWS still has of the run's groups."""
    there, run_id = names_there(setup.clients.rds, setup.clients.ec2), setup.journal.record.run_id
    return {kind for kind in KINDS if any(run_id in name for name in there[kind])}


def failing(staged: Staged, service: str, operation: str, code: str, times: int | None = None) -> Clients:
    """Clients of their own of which one operation is refused, so many times or always."""
    clients = staged.clients()
    left = [times]

    def fail(**_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        if left[0] == 0:
            return None
        left[0] = None if left[0] is None else left[0] - 1
        parsed = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {}}
        return AWSResponse("https://aws.example", 400, HTTPHeaders(), None), parsed

    getattr(clients, service).meta.events.register(f"before-call.{service}.{operation}", fail)
    return clients


def test_all_is_removed_and_removing_again_changes_nothing(setup: Setup) -> None:
    """Each thing is gone with an instant; a second clean-up finds nothing to do."""
    assert kinds_there(setup) == KINDS

    assert removed(setup) == ()
    first = load(setup.journal.folder)
    assert removed(setup) == ()

    assert kinds_there(setup) == set()
    assert load(setup.journal.folder) == first
    assert {resource.state for resource in first.resources} == {"gone"}
    assert all(resource.gone_at for resource in first.resources)


def test_what_was_planned_and_never_made_is_gone(setup: Setup) -> None:
    """A run that was killed between writing the plan and the call; each kind."""
    names = ScratchNames.of(setup.journal.record.run_id, "rehearsal")
    planned = {
        "db-instance": names.instance,
        "db-snapshot": names.snapshot,
        "db-parameter-group": names.parameter_group,
        "db-subnet-group": names.subnet_group,
        "security-group": names.security_group,
        "log-group": f"/aws/rds/instance/{names.instance}/postgresql",
    }
    for kind, name in planned.items():
        setup.journal.resource(Resource(kind, name, "planned"))  # type: ignore[arg-type]

    assert removed(setup) == ()


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("rds", "DescribeDBParameterGroups", "DBParameterGroupNotFound"),
        ("rds", "DescribeDBSubnetGroups", "DBSubnetGroupNotFoundFault"),
        ("ec2", "DescribeSecurityGroups", "InvalidGroup.NotFound"),
    ],
)
def test_what_aws_does_not_know_for_a_moment_is_not_taken_for_gone(
    setup: Setup, staged: Staged, service: str, operation: str, code: str
) -> None:
    """What was made and nobody has asked to remove is there: one answer without it is AWS's delay, and it is removed."""
    assert removed(setup, failing(staged, service, operation, code, times=3)) == ()

    assert kinds_there(setup) == set()


def test_what_somebody_else_has_removed_is_gone_after_a_while(setup: Setup) -> None:
    """AWS does not know it in a row of answers, and the time of the clean-up is not used up for it."""
    name = ScratchNames.of(setup.journal.record.run_id, "recovery").parameter_group
    setup.clients.rds.delete_db_parameter_group(DBParameterGroupName=name)

    assert removed(setup) == ()
    assert load(setup.journal.folder).clean_up_seconds < 90.0  # of the two minutes that it has


@pytest.mark.parametrize("state", ["being made", "protected"])
def test_another_process_removes_what_a_killed_run_left(staged: Staged, tmp_path: Path, state: str) -> None:
    """A copy in either state with its groups and the log group that RDS made for it; another's log group stays."""
    setup = staged.setup(tmp_path)
    clients, scratch = setup.clients, scratch_of(setup)
    names = ScratchNames.of(setup.journal.record.run_id, "recovery")
    scratch.restore(names, scratch.make_groups(names, point_of(clients), source_of(clients)), point_of(clients))
    if state == "protected":
        followed(clients, names.instance)
        protect = {"DeletionProtection": True, "ApplyImmediately": True}
        clients.rds.modify_db_instance(DBInstanceIdentifier=names.instance, **protect)
        assert clients.rds.describe_db_instances(DBInstanceIdentifier=names.instance)["DBInstances"][0][
            "DeletionProtection"
        ]
    log_groups = [f"/aws/rds/instance/{name}/postgresql" for name in (names.instance, "other")]
    for name in log_groups:
        clients.logs.create_log_group(logGroupName=name)
    (tmp_path / SERVICE_NAME).write_text((staged.folder / SERVICE_NAME).read_text())
    context.save(tmp_path, context.read(staged.folder))

    done = subprocess.run(
        [sys.executable, "-m", "drills.run.finish", "clean", str(tmp_path)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )

    record, logs = load(tmp_path), clients.logs.describe_log_groups()["logGroups"]
    clients.logs.delete_log_group(logGroupName=log_groups[1])
    assert (done.returncode, done.stderr, record.failures) == (0, "", ())
    assert {resource.state for resource in record.resources} == {"gone"}
    assert {resource.kind for resource in record.resources} == {*KINDS, "db-instance", "log-group"}
    assert aws.describe_instance(clients, names.instance) is None
    assert kinds_there(setup) == set()
    assert [group["logGroupName"] for group in logs] == log_groups[1:]


def without_prefix(resource: Resource) -> Resource:
    """The record, edited to name somebody else's."""
    return replace(resource, id=resource.id.removeprefix("drill-"))


def source_in_its_place(resource: Resource) -> Resource:
    """The record, edited to name the source."""
    return Resource("db-instance", INSTANCE, "made")


@pytest.mark.parametrize("edit", [without_prefix, source_in_its_place])
def test_what_lacks_the_prefix_is_left_alone(setup: Setup, edit: Callable[[Resource], Resource]) -> None:
    """An edited record removes nothing of anybody else's: left, 13, and why; the rest is removed."""
    first, *others = setup.journal.record.resources
    setup.journal.update(resources=(edit(first), *others))

    (left,) = removed(setup)

    assert (left.id, left.state) == (edit(first).id, "left")
    assert left.note == "not removed: its name does not begin with 'drill-'"
    assert 13 in verdicts.exit_codes(setup.journal.record)
    assert kinds_there(setup) == {first.kind}
    assert source_of(setup.clients).status == "available"


def retag(setup: Setup, run_id: str) -> None:
    """Let the groups and the snapshot of the run carry the tag of that run."""
    clients, names = setup.clients, ScratchNames.of(setup.journal.record.run_id, "recovery")
    tags = [{"Key": "drills:run", "Value": run_id}]
    for kind, name, arn in (
        ("db-parameter-group", names.parameter_group, "DBParameterGroupArn"),
        ("db-subnet-group", names.subnet_group, "DBSubnetGroupArn"),
        ("db-snapshot", names.snapshot, "DBSnapshotArn"),
    ):
        (raw,) = owned.find(clients, kind, name)  # type: ignore[arg-type]
        clients.rds.add_tags_to_resource(ResourceName=raw[arn], Tags=tags)
    (group,) = owned.find(clients, "security-group", names.security_group)
    clients.ec2.create_tags(Resources=[group["GroupId"]], Tags=tags)


def test_what_carries_another_runs_tag_is_left_alone(setup: Setup) -> None:
    """Names can be guessed and records edited; each kind of group and a snapshot, of this run's name and another's tag."""
    clients = setup.clients
    names = ScratchNames.of(setup.journal.record.run_id, "recovery")
    scratch_of(setup).copy_snapshot(point_of(clients), names.snapshot, source_region=clients.region)
    made = setup.journal.record.resources
    retag(setup, "another-run")

    left = removed(setup)
    codes = verdicts.exit_codes(setup.journal.record)
    retag(setup, setup.journal.record.run_id)
    setup.journal.update(resources=made)

    assert {resource.kind for resource in left} == {*KINDS, "db-snapshot"}
    assert {(resource.state, resource.note) for resource in left} == {
        ("left", "not removed: it does not carry this run's tag")
    }
    assert 13 in codes
    assert removed(setup) == ()


def test_what_has_another_runs_name_is_left_alone(setup: Setup) -> None:
    """A log group cannot be told by a tag, nor an instance that is being made: the name holds the run's id."""
    log_group = f"/aws/rds/instance/{ScratchNames.of('another-run', 'recovery').instance}/postgresql"
    setup.clients.logs.create_log_group(logGroupName=log_group)
    setup.journal.resource(Resource("log-group", log_group, "made"))

    (left,) = removed(setup)
    there = setup.clients.logs.describe_log_groups(logGroupNamePrefix=log_group)["logGroups"]
    setup.clients.logs.delete_log_group(logGroupName=log_group)

    assert left.note == (
        f"not removed: its name does not begin with 'drill-{setup.journal.record.run_id}-', as the names of this run do"
    )
    assert len(there) == 1


def test_an_instance_of_another_identity_is_left_alone(setup: Setup) -> None:
    """Something else has come into the place of what the run made: by name and tag the run's, by AWS's identity not."""
    group = next(each for each in setup.journal.record.resources if each.kind == "security-group")
    setup.journal.resource(replace(group, resource_id="sg-0000000000000000f"))

    (left,) = removed(setup)

    assert left.note == f"not removed: it is {group.resource_id}, and what this run made is sg-0000000000000000f"


def test_one_thing_that_cannot_be_removed_does_not_keep_the_rest(setup: Setup, staged: Staged) -> None:
    """It is left with AWS's own words, and goes with the next clean-up that may remove it."""
    spoiled = failing(staged, "rds", "DeleteDBParameterGroup", "AccessDenied")

    (left,) = removed(setup, spoiled)

    assert (left.kind, left.state) == ("db-parameter-group", "left")
    assert left.note.startswith("AWS refused to remove it: ")
    assert "AccessDenied" in left.note
    assert kinds_there(setup) == {"db-parameter-group"}
    assert removed(setup) == ()
    assert kinds_there(setup) == set()


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ec2", "DeleteSecurityGroup", "DependencyViolation"),
        ("rds", "DeleteDBParameterGroup", "InvalidDBParameterGroupState"),
        ("rds", "DeleteDBSubnetGroup", "InvalidDBSubnetGroupStateFault"),
        ("ec2", "DescribeSecurityGroups", "RequestLimitExceeded"),
    ],
)
def test_what_is_in_use_or_throttled_for_a_while_is_asked_again(
    setup: Setup, staged: Staged, service: str, operation: str, code: str
) -> None:
    """Three refusals that pass do not leave anything."""
    assert removed(setup, failing(staged, service, operation, code, times=3)) == ()
    assert kinds_there(setup) == set()


def test_what_stays_in_use_is_left_when_time_is_up(setup: Setup, staged: Staged) -> None:
    """The clean-up ends when its limit is used up, on a clock wound by hand, and says what raises the limit."""
    clock, journal = HandClock(), Journal.open(setup.journal.folder)
    spoiled = failing(staged, "ec2", "DeleteSecurityGroup", "DependencyViolation")
    limit = Limit("the clean-up", 300.0, "limits.clean_up", "default")

    (left,) = remove_all(spoiled, journal, clock, every=10.0, limit=limit)

    assert left.note.startswith("still there when the 300 s of the clean-up were over: ")
    assert "DependencyViolation" in left.note
    assert ": raise limits.clean_up, and aws ec2 delete-security-group --group-id sg-" in left.note
    assert 300 <= clock.slept <= 350
