"""The rules of AWS Backup plans that back one resource up. Pure.

The documents are those of the AWS Backup API: GetBackupSelection (BackupSelection, Conditions) and GetBackupPlan
(BackupPlan, BackupRule), whose defaults are a start window of 8 hours and a completion window of 7 days.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from drills.schedule.firings import Rate, read_expression
from drills.schedule.worst_case import ScheduleRule, exact_duration

START_WINDOW, COMPLETION_WINDOW = timedelta(hours=8), timedelta(days=7)
DEFAULT_EXPRESSION, DEFAULT_ZONE = "cron(0 5 ? * * *)", "Etc/UTC"
_TAG = "aws:ResourceTag/"


@dataclass(frozen=True, slots=True)
class LongestDurations:
    """The longest backup and the longest copy of the resource that were observed; None where none was."""

    backup: timedelta | None = None
    copy: timedelta | None = None


@dataclass(frozen=True, slots=True)
class PlannedRules:
    """The rules that back a resource up, those of them whose backups are copied, and the assumptions made."""

    rules: tuple[ScheduleRule, ...] = ()
    copied: tuple[ScheduleRule, ...] = ()
    vaults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def rules_of(
    plans: Iterable[tuple[str, Mapping[str, Any]]], took: LongestDurations, *, continuous: bool = True
) -> PlannedRules:
    """Return the rules of the plans, each an id and its document, that were found to back the resource up.

    Without `continuous` no rule backs the resource up so, whatever it says: AWS Backup does that for some kinds alone.
    A backup is taken to last as long as the longest one seen, and where none was seen its whole completion window; a
    copy, which has no window, as long as the longest one seen.
    """
    rules, copied, vaults, notes = [], [], [], []
    for plan_id, document in plans:
        for raw in document.get("Rules") or ():
            rule = _rule(plan_id, document, raw if continuous else {**raw, "EnableContinuousBackup": False}, took)
            if isinstance(rule, str):
                notes.append(rule)
                continue
            rules.append(rule)
            vaults.append(raw["TargetBackupVaultName"])
            if took.backup is None and not rule.continuous:
                notes.append(
                    f"{rule.name}: no completed backup was seen, so it may take its completion window of "
                    f"{exact_duration(rule.backup.total_seconds())}"
                )
            if raw.get("CopyActions"):
                copied.append(_with_copy(rule, took))
                if took.copy is None:
                    notes.append(
                        f"{rule.name}: no completed copy was seen, so the time that a copy takes is not counted"
                    )
    return PlannedRules(tuple(rules), tuple(copied), tuple(dict.fromkeys(vaults)), tuple(notes))


def _rule(
    plan_id: str, document: Mapping[str, Any], raw: Mapping[str, Any], took: LongestDurations
) -> ScheduleRule | str:
    """Return the rule, or why it cannot be judged."""
    name = f"{document.get('BackupPlanName', plan_id)}/{raw['RuleName']}"
    expression = raw.get("ScheduleExpression") or DEFAULT_EXPRESSION
    try:
        schedule = read_expression(expression)
    except ValueError as error:
        return f"{name} counts for nothing: {error}"
    if isinstance(schedule, Rate):
        return f"{name} counts for nothing: AWS Backup takes cron expressions only, found {expression!r}"
    window = _minutes(raw.get("CompletionWindowMinutes"), COMPLETION_WINDOW)
    return ScheduleRule(
        name,
        expression,
        raw.get("ScheduleExpressionTimezone") or DEFAULT_ZONE,
        _minutes(raw.get("StartWindowMinutes"), START_WINDOW),
        window if took.backup is None else took.backup,
        completion_window=window,
        continuous=bool(raw.get("EnableContinuousBackup")),
        plan=plan_id,
        retention_days=_retention(raw.get("Lifecycle") or {}),
    )


def _minutes(given: int | None, otherwise: timedelta) -> timedelta:
    return otherwise if given is None else timedelta(minutes=int(given))


def _retention(lifecycle: Mapping[str, Any]) -> int | None:
    """Return days; None for ever, which the API expresses by no value or by -1."""
    days = lifecycle.get("DeleteAfterDays")
    return None if days in (None, -1) else int(str(days))


def _with_copy(rule: ScheduleRule, took: LongestDurations) -> ScheduleRule:
    """Return the rule as the copy's place sees it, where its continuous backup does not reach."""
    return ScheduleRule(
        f"{rule.name}, copied",
        rule.expression,
        rule.zone,
        rule.start_window,
        rule.backup,
        took.copy or timedelta(),
        rule.completion_window,
        plan=rule.plan,
        retention_days=rule.retention_days,
    )
