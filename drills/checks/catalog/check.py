"""Whether every object of a database is there and is defined as it was: tables, columns, rules, rights and the rest.

`observe` reads the catalog of one database, `observe_cluster` what belongs to the whole server, both in a session
pinned by drills/checks/base/session.py and neither needing a superuser. `judge` compares two of them and is pure.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock
from typing import Any

from psycopg.rows import tuple_row

from drills.checks.base.session import Connection, index_scans
from drills.checks.catalog.cluster import cluster_queries
from drills.checks.catalog.extensions import MEMBERS, SINCE, SINCE_FORMAT_3
from drills.checks.catalog.grants import more
from drills.checks.catalog.psql import query_for
from drills.checks.catalog.queries import EVERY_VERSION, RELATION_NAMES
from drills.checks.catalog.subscriptions import MAY_READ_CONNECTIONS, UNSEEN
from drills.model.finding import Finding, NotChecked, Severity
from drills.sql import execute

NAME = "catalog"

Catalog = dict[str, dict[str, str]]
"""Section, name of the object, its definition: a JSON object of parts (drills/checks/catalog/queries.py)."""

Parts = dict[str, str]
_Key = tuple[str, str]
_LONGEST = 400  # characters of a definition that are kept as they are; a longer one is told by digest and beginning
_SHOWN = 160  # characters of one part in a finding
_LARGE = ("columns", "grants")  # where there are many tables, so that they are read first
LENIENT = frozenset({"comments", "statistics"})
"""Sections whose differences are warnings."""
LENIENT_TO_A_DUMP = LENIENT | {MEMBERS}
"""The same for another server: an extension that was updated in place may hold more than one that is made anew."""
# Told by each side that knows of it, whatever its value: an older manifest, or an older server, does not.
_ON_BOTH = {
    "large objects": ("rights of each",),
    "subscriptions": (
        "binary",
        "connection",
        "disable on error",
        "failover",
        "origin",
        "password required",
        "run as owner",
        "stream",
        "synchronous commit",
        "two phase",
    ),
}
_ABSENT = {
    "not null": "nullable",
    "not validated": "validated",
    "unpopulated": "populated",
    "invalid": "valid",
    "not ready": "ready",
}
_PLAIN = frozenset({"kind", "definition", "enabled"})  # parts that are told without their name
# `varchar in ('a', 'b')` is printed in one way when it is new and in another once it has been dumped and restored.
_CAST_ARRAY = re.compile(r"\(ARRAY\[((?:'(?:[^']|'')*'::character varying(?:, )?)+)\]\)::text\[\]")
_ELEMENT = re.compile(r"'(?:[^']|'')*'::character varying")
# The server's own JSON, as it is kept where nothing of it is to be shortened, digested or put in another way.
_PLAIN_JSON = re.compile(r'\{(?:"(?!secret )[a-z ]+": (?:"[^"\\]*"|\[(?:"[^"\\]*"(?:, )?)*\])(?:, )?)+\}')
GONE = "something that the catalog has lost"
UNKEYED = "(not compared)"
_NO_KEY = "the manifest's key is not at hand: names were compared, values were not"
_HIDDEN = {
    "options": "not verified: needs a superuser on both sides",
    "connection": "not verified: needs a superuser or pg_read_all_data on both sides",
}
_OPTION_DIGEST = re.compile(r" \((?:[0-9a-f]{16}|not compared)\)")


def observe(connection: Connection, *, key: bytes | None = None, helpers: Sequence[Connection] = ()) -> Catalog:
    """The catalog of the database that a pinned `connection` is in.

    `helpers` are further connections with the same snapshot, each of which reads sections of its own.
    Options of foreign servers and user mappings, and connections of subscriptions, can hold secrets: they are given as
    digests under `key`, and without one not at all. Definitions are PostgreSQL's own text, which may differ between
    major versions.
    Raises psycopg.Error when a query fails.
    """
    may = execute(connection, MAY_READ_CONNECTIONS).fetchone()
    queries = more(connection.info.server_version, connections=bool(may and may[0]))
    return _observe((connection, *helpers), {**EVERY_VERSION, **queries, **SINCE_FORMAT_3}, key)


def relations(connection: Connection) -> frozenset[str]:
    """The names in the section "relations", and nothing else of the catalog."""
    with index_scans(connection), connection.cursor(row_factory=tuple_row) as cursor:
        return frozenset(name for (name,) in execute(cursor, RELATION_NAMES))


def observe_cluster(connection: Connection, *, key: bytes | None = None) -> Catalog:
    """What all databases of the server share: roles, memberships, settings, databases and tablespaces.

    Values of an application's own settings (`name.with.dot`) are digested as `observe` does it with options.
    """
    return _observe((connection,), cluster_queries(connection.info.server_version), key)


def count(catalog: Catalog) -> int:
    """How many entries a catalog holds."""
    return sum(len(entries) for entries in catalog.values())


def _observe(connections: Sequence[Connection], queries: Mapping[str, str], key: bytes | None) -> Catalog:
    found: Catalog = {}
    work = iter(sorted(queries.items(), key=lambda each: each[0] not in _LARGE))
    taking = Lock()

    def read(connection: Connection) -> None:
        with index_scans(connection), connection.cursor(row_factory=tuple_row) as cursor:
            while True:
                with taking:
                    section, query = next(work, ("", ""))
                if not query:
                    break
                rows = execute(cursor, query).fetchall()
                # the server has no name for what a comment is on where its catalog has lost that
                named = sorted((name or GONE, parts) for name, parts in rows)
                found[section] = {name: definition(parts, key) for name, parts in named}

    if len(connections) > 1:
        with ThreadPoolExecutor(len(connections)) as pool:
            list(pool.map(read, connections))
    else:
        read(connections[0])
    return {section: found[section] for section in queries if found[section]}


def definition(parts: str, key: bytes | None) -> str:
    """An object's parts as a catalog keeps them, from the server's JSON of them. Pure."""
    if len(parts) <= _LONGEST and "::character varying" not in parts and _PLAIN_JSON.fullmatch(parts):
        return sys.intern(parts)  # all tables of an owner are defined in the same words
    told: dict[str, Any] = {}
    for part, value in json.loads(parts).items():
        if part.startswith("secret "):
            told[part.removeprefix("secret ")] = _digested(value, key)
        elif part == "of":
            told[part] = value
        else:
            told[part] = _short(_canonical(value if isinstance(value, str) else json.dumps(value)))
    return json.dumps(told, ensure_ascii=False, sort_keys=True)


def _canonical(text: str) -> str:
    def push_down(found: re.Match[str]) -> str:
        return f"ARRAY[{', '.join(f'({element})::text' for element in _ELEMENT.findall(found[1]))}]"

    return _CAST_ARRAY.sub(push_down, text)


def _short(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return f"md5 {digest}, {len(text)} characters: {text[:80]}…"


def _digested(options: list[str], key: bytes | None) -> str:
    """Names of options in order, each with the keyed digest of its value when there is a key."""
    told = []
    for option in sorted(options):
        name, _, value = option.partition("=")
        digest = hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:16] if key else UNKEYED[1:-1]
        told.append(f"{name} ({digest})")
    return ", ".join(told)


def known_to(format: int, found: Catalog) -> Catalog:
    """What a manifest of an older format could have held of a catalog. Pure."""
    return found if format >= SINCE else {name: found[name] for name in found if name not in SINCE_FORMAT_3}


def unknown_to(format: int) -> tuple[NotChecked, ...]:
    """What of the catalog is not compared with a manifest of an older format. Pure."""
    reason = f"needs a manifest of format {SINCE} or later, found one of format {format}: take it again"
    return () if format >= SINCE else tuple(NotChecked(f"catalog: {name}", reason) for name in SINCE_FORMAT_3)


def judge(
    expected: Catalog, found: Catalog, *, check: str = NAME, lenient: frozenset[str] = LENIENT
) -> tuple[Finding, ...]:
    """One finding for each entry that is missing, added or defined in another way, in a stable order.

    Differences in the sections `lenient` are warnings. Parts of a thing that is missing or added as a whole (the
    columns, keys and grants of a table …) are counted in its finding and get none of their own; so are those that an
    inherited change or a detached partition brings along.
    """
    wanted, present = _unlike(expected, found), _unlike(found, expected)
    changed = {
        name: diff
        for name in wanted.keys() & present.keys()
        if (diff := _difference(name[0], wanted[name], present[name])) is not None
    }
    moved = {name for name, (before, _) in changed.items() if before.keys() & {"partition of", "partition bound"}}
    missing = _folded({name: wanted[name] for name in wanted.keys() - present.keys()}, moved)
    added = _folded({name: present[name] for name in present.keys() - wanted.keys()}, moved)
    inherited = _inherited(changed, wanted)
    followers = _followers(inherited)
    findings = []
    for name, diff in changed.items():
        if name not in inherited:
            extra = sum(parts.get(name, 0) for parts in (missing, added)) + followers[name]
            findings.append((name[0], _changed(check, name, wanted[name], diff, extra)))
    gone, new = missing.keys() - changed.keys(), added.keys() - changed.keys()
    findings += [(name[0], _lost(check, name, wanted[name], missing[name])) for name in gone]
    findings += [(name[0], _extra(check, name, present[name], added[name])) for name in new]
    told = [replace(each, severity="warning") if section in lenient else each for section, each in findings]
    return tuple(sorted(told, key=lambda each: (each.severity, each.object, each.expected, each.found)))


def _unlike(catalog: Catalog, other: Catalog) -> dict[_Key, dict[str, Any]]:
    """The entries that the other does not have in the same words; nearly all are the same, and need not be parsed."""
    return {
        (section, name): _parsed(definition)
        for section, entries in catalog.items()
        for name, definition in entries.items()
        if other.get(section, {}).get(name) != definition
    }


def _parsed(definition: str) -> dict[str, Any]:
    """The parts in the order of their names, whatever the order that they were written in."""
    parsed = json.loads(definition)
    return dict(sorted(parsed.items())) if isinstance(parsed, dict) else {"definition": definition}


def _compared(entry: Mapping[str, Any]) -> Parts:
    return {part: str(value) for part, value in entry.items() if part not in ("of", "object")}


def _difference(section: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Parts, Parts] | None:
    """The parts that differ; None when all are equal. A part may be on one side only, but for those in `_ON_BOTH`."""
    one, other = _compared(before), _compared(after)
    both = one.keys() & other.keys()
    alone = (one.keys() ^ other.keys()) - set(_ON_BOTH.get(section, ())) if section != MEMBERS else set()
    names = [part for part in one | other if part in both | alone and _told_apart(one.get(part), other.get(part))]
    if not names:
        return None
    return {part: one.get(part, "") for part in names}, {part: other.get(part, "") for part in names}


def _told_apart(before: str | None, after: str | None) -> bool:
    """Whether two parts differ; where a side was read without the key, by the names of their options alone."""
    if UNSEEN in (before, after):
        return False
    if before and after and UNKEYED in before + after:
        return _OPTION_DIGEST.sub("", before) != _OPTION_DIGEST.sub("", after)
    return before != after


def left_out(catalog: Catalog) -> tuple[NotChecked, ...]:
    """The objects whose secret-prone parts were read without the manifest's key or not at all, by name only."""
    return tuple(
        NotChecked(f"{part} of {name}", _HIDDEN[part] if value == UNSEEN else _NO_KEY)
        for entries in catalog.values()
        for name, definition in entries.items()
        if UNKEYED in definition or UNSEEN in definition
        for part, value in _compared(_parsed(definition)).items()
        if UNKEYED in value or (value == UNSEEN and part in _HIDDEN)
    )


