"""Whether every row of every table came back, by fingerprints; no value but a watermark leaves the database.

Tables are ordinary tables, partitions and populated materialised views outside the system's schemas, without those that
belong to an extension and without the canary, which has a check of its own. A partitioned table has no rows of its own:
its partitions are compared, by the policy of the table that they are partitions of unless they have one themselves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

import psycopg

from drills.checks import fingerprint, ranges
from drills.checks.budget import OUT_OF_TIME, Budget
from drills.checks.content_tables import ListedTable, tables
from drills.checks.fingerprint import FAST, Algorithm, Form
from drills.checks.judged import Judged, first_line, is_damage, is_too_long
from drills.checks.narrow import Narrowed, Suspect
from drills.checks.ranges import Key, Ranges
from drills.checks.session import Connection
from drills.config_models import TablePolicy
from drills.model import CheckResult, Finding, NotChecked

NAME = "content"
EXACT = TablePolicy("exact")
# A watermark leaves the database, so that it may only be what says little: a number or an instant.
_WATERMARKS = ("smallint", "integer", "bigint", "date", "timestamp", "timestamp with time zone")


@dataclass(frozen=True, slots=True)
class TableContent:
    """How many rows a table has, and their fingerprint: 32 hexadecimal digits, 128 bits.

    With a watermark both tell of the rows up to `up_to` in `column` only. `root` is the table that it is a partition of.
    `form` says how rows were put into words, and `ranges` where a difference will be (in manifests, if rows have a key).
    """

    rows: int
    fingerprint: str
    root: str = ""
    unlogged: bool = False
    column: str = ""
    up_to: str = ""
    form: Form = "row"
    ranges: Ranges | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """The tables of one database as they were read.

    `unreadable` says which right was lacking, `damaged` what the server said of a table that it could not read itself.
    """

    algorithm: Algorithm
    tables: dict[str, TableContent] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)

    def in_order(self) -> Contents:
        """The same, sorted by name: several connections read in no order."""
        return Contents(
            self.algorithm,
            dict(sorted(self.tables.items())),
            dict(sorted(self.unreadable.items())),
            dict(sorted(self.damaged.items())),
        )


@dataclass(frozen=True, slots=True)
class _How:
    """How tables are read: for a manifest with ranges, for a copy as the manifest's `expected` says."""

    expected: Contents | None
    ranged: bool
    key: bytes | None
    budget: Budget | None = None


def observe(
    connection: Connection,
    *,
    algorithm: Algorithm = FAST,
    policies: Mapping[str, TablePolicy] | None = None,
    expected: Contents | None = None,
    helpers: Sequence[Connection] = (),
    ranged: bool = False,
    key: bytes | None = None,
    budget: Budget | None = None,
) -> Contents:
    """Read every table but those that a policy skips (quoted `schema.table` names). One server-side query a table.

    With `ranged` the ranges of keys are summed as well, those of keys that are neither integer nor uuid under `key`.
    `helpers` are further connections with the same snapshot, each of which takes tables of its own.

    A table with an "up to" policy is read up to the watermark that `expected` has, or to its newest value where there
    is no `expected`, that is where a manifest is taken. What `budget` leaves no time for is unreadable for that reason.
    """
    contents = Contents(algorithm)
    how = _How(expected, ranged, key, budget)
    listed = [(table, policy_of(table.name, table.root, policies or {})) for table in tables(connection)]
    work = iter([(table, policy) for table, policy in listed if policy.kind != "skip"])
    taking = Lock()

    def read(each: Connection) -> None:
        each.execute("set local max_parallel_workers_per_gather = 2")
        while True:
            with taking:
                upcoming = next(work, None)
            if upcoming is None:
                break
            if budget and not budget.left():
                contents.unreadable[upcoming[0].name] = budget.reason
                continue
            _read(each, *upcoming, contents, how)
        if budget:
            each.execute("set local statement_timeout = 0")

    if helpers:
        with ThreadPoolExecutor(len(helpers) + 1) as pool:
            list(pool.map(read, (connection, *helpers)))
    else:
        read(connection)
    return contents.in_order()


def policy_of(table: str, root: str, policies: Mapping[str, TablePolicy]) -> TablePolicy:
    """A table's own policy, else that of the table that it is a partition of, else exact."""
    return policies.get(table) or policies.get(root) or EXACT


def _read(connection: Connection, table: ListedTable, policy: TablePolicy, contents: Contents, how: _How) -> None:
    known = how.expected.tables.get(table.name) if how.expected else None
    try:
        with connection.transaction():
            if how.budget:
                connection.execute(b"set local statement_timeout = %d" % max(1, round(how.budget.left() * 1000)))
            column = policy.column or "" if policy.kind == "up to" else ""
            up_to = _up_to(connection, table, column, contents, how.expected) if column else ""
            if column and not up_to:
                return
            before = TableContent(0, "", table.root, table.unlogged, column, up_to, known.form if known else "row")
            contents.tables[table.name] = _fingerprint(connection, table, contents.algorithm, before, how)
    except psycopg.errors.InsufficientPrivilege as error:
        needs = "BYPASSRLS or the owner's role" if "row-level security" in str(error) else "SELECT"
        contents.unreadable[table.name] = f"needs {needs} on {table.name}"
    except psycopg.DatabaseError as error:
        if error.sqlstate is None:
            raise  # the connection is gone, and with it the rest
        if how.budget and isinstance(error, psycopg.errors.QueryCanceled):
            contents.unreadable[table.name] = how.budget.reason
            return
        where = contents.damaged if is_damage(error) else contents.unreadable
        where[table.name] = (
            f"a row is too long to be compared: {first_line(error)}" if is_too_long(error) else first_line(error)
        )


