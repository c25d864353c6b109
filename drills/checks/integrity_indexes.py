"""Whether every index leads to the rows that its table has: the table is read twice, once through each of its indexes.

A page that an index lost is no error for PostgreSQL, only rows that nobody finds again. So each B-tree is read from end
to end in its own order and compared with a scan of the table: as many rows, the same keys (by a fingerprint of them, as
in drills/checks/fingerprint.py), and no key before a smaller one, which is how a changed collation shows. It needs no
extension and no superuser; drills/checks/integrity_amcheck.py does more where it can. An index of another kind has no
such order: drills/checks/integrity_lookups.py looks the table's keys up in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from drills.checks import integrity_lookups
from drills.checks.integrity_lookups import Lookup, names_in
from drills.checks.judged import Judged, first_line, is_damage
from drills.checks.session import Connection, index_scans
from drills.model import Finding, NotChecked

NAME = "indexes"
_COLLATE = (
    "(select ' collate ' || l.oid::pg_catalog.regcollation from pg_catalog.pg_collation as l where l.oid = {oid})"
)
_INDEXES = f"""
select c.oid::pg_catalog.regclass::text, x.indexrelid::pg_catalog.regclass::text, i.relname, m.amname,
    array(select '(' || pg_catalog.pg_get_indexdef(x.indexrelid, g, true) || ')'
        || coalesce(case when x.indcollation[g - 1] <> coalesce(a.attcollation, 0)
            then {_COLLATE.format(oid="x.indcollation[g - 1]")} end, '')
        from pg_catalog.generate_series(1, x.indnkeyatts) as g
        left join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = x.indkey[g - 1] order by g),
    x.indoption::int2[]::int[], pg_catalog.pg_get_expr(x.indpred, x.indrelid)
