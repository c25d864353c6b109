"""The SQL that describes a database's objects: one query for each section, readable without being a superuser.

Each query returns two columns, the object's name and a JSON object of its parts. A part that is absent or off is left
out. Two parts are not compared: `of` lists what the object belongs to ("<section> <name>"), so that the parts of a lost
table are not reported again; `object` is the name to report where the first column holds more than that. A part whose
name begins with "secret " holds an array of "name=value" and is digested before it leaves
drills/checks/catalog/check.py.

Written for sessions with an empty search_path, which makes PostgreSQL qualify every name. Sources:
https://www.postgresql.org/docs/current/catalogs.html; pg_dump for which objects are created by others (partitions'
triggers, extension members).
"""

from __future__ import annotations

from drills.checks.catalog.view_text import view_text

USER_SCHEMA = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
FIRST_USER_OID = 16384  # FirstNormalObjectId of access/transam.h: what initdb made has lower numbers
RELATION = "c.oid::regclass::text"
SECTION_AND_NAME = (
    "case when c.relkind in ('i', 'I') then 'indexes ' when c.relkind = 'S' then 'sequences ' "
    f"when c.relkind = 'c' then 'types ' else 'relations ' end || {RELATION}"
)
IN_SCHEMA = "jsonb_build_array('schemas schema ' || quote_ident(n.nspname))"


def owner_name(oid: str) -> str:
    """Return SQL for the quoted name of the role with this oid."""
    return f"quote_ident(pg_get_userbyid({oid}))"


def not_of_extension(catalog: str, oid: str) -> str:
    """Return a condition that is true for what no extension created."""
    return (
        f"not exists (select from pg_depend as e where e.classid = '{catalog}'::regclass and e.objid = {oid} "
        "and e.deptype = 'e')"
    )


def sorted_list(array: str) -> str:
    """Return SQL for the elements of an array in order, as one text."""
    return f"(select string_agg(o, ', ' order by o) from unnest({array}) as o)"


def yes_if(condition: str) -> str:
    """Return SQL for 'yes' where the condition is true, else null."""
    return f"case when {condition} then 'yes' end"


def select_row(name: str, **parts: str) -> str:
    """Return the select list of a query: name and parts; an underscore in a part's name stands for a blank."""
    pairs = ", ".join(f"'{part.strip('_').replace('_', ' ')}', {value}" for part, value in parts.items())
    return f"select {name}, jsonb_strip_nulls(jsonb_build_object({pairs}))::text"


def _internal_triggers(enabled: str) -> str:
    return f"""(select nullif(count(*), 0)::text from pg_trigger as t where t.tgrelid = c.oid
        and t.tgisinternal and t.tgconstraint <> 0 and t.tgenabled = '{enabled}')"""


TABLE_FROM = f"""from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where {USER_SCHEMA} and {not_of_extension("pg_class", "c.oid")}"""

_SCHEMAS = f"""{select_row("'schema ' || quote_ident(n.nspname)", owner=owner_name("n.nspowner"))}
    from pg_namespace as n where {USER_SCHEMA} and {not_of_extension("pg_namespace", "n.oid")}"""

