"""How tables of extensions, tables in a schema of PostgreSQL's and materialised views are compared. Pure.

The catalog check does not name them one by one, so that a missing one is found here. A physical copy has all of an
extension's rows; a dump carries those that the extension marks with pg_extension_config_dump(), and leaves the others to
the extension's script (https://www.postgresql.org/docs/current/extend-extensions.html). So what is no physical copy is
compared as far as a dump goes, and the rest is listed. A policy for the table in drill.toml makes it a table like others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from drills.checks.base.outcome import CheckOutcome
from drills.checks.content.model import Contents, TableContent
from drills.model.finding import Finding, NotChecked
from drills.model.policy import TablePolicy
from drills.plural import counted

NAME = "content"
_BEFORE = "the manifest was taken before tables of extensions and in schemas of PostgreSQL's were read: take it again"


@dataclasses.dataclass(frozen=True, slots=True)
class Settled:
    """What the source and the copy have that can be compared row by row, and the outcome for the rest."""

    expected: Contents
    found: Contents
    outcome: CheckOutcome


def settle(
    expected: Contents, found: Contents, policies: Mapping[str, TablePolicy], *, other_server: bool = False
) -> Settled:
    """Return both with each such table reduced to what can be compared.

    `other_server`: the copy's server is known to be no physical copy of the source's, whatever the tables' OIDs are.
    """
    before, after, total = dict(expected.tables), dict(found.tables), CheckOutcome()
    for name, table in expected.tables.items():
        policy = policies.get(name)
        if table.view_oid and policy is None and _is_refreshed(table, after.get(name), other_server):
            total += _stale(name, table, after[name])
            del before[name], after[name]
            continue
        if not is_apart(table) or (policy and policy.kind == "skip"):
            continue
        here = after.get(name)
        if here is None:
            unread = name in found.unreadable or name in found.damaged
            total += CheckOutcome() if unread else _missing(name, table)
        elif table.member and policy is None and not _is_physical(table, here, other_server):
            pair, one = _as_dumped(name, table, here)
            total += one
            if pair:
                before[name], after[name] = pair
            else:
                del before[name], after[name]
    added = {name: here for name, here in after.items() if name not in expected.tables and is_apart(here)}
    total += _added(added, known=expected.not_read is not None)
    total += CheckOutcome(excluded=tuple(NotChecked(*each) for each in (expected.not_read or {}).items()))
    return Settled(dataclasses.replace(expected, tables=before), dataclasses.replace(found, tables=after), total)


def _is_refreshed(before: TableContent, after: TableContent | None, other_server: bool) -> bool:
    """Return whether a materialised view came with a dump, which has its query run anew, and holds other rows since.

    https://www.postgresql.org/docs/current/sql-refreshmaterializedview.html; a dump makes it with another OID.
    """
    if after is None or (before.rows, before.fingerprint) == (after.rows, after.fingerprint):
        return False
    return other_server or before.view_oid != after.view_oid


def _stale(name: str, before: TableContent, after: TableContent) -> CheckOutcome:
    counts = f"{counted(before.rows, 'row')} on the source, {after.rows:,} here"
    reason = f'materialised view that the restore of a dump has filled anew: {counts}; "exact" compares it all the same'
    return CheckOutcome(excluded=(NotChecked(name, reason),))


def is_apart(table: TableContent) -> bool:
    """Return whether the catalog check does not name the table."""
    return table.system_schema or table.member is not None


def _is_physical(before: TableContent, after: TableContent, other_server: bool) -> bool:
    """Return whether a table was copied with its files: a dump makes it anew, with another OID."""
    same = before.member is not None and after.member is not None and before.member.oid == after.member.oid
    return same and not other_server


def _as_dumped(
    name: str, before: TableContent, after: TableContent
) -> tuple[tuple[TableContent, TableContent] | None, CheckOutcome]:
    """Return an extension's table as far as a dump carries it, None where that cannot be compared, and what to list."""
    assert before.member is not None
    of = f"belongs to extension {before.member.extension}"
    there = after.member.extension if after.member else "no extension"
    if before.member.configuration and not before.member.condition:
        return (before, after), CheckOutcome()
    if before.carried and after.carried and after.member and before.member.condition == after.member.condition:
        reason = f"{of}: compared as far as a dump carries it: {before.member.condition}"
        return (_only(before), _only(after)), CheckOutcome(excluded=(NotChecked(name, reason),))
    if (before.rows, before.fingerprint) == (after.rows, after.fingerprint):
        return (before, after), CheckOutcome()
    counts = f"{counted(before.rows, 'row')} on the source, {after.rows:,} here"
    if before.member.configuration:
        why = f"in the copy to {there}, with another condition for what a dump carries"
    else:
        why = "which does not mark it as configuration, so that a dump does not carry its rows"
    reason = f'{of}, {why}: {counts}; the policy "exact" compares it all the same'
    return None, CheckOutcome(excluded=(NotChecked(name, reason),))


def _only(table: TableContent) -> TableContent:
    assert table.carried is not None
    return dataclasses.replace(table, rows=table.carried.rows, fingerprint=table.carried.fingerprint, ranges=None)


def _missing(name: str, table: TableContent) -> CheckOutcome:
    """Report a table that is gone, where no other check does."""
    rows = f"a table with {counted(table.rows, 'row')}"
    of = f" of extension {table.member.extension}" if table.member else ""
    message = f"{name}{of} is missing, and with it {counted(table.rows, 'row')}"
    return CheckOutcome(1, (_finding(name, rows, "no such table", message),))


def _added(tables: Mapping[str, TableContent], *, known: bool) -> CheckOutcome:
    """Report the tables in PostgreSQL's schemas that the source does not have, and list those of extensions.

    `known` is false where the manifest does not say which of either there were.
    """
    total = CheckOutcome()
    for name, table in tables.items():
        if not known:
            total += CheckOutcome(excluded=(NotChecked(name, _BEFORE),))
        elif table.member:
            reason = f"belongs to extension {table.member.extension}, and the source does not have it: not compared"
            total += CheckOutcome(excluded=(NotChecked(name, reason),))
        else:
            message = f"{name} lies in a schema of PostgreSQL's, and the source does not have it"
            total += CheckOutcome(
                1, (_finding(name, "no such table", f"a table with {counted(table.rows, 'row')}", message),)
            )
    return total


def _finding(name: str, expected: str, found: str, message: str) -> Finding:
    return Finding(NAME, "error", name, expected, found, message, f"select count(*) from only {name}")
