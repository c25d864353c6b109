"""A run goes on with the copy that another had begun to restore: what that declared counts, and all that it made is removed."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.rds.models import rds_backends
from pydantic import SecretStr

from drills.aws.guarded.guard import NotOwn
from drills.aws.guarded.names import ScratchNames
from drills.aws.scratch import Scratch
from drills.cli import refusals
from drills.config.load import RestoreConfig, Target
from drills.errors import ConfigError, DrillError
from drills.model.instance import Resource, ResourceState
from drills.model.point import Choice
from drills.model.record import ResumedFrom, RunRecord
from drills.model.timing import Disaster, Measurement
from drills.record import Journal
from drills.recovery.resuming import disaster_of, keep_point, note_of, with_gap
from drills.recovery.setup import Setup
from drills.run import guard, resume
from tests.support.clock import NOON, HandClock
from tests.support.lossy import ACCOUNT, REGION, LossyAws, make_instance, make_parameter_group
from tests.support.models import mock_aws
from tests.support.points import point_of

RUN = "20261123-110000-abcd"
POINT = "arn:aws:rds:eu-central-1:123456789012:snapshot:awsbackup:job-1"
RESUMED = ResumedFrom(RUN, NOON - timedelta(hours=1), NOON - timedelta(hours=2), POINT, "its record")
RESUMED_BY_TAGS = dataclasses.replace(RESUMED, source="the tags of the copy")
TOLD = {
    "drills:target": "orders",
    "drills:declared": RESUMED.declared_at.isoformat(),
    "drills:disaster": RESUMED.disaster_at.isoformat(),
    "drills:point": POINT,
}


def setup_of(aws: LossyAws, folder: Path, restore: RestoreConfig | None = None) -> Setup:
    """What a run of the target `orders` works with."""
    journal = Journal.create(
        folder, RunRecord(1, "20261123-120000-ffff", "aws", False, NOON, "0"), origin=0, clock=HandClock()
    )
    target = Target(instance="orders", restore=restore or RestoreConfig())
    return Setup("orders", target, aws.clients, aws.clients, journal, HandClock(), 1.0, None)


def make_copy(aws: LossyAws, tags: dict[str, str]) -> None:
    """Make the copy of the run, and a parameter group of it and of another run."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    for run_id in (RUN, "20261123-110000-eeee"):
        name, tagged = f"drill-{run_id}-recovery-parameters", [{"Key": "drills:run", "Value": run_id}]
        make_parameter_group(aws.clients.rds, name, tagged)
    make_instance(aws.clients.rds, f"drill-{RUN}-recovery", [*listed, {"Key": "drills:run", "Value": RUN}])


