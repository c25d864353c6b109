"""Which tables an earlier verification of this very copy has proved, and whether nobody has written to them since.

Whatever changes a row or a definition takes a transaction id, and leaves it as `xmin` of what it wrote. So a table is as it
was when it was proved where no transaction has begun on the server since, or else where it has as many rows as then and none of
a later transaction, which is seen by counting them (https://www.postgresql.org/docs/current/ddl-system-columns.html). What its
rows say hangs on definitions too: a column that is added gives a value to rows that nobody writes, and names can be
exchanged. So no row of the catalog that defines the table, and none that defines types in its database, may be of a later
transaction either.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import psycopg

from drills.checks.base.budget import Budget
from drills.checks.base.outcome import is_lost
from drills.checks.base.relations import FIRST_USER_OID
from drills.checks.base.session import Connection
from drills.checks.base.timeouts import set_statement_timeout
from drills.checks.content.fingerprint import Form
from drills.checks.content.model import Contents, TableContent
from drills.checks.content.summing import unread
from drills.checks.content.tables import ListedTable
from drills.sql import Quoted, execute, literal

_INSTANT = """
select pg_catalog.pg_snapshot_xmin(s)::text, pg_catalog.pg_snapshot_xmax(s)::text,
       (select d.oid::bigint from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
from pg_catalog.pg_current_snapshot() as s
"""
# What the values of any table can hang on: how a type is written, and the names of schemas.
_SHARED_DEFINITIONS = (
    "pg_type", "pg_enum", "pg_range", "pg_proc", "pg_operator", "pg_collation", "pg_namespace",
)  # fmt: skip
# regproc, regprocedure, regoper, regoperator, regclass, regtype, regconfig, regdictionary, regnamespace, regrole, regcollation:
# their values are written by the names of other things.
_NAMING_TYPES = "array[24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191]::pg_catalog.oid[]"
_COMPARABLE_IDS = 2**31 - 1  # transaction ids that are farther apart cannot be told from earlier ones


@dataclass(frozen=True, slots=True)
class Instant:
    """What a transaction sees: all that transactions below `oldest` have done, and nothing of those from `following` on.

    `database` is the OID of its database: one that is made anew, from a template, has another.
    """

    oldest: int
    following: int
    database: int

    def is_quiet_until(self, later: Instant) -> bool:
        """Return whether no transaction that could write has run between the two. Pure."""
        return self == later and self.oldest == self.following


@dataclass(frozen=True, slots=True)
class Proved:
    """The sums of a table that were those of the manifest, and what the transaction saw that read them."""

    rows: int
    fingerprint: str
    form: Form
    instant: Instant


Keep = Callable[[Mapping[str, Proved]], None]


@dataclass
class Earlier:
    """What was proved of one database's tables before, and what is proved of them now, which `keep` is told.

    `taken_over` and `written_to` are the names of the tables that need not be read again, and of those that must be.
    """

    proved: Mapping[str, Proved]
    keep: Keep
    taken_over: list[str] = dataclasses.field(default_factory=list)
    written_to: list[str] = dataclasses.field(default_factory=list)
    now: Instant | None = None
    _defined: dict[Instant, bool] = dataclasses.field(default_factory=dict)

    def take_over(
        self, connection: Connection, tables: Iterable[ListedTable], budget: Budget | None
    ) -> dict[str, TableContent]:
        """Return the contents of the tables that are as they were when they were proved."""
        self.now = instant_of(connection)
        found = {}
        for table in tables:
            before = self.proved.get(table.name)
            if before is None or (budget and not budget.left()):
                continue
            if self._holds(connection, table.name, before, budget):
                known = dataclasses.replace(
                    unread(table), rows=before.rows, fingerprint=before.fingerprint, form=before.form
                )
                found[str(table.name)] = known
            else:
                self.written_to.append(table.name)
        self.taken_over += found
        self.keep({name: dataclasses.replace(self.proved[name], instant=self.now) for name in found})
        return found

    def _holds(self, connection: Connection, table: Quoted, before: Proved, budget: Budget | None) -> bool:
        """Return whether a table has the rows that it had when it was proved; False where that cannot be seen."""
        assert self.now
        then = before.instant
        if then.is_quiet_until(self.now):
            return True
        if then.database != self.now.database or not 0 <= self.now.following - then.oldest < _COMPARABLE_IDS:
            return False
        if then not in self._defined:
            self._defined[then] = _is_true(connection, _shared_definitions_hold(then), budget)
        return self._defined[then] and _is_true(connection, _table_holds(table, before), budget)

    def note(self, names: Iterable[str], found: Contents, expected: Contents | None) -> None:
        """Keep those of these tables, which have been read, that are what the manifest says, and compared whole."""
        known = expected.tables if expected else {}
        assert self.now
        proved = {
            name: Proved(table.rows, table.fingerprint, table.form, self.now)
            for name in names
            if (table := found.tables.get(name)) and (before := known.get(name))
            if (table.rows, table.fingerprint, table.form) == (before.rows, before.fingerprint, before.form)
            if not (table.column or table.carried or before.carried)
        }
        if proved:
            self.keep(proved)


def instant_of(connection: Connection) -> Instant:
    """Return what the transaction of a connection sees, or sees from now on."""
    row = execute(connection, _INSTANT).fetchone()
    if row is None:
        raise AssertionError("a select of one function gives one row")
    return Instant(int(row[0]), int(row[1]), int(row[2]))


def _later(alias: str, then: Instant) -> str:
    """Return SQL for whether a row was written by a transaction that had not ended then. Pure."""
    return f"pg_catalog.age({alias}.xmin) <= pg_catalog.age('{then.oldest % 2**32}'::pg_catalog.xid)"


def _shared_definitions_hold(then: Instant) -> str:
    """Return SQL for whether no definition that any table's values hang on is later. Pure."""
    return "select " + " and ".join(
        f"not exists (select from pg_catalog.{catalog} as d where {_later('d', then)})"
        for catalog in _SHARED_DEFINITIONS
    )


def _table_holds(table: Quoted, before: Proved) -> str:
    """Return SQL for whether a table's definition and rows are those that were proved. Pure.

    Not of one with types that are not built in, enums apart: what these write, nobody knows here.
    """
    name, then = literal(table), before.instant
    return f"""
select not exists (select from pg_catalog.pg_class as c where c.oid = {name}::pg_catalog.regclass and {_later("c", then)})
   and not exists (select from pg_catalog.pg_attribute as a
                   where a.attrelid = {name}::pg_catalog.regclass and {_later("a", then)})
   and not exists (select from pg_catalog.pg_attribute as a join pg_catalog.pg_type as t on t.oid = a.atttypid
                   where a.attrelid = {name}::pg_catalog.regclass and a.attnum > 0 and t.typtype <> 'e'
                     and (t.oid >= {FIRST_USER_OID} or t.oid = any ({_NAMING_TYPES}) or t.typelem = any ({_NAMING_TYPES})))
   and (select count(*) = {before.rows} and count(*) filter (where {_later("r", then)}) = 0 from only {table} as r)
"""


def _is_true(connection: Connection, query: str, budget: Budget | None) -> bool:
    """Return what a query says; False where it cannot be carried out."""
    try:
        with connection.transaction(force_rollback=True):
            if budget:
                set_statement_timeout(connection, budget.left())
            return execute(connection, query).fetchone() == (True,)
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # nothing more can be read on this connection
        return False