_RELATIONS = f"""{
    select_row(
        RELATION,
        of=IN_SCHEMA,
        kind='''case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view'
        when 'm' then 'materialised view' else 'foreign table' end''',
        persistence="case c.relpersistence when 'u' then 'unlogged' end",
        owner=owner_name("c.relowner"),
        row_security=yes_if("c.relrowsecurity"),
        forced_row_security=yes_if("c.relforcerowsecurity"),
        unpopulated=yes_if("not c.relispopulated"),
        replica_identity='''case when c.relkind in ('r', 'p', 'm')
        then case c.relreplident when 'f' then 'full' when 'n' then 'nothing' when 'i' then 'index '
        || (select x.indexrelid::regclass::text from pg_index as x where x.indrelid = c.oid and x.indisreplident)
        end end''',
        options=sorted_list("c.reloptions"),
        toast_options=f"(select {sorted_list('t.reloptions')} from pg_class as t where t.oid = c.reltoastrelid)",
        partition_of="case when c.relispartition then i.parents end",
        partition_bound="pg_get_expr(c.relpartbound, c.oid)",
        partition_key="pg_get_partkeydef(c.oid)",
        inherits="case when not c.relispartition then i.parents end",
        row_type="case when c.reloftype <> 0 then c.reloftype::regtype::text end",
        tablespace="(select quote_ident(s.spcname) from pg_tablespace as s where s.oid = c.reltablespace)",
        access_method="(select a.amname from pg_am as a where a.oid = c.relam and a.amname <> 'heap')",
        definition=f"case when c.relkind in ('v', 'm') then {view_text('c.oid')} end",
        disabled_internal_triggers=_internal_triggers("D"),
        internal_triggers_for_replication_alone=_internal_triggers("R"),
        server="(select quote_ident(s.srvname) from pg_foreign_table as f join pg_foreign_server as s "
        "on s.oid = f.ftserver where f.ftrelid = c.oid)",
        secret_options="(select to_jsonb(f.ftoptions) from pg_foreign_table as f where f.ftrelid = c.oid)",
    )
}
    from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    left join (select inhrelid, string_agg(inhparent::regclass::text, ', ' order by inhseqno) as parents
        from pg_inherits group by inhrelid) as i on i.inhrelid = c.oid
    where {USER_SCHEMA} and c.relkind in ('r', 'p', 'v', 'm', 'f') and {not_of_extension("pg_class", "c.oid")}"""

RELATION_NAMES = f"select {RELATION} {TABLE_FROM} and c.relkind in ('r', 'p', 'v', 'm', 'f')"

COLUMN_NAME = f"{RELATION} || '.' || quote_ident(a.attname)"
_COLUMN_OF = f"""jsonb_build_array({SECTION_AND_NAME}) || case when a.attinhcount > 0 then coalesce((select
    jsonb_agg('columns ' || h.inhparent::regclass::text || '.' || quote_ident(a.attname)) from pg_inherits as h
    where h.inhrelid = c.oid), '[]') else '[]' end"""
COLUMNS_FROM = """from pg_attribute as a join pg_class as c on c.oid = a.attrelid
    join pg_namespace as n on n.oid = c.relnamespace"""
COLUMNS_WHERE = (
    f"where {USER_SCHEMA} and a.attnum > 0 and not a.attisdropped and {not_of_extension('pg_class', 'c.oid')}"
)

# PostgreSQL 18 keeps NOT NULL as a constraint too; the column tells it on every version, the constraint only whether
# it has been validated.
_COLUMNS = f"""{
    select_row(
        COLUMN_NAME,
        of=_COLUMN_OF,
        type="format_type(a.atttypid, a.atttypmod)",
        not_null='''case when a.attnotnull then case when exists (select from pg_constraint as v
        where v.conrelid = c.oid and v.contype = 'n' and v.conkey[1] = a.attnum and not v.convalidated)
        then 'not validated' else 'yes' end end''',
        default="case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end",
        generated='''case a.attgenerated when 's' then pg_get_expr(d.adbin, d.adrelid) || ' stored'
        when 'v' then pg_get_expr(d.adbin, d.adrelid) || ' virtual' end''',
        collation="case when a.attcollation <> t.typcollation then nullif(a.attcollation, 0)::regcollation::text end",
        compression="nullif(a.attcompression::text, '')",
        storage="case when a.attstorage <> t.typstorage and c.relkind <> 'c' then a.attstorage::text end",
        options=sorted_list("a.attoptions"),
        secret_options="to_jsonb(a.attfdwoptions)",
    )
}
    {COLUMNS_FROM} join pg_type as t on t.oid = a.atttypid
    left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    {COLUMNS_WHERE} and c.relkind in ('r', 'p', 'v', 'm', 'f', 'c')"""

_IDENTITY = f"""{
    select_row(
        COLUMN_NAME,
        of=f"jsonb_build_array('columns ' || {COLUMN_NAME}) || {_COLUMN_OF}",
        identity="case a.attidentity when 'a' then 'always' else 'by default' end",
    )
}
    {COLUMNS_FROM} {COLUMNS_WHERE} and a.attidentity <> '' and c.relkind in ('r', 'p', 'f')"""

