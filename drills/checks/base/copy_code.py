"""Find what of a copy would run code of its own with a login's rights, where that login could do harm with them.

Whoever owns a database can put code behind a CHECK, a domain, an index, an operator or a view, and a query that
evaluates them runs it as the role that asks. `set role` is no boundary, since the code can reset it. So with a login
that could run programs or reach files, only what PostgreSQL and its extensions brought is evaluated; the rest is named
and left. Functions in C and of PostgreSQL itself can be made by a superuser alone
(https://www.postgresql.org/docs/current/sql-createfunction.html), and count as safe where they are immutable or stable
and run no SQL that they are given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drills.checks.base.node_trees import References, is_evaluated_by_planning, references
from drills.checks.base.session import Connection, index_scans
from drills.checks.base.sql_bodies import is_plain
from drills.sql import execute

_HOW = "log in as a role without them, or give --trust-code"

# The roles that reach the server's files and programs (https://www.postgresql.org/docs/current/predefined-roles.html),
# and every superuser: whoever is a member of one can become it. Amazon RDS's rds_superuser is none of them.
_RIGHTS = """
select case when r.rolsuper then 'a superuser''s rights' else 'the rights of ' || pg_catalog.quote_ident(r.rolname) end
from pg_catalog.pg_roles as r
where (r.rolsuper or r.rolname in ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'))
    and pg_catalog.pg_has_role(session_user, r.oid, 'member')
order by r.rolsuper desc, r.rolname limit 1
"""
# Views and foreign tables cannot take a table's place meanwhile (minor releases of August 2024 and later).
_NO_VIEWS = """
select pg_catalog.set_config('restrict_nonsystem_relation_kind', 'view, foreign-table', true)
from pg_catalog.pg_settings where name = 'restrict_nonsystem_relation_kind'
"""
# The transactions that are visible: two of a primary server that see the same ones see the same catalogs. A standby's are
# not told apart so (https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT).
_SEEN = "select case when not pg_catalog.pg_is_in_recovery() then pg_catalog.txid_current_snapshot()::text end"
_UNSAFE = """
select p.oid::bigint, l.lanname = 'sql', p.oid >= 16384 and l.lanname not in ('c', 'internal')
        and p.prorettype not in ('trigger'::pg_catalog.regtype, 'event_trigger'::pg_catalog.regtype),
    case when p.oid >= 16384 then 'code of ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(p.proowner)) || ' (' end
        || 'function ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.proname) || ')',
    'function ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.proname),
    case when l.lanname = 'sql' and p.provolatile in ('i', 's') and p.proconfig is null and not p.prosecdef
            and not p.proretset and not exists (select from pg_catalog.pg_type as t
            where t.oid = any (array[p.prorettype] || p.proargtypes::oid[]) and (t.typtype <> 'b' or t.oid >= 16384))
        then p.prosrc end,
    p.proargnames, pg_catalog.to_jsonb(p) ->> 'prosqlbody', case when p.oid < 16384 then p.proname end
from pg_catalog.pg_proc as p join pg_catalog.pg_language as l on l.oid = p.prolang
join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
where not (
    exists (select from pg_catalog.pg_roles as r where r.oid = p.proowner and r.rolsuper)
    and (p.provolatile in ('i', 's') or p.oid < 16384 and p.proname in ('clock_timestamp', 'timeofday', 'random',
        'random_normal', 'gen_random_uuid', 'uuidv4', 'uuidv7'))
    and (l.lanname in ('c', 'internal') or l.lanname = 'sql' and p.oid < 16384
        or exists (select from pg_catalog.pg_depend as d where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
            and d.objid = p.oid and d.deptype = 'e'))
    -- these run SQL that they are given, or read whatever has a name
    and not (l.lanname = 'internal' and p.proname ~ '^(table|query|cursor|schema|database)_to_xml')
    and not (l.lanname = 'c' and p.prosrc in ('crosstab', 'crosstab_hash', 'connectby_text', 'connectby_text_serial',
        'xpath_table')))
"""
_OWN_FUNCTIONS = "select distinct proname::text from pg_catalog.pg_proc where oid < 16384"
_OWN_TYPES = "select typname::text from pg_catalog.pg_type where oid < 16384 and typtype = 'b'"
_OPERATORS = "select oid::bigint, oprcode::oid::bigint from pg_catalog.pg_operator where oprcode <> 0"
# What belongs to a type: its own functions, those of its operator classes, and the types that it consists of.
_TYPE_FUNCTIONS = """
select t.oid::bigint, f.oid::oid::bigint from pg_catalog.pg_type as t, lateral (values (t.typinput::oid),
    (t.typoutput::oid), (t.typreceive::oid), (t.typsend::oid), (t.typanalyze::oid)) as f (oid)
where t.oid >= 16384 and f.oid <> 0
union all select rngtypid::bigint, f.oid::bigint from pg_catalog.pg_range,
    lateral (values (rngcanonical::oid), (rngsubdiff::oid)) as f (oid) where f.oid <> 0
union all select rngtypid::bigint, p.amproc::oid::bigint from pg_catalog.pg_range
    join pg_catalog.pg_opclass as c on c.oid = rngsubopc join pg_catalog.pg_amproc as p on p.amprocfamily = c.opcfamily
union all select c.opcintype::bigint, p.amproc::oid::bigint from pg_catalog.pg_opclass as c
    join pg_catalog.pg_amproc as p on p.amprocfamily = c.opcfamily where c.opcintype = p.amproclefttype
union all select c.opcintype::bigint, o.oprcode::oid::bigint from pg_catalog.pg_opclass as c
    join pg_catalog.pg_amop as p on p.amopfamily = c.opcfamily and c.opcintype = p.amoplefttype
    join pg_catalog.pg_operator as o on o.oid = p.amopopr
union all select castsource::bigint, castfunc::bigint from pg_catalog.pg_cast where castfunc <> 0
    and castsource >= 16384
"""
_TYPE_PARTS = """
select t.oid::bigint, t.typelem::bigint from pg_catalog.pg_type as t where t.typelem >= 16384
union all select t.oid::bigint, t.typbasetype::bigint from pg_catalog.pg_type as t where t.typbasetype >= 16384
union all select t.oid::bigint, a.atttypid::bigint from pg_catalog.pg_type as t
    join pg_catalog.pg_attribute as a on a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
    where a.atttypid >= 16384
union all select rngtypid::bigint, rngsubtype::bigint from pg_catalog.pg_range where rngsubtype >= 16384
union all select rngmultitypid::bigint, rngtypid::bigint from pg_catalog.pg_range where rngtypid >= 16384
"""
_DOMAINS = "select contypid::bigint, conbin::text from pg_catalog.pg_constraint where contypid <> 0 and contype = 'c'"
# Objects by catalog and number, with their table, their expression, and what they call beside it. Of many tables nearly
# all have neither an expression nor an operator or type of somebody's own: these stay on the server.
_OBJECTS = """
select 'pg_constraint', k.oid::bigint, k.conrelid::bigint, k.conbin::text, '{}'::bigint[], '{}'::bigint[],
    (coalesce(k.conpfeqop, '{}') || coalesce(k.conppeqop, '{}') || coalesce(k.conffeqop, '{}')
        || coalesce(k.conexclop, '{}'))::oid[]::bigint[]
from pg_catalog.pg_constraint as k where k.conrelid <> 0 and k.contype in ('c', 'f', 'x')
    and (k.conbin is not null or (coalesce(k.conpfeqop, '{}') || coalesce(k.conppeqop, '{}')
        || coalesce(k.conffeqop, '{}') || coalesce(k.conexclop, '{}'))::oid[]::bigint[] && %(operators)s::bigint[])
union all
select 'pg_index', x.indexrelid::bigint, x.indrelid::bigint,
    pg_catalog.concat_ws(' ', x.indexprs::text, x.indpred::text),
    array(select a.atttypid::bigint from pg_catalog.pg_attribute as a where a.attrelid = x.indexrelid and a.attnum > 0),
    array(select p.amproc::oid::bigint from pg_catalog.pg_opclass as c
        join pg_catalog.pg_amproc as p on p.amprocfamily = c.opcfamily where c.oid = any (x.indclass)
            and c.oid >= 16384), '{}'
from pg_catalog.pg_index as x where x.indrelid >= 16384 and (x.indexprs is not null or x.indpred is not null
    or exists (select from pg_catalog.unnest(x.indclass::oid[]) as own (oid) where own.oid >= 16384)
    or exists (select from pg_catalog.pg_attribute as a where a.attrelid = x.indexrelid and a.attnum > 0
        and a.atttypid::bigint = any (%(values)s::bigint[])))
union all
select 'pg_statistic_ext', e.oid::bigint, e.stxrelid::bigint, pg_catalog.to_jsonb(e) ->> 'stxexprs', '{}', '{}', '{}'
from pg_catalog.pg_statistic_ext as e where pg_catalog.to_jsonb(e) ->> 'stxexprs' is not null
union all
select 'pg_partitioned_table', p.partrelid::bigint, p.partrelid::bigint, p.partexprs::text, '{}',
    array(select s.amproc::oid::bigint from pg_catalog.pg_opclass as c
        join pg_catalog.pg_amproc as s on s.amprocfamily = c.opcfamily where c.oid = any (p.partclass)
            and c.oid >= 16384), '{}'
from pg_catalog.pg_partitioned_table as p
union all
select 'virtual column', f.oid::bigint, f.adrelid::bigint, f.adbin::text, '{}', '{}', '{}'
from pg_catalog.pg_attrdef as f join pg_catalog.pg_attribute as a on a.attrelid = f.adrelid and a.attnum = f.adnum
where a.attgenerated = 'v'
union all
select case c.relkind when 'v' then 'pg_rewrite' else 'materialised view' end, c.oid::bigint, c.oid::bigint,
    r.ev_action::text, '{}', '{}', '{}'
from pg_catalog.pg_rewrite as r join pg_catalog.pg_class as c on c.oid = r.ev_class
where r.rulename = '_RETURN' and c.oid >= 16384
"""
_TABLES = """
select c.oid::bigint, c.oid::pg_catalog.regclass::text from pg_catalog.pg_class as c
where c.oid >= 16384 and c.relkind in ('r', 'p', 'm', 'v', 'f')
"""
_PARENTS = "select inhrelid::bigint, inhparent::bigint from pg_catalog.pg_inherits"


@dataclass(frozen=True, slots=True)
class CopyCode:
    """What of one database is not evaluated, with the reason for each: nothing, where the login can do no harm.

    `tables` are those that no query may name, since planning it would run the code; `objects` are constraints, indexes,
    domains, partitioned tables and views, by the name of their catalog and their OID. `any` is the reason for SQL of which
    nobody knows what it calls, "" where nothing of the copy could be called. `limited`: the login could do harm.
    """

    tables: Mapping[str, str] = field(default_factory=dict)
    objects: Mapping[tuple[str, int], str] = field(default_factory=dict)
    any: str = ""
    limited: bool = False

    def of(self, catalog: str, oid: int, tables: Iterable[str] = ()) -> str:
        """Return why an object, or one of the tables that its query names, is left; "" where it may be evaluated."""
        return self.objects.get((catalog, oid), "") or next((self.tables[t] for t in tables if t in self.tables), "")


NOTHING = CopyCode()


def is_reason(text: str) -> bool:
    """Return whether something was left out for such a reason. Pure."""
    return text.endswith(_HOW)


def rights(connection: Connection) -> str:
    """Return in words which rights the login has that the copy's code must not get; "" where it has none."""
    row = execute(connection, _RIGHTS).fetchone()
    return str(row[0]) if row else ""


def find(connection: Connection, *, trusted: bool) -> CopyCode:
    """Return what of a database is not to be evaluated by this login; nothing with `trusted`.

    Otherwise views and foreign tables cannot be read in the rest of the transaction, where the server has a setting for
    that: a view that takes a table's place meanwhile is an error.
    """
    if trusted or not (power := rights(connection)):
        return NOTHING
    execute(connection, _NO_VIEWS)
    with index_scans(connection):
        return _Survey(connection).result(power)


class KnownCode:
    """What was found in the databases of one server, which is found anew only where a transaction sees anything else.

    Each check reads in a transaction of its own, and finding the code of ten thousand tables takes longer than most checks.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], CopyCode] = {}

    def find(self, connection: Connection, *, trusted: bool) -> CopyCode:
        """Return what `find` does, and limit the transaction as it does."""
        if trusted:
            return NOTHING
        row = connection.execute(_SEEN).fetchone()
        if row is None or row[0] is None:
            return find(connection, trusted=False)
        seen = (connection.info.dbname, str(row[0]))
        if seen not in self._found:
            self._found[seen] = find(connection, trusted=False)
        elif self._found[seen].limited:
            execute(connection, _NO_VIEWS)
        return self._found[seen]


def allow_views(connection: Connection) -> None:
    """Let the rest of the transaction name views again, for those that were found to be safe."""
    execute(connection, _NO_VIEWS.replace("'view, foreign-table'", "''"))


class _Survey:
    """The code of one database, and what leads to it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        unsafe = self._rows(_UNSAFE)
        plain = self._plain_functions(unsafe)
        unsafe = [row for row in unsafe if row[0] not in plain]
        self._functions = {int(row[0]): str(row[3] or row[4]) for row in unsafe}
        self._inlined = frozenset(int(row[0]) for row in unsafe if row[1])
        self._callable = [str(row[3]) for row in unsafe if row[2]]
        self._operators = {
            int(oid): self._functions[code] for oid, code in self._rows(_OPERATORS) if code in self._functions
        }
        self._values = self._spread(
            {oid: self._functions[f] for oid, f in self._rows(_TYPE_FUNCTIONS) if f in self._functions}
        )
        self._types = dict(self._values)
        self._relations: dict[int, str] = {}
        self._add_domains()

    def _plain_functions(self, unsafe: list[tuple[Any, ...]]) -> set[int]:
        """Return those functions in SQL whose text is an expression of what PostgreSQL brings."""
        candidates = [row for row in unsafe if row[5] and row[0] >= 16384 and not row[7]]
        if not candidates:
            return set()
        functions = {name for (name,) in self._rows(_OWN_FUNCTIONS)} - {row[8] for row in unsafe if row[8]}
        types = {name for (name,) in self._rows(_OWN_TYPES)}
        return {row[0] for row in candidates if is_plain(row[5], row[6] or (), functions, types)}

    def _rows(self, query: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return execute(self._connection, query, values).fetchall()

    def _spread(self, types: dict[int, str]) -> dict[int, str]:
        """Add the types that consist of those in `types`."""
        users = defaultdict[int, list[int]](list)
        for whole, part in self._rows(_TYPE_PARTS):
            users[part].append(whole)
        waiting = list(types)
        while waiting:
            part = waiting.pop()
            for whole in users.get(part, ()):
                if whole not in types:
                    types[whole] = types[part]
                    waiting.append(whole)
        return types

    def _add_domains(self) -> None:
        """Add the domains whose checks call code, also by way of one another."""
        domains = [(int(oid), references(tree)) for oid, tree in self._rows(_DOMAINS)]
        before = -1
        while len(self._types) != before:
            before = len(self._types)
            for oid, found in domains:
                if oid not in self._types and (what := self.called(found)):
                    self._types[oid] = what
            self._types = self._spread(self._types)

    def called(self, found: References) -> str:
        """Return the first code that these references lead to, "" where they lead to none."""
        for oids, unsafe in (
            (found.functions, self._functions),
            (found.operators, self._operators),
            (found.types, self._types),
            (found.values, self._values),
            (found.relations, self._relations),
        ):
            if met := sorted(oids & unsafe.keys()):
                return unsafe[met[0]]
        return ""

    def result(self, power: str) -> CopyCode:
        """Return what is left out, with reasons that name the rights in words."""
        objects = {("pg_type", oid): what for oid, what in self._types.items()}
        views, stored = list[tuple[int, References]](), list[tuple[int, References]]()
        unsafe = {"operators": list(self._operators), "values": list(self._values)}
        for catalog, oid, table, tree, types, functions, operators in self._rows(_OBJECTS, unsafe):
            found = references(tree or "")
            if catalog in ("pg_rewrite", "materialised view"):
                (views if catalog == "pg_rewrite" else stored).append((oid, found))
                continue
            beside = References(frozenset(functions), frozenset(operators), values=frozenset(types))
            if what := self.called(found) or self.called(beside):
                objects[catalog, oid] = what
                if self._planning_calls(catalog, tree or ""):
                    self._relations[table] = what
        self._add_parents()
        self._add_views(views)
        objects |= {("pg_rewrite", oid): self._relations[oid] for oid, _ in views if oid in self._relations}
        # a materialised view is read as a table is, and its query planned as a view's
        objects |= {("pg_rewrite", oid): what for oid, found in stored if (what := self.called(found))}
        names = {oid: str(name) for oid, name in self._rows(_TABLES)} if self._relations else {}
        any_code = next(iter([*self._callable, *objects.values()]), "")

        def reason(what: str) -> str:
            return f"would run {what} with {power}: {_HOW}"

        return CopyCode(
            {names[oid]: reason(what) for oid, what in self._relations.items() if oid in names},
            {key: reason(what) for key, what in objects.items()},
            reason(any_code) if any_code else "",
            limited=True,
        )

    def _planning_calls(self, catalog: str, tree: str) -> bool:
        if catalog == "pg_constraint":
            return False  # read by the planner for constraint_exclusion alone, which is off
        if catalog == "virtual column":
            return True
        return is_evaluated_by_planning(tree, lambda found: bool(self.called(found)), self._inlined)

    def _add_parents(self) -> None:
        """Add the tables whose partitions or children no query may name."""
        parents = defaultdict[int, list[int]](list)
        for child, parent in self._rows(_PARENTS):
            parents[child].append(parent)
        waiting = list(self._relations)
        while waiting:
            child = waiting.pop()
            for parent in parents.get(child, ()):
                if parent not in self._relations:
                    self._relations[parent] = self._relations[child]
                    waiting.append(parent)

    def _add_views(self, views: list[tuple[int, References]]) -> None:
        before = -1
        while len(self._relations) != before:
            before = len(self._relations)
            for oid, found in views:
                if oid not in self._relations and (what := self.called(found)):
                    self._relations[oid] = what
