"""The SQL for who may do what, for comments and security labels, and for the rarer kinds of object. See
drills/checks/catalog/queries.py.

One entry for each grant. A missing list of grants counts as the default one (`acldefault`), and the owner is written as
"its owner", so that a lost owner is one difference and not one for each of its rights. The grantor is not compared.
"""

from __future__ import annotations

from drills.checks.catalog.queries import (
    COLUMN_NAME,
    COLUMNS_FROM,
    COLUMNS_WHERE,
    ENABLED,
    FIRST_USER_OID,
    FUNCTION_WHERE,
    RELATION,
    SECTION_AND_NAME,
    TABLE_FROM,
    TYPES_WHERE,
    USER_SCHEMA,
    not_of_extension,
    owner_name,
    select_row,
    sorted_list,
)
from drills.checks.catalog.subscriptions import remote_queries

_GRANTEE = (
    "case x.grantee when 0 then 'PUBLIC' when {owner} then 'its owner' else quote_ident(pg_get_userbyid(x.grantee)) end"
)


def grants(things: str) -> str:
    """Return the query for a section of grants. `things` selects name, section and name, owner's oid and the acl."""
    return f"""select g.name || ': ' || g.grantee || ': ' || g.privilege, jsonb_build_object(
        'object', g.name, 'of', jsonb_build_array(g.of), 'grant', g.privilege || ' to ' || g.grantee
        || case when bool_or(g.is_grantable) then ' with grant option' else '' end)::text
    from (select t.name, t.of, {_GRANTEE.format(owner="t.owner")} as grantee, x.privilege_type as privilege,
        x.is_grantable and x.grantee <> t.owner as is_grantable
        from ({things}) as t (name, of, owner, acl), lateral aclexplode(t.acl) as x) as g
    group by g.name, g.of, g.grantee, g.privilege"""


_GRANTS = grants(f"""
    select {RELATION}, {SECTION_AND_NAME}, c.relowner,
        coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))
    {TABLE_FROM} and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all select {COLUMN_NAME}, 'columns ' || {COLUMN_NAME}, c.relowner, a.attacl
    {COLUMNS_FROM} {COLUMNS_WHERE} and a.attacl is not null
    union all select p.oid::regprocedure::text, 'functions ' || p.oid::regprocedure::text, p.proowner,
        coalesce(p.proacl, acldefault('f', p.proowner))
    from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace where {USER_SCHEMA} and {FUNCTION_WHERE}
    union all select 'schema ' || quote_ident(n.nspname), 'schemas schema ' || quote_ident(n.nspname), n.nspowner,
        coalesce(n.nspacl, acldefault('n', n.nspowner))
    from pg_namespace as n where {USER_SCHEMA} and {not_of_extension("pg_namespace", "n.oid")}
    union all select t.oid::regtype::text, 'types ' || t.oid::regtype::text, t.typowner,
        coalesce(t.typacl, acldefault('T', t.typowner))
    from pg_type as t join pg_namespace as n on n.oid = t.typnamespace where {TYPES_WHERE}
    union all select 'language ' || quote_ident(l.lanname), 'languages language ' || quote_ident(l.lanname), l.lanowner,
        coalesce(l.lanacl, acldefault('l', l.lanowner))
    from pg_language as l where l.lanname not in ('internal', 'c')
    union all select 'foreign data wrapper ' || quote_ident(f.fdwname),
        'foreign foreign data wrapper ' || quote_ident(f.fdwname), f.fdwowner,
        coalesce(f.fdwacl, acldefault('F', f.fdwowner))
    from pg_foreign_data_wrapper as f where {not_of_extension("pg_foreign_data_wrapper", "f.oid")}
    union all select 'foreign server ' || quote_ident(s.srvname), 'foreign foreign server ' || quote_ident(s.srvname),
        s.srvowner, coalesce(s.srvacl, acldefault('S', s.srvowner))
    from pg_foreign_server as s where {not_of_extension("pg_foreign_server", "s.oid")}""")

