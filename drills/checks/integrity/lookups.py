"""Look the keys of a table up in an index that has no order to be read in: as many rows must come back as the table
has.

GiST, SP-GiST, GIN, hash and BRIN indexes cannot be read from end to end by a query as a B-tree can. So keys are taken
from a scan of the table, each is looked up through the index by an operator of its class that finds a value by itself
(`=`, `~=`, `@>` …), and as many rows must come back as the scan saw. Equal keys are looked up once, so that a key of a
million rows costs a million rows and not their square.

A geometric value with NaN in it is neither in a box nor beside one: PostgreSQL's GiST and SP-GiST classes then miss it and
others that they keep on the same pages, in a sound index too. So where such an index leads to too few rows, and its keys
hold NaN, nothing can be said of it.

How many keys are looked up is bounded, since an index that gives more rows than match (GIN, BRIN) would else cost the
square of the table; the outcome says how many. A page of an index holds hundreds of keys, so that a lost one is met all
the same. A key in which a column is null, and one that its operator does not find in itself (an empty range by `&&`),
is not looked up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.session import Connection
from drills.model.finding import Finding, NotChecked
from drills.plural import counted
from drills.redaction import hide_constants
from drills.sql import Quoted

NAME = "indexes"
MAX_KEYS = 200_000  # keys looked up in one index
MIN_KEYS = 50
_WORK = 2_000_000  # rows that the lookups of an index may come to where each may give all rows of the table
_EXACT = frozenset({"hash", "gist", "spgist"})  # an equal key leads to the rows that have it, and to few others; a GiST
# class of an extension's own may keep signatures instead of keys (pg_trgm, hstore, ltree), btree_gist's do not
_EQUAL = ("=", "~=")
_PREFERRED = ("=", "~=", "@>", "&&", "<@", "%", "@@")  # a pattern as its own pattern may be none, so no ~ and no LIKE
# Every operator of the class by which a value of its type can be looked up, or a document by a query made from its words.
_OPERATORS = """
select k.n, o.oprname, 'operator(' || pg_catalog.quote_ident(s.nspname) || '.' || o.oprname || ')',
    p.amoprighttype = 'pg_catalog.tsquery'::pg_catalog.regtype,
    c.opcnamespace = 'pg_catalog'::pg_catalog.regnamespace or pg_catalog.format_type(c.opckeytype, null) ~ 'gbtreekey',
    t.typcategory = 'G' or t.typname = 'cube'
from pg_catalog.pg_index as x, pg_catalog.generate_series(1, x.indnkeyatts) as k (n)
join pg_catalog.pg_opclass as c on true join pg_catalog.pg_type as t on t.oid = c.opcintype
join pg_catalog.pg_amop as p on p.amopfamily = c.opcfamily and p.amoppurpose = 's' and p.amoplefttype = c.opcintype
join pg_catalog.pg_operator as o on o.oid = p.amopopr
join pg_catalog.pg_namespace as s on s.oid = o.oprnamespace
where x.indexrelid = %s::pg_catalog.regclass and c.oid = x.indclass[k.n - 1] and (p.amoprighttype = c.opcintype
    or c.opcintype = 'pg_catalog.tsvector'::pg_catalog.regtype and p.amopstrategy = 1
       and p.amoprighttype = 'pg_catalog.tsquery'::pg_catalog.regtype)
