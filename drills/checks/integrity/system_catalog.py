"""Check that the system's own catalog is whole: a lost page of it takes built-in functions, operators or types away.

PostgreSQL knows which columns of its catalog refer to which others (pg_get_catalog_foreign_keys(), PostgreSQL 14 and
later) and never checks them. So every reference is followed. What nothing refers to is counted: what initdb created has
the same numbers on every server of a major version, and a manifest says how many there were and which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import psycopg

from drills.checks.base.anomalies import KnownAnomalies
from drills.checks.base.outcome import CheckOutcome, first_line, is_damage, is_lost
from drills.checks.base.session import Connection
from drills.model.finding import Finding, NotChecked, Severity
from drills.sql import Quoted, execute

NAME = "system catalog"
Builtins = dict[str, str]
"""Catalog, and "how many objects that came with PostgreSQL, digest of their numbers and names"."""

# Every role is in pg_roles, which everybody may read.
_REFERENCES = """
select k.fktable::text, k.pktable::text, k.is_array, k.is_opt,
    array(select pg_catalog.quote_ident(c) from pg_catalog.unnest(k.fkcols) as c),
    array(select pg_catalog.quote_ident(c) from pg_catalog.unnest(k.pkcols) as c)
from (select fktable::pg_catalog.regclass, fkcols, is_array, is_opt, pkcols,
    case pktable when 'pg_catalog.pg_authid'::pg_catalog.regclass then 'pg_catalog.pg_roles'::pg_catalog.regclass
        else pktable end as pktable from pg_catalog.pg_get_catalog_foreign_keys()) as k
order by 1, 5, 2
"""
_KEY_TYPES = {"attnum": "int2"}  # of columns that are referred to, where it is not oid
_ALONE = b"set local max_parallel_workers_per_gather = 0"  # each of the lookups would start workers of its own
# Objects with an OID below FirstUnpinnedObjectId (access/transam.h) are part of PostgreSQL's source, the same in every
# server of a major version; the schema public alone may be dropped and made anew.
_PINNED = 12_000
_NAMES = {
    "pg_am": "amname",
    "pg_amop": "amopopr::text",
    "pg_amproc": "amprocnum::text",
    "pg_cast": "castsource::text || ' ' || casttarget",
    "pg_class": "relname",
    "pg_collation": "collname",
    "pg_conversion": "conname",
    "pg_language": "lanname",
    "pg_opclass": "opcname",
    "pg_operator": "oprname",
    "pg_opfamily": "opfname",
    "pg_proc": "proname",
    "pg_ts_config": "cfgname",
    "pg_ts_dict": "dictname",
    "pg_ts_parser": "prsname",
    "pg_ts_template": "tmplname",
    "pg_type": "typname",
}
# These have no number of their own; what they belong to has.
_COUNTED = {
    "pg_aggregate": ("aggfnoid::oid", "aggtransfn::oid::text"),
    "pg_attribute": ("attrelid", "attnum || ' ' || attname"),
    "pg_index": ("indexrelid", "indrelid || ' ' || indkey::text"),
}
# What an object does. A minor release may define one otherwise, on servers that were made by it.
DEFINITIONS = "definitions of "
_DEFINED = {
    "functions": (
        "pg_proc",
        "oid",
        "prolang, prosrc, probin, prosecdef, proisstrict, provolatile, proretset, prorettype, proargtypes, proconfig",
    ),
    "operators": ("pg_operator", "oid", "oprname, oprleft, oprright, oprresult, oprcode::oid, oprcom, oprnegate"),
    "casts": ("pg_cast", "oid", "castsource, casttarget, castfunc, castcontext, castmethod"),
    "types": (
        "pg_type",
        "oid",
        "typinput::oid, typoutput::oid, typreceive::oid, typsend::oid, typlen, typbyval, typelem",
    ),
    "aggregates": ("pg_aggregate", "aggfnoid::oid", "aggtransfn::oid, aggfinalfn::oid, aggcombinefn::oid, agginitval"),
    "operators of classes": ("pg_amop", "oid", "amopfamily, amoplefttype, amoprighttype, amopstrategy, amopopr"),
    "functions of classes": (
        "pg_amproc",
        "oid",
        "amprocfamily, amproclefttype, amprocrighttype, amprocnum, amproc::oid",
    ),
}
# What somebody put beside what came with PostgreSQL, where every session looks names up first.
_ADDED = """
select 'objects added to pg_catalog', count(*) || ', digest ' || pg_catalog.md5(coalesce(pg_catalog.string_agg(
    what, ',' order by what collate "C"), '')) from (
    select 'function ' || p.oid::pg_catalog.regprocedure || ' ' || pg_catalog.md5(p.prosrc), p.oid,
        'pg_catalog.pg_proc'::pg_catalog.regclass from pg_catalog.pg_proc as p
        where p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
    union all select 'operator ' || o.oid::pg_catalog.regoperator, o.oid, 'pg_catalog.pg_operator'::pg_catalog.regclass
        from pg_catalog.pg_operator as o where o.oprnamespace = 'pg_catalog'::pg_catalog.regnamespace
    union all select 'relation ' || c.relname, c.oid, 'pg_catalog.pg_class'::pg_catalog.regclass
        from pg_catalog.pg_class as c where c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace
    union all select 'type ' || t.typname, t.oid, 'pg_catalog.pg_type'::pg_catalog.regclass
        from pg_catalog.pg_type as t where t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
) as r (what, oid, catalog) where oid >= 16384 and not exists (select from pg_catalog.pg_depend as d
    where d.classid = r.catalog and d.objid = r.oid and d.deptype = 'e')
