"""Refuses a vault that no drill of a database restores from, and says of one that is not there which key names it.

A logically air-gapped vault is refused, and one that gives access to such a vault. AWS Backup keeps no RDS instances in them: the
row "Amazon RDS single instance" has no mark there
(https://docs.aws.amazon.com/aws-backup/latest/devguide/backup-feature-availability.html#features-by-resource). It keeps Aurora
clusters, as points that are no snapshots of RDS, which a restore job of its own alone restores.

Of a vault that is not there ListRecoveryPointsByBackupVault and DescribeBackupVault answer ResourceNotFoundException (their API
references, "Errors"). Whether AWS Backup refuses the name in place of that, where a policy allows other vaults alone, is not known:
its words stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import read as aws
from drills.aws.session import Clients
from drills.config.load import Target
from drills.errors import ConfigError, DrillError
from drills.model.lineage import VAULTS_APART
from drills.model.point import RecoveryPoint
from drills.recovery.choose import Drilled
from drills.recovery.setup import Setup

WHY = {
    "instance": "AWS Backup keeps no RDS instances in one",
    "cluster": "a drill restores no Aurora clusters from one yet",
    "bucket": "a drill restores no S3 buckets from one yet",
}
_OF_VAULTS = ("ListRecoveryPointsByBackupVault", "DescribeBackupVault")


@dataclass(frozen=True, slots=True)
class Barred:
    """A vault that no drill restores from: the key of drill.toml that names it, what it is ("": none of that name), and why."""

    key: str
    vault: str
    words: str = ""
    why: str = ""


def barring(setup: Drilled, points: Sequence[RecoveryPoint] | None) -> tuple[Barred, ...]:
    """Return the vaults for which a drill would be refused, None standing for points that could not be read.

    As a drill asks AWS, so is it asked here: see `refuse`. Raises what boto3 raises.
    """
    found = []
    for key, vault, clients in _named(setup, every=points is None):
        if _holds(points or (), vault):
            continue
        described = aws.none_if_missing(lambda: clients.backup.describe_backup_vault(BackupVaultName=vault))  # noqa: B023
        if described is None:
            found.append(Barred(key, vault))
        elif words := VAULTS_APART.get(str(described.get("VaultType", ""))):
            found.append(Barred(key, vault, words, WHY[setup.kind.name]))
    return tuple(found)


def refuse(setup: Setup, points: Sequence[RecoveryPoint]) -> None:
    """Raise ConfigError where a vault that the target names is one that no drill of it restores from.

    A vault that has a point of the target which RDS lists as a snapshot is none: AWS is asked about the others alone. Where it does
    not tell, nothing is refused.
    """
    for key, vault, clients in _named(setup):
        if _holds(points, vault):
            continue
        words = VAULTS_APART.get(_type_of(clients, vault))
        if words:
            raise ConfigError(
                f'targets.{setup.name}.{key}: expected a vault that a drill restores from, found "{vault}", {words}: '
                f"{WHY[setup.kind.name]}: name the backup vault that its plan backs up into, and see docs/air-gapped.md"
            )


def _holds(points: Sequence[RecoveryPoint], vault: str) -> bool:
    return any(point.vault == vault and point.snapshot_id for point in points)


def _named(setup: Drilled, *, every: bool = False) -> Iterator[tuple[str, str, Clients]]:
    target = setup.target
    if target.vault:
        yield "vault", target.vault, setup.clients
    if target.copy_vault and (every or target.sample.kind == "copy"):
        yield "copy_vault", target.copy_vault, setup.scratch_clients


def _type_of(clients: Clients, vault: str) -> str:
    try:
        return str(clients.backup.describe_backup_vault(BackupVaultName=vault).get("VaultType", ""))
    except ClientError:
        return ""


@contextmanager
def named_by_its_key(name: str, target: Target, clients: Clients, arn: str = "") -> Iterator[None]:
    """Raise ConfigError in place of what AWS says of a vault that is not there; `arn` is the source's, "" where it is not known.

    `clients` are those of the source's side; a `copy_vault` that is meant is named beside `vault`, as AWS is asked about both.
    """
    try:
        yield
    except ClientError as error:
        if error.operation_name not in _OF_VAULTS or not aws.is_not_found(error):
            raise
        raise ConfigError(_sentence(name, target, clients, arn)) from error


def _sentence(name: str, target: Target, clients: Clients, arn: str) -> str:
    keys = {"vault": target.vault, "copy_vault": target.copy_vault}
    named = " or ".join(f'{key} = "{vault}"' for key, vault in keys.items() if vault)
    known = sorted(_vaults_of(clients, arn)) if arn else []
    told = f"; the backup jobs of {target.instance} went to {', '.join(known)}" if known else ""
    return (
        f"targets.{name}: expected a vault that AWS Backup has, found none called so: {named} in {clients.region}{told}: "
        "correct it in drill.toml; aws backup list-backup-vaults shows what there is"
    )


def _vaults_of(clients: Clients, arn: str) -> set[str]:
    """Return the vaults that the backup jobs of a resource which AWS Backup still lists went to; none where AWS refuses."""
    with suppress(ClientError, BotoCoreError, DrillError):
        jobs = aws.pages(clients.backup, "list_backup_jobs", "BackupJobs", ByResourceArn=arn)
        return {str(each["BackupVaultName"]) for each in jobs if each.get("BackupVaultName")}
    return set()