def _fingerprint(
    connection: Connection, table: ListedTable, algorithm: Algorithm, wanted: TableContent, how: _How
) -> TableContent:
    """Read a table; where a row is longer than a text may be, again by the hashes of its values."""
    try:
        with connection.transaction():
            return _summed(connection, table, algorithm, wanted, how)
    except psycopg.DatabaseError as error:
        if wanted.form == "columns" or how.expected is not None or not is_too_long(error):
            raise
    return _summed(connection, table, algorithm, dataclasses.replace(wanted, form="columns"), how)


def _summed(
    connection: Connection, table: ListedTable, algorithm: Algorithm, wanted: TableContent, how: _How
) -> TableContent:
    where = condition(connection, wanted.column, wanted.up_to)
    text = fingerprint.text_of(table.columns, table.binary, algorithm, wanted.form)
    found: Ranges | None = None
    if how.ranged and table.key and (table.key.kind != "hash" or how.key is not None):
        low, step = ranges.bounds(table.key, *_edges(connection, table.name, table.key))
        seed = ranges.seed_of(how.key if table.key.kind == "hash" else None)
        query = ranges.query(table.name, text, table.key, low, step, algorithm=algorithm, seed=seed, where=where)
        count, first, second, cells = connection.execute(query.encode(), binary=True).fetchone() or (0, 0, 0, b"")
        found = Ranges(table.key, low, step, ranges.pack(cells)) if count else None
    else:
        query = fingerprint.query_of(table.name, text, algorithm, where)
        count, first, second = connection.execute(query.encode()).fetchone() or (0, 0, 0)
    digest = fingerprint.digest(int(first), int(second))
    return dataclasses.replace(wanted, rows=int(count), fingerprint=digest, ranges=found)


def condition(connection: Connection, column: str, up_to: str) -> str:
    """SQL for the rows up to a watermark, "" for all."""
    if not column:
        return ""
    literal = _text(connection, "select pg_catalog.quote_literal(%s)", (up_to,))
    return f"r.{_quoted(connection, column)} <= {literal}"


def _edges(connection: Connection, table: str, key: Key) -> tuple[int | None, int | None]:
    """The least and the largest key; an index may tell, since the ranges need not fit exactly."""
    if key.kind != "integer":
        return None, None
    with connection.transaction(force_rollback=True):
        connection.execute("set local enable_indexonlyscan = on")
        connection.execute("set local enable_indexscan = on")
        query = f"select min({key.columns[0]}), max({key.columns[0]}) from only {table}"
        low, high = connection.execute(query.encode()).fetchone() or (None, None)
    return low, high


def _up_to(
    connection: Connection, table: ListedTable, column: str, contents: Contents, expected: Contents | None
) -> str:
    if expected is None:
        return _watermark(connection, table, column, contents)
    known = expected.tables.get(table.name)
    return known.up_to if known and known.column == column else ""


def _watermark(connection: Connection, table: ListedTable, column: str, contents: Contents) -> str:
    """The column's newest value as text; "" for an empty table or a column that cannot be one, which is noted."""
    quoted = _quoted(connection, column)
    if quoted not in table.columns:
        contents.unreadable[table.name] = f"its policy names the column {column!r}, which it does not have"
        return ""
    kind = _text(
        connection,
        "select pg_catalog.format_type(atttypid, null) from pg_catalog.pg_attribute "
        "where attrelid = %s::pg_catalog.regclass and attname = %s",
        (table.name, column),
    )
    if kind.removesuffix(" without time zone") not in _WATERMARKS:
        needs = "a column of whole numbers, dates or timestamps"
        contents.unreadable[table.name] = f"its policy needs {needs}, {column!r} is {kind}"
        return ""
    return _text(connection, f"select pg_catalog.max(r.{quoted})::text from only {table.name} as r")


def _quoted(connection: Connection, name: str) -> str:
    return _text(connection, "select pg_catalog.quote_ident(%s)", (name,))


def _text(connection: Connection, query: str, values: tuple[str, ...] | None = None) -> str:
    row = connection.execute(query.encode(), values).fetchone()
    return "" if row is None or row[0] is None else str(row[0])


def read(connection: Connection, policies: Mapping[str, TablePolicy], budget: Budget | None = None) -> Judged:
    """Read every row where nothing says what it should be: findings for the tables that the server cannot read."""
    found = observe(connection, policies=policies, budget=budget)
    return Judged(len(found.tables), tuple(_damage(table, reason) for table, reason in found.damaged.items()))


