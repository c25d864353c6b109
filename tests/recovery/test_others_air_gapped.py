"""The drills of an EBS volume and of an EFS file system from an air-gapped vault of another account."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from drills.model.lineage import AIR_GAPPED, RESTORE_ACCESS
from drills.model.record import RunRecord
from drills.objectives import verdicts
from drills.record import Journal, load
from drills.recovery.resource.drill import ResourceDrill
from drills.recovery.resource.restoring import guard_of
from drills.recovery.resource.vault import owner_of
from drills.recovery.volume import unanswered
from drills.recovery.volume.points import points_of, restore_metadata
from drills.run import context
from tests.support.accounts import HOME, Elsewhere, copied, document, new_account
from tests.support.begun import open_run
from tests.support.foreseen_requests import foreseen, sent
from tests.support.kept import take
from tests.support.sandbox import RunningSandbox

pytestmark = pytest.mark.sandbox
TEAM = "arn:aws:mpa:us-east-1:333333333333:approval-team/recovery"
CONFIG = """
[profiles.sandbox]
poll_every = "30ms"
[targets.lent]
{source}
vault = "{vault}"
rto = "5m"
rpo = "24h"
timeout = "60s"
[targets.lent.vault_access]
{access}
"""


@dataclass(frozen=True)
class Production:
    """An account whose air-gapped vault has a point of a volume and one of a file system, which are not where a drill restores."""

    owner: Elsewhere
    vault: str
    arn: str
    volume: str
    file_system: str
    shared: tuple[str, str]


@pytest.fixture(scope="module")
def production(steady: RunningSandbox) -> Production:
    """An account of its own, since what lies in the vault cannot be removed; the volume is under a key of the customer's."""
    steady.control.clear_faults()
    owner, vault = new_account(steady), f"bunker-{secrets.token_hex(4)}"
    backup, made = owner.client("backup"), _made(owner)
    backup.create_backup_vault(BackupVaultName="usual")
    lag = backup.create_logically_air_gapped_backup_vault(
        BackupVaultName=vault, MinRetentionDays=7, MaxRetentionDays=30
    )["BackupVaultArn"]
    for arn in made:
        job = copied(owner, take(owner, arn, "usual")["RecoveryPointArn"], "usual", lag, DeleteAfterDays=7)
        assert job["State"] == "COMPLETED", job
    backup.associate_backup_vault_mpa_approval_team(BackupVaultName=vault, MpaApprovalTeamArn=TEAM)
    owner.client("ram").create_resource_share(name=vault, resourceArns=[lag], principals=[HOME])
    volume, file_system = (arn.rpartition("/")[2] for arn in made)
    shared = (vault, f'account = "{owner.account}"')
    return Production(owner, vault, lag, volume, file_system, shared)


def _made(owner: Elsewhere) -> tuple[str, str]:
    """The ARNs of a volume under a key of the customer's, and of a file system under AWS's own."""
    policy = document(f"arn:aws:iam::{owner.account}:root", "kms:*", Resource="*")
    key = owner.client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]
    wanted = {"Size": 20, "VolumeType": "gp3", "Iops": 4000, "Throughput": 250, "Encrypted": True, "KmsKeyId": key}
    volume = owner.client("ec2").create_volume(AvailabilityZone=f"{owner.region}a", **wanted)["VolumeId"]
    file_system = owner.client("efs").create_file_system(CreationToken="media", Encrypted=True)
    return f"arn:aws:ec2:{owner.region}:{owner.account}:volume/{volume}", file_system["FileSystemArn"]


Begin = Callable[[str, tuple[str, str]], ResourceDrill]


@pytest.fixture
def begin(steady: RunningSandbox, tmp_path: Path) -> Begin:
    """Opens a drill in the account of the recovery, of what a line of the configuration names."""

    def drill(source: str, through: tuple[str, str]) -> ResourceDrill:
        text = CONFIG.format(source=source, vault=through[0], access=through[1])
        folder, _, journal = open_run(steady, tmp_path, "lent", text)
        opened = context.open_volume_drill if source.startswith("volume") else context.open_file_system_drill
        return opened(folder, journal)

    return drill


def outcomes(record: RunRecord) -> dict[str, str]:
    """The verdicts of a run."""
    return {each.name: each.outcome for each in record.verdicts}


def vault_type(record: RunRecord) -> str:
    """The type of the vault that the restored point lies in, as the record tells it."""
    (restoration,) = record.restorations
    assert restoration.point is not None
    assert restoration.point.lineage is not None
    return restoration.point.lineage.vault_type


