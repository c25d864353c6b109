"""What of a server's catalog belongs to one database: its own entry, and the roles that it refers to.

A database that is restored elsewhere, maybe under another name, is compared with these and not with its new neighbours.
"""

from __future__ import annotations

import json
from collections.abc import Set
from typing import Any

from drills.checks.catalog import Catalog
from drills.checks.session import Connection

THIS = "this database"
_OWN = "select pg_catalog.quote_ident(pg_catalog.current_database())"
_ROLES = """
select distinct 'role ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(r.oid)) from (
    select d.refobjid from pg_catalog.pg_shdepend as d join pg_catalog.pg_database as b
        on b.datname = pg_catalog.current_database()
    where d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass and (d.dbid = b.oid
        or d.dbid = 0 and d.classid = 'pg_catalog.pg_database'::pg_catalog.regclass and d.objid = b.oid)
    union select datdba from pg_catalog.pg_database where datname = pg_catalog.current_database()) as r (oid)
"""
_LEFT_OUT = ("tablespaces", "security labels")


def roles(connection: Connection) -> frozenset[str]:
    """The roles that the database refers to, as its catalog names them: "role NAME"."""
    return frozenset(str(name) for (name,) in connection.execute(_ROLES))


def own_name(connection: Connection) -> str:
    """The quoted name of the database that a connection is in."""
    row = connection.execute(_OWN).fetchone()
    return str(row[0]) if row else ""


def scoped(cluster: Catalog, own: str, wanted: Set[str]) -> Catalog:
    """The entries of a server's catalog that concern the database `own` and the roles `wanted`. Pure.

    The database's own name, which may be another one in the copy, is replaced.
    """
    mine = {f"databases database {own}", *(f"roles {role}" for role in wanted)}
    kept: Catalog = {}
    for section, entries in cluster.items():
        if section in _LEFT_OUT:
            continue
        some = {
            _renamed(name, own): json.dumps(_without_name(json.loads(text), own), ensure_ascii=False, sort_keys=True)
            for name, text in entries.items()
            if f"{section} {name}" in mine or _concerns(name, json.loads(text), own, mine)
        }
        if some:
            kept[section] = some
    return kept


def _concerns(name: str, entry: dict[str, Any], own: str, mine: Set[str]) -> bool:
    if " in database " in name and f" in database {own}:" not in name:
        return False  # a role's setting in another database
    return any(whole in mine for whole in entry.get("of", ()))


def _renamed(text: str, own: str) -> str:
    whole = f"database {own}"
    return text.removesuffix(whole) + THIS if text.endswith(whole) else text.replace(f"{whole}: ", f"{THIS}: ", 1)


def _without_name(entry: dict[str, Any], own: str) -> dict[str, Any]:
    entry = dict(entry)
    if "of" in entry:
        entry["of"] = [f"databases {THIS}" if whole == f"databases database {own}" else whole for whole in entry["of"]]
    if "object" in entry:
        entry["object"] = _renamed(str(entry["object"]), own)
    return entry
