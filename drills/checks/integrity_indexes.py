"""Whether every index leads to the rows that its table has: the table is read twice, once through each of its indexes.

A page that an index lost is no error for PostgreSQL, only rows that nobody finds again. So each B-tree is read from end
to end in its own order and compared with a scan of the table: as many rows, the same keys (by a fingerprint of them, as
in drills/checks/fingerprint.py), and no key before a smaller one, which is how a changed collation shows. It needs no
extension and no superuser; drills/checks/integrity_amcheck.py does more where it can. An index of another kind has no
such order: drills/checks/integrity_lookups.py looks the table's keys up in it.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from drills.checks import integrity_lookups
from drills.checks.integrity_lookups import Ask, Lookup, names_in
from drills.checks.judged import Judged, first_line, is_damage
from drills.checks.patience import LONGEST, Unanswered, hang_up_after, patience
from drills.checks.session import Connection, index_scans
from drills.checks.small import MOST, small_tables
from drills.durations import show_duration
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
_TOGETHER = 60.0  # seconds for many small indexes at once; one that takes longer is looked at by itself
_DIRECTIONS = {0: "", 1: " desc nulls last", 2: " asc nulls first", 3: " desc"}
_UNDEFINED = ("42P01", "42703", "42883", "42704", "3F000")


@dataclass(frozen=True, slots=True)
class Index:
    """An index that can be proved: its SQL names, its name alone, its keys as SQL with their order, and its condition."""

    table: str
    name: str
    relname: str
    method: str
    keys: tuple[str, ...]
    options: tuple[int, ...]
    predicate: str

    @property
    def hash(self) -> str:
        """A 64-bit hash of the keys of a row."""
        template = ",".join(["%L"] * len(self.keys))
        return f"pg_catalog.hashtextextended(pg_catalog.format('{template}', {', '.join(self.keys)}) collate \"C\", 0)"

    @property
    def where(self) -> str:
        """Which rows belong into it."""
        return self.predicate or "true"

    @property
    def also(self) -> str:
        """What else one pass over the table says: the sum of keys, or how many have no null where they are looked up."""
        if self.method == "btree":
            return f"coalesce(sum({self.hash}) filter (where {self.where}), 0)"
        return f"count(*) filter (where ({self.where}) and pg_catalog.num_nulls({', '.join(self.keys)}) = 0)"

    @property
    def in_order(self) -> str:
        """Each row's hash h, and whether it comes before a smaller one, in the order that the index gives them."""
        order = ", ".join(f"{key}{_DIRECTIONS[way & 3]}" for key, way in zip(self.keys, self.options, strict=True))
        before = ", ".join(f"pg_catalog.lag({key}) over w" for key in self.keys)
        wrong = "false"
        if set(self.options) in ({0}, {3}):  # rows can be compared as wholes where all keys run the same way
            operator = ">" if set(self.options) == {0} else "<"
            wrong = f"row({before}) {operator} row({', '.join(self.keys)})"
        return (
            f"{self.hash} as h, {wrong} as wrong from only {self.table} where {self.where} "
            f"window w as (order by {order}) order by {order}"
        )

    @property
    def by_index(self) -> str:
        """Rows, sum of hashes, and rows that come before a smaller one."""
        return f"select count(*), coalesce(sum(h), 0), count(*) filter (where wrong) from (select {self.in_order}) as r"


@dataclass
class Progress:
    """What is known of the indexes of one database by their table; kept when a connection is lost on the way."""

    done: dict[str, Judged] = field(default_factory=dict)
    together: bool = True  # whether small tables are still to be looked at together


def look(
    connection: Connection,
    progress: Progress | None = None,
    longest: float = LONGEST,
    wanted: Mapping[str, list[Index]] | None = None,
) -> Judged:
    """Every index of one database, or those that are `wanted`, a table at a time. The server has `longest` seconds for one
    search.

    Unanswered where it does not even say that it took longer. That is noted in `progress`, with which another connection
    can go on.
    """
    progress = progress or Progress()
    ask: Ask = functools.partial(first_row, longest=longest)
    everything = by_table(connection) if wanted is None else wanted
    listed = {table: indexes for table, indexes in everything.items() if table not in progress.done}
    if progress.together:
        progress.together = False
        proved = proved_together(connection, listed, longest)
        progress.done |= {table: Judged(len(listed[table])) for table in proved}
    for table, indexes in listed.items():
        if table in progress.done:
            continue
        try:
            progress.done[table] = _table(connection, ask, table, indexes)
        except Unanswered:
            reason = (
                f"a search in an index of {table} had no answer within {show_duration(longest)}, nor was it to be "
                "cancelled: the index is damaged, or very large; a server process may go on until the server is stopped"
            )
            progress.done[table] = Judged(unread=tuple(NotChecked(f"index {each.name}", reason) for each in indexes))
            raise
    return functools.reduce(operator.add, progress.done.values(), Judged())