def _belongs(entry: Mapping[str, Any]) -> Iterator[_Key]:
    for whole in filter(None, entry.get("of", ())):  # an older manifest has a null in the settings of all roles
        for section in _SECTIONS:
            if whole.startswith(section + " "):
                yield section, whole[len(section) + 1 :]


_SECTIONS = (*EVERY_VERSION, *more(0), *SINCE_FORMAT_3, *cluster_queries(0))


def _folded(entries: Mapping[_Key, Mapping[str, Any]], moved: set[_Key]) -> dict[_Key, int]:
    """Each entry that stands for itself, and each of `moved`, with how many of `entries` belong to it."""
    tops: dict[_Key, _Key] = {}

    def top(name: _Key) -> _Key:
        if name not in tops:
            tops[name] = name
            wholes = [whole for whole in _belongs(entries[name]) if whole in entries or whole in moved]
            if wholes and wholes[0] != name:
                tops[name] = top(wholes[0]) if wholes[0] in entries else wholes[0]
        return tops[name]

    totals: dict[_Key, int] = {}
    for name in sorted(entries):
        totals[top(name)] = totals.get(top(name), 0) + (top(name) != name)
    return totals


def _inherited(
    changed: Mapping[_Key, tuple[Parts, Parts]], wanted: Mapping[_Key, Mapping[str, Any]]
) -> dict[_Key, _Key]:
    """Changes that are the same change of what the thing belongs to: a partition's column after its parent's."""
    return {
        name: whole
        for name, diff in changed.items()
        for whole in _belongs(wanted[name])
        if whole[0] != "schemas" and changed.get(whole) == diff and whole != name
    }


