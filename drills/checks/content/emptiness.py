"""Judge whether a comparison compared any row at all: a wiped source and its copy do not differ. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from drills.checks.content.model import Contents
from drills.checks.content.read import policy_of
from drills.model.finding import CheckResult, Finding, NotChecked
from drills.model.policy import TablePolicy
from drills.plural import counted

_ADVICE = (
    'name the database that holds the data, or say that none are expected: expects = "nothing" in drill.toml, '
    "or drills verify --expect-empty"
)


def rows_compared(expected: Contents, found: Contents, policies: Mapping[str, TablePolicy]) -> int:
    """Return how many of the source's rows a comparison covers: counted or fingerprinted, by the policies."""
    return sum(
        before.rows
        for name, before in expected.tables.items()
        if (after := found.tables.get(name)) is not None
        and policy_of(name, before.root, policies).kind != "skip"
        and not (before.unlogged and not after.rows)
    )


def source_tables(contents: Iterable[Contents]) -> tuple[int, int]:
    """Return how many tables a source has, and how many rows they hold."""
    tables = [table for each in contents for table in each.tables.values()]
    return len(tables), sum(table.rows for table in tables)


def judge(result: CheckResult, compared: int, source: tuple[int, int], *, expects_nothing: bool) -> CheckResult:
    """Return the result of a comparison of `compared` rows (large objects included): not verified where there were none.

    `source` is what `source_tables` returns. Where nothing is expected, rows of the source are a warning.
    """
    tables, rows = source
    if expects_nothing:
        if not rows:
            return result
        message = f"expected a source without rows, found {counted(rows, 'row')} in {counted(tables, 'table')}"
        query = "select oid::regclass from pg_class where relkind = 'r' and oid >= 16384"
        warning = Finding(result.name, "warning", "rows", "none", counted(rows, "row"), message, query)
        return dataclasses.replace(result, findings=(*result.findings, warning))
    if compared or result.outcome == "missed":
        return result
    if not tables:
        why = "the source had no table that was read"
    elif not rows:
        why = f"nothing was in the source's {counted(tables, 'table')}"
    else:
        why = f"none of the source's {counted(rows, 'row')} in {counted(tables, 'table')} could or should be compared"
    sentence = f"no row was compared: {why}; {_ADVICE}"
    return dataclasses.replace(
        result,
        outcome="not verified",
        requirement="required",
        sentence=sentence,
        not_checked=(*result.not_checked, NotChecked(result.name, sentence)),
    )
