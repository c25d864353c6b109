"""The rows that say what was restored and how it was kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from drills.model.lineage import Lineage
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from reports.lineage import rows
from tests.support.clock import NOON
from tests.support.points import POINT

RESTORED = Restoration("recovery", POINT, "copy", engine_version="16.9")


def _rows(point: RecoveryPoint = POINT, /, **lineage: Any) -> dict[str, str]:
    return dict(rows(replace(point, lineage=Lineage(**lineage)), RESTORED))


def test_a_record_without_lineage_is_unknown_in_every_row_but_the_fixed_one() -> None:
    """Older records are still read, and no absent value is shown as a good one."""
    found = dict(rows(POINT, RESTORED))
    assert found.pop("malware scan") == "not offered for RDS"
    assert found.pop("engine version") == "PostgreSQL unknown backed up, 16.9 restored"
    assert all("unknown" in said for said in found.values()), found


@pytest.mark.parametrize(
    ("lineage", "said"),
    [
        ({"storage_encryption": "none"}, "none"),
        ({"storage_encryption": "sse-rds"}, "sse-rds: a key that AWS owns, none of the customer's"),
        ({"storage_encryption": "sse-kms", "key_manager": "CUSTOMER"}, "sse-kms, under a key of the customer's, key-1"),
        ({"storage_encryption": "sse-kms"}, "sse-kms, under a key whose owner is unknown, key-1"),
        ({"key_type": "AWS_OWNED_KMS_KEY"}, "sse-rds: a key that AWS owns, none of the customer's"),
    ],
)
def test_encrypted_does_not_mean_a_key_of_the_customers(lineage: dict[str, Any], said: str) -> None:
    """The kind of encryption and whose key it is are told apart, as StorageEncryptionType and KeyManager do."""
    assert _rows(replace(POINT, encrypted=True, kms_key_id="key-1"), **lineage)["encryption"] == said


def test_a_key_that_aws_manages_is_named_with_its_consequence() -> None:
    """A snapshot under such a key cannot be shared with another account (RDS User Guide, "Sharing encrypted snapshots")."""
    found = _rows(replace(POINT, encrypted=True), storage_encryption="sse-kms", key_manager="AWS")
    assert "cannot be shared" in found["encryption"]


@pytest.mark.parametrize(
    ("lineage", "said"),
    [
        ({"vault_locked": False}, "not locked"),
        ({"vault_locked": True}, "locked; who has the right can lift it"),
        ({"vault_locked": True, "vault_lock_date": NOON}, "on nobody can lift it"),
        ({"vault_locked": False, "vault_lock_at_backup": "LOCKED"}, "not locked (at the backup: LOCKED)"),
    ],
)
def test_the_lock_says_who_can_lift_it(lineage: dict[str, Any], said: str) -> None:
    """A lock without a lock date can be taken off (DescribeBackupVault, LockDate)."""
    assert said in _rows(**lineage)["vault lock"]


def test_the_rule_has_its_schedule_and_time_zone() -> None:
    """A cron expression says nothing without the zone that it is read in."""
    rule = {"plan": "nightly", "rule": "night", "rule_cron": "cron(0 3 * * ? *)", "rule_timezone": "Europe/Berlin"}
    assert _rows(**rule)["backup rule"] == "night of plan nightly: cron(0 3 * * ? *), time zone Europe/Berlin"


def test_what_could_not_be_read_is_a_row_of_its_own() -> None:
    """A reader sees which right was missing."""
    assert _rows(not_read=("DescribeKey: AccessDeniedException",))["not read"] == "DescribeKey: AccessDeniedException"
    assert "not read" not in _rows()