from pg_catalog.pg_index as x join pg_catalog.pg_class as c on c.oid = x.indrelid
join pg_catalog.pg_class as i on i.oid = x.indexrelid join pg_catalog.pg_am as m on m.oid = i.relam
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where x.indisvalid and x.indisready and x.indislive and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and (c.relkind = 'r' or c.relkind = 'm' and c.relispopulated) and c.relpersistence <> 't' order by 1, 2
"""
_HEAP = ("enable_seqscan", "on"), ("enable_indexscan", "off"), ("enable_indexonlyscan", "off"), ("enable_sort", "on")
_INDEX = ("enable_seqscan", "off"), ("enable_indexscan", "on"), ("enable_indexonlyscan", "on"), ("enable_sort", "off")
_LONGEST = "'1h'"  # a search in a damaged index may never end
_DIRECTIONS = {0: "", 1: " desc nulls last", 2: " asc nulls first", 3: " desc"}
_UNDEFINED = ("42P01", "42703", "42883", "42704", "3F000")


@dataclass(frozen=True, slots=True)
class Index:
    """An index as it is read: `keys` are its columns as SQL, `predicate` that of a partial index."""

    table: str
    name: str
    relname: str
    method: str
    keys: tuple[str, ...]
    options: tuple[int, ...]
    predicate: str

    @property
    def hash(self) -> str:
        """A 64-bit hash of all keys."""
        template = ",".join(["%L"] * len(self.keys))
        return f"pg_catalog.hashtextextended(pg_catalog.format('{template}', {', '.join(self.keys)}) collate \"C\", 0)"

    @property
    def where(self) -> str:
        """What is true of each row in it."""
        return self.predicate or "true"

    @property
    def also(self) -> str:
        """What else one pass over the table says: the sum of keys, or how many have no null where they are looked up."""
        if self.method == "btree":
            return f"coalesce(sum({self.hash}) filter (where {self.where}), 0)"
        return f"count(*) filter (where ({self.where}) and pg_catalog.num_nulls({', '.join(self.keys)}) = 0)"

    @property
    def by_index(self) -> str:
        """Rows, sum of hashes, and rows that come before a smaller one, in the order that the index gives them."""
        order = ", ".join(f"{key}{_DIRECTIONS[way & 3]}" for key, way in zip(self.keys, self.options, strict=True))
        before = ", ".join(f"pg_catalog.lag({key}) over w" for key in self.keys)
        wrong = "false"
        if set(self.options) in ({0}, {3}):  # rows can be compared as wholes where all keys run the same way
            operator = ">" if set(self.options) == {0} else "<"
            wrong = f"row({before}) {operator} row({', '.join(self.keys)})"
        return (
            f"select count(*), coalesce(sum(h), 0), count(*) filter (where wrong) from (select {self.hash} as h, "
            f"{wrong} as wrong from only {self.table} where {self.where} window w as (order by {order}) "
            f"order by {order}) as r"
        )


def indexes_of(connection: Connection) -> list[Index]:
    """The indexes of one database that can be read, in the order of their tables."""
    with index_scans(connection):
        rows = connection.execute(_INDEXES.encode()).fetchall()
    return [Index(row[0], row[1], row[2], row[3], tuple(row[4]), tuple(row[5]), row[6] or "") for row in rows]


def look(connection: Connection, indexes: Sequence[Index] | None = None) -> Judged:
    """Every index of one database, or those that are given, a table at a time."""
    total = Judged()
    by_table: dict[str, list[Index]] = {}
    for index in indexes_of(connection) if indexes is None else indexes:
        by_table.setdefault(index.table, []).append(index)
    for table, of_table in by_table.items():
        total += _table(connection, table, of_table)
    return total


def _table(connection: Connection, table: str, indexes: list[Index]) -> Judged:
    """One pass over the table says what each of its indexes should hold."""
    sums = ", ".join(f"count(*) filter (where {index.where}), {index.also}" for index in indexes)
    heap = ask(connection, f"select {sums} from only {table}", _HEAP)
    if isinstance(heap, psycopg.Error):
        if len(indexes) > 1 and not is_damage(heap):  # one of them may be to blame
            total = Judged()
            for index in indexes:
                total += _table(connection, table, [index])
            return total
        if is_damage(heap):
            said = first_line(heap)
            message = f"{table} cannot be read, so that its indexes cannot be proved: {said}"
            query = f"select count(*) from only {table}"
            return Judged(1, (Finding(NAME, "error", table, "rows that can be read", said, message, query),))
        return _unread([index.name for index in indexes], table, heap)
    total = Judged()
    for number, index in enumerate(indexes):
        if index.method == "btree":
            total += _index(connection, index, int(heap[2 * number]), int(heap[2 * number + 1]))
        else:
            total += _looked_up(connection, index, int(heap[2 * number]), int(heap[2 * number + 1]))
    return total


def _looked_up(connection: Connection, index: Index, rows: int, whole: int) -> Judged:
    lookup = Lookup(index.table, index.name, index.relname, index.method, index.keys, index.hash, index.where)
    judged = integrity_lookups.look(connection, lookup, whole, ask)
    if isinstance(judged, psycopg.Error):
        return _unread([index.name], index.table, judged)
    if rows > whole and index.method != "hash":  # which holds no nulls
        reason = f"{index.method}: {rows - whole:,} of {rows:,} keys hold a null and were not looked up"
        judged += Judged(excused=(NotChecked(f"index {index.name}", reason),))
    return judged


def _index(connection: Connection, index: Index, rows: int, keys: int) -> Judged:
    name = f"index {index.name}"
    plan = ask(connection, f"explain (format json) {index.by_index}", _INDEX)
    if isinstance(plan, psycopg.Error):
        return _unread([index.name], index.table, plan)
    if index.relname not in names_in(plan[0]):
        reason = "the planner reads it in no order, or another index in its place: needs amcheck"
        return Judged(excused=(NotChecked(name, reason),))
    found = ask(connection, index.by_index, _INDEX)
    if isinstance(found, psycopg.Error):
        return _unread([index.name], index.table, found)
    expected, is_found = f"{rows:,} rows of {index.table}", f"{int(found[0]):,} rows"
    if int(found[0]) != rows:
        message = f"{name} leads to {int(found[0]):,} rows, {index.table} has {rows:,} that belong into it"
    elif int(found[1]) != keys:
        message, is_found = f"{name} holds other keys than {index.table}", "other keys"
    elif found[2]:
        message = f"{name} is out of order at {found[2]:,} places: its collation may have changed"
        expected, is_found = "keys in order", f"{found[2]:,} keys out of order"
    else:
        return Judged(1)
    return Judged(1, (Finding(NAME, "error", index.name, expected, is_found, message, _shown(index)),))


def _shown(index: Index) -> str:
    settings = "; ".join(f"set {name} = {value}" for name, value in _INDEX)
    return f"{settings}; {index.by_index}"


def ask(
    connection: Connection, query: str, settings: tuple[tuple[str, str], ...]
) -> tuple[Any, ...] | psycopg.DatabaseError:
    """The first row of a query under these settings, which are undone; the server's error where it has none."""
    try:
        with connection.transaction(force_rollback=True):
            for name, value in (*settings, ("statement_timeout", _LONGEST)):
                connection.execute(f"set local {name} = {value}".encode())
            row = connection.execute(query.encode()).fetchone()
    except psycopg.DatabaseError as error:
        if error.sqlstate is None:
            raise  # the connection is gone, and with it the rest
        return error
    return tuple(row or ())


def _unread(names: list[str], table: str, error: psycopg.Error) -> Judged:
    said = first_line(error)
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return Judged(unread=tuple(NotChecked(f"index {name}", f"needs SELECT on {table}: {said}") for name in names))
    if is_damage(error):
        message = f"index {names[0]} of {table} cannot be read: {said}"
        query = f"set enable_seqscan = off; select count(*) from only {table}"
        return Judged(1, (Finding(NAME, "error", names[0], "an index that can be read", said, message, query),))
    if error.sqlstate in _UNDEFINED:
        # works for its users and not with an empty search_path, which is what a dump restores with (notes L55)
        reason = f"its function needs a search_path, so that no dump can restore it: {said}"
        return Judged(excused=tuple(NotChecked(f"index {name}", reason) for name in names))
    return Judged(unread=tuple(NotChecked(f"index {name}", said) for name in names))