def _followers(inherited: Mapping[_Key, _Key]) -> Counter[_Key]:
    """How many changes are told by each that stands for itself, followers of followers included."""
    told: Counter[_Key] = Counter()
    for whole in inherited.values():
        while whole in inherited:
            whole = inherited[whole]
        told[whole] += 1
    return told


def _tell(part: str, value: str) -> str:
    if not value:
        return _ABSENT.get(part, f"no {part}")
    shown = value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
    if value == "yes":
        return part
    return shown if part in _PLAIN else f"{part} {shown}"


def _told(parts: Mapping[str, str]) -> str:
    return "; ".join(_tell(part, value) for part, value in parts.items())


def _whole(section: str, entry: Mapping[str, Any]) -> str:
    """A missing or added thing in short: what kind it is, else all that is said of it."""
    parts = _compared(entry)
    if section in ("relations", "functions", "types"):
        parts = {part: value for part, value in parts.items() if part in ("kind", "owner")}
    return _told(dict(sorted(parts.items(), key=lambda each: each[0] != "kind"))) or section.removesuffix("s")


def _with(extra: int, verb: str) -> str:
    return (
        f", and {extra} {'entry that belongs' if extra == 1 else 'entries that belong'} to it {verb}" if extra else ""
    )


def _object(name: _Key, entry: Mapping[str, Any]) -> str:
    return str(entry.get("object", name[1]))


def _lost(check: str, name: _Key, entry: Mapping[str, Any], extra: int) -> Finding:
    thing, told = _object(name, entry), _whole(name[0], entry)
    message = f"expected {thing} with {told}, found none{_with(extra, 'went with it')}"
    return Finding(check, "error", thing, told, "none", message, query_for(*name, thing))


def _extra(check: str, name: _Key, entry: Mapping[str, Any], extra: int) -> Finding:
    thing, told = _object(name, entry), _whole(name[0], entry)
    message = f"expected nothing of the kind, found {thing} with {told}{_with(extra, 'came with it')}"
    severity: Severity = "warning" if name[0] == "indexes" else "error"  # more of them only slow writes down
    return Finding(check, severity, thing, "none", told, message, query_for(*name, thing))


def _changed(check: str, name: _Key, entry: Mapping[str, Any], diff: tuple[Parts, Parts], extra: int) -> Finding:
    thing, before, after = _object(name, entry), _told(diff[0]), _told(diff[1])
    message = f"expected {thing} with {before}, found {after}{_with(extra, 'changed with it')}"
    return Finding(check, "error", thing, before, after, message, query_for(*name, thing))
