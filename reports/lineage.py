"""What was restored, and how it was kept, as rows of a name and a sentence. Pure.

What AWS did not say is "unknown": a reader must not take an absent lock or key for one that was looked at.
"""

from __future__ import annotations

from datetime import UTC, datetime

from drills.model.instance import SourceKind
from drills.model.lineage import MALWARE_SCAN, UNKNOWN, VAULTS_APART, Lineage
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration

Rows = tuple[tuple[str, str], ...]
_VAULTS = {"BACKUP_VAULT": "a backup vault", **VAULTS_APART}
_KEYS = {"CUSTOMER": "of the customer's", "AWS": "that AWS manages: the backup cannot be shared with another account"}


def rows(point: RecoveryPoint, restoration: Restoration, kind: SourceKind = "instance") -> Rows:
    """Return the lineage of a restored point, each row a name and what is known; "unknown" where AWS did not say."""
    lineage = point.lineage or Lineage()
    found = [
        ("vault", _vault(point, lineage)),
        ("vault lock", _lock(point, lineage)),
        ("encryption", _encryption(point, lineage)),
        ("backup initiated", _instant(lineage.initiated_at)),
        ("backup rule", _rule(lineage)),
        ("parent", _parent(lineage)),
        ("copied from", "AWS names no other vault or snapshot" if lineage.copied_from == "" else lineage.copied_from),
    ]
    if kind in ("instance", "cluster"):
        found.append(("engine version", _versions(point, restoration)))
    if kind in MALWARE_SCAN:
        found.append(("malware scan", MALWARE_SCAN[kind]))
    if lineage.not_read:
        found.append(("not read", "; ".join(lineage.not_read)))
    return tuple(found)


def _vault(point: RecoveryPoint, lineage: Lineage) -> str:
    if not point.vault:
        return "none: it is RDS's own, in no vault of AWS Backup"
    kind = _VAULTS.get(lineage.vault_type, lineage.vault_type)
    return f"{point.vault}, type {UNKNOWN}" if kind == UNKNOWN else f"{point.vault}, {kind}"


def _lock(point: RecoveryPoint, lineage: Lineage) -> str:
    if not point.vault:
        return "none: it is in no vault"
    if lineage.vault_locked is None:
        now = UNKNOWN
    elif not lineage.vault_locked:
        now = "not locked"
    elif lineage.vault_lock_date is None:
        now = "locked; who has the right can lift it"
    else:
        now = f"locked; from {_instant(lineage.vault_lock_date)} on nobody can lift it"
    before = lineage.vault_lock_at_backup
    return now if before == UNKNOWN else f"{now} (at the backup: {before})"


def _encryption(point: RecoveryPoint, lineage: Lineage) -> str:
    """Return the kind of encryption and whose key it is: "encrypted" alone does not mean a key of the customer's."""
    kind, manager = lineage.storage_encryption, _KEYS.get(lineage.key_manager)
    if kind == "none":
        return "none"
    if kind == "sse-rds" or lineage.key_type == "AWS_OWNED_KMS_KEY":
        return f"{'sse-rds' if kind == UNKNOWN else kind}: a key that AWS owns, none of the customer's"
    if kind == UNKNOWN and not point.encrypted:
        return UNKNOWN
    if manager is None and lineage.key_type == "CUSTOMER_MANAGED_KMS_KEY":
        manager = _KEYS["CUSTOMER"]
    named = f", {point.kms_key_id}" if point.kms_key_id else ""
    whose = manager or f"whose owner is {UNKNOWN}"
    return f"{'encrypted, kind unknown' if kind == UNKNOWN else kind}, under a key {whose}{named}"


def _rule(lineage: Lineage) -> str:
    if lineage.rule_cron == UNKNOWN and lineage.rule == UNKNOWN:
        return f"{UNKNOWN}: AWS names no rule"
    return f"{lineage.rule} of plan {lineage.plan}: {lineage.rule_cron}, time zone {lineage.rule_timezone}"


def _parent(lineage: Lineage) -> str:
    if lineage.is_parent:
        return "it is the parent of others (a composite)"
    return "none" if lineage.parent == "" else lineage.parent


def _versions(point: RecoveryPoint, restoration: Restoration) -> str:
    before, after = point.engine_version or UNKNOWN, restoration.engine_version or UNKNOWN
    return f"PostgreSQL {before} backed up, {after} restored"


def _instant(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else UNKNOWN
