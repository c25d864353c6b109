"""The dates on which recoverability ends, each with the days that are left. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drills.aws.engine import Lifecycle
from drills.durations import days_after, show_duration
from drills.model.engine import major_of
from drills.model.finding import CheckResult, Severity
from drills.model.parity import NotVerified
from drills.model.point import USABLE, RecoveryPoint
from drills.posture.judgement import Judgement, count_noun
from drills.preflight.facts import Key, PreflightFacts

NAME = "dates"
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class End:
    """A date after which recovery is another one, or none. `at` None: it never comes, as far as AWS says.

    `rolling` is True where new recovery points replace it; `days` are left at `now`, negative when it is past.
    """

    what: str
    at: datetime | None
    days: float | None
    consequence: str
    severity: Severity
    remedy: str
    rolling: bool = False


def ends(facts: PreflightFacts) -> tuple[End, ...]:
    """Return every date that could be read, the nearest first, those that never come last."""
    found = [*_points(facts), *_keys(facts), *_engine(facts), *_maintenance(facts), *_certificates(facts)]
    return tuple(sorted(found, key=lambda each: (each.at is None, each.at or facts.now, each.what)))


def judge(facts: PreflightFacts) -> CheckResult:
    """Judge that no date is nearer than drill.toml allows: preflight.ends_within and points_end_within."""
    judged = Judgement(NAME)
    _unread(judged, facts)
    for each in ends(facts):
        judged.count()
        within = facts.points_end_within if each.rolling else facts.ends_within
        if each.at is None or each.at - facts.now > within:
            continue
        past = each.at <= facts.now
        key = "points_end_within" if each.rolling else "ends_within"
        judged.find(
            each.severity,
            each.what,
            expected=f"not within {show_duration(within.total_seconds())} (preflight.{key})",
            found=f"{each.at:%Y-%m-%d %H:%M} UTC, {'past' if past else f'in {left(each)}'}: {each.consequence}",
            remedy=each.remedy,
        )
    near = len(judged.findings)
    told = f"{count_noun(judged.compared, 'date')} known, {near if near else 'none'} near"
    if judged.compared or judged.unread:
        return judged.result(told)
    return judged.result("", nothing="there is nothing that could end", requirement="optional")


def left(end: End) -> str:
    """Return the time that is left, in words."""
    return "" if end.days is None else show_duration(abs(end.days) * DAY)


_SEE_THE_PLAN = "see whether the plan goes on: drills posture; now: drills backup --retain"
_BACK_UP = "see whether the plan goes on: drills posture; now: aws backup start-backup-job"  # drills backup has databases alone
_COPY_ACTION = "see whether the plan's copy action goes on: drills posture"
_KEEP_THE_KEY = "aws kms cancel-key-deletion, or copy the points under another key before that day"
_UPGRADE = "upgrade the source to a newer major version, and drill its next backup"
_MAINTAIN = "aws rds apply-pending-maintenance-action at a time of your own, and drill afterwards"
_NEWER_AUTHORITY = (
    "aws rds modify-db-instance --ca-certificate-identifier with a newer authority, after the clients trust it"
)


def _end(
    facts: PreflightFacts,
    what: str,
    at: datetime | None,
    consequence: str,
    severity: Severity,
    remedy: str,
    *,
    rolling: bool = False,
) -> End:
    days = None if at is None else (at - facts.now).total_seconds() / DAY
    return End(what, at, days, consequence, severity, remedy, rolling)


def _points(facts: PreflightFacts) -> Iterator[End]:
    sides: tuple[tuple[str, str, Sequence[RecoveryPoint] | NotVerified | None], ...] = (
        ("recovery point", _BACK_UP if facts.resource else _SEE_THE_PLAN, facts.points),
        ("copy", _COPY_ACTION, facts.copies),
    )
    for noun, remedy, points in sides:
        if isinstance(points, NotVerified) or points is None:
            continue
        usable = [each for each in points if each.status in USABLE and each.data_time and not _over(each, facts.now)]
        if not usable:
            continue
        newest = max(usable, key=lambda each: each.data_time or facts.now)
        if not _untold(newest):
            deleted, gone = _expiry(newest, facts), f"the newest {noun} is deleted"
            yield _end(facts, f"newest {noun}", deleted, gone, "warning", remedy, rolling=True)
        expiries = [_expiry(each, facts) for each in usable if not _untold(each)]
        if None not in expiries and len(expiries) < len(usable):
            continue  # one whose end nothing tells may be the last
        last = None if None in expiries else max(each for each in expiries if each is not None)
        none_left = f"without new ones there is no {noun} left"
        yield _end(facts, f"last {noun}", last, none_left, "error", remedy, rolling=True)


def _over(point: RecoveryPoint, now: datetime) -> bool:
    return point.expires_at is not None and point.expires_at <= now


def _untold(point: RecoveryPoint) -> bool:
    """Return whether nothing tells when a point is deleted: its vault does, which is none that drill.toml names."""
    return point.kind == "awsbackup" and point.vault is None and point.expires_at is None


def _expiry(point: RecoveryPoint, facts: PreflightFacts) -> datetime | None:
    """Return when a point is deleted; None for one that is kept.

    RDS keeps its own snapshots for the backup retention period (Amazon RDS User Guide, "Backup retention period").
    """
    if point.expires_at or point.kind != "automated":
        return point.expires_at
    instance = None if isinstance(facts.instance, NotVerified) else facts.instance
    days = (instance or {}).get("BackupRetentionPeriod")
    return days_after(point.created_at, int(days)) if days and point.created_at else None


def _keys(facts: PreflightFacts) -> Iterator[End]:
    for arn, key in facts.keys.items():
        if not isinstance(key, Key):
            continue
        name, lost = arn.rsplit("/", 1)[-1], "nothing that it encrypts can be restored"
        if deleted := key.metadata.get("DeletionDate"):
            yield _end(facts, f"key {name} deleted", deleted, lost, "error", _KEEP_THE_KEY)
        if expires := key.metadata.get("ValidTo"):
            yield _end(facts, f"key {name} loses its material", expires, lost, "error", _KEEP_THE_KEY)


def _engine(facts: PreflightFacts) -> Iterator[End]:
    engine = facts.engine
    if engine is None or not isinstance(engine.lifecycle, Lifecycle):
        return
    major = f"PostgreSQL {major_of(engine.version)}"
    if engine.lifecycle.standard_until:
        yield _end(
            facts,
            f"standard support of {major}",
            engine.lifecycle.standard_until,
            "restores are charged for Extended Support, or upgraded",
            "warning",
            _UPGRADE,
        )
    if engine.lifecycle.extended_until:
        yield _end(
            facts,
            f"Extended Support of {major}",
            engine.lifecycle.extended_until,
            "RDS upgrades instances of it by force",
            "error",
            _UPGRADE,
        )


def _maintenance(facts: PreflightFacts) -> Iterator[End]:
    """Yield what RDS will apply by itself (PendingMaintenanceAction: AutoAppliedAfterDate, ForcedApplyDate, CurrentApplyDate)."""
    if isinstance(facts.maintenance, NotVerified):
        return
    for each in facts.maintenance:
        dates = [each.get(name) for name in ("CurrentApplyDate", "AutoAppliedAfterDate", "ForcedApplyDate")]
        at = min((date for date in dates if date), default=None)
        if at is None:
            continue
        action = str(each.get("Action", "maintenance"))
        what = f"maintenance {action} of the source"
        forced = "RDS applies it by force" if each.get("ForcedApplyDate") == at else "RDS applies it"
        yield _end(facts, what, at, f"{forced}: earlier backups may be of another version", "warning", _MAINTAIN)


def _certificates(facts: PreflightFacts) -> Iterator[End]:
    instance: Mapping[str, Any] = {} if isinstance(facts.instance, NotVerified) else facts.instance or {}
    details: Mapping[str, Any] = instance.get("CertificateDetails") or {}
    own = details.get("CAIdentifier") or instance.get("CACertificateIdentifier")
    lost = "clients that verify it cannot connect"
    if details.get("ValidTill"):
        yield _end(facts, "certificate of the source", details["ValidTill"], lost, "error", _NEWER_AUTHORITY)
    for each in () if isinstance(facts.certificates, NotVerified) else facts.certificates:
        till = each.get("CustomerOverrideValidTill") or each.get("ValidTill")
        if own and till and each.get("CertificateIdentifier") == own:
            yield _end(facts, f"certificate authority {own}", till, lost, "error", _NEWER_AUTHORITY)


def _unread(judged: Judgement, facts: PreflightFacts) -> None:
    """Note every date that could not be read: one that is not known is not far away."""
    judged.was_read("retention of the recovery points", facts.points)
    judged.was_read("retention of the copies", facts.copies)
    untold = () if isinstance(facts.points, NotVerified) else [each for each in facts.points if _untold(each)]
    if untold:
        where = f"another vault than {facts.vault}" if facts.vault else "a vault, and drill.toml names none"
        of = f"retention of {count_noun(len(untold), 'recovery point')}, {untold[0].snapshot_id or untold[0].arn} among them"
        judged.was_read(of, NotVerified(f"kept by AWS Backup in {where}; that alone tells the date"))
    for arn, key in facts.keys.items():
        judged.was_read(f"deletion of {arn}", key)
    if facts.resource is not None:
        return
    if facts.engine is not None:
        judged.was_read("end of the engine's support", facts.engine.lifecycle)
    judged.was_read("forced upgrades", facts.maintenance)
    judged.was_read("certificate of the source", facts.instance)
    judged.was_read("certificate authorities", facts.certificates)