@mock_aws()
def test_the_record_goes_before_the_tags(tmp_path: Path) -> None:
    """What the run wrote on this machine is taken; all that carries its tag is recorded, nothing of another run."""
    aws, out = LossyAws(), tmp_path / "out"
    make_copy(aws, TOLD | {"drills:declared": "2020-01-01T00:00:00Z"})
    restored = SimpleNamespace(purpose="recovery", point=point_of("awsbackup:job-1"))
    earlier = SimpleNamespace(restorations=[restored], disaster=Disaster(NOON, "now", None, NOON), owner=RUN)
    setup = setup_of(aws, tmp_path, RestoreConfig(subnet_group="drills"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(resume, "load", lambda folder: earlier if folder == out / RUN else None)
        resume.adopt(setup, RUN, out)
    assert setup.journal.record.resources == ()  # until the lock is taken, it may be another's that goes on with it too
    for service, operation in (("secretsmanager", "ListSecrets"), ("rds", "DescribeDBSubnetGroups")):
        aws.lose(service, operation, "denied", times=None, carried_out=False)  # no rights of a drill's role
    resume.record_things(setup)
    aws.recover()

    record = setup.journal.record
    assert record.resumed_from == ResumedFrom(RUN, NOON, NOON, POINT, "its record")
    assert record.notes == (note_of(record.resumed_from),)
    assert {(each.id, each.state) for each in record.resources} == {
        (f"drill-{RUN}-recovery", "made"),
        (f"drill-{RUN}-recovery-parameters", "made"),
    }
    assert (record.owner, setup.tags()["drills:run"]) == (RUN, RUN)


@mock_aws()
def test_what_is_found_again_has_the_identity_that_aws_tells(tmp_path: Path) -> None:
    """The copy is compared with the group that the first run made, and one that takes the copy's name gets no password."""
    aws, names = LossyAws(), ScratchNames.of(RUN, "recovery")
    make_copy(aws, TOLD)
    group = aws.clients.ec2.create_security_group(
        GroupName=names.security_group,
        Description="test",
        TagSpecifications=[
            {"ResourceType": "security-group", "Tags": [{"Key": "drills:run", "Value": RUN}]},
        ],
    )["GroupId"]
    copy = aws.clients.rds.describe_db_instances()["DBInstances"][0]["DbiResourceId"]
    setup = setup_of(aws, tmp_path)

    resume.adopt(setup, RUN, tmp_path / "nowhere")
    resume.record_things(setup)

    found = {each.kind: each.resource_id for each in setup.journal.record.resources}
    assert found == {"db-instance": copy, "db-parameter-group": "", "security-group": group}
    scratch = Scratch(aws.clients, setup.target.restore, setup.journal, setup.tags())
    assert scratch.groups_of(names).security_group == group
    scratch.set_password(names.instance, SecretStr("of-the-run"))
    # another instance takes its name, with its tags
    rds_backends[ACCOUNT][REGION].databases[names.instance].dbi_resource_id = "db-OFANOTHERONE"
    with pytest.raises(NotOwn, match=f"what this run made is {copy}"):
        scratch.set_password(names.instance, SecretStr("of-the-run"))


@mock_aws()
@pytest.mark.parametrize("with_writer", [True, False])
def test_a_copy_that_is_a_cluster_is_gone_on_with(tmp_path: Path, with_writer: bool) -> None:
    """By the cluster's own tags, with whatever of it there is: its instance is asked for again where there is none yet."""
    aws, names = LossyAws(), ScratchNames.of(RUN, "recovery")
    tags = [{"Key": key, "Value": value} for key, value in (TOLD | {"drills:run": RUN}).items()]
    asked = {"Engine": "aurora-postgresql", "MasterUsername": "owner", "MasterUserPassword": "of-nobody"}
    aws.clients.rds.create_db_cluster(DBClusterIdentifier=names.instance, Tags=tags, **asked)
    if with_writer:
        aws.clients.rds.create_db_instance(
            DBInstanceIdentifier=names.writer,
            DBClusterIdentifier=names.instance,
            DBInstanceClass="db.r6g.large",
            Engine="aurora-postgresql",
            Tags=tags,
        )
    setup = setup_of(aws, tmp_path)
    setup = dataclasses.replace(setup, target=Target.model_validate({"cluster": "orders"}))

    resume.adopt(setup, RUN, tmp_path / "nowhere")
    resume.record_things(setup)

    made = {(each.kind, each.id) for each in setup.journal.record.resources}
    assert made == {("db-cluster", names.instance)} | ({("db-instance", names.writer)} if with_writer else set())
    scratch = Scratch(aws.clients, setup.target.restore, setup.journal, setup.tags(), kind=setup.kind)
    assert scratch.groups_of(names).parameter_group == names.cluster_parameters


@mock_aws()
def test_no_right_about_clusters_is_needed_to_go_on_with_an_instance(tmp_path: Path) -> None:
    """The role of a drill of instances may not list them."""
    aws = LossyAws()
    make_copy(aws, TOLD)
    setup = setup_of(aws, tmp_path)
    for what in ("DBClusters", "DBClusterSnapshots", "DBClusterParameterGroups"):
        aws.lose("rds", f"Describe{what}", "denied", times=None, carried_out=False)

    resume.adopt(setup, RUN, tmp_path / "nowhere")
    resume.record_things(setup)
    guard.note_leftovers(setup, {RUN})

    assert {each.kind for each in setup.journal.record.resources} == {"db-instance", "db-parameter-group"}
    assert setup.journal.record.notes == (note_of(RESUMED_BY_TAGS),)


@mock_aws()
@pytest.mark.parametrize(("target", "own", "noted"), [("orders", "", 1), ("orders", RUN, 0), ("invoices", "", 0)])
def test_the_next_run_names_the_copy_that_another_has_left(tmp_path: Path, target: str, own: str, noted: int) -> None:
    """The lock goes with the run that failed to clean up; its copy of the same target is a note with its command."""
    aws = LossyAws()
    make_copy(aws, TOLD | {"drills:target": target})
    setup = setup_of(aws, tmp_path)

    guard.note_leftovers(setup, {own})

    assert len(setup.journal.record.notes) == noted
    for note in setup.journal.record.notes:
        assert note.startswith(f"db-instance drill-{RUN}-recovery of run {RUN} of this target is still there")
        assert "aws rds delete-db-instance" in note


@mock_aws()
def test_the_copy_of_an_incident_is_not_offered_for_removal(tmp_path: Path) -> None:
    """Somebody works with it: the note of the next drill says so, and has no command that deletes an instance."""
    aws = LossyAws()
    make_copy(aws, TOLD | {"drills:incident": "latest"})
    setup = setup_of(aws, tmp_path)

    guard.note_leftovers(setup, {""})

    (note,) = setup.journal.record.notes
    assert note.endswith(f"it is kept for an incident: where that is over, drills restore end {RUN}")
    assert "delete-db-instance" not in note


@mock_aws()
@pytest.mark.parametrize(
    ("tags", "refused", "sentence"),
    [
        (
            None,
            DrillError,
            f"expected the copy drill-{RUN}-recovery of run {RUN} in account 123456789012, .*found none",
        ),
        (TOLD | {"drills:target": "invoices"}, ConfigError, 'found 20261123-110000-abcd to be of "invoices"'),
        (TOLD | {"drills:point": ""}, DrillError, "found neither: copy the folder"),
        (TOLD | {"drills:declared": "then"}, DrillError, "found neither: copy the folder"),
        (
            TOLD | {"drills:incident": "latest"},
            ConfigError,
            "found 20261123-110000-abcd to be the restore of an incident",
        ),
    ],
)
def test_what_cannot_be_gone_on_with_is_a_sentence(
    tmp_path: Path, tags: dict[str, str] | None, refused: type[DrillError], sentence: str
) -> None:
    """No copy, another target's, or one of which nobody knows what was declared: nothing is adopted."""
    aws = LossyAws()
    if tags is not None:
        make_copy(aws, tags)
    setup = setup_of(aws, tmp_path)

    with pytest.raises(refused, match=sentence):
        resume.adopt(setup, RUN, tmp_path / "nowhere")

    assert setup.journal.record.resumed_from is None
    assert setup.journal.record.resources == ()


@mock_aws()
def test_a_run_that_had_gone_on_is_gone_on_with(tmp_path: Path) -> None:
    """What the second run works with has the name of the first: the id of either leads to it."""
    aws, second = LossyAws(), "20261123-115500-beef"
    make_copy(aws, TOLD)
    (tmp_path / second).mkdir()
    Journal.create(tmp_path / second, RunRecord(1, second, "aws", False, NOON, "0", resumed_from=RESUMED), origin=0)
    setup = setup_of(aws, tmp_path)

    resume.adopt(setup, second, tmp_path)

    assert setup.journal.record.owner == RUN


@given(st.floats(0, 1e6), st.floats(-1e5, 1e5))
def test_all_of_the_time_since_the_declaration_counts(measured: float, gap: float) -> None:
    """The number is never smaller than what was measured, and a declaration in the future gives none."""
    began = RESUMED.declared_at + timedelta(seconds=gap)
    rta = Measurement("RTA", measured, began, began + timedelta(seconds=measured), "own clock", "usable")

    whole = with_gap(rta, RESUMED)

    if began < RESUMED.declared_at:
        assert whole.seconds is None
    else:
        assert whole.seconds == pytest.approx(measured + gap, abs=1e-5)
        assert whole.from_at == RESUMED.declared_at
    assert with_gap(rta, None) == rta
    unmeasured = dataclasses.replace(rta, seconds=None)
    assert with_gap(unmeasured, RESUMED) == unmeasured


def test_the_disaster_and_the_point_are_those_of_the_copy() -> None:
    """A newer point that is chosen now is not the copy's; one that is listed no more is a sentence."""
    newer, own = point_of("newer"), point_of("awsbackup:job-1")
    choice, declared = Choice(newer, (), ()), Disaster(NOON, "random", 7, NOON)

    kept = keep_point(RESUMED, choice, [newer, own])

    assert kept.point == own
    assert keep_point(None, choice, [newer]) is choice
    with pytest.raises(DrillError, match=f"expected the recovery point {POINT}.* begin a new run"):
        keep_point(RESUMED, choice, [newer])
    assert disaster_of(RESUMED, declared) == Disaster(RESUMED.disaster_at, "random", None, RESUMED.declared_at)
    assert disaster_of(None, declared) is declared


@pytest.mark.parametrize("given_run", [RUN, f"reports/out/{RUN}", f"/elsewhere/{RUN}/"])
def test_a_run_is_named_by_its_id_or_its_folder(given_run: str) -> None:
    """Both are accepted, and nothing else."""
    assert refusals.resumed_run(given_run) == RUN
    with pytest.raises(ConfigError, match=r'--resume: expected a run such as .*, found "latest"'):
        refusals.resumed_run("latest")


@pytest.mark.parametrize(("state", "refused"), [("gone", True), ("made", False), ("left", False)])
def test_a_run_that_has_removed_its_copy_is_not_resumed(tmp_path: Path, state: ResourceState, refused: bool) -> None:
    """Its record lies here and says so: refused before anything of the new run is written, with the code of the other."""
    copy = Resource("db-instance", f"drill-{RUN}-recovery", state)
    (tmp_path / RUN).mkdir()
    Journal.create(
        tmp_path / RUN, RunRecord(1, RUN, "aws", False, NOON, "0", ended_at=NOON, resources=(copy,)), origin=0
    )

    if not refused:
        refusals.check_over(tmp_path, RUN)
        return
    with pytest.raises(ConfigError, match=rf"found that {RUN} ended with exit code \d+ and has removed its copy"):
        refusals.check_over(tmp_path, RUN)


@pytest.mark.parametrize("ended_at", [None, NOON])
def test_a_run_that_goes_on_here_is_not_resumed(tmp_path: Path, ended_at: datetime | None) -> None:
    """Two runs would work with one copy; one that has ended, and one of another machine, may be resumed."""
    opening: Any = RunRecord(1, RUN, "aws", False, NOON, "0", ended_at=ended_at)
    (tmp_path / RUN).mkdir()
    Journal.create(tmp_path / RUN, opening, origin=0)

    refusals.check_over(tmp_path, "20261123-110000-eeee")
    if ended_at is None:
        with pytest.raises(ConfigError, match=f"found that {RUN} still goes on here"):
            refusals.check_over(tmp_path, RUN)
    else:
        refusals.check_over(tmp_path, RUN)
