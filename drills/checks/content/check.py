"""Compare every row of every table by fingerprints; no value but a watermark leaves the database.

Tables are ordinary tables, partitions and populated materialised views outside the system's schemas, without those that
belong to an extension and without the canary, which has a check of its own. A partitioned table has no rows of its own:
its partitions are compared, by the policy of the table that they are partitions of unless they have one themselves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from drills.checks.base.budget import OUT_OF_TIME
from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.session import Connection
from drills.checks.content.bounds import UNBOUNDED, Bounds
from drills.checks.content.fingerprint import conversion
from drills.checks.content.members import is_apart
from drills.checks.content.model import Contents, TableContent
from drills.checks.content.read import EXACT, observe, policy_of
from drills.checks.content.rows import DifferingTable, RowLocation
from drills.checks.content.watermark import condition
from drills.model.finding import CheckResult, Finding, NotChecked
from drills.model.policy import TablePolicy
from drills.plural import counted

__all__ = [
    "EXACT",
    "NAME",
    "Bounds",
    "Contents",
    "TableContent",
    "differing_tables",
    "identical_tables",
    "judge",
    "observe",
    "policy_of",
    "read",
    "unmatched_policies",
]
NAME = "content"
WHAT = "tables and materialized views"  # that hold rows of their own: of a partitioned table its partitions


def read(connection: Connection, policies: Mapping[str, TablePolicy], within: Bounds = UNBOUNDED) -> CheckOutcome:
    """Read every row where nothing says what it should be: findings for the tables that the server cannot read."""
    found = observe(connection, policies=policies, within=within)
    return CheckOutcome(len(found.tables), tuple(_damage(table, reason) for table, reason in found.damaged.items()))


def differing_tables(
    connection: Connection, expected: Contents, found: Contents, policies: Mapping[str, TablePolicy]
) -> list[DifferingTable]:
    """Return the tables that differ and whose rows the manifest can identify."""
    converts = conversion(expected.algorithm, found.encoding, expected.encoding)
    return [
        DifferingTable(table, before.ranges, before.form, condition(connection, before.column, before.up_to), converts)
        for table, before in expected.tables.items()
        if before.ranges is not None
        and (after := found.tables.get(table)) is not None
        and (before.rows, before.fingerprint) != (after.rows, after.fingerprint)
        and (before.column, before.up_to) == (after.column, after.up_to)
        and not (before.unlogged and not after.rows)
        and policy_of(table, before.root, policies).kind in ("exact", "up to")
    ]


def judge(
    expected: Contents,
    found: Contents,
    policies: Mapping[str, TablePolicy],
    locations: Mapping[str, RowLocation] | None = None,
) -> CheckOutcome:
    """Compare what was expected with what was found, each table by its policy. Pure.

    The catalog check reports a missing table, which is passed over here. `locations` are the differing rows of some
    tables.
    """
    total = CheckOutcome(
        findings=tuple(_damage(table, reason) for table, reason in found.damaged.items()),
        unverified=(*_unread(expected, found, policies), *_without_fingerprint(expected, found, policies)),
        excluded=tuple(NotChecked(name, policy.reason) for name, policy in policies.items() if policy.kind == "skip"),
    )
    for table, before in expected.tables.items():
        if (after := found.tables.get(table)) is not None or policy_of(table, before.root, policies).kind == "up to":
            one = _compare(table, before, after, policy_of(table, before.root, policies))
            location = (locations or {}).get(table)
            total += (
                dataclasses.replace(one, findings=tuple(_with_location(location, each) for each in one.findings))
                if location
                else one
            )
    return total


def _with_location(location: RowLocation, finding: Finding) -> Finding:
    message, found = f"{finding.message}: {location.description}", f"{finding.found}; {location.description}"
    return dataclasses.replace(finding, message=message, found=found, query=location.query or finding.query)


def _damage(table: str, reason: str) -> Finding:
    return _finding(table, "rows that can be read", reason, f"{table} cannot be read: {reason}")


def _unread(expected: Contents, found: Contents, policies: Mapping[str, TablePolicy]) -> tuple[NotChecked, ...]:
    sides = (("source", {**expected.unreadable, **expected.damaged}), ("copy", found.unreadable))
    return tuple(
        NotChecked(table, reason if reason.startswith(OUT_OF_TIME) else f"could not be read on the {side}: {reason}")
        for side, reasons in sides
        for table, reason in reasons.items()
        if policy_of(table, "", policies).kind != "skip"
    )


def _without_fingerprint(
    expected: Contents, found: Contents, policies: Mapping[str, TablePolicy]
) -> tuple[NotChecked, ...]:
    """Return the tables with rows of which the manifest says nothing; what `members.settle` has reported is not among them."""
    known = {*expected.tables, *expected.unreadable, *expected.damaged, *(expected.not_read or {})}
    return tuple(
        NotChecked(table, "the manifest has no fingerprint of it: its rows are not compared")
        for table, content in found.tables.items()
        if table not in known and content.rows and not is_apart(content)
        if policy_of(table, content.root, policies).kind != "skip"
    )


def unmatched_policies(expected: Iterable[Contents], policies: Mapping[str, TablePolicy]) -> tuple[NotChecked, ...]:
    """Return the policies that fit no table of any database, such as one that is misspelt. Pure."""
    known: set[str] = set()
    for contents in expected:
        roots = {table.root for table in contents.tables.values()}
        known |= {*contents.tables, *contents.unreadable, *contents.damaged, *roots}
    return tuple(
        NotChecked(name, f"policy {str(policy)!r}: there is no such table")
        for name, policy in policies.items()
        if policy.kind not in ("exact", "skip") and name not in known
    )


def identical_tables(expected: Contents | None, result: CheckResult) -> frozenset[str] | None:
    """Return the tables that `result` shows to hold the source's rows; None where no manifest has them. Pure.

    Findings name tables and not databases: what differs in one database counts as different in all.
    """
    if expected is None:
        return None
    doubtful = {finding.object for finding in result.findings} | {left.what for left in result.not_checked}
    if any(name.startswith("database ") or name == NAME for name in doubtful):
        return frozenset()
    return frozenset(expected.tables) - doubtful


def _compare(table: str, before: TableContent, after: TableContent | None, policy: TablePolicy) -> CheckOutcome:
    if policy.kind == "skip":
        return CheckOutcome()
    if before.unlogged and before.rows and after is not None and not after.rows:
        return CheckOutcome(excluded=(NotChecked(table, "unlogged: PostgreSQL empties it when a backup is restored"),))
    if policy.kind == "up to" and (after is None or (before.column, before.up_to) != (after.column, after.up_to)):
        reason = f"not compared: policy {str(policy)!r} needs a manifest taken with the same policy"
        return CheckOutcome(excluded=(NotChecked(table, reason),))
    assert after is not None
    excluded: tuple[NotChecked, ...] = ()
    if policy.kind == "at least":
        excluded = (NotChecked(table, f"counted only: policy {str(policy)!r}"),)
    elif policy.kind == "up to":
        without = f"without the rows that have no {before.column}"  # which are on neither side of a watermark
        excluded = (NotChecked(table, f"compared up to {before.column} {before.up_to} only, {without}"),)
    return CheckOutcome(1, tuple(_difference(table, before, after, policy)), excluded=excluded)


def _difference(table: str, before: TableContent, after: TableContent, policy: TablePolicy) -> list[Finding]:
    if policy.kind == "at least":
        wanted = before.rows * (policy.percent or 100.0) / 100
        if after.rows >= wanted:
            return []
        message = f"{table} has {counted(after.rows, 'row')}, fewer than {policy.percent:g} % of {before.rows:,}"
        return [
            _finding(table, f"at least {wanted:,.0f} row{'s' * (wanted != 1)}", counted(after.rows, "row"), message)
        ]
    if (before.rows, before.fingerprint) == (after.rows, after.fingerprint):
        return []
    if after.rows < before.rows:
        message = f"{table} lost {before.rows - after.rows:,} of {counted(before.rows, 'row')}"
    elif after.rows > before.rows:
        message = (
            f"{table} has {counted(after.rows - before.rows, 'row')} more than the {before.rows:,} that were backed up"
        )
    else:
        message = f"{table} has the same {counted(before.rows, 'row')} by count, but other contents"
    return [_finding(table, _describe(before), _describe(after), message)]


def _describe(content: TableContent) -> str:
    return f"{counted(content.rows, 'row')}, fingerprint {content.fingerprint[:16]}"


def _finding(table: str, expected: str, found: str, message: str) -> Finding:
    return Finding(
        check=NAME,
        severity="error",
        object=table,
        expected=expected,
        found=found,
        message=message,
        query="set enable_indexonlyscan = off; select count(*), sum(('x' || left(md5(t::text), 16))::bit(64)::bigint::numeric) "
        f"from only {table} as t",
    )
