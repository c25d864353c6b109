"""What is shown of each kind of object in a finding of the catalog check, in the words of drills/checks/catalog/psql.py."""

from __future__ import annotations

_INHERITS = "array(select h.inhparent::regclass from pg_inherits as h where h.inhrelid = c.oid order by h.inhseqno)"
_INTERNAL = (
    "array(select t.tgenabled from pg_trigger as t where t.tgrelid = c.oid and t.tgisinternal order by t.tgconstraint, "
    "t.tgtype)"
)
_EXPRESSION = "a.attgenerated, pg_get_expr(d.adbin, d.adrelid)"
RELATION = {
    "kind": "c.relkind",
    "owner": "c.relowner::regrole",
    "persistence": "c.relpersistence",
    "row security": "c.relrowsecurity",
    "forced row security": "c.relforcerowsecurity",
    "unpopulated": "c.relispopulated",
    "replica identity": "c.relreplident, (select x.indexrelid::regclass from pg_index as x where x.indrelid = c.oid "
    "and x.indisreplident)",
    "options": "c.reloptions, (select f.ftoptions from pg_foreign_table as f where f.ftrelid = c.oid)",
    "toast options": "(select t.reloptions from pg_class as t where t.oid = c.reltoastrelid)",
    "partition of": _INHERITS,
    "inherits": _INHERITS,
    "partition bound": "pg_get_expr(c.relpartbound, c.oid)",
    "partition key": "pg_get_partkeydef(c.oid)",
    "row type": "c.reloftype::regtype",
    "tablespace": "(select t.spcname from pg_tablespace as t where t.oid = c.reltablespace)",
    "access method": "(select m.amname from pg_am as m where m.oid = c.relam)",
    "definition": "pg_get_viewdef(c.oid)",
    "disabled internal triggers": _INTERNAL,
    "internal triggers for replication alone": _INTERNAL,
    "server": "(select s.srvname from pg_foreign_table as f join pg_foreign_server as s on s.oid = f.ftserver "
    "where f.ftrelid = c.oid)",
}
COLUMN = {
    "type": "format_type(a.atttypid, a.atttypmod)",
    "not null": "a.attnotnull, array(select k.convalidated from pg_constraint as k where k.conrelid = a.attrelid "
    "and k.contype = 'n' and k.conkey[1] = a.attnum)",
    "default": _EXPRESSION,
    "generated": _EXPRESSION,
    "collation": "a.attcollation::regcollation",
    "compression": "a.attcompression",
    "storage": "a.attstorage",
    "options": "a.attoptions, a.attfdwoptions",
    "identity": "a.attidentity",
    "statistics target": "a.attstattarget",
    "rights": "a.attacl",
}
SUBSCRIPTION = {
    "owner": "subowner::regrole",
    "enabled": "subenabled",
    "publications": "subpublications",
    "slot": "subslotname",
    "synchronous commit": "subsynccommit",
    "binary": "subbinary",
    "stream": "substream",
    "two phase": "subtwophasestate",
    "disable on error": "subdisableonerr",
    "password required": "subpasswordrequired",
    "run as owner": "subrunasowner",
    "failover": "subfailover",
    "origin": "suborigin",
    "connection": "subconninfo",
}
OF_TABLE = {
    "constraints": ("pg_constraint", "conrelid", "conname", "pg_get_constraintdef(oid), convalidated"),
    "triggers": ("pg_trigger", "tgrelid", "tgname", "pg_get_triggerdef(oid), tgenabled"),
    "rules": ("pg_rewrite", "ev_class", "rulename", "pg_get_ruledef(oid), ev_enabled"),
    "policies": (
        "pg_policy",
        "polrelid",
        "polname",
        "polpermissive, polcmd, polroles::regrole[], pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)",
    ),
}
"""By section: catalog, the columns of the table and the name, and what is shown."""
NAMED = {
    "schema": ("pg_namespace", "nspname", "nspowner::regrole"),
    "extension": ("pg_extension", "extname", "extversion, extnamespace::regnamespace"),
    "event trigger": (
        "pg_event_trigger",
        "evtname",
        "evtevent, evtowner::regrole, evtfoid::regprocedure, evtenabled, evttags",
    ),
    "publication": (
        "pg_publication as p",
        "pubname",
        "pubowner::regrole, to_jsonb(p) - array['oid', 'pubowner'], array(select t::text from pg_publication_tables as t "
        "where t.pubname = p.pubname order by 1), array(select pg_describe_object(d.classid, d.objid, 0) from pg_depend "
        "as d where d.refclassid = 'pg_publication'::regclass and d.refobjid = p.oid order by 1)",
    ),
    "subscription": (
        "pg_subscription join pg_database as d on d.oid = subdbid and d.datname = current_database()",
        "subname",
        "subowner::regrole",
    ),
    "role": (
        "pg_roles",
        "rolname",
        "rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit, "
        "rolvaliduntil",
    ),
    "database": (
        "pg_database as d",
        "datname",
        "datdba::regrole, pg_encoding_to_char(encoding), (select t.spcname from pg_tablespace as t where t.oid = "
        "d.dattablespace), to_jsonb(d) - array['oid', 'datdba', 'datname', 'encoding', 'dattablespace', 'datfrozenxid', "
        "'datminmxid', 'datacl', 'datlastsysoid', 'datcollversion']",
    ),
    "tablespace": ("pg_tablespace", "spcname", "spcowner::regrole, spcoptions"),
    "language": (
        "pg_language",
        "lanname",
        "lanowner::regrole, lanpltrusted, lanplcallfoid::regproc, laninline::regproc, lanvalidator::regproc",
    ),
    "foreign data wrapper": (
        "pg_foreign_data_wrapper",
        "fdwname",
        "fdwowner::regrole, fdwhandler::regproc, fdwvalidator::regproc, fdwoptions",
    ),
    "foreign server": (
        "pg_foreign_server as s join pg_foreign_data_wrapper as f on f.oid = s.srvfdw",
        "srvname",
        "srvowner::regrole, fdwname, srvtype, srvversion, srvoptions",
    ),
}
"""By the word that a name begins with: catalog, column of the name, and what is shown."""
RIGHTS = {
    "schema": ("pg_namespace", "nspname", "nspowner::regrole, nspacl"),
    "database": ("pg_database", "datname", "datdba::regrole, datacl"),
    "foreign server": ("pg_foreign_server", "srvname", "srvowner::regrole, srvacl"),
    "foreign data wrapper": ("pg_foreign_data_wrapper", "fdwname", "fdwowner::regrole, fdwacl"),
    "language": ("pg_language", "lanname", "lanowner::regrole, lanacl"),
    "tablespace": ("pg_tablespace", "spcname", "spcowner::regrole, spcacl"),
    "parameter": ("pg_parameter_acl", "parname", "paracl"),
}
"""The same for rights."""