"""


@dataclass(frozen=True, slots=True)
class Reference:
    """Columns of one catalog that refer to columns of another; an optional one may be 0."""

    table: Quoted
    columns: tuple[Quoted, ...]
    to: Quoted
    keys: tuple[Quoted, ...]
    array: bool
    optional: bool

    @property
    def name(self) -> str:
        """Return how a finding names it."""
        return f"{self.table} ({', '.join(self.columns)})"

    @property
    def source(self) -> tuple[list[str], str]:
        """Return SQL for the columns that refer, and for where they are read: FROM with its conditions."""
        columns = [f"r.{column}" for column in self.columns]
        source = f"{self.table} as r"
        if self.array:  # the last column holds several
            source += f", lateral pg_catalog.unnest({columns[-1]}) as each (value)"
            columns[-1] = "each.value"
        conditions = [f"{columns[-1]} <> 0"] if self.optional else []
        conditions += [f"{column} is not null" for column in columns]
        return columns, f"from {source} where {' and '.join(conditions)}"

    def unless_there(self, columns: Sequence[str]) -> str:
        """Return SQL for whether what these columns refer to is not there."""
        match = " and ".join(f"p.{key} = {column}" for key, column in zip(self.keys, columns, strict=True))
        return f"not exists (select from {self.to} as p where {match})"

    @property
    def query(self) -> str:
        """Return a query that counts the references that lead nowhere."""
        columns, source = self.source
        return f"select count(*) {source} and {self.unless_there(columns)}"


def observe(connection: Connection) -> Builtins:
    """Return what came with PostgreSQL, as this database's catalog has it."""
    entries = [(name, "oid", what) for name, what in _NAMES.items()]
    entries += [(name, number, what) for name, (number, what) in _COUNTED.items()]
    query = " union all ".join(
        f"select '{name}', count(*) || ' that came with PostgreSQL, digest ' || pg_catalog.md5(pg_catalog.string_agg("
        f"{number} || ' ' || {what}, ',' order by {number}, ({what}) collate \"C\")) "
        f"from pg_catalog.{name} where {number} < {_PINNED}"
        for name, number, what in entries
    )
    definitions = " union all ".join(
        f"select '{DEFINITIONS}{kind}', 'digest ' || pg_catalog.md5(pg_catalog.string_agg(pg_catalog.md5("
        f"row({number}, {what})::text), ',' order by {number}, ({what.split(',')[0]}))) "
        f"from pg_catalog.{name} where {number} < {_PINNED}"
        for kind, (name, number, what) in _DEFINED.items()
    )
    query += f" union all {definitions} union all {_ADDED}"
    return {str(name): str(reason or "none") for name, reason in execute(connection, query)}


def check(connection: Connection, expected: Builtins | None, known: KnownAnomalies | None) -> CheckOutcome:
    """Follow every reference of one database's catalog, and compare what came with PostgreSQL.

    `expected` is None where no manifest, or one of another major version of PostgreSQL, says what there was.
    """
    total = CheckOutcome()
    if expected is not None:
        total += judge(expected, observe(connection))
    references = list_references(connection)
    counts = _all_at_once(connection, references)
    if counts is not None:
        for reference, count in zip(references, counts, strict=True):
            total += CheckOutcome(1, tuple(dangling(reference, count, known)))
        return total
    return total + _one_by_one(connection, references, known)


def list_references(connection: Connection) -> list[Reference]:
    """Return the references between catalogs that the server knows of."""
    return [
        Reference(table, tuple(columns), to, tuple(keys), bool(array), bool(optional))
        for table, to, array, optional, columns, keys in connection.execute(_REFERENCES)
    ]