order by 1, 2
"""
# The words of a document as a query for all of them; quotes and backslashes are doubled in a tsquery.
_QUERY = (
    "(select pg_catalog.string_agg('''' || pg_catalog.replace(pg_catalog.replace(w, '\\', '\\\\'), '''', '''''') || '''', "
    "' & ') from pg_catalog.unnest(pg_catalog.tsvector_to_array({key})) as w)::pg_catalog.tsquery"
)
# What would be read in the index's place, or answer without it, is switched off; the table is scanned by TABLESAMPLE.
BY_BITMAP = (
    ("enable_seqscan", "off"),
    ("enable_tidscan", "off"),
    ("enable_bitmapscan", "on"),
    ("enable_indexscan", "off"),
    ("enable_indexonlyscan", "off"),
)
BY_INDEX = (("enable_seqscan", "off"), ("enable_tidscan", "off"), ("enable_indexscan", "on"))
Ask = Callable[[Connection, str, tuple[tuple[str, str], ...]], tuple[Any, ...] | psycopg.DatabaseError]


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator of one column's class: the column's place, its name, as SQL, whether it takes a tsquery.

    `plain`: the class keeps what it indexes, and not a signature that many values share.
    """

    column: int
    name: str
    sql: Quoted
    by_words: bool = False
    plain: bool = True
    geometric: bool = False

    def match(self, indexed: str, key: str) -> str:
        """Return SQL for: the indexed expression is found by the key."""
        return f"({indexed} {self.sql} {_QUERY.format(key=key) if self.by_words else key})"


@dataclass(frozen=True, slots=True)
class Lookup:
    """An index whose keys are looked up in it: `keys` are its columns as SQL, `digest` a 64-bit hash of all of them."""

    table: Quoted
    name: Quoted
    relname: str
    method: str
    keys: tuple[Quoted, ...]
    digest: Quoted
    where: Quoted


def operators(connection: Connection, index: Quoted) -> tuple[tuple[Operator, ...], ...]:
    """Return sets of operators to look keys up by, the best first: one operator for each column that has any. At most
    three.

    For every column its preferred operator; then its second and third, where the planner takes another index for the
    first.
    """
    by_column: dict[int, list[Operator]] = {}
    for column, name, sql, by_words, plain, geometric in connection.execute(_OPERATORS, (index,)):
        if name in _PREFERRED:
            operator = Operator(int(column), str(name), Quoted(sql), bool(by_words), bool(plain), bool(geometric))
            by_column.setdefault(operator.column, []).append(operator)
    for found in by_column.values():
        found.sort(key=lambda each: _PREFERRED.index(each.name))
    if not by_column:
        return ()
    longest = max(len(found) for found in by_column.values())
    return tuple(
        tuple(found[min(place, len(found) - 1)] for found in by_column.values()) for place in range(min(longest, 3))
    )