# Foreign keys that a partition has from its parent are left out: a dump makes them anew under other names.
_CONSTRAINT_NAME = f"'constraint ' || quote_ident(k.conname) || ' on ' || {RELATION}"
_CONSTRAINTS = f"""{
    select_row(
        _CONSTRAINT_NAME,
        of=f'''jsonb_build_array({SECTION_AND_NAME}) || coalesce((select jsonb_agg('constraints constraint '
        || quote_ident(coalesce(p.conname, k.conname)) || ' on ' || h.inhparent::regclass::text) from pg_inherits as h
        left join pg_constraint as p on p.oid = k.conparentid
        where h.inhrelid = c.oid and (k.coninhcount > 0 or k.conparentid <> 0)), '[]')''',
        definition="pg_get_constraintdef(k.oid)",
        not_validated=yes_if("not k.convalidated"),
    )
}
    from pg_constraint as k join pg_class as c on c.oid = k.conrelid join pg_namespace as n on n.oid = c.relnamespace
    where {USER_SCHEMA} and {not_of_extension("pg_class", "c.oid")} and k.contype in ('c', 'f', 'p', 'u', 'x')
    and (k.conparentid = 0 or k.contype in ('p', 'u', 'x'))
    union all
    {
    select_row(
        "'constraint ' || quote_ident(k.conname) || ' on domain ' || k.contypid::regtype::text",
        of="jsonb_build_array('types ' || k.contypid::regtype::text)",
        definition="pg_get_constraintdef(k.oid)",
        not_validated=yes_if("not k.convalidated"),
    )
}
    from pg_constraint as k join pg_type as t on t.oid = k.contypid join pg_namespace as n on n.oid = t.typnamespace
    where {USER_SCHEMA} and {not_of_extension("pg_type", "t.oid")} and k.contype = 'c'"""

_INDEXES = f"""{
    select_row(
        "x.indexrelid::regclass::text",
        of=f'''jsonb_build_array({SECTION_AND_NAME}) || coalesce((select
        jsonb_agg('indexes ' || h.inhparent::regclass::text) from pg_inherits as h where h.inhrelid = x.indexrelid), '[]')
        || coalesce((select
        jsonb_agg({_CONSTRAINT_NAME.replace("'constraint '", "'constraints constraint '")}) from pg_constraint as k
        where k.conindid = x.indexrelid and k.conrelid = c.oid and k.contype in ('p', 'u', 'x')), '[]')''',
        definition="pg_get_indexdef(x.indexrelid)",
        invalid=yes_if("not x.indisvalid"),
        not_ready=yes_if("not x.indisready"),
        clustered=yes_if("x.indisclustered"),
        statistics="(select string_agg(s.attnum || ': ' || s.attstattarget, ', ' order by s.attnum) from pg_attribute as s "
        "where s.attrelid = x.indexrelid and s.attstattarget >= 0)",
        tablespace="(select quote_ident(s.spcname) from pg_class as i join pg_tablespace as s "
        "on s.oid = i.reltablespace where i.oid = x.indexrelid)",
    )
}
    from pg_index as x join pg_class as c on c.oid = x.indrelid join pg_namespace as n on n.oid = c.relnamespace
    where {USER_SCHEMA} and {not_of_extension("pg_class", "c.oid")}"""

# A partition's copy of its parent's trigger is an entry only where one of the two is disabled, as pg_dump does it.
ENABLED = "case {} when 'D' then 'disabled' when 'R' then 'enabled on a replica' when 'A' then 'enabled always' else 'yes' end"
_TRIGGERS = f"""{
    select_row(
        f"'trigger ' || quote_ident(t.tgname) || ' on ' || {RELATION}",
        of=f"jsonb_build_array({SECTION_AND_NAME})",
        definition="pg_get_triggerdef(t.oid)",
        enabled=ENABLED.format("t.tgenabled"),
    )
}
    from pg_trigger as t join pg_class as c on c.oid = t.tgrelid join pg_namespace as n on n.oid = c.relnamespace
    left join pg_trigger as u on u.oid = t.tgparentid
    where {USER_SCHEMA} and {not_of_extension("pg_class", "c.oid")} and ((not t.tgisinternal and t.tgparentid = 0)
    or (t.tgparentid <> 0 and t.tgconstrrelid = 0 and t.tgenabled <> u.tgenabled))"""

