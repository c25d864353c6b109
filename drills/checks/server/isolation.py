"""Check that the scratch instance is shut off and acted on by nobody else, as the AWS API describes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from drills.model.finding import CheckResult, Finding, NotChecked, Outcome, Severity
from drills.model.instance import Instance
from drills.plural import counted

NAME = "isolation"


@dataclass(frozen=True, slots=True)
class SelectedBy:
    """A selection of a backup plan that means the scratch instance: its plan and name, and by what ("tag", "ARN", "everything")."""

    plan: str
    selection: str
    by: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The groups that a scratch instance was asked to be in, and what of the source's could make others act on it.

    `inherited` names the tags that it shares with the source and that the run has not set; None where there is no source to
    compare with. `unread` says why the selections of the backup plans are not known, "" where they are.
    """

    security_group: str
    subnet_group: str
    inherited: tuple[str, ...] | None = ()
    selected: tuple[SelectedBy, ...] = ()
    unread: str = ""


def judge(
    scratch: Instance, security_groups: Sequence[dict[str, Any]], around: Surroundings | None = None
) -> CheckResult:
    """Judge a scratch instance and its security groups (members of DescribeSecurityGroups' answer). Pure.

    It must not be public, not protected from deletion, take no backups and export no logs of its own; its groups let
    nothing out and admit no range of addresses. A group that admits another group, as owners do for their runners, is a
    warning: its members cannot be seen from here. With `around` it must be in the groups that were asked for and in no other, have
    no tag of the source, and be meant by no selection of a backup plan: one that means everything is a warning.
    """
    public = {True: "yes", False: "no", None: ""}[scratch.publicly_accessible]
    facts = [
        *([("public access", "no", public)] if public else []),
        ("deletion protection", "off", "on" if scratch.deletion_protection else "off"),
        ("backup retention", counted(_least_retention(scratch), "day"), counted(scratch.backup_retention_days, "day")),
        ("log exports", "none", ", ".join(scratch.log_exports) or "none"),
        ("security groups", "at least one", "at least one" if security_groups else "none"),
        *(_placing(scratch, around) if around else []),
    ]
    references: list[tuple[str, str, str]] = []
    for group in security_groups:
        facts += openings(group)
        others = [reference for rule in group.get("IpPermissions") or [] for reference in _references(rule)]
        references += [(f"ingress of {group.get('GroupId', '?')}", "single hosts", ", ".join(others))] if others else []
    references += _selections(around, everything=True) if around else []
    errors = tuple(_finding(scratch, "error", *fact) for fact in facts if fact[1] != fact[2])
    warnings = tuple(_finding(scratch, "warning", *fact) for fact in references)
    unknown = () if public else (NotChecked("public access", "DescribeDBInstances does not say PubliclyAccessible"),)
    outcome: Outcome = "missed" if errors else "not verified" if unknown else "met"
    return CheckResult(
        NAME,
        outcome,
        _sentence(errors, unknown, warnings),
        compared=len(facts),
        findings=(*errors, *warnings),
        not_checked=(*unknown, *_unread(around)),
        unverified=len(unknown),
    )


def _sentence(errors: Sequence[Finding], unknown: Sequence[NotChecked], warnings: Sequence[Finding]) -> str:
    if errors:
        return errors[0].message + (f" and {len(errors) - 1} more" if len(errors) > 1 else "")
    if unknown:
        return f"whether it is public is not known: {unknown[0].reason}"
    if warnings:
        return f"lets nothing out and admits no range of addresses, {counted(len(warnings), 'warning')}"
    return "admits single hosts alone and lets nothing out"


def _least_retention(scratch: Instance) -> int:
    """Return the fewest days for which automated backups can be kept: none of an instance, one of a cluster.

    Amazon RDS API reference, CreateDBCluster, BackupRetentionPeriod: "Must be a value from 1 to 35".
    """
    return 1 if scratch.engine.startswith("aurora") else 0


def _placing(scratch: Instance, around: Surroundings) -> list[tuple[str, str, str]]:
    """Return whether the instance is where it was asked to be, and has nothing that others act on: what, expected, found."""
    return [
        ("own security group", around.security_group, ", ".join(scratch.security_groups) or "none"),
        ("own subnet group", around.subnet_group, scratch.subnet_group or "none"),
        ("tags of the source", "none", ", ".join(around.inherited or ()) or "none"),
        *(_selections(around, everything=False) or [("backup plans", "none", "none")]),
    ]


def _selections(around: Surroundings, *, everything: bool) -> list[tuple[str, str, str]]:
    """Return the selections that mean the instance as they mean everything, or by a tag or its name."""
    return [
        ("backup plans", "none", f"{each.selection} of {each.plan}, by {each.by}")
        for each in around.selected
        if (each.by == "everything") == everything
    ]


def _unread(around: Surroundings | None) -> tuple[NotChecked, ...]:
    if around is None:
        return ()
    found = [NotChecked("backup plans that would back the copy up", around.unread)] if around.unread else []
    if around.inherited is None:
        found.append(NotChecked("tags of the source", "there is no source to compare the copy's tags with"))
    return tuple(found)


def openings(group: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what a group of a shut-off instance lets out, and which ranges of addresses it admits: what, expected,
    found.
    """
    name = group.get("GroupId", "?")
    ways_out = [_addresses(rule) + _references(rule) or ["anywhere"] for rule in group.get("IpPermissionsEgress") or []]
    ways_in = group.get("IpPermissions") or []
    wide = [address for rule in ways_in for address in _addresses(rule) if not address.endswith(("/32", "/128"))]
    return [
        (f"egress of {name}", "none", ", ".join(way for openings in ways_out for way in openings) or "none"),
        (f"ingress of {name}", "single hosts", ", ".join(wide) or "single hosts"),
    ]


def _finding(scratch: Instance, severity: Severity, what: str, expected: str, found: str) -> Finding:
    message = f"the scratch instance {scratch.id!r} is not shut off: {what} is {found}, expected {expected}"
    return Finding(NAME, severity, f"{scratch.id}: {what}", expected, found, message)


def _addresses(rule: dict[str, Any]) -> list[str]:
    """Return the address ranges that a rule names, in CIDR notation."""
    ranges = [entry.get("CidrIp") for entry in rule.get("IpRanges") or []]
    ranges += [entry.get("CidrIpv6") for entry in rule.get("Ipv6Ranges") or []]
    return [address for address in ranges if address]


def _references(rule: dict[str, Any]) -> list[str]:
    """Return the groups and prefix lists that a rule names."""
    groups = [f"group {entry.get('GroupId', '?')}" for entry in rule.get("UserIdGroupPairs") or []]
    return groups + [f"prefix list {entry.get('PrefixListId', '?')}" for entry in rule.get("PrefixListIds") or []]