def keys_to_look_up(rows: int, *, exact: bool) -> int:
    """Return how many keys of a table are looked up, so that all lookups together grow no faster than the table.
    Pure.
    """
    if exact or not rows:
        return MAX_KEYS
    return max(MIN_KEYS, min(MAX_KEYS, _WORK // rows))


def is_exact(index: Lookup, by: Sequence[Operator]) -> bool:
    """Return whether an equal key leads to the rows that have it alone."""
    return index.method in _EXACT and all(each.name in _EQUAL and each.plain for each in by)


def query(index: Lookup, by: Sequence[Operator], rows: int, limit: int) -> str:
    """Return a query of one row: rows whose keys were looked up, keys with fewer rows than in the table, and rows not
    found so.

    `rows` is how many the table has, `limit` how many keys to look up.
    """
    share = min(100.0, 100.0 * limit / rows) if rows else 100.0
    columns = ", ".join(f"{key} as k{number}" for number, key in enumerate(index.keys, 1))
    itself = " and ".join(each.match(f"k{each.column}", f"k{each.column}") for each in by)
    found = " and ".join(each.match(index.keys[each.column - 1], f"drills_key.k{each.column}") for each in by)
    all_rows, sample = (
        f"select {columns}, {index.digest} as h from only {index.table} tablesample {how} where {index.where}"
        for how in ("system (100)", _sample(share))
    )
    return (
        f"with drills_key as materialized (select distinct on (h) * from ({sample}) as s "
        f"where {itself} order by h), "
        f"drills_row as materialized (select h, count(*) as n from ({all_rows}) as s "
        f"where {itself} and h in (select h from drills_key) group by h) "
        f"select coalesce(sum(n), 0), count(*) filter (where found < n), "
        f"coalesce(sum(n - found) filter (where found < n), 0), count(*) "
        f"from drills_key join drills_row using (h), lateral (select count(*) as found from only {index.table} "
        f"where ({index.where}) and {found} and {index.digest} = drills_key.h) as l"
    )


def _sample(share: float) -> str:
    return "system (100)" if share >= 100 else f"bernoulli ({share:.6f}) repeatable (1)"


def check(connection: Connection, index: Lookup, rows: int, ask: Ask) -> CheckOutcome | psycopg.DatabaseError:
    """Look keys up in an index; the server's error where it could not be read. `rows` have keys without a null."""
    name = f"index {index.name}"
    sets = operators(connection, index.name)
    if not sets:
        reason = f"{index.method}: no operator of its class finds a value by itself"
        return CheckOutcome(excluded=(NotChecked(name, reason),))
    for by in sets:
        exact = is_exact(index, by)
        limit = keys_to_look_up(rows, exact=exact)
        text = query(index, by, rows, limit)
        for settings in (BY_BITMAP, BY_INDEX):
            plan = ask(connection, f"explain (costs off, format json) {text}", settings)
            if isinstance(plan, psycopg.Error):
                return plan
            if names_in(plan[0]) == {index.relname}:
                found = ask(connection, text, settings)
                if isinstance(found, psycopg.Error):
                    return found
                if found[1] and (unequal := _with_nan(connection, index, by, ask)):
                    reason = (
                        f"{index.method}: {unequal:,} of its keys hold NaN, for which its operators find too little"
                    )
                    return CheckOutcome(excluded=(NotChecked(name, reason),))
                return _outcome(index, found, rows, limit, text, settings)
    return CheckOutcome(excluded=(NotChecked(name, f"{index.method}: the planner reads another index in its place"),))


def _with_nan(connection: Connection, index: Lookup, by: Sequence[Operator], ask: Ask) -> int:
    """Return how many geometric keys of the table hold NaN."""
    texts = ", ".join(index.keys[each.column - 1] for each in by if each.geometric)
    if not texts:
        return 0
    query = (
        f"select count(*) from only {index.table} where ({index.where}) and pg_catalog.concat_ws(' ', {texts}) ~ 'NaN'"
    )
    row = ask(connection, query, (("enable_seqscan", "on"), ("enable_bitmapscan", "off"), ("enable_indexscan", "off")))
    return 0 if isinstance(row, psycopg.Error) else int(row[0])


def names_in(plan: Any) -> set[str]:
    """Return the names of all indexes in a plan as EXPLAIN (FORMAT JSON) gives it."""
    tree = json.loads(plan) if isinstance(plan, str) else plan
    names, nodes = set[str](), [node["Plan"] for node in tree]
    while nodes:
        node = nodes.pop()
        names |= {node["Index Name"]} if "Index Name" in node else set()
        nodes += node.get("Plans", [])
    return names


def _outcome(
    index: Lookup, found: tuple[Any, ...], rows: int, limit: int, text: str, settings: tuple[tuple[str, str], ...]
) -> CheckOutcome:
    seen, short, lost, keys = (int(value) for value in found[:4])
    name, excluded = f"index {index.name}", list[NotChecked]()
    if seen < rows:
        why = (
            f"at most {limit:,} keys are" if rows > limit else "an operator of its class finds no others by themselves"
        )
        excluded = [
            NotChecked(name, f"{index.method}: the keys of {seen:,} of {counted(rows, 'row')} were looked up: {why}")
        ]
    if not short:
        return CheckOutcome(1 if seen or not rows else 0, excluded=tuple(excluded))
    message = (
        f"{name} does not lead to {lost:,} of {counted(seen, 'row')} of {index.table} by their own keys: "
        f"{short:,} of {keys:,} keys looked up"
    )
    preamble = "; ".join(f"set {setting} = {value}" for setting, value in settings)
    finding = Finding(
        NAME,
        "error",
        index.name,
        counted(seen, "row"),
        counted(seen - lost, "row"),
        message,
        hide_constants(f"{preamble}; {text}"),
    )
    return CheckOutcome(1, (finding,), excluded=tuple(excluded))
