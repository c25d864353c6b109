"""List the indexes of a database that can be verified, and the queries that read one in its own order."""

from __future__ import annotations

from dataclasses import dataclass

from drills.checks.base.relations import made_by_users
from drills.checks.base.session import Connection, index_scans
from drills.sql import Quoted, execute

COLLATE = "(select ' collate ' || l.oid::pg_catalog.regcollation from pg_catalog.pg_collation as l where l.oid = {oid})"
_INDEXES = f"""
select c.oid::pg_catalog.regclass::text, x.indexrelid::pg_catalog.regclass::text, i.relname, m.amname,
    array(select '(' || pg_catalog.pg_get_indexdef(x.indexrelid, g, true) || ')'
        || coalesce(case when x.indcollation[g - 1] <> coalesce(a.attcollation, 0)
            then {COLLATE.format(oid="x.indcollation[g - 1]")} end, '')
        from pg_catalog.generate_series(1, x.indnkeyatts) as g
        left join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = x.indkey[g - 1] order by g),
    x.indoption::int2[]::int[], pg_catalog.pg_get_expr(x.indpred, x.indrelid),
    x.indisunique and not coalesce((pg_catalog.to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false),
    case when m.amname = 'btree' and x.indnkeyatts = 1 then (select pg_catalog.format_type(a.atttypid, null)
        from pg_catalog.pg_attribute as a where a.attrelid = x.indexrelid and a.attnum = 1) end, x.indexrelid::bigint
from pg_catalog.pg_index as x join pg_catalog.pg_class as c on c.oid = x.indrelid
join pg_catalog.pg_class as i on i.oid = x.indexrelid join pg_catalog.pg_am as m on m.oid = i.relam
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where x.indisvalid and x.indisready and x.indislive and {made_by_users("c.oid")}
    and (c.relkind = 'r' or c.relkind = 'm' and c.relispopulated) and c.relpersistence <> 't' order by 1, 2
"""
HEAP = ("enable_seqscan", "on"), ("enable_indexscan", "off"), ("enable_indexonlyscan", "off"), ("enable_sort", "on")
INDEX = ("enable_seqscan", "off"), ("enable_indexscan", "on"), ("enable_indexonlyscan", "on"), ("enable_sort", "off")
STEPS = "count(*) filter (where step = 2), count(*) filter (where step = 1)"
# Hashes that distinguish two values of a type as well as their text does, in less time; all are null for a null.
_HASHES = {
    **dict.fromkeys(("smallint", "integer", "bigint"), ("pg_catalog.hashint8extended((", ")::bigint, 0)")),
    **dict.fromkeys(("text", "character varying"), ("pg_catalog.hashtextextended((", ')::text collate "C", 0)')),
    "uuid": ("pg_catalog.uuid_hash_extended(", ", 0)"),
}
_DIRECTIONS = {0: "", 1: " desc nulls last", 2: " asc nulls first", 3: " desc"}


@dataclass(frozen=True, slots=True)
class Index:
    """An index that can be verified: its SQL names, its plain name, its keys as SQL with their order, and its
    condition.

    `unique`: no two rows may have the same keys, unless one of these is null. `key_type` is the type of a B-tree's
    single key.
    """

    table: Quoted
    name: Quoted
    relname: str
    method: str
    keys: tuple[Quoted, ...]
    options: tuple[int, ...]
    predicate: Quoted
    unique: bool
    key_type: str | None
    oid: int = 0

    @property
    def hash(self) -> Quoted:
        """Return SQL for a 64-bit hash of the keys of a row."""
        if around := _HASHES.get(self.key_type or ""):
            return Quoted(self.keys[0].join(around))
        template = ",".join(["%L"] * len(self.keys))
        text = f"pg_catalog.format('{template}', {', '.join(self.keys)})"
        return Quoted(f'pg_catalog.hashtextextended({text} collate "C", 0)')

    @property
    def where(self) -> Quoted:
        """Return the condition for the rows that belong into it."""
        return self.predicate or Quoted("true")

    @property
    def heap_sums(self) -> str:
        """Return what else one pass over the table counts: the sum of keys, or the rows without nulls, which are looked
        up.
        """
        if self.method == "btree":
            return f"coalesce(sum({self.hash}) filter (where {self.where}), 0)"
        return f"count(*) filter (where ({self.where}) and pg_catalog.num_nulls({', '.join(self.keys)}) = 0)"

    @property
    def ordered_rows(self) -> str:
        """Return SQL for each row's hash h in the order of the index, and its step from the row before.

        The step is 0 where the row comes after that one, 1 where it is equal or one of them is null, 2 where it comes
        before it. The first row's is 1.
        """
        order = ", ".join(f"{key}{_DIRECTIONS[way & 3]}" for key, way in zip(self.keys, self.options, strict=True))
        step = "1"
        if set(self.options) in ({0}, {3}):  # rows can be compared as wholes where all keys run the same way
            before = f"row({', '.join(f'pg_catalog.lag({key}) over w' for key in self.keys)})"
            here, (up, down) = f"row({', '.join(self.keys)})", "<>" if set(self.options) == {0} else "><"
            step = f"case when {before} {up} {here} then 0 when {before} {down} {here} then 2 else 1 end"
        return (
            f"{self.hash} as h, {step} as step from only {self.table} where {self.where} "
            f"window w as (order by {order}) order by {order}"
        )

    @property
    def index_query(self) -> str:
        """Return a query of rows, sum of hashes, rows out of order, and rows of which it is unknown whether they are in
        order.
        """
        return f"select count(*), coalesce(sum(h), 0), {STEPS} from (select {self.ordered_rows}) as r"


def by_table(connection: Connection) -> dict[Quoted, list[Index]]:
    """Return the indexes that can be verified, by their table."""
    found: dict[Quoted, list[Index]] = {}
    with index_scans(connection):
        for row in execute(connection, _INDEXES):
            index = Index(row[0], row[1], row[2], row[3], tuple(row[4]), tuple(row[5]), row[6] or Quoted(""), *row[7:])
            found.setdefault(index.table, []).append(index)
    return found
