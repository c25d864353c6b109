"""Refuses a vault that no drill of a database restores from: a logically air-gapped one, or one that gives access to such a vault.

AWS Backup keeps no RDS instances in them: the row "Amazon RDS single instance" has no mark there
(https://docs.aws.amazon.com/aws-backup/latest/devguide/backup-feature-availability.html#features-by-resource). It keeps Aurora
clusters, as points that are no snapshots of RDS, which a restore job of its own alone restores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from botocore.exceptions import ClientError

from drills.aws.session import Clients
from drills.errors import ConfigError
from drills.model.lineage import VAULTS_APART
from drills.model.point import RecoveryPoint
from drills.recovery.setup import Setup

_WHY = {
    "instance": "AWS Backup keeps no RDS instances in one",
    "cluster": "a drill restores no Aurora clusters from one yet",
}


def refuse(setup: Setup, points: Sequence[RecoveryPoint]) -> None:
    """Raise ConfigError where a vault that the target names is one that no drill of it restores from.

    A vault that has a point of the target which RDS lists as a snapshot is none: AWS is asked about the others alone. Where it does
    not tell, nothing is refused.
    """
    for key, vault, clients in _named(setup):
        if any(point.vault == vault and point.snapshot_id for point in points):
            continue
        words = VAULTS_APART.get(_type_of(clients, vault))
        if words:
            raise ConfigError(
                f'targets.{setup.name}.{key}: expected a vault that a drill restores from, found "{vault}", {words}: '
                f"{_WHY[setup.kind.name]}: name the backup vault that its plan backs up into, and see docs/air-gapped.md"
            )


def _named(setup: Setup) -> Iterator[tuple[str, str, Clients]]:
    target = setup.target
    if target.vault:
        yield "vault", target.vault, setup.clients
    if target.copy_vault and target.sample.kind == "copy":
        yield "copy_vault", target.copy_vault, setup.scratch_clients


def _type_of(clients: Clients, vault: str) -> str:
    try:
        return str(clients.backup.describe_backup_vault(BackupVaultName=vault).get("VaultType", ""))
    except ClientError:
        return ""
