"""Reads indexes that have no order from end to end, by one question each that the whole index is searched for.

No query names the index that it is answered from. So each question is put so that only one kind of index can answer it,
everything else is switched off, and EXPLAIN says which index it is before it counts as read:

- BRIN: every search goes through all ranges, so that one key of the table is looked up.
- GIN: a question that every document fulfils ("contains nothing at all", "lacks a word") has no word to begin at, so that
  all words and the rows behind them are gone through (PostgreSQL, "GIN Extensibility", GIN_SEARCH_MODE_ALL). One for each
  column, because a search keeps to its column.
- GiST, SP-GiST: what is not null is everywhere. From PostgreSQL 17 on the planner leaves that out of a column that is NOT
  NULL, so that nothing is read; hydrate.py then looks the keys up, as it does for a hash index.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import psycopg

from drills.checks.base.session import Connection
from drills.checks.base.timeouts import DEFAULT_TIMEOUT
from drills.checks.integrity import lookups
from drills.checks.integrity.index_queries import Index
from drills.checks.integrity.indexes import first_row
from drills.checks.integrity.lookups import BY_BITMAP, BY_INDEX, names_in

# What all documents of a GIN class fulfil, by its type: operator and operand.
_ALL = {
    "anyarray": "operator(pg_catalog.@>) '{}'",
    "jsonb": "operator(pg_catalog.@>) '{}'",
    "tsvector": "operator(pg_catalog.@@) '!drills'",
    "text": "operator(pg_catalog.~~) '%'",  # pg_trgm's
}
# A B-tree of the same column would answer sooner; it pays for each of its entries, and BRIN has none.
_BY_RANGES = (*BY_BITMAP, ("cpu_index_tuple_cost", "1000000"))
_TYPES = """
select pg_catalog.format_type(c.opcintype, null) from pg_catalog.pg_index as x,
    pg_catalog.generate_series(1, x.indnkeyatts) as k (n) join pg_catalog.pg_opclass as c on true
where x.indexrelid = %s::pg_catalog.regclass and c.oid = x.indclass[k.n - 1] order by k.n
"""


def read_whole(connection: Connection, index: Index, longest: float = DEFAULT_TIMEOUT) -> bool:
    """Read an index from end to end; whether the server did. The check of the indexes tells what is wrong with one.

    The server has `longest` seconds for a search; ServerUnresponsive where it does not even say that it took longer.
    """
    ways = (_BY_RANGES,) if index.method == "brin" else (BY_BITMAP, BY_INDEX)
    for condition, settings in product(_conditions(connection, index), ways):
        question = f"select count(*) from only {index.table} where ({index.where}) and {condition}"
        plan = first_row(connection, f"explain (format json) {question}", settings, timeout=longest)
        if not isinstance(plan, psycopg.Error) and index.relname in names_in(plan[0]):
            return not isinstance(first_row(connection, question, settings, timeout=longest), psycopg.Error)
    return False


def _conditions(connection: Connection, index: Index) -> Iterator[str]:
    """Yield each of them makes the server search the whole index; none where nothing is known that does."""
    if index.method == "gin":
        types = [str(name) for (name,) in connection.execute(_TYPES, (index.name,))]
        if set(types) <= set(_ALL):
            yield " and ".join(f"{key} {_ALL[name]}" for key, name in zip(index.keys, types, strict=True))
    elif index.method == "brin":
        for operator, *_ in lookups.operators(connection, index.name):
            key = index.keys[operator.column - 1]
            some = f"(select {key} from only {index.table} where ({index.where}) and {key} is not null limit 1)"
            yield operator.match(key, some)
    elif index.method in ("gist", "spgist"):
        yield f"{index.keys[0]} is not null"
