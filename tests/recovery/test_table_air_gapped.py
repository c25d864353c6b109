"""The drill of a DynamoDB table from an air-gapped vault of another account: shared, and by the approval of a team."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drills.clock import SystemClock
from drills.files import write_atomically
from drills.model.lineage import AIR_GAPPED, RESTORE_ACCESS
from drills.model.record import RunRecord
from drills.preflight import judge
from drills.record import load
from drills.recovery.resource.vault import WAITING
from drills.recovery.table.drill import TableDrill
from drills.run import context
from drills.run.table import stage
from drills.tables.manifest import to_json
from drills.tables.read import ReadOptions, take_manifest
from tests.support.accounts import HOME, Elsewhere, copied, new_account
from tests.support.begun import open_run
from tests.support.foreseen_requests import facts_of, foreseen, sent
from tests.support.kept import take
from tests.support.rds import eventually
from tests.support.sandbox import RunningSandbox

pytestmark = pytest.mark.sandbox
TEAM = "arn:aws:mpa:us-east-1:333333333333:approval-team/recovery"
CONFIG = """
[profiles.sandbox]
poll_every = "30ms"
[targets.orders]
table = "{table}"
vault = "{vault}"
rto = "5m"
rpo = "24h"
timeout = "60s"
[targets.orders.items]
newest = "placed_at"
[targets.orders.vault_access]
{access}
"""


@dataclass(frozen=True)
class Production:
    """An account with a table that an air-gapped vault has a point of, and the manifest that was taken with it."""

    owner: Elsewhere
    table: str
    vault: str
    arn: str
    manifest: str


@pytest.fixture(scope="module")
def production(steady: RunningSandbox) -> Production:
    """An account of its own: what lies in the vault cannot be removed. Nothing of it is in the account that drills."""
    owner, table, vault = new_account(steady), "orders_Table.1", f"bunker-{secrets.token_hex(4)}"
    dynamodb, backup = owner.client("dynamodb"), owner.client("backup")
    arn = stage._create(dynamodb, table, {})
    stage._write(dynamodb, table, "placed_at", range(60), SystemClock().now().timestamp())
    manifest = to_json(take_manifest(dynamodb, table, ReadOptions(), SystemClock()))
    backup.create_backup_vault(BackupVaultName="usual")
    point = take(owner, arn, "usual")["RecoveryPointArn"]
    made = backup.create_logically_air_gapped_backup_vault(
        BackupVaultName=vault, MinRetentionDays=7, MaxRetentionDays=30
    )
    job = copied(owner, point, "usual", made["BackupVaultArn"], DeleteAfterDays=7)
    assert job["State"] == "COMPLETED", job
    backup.associate_backup_vault_mpa_approval_team(BackupVaultName=vault, MpaApprovalTeamArn=TEAM)
    return Production(owner, table, vault, made["BackupVaultArn"], manifest)


@pytest.fixture
def begin(steady: RunningSandbox, production: Production, tmp_path: Path) -> Callable[[str, str], TableDrill]:
    """Opens a drill in the account of the recovery, of the table that lies in the other one."""

    def drill(vault: str, access: str) -> TableDrill:
        text = CONFIG.format(table=production.table, vault=vault, access=access)
        folder, _, journal = open_run(steady, tmp_path, "orders", text)
        write_atomically(folder / context.MANIFEST_NAME, production.manifest)
        return context.open_table_drill(folder, journal)

    return drill


def outcomes(record: RunRecord) -> dict[str, str]:
    """The verdicts of a run."""
    return {each.name: each.outcome for each in record.verdicts}


def restored_from(record: RunRecord) -> str:
    """The type of the vault that the restored point lies in, as the record tells it."""
    (restoration,) = record.restorations
    assert restoration.point is not None
    assert restoration.point.lineage is not None
    return restoration.point.lineage.vault_type


def test_a_table_is_restored_from_a_vault_that_another_account_shares(
    steady: RunningSandbox, production: Production, begin: Callable[[str, str], TableDrill], tmp_path: Path
) -> None:
    """Every item is there though the account that restores has no such table; the copy lies there, and is removed."""
    production.owner.client("ram").create_resource_share(
        name=production.vault, resourceArns=[production.arn], principals=[HOME]
    )
    drill = begin(production.vault, f'account = "{production.owner.account}"')
    wanted = foreseen(steady, drill)
    restoration = drill.recover()
    assert sent(steady) == wanted
    record = load(tmp_path / "run")
    assert set(outcomes(record).values()) == {"met"}, record.verdicts
    assert restored_from(record) == AIR_GAPPED
    assert next(each for each in restoration.checks if each.name == "items").compared == 60
    assert all(phase.name != WAITING for phase in record.phases)
    here = steady.client("dynamodb")
    tags = here.list_tags_of_resource(
        ResourceArn=here.describe_table(TableName=restoration.instance_id)["Table"]["TableArn"]
    )["Tags"]
    assert {"Key": "drills:run", "Value": record.run_id} in tags
    assert drill.clean_up() == ()
    assert restoration.instance_id not in here.list_tables()["TableNames"]
    assert production.owner.client("dynamodb").list_tables()["TableNames"] == [production.table]


def test_a_drill_waits_for_the_approval_of_a_team_and_counts_that_wait(
    steady: RunningSandbox, production: Production, begin: Callable[[str, str], TableDrill], tmp_path: Path
) -> None:
    """The phase says for whom it waits while it does; approved, the drill goes on, and the wait is part of the RTA."""
    backup, name = steady.client("backup"), f"access-{secrets.token_hex(4)}"
    made: dict[str, Any] = backup.create_restore_access_backup_vault(
        SourceBackupVaultArn=production.arn, BackupVaultName=name
    )
    drill = begin(name, 'approval = "5m"')
    assert judge.foreseen(judge.judge(facts_of(steady, drill))) == "not known"  # whether the team approves
    with ThreadPoolExecutor(1) as pool:
        recovered = pool.submit(drill.recover)
        shown = eventually(lambda: _waiting(tmp_path / "run", recovered.done), "the wait to be shown")
        steady.control.decide(made["RestoreAccessBackupVaultArn"], approved=True)
        recovered.result(timeout=60)
    record = load(tmp_path / "run")
    assert shown.startswith(f'waiting for the approval of access to the vault "{name}" by {TEAM}, asked for at ')
    assert set(outcomes(record).values()) == {"met"}, record.verdicts
    assert restored_from(record) == RESTORE_ACCESS
    waited = next(phase for phase in record.phases if phase.name == WAITING)
    assert (waited.clock, waited.note.endswith(": it was given")) == ("rta", True)
    assert drill.clean_up() == ()
    backup.delete_backup_vault(BackupVaultName=name)


def _waiting(folder: Path, done: Callable[[], bool]) -> str | None:
    """What the open phase of the run says while it waits, None until it does."""
    assert not done(), load(folder).failures
    return next((phase.note for phase in load(folder).phases if phase.name == WAITING and phase.note), None)
