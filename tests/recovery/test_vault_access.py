"""The vault of a table: its type, the account that shares it, and the team that has to approve it."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from drills.config.load import Target
from drills.errors import RestoreFailed
from drills.model.lineage import AIR_GAPPED, RESTORE_ACCESS
from drills.recovery.resource import vault
from drills.recovery.setup import Setup
from tests.support.clock import NOON, HandClock

TEAM = "arn:aws:mpa:us-east-1:333333333333:approval-team/recovery"
PENDING = {
    "VaultType": RESTORE_ACCESS,
    "VaultState": "CREATING",
    "CreationDate": NOON,
    "MpaApprovalTeamArn": TEAM,
    "Locked": True,
}
ASKED = f'the approval of access to the vault "bunker" by {TEAM}, asked for at 2026-11-23 12:00 UTC'


def setup_of(*answers: dict[str, Any] | ClientError, **access: str) -> Setup:
    """A drill of a table whose AWS Backup describes the vault so, the last time for ever."""
    clients, left = Mock(), list(answers)

    def describe(**_: str) -> dict[str, Any]:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, ClientError):
            raise answer
        return answer

    clients.backup.describe_backup_vault.side_effect = describe
    target = Target.model_validate({"table": "orders", "vault": "bunker", "vault_access": access})
    return Setup("orders", target, clients, clients, Mock(), HandClock(), 60.0, None)


def test_a_vault_that_is_not_approved_is_a_wait_that_is_shown_and_ends_with_the_approval() -> None:
    """Who has to approve, since when, and until when a drill waits; what is known of the vault then becomes the lineage."""
    approved = PENDING | {"VaultState": "AVAILABLE"}
    entered: list[str] = []
    setup = setup_of(PENDING, PENDING, PENDING, approved, approval="10m")
    found = vault.await_approval(setup, vault.look(setup), entered.append)
    assert entered == [vault.WAITING]
    told = [call.args[0] for call in setup.journal.waits_for.call_args_list]  # type: ignore[attr-defined]
    assert told == [f"waiting for {ASKED}, until 2026-11-23 12:10 UTC", f"{ASKED}: it was given"]
    assert (found.state, found.lineage and found.lineage.vault_type) == ("AVAILABLE", RESTORE_ACCESS)
    assert setup.clock.now() > NOON


def test_nobody_waits_for_longer_than_the_limit() -> None:
    """The sentence names the team, the limit and its key; without one it is the target's timeout."""
    setup = setup_of(PENDING, approval="10m")
    with pytest.raises(RestoreFailed) as over:
        vault.await_approval(setup, vault.look(setup), Mock())
    assert str(over.value) == (
        f"expected {ASKED} within 10 m, found it still waiting: ask the approvers, or raise targets.orders.vault_access.approval"
    )
    assert over.value.exit_code == 12
    usual = setup_of(PENDING)
    with pytest.raises(RestoreFailed, match="within 2 h, found it still waiting"):
        vault.await_approval(usual, vault.look(usual), Mock())


@pytest.mark.parametrize(
    "answers", [(PENDING | {"VaultState": "FAILED"},), (PENDING, PENDING | {"VaultState": "FAILED"})]
)
def test_a_team_that_refuses_ends_the_drill(answers: tuple[dict[str, Any], ...]) -> None:
    """Before it began to wait, or while it did: what to ask for in its place is said."""
    setup = setup_of(*answers)
    with pytest.raises(
        RestoreFailed, match=r"found it FAILED: its team has refused.*create-restore-access-backup-vault"
    ):
        vault.await_approval(setup, vault.look(setup), Mock())


@pytest.mark.parametrize(
    "answer", [{}, {"VaultType": "BACKUP_VAULT", "VaultState": "AVAILABLE"}, {"VaultType": AIR_GAPPED}]
)
def test_a_vault_that_is_there_is_not_waited_for(answer: dict[str, Any]) -> None:
    """A usual one, an air-gapped one of the own account, and one of a region that names no types."""
    setup, enter = setup_of(answer), Mock()
    found = vault.await_approval(setup, vault.look(setup), enter)
    enter.assert_not_called()
    assert bool(found.lineage) == bool(answer)


def test_a_right_that_is_missing_is_no_reason_to_fail_and_a_vault_that_is_missing_is() -> None:
    """What the vault is says AWS to whom it lets ask; the points are listed all the same."""
    denied = setup_of(ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeBackupVault"))
    assert vault.look(denied).lineage is None
    gone = setup_of(ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "DescribeBackupVault"))
    with pytest.raises(ClientError):
        vault.look(gone)


def test_the_account_that_shares_a_vault_stands_in_each_request() -> None:
    """AWS answers "Insufficient privileges" without it (developer guide, "Troubleshoot a logically air-gapped vault issue")."""
    setup = setup_of({"VaultType": AIR_GAPPED}, account="111111111111")
    vault.look(setup)
    setup.clients.backup.describe_backup_vault.assert_called_once_with(
        BackupVaultName="bunker", BackupVaultAccountId="111111111111"
    )
