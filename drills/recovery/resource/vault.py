"""The vault that a resource's recovery points lie in: what it is, whose it is, and whether a team has still to approve it.

Source: AWS Backup developer guide, "Logically air-gapped vault" and "Multi-party approval for logically air-gapped vaults"; API
reference, DescribeBackupVault. A vault for access is CREATING until the team of the vault that it gives access to has approved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from botocore.exceptions import ClientError

from drills.aws import read as aws
from drills.aws.session import Clients
from drills.clock import wait_until
from drills.config.load import Target
from drills.durations import show_duration
from drills.errors import RestoreFailed
from drills.model.lineage import RESTORE_ACCESS, Lineage
from drills.model.point import RecoveryPoint
from drills.recovery.setup import Setup

WAITING = "wait for the approval"


@dataclass(frozen=True, slots=True)
class Vault:
    """A vault as DescribeBackupVault tells of it. `type` and `state` are "" where AWS does not tell."""

    name: str
    type: str = ""
    state: str = ""
    locked: bool | None = None
    lock_date: datetime | None = None
    made_at: datetime | None = None
    team: str = ""
    key_type: str = ""

    @property
    def lineage(self) -> Lineage | None:
        """What a point that lies in it is told of its vault; None where AWS did not tell."""
        if not self.type:
            return None
        return Lineage(vault_type=self.type, vault_locked=self.locked, vault_lock_date=self.lock_date)


class Drilled(Protocol):
    """What a vault is looked at for: a `Setup`, or what preflight foresees a drill by."""

    @property
    def name(self) -> str:
        """The target's name in drill.toml."""
        ...

    @property
    def target(self) -> Target:
        """The target."""
        ...

    @property
    def clients(self) -> Clients:
        """The side of the source."""
        ...

    @property
    def scratch_clients(self) -> Clients:
        """The side that copies are restored on."""
        ...


def named(setup: Drilled) -> dict[str, str]:
    """Return the members of a request that name the target's vault, with the account that owns it where another shares it."""
    return {"BackupVaultName": str(setup.target.vault), **owner_of(setup)}


def owner_of(setup: Drilled) -> dict[str, str]:
    """Return the member of a request that names the account which shares the target's vault; nothing where it is the own one."""
    account = setup.target.vault_access.account
    return {"BackupVaultAccountId": account} if account else {}


def is_lent(target: Target, point: RecoveryPoint) -> bool:
    """Return whether a point lies in a vault of another account: one that is shared, or that a restore access vault shows. Pure."""
    shown = point.lineage is not None and point.lineage.vault_type == RESTORE_ACCESS
    return shown or target.vault_access.account is not None


def look(setup: Setup) -> Vault:
    """Return the target's vault. Where AWS refuses to describe it, what the points say counts."""
    try:
        return describe(setup)
    except ClientError as error:
        if not aws.is_not_found(error):
            return Vault(str(setup.target.vault))
        raise


def describe(setup: Drilled) -> Vault:
    """Return the target's vault as AWS Backup tells of it. Raises what boto3 raises."""
    return _read(setup, setup.clients.backup.describe_backup_vault(**named(setup)))


def await_approval(setup: Setup, vault: Vault, enter: Callable[[str], None]) -> Vault:
    """Return the vault once it can be restored from; a wait that is shown, and that counts as recovery time.

    Raises RestoreFailed where its team has not approved within the target's limit, or has refused.
    """
    if vault.state != "CREATING":
        return _approved(setup, vault)
    limit = setup.target.approval()
    until = setup.clock.now() + limit
    enter(WAITING)
    setup.journal.waits_for(f"waiting for {_of(vault)}, until {_shown(until)}")

    def decided() -> Vault | None:
        seen = describe(setup)
        return None if seen.state == "CREATING" else seen

    try:
        seen = wait_until(decided, limit.total_seconds(), setup.clock, every=setup.poll_seconds)
    except TimeoutError as error:
        raise RestoreFailed(
            f"expected {_of(vault)} within {show_duration(limit.total_seconds())}, found it still waiting: ask the approvers, or "
            f"raise targets.{setup.name}.vault_access.approval"
        ) from error
    approved = _approved(setup, seen)
    setup.journal.waits_for(f"{_of(vault)}: it was given")  # the note of the phase, which the record keeps
    return approved


def _approved(setup: Setup, vault: Vault) -> Vault:
    if vault.state == "FAILED":
        raise RestoreFailed(
            f"expected {_of(vault)}, found it {vault.state}: its team has refused or its session has ended; ask for access again "
            f"with aws backup create-restore-access-backup-vault, and name that vault as targets.{setup.name}.vault"
        )
    return vault


def _of(vault: Vault) -> str:
    since = f", asked for at {_shown(vault.made_at)}" if vault.made_at else ""
    return f'the approval of access to the vault "{vault.name}" by {vault.team or "its team"}{since}'


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _read(setup: Drilled, raw: dict[str, Any]) -> Vault:
    return Vault(
        name=str(setup.target.vault),
        type=str(raw.get("VaultType", "")),
        state=str(raw.get("VaultState", "")),
        locked=raw.get("Locked"),
        lock_date=raw.get("LockDate"),
        made_at=raw.get("CreationDate"),
        team=str(raw.get("MpaApprovalTeamArn", "")),
        key_type=str(raw.get("EncryptionKeyType", "")),
    )