_DEFAULT_FOR = """'default privileges of ' || quote_ident(pg_get_userbyid(d.defaclrole))
    || coalesce(' in schema ' || quote_ident(n.nspname), '') || ' on ' || case d.defaclobjtype when 'r' then 'tables'
    when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' when 'n' then 'schemas'
    else 'large objects' end"""
_DEFAULT_PRIVILEGES = f"""select g.name || ': ' || g.grantee || ': ' || g.privilege, jsonb_strip_nulls(
    jsonb_build_object('object', g.name, 'of', jsonb_build_array(g.of), 'grant', g.privilege || ' to ' || g.grantee
    || case when g.is_grantable then ' with grant option' else '' end))::text
    from (select {_DEFAULT_FOR} as name, coalesce('schemas schema ' || quote_ident(n.nspname), '') as of,
        {_GRANTEE.format(owner="d.defaclrole")} as grantee, x.privilege_type as privilege,
        x.is_grantable and x.grantee <> d.defaclrole as is_grantable
        from pg_default_acl as d left join pg_namespace as n on n.oid = d.defaclnamespace,
        lateral aclexplode(d.defaclacl) as x) as g"""

# The digest finds what numbers cannot, as owners that were swapped. It is a sum, so that it takes no memory for any number
# of objects; a dump keeps their oids.
_LARGE_OBJECTS = """with rights as (select m.oid, x.privilege_type || ' to ' || case x.grantee
            when 0 then 'PUBLIC' when m.lomowner then 'its owner' else quote_ident(pg_get_userbyid(x.grantee)) end
            as label, case when x.is_grantable and x.grantee <> m.lomowner then ' with grant option' else '' end as further
        from pg_largeobject_metadata as m, lateral aclexplode(coalesce(m.lomacl, acldefault('L', m.lomowner))) as x),
    each as (select md5(concat_ws(' ', m.oid, quote_ident(pg_get_userbyid(m.lomowner)), r.label)) as digest
        from pg_largeobject_metadata as m left join (select i.oid, string_agg(distinct i.label || i.further collate "C", ', '
            order by i.label || i.further collate "C") as label from rights as i group by i.oid) as r on r.oid = m.oid)
    select 'large objects', (jsonb_object_agg(f.part, f.number)
        || jsonb_build_object('count', sum(f.number) filter (where f.part ~ '^owner '), 'rights of each',
        (select 'sum ' || sum(('x' || left(e.digest, 16))::bit(64)::bigint) || ' '
            || sum(('x' || right(e.digest, 16))::bit(64)::bigint) from each as e), 'comments',
        (select count(*) || ', md5 ' || md5(string_agg(d.objoid || d.description, '' order by d.objoid))
        from pg_description as d where d.classoid = 'pg_largeobject'::regclass)))::text
    from (select 'owner ' || quote_ident(pg_get_userbyid(m.lomowner)) as part, count(*) as number
        from pg_largeobject_metadata as m group by 1
        union all select 'grant ' || r.label, count(*) from rights as r group by 1) as f having count(*) > 0"""

TARGET = f"""case when d.classoid = 'pg_class'::regclass and d.objsubid = 0
        then (select {SECTION_AND_NAME} from pg_class as c where c.oid = d.objoid)
    when d.classoid = 'pg_class'::regclass then (select 'columns ' || {COLUMN_NAME} from pg_attribute as a
        join pg_class as c on c.oid = a.attrelid where c.oid = d.objoid and a.attnum = d.objsubid)
    when d.classoid = 'pg_proc'::regclass then 'functions ' || d.objoid::regprocedure::text
    when d.classoid = 'pg_type'::regclass then 'types ' || d.objoid::regtype::text
    when d.classoid = 'pg_namespace'::regclass then 'schemas schema ' || i.identity
    when d.classoid = 'pg_extension'::regclass then 'extensions extension ' || i.identity
    when d.classoid = 'pg_constraint'::regclass and i.type = 'table constraint' then 'constraints constraint '
        || i.identity
    when d.classoid = 'pg_trigger'::regclass then 'triggers trigger ' || i.identity
    when d.classoid = 'pg_policy'::regclass then 'policies policy ' || i.identity
    when d.classoid = 'pg_rewrite'::regclass then 'rules rule ' || i.identity
    when d.classoid = 'pg_statistic_ext'::regclass then 'statistics ' || i.identity
    else i.type || ' ' || i.identity end"""