def _of_family(oid: str) -> str:
    return (
        f", array(select pg_describe_object('pg_amop'::regclass, m.oid, 0) from pg_amop as m where m.amopfamily = {oid} "
        f"order by 1), array(select pg_describe_object('pg_amproc'::regclass, m.oid, 0) from pg_amproc as m "
        f"where m.amprocfamily = {oid} order by 1)"
    )


_IDENTITY = "i.identity"
RARE = {
    "cast": ("pg_cast", "'(' || o.castsource::regtype || ' as ' || o.casttarget::regtype || ')'", ""),
    "operator class": ("pg_opclass", _IDENTITY, _of_family("o.opcfamily")),
    "operator family": ("pg_opfamily", _IDENTITY, _of_family("o.oid")),
    "operator": ("pg_operator", "o.oid::regoperator::text", ""),
    "collation": ("pg_collation", _IDENTITY, ""),
    "conversion": ("pg_conversion", _IDENTITY, ""),
    "text search dictionary": ("pg_ts_dict", _IDENTITY, ""),
    "text search configuration": (
        "pg_ts_config",
        _IDENTITY,
        ", array(select (m.maptokentype, m.mapseqno, m.mapdict::regdictionary)::text from pg_ts_config_map as m "
        "where m.mapcfg = o.oid order by m.maptokentype, m.mapseqno)",
    ),
    "text search parser": ("pg_ts_parser", _IDENTITY, ""),
    "text search template": ("pg_ts_template", _IDENTITY, ""),
    "transform": (
        "pg_transform",
        "'for ' || o.trftype::regtype || ' language ' || (select quote_ident(l.lanname) from pg_language as l "
        "where l.oid = o.trflang)",
        "",
    ),
    "access method": ("pg_am", _IDENTITY, ""),
}
"""By the word that a name begins with: catalog, the name as SQL, and what is shown beside the object's own row."""
_WHOSE = (
    "coalesce(nullif(concat_ws(' in ', 'role ' || quote_ident(pg_get_userbyid(nullif(s.setrole, 0))), {database}), ''), "
    "'all roles')"
)
OTHERS = {
    "settings": "select s.setconfig from pg_db_role_setting as s left join pg_database as d on d.oid = s.setdatabase "
    "where {thing} in ("
    + _WHOSE.replace("{database}", "'database ' || quote_ident(d.datname)")
    + ", "
    + _WHOSE.replace("{database}", "case d.datname when current_database() then 'this database' end")
    + ")",
    "memberships": "select pg_get_userbyid(m.roleid), to_jsonb(m) - array['oid', 'roleid', 'member', 'grantor'] "
    "from pg_auth_members as m where 'role ' || quote_ident(pg_get_userbyid(m.member)) = {thing} order by 1, 2",
    "default privileges": "select defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype, defaclacl "
    "from pg_default_acl order by 1, 2, 3",
    "large objects": "select oid, lomowner::regrole, lomacl, obj_description(oid, 'pg_largeobject') "
    "from pg_largeobject_metadata order by 1",
    "comments": "select i.type, i.identity, d.description from (select classoid, objoid, objsubid, description from "
    "pg_description union all select classoid, objoid, 0, description from pg_shdescription) as d, lateral "
    "pg_identify_object(d.classoid, d.objoid, d.objsubid) as i where right({thing}, length(i.identity)) = i.identity "
    "or {thing} = 'this database' and i.type = 'database' and i.identity = quote_ident(current_database()) order by 1, 2",
    "security labels": "select objtype, objname, provider, label from pg_seclabels order by 1, 2, 3",
    "extension members": "select pg_describe_object(d.classid, d.objid, 0), (select l.lanpltrusted from pg_language as l "
    "where d.classid = 'pg_language'::regclass and l.oid = d.objid) from pg_depend as d join pg_extension as x "
    "on x.oid = d.refobjid and d.refclassid = 'pg_extension'::regclass where d.deptype = 'e' "
    "and 'extension ' || quote_ident(x.extname) = {thing} order by 1",
    "extension dependents": "select pg_describe_object(d.classid, d.objid, d.objsubid), x.extname from pg_depend as d "
    "join pg_extension as x on x.oid = d.refobjid and d.refclassid = 'pg_extension'::regclass where d.deptype = 'x' "
    "order by 1, 2",
    "shell types": "select typname, typnamespace::regnamespace, typowner::regrole from pg_type where not typisdefined "
    "order by 1, 2",
    "user mappings": "select umoptions from pg_user_mappings where 'user mapping of ' || case umuser when 0 "
    "then 'PUBLIC' else quote_ident(usename) end || ' on server ' || quote_ident(srvname) = {thing}",
    "statistics": "select pg_get_statisticsobjdef(oid), stxowner::regrole, stxstattarget from pg_statistic_ext "
    "where stxnamespace::regnamespace || '.' || quote_ident(stxname) = {thing}",
    "types": "select typtype, typowner::regrole, array(select e.enumlabel from pg_enum as e where e.enumtypid = t.oid "
    "order by e.enumsortorder), format_type(typbasetype, typtypmod), typnotnull, typdefault, typcollation::regcollation, "
    "(select to_jsonb(r) from pg_range as r where r.rngtypid = t.oid), typinput, typoutput, typlen, typalign "
    "from pg_type as t where oid = to_regtype({thing})",
    "functions": "select prokind, proowner::regrole, pg_get_function_result(p.oid), case prokind when 'a' then (select "
    "to_jsonb(a)::text from pg_aggregate as a where a.aggfnoid = p.oid) else pg_get_functiondef(p.oid) end, proparallel "
    "from pg_proc as p where p.oid = to_regprocedure({thing})",
    "sequences": "select relpersistence, relowner::regrole, seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, "
    "seqcache, seqcycle, array(select pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) from pg_depend as d "
    "where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i')) "
    "from pg_class as c join pg_sequence on seqrelid = c.oid where c.oid = to_regclass({thing})",
    "indexes": "select pg_get_indexdef(i.oid), indisvalid, indisready, indisclustered, (select t.spcname from "
    "pg_tablespace as t where t.oid = i.reltablespace), array(select (a.attnum, a.attstattarget)::text from pg_attribute "
    "as a where a.attrelid = i.oid order by a.attnum) from pg_index join pg_class as i on i.oid = indexrelid "
    "where i.oid = to_regclass({thing})",
}
"""By section: the whole query, in which `{thing}` stands for the object's name."""