_RULES = f"""{
    select_row(
        f"'rule ' || quote_ident(r.rulename) || ' on ' || {RELATION}",
        of=f"jsonb_build_array({SECTION_AND_NAME})",
        definition="pg_get_ruledef(r.oid)",
        enabled=ENABLED.format("r.ev_enabled"),
    )
}
    from pg_rewrite as r join pg_class as c on c.oid = r.ev_class join pg_namespace as n on n.oid = c.relnamespace
    where {USER_SCHEMA} and {not_of_extension("pg_class", "c.oid")} and r.rulename <> '_RETURN'"""

_POLICIES = f"""{
    select_row(
        f"'policy ' || quote_ident(p.polname) || ' on ' || {RELATION}",
        of=f"jsonb_build_array({SECTION_AND_NAME})",
        kind="case when p.polpermissive then 'permissive' else 'restrictive' end",
        command="case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' "
        "when 'd' then 'delete' else 'all' end",
        roles="(select string_agg(case when o = 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(o)) end, ', ' "
        "order by pg_get_userbyid(o)) from unnest(p.polroles) as o)",
        using="pg_get_expr(p.polqual, p.polrelid)",
        check="pg_get_expr(p.polwithcheck, p.polrelid)",
    )
}
    from pg_policy as p join pg_class as c on c.oid = p.polrelid join pg_namespace as n on n.oid = c.relnamespace
    where {USER_SCHEMA} and {not_of_extension("pg_class", "c.oid")}"""

# Text of a body written in SQL is made again from its parse tree, so that it needs the same care as a view's.
FUNCTION_WHERE = f"""{not_of_extension("pg_proc", "p.oid")} and not exists (select from pg_depend as e
    where e.classid = 'pg_proc'::regclass and e.objid = p.oid and e.deptype = 'i')"""
_FUNCTIONS = f"""{
    select_row(
        "p.oid::regprocedure::text",
        of=IN_SCHEMA,
        kind="case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' when 'w' then 'window function' "
        "else 'function' end",
        owner=owner_name("p.proowner"),
        returns="pg_get_function_result(p.oid)",
        definition='''case when p.prokind = 'a' then jsonb_strip_nulls(to_jsonb(a) || jsonb_build_object(
        'aggfnoid', null, 'aggtranstype', a.aggtranstype::regtype, 'aggmtranstype', a.aggmtranstype::regtype,
        'aggsortop', a.aggsortop::regoperator, 'parallel', p.proparallel))::text
        when p.prosqlbody is not null then pg_get_functiondef(p.oid)
        else 'md5 ' || md5(pg_get_functiondef(p.oid)) end''',
    )
}
    from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace left join pg_aggregate as a on a.aggfnoid = p.oid
    where {USER_SCHEMA} and {FUNCTION_WHERE}"""

TYPES_WHERE = f"""{USER_SCHEMA} and {not_of_extension("pg_type", "t.oid")} and t.typtype in ('b', 'c', 'd', 'e', 'r')
    and (t.typtype <> 'c' or exists (select from pg_class as c where c.oid = t.typrelid and c.relkind = 'c'))
    and not exists (select from pg_type as e where e.typarray = t.oid)"""
_TYPES = f"""{
    select_row(
        "t.oid::regtype::text",
        of=IN_SCHEMA,
        kind="case t.typtype when 'e' then 'enum' when 'd' then 'domain' when 'c' then 'composite' "
        "when 'r' then 'range' else 'base type' end",
        owner=owner_name("t.typowner"),
        labels="(select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder) from pg_enum as e "
        "where e.enumtypid = t.oid)",
        type="case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end",
        not_null=yes_if("t.typnotnull"),
        default="t.typdefault",
        collation="case when t.typtype = 'd' and t.typcollation <> b.typcollation "
        "then nullif(t.typcollation, 0)::regcollation::text end",
        range_of='''(select concat_ws(', ', r.rngsubtype::regtype, nullif(r.rngcollation, 0)::regcollation,
        nullif(r.rngcanonical, 0)::regproc, nullif(r.rngsubdiff, 0)::regproc) from pg_range as r
        where r.rngtypid = t.oid)''',
        functions="case when t.typtype = 'b' then concat_ws(', ', t.typinput, t.typoutput, t.typlen, t.typalign) end",
    )
}
    from pg_type as t join pg_namespace as n on n.oid = t.typnamespace left join pg_type as b on b.oid = t.typbasetype
    where {TYPES_WHERE}"""