_KNOWN = (
    "'^(relations|sequences|indexes|columns|functions|types|schemas|extensions|constraints|triggers|policies|rules"
    "|statistics) '"
)
_TEXTS = """select g.name{key}, jsonb_build_object('object', g.name, 'of', jsonb_build_array(g.target),
        '{part}', {value})::text
    from (select d.*, s.target, case when s.target ~ {known} then regexp_replace(s.target, '^[a-z]+ ', '')
        else s.target end as name
        from {catalog} as d, lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) as i,
        lateral (select {on} as target) as s
        where coalesce(i.schema, '') !~ '^(pg_.*|information_schema)$' and d.objoid >= {least}
        and d.classoid <> 'pg_largeobject'::regclass and not exists (select
        from pg_depend as e where e.classid = d.classoid and e.objid = d.objoid and e.deptype = 'e')) as g"""


def _texts(catalog: str, key: str, part: str, value: str) -> str:
    # the schema "public" is initdb's, but its comment is the user's to change; all else below FIRST_USER_OID is the server's
    least = f"case when d.classoid = 'pg_namespace'::regclass then 2200 else {FIRST_USER_OID} end"
    return _TEXTS.format(catalog=catalog, key=key, part=part, value=value, known=_KNOWN, on=TARGET, least=least)


_COMMENTS = _texts("pg_description", "", "comment", "'md5 ' || md5(g.description)")
_SECURITY_LABELS = _texts("pg_seclabel", " || ': ' || g.provider", "label", "g.label")

_EVENT_TRIGGERS = f"""{
    select_row(
        "'event trigger ' || quote_ident(t.evtname)",
        event="t.evtevent",
        owner=owner_name("t.evtowner"),
        function="t.evtfoid::regprocedure::text",
        enabled=ENABLED.format("t.evtenabled"),
        tags=sorted_list("t.evttags"),
    )
} from pg_event_trigger as t where {not_of_extension("pg_event_trigger", "t.oid")}"""

