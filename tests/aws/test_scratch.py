"""What a copy is restored into: harmless before its first start, named after its run, with nothing of the owner's taken."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.aws import read as aws
from drills.aws.cleanup import remove_all
from drills.aws.databases.requests import JOB_RUNNERS, harmless
from drills.aws.guarded.names import ScratchNames, scratch_tags
from drills.aws.scratch import Scratch
from drills.aws.session import Clients
from drills.checks.server.harmless import JOB_RUNNERS as NAMED_AS_FINDINGS
from drills.config.limits import Limit
from drills.config.load import RestoreConfig
from drills.errors import RestoreFailed
from drills.model.point import RecoveryPoint
from drills.record import new_run_id
from drills.recovery.setup import Setup
from tests.support.clock import NOON
from tests.support.drill import INSTANCE, POLL, VAULT, Staged

LIBRARIES = sorted(JOB_RUNNERS | {"pg_stat_statements", "auto_explain", "pgaudit"})
RDS_NAME = re.compile(r"[a-z](?:-?[a-z0-9]){0,62}")

# -- pure -------------------------------------------------------------------------------------------------------------


@given(
    st.dictionaries(st.sampled_from(["work_mem", "max_connections", "max_logical_replication_workers"]), st.text()),
    st.lists(st.sampled_from(LIBRARIES)),
    st.sampled_from([",", ", ", " ,"]),
)
def test_only_what_could_act_is_taken_from_the_sources_values(
    values: dict[str, str], preloaded: list[str], comma: str
) -> None:
    """Whatever the source is set to: no logical workers, no library that runs jobs, all else as it was and in order."""
    defused = harmless(values | {"shared_preload_libraries": comma.join(preloaded)})

    kept = [name for name in preloaded if name not in JOB_RUNNERS]
    assert defused.pop("shared_preload_libraries") == ",".join(kept)
    assert defused.pop("max_logical_replication_workers") == "0"
    assert defused == {name: value for name, value in values.items() if name != "max_logical_replication_workers"}


def test_a_source_that_preloads_nothing_of_its_own_keeps_the_services_default() -> None:
    """An empty list would take away what the service itself preloads."""
    assert harmless({}) == {"max_logical_replication_workers": "0"}


def test_what_the_check_calls_a_job_runner_is_never_preloaded() -> None:
    """Else a drill would find its own copy harmful."""
    assert set(NAMED_AS_FINDINGS) <= JOB_RUNNERS


@pytest.mark.parametrize("purpose", ["recovery", "rehearsal"])
def test_names_are_allowed_and_a_runs_own(purpose: str) -> None:
    """RDS takes up to 63 lower-case letters, digits and single hyphens, the first a letter."""
    run_id = new_run_id(NOON)
    names = dataclasses.astuple(ScratchNames.of(run_id, purpose))

    assert all(RDS_NAME.fullmatch(name) and len(name) <= 63 for name in names)
    assert all(name.startswith(f"drill-{run_id}-{purpose}") for name in names)
    assert len(set(names)) == 8


def test_the_owners_tags_do_not_replace_the_runs() -> None:
    """What the clean-up goes by is always true."""
    tags = scratch_tags("run-1", "orders", "2026-11-23T16:00:00+00:00", {"drills:run": "forged", "team": "a"})

    assert tags == {
        "team": "a",
        "drills:run": "run-1",
        "drills:target": "orders",
        "drills:expires": "2026-11-23T16:00:00+00:00",
    }


# -- against the sandbox ----------------------------------------------------------------------------------------------


def removed(setup: Setup) -> None:
    """Remove what the run made."""
    limit = Limit("the clean-up", 180.0, "limits.clean_up", "configured")
    assert remove_all(setup.clients, setup.journal, setup.clock, every=POLL, limit=limit) == ()


def point_of(clients: Clients) -> RecoveryPoint:
    """The stage's recovery point."""
    (point,) = [p for p in aws.recovery_points(clients, INSTANCE, VAULT) if p.kind == "awsbackup"]
    return point