_EXTENSIONS = (
    select_row(
        "'extension ' || quote_ident(e.extname)",
        version="e.extversion",
        schema="quote_ident(n.nspname)",
    )
    + " from pg_extension as e join pg_namespace as n on n.oid = e.extnamespace"
)

# An identity's sequence goes with the identity; one of a serial column with the column or its table.
_SEQUENCES = f"""{
    select_row(
        RELATION,
        of=f'''{IN_SCHEMA} || case when d.deptype = 'i'
        then jsonb_build_array('identity ' || d.refobjid::regclass::text || '.' || quote_ident(d.attname))
        when d.deptype = 'a' then jsonb_build_array('relations ' || d.refobjid::regclass::text,
            'columns ' || d.refobjid::regclass::text || '.' || quote_ident(d.attname)) else '[]' end''',
        persistence="case c.relpersistence when 'u' then 'unlogged' end",
        owner=owner_name("c.relowner"),
        type="s.seqtypid::regtype::text",
        start="s.seqstart::text",
        increment="s.seqincrement::text",
        minimum="s.seqmin::text",
        maximum="s.seqmax::text",
        cache="s.seqcache::text",
        cycle=yes_if("s.seqcycle"),
        owned_by="d.refobjid::regclass::text || '.' || quote_ident(d.attname)",
    )
}
    from pg_sequence as s join pg_class as c on c.oid = s.seqrelid join pg_namespace as n on n.oid = c.relnamespace
    left join (select e.objid, e.deptype, e.refobjid, a.attname from pg_depend as e join pg_attribute as a
        on a.attrelid = e.refobjid and a.attnum = e.refobjsubid where e.classid = 'pg_class'::regclass
        and e.refclassid = 'pg_class'::regclass and e.deptype in ('a', 'i')) as d on d.objid = c.oid
    where {USER_SCHEMA} and {not_of_extension("pg_class", "c.oid")}"""

_STATISTICS = f"""{
    select_row(
        "quote_ident(n.nspname) || '.' || quote_ident(s.stxname)",
        of=f"jsonb_build_array({SECTION_AND_NAME})",
        definition="pg_get_statisticsobjdef(s.oid)",
        owner=owner_name("s.stxowner"),
        target="case when s.stxstattarget >= 0 then s.stxstattarget::text end",
    )
}
    from pg_statistic_ext as s join pg_namespace as n on n.oid = s.stxnamespace join pg_class as c on c.oid = s.stxrelid
    where {USER_SCHEMA} and {not_of_extension("pg_statistic_ext", "s.oid")}
    union all
    {
    select_row(
        f"'column ' || {COLUMN_NAME}",
        object=COLUMN_NAME,
        of=f"jsonb_build_array('columns ' || {COLUMN_NAME}) || {_COLUMN_OF}",
        statistics_target="a.attstattarget::text",
    )
}
    {COLUMNS_FROM} {COLUMNS_WHERE} and c.relkind in ('r', 'p', 'm', 'f') and a.attstattarget >= 0"""

EVERY_VERSION = {
    "schemas": _SCHEMAS,
    "relations": _RELATIONS,
    "columns": _COLUMNS,
    "identity": _IDENTITY,
    "constraints": _CONSTRAINTS,
    "indexes": _INDEXES,
    "triggers": _TRIGGERS,
    "rules": _RULES,
    "policies": _POLICIES,
    "functions": _FUNCTIONS,
    "types": _TYPES,
    "extensions": _EXTENSIONS,
    "sequences": _SEQUENCES,
    "statistics": _STATISTICS,
}
