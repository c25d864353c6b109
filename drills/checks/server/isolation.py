"""Check that the scratch instance is shut off, as the AWS API describes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drills.model.finding import CheckResult, Finding, Outcome, Severity
from drills.model.instance import Instance

NAME = "isolation"


def judge(scratch: Instance, security_groups: Sequence[dict[str, Any]]) -> CheckResult:
    """Judge a scratch instance and its security groups (members of DescribeSecurityGroups' answer). Pure.

    It must not be public, not protected from deletion, take no backups and export no logs of its own; its groups let
    nothing out and admit no range of addresses. A group that admits another group, as owners do for their runners, is a
    warning: its members cannot be seen from here.
    """
    facts = [
        ("public access", "no", "yes" if scratch.publicly_accessible else "no"),
        ("deletion protection", "off", "on" if scratch.deletion_protection else "off"),
        ("backup retention", "0 days", f"{scratch.backup_retention_days} days"),
        ("log exports", "none", ", ".join(scratch.log_exports) or "none"),
        ("security groups", "at least one", "at least one" if security_groups else "none"),
    ]
    references: list[tuple[str, str, str]] = []
    for group in security_groups:
        facts += openings(group)
        others = [reference for rule in group.get("IpPermissions") or [] for reference in _references(rule)]
        references += [(f"ingress of {group.get('GroupId', '?')}", "single hosts", ", ".join(others))] if others else []
    errors = tuple(_finding(scratch, "error", *fact) for fact in facts if fact[1] != fact[2])
    warnings = tuple(_finding(scratch, "warning", *fact) for fact in references)
    if errors:
        sentence = errors[0].message + (f" and {len(errors) - 1} more" if len(errors) > 1 else "")
    elif warnings:
        sentence = f"lets nothing out and admits no range of addresses, {len(warnings)} warning{'s' if len(warnings) > 1 else ''}"
    else:
        sentence = "admits single hosts alone and lets nothing out"
    outcome: Outcome = "missed" if errors else "met"
    return CheckResult(NAME, outcome, sentence, compared=len(facts), findings=(*errors, *warnings))


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