def _all_at_once(connection: Connection, references: Sequence[Reference]) -> list[int] | None:
    """Count how many of each lead nowhere; None where one of them cannot be read."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(_ALONE)
            counts = dict(execute(connection, together(references)).fetchall())
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # nothing more can be read on this connection
        return None
    return [int(counts.get(place, 0)) for place in range(len(references))]


def together(references: Sequence[Reference]) -> str:
    """Return a query over all references: the place of each that leads nowhere, and how often. Pure.

    What refers to the same columns is looked up in one table of hashes, which takes longer to make than to ask.
    """
    by_target: dict[tuple[Quoted, tuple[Quoted, ...]], list[str]] = {}
    heads: dict[tuple[Quoted, tuple[Quoted, ...]], Reference] = {}
    for place, reference in enumerate(references):
        target = (reference.to, reference.keys)
        columns, source = reference.source
        named = ", ".join(
            f"{column}::pg_catalog.{_KEY_TYPES.get(key, 'oid')} as k{number}"
            for number, (column, key) in enumerate(zip(columns, reference.keys, strict=True))
        )
        by_target.setdefault(target, []).append(f"select {place} as n, {named} {source}")
        heads.setdefault(target, reference)
    return " union all ".join(
        f"select n, count(*) from ({' union all '.join(sources)}) as r "
        f"where {heads[target].unless_there([f'r.k{number}' for number in range(len(target[1]))])} group by n"
        for target, sources in by_target.items()
    )


def _one_by_one(connection: Connection, references: Sequence[Reference], known: KnownAnomalies | None) -> CheckOutcome:
    """Do the same where some cannot be read: they are damaged, or a right is missing."""
    total, hidden = CheckOutcome(), list[str]()
    for reference in references:
        try:
            with connection.transaction():
                row = execute(connection, reference.query).fetchone()
        except psycopg.errors.InsufficientPrivilege:
            hidden.append(reference.table.removeprefix("pg_catalog."))
        except psycopg.DatabaseError as error:
            if not is_damage(error):
                raise
            total += CheckOutcome(1, (_unreadable(reference, first_line(error)),))
        else:
            total += CheckOutcome(1, tuple(dangling(reference, int(row[0]) if row else 0, known)))
    if hidden:
        names = ", ".join(dict.fromkeys(hidden))
        total += CheckOutcome(excluded=(NotChecked(f"references of {names}", "needs a superuser or pg_read_all_data"),))
    return total


def observe_dangling(connection: Connection) -> KnownAnomalies:
    """Return the references of a source that lead nowhere, by their name: an old catalog may have some."""
    return {finding.object: finding.found for finding in check(connection, None, None).findings}


def comparable(
    expected: Builtins | None, here: int, there: int, *, own: bool
) -> tuple[Builtins | None, tuple[NotChecked, ...]]:
    """Return what can be compared of a manifest's built-in objects, and what is left out. Pure.

    `here` and `there` are the versions of the copy's server and the source's as server_version_num, `own` says that it is the
    source's own server or a physical copy, whose catalog a newer minor release leaves as it was.
    """
    if expected is None:
        return None, ()
    if here // 10000 != there // 10000:
        reason = f"not compared: the source has PostgreSQL {there // 10000}, the copy {here // 10000}"
        return None, (NotChecked("what came with PostgreSQL", reason),)
    if here == there or own:
        return expected, ()
    reason = f"not compared: the source has version {there}, the copy {here}, of another server"
    rest = {name: value for name, value in expected.items() if not name.startswith(DEFINITIONS)}
    return rest, (NotChecked("definitions of what came with PostgreSQL", reason),)


def judge(expected: Mapping[str, str], found: Mapping[str, str]) -> CheckOutcome:
    """Compare what came with PostgreSQL. Pure."""
    findings = tuple(
        Finding(
            NAME,
            "error",
            _object(name),
            before,
            found.get(name, "none"),
            f"{_object(name)}: found {found.get(name, 'none')}, expected {before}: {_why(name)}",
            _query(name),
        )
        for name, before in expected.items()
        if found.get(name) != before and not _follows(name, expected, found)
    )
    return CheckOutcome(len(expected), findings)


def _follows(name: str, expected: Mapping[str, str], found: Mapping[str, str]) -> bool:
    """Return whether definitions differ since their objects themselves do, which is reported of these."""
    catalog = _DEFINED.get(name.removeprefix(DEFINITIONS), ("",))[0]
    return expected.get(catalog) != found.get(catalog)


def _object(name: str) -> str:
    return f"pg_catalog.{name}" if name.startswith("pg_") else name


def _why(name: str) -> str:
    return "a page of it may be lost" if name.startswith("pg_") else "somebody changed what came with PostgreSQL"


def _query(name: str) -> str:
    """Return a query whose answers on the two sides show what differs."""
    if defined := _DEFINED.get(name.removeprefix(DEFINITIONS)):
        catalog, number, what = defined
        return f"select {number}, {what} from pg_catalog.{catalog} where {number} < {_PINNED} order by 1"
    if not name.startswith("pg_"):
        return "select what from (" + _ADDED.partition(" from (")[2].strip() + " order by 1"
    return f"select count(*) from pg_catalog.{name}"


def dangling(reference: Reference, count: int, known: KnownAnomalies | None) -> Iterable[Finding]:
    """Yield the finding for references that lead nowhere; information where the source had as many. Pure."""
    if not count:
        return
    state = f"{count:,} that lead nowhere"
    severity: Severity = "information" if known is not None and known.get(reference.name) == state else "error"
    message = f"{reference.name} has {state}: {reference.to} lacks what they refer to"
    message += ", and so it was on the source" if severity == "information" else ""
    yield Finding(NAME, severity, reference.name, "references that lead somewhere", state, message, reference.query)


def _unreadable(reference: Reference, reason: str) -> Finding:
    message = f"{reference.name} cannot be followed to {reference.to}: {reason}"
    return Finding(NAME, "error", reference.name, "a catalog that can be read", reason, message, reference.query)
