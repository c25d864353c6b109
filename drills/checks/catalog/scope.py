"""Restrict a server's catalog to one database: its own entry, and the roles that have to do with it.

A database that is restored on another server, maybe under another name, is compared with these entries alone.
"""

from __future__ import annotations

import json
from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from drills.checks.base.session import Connection
from drills.checks.catalog.check import Catalog
from drills.checks.catalog.cluster import ALL_ROLES
from drills.model.finding import NotChecked

THIS_DATABASE = "this database"
REST_OF_SERVER = NotChecked(
    "the rest of the server",
    "the manifest is of one database; roles without rights in it, grants on parameters, tablespaces and shared security "
    "labels need --all-databases",
)
_OWN = "select pg_catalog.quote_ident(pg_catalog.current_database())"
# A membership that gives neither rights nor SET ROLE counts for nothing here: since PostgreSQL 16 whoever creates a role
# has such a one in it, and would bring along every role that it ever made.
_ROLES = """
with recursive member (member, roleid) as (
    select m.member, m.roleid from pg_catalog.pg_auth_members as m
    where coalesce((pg_catalog.to_jsonb(m) ->> 'inherit_option')::bool, true)
        or coalesce((pg_catalog.to_jsonb(m) ->> 'set_option')::bool, true)),
named (oid) as (
    select d.refobjid from pg_catalog.pg_shdepend as d join pg_catalog.pg_database as b
        on b.datname = pg_catalog.current_database()
    where d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass and (d.dbid = b.oid
        or d.dbid = 0 and d.classid = 'pg_catalog.pg_database'::pg_catalog.regclass and d.objid = b.oid)
    union select datdba from pg_catalog.pg_database where datname = pg_catalog.current_database()),
below (oid) as (select oid from named union select m.member from below as r join member as m on m.roleid = r.oid),
above (oid) as (select oid from below union select m.roleid from above as r join member as m on m.member = r.oid)
select 'role ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.oid)), a.oid in (select oid from below)
from above as a
"""
_NOT_OF_A_DATABASE = ("tablespaces", "security labels")


@dataclass(frozen=True, slots=True)
class RelevantRoles:
    """Roles as a catalog names them: "role NAME".

    `groups` are those that have rights in the database, be it by membership: members of one have them too. The others
    only have a member among these. None in a manifest that was taken before they were stored.
    """

    roles: frozenset[str]
    groups: frozenset[str] | None


def find_roles(connection: Connection) -> RelevantRoles:
    """Return the roles that the database refers to, their members, and the roles that any of these are members of."""
    found = {str(name): bool(group) for name, group in connection.execute(_ROLES)}
    return RelevantRoles(frozenset(found), frozenset(name for name, group in found.items() if group))


def database_name(connection: Connection) -> str:
    """Return the quoted name of the database that a connection is in."""
    row = connection.execute(_OWN).fetchone()
    return str(row[0]) if row else ""


def database_encoding(cluster: Catalog, name: str) -> str:
    """Return the encoding that a server's catalog gives for a database, "" where it has none of that name. Pure."""
    entries = cluster.get("databases", {})
    entry = next((entries[each] for each in (THIS_DATABASE, f"database {name}") if each in entries), "{}")
    return str(json.loads(entry).get("encoding", ""))


def restrict_to_database(cluster: Catalog, own: str, wanted: RelevantRoles) -> Catalog:
    """Return the entries of a server's catalog that concern the database `own` and the roles `wanted`. Pure.

    The database's own name, which may be another one in the copy, is replaced.
    """
    related = {f"databases database {own}", *(f"roles {role}" for role in wanted.roles)}
    found: Catalog = {}
    for section, entries in cluster.items():
        if section in _NOT_OF_A_DATABASE:
            continue
        some = {
            _renamed(name, own): json.dumps(_without_name(json.loads(text), own), ensure_ascii=False, sort_keys=True)
            for name, text in entries.items()
            if f"{section} {name}" in related
            or _relates(name, json.loads(text), own, related)
            or (wanted.groups is not None and _reaches(section, json.loads(text), wanted.groups))
        }
        if some:
            found[section] = some
    return found


def _relates(name: str, entry: dict[str, Any], own: str, related: Set[str]) -> bool:
    if " in database " in name and f" in database {own}:" not in name:
        return False  # a role's setting in another database
    return any(whole in related for whole in entry.get("of", ()))


def _reaches(section: str, entry: dict[str, Any], groups: Set[str]) -> bool:
    """Return whether it is a setting of all roles, or makes a role a member of one that has rights in the database."""
    if section == "settings":
        return entry.get("object") == ALL_ROLES
    return section == "memberships" and f"role {entry.get('member of')}" in groups


def _renamed(text: str, own: str) -> str:
    whole = f"database {own}"
    return (
        text.removesuffix(whole) + THIS_DATABASE
        if text.endswith(whole)
        else text.replace(f"{whole}: ", f"{THIS_DATABASE}: ", 1)
    )


def _without_name(entry: dict[str, Any], own: str) -> dict[str, Any]:
    entry = dict(entry)
    if "of" in entry:
        entry["of"] = [
            f"databases {THIS_DATABASE}" if whole == f"databases database {own}" else whole for whole in entry["of"]
        ]
    if "object" in entry:
        entry["object"] = _renamed(str(entry["object"]), own)
    return entry