def suspects(
    connection: Connection, expected: Contents, found: Contents, policies: Mapping[str, TablePolicy]
) -> list[Suspect]:
    """The tables that differ and whose rows the manifest can tell apart."""
    return [
        Suspect(table, before.ranges, before.form, condition(connection, before.column, before.up_to))
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
    narrowed: Mapping[str, Narrowed] | None = None,
) -> Judged:
    """Compare what was expected with what was found, each table by its policy. Pure.

    A table that is missing is the catalog's finding and not repeated here. `narrowed` says of some tables which rows.
    """
    total = Judged(
        findings=tuple(_damage(table, reason) for table, reason in found.damaged.items()),
        unread=_unread(expected, found, policies),
        excused=tuple(NotChecked(name, policy.reason) for name, policy in policies.items() if policy.kind == "skip"),
    )
    for table, before in expected.tables.items():
        if (after := found.tables.get(table)) is not None or policy_of(table, before.root, policies).kind == "up to":
            one = _compare(table, before, after, policy_of(table, before.root, policies))
            told = (narrowed or {}).get(table)
            total += (
                dataclasses.replace(one, findings=tuple(_with(told, each) for each in one.findings)) if told else one
            )
    return total


def _with(told: Narrowed, finding: Finding) -> Finding:
    message, is_found = f"{finding.message}: {told.words}", f"{finding.found}; {told.words}"
    return dataclasses.replace(finding, message=message, found=is_found, query=told.query or finding.query)


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


def unknown(expected: Iterable[Contents], policies: Mapping[str, TablePolicy]) -> tuple[NotChecked, ...]:
    """Policies that fit no table of any database, such as one that is misspelt. Pure."""
    known: set[str] = set()
    for contents in expected:
        roots = {table.root for table in contents.tables.values()}
        known |= {*contents.tables, *contents.unreadable, *contents.damaged, *roots}
    return tuple(
        NotChecked(name, f"policy {str(policy)!r}: there is no such table")
        for name, policy in policies.items()
        if policy.kind not in ("exact", "skip") and name not in known
    )


def alike(expected: Contents | None, result: CheckResult) -> frozenset[str] | None:
    """The tables that `result` shows to hold the source's rows; None where no manifest says what those were. Pure.

    Findings name tables and not databases: what differs in one database counts as different in all.
    """
    if expected is None:
        return None
    doubtful = {finding.object for finding in result.findings} | {left.what for left in result.not_checked}
    if any(name.startswith("database ") or name == NAME for name in doubtful):
        return frozenset()
    return frozenset(expected.tables) - doubtful


def _compare(table: str, before: TableContent, after: TableContent | None, policy: TablePolicy) -> Judged:
    if policy.kind == "skip":
        return Judged()
    if before.unlogged and before.rows and after is not None and not after.rows:
        return Judged(excused=(NotChecked(table, "unlogged: PostgreSQL empties it when a backup is restored"),))
    if policy.kind == "up to" and (after is None or (before.column, before.up_to) != (after.column, after.up_to)):
        reason = f"not compared: policy {str(policy)!r} needs a manifest taken with the same policy"
        return Judged(excused=(NotChecked(table, reason),))
    assert after is not None
    excused: tuple[NotChecked, ...] = ()
    if policy.kind == "at least":
        excused = (NotChecked(table, f"counted only: policy {str(policy)!r}"),)
    elif policy.kind == "up to":
        excused = (NotChecked(table, f"compared up to {before.column} {before.up_to} only"),)
    return Judged(1, tuple(_difference(table, before, after, policy)), excused=excused)


def _difference(table: str, before: TableContent, after: TableContent, policy: TablePolicy) -> list[Finding]:
    if policy.kind == "at least":
        wanted = before.rows * (policy.percent or 100.0) / 100
        if after.rows >= wanted:
            return []
        message = f"{table} has {after.rows:,} rows, fewer than {policy.percent:g} % of {before.rows:,}"
        return [_finding(table, f"at least {wanted:,.0f} rows", f"{after.rows:,} rows", message)]
    if (before.rows, before.fingerprint) == (after.rows, after.fingerprint):
        return []
    if after.rows < before.rows:
        message = f"{table} lost {before.rows - after.rows:,} of {before.rows:,} rows"
    elif after.rows > before.rows:
        message = f"{table} has {after.rows - before.rows:,} rows more than the {before.rows:,} that were backed up"
    else:
        message = f"{table} has the same {before.rows:,} rows by count, but other contents"
    return [_finding(table, _shown(before), _shown(after), message)]


def _shown(content: TableContent) -> str:
    return f"{content.rows:,} rows, fingerprint {content.fingerprint[:16]}"


def _finding(table: str, expected: str, found: str, message: str) -> Finding:
    return Finding(
        check=NAME,
        severity="error",
        object=table,
        expected=expected,
        found=found,
        message=message,
        query=f"set enable_indexonlyscan = off; select count(*), md5(string_agg(t::text, '|' order by t::text)) "
        f"from only {table} as t",
    )
