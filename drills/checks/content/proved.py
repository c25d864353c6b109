"""Which tables an earlier verification of this very copy has proved, and whether nobody has written to them since.

Whatever changes a row takes a transaction id, and leaves it as `xmin` of what it wrote. So a table is as it was when it was proved
where no transaction has begun on the server since, or else where it has as many rows as then and none of a later transaction,
which is seen by counting them (https://www.postgresql.org/docs/current/ddl-system-columns.html).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import psycopg

from drills.checks.base.budget import Budget
from drills.checks.base.outcome import is_lost
from drills.checks.base.session import Connection
from drills.checks.base.timeouts import set_statement_timeout
from drills.checks.content.fingerprint import Form
from drills.checks.content.model import Contents, TableContent
from drills.checks.content.summing import unread
from drills.checks.content.tables import ListedTable
from drills.sql import Quoted, execute

_INSTANT = """
select pg_catalog.pg_snapshot_xmin(s)::text, pg_catalog.pg_snapshot_xmax(s)::text from pg_catalog.pg_current_snapshot() as s
"""
_COMPARABLE_IDS = 2**31 - 1  # transaction ids that are farther apart cannot be told from earlier ones


@dataclass(frozen=True, slots=True)
class Instant:
    """What a transaction sees: all that transactions below `oldest` have done, and nothing of those from `following` on."""

    oldest: int
    following: int

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
            if _holds(connection, table.name, before, self.now, budget):
                known = dataclasses.replace(
                    unread(table), rows=before.rows, fingerprint=before.fingerprint, form=before.form
                )
                found[str(table.name)] = known
            else:
                self.written_to.append(table.name)
        self.taken_over += found
        self.keep({name: dataclasses.replace(self.proved[name], instant=self.now) for name in found})
        return found

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
    return Instant(int(row[0]), int(row[1]))


def _holds(connection: Connection, table: Quoted, before: Proved, now: Instant, budget: Budget | None) -> bool:
    """Return whether a table has the rows that it had when it was proved; False where that cannot be seen."""
    if before.instant.is_quiet_until(now):
        return True
    if not 0 <= now.following - before.instant.oldest < _COMPARABLE_IDS:
        return False
    oldest = before.instant.oldest % 2**32
    later = f"pg_catalog.age(r.xmin) <= pg_catalog.age('{oldest}'::pg_catalog.xid)"
    query = f"select count(*), count(*) filter (where {later}) from only {table} as r"
    try:
        with connection.transaction(force_rollback=True):
            if budget:
                set_statement_timeout(connection, budget.left())
            return execute(connection, query).fetchone() == (before.rows, 0)
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # nothing more can be read on this connection
        return False