# Everything that is rare and has its whole definition in one row of its catalog.
_OTHERS = f"""{
    select_row(
        "'cast (' || k.castsource::regtype || ' as ' || k.casttarget::regtype || ')'",
        definition="concat_ws(' ', nullif(k.castfunc, 0)::regprocedure, k.castcontext, k.castmethod)",
    )
} from pg_cast as k where k.oid >= {FIRST_USER_OID} and {not_of_extension("pg_cast", "k.oid")}
    union all
    {
    select_row(
        "'operator ' || o.oid::regoperator",
        owner=owner_name("o.oprowner"),
        definition="concat_ws(' ', o.oprcode::regprocedure, nullif(o.oprcom, 0)::regoperator, "
        "nullif(o.oprnegate, 0)::regoperator, o.oprcanhash, o.oprcanmerge, nullif(o.oprrest, 0)::regproc, "
        "nullif(o.oprjoin, 0)::regproc)",
    )
} from pg_operator as o where o.oid >= {FIRST_USER_OID} and {not_of_extension("pg_operator", "o.oid")}
    union all
    {
    select_row(
        "'operator class ' || quote_ident(n.nspname) || '.' || quote_ident(o.opcname) || ' using ' || m.amname",
        owner=owner_name("o.opcowner"),
        definition='''concat_ws(' ', o.opcintype::regtype, nullif(o.opckeytype, 0)::regtype, o.opcdefault,
        (select string_agg(concat_ws(' ', a.amopstrategy, a.amoppurpose, a.amopopr::regoperator), ', '
            order by a.amopstrategy, a.amopopr::regoperator::text) from pg_amop as a where a.amopfamily = o.opcfamily),
        (select string_agg(concat_ws(' ', a.amprocnum, a.amproc::regprocedure), ', '
            order by a.amprocnum, a.amproc::regprocedure::text) from pg_amproc as a
            where a.amprocfamily = o.opcfamily))''',
    )
} from pg_opclass as o join pg_namespace as n on n.oid = o.opcnamespace join pg_am as m on m.oid = o.opcmethod
    where o.oid >= {FIRST_USER_OID} and {not_of_extension("pg_opclass", "o.oid")}
    union all
    {
    select_row(
        "'collation ' || quote_ident(n.nspname) || '.' || quote_ident(c.collname)",
        owner=owner_name("c.collowner"),
        definition='''(to_jsonb(c) - array['oid', 'collname', 'collnamespace', 'collowner', 'collversion'])::text''',
    )
} from pg_collation as c join pg_namespace as n on n.oid = c.collnamespace
    where {USER_SCHEMA} and {not_of_extension("pg_collation", "c.oid")}
    union all
    {
    select_row(
        "'conversion ' || quote_ident(n.nspname) || '.' || quote_ident(c.conname)",
        owner=owner_name("c.conowner"),
        definition="concat_ws(' ', c.conforencoding, c.contoencoding, c.conproc::regproc, c.condefault)",
    )
} from pg_conversion as c join pg_namespace as n on n.oid = c.connamespace
    where {USER_SCHEMA} and {not_of_extension("pg_conversion", "c.oid")}
    union all
    {
    select_row(
        "'text search dictionary ' || d.oid::regdictionary",
        owner=owner_name("d.dictowner"),
        definition="concat_ws(' ', quote_ident(t.tmplname), d.dictinitoption)",
    )
} from pg_ts_dict as d join pg_namespace as n on n.oid = d.dictnamespace join pg_ts_template as t
    on t.oid = d.dicttemplate where {USER_SCHEMA} and {not_of_extension("pg_ts_dict", "d.oid")}
    union all
    {
    select_row(
        "'text search configuration ' || f.oid::regconfig",
        owner=owner_name("f.cfgowner"),
        definition='''concat_ws(': ', (select quote_ident(p.prsname) from pg_ts_parser as p where p.oid = f.cfgparser),
        (select string_agg(concat_ws(' ', m.maptokentype, m.mapdict::regdictionary), ', '
            order by m.maptokentype, m.mapseqno) from pg_ts_config_map as m where m.mapcfg = f.oid))''',
    )
} from pg_ts_config as f join pg_namespace as n on n.oid = f.cfgnamespace
    where {USER_SCHEMA} and {not_of_extension("pg_ts_config", "f.oid")}
    union all
    {
    select_row(
        "'text search parser ' || quote_ident(n.nspname) || '.' || quote_ident(p.prsname)",
        definition="concat_ws(' ', p.prsstart, p.prstoken, p.prsend, nullif(p.prsheadline, 0)::regproc, p.prslextype)",
    )
} from pg_ts_parser as p join pg_namespace as n on n.oid = p.prsnamespace
    where {USER_SCHEMA} and {not_of_extension("pg_ts_parser", "p.oid")}
    union all
    {
    select_row(
        "'text search template ' || quote_ident(n.nspname) || '.' || quote_ident(t.tmplname)",
        definition="concat_ws(' ', nullif(t.tmplinit, 0)::regproc, t.tmpllexize)",
    )
} from pg_ts_template as t join pg_namespace as n on n.oid = t.tmplnamespace
    where {USER_SCHEMA} and {not_of_extension("pg_ts_template", "t.oid")}
    union all
    {
    select_row(
        "'transform for ' || t.trftype::regtype || ' language ' || quote_ident(l.lanname)",
        definition="concat_ws(' ', nullif(t.trffromsql, 0)::regprocedure, nullif(t.trftosql, 0)::regprocedure)",
    )
} from pg_transform as t join pg_language as l on l.oid = t.trflang where {not_of_extension("pg_transform", "t.oid")}
    union all
    {
    select_row(
        "'access method ' || quote_ident(m.amname)",
        definition="concat_ws(' ', m.amtype, m.amhandler)",
    )
} from pg_am as m where m.oid >= {FIRST_USER_OID} and {not_of_extension("pg_am", "m.oid")}"""

