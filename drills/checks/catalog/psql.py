"""SQL that shows the object of a catalog finding, to paste into psql."""

from __future__ import annotations

import re

from drills.sql import literal

_BY_CLASS = "select * from pg_catalog.pg_class where oid = pg_catalog.to_regclass({thing})"
_OF_TABLE = {
    "constraints": ("pg_constraint", "conrelid", "conname", "pg_get_constraintdef(oid), convalidated"),
    "triggers": ("pg_trigger", "tgrelid", "tgname", "pg_get_triggerdef(oid), tgenabled"),
    "rules": ("pg_rewrite", "ev_class", "rulename", "pg_get_ruledef(oid), ev_enabled"),
    "policies": ("pg_policy", "polrelid", "polname", "*"),
}
_NAMED = {
    "schemas": ("pg_namespace", "nspname"),
    "extensions": ("pg_extension", "extname"),
    "event triggers": ("pg_event_trigger", "evtname"),
    "publications": ("pg_publication", "pubname"),
    "roles": ("pg_roles", "rolname"),
    "databases": ("pg_database", "datname"),
    "tablespaces": ("pg_tablespace", "spcname"),
    "languages": ("pg_language", "lanname"),
}
_WHOLE = {
    "memberships": "select roleid::regrole, member::regrole, admin_option from pg_catalog.pg_auth_members",
    "settings": "select setrole::regrole, setdatabase from pg_catalog.pg_db_role_setting",
    "default privileges": "select * from pg_catalog.pg_default_acl",
    "large objects": "select lomowner::regrole, lomacl, count(*) from pg_catalog.pg_largeobject_metadata group by 1, 2",
    "comments": "select classoid::regclass, objoid, objsubid, description from pg_catalog.pg_description "
    "union all select classoid::regclass, objoid, 0, description from pg_catalog.pg_shdescription",
    "security labels": "select objtype, objname, provider from pg_catalog.pg_seclabels",
    "subscriptions": "select subname, subenabled, subpublications from pg_catalog.pg_subscription",
    "foreign": "select srvname, srvowner::regrole from pg_catalog.pg_foreign_server",
    "extension members": "select refobjid, pg_catalog.pg_describe_object(classid, objid, 0) from pg_catalog.pg_depend "
    "where deptype = 'e' order by 1, 2",
    "extension dependents": "select refobjid, pg_catalog.pg_describe_object(classid, objid, objsubid) "
    "from pg_catalog.pg_depend where deptype = 'x'",
    "operator families": "select opfname, opfowner::regrole, opfmethod from pg_catalog.pg_opfamily where oid >= 16384",
    "shell types": "select typname, typowner::regrole from pg_catalog.pg_type where not typisdefined",
    "others": "select classid::regclass, objid from pg_catalog.pg_depend where objid >= 16384",
}


def query_for(section: str, name: str, thing: str) -> str:
    """Return a query for psql; `thing` is the finding's object, `name` the entry's key in its section."""
    if section in _OF_TABLE:
        return _of_table(section, name)
    if section in _NAMED:
        catalog, column = _NAMED[section]
        words = thing.removeprefix("event ").split(" ", 1)
        return f"select * from pg_catalog.{catalog} where pg_catalog.quote_ident({column}) = {literal(words[-1])}"
    if section in ("columns", "identity"):
        return _column(thing)
    if section in ("grants", "system grants"):
        return _grants(thing)
    if section == "functions":
        return f"select * from pg_catalog.pg_proc where oid = pg_catalog.to_regprocedure({literal(thing)})"
    if section == "types":
        return f"select * from pg_catalog.pg_type where oid = pg_catalog.to_regtype({literal(thing)})"
    if section == "statistics":
        return "select stxname, pg_catalog.pg_get_statisticsobjdef(oid) from pg_catalog.pg_statistic_ext"
    return _WHOLE.get(section, _BY_CLASS.format(thing=literal(thing)))


def _words(name: str) -> list[str]:
    """Return the parts of a qualified name; a quoted one may hold a dot."""
    return re.findall(r'"(?:[^"]|"")*"|[^."]+', name)


def _of_table(section: str, name: str) -> str:
    catalog, table, column, columns = _OF_TABLE[section]
    own, _, of = name.split(" ", 1)[1].rpartition(" on ")
    if of.startswith("domain "):
        table, where = "contypid", f"pg_catalog.to_regtype({literal(of.removeprefix('domain '))})"
    else:
        where = f"pg_catalog.to_regclass({literal(of)})"
    return (
        f"select {columns} from pg_catalog.{catalog} where {table} = {where} "
        f"and pg_catalog.quote_ident({column}) = {literal(own)}"
    )


def _column(thing: str) -> str:
    *table_words, column = _words(thing)
    table = ".".join(table_words)
    return (
        "select a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, "
        "pg_catalog.pg_get_expr(d.adbin, d.adrelid) from pg_catalog.pg_attribute as a "
        "left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum "
        f"where a.attrelid = pg_catalog.to_regclass({literal(table)}) "
        f"and pg_catalog.quote_ident(a.attname) = {literal(column)}"
    )


def _grants(thing: str) -> str:
    kind, _, name = thing.rpartition(" ")
    whole = literal(thing)
    if thing.endswith(")"):
        return (
            f"select proowner::regrole, proacl from pg_catalog.pg_proc where oid = pg_catalog.to_regprocedure({whole})"
        )
    lists = {
        "schema": ("pg_namespace", "nspacl", "nspname"),
        "database": ("pg_database", "datacl", "datname"),
        "foreign server": ("pg_foreign_server", "srvacl", "srvname"),
        "foreign data wrapper": ("pg_foreign_data_wrapper", "fdwacl", "fdwname"),
        "language": ("pg_language", "lanacl", "lanname"),
        "tablespace": ("pg_tablespace", "spcacl", "spcname"),
    }
    if kind in lists:
        catalog, acl, column = lists[kind]
        return f"select {acl} from pg_catalog.{catalog} where pg_catalog.quote_ident({column}) = {literal(name)}"
    if len(_words(thing)) > 2:
        return _column(thing).replace("select ", "select a.attacl, ", 1)
    return (
        f"select relacl from pg_catalog.pg_class where oid = pg_catalog.to_regclass({whole}) "
        f"union all select typacl from pg_catalog.pg_type where oid = pg_catalog.to_regtype({whole})"
    )
