"""Compares the configuration of two instances or clusters: the original, and the one restored in its place. Pure.

Settings have flat names; `parameter.NAME`, `tag.KEY` and `server.NAME` are families. What a difference leads to is in
drills/model/settings/. A setting that could not be read is a `NotVerified`, which equals nothing and differs from nothing.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from drills.model.finding import Finding, NotChecked
from drills.model.settings.clusters import CLUSTER_FAMILIES, CLUSTER_RULES
from drills.model.settings.rules import FAMILIES, SETTING_RULES, UNKNOWN, SettingRule

CHECK = "parity"
# what differs by design, or says of what the settings are; stored with them and never compared. `writer_id` is the instance that
# is modified: a cluster's writer, and an instance itself
IDENTITY = ("instance_id", "dbi_resource_id", "arn", "kind", "writer_id")
ABSENT = "not there"


@dataclass(frozen=True, slots=True)
class NotVerified:
    """A setting that could not be read, and why."""

    reason: str


def rule_for(setting: str, kind: object = "instance") -> SettingRule:
    """Return the rule for a setting of an instance or a cluster, or the one of its family."""
    rules, families = (CLUSTER_RULES, CLUSTER_FAMILIES) if kind == "cluster" else (SETTING_RULES, FAMILIES)
    return rules.get(setting) or families.get(setting.partition(".")[0], UNKNOWN)


def compare(left: Mapping[str, object], right: Mapping[str, object], allowed: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return the differences, errors first, then by name. `left` is the original (expected), `right` the restored one.

    `allowed` maps a setting, or a whole family as `tag.*`, to the reason for which it may differ: a difference there is
    information, and its message is the reason.
    """
    found = []
    for setting in _compared(left, right):
        before, now = left.get(setting), right.get(setting)
        if _unread(setting, left, right) or _same(before, now):
            continue
        found.append(_finding(setting, before, now, right, allowed))
    order = {"error": 0, "warning": 1, "information": 2}
    return tuple(sorted(found, key=lambda finding: (order[finding.severity], finding.object)))


def not_verified(left: Mapping[str, object], right: Mapping[str, object]) -> tuple[NotChecked, ...]:
    """Return the settings, or whole families, that could not be compared because one side could not be read."""
    reasons = {
        setting: value.reason
        for side in (right, left)
        for setting, value in side.items()
        if isinstance(value, NotVerified) and setting not in IDENTITY
    }
    return tuple(NotChecked(setting, reasons[setting]) for setting in sorted(reasons))


def unused_allowances(
    left: Mapping[str, object], right: Mapping[str, object], allowed: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the allowed settings that did not differ: what nobody needs any more hides the next difference."""
    names = {finding.object for finding in compare(left, right, {})}
    return tuple(each for each in allowed if not any(_allows(each, name) for name in names))


def show_value(value: object) -> str:
    """Return a value as text for people."""
    if value is None or value == [] or value == {}:
        return ABSENT
    if isinstance(value, NotVerified):
        return f"not verified: {value.reason}"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return ", ".join(map(show_value, value))
    return json.dumps(value, sort_keys=True) if isinstance(value, Mapping) else str(value)


def _compared(left: Mapping[str, object], right: Mapping[str, object]) -> Iterator[str]:
    return (setting for setting in sorted(left.keys() | right.keys()) if setting not in IDENTITY)


def _unread(setting: str, left: Mapping[str, object], right: Mapping[str, object]) -> bool:
    """Return whether one side could not read the setting, or the family that it belongs to."""
    names = (setting, setting.partition(".")[0])
    return any(isinstance(side.get(name), NotVerified) for side in (left, right) for name in names)


def _same(before: object, now: object) -> bool:
    """Return whether two values are equal or both absent; True is not 1."""
    if show_value(before) == ABSENT or show_value(now) == ABSENT:
        return show_value(before) == show_value(now)
    return before == now and isinstance(before, bool) == isinstance(now, bool)


def _allows(pattern: str, setting: str) -> bool:
    return setting == pattern or (pattern.endswith(".*") and setting.startswith(pattern[:-1]))


def _finding(
    setting: str, before: object, now: object, right: Mapping[str, object], allowed: Mapping[str, str]
) -> Finding:
    reason = next((why for pattern, why in allowed.items() if _allows(pattern, setting)), None)
    row = rule_for(setting, right.get("kind"))
    remedy = _remedy(row, before, now, right).replace("{name}", setting.partition(".")[2])
    remedy = remedy.replace("{value}", shlex.quote(show_value(before)))
    return Finding(
        check=CHECK,
        severity="information" if reason is not None else row.severity,
        object=setting,
        expected=show_value(before),
        found=show_value(now),
        message=f"allowed: {reason}" if reason is not None else f"{row.consequence}: {remedy}",
    )


def _remedy(row: SettingRule, before: object, now: object, right: Mapping[str, object]) -> str:
    """Return the command that gives the right side the value of the left one."""
    kind, name = (
        ("cluster", right.get("instance_id"))
        if row.of == "cluster"
        else ("instance", right.get("writer_id") or right.get("instance_id"))
    )
    modify = f"aws rds modify-db-{kind} --db-{kind}-identifier {name or kind.upper()} --apply-immediately"
    option = row.off if row.off and not before else row.option
    if before is None and row.unset:
        return row.unset
    if not option or (before is None and "{}" in option):
        return row.remedy or f"set it as it was: {modify}"
    return f"{modify} {option}".replace("{}", _argument(option, before, now))


def _argument(option: str, before: object, now: object) -> str:
    if option.startswith("--cloudwatch-logs-export-configuration"):
        wanted, there = _names(before), _names(now)
        types = {"EnableLogTypes": wanted, "DisableLogTypes": [each for each in there if each not in wanted]}
        return shlex.quote(json.dumps({key: value for key, value in types.items() if value}))
    if isinstance(before, list | tuple):
        return " ".join(shlex.quote(str(each)) for each in before)
    return shlex.quote(str(before))


def _names(value: object) -> Sequence[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else []