_LANGUAGES = f"""{
    select_row(
        "'language ' || quote_ident(l.lanname)",
        owner=owner_name("l.lanowner"),
        definition="concat_ws(' ', l.lanpltrusted, nullif(l.lanplcallfoid, 0)::regproc, "
        "nullif(l.laninline, 0)::regproc, nullif(l.lanvalidator, 0)::regproc)",
    )
} from pg_language as l where l.lanispl and {not_of_extension("pg_language", "l.oid")}"""


def _publications(version: int) -> str:
    filtered = version >= 150000
    sent = "concat_ws(', ', {})".format(
        ", ".join(f"case when p.pub{what} then '{what}' end" for what in ("insert", "update", "delete", "truncate"))
    )
    tables = select_row(
        f"'publication ' || quote_ident(p.pubname) || ': ' || {RELATION}",
        object="'publication ' || quote_ident(p.pubname)",
        of=f"jsonb_build_array('publications publication ' || quote_ident(p.pubname), {SECTION_AND_NAME})",
        table=RELATION,
        filter="pg_get_expr(r.prqual, r.prrelid)" if filtered else "null::text",
        columns="(select string_agg(quote_ident(a.attname), ', ' order by a.attname) from pg_attribute as a "
        "where a.attrelid = r.prrelid and a.attnum = any (r.prattrs))"
        if filtered
        else "null::text",
    )
    schemas = select_row(
        "'publication ' || quote_ident(p.pubname) || ': schema ' || quote_ident(n.nspname)",
        object="'publication ' || quote_ident(p.pubname)",
        of="jsonb_build_array('publications publication ' || quote_ident(p.pubname))",
        schema="quote_ident(n.nspname)",
    )
    publication = select_row(
        "'publication ' || quote_ident(p.pubname)",
        owner=owner_name("p.pubowner"),
        all_tables="case when p.puballtables then 'yes' end",
        sends=sent,
        generated_columns="case to_jsonb(p) ->> 'pubgencols' when 's' then 'stored' when 'n' then 'none' end",
        via_root="case when p.pubviaroot then 'yes' end",
    )
    parts = [
        f"{publication} from pg_publication as p",
        f"{tables} from pg_publication_rel as r join pg_publication as p on p.oid = r.prpubid "
        "join pg_class as c on c.oid = r.prrelid",
    ]
    if filtered:
        parts.append(
            f"{schemas} from pg_publication_namespace as s join pg_publication as p on p.oid = s.pnpubid "
            "join pg_namespace as n on n.oid = s.pnnspid"
        )
    return " union all ".join(parts)


def version_queries(version: int, *, connections: bool = False) -> dict[str, str]:
    """Return section and query, for a server of this `server_version_num`; `connections` as in `remote_queries`."""
    return {
        "grants": _GRANTS,
        "default privileges": _DEFAULT_PRIVILEGES,
        "large objects": _LARGE_OBJECTS,
        "comments": _COMMENTS,
        "security labels": _SECURITY_LABELS,
        "event triggers": _EVENT_TRIGGERS,
        "publications": _publications(version),
        **remote_queries(version, connections=connections),
        "languages": _LANGUAGES,
        "others": _OTHERS,
    }