def by_table(connection: Connection) -> dict[str, list[Index]]:
    """The indexes that can be proved, by their table."""
    found: dict[str, list[Index]] = {}
    with index_scans(connection):
        rows = connection.execute(_INDEXES.encode()).fetchall()
    for row in rows:
        index = Index(row[0], row[1], row[2], row[3], tuple(row[4]), tuple(row[5]), row[6] or "")
        found.setdefault(index.table, []).append(index)
    return found


def proved_together(connection: Connection, listed: dict[str, list[Index]], longest: float = LONGEST) -> set[str]:
    """The small tables whose indexes are B-trees that hold what they should, as a few queries over many of them tell.

    Of the others nothing is known yet: they are looked at one by one, so that what is wrong is told of what it is wrong with.
    """
    ask: Ask = functools.partial(first_row, longest=min(longest, _TOGETHER))
    small = small_tables(connection)
    proved, waiting = set[str](), dict[str, Index]()
    for table, indexes in listed.items():
        if table not in small or any(index.method != "btree" for index in indexes):
            continue
        mine = {index.relname: index for index in indexes}
        # the plan names indexes without their schemas, so that no two of one query may have the same name
        if waiting and (len(waiting) + len(mine) > MOST or waiting.keys() & mine):
            proved |= _prove(connection, ask, list(waiting.values()))
            waiting = {}
        waiting |= mine
    return proved | _prove(connection, ask, list(waiting.values()))


def _prove(connection: Connection, ask: Ask, indexes: list[Index]) -> set[str]:
    """The tables of these whose indexes all hold what the heap says, each of them read through itself."""
    heap = " union all ".join(
        f"select {place} as n, {index.hash} as h, false as wrong from only {index.table} where {index.where}"
        for place, index in enumerate(indexes)
    )
    order = " union all ".join(f"(select {place} as n, {index.in_order})" for place, index in enumerate(indexes))
    expected, found = ask(connection, _sums(heap), _HEAP), ask(connection, _sums(order), _INDEX)
    plan = ask(connection, f"explain (format json) {_sums(order)}", _INDEX)
    if isinstance(expected, psycopg.Error) or isinstance(found, psycopg.Error) or isinstance(plan, psycopg.Error):
        return set()
    # each query of a table reads one of its indexes, so that where all are in the plan each is read
    read, before, after = names_in(plan[0]), expected[0] or {}, found[0] or {}
    doubtful = {
        index.table
        for place, index in enumerate(indexes)
        if index.relname not in read or before.get(str(place)) != after.get(str(place))
    }
    return {index.table for index in indexes} - doubtful


def _sums(hashed: str) -> str:
    """By the place n of each index, rows, sum of hashes, and rows that come before a smaller one."""
    return (
        "select pg_catalog.jsonb_object_agg(n, pg_catalog.concat_ws(' ', rows, keys, wrong)) from (select n, "
        f"count(*) as rows, sum(h) as keys, count(*) filter (where wrong) as wrong from ({hashed}) as r group by n) as s"
    )


def _table(connection: Connection, ask: Ask, table: str, indexes: list[Index]) -> Judged:
    """One pass over the table says what each of its indexes should hold."""
    sums = ", ".join(f"count(*) filter (where {index.where}), {index.also}" for index in indexes)
    heap = ask(connection, f"select {sums} from only {table}", _HEAP)
    if isinstance(heap, psycopg.Error):
        if len(indexes) > 1 and not is_damage(heap):  # one of them may be to blame
            total = Judged()
            for index in indexes:
                total += _table(connection, ask, table, [index])
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
            total += _index(connection, ask, index, int(heap[2 * number]), int(heap[2 * number + 1]))
        else:
            total += _looked_up(connection, ask, index, int(heap[2 * number]), int(heap[2 * number + 1]))
    return total


def _looked_up(connection: Connection, ask: Ask, index: Index, rows: int, whole: int) -> Judged:
    lookup = Lookup(index.table, index.name, index.relname, index.method, index.keys, index.hash, index.where)
    judged = integrity_lookups.look(connection, lookup, whole, ask)
    if isinstance(judged, psycopg.Error):
        return _unread([index.name], index.table, judged)
    if rows > whole and index.method != "hash":  # which holds no nulls
        reason = f"{index.method}: {rows - whole:,} of {rows:,} keys hold a null and were not looked up"
        judged += Judged(excused=(NotChecked(f"index {index.name}", reason),))
    return judged


def _index(connection: Connection, ask: Ask, index: Index, rows: int, keys: int) -> Judged:
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


def first_row(
    connection: Connection, query: str, settings: tuple[tuple[str, str], ...], *, longest: float = LONGEST
) -> tuple[Any, ...] | psycopg.DatabaseError:
    """The first row of a query under these settings, which are undone; the server's error where it has none."""
    limit = ("statement_timeout", str(max(1, round(longest * 1000))))
    try:
        with patience(connection, hang_up_after(longest)), connection.transaction(force_rollback=True):
            connection.execute("; ".join(f"set local {name} = {value}" for name, value in (*settings, limit)).encode())
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