@pytest.mark.postgres
@pytest.mark.sandbox
def test_the_copy_gets_the_sources_own_values(staged: Staged, tmp_path: Path) -> None:
    """More than the 20 that one call takes; of them the harmful ones alone are changed."""
    wanted = {
        "work_mem": "8192",
        "maintenance_work_mem": "65536",
        "max_logical_replication_workers": "7",
        **{f"autovacuum_{name}": "100" for name in ("vacuum_threshold", "analyze_threshold", "naptime")},
        **{f"log_{name}": "1" for name in ("connections", "disconnections", "lock_waits", "checkpoints", "duration")},
        **{
            f"enable_{name}": "1"
            for name in ("hashagg", "hashjoin", "material", "mergejoin", "nestloop", "seqscan", "sort", "tidscan")
        },
        **dict.fromkeys(("statement_timeout", "lock_timeout", "checkpoint_timeout", "tcp_keepalives_idle"), "300"),
    }
    assert len(wanted) > 20
    clients = staged.clients()
    source = aws.describe_instance(clients, INSTANCE)
    assert source is not None
    clients.rds.create_db_parameter_group(
        DBParameterGroupName="of-the-source",
        DBParameterGroupFamily=f"postgres{source.engine_version.split('.')[0]}",
        Description="values of the source",
    )
    for chunk in (list(wanted.items())[:20], list(wanted.items())[20:]):
        clients.rds.modify_db_parameter_group(
            DBParameterGroupName="of-the-source",
            Parameters=[
                {"ParameterName": name, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
                for name, value in chunk
            ],
        )
    setup = staged.setup(tmp_path)
    names = ScratchNames.of(setup.journal.record.run_id, "recovery")
    point = point_of(clients)
    scratch = Scratch(clients, setup.target.restore, setup.journal, setup.tags())
    groups = scratch.make_groups(names, point, dataclasses.replace(source, parameter_group="of-the-source"))
    pages = clients.rds.get_paginator("describe_db_parameters").paginate(
        DBParameterGroupName=groups.parameter_group, Source="user"
    )
    values = {one["ParameterName"]: one.get("ParameterValue") for page in pages for one in page["Parameters"]}
    removed(setup)
    clients.rds.delete_db_parameter_group(DBParameterGroupName="of-the-source")

    assert values == wanted | {"max_logical_replication_workers": "0"}


@pytest.mark.postgres
@pytest.mark.sandbox
def test_groups_that_the_owner_names_are_used_and_left(staged: Staged, tmp_path: Path) -> None:
    """The copy is restored into them; the run makes none, records none and removes none."""
    clients = staged.clients()
    theirs = staged.setup(tmp_path)
    names = ScratchNames.of(theirs.journal.record.run_id, "recovery")
    point = point_of(clients)
    groups = Scratch(clients, RestoreConfig(), theirs.journal, theirs.tags()).make_groups(
        names, point, aws.describe_instance(clients, INSTANCE)
    )
    restore = RestoreConfig(
        parameter_group=groups.parameter_group,
        subnet_group=groups.subnet_group,
        security_group=groups.security_group,
        instance_class="db.t4g.large",
    )
    folder = tmp_path / "drill"
    folder.mkdir()
    with staged.drill(folder, changes={"restore": restore}) as running:
        restoration = running.drill.recover()
        found = aws.describe_instance(clients, restoration.instance_id)
        assert running.drill.clean_up() == ()
        record = running.record
    still = theirs.journal.record.resources
    removed(theirs)

    assert found is not None
    assert (found.parameter_group, found.subnet_group) == (groups.parameter_group, groups.subnet_group)
    assert found.security_groups == (groups.security_group,)
    assert (restoration.instance_class, restoration.source_class) == ("db.t4g.large", "db.t4g.medium")
    assert {verdict.outcome for verdict in record.verdicts if verdict.requirement == "required"} == {"met"}
    assert {resource.kind for resource in record.resources} == {"db-instance"}
    assert len(still) == 3


@pytest.mark.postgres
@pytest.mark.sandbox
def test_a_configured_key_means_a_copy_first(staged: Staged, tmp_path: Path) -> None:
    """RDS restores under the snapshot's own key: the copy is on the recovery's clock, recorded and removed."""
    key = staged.clients().kms.create_key()["KeyMetadata"]["Arn"]
    with staged.drill(tmp_path, changes={"restore": RestoreConfig(kms_key=key)}) as running:
        restoration = running.drill.recover()
        (raw,) = staged.clients().rds.describe_db_instances(DBInstanceIdentifier=restoration.instance_id)["DBInstances"]
        assert running.drill.clean_up() == ()
        record = running.record

    assert raw["KmsKeyId"] == key
    assert [phase.clock for phase in record.phases if phase.name == "copy the snapshot"] == ["rta"]
    assert ("db-snapshot", "gone") in {(resource.kind, resource.state) for resource in record.resources}
    assert {verdict.outcome for verdict in record.verdicts if verdict.requirement == "required"} == {"met"}


@pytest.mark.postgres
@pytest.mark.sandbox
def test_no_network_to_restore_into_is_a_sentence(staged: Staged, tmp_path: Path) -> None:
    """Neither the source's subnets nor a default VPC: what to configure is said."""
    setup = staged.setup(tmp_path)
    names = ScratchNames.of(setup.journal.record.run_id, "recovery")
    point = point_of(setup.clients)
    nowhere = dataclasses.replace(setup.clients, ec2=SimpleNamespace(describe_vpcs=lambda **_: {"Vpcs": []}))

    with pytest.raises(RestoreFailed, match=r"found neither: name a subnet_group and a security_group"):
        Scratch(nowhere, setup.target.restore, setup.journal, setup.tags()).make_groups(names, point, None)
    removed(setup)