def test_a_volume_is_restored_from_a_vault_that_another_account_shares(
    steady: RunningSandbox, production: Production, begin: Begin, tmp_path: Path
) -> None:
    """The copy lies where the drill restores, with what the point tells; what it was made of nobody can hold to the point."""
    drill = begin(f'volume = "{production.volume}"', production.shared)
    wanted = foreseen(steady, drill)
    drill.recover()
    assert sent(steady) == wanted
    record = load(tmp_path / "run")
    unverified = dict.fromkeys(("rpo", "settings", "lineage", "contents"), "not verified")
    assert outcomes(record) == {"recovery point": "met", "available": "met", "rto": "met"} | unverified
    assert vault_type(record) == AIR_GAPPED
    judged = {each.name: each for each in record.restorations[0].checks}
    assert (judged["settings"].compared, judged["settings"].requirement) == (6, "impossible")
    assert 12 in verdicts.exit_codes(record)
    said = {each.name: each.sentence for each in record.verdicts}
    assert "which EC2 does not show to this account: the recovery point lies with AWS Backup alone" in said["lineage"]
    (resource,) = record.resources
    (copy,) = steady.client("ec2").describe_volumes(VolumeIds=[resource.resource_id])["Volumes"]
    assert (copy["Size"], copy["VolumeType"], copy["Iops"], copy["Throughput"]) == (20, "gp3", 4000, 250)
    assert (copy["Encrypted"], copy["KmsKeyId"].split(":")[4]) == (True, HOME)
    assert {"Key": "drills:run", "Value": record.run_id} in copy["Tags"]
    assert drill.clean_up() == ()
    assert load(tmp_path / "run").notes == record.notes  # the account has no snapshot that was made on the way
    held = production.owner.client("ec2").describe_volumes()["Volumes"]
    assert [each["VolumeId"] for each in held] == [production.volume]


def test_a_file_system_is_restored_through_a_vault_that_a_team_has_approved(
    steady: RunningSandbox, production: Production, begin: Begin, tmp_path: Path
) -> None:
    """Its point is listed, read and restored through the restore access vault, and the copy is found by its token and removed."""
    backup, name = steady.client("backup"), f"access-{secrets.token_hex(4)}"
    made = backup.create_restore_access_backup_vault(SourceBackupVaultArn=production.arn, BackupVaultName=name)
    steady.control.decide(made["RestoreAccessBackupVaultArn"], approved=True)
    drill = begin(f'file_system = "{production.file_system}"', (name, 'approval = "5m"'))
    wanted = foreseen(steady, drill)
    drill.recover()
    assert sent(steady) == wanted
    record = load(tmp_path / "run")
    unverified = dict.fromkeys(("rpo", "settings", "contents"), "not verified")
    assert outcomes(record) == {"recovery point": "met", "available": "met", "rto": "met"} | unverified
    assert vault_type(record) == RESTORE_ACCESS
    (resource,) = record.resources
    (copy,) = steady.client("efs").describe_file_systems(CreationToken=resource.id)["FileSystems"]
    assert (copy["FileSystemId"], copy["Encrypted"]) == (resource.resource_id, True)
    assert drill.clean_up() == ()
    assert steady.client("efs").describe_file_systems(CreationToken=resource.id)["FileSystems"] == []
    backup.delete_backup_vault(BackupVaultName=name)


def test_a_restore_from_a_shared_vault_that_was_never_answered_is_settled_by_the_runs_token(
    steady: RunningSandbox, production: Production, begin: Begin, tmp_path: Path
) -> None:
    """The points of a shared vault are listed and read with its owner then too; the volume is found and removed."""
    begin(f'volume = "{production.volume}"', production.shared)
    setup, role = context.open_setup(tmp_path / "run", Journal.open(tmp_path / "run")), f"arn:aws:iam::{HOME}:role/r"
    restore = setup.target.restore.model_copy(update={"backup_role_arn": role})
    setup = dataclasses.replace(setup, target=setup.target.model_copy(update={"restore": restore}))
    (point,) = points_of(setup.clients, production.volume, production.vault, owner_of(setup))
    setup.journal.resource(unanswered.planned_of(setup))
    job = guard_of(setup).restore_volume(point.arn, role, restore_metadata(setup, point, None))
    unanswered.settle(setup)
    (known,) = setup.journal.record.resources
    assert known.id.endswith(job)
    drill = context.open_volume_drill(tmp_path / "run", Journal.open(tmp_path / "run"))
    assert drill.clean_up() == ()
    assert load(tmp_path / "run").resources[0].state == "gone"
