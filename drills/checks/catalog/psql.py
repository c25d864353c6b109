"""SQL that shows the object of a catalog finding, to paste into psql on either side: the answers differ.

Each query sets the search_path first: names are then qualified in what it compares and shows, and no function of the
copy's own is called in the place of PostgreSQL's.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from drills.checks.catalog import unknown
from drills.checks.catalog.psql_parts import COLUMN, NAMED, OF_TABLE, OTHERS, RARE, RELATION, RIGHTS, SUBSCRIPTION
from drills.sql import literal

PREFIX = "set search_path = pg_catalog; "
_THIS_DATABASE = "this database"
_IDENTIFIER = r'"(?:[^"]|"")*"|[^" .]+'
_ON_TABLE = re.compile(rf"\w+ ({_IDENTIFIER}) on (domain )?(.*)", re.DOTALL)


def query_for(section: str, name: str, thing: str, parts: Collection[str] = ()) -> str:
    """Return a query for psql; `thing` is the finding's object, `name` the entry's key in its section.

    `parts` are those that differ, none of an object that is missing or added.
    """
    return unknown.query_for(name) if section == unknown.SECTION else PREFIX + _query(section, name, thing, parts)


def _query(section: str, name: str, thing: str, parts: Collection[str]) -> str:
    if section in OF_TABLE:
        return _of_table(section, name)
    if section == "relations":
        return _relation(thing, parts)
    if section in ("columns", "identity"):
        return _column(thing, parts or ("type", "identity"))
    if section in ("grants", "system grants"):
        return _rights(thing)
    if section == "statistics" and name.startswith("column "):
        return _column(thing, ("statistics target",))
    if thing.startswith("user mapping of "):
        section = "user mappings"
    if section in OTHERS:
        return OTHERS[section].replace("{thing}", literal(thing))
    if section in ("others", "operator families"):
        return _rare(thing)
    return _named(thing, parts)


def _begins(words: Collection[str], thing: str) -> tuple[str, str]:
    """Return the longest of the words that a name begins with, "" where none is, and the rest of the name."""
    word = max((word for word in words if thing.startswith(f"{word} ")), key=len, default="")
    return word, thing[len(word) + 1 :] if word else thing


def _words(name: str) -> list[str]:
    """Return the parts of a qualified name; a quoted one may hold a dot."""
    return re.findall(r'"(?:[^"]|"")*"|[^."]+', name)


def _shown(expressions: dict[str, str], parts: Collection[str]) -> str:
    return ", ".join(dict.fromkeys(expressions[part] for part in parts if part in expressions))


def _of_table(section: str, name: str) -> str:
    catalog, table, column, shown = OF_TABLE[section]
    found = _ON_TABLE.fullmatch(name)
    own, domain, of = found.groups() if found else (name, None, "")
    if domain:
        table, where = "contypid", f"to_regtype({literal(of)})"
    else:
        where = f"to_regclass({literal(of)})"
    return f"select {shown} from {catalog} where {table} = {where} and quote_ident({column}) = {literal(own)}"


def _relation(thing: str, parts: Collection[str]) -> str:
    shown = _shown(RELATION, parts) or _shown(RELATION, ("kind", "owner"))
    return f"select {shown} from pg_class as c where c.oid = to_regclass({literal(thing)})"


def _column(thing: str, parts: Collection[str]) -> str:
    *table, column = _words(thing)
    return (
        f"select {_shown(COLUMN, parts)} from pg_attribute as a left join pg_attrdef as d on d.adrelid = a.attrelid "
        f"and d.adnum = a.attnum where a.attrelid = to_regclass({literal('.'.join(table))}) "
        f"and quote_ident(a.attname) = {literal(column)}"
    )


def _named(thing: str, parts: Collection[str]) -> str:
    word, name = _begins(NAMED, thing)
    catalog, column, shown = NAMED["database" if thing == _THIS_DATABASE else word or "schema"]
    if word == "subscription":
        shown = _shown(SUBSCRIPTION, parts) or shown
    return f"select {shown} from {catalog} where {_is(column, thing, name)}"


def _is(column: str, thing: str, name: str) -> str:
    if thing == _THIS_DATABASE:
        return "datname = current_database()"
    return f"{column} = {literal(name)}" if column == "parname" else f"quote_ident({column}) = {literal(name)}"


def _rare(thing: str) -> str:
    word, name = _begins(RARE, thing)
    catalog, named, further = RARE[word]
    return (
        f"select i.identity, to_jsonb(o){further} from {catalog} as o, "
        f"lateral pg_identify_object('{catalog}'::regclass, o.oid, 0) as i where lower({named}) = lower({literal(name)})"
    )


def _rights(thing: str) -> str:
    word, name = _begins(RIGHTS, thing)
    if thing == _THIS_DATABASE:
        word = "database"
    if word:
        catalog, column, rights = RIGHTS[word]
        return f"select {rights} from {catalog} where {_is(column, thing, name)}"
    if thing.endswith(")"):
        return f"select proowner::regrole, proacl from pg_proc where oid = to_regprocedure({literal(thing)})"
    if len(_words(thing)) > 2:
        return _column(thing, ("rights",))
    return (
        f"select relowner::regrole, relacl from pg_class where oid = to_regclass({literal(thing)}) "
        f"union all select typowner::regrole, typacl from pg_type where oid = to_regtype({literal(thing)})"
    )
