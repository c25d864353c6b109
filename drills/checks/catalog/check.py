"""Check that every object of a database exists and is defined as on the source: tables, columns, rules, rights and the
rest.

`observe` reads the catalog of one database, `observe_cluster` what belongs to the whole server, both in a session
pinned by drills/checks/base/session.py and neither needing a superuser. `judge` compares two of them and is pure.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

from psycopg.rows import tuple_row

from drills.checks.base.session import Connection, index_scans
from drills.checks.base.side_by_side import side_by_side
from drills.checks.catalog import options, unknown
from drills.checks.catalog.alike import Alike
from drills.checks.catalog.cluster import cluster_queries
from drills.checks.catalog.extensions import MEMBERS, SINCE, SINCE_FORMAT_3
from drills.checks.catalog.findings import Key, Parts, added_finding, changed_finding, compared, missing_finding
from drills.checks.catalog.grants import version_queries
from drills.checks.catalog.queries import EVERY_VERSION, RELATION_NAMES
from drills.checks.catalog.secret_literals import DIGEST, NOT_COMPARED, conceal, digest_of
from drills.checks.catalog.secret_literals import SINCE as CONCEALED_SINCE
from drills.checks.catalog.subscriptions import MAY_READ_CONNECTIONS, NOT_VISIBLE
from drills.model.finding import Finding, NotChecked
from drills.sql import execute

NAME = "catalog"

Catalog = dict[str, dict[str, str]]
"""Section, name of the object, its definition: a JSON object of parts (drills/checks/catalog/queries.py)."""

_MAX_LENGTH = 400  # characters of a definition that are stored as they are; of a longer one digest and beginning
_LARGE = ("columns", "grants")  # where there are many tables, so that they are read first
LENIENT = frozenset({"comments", "statistics", unknown.SECTION})
"""The sections whose differences are warnings."""
LENIENT_TO_A_DUMP = LENIENT | {MEMBERS}
"""The same for another server: an extension that was updated in place may hold more than a new one."""
_SINCE = {**dict.fromkeys(SINCE_FORMAT_3, SINCE), unknown.SECTION: unknown.SINCE}
# Present on each side that knows of it, whatever its value: an older manifest, or an older server, does not.
_ON_BOTH = {
    "large objects": ("rights of each",),
    "publications": ("generated columns",),
    "databases": ("icu rules",),
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
# `varchar in ('a', 'b')` is printed differently once it has been dumped and restored.
_CAST_ARRAY = re.compile(r"\(ARRAY\[((?:'(?:[^']|'')*'::character varying(?:, )?)+)\]\)::text\[\]")
_ELEMENT = re.compile(r"'(?:[^']|'')*'::character varying")
# The server's own JSON, stored as it is where no part has to be shortened, digested or rewritten.
_PLAIN_JSON = re.compile(r'\{(?:"(?!secret )[a-z ]+": (?:"[^"\\]*"|\[(?:"[^"\\]*"(?:, )?)*\])(?:, )?)+\}')
_AT_ONCE = 2_000  # rows
_ALL_ROWS = b"set local cursor_tuple_fraction = 1"  # else the planner takes what has the first of them soonest
_VIEWS_AT_ONCE = 1_000  # whose tables are locked by one query
LOST_NAME = "something that the catalog has lost"
_NO_KEY = "the manifest's key is not at hand: names were compared, values were not"
_NOT_VISIBLE_REASONS = {
    "options": "not verified: needs a superuser on both sides",
    "connection": "not verified: needs a superuser or pg_read_all_data on both sides",
}


def observe(
    connection: Connection,
    *,
    key: bytes | None = None,
    helpers: Sequence[Connection] = (),
    format: int = CONCEALED_SINCE,
    like: Catalog | None = None,
) -> Catalog:
    """Return the catalog of the database that a pinned `connection` is in.

    `helpers` are further connections with the same snapshot, each of which reads sections of its own. What is as in `like`,
    the catalog that it will be compared with, is held once.
    Options of foreign servers and user mappings, and connections of subscriptions, can hold secrets: they are given as
    digests under `key`, and without one not at all; so are constants in definitions that may be secrets, for a manifest
    of a `format` that has them so. Definitions are PostgreSQL's own text, which may differ between major versions.
    Raises psycopg.Error when a query fails.
    """
    may = execute(connection, MAY_READ_CONNECTIONS).fetchone()
    queries = version_queries(connection.info.server_version, connections=bool(may and may[0]))
    queries = {**EVERY_VERSION, **queries, **SINCE_FORMAT_3, unknown.SECTION: unknown.query(connection)}
    return _observe((connection, *helpers), queries, key, like or {}, concealed=format >= CONCEALED_SINCE)


def relations(connection: Connection) -> frozenset[str]:
    """Return the names in the section "relations", and nothing else of the catalog."""
    with index_scans(connection), connection.cursor(row_factory=tuple_row) as cursor:
        return frozenset(name for (name,) in execute(cursor, RELATION_NAMES))


def observe_cluster(connection: Connection, *, key: bytes | None = None) -> Catalog:
    """Return what all databases of the server share: roles, memberships, settings, databases and tablespaces.

    Values of an application's own settings (`name.with.dot`) are digested as `observe` does it with options.
    """
    return _observe((connection,), cluster_queries(connection.info.server_version), key, {})


def count(catalog: Catalog) -> int:
    """Return how many entries a catalog holds."""
    return sum(len(entries) for entries in catalog.values())


def _observe(
    connections: Sequence[Connection],
    queries: Mapping[str, str],
    key: bytes | None,
    like: Catalog,
    *,
    concealed: bool = True,
) -> Catalog:
    found: Catalog = {}
    work = iter(sorted(queries.items(), key=lambda each: each[0] not in _LARGE))
    taking = Lock()

    def read(connection: Connection) -> None:
        while True:
            with taking:
                section, query = next(work, ("", ""))
            if not query:
                break
            alike, rows = Alike(like.get(section, {})), dict[str, str]()
            for portion in _portions(connection, section, query):
                for name, parts in _rows(connection, section, portion):
                    # the server has no name for what a comment is on where its catalog has lost that
                    known = alike.name(name or LOST_NAME)
                    rows[known] = alike.definition(known, max(parts, rows.get(known, parts)))
            found[section] = {
                name: alike.definition(name, definition(rows[name], key, section, name, concealed=concealed))
                for name in sorted(rows)
            }

    if len(connections) > 1:
        side_by_side(connections, read)
    else:
        read(connections[0])
    return {section: found[section] for section in queries if found[section]}


def _rows(connection: Connection, section: str, query: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a section; of one that can be many megabytes some at a time."""
    with index_scans(connection):  # goes back with the locks that a view's definition takes on its tables
        if section not in _LARGE:
            with connection.cursor(row_factory=tuple_row) as cursor:
                yield from execute(cursor, query)
            return
        connection.execute(_ALL_ROWS)
        with connection.cursor("drills_catalog", row_factory=tuple_row) as some:
            some.itersize = _AT_ONCE
            yield from execute(some, query)


def _portions(connection: Connection, section: str, query: str) -> list[str]:
    """Return the query of a section, in parts where there are more views than a server has locks for at once."""
    if section != "relations":
        return [query]
    row = connection.execute("select count(*) from pg_catalog.pg_class where relkind in ('v', 'm')").fetchone()
    number = (int(row[0]) if row else 0) // _VIEWS_AT_ONCE + 1
    return [f"{query} and c.oid::bigint % {number} = {part}" for part in range(number)]


def definition(parts: str, key: bytes | None, section: str = "", name: str = "", *, concealed: bool = True) -> str:
    """Return an object's parts as a catalog stores them, from the server's JSON of them. Pure.

    With `concealed`, constants that may be secrets are digests under `key`.
    """
    plain = len(parts) <= _MAX_LENGTH and "::character varying" not in parts and not (concealed and "'" in parts)
    if plain and _PLAIN_JSON.fullmatch(parts):
        return parts
    parsed: dict[str, Any] = {}
    for part, value in json.loads(parts).items():
        if part.startswith("secret "):
            parsed[part.removeprefix("secret ")] = _digested(value, key)
        elif part == "of":
            parsed[part] = value
        else:
            text = _canonical(value if isinstance(value, str) else json.dumps(value))
            parsed[part] = _short(conceal(section, part, text, name, key) if concealed else text, key)
    return json.dumps(parsed, ensure_ascii=False, sort_keys=True)


def _canonical(text: str) -> str:
    def push_down(found: re.Match[str]) -> str:
        return f"ARRAY[{', '.join(f'({element})::text' for element in _ELEMENT.findall(found[1]))}]"

    return _CAST_ARRAY.sub(push_down, text)


def _short(text: str, key: bytes | None) -> str:
    """Return a long text as the digest of what may be shown of it, with that of its constants, and its beginning."""
    shown = DIGEST.sub("", text)
    if len(shown) <= _MAX_LENGTH:
        return text
    digest = hashlib.md5(shown.encode(), usedforsecurity=False).hexdigest()
    constants = f" ({digest_of(text, key)})" if shown != text else ""
    return f"md5 {digest}, {len(shown)} characters{constants}: {shown[:80]}…"


def _digested(options: list[str], key: bytes | None) -> str:
    """Return the names of options in order, each with the keyed digest of its value when there is a key."""
    described = []
    for option in sorted(options):
        name, _, value = option.partition("=")
        described.append(f"{name} ({digest_of(value, key)})")
    return ", ".join(described)


def restrict_to_format(format: int, found: Catalog) -> Catalog:
    """Return what a manifest of an older format could have held of a catalog. Pure."""
    return {name: found[name] for name in found if format >= _SINCE.get(name, 0)}


def sections_unknown_to(format: int) -> tuple[NotChecked, ...]:
    """Return what of the catalog is not compared with a manifest of an older format. Pure."""
    return tuple(
        NotChecked(
            f"catalog: {name}",
            f"needs a manifest of format {since} or later, found one of format {format}: take it again",
        )
        for name, since in _SINCE.items()
        if format < since
    )


def judge(
    expected: Catalog, found: Catalog, *, check: str = NAME, lenient: frozenset[str] = LENIENT
) -> tuple[Finding, ...]:
    """Make one finding of each entry that is missing, added or defined differently, in a stable order. Pure.

    Differences in the sections `lenient` are warnings. Parts of an object that is missing or added as a whole (the
    columns, keys and grants of a table …) are counted in its finding and get none of their own; so are those that
    follow from an inherited change or a detached partition.
    """
    wanted, present = _differing_entries(expected, found), _differing_entries(found, expected)
    changed = {
        name: diff
        for name in wanted.keys() & present.keys()
        if (diff := _difference(name[0], wanted[name], present[name])) is not None
    }
    reattached = {name for name, (before, _) in changed.items() if before.keys() & {"partition of", "partition bound"}}
    missing = _fold({name: wanted[name] for name in wanted.keys() - present.keys()}, reattached)
    added = _fold({name: present[name] for name in present.keys() - wanted.keys()}, reattached)
    inherited = _inherited(changed, wanted)
    followers = _followers(inherited)
    findings = []
    for name, diff in changed.items():
        if name not in inherited:
            extra = sum(parts.get(name, 0) for parts in (missing, added)) + followers[name]
            findings.append((name[0], changed_finding(check, name, wanted[name], diff, extra)))
    gone, new = missing.keys() - changed.keys(), added.keys() - changed.keys()
    findings += [(name[0], missing_finding(check, name, wanted[name], missing[name])) for name in gone]
    findings += [(name[0], added_finding(check, name, present[name], added[name])) for name in new]
    weighted = [replace(each, severity="warning") if section in lenient else each for section, each in findings]
    return tuple(sorted(weighted, key=lambda each: (each.severity, each.object, each.expected, each.found)))


def _differing_entries(catalog: Catalog, other: Catalog) -> dict[Key, dict[str, Any]]:
    """Return the entries that the other catalog does not have in the same words; nearly all are equal, and are not
    parsed.
    """
    return {
        (section, name): options.only_documented(section, _parsed(definition))
        for section, entries in catalog.items()
        for name, definition in entries.items()
        if other.get(section, {}).get(name) != definition
    }


def _parsed(definition: str) -> dict[str, Any]:
    """Return the parts in the order of their names, whatever the order that they were written in."""
    parsed = json.loads(definition)
    return dict(sorted(parsed.items())) if isinstance(parsed, dict) else {"definition": definition}


def _difference(section: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Parts, Parts] | None:
    """Return the parts that differ; None when all are equal. A part may be on one side only, but for those in
    `_ON_BOTH`.
    """
    one, other = compared(before), compared(after)
    both = one.keys() & other.keys()
    alone = (one.keys() ^ other.keys()) - set(_ON_BOTH.get(section, ())) if section != MEMBERS else set()
    names = [part for part in one | other if part in both | alone and _parts_differ(one.get(part), other.get(part))]
    if not names:
        return None
    return {part: one.get(part, "") for part in names}, {part: other.get(part, "") for part in names}


def _parts_differ(before: str | None, after: str | None) -> bool:
    """Return whether two parts differ; where a side was read without the key, by the names of their options alone."""
    if NOT_VISIBLE in (before, after):
        return False
    if before and after and NOT_COMPARED in before + after:
        return DIGEST.sub("", before) != DIGEST.sub("", after)
    return before != after


def uncompared_secrets(catalog: Catalog) -> tuple[NotChecked, ...]:
    """Return the objects whose secret parts were read without the manifest's key or not at all, by name only."""
    return tuple(
        NotChecked(f"{part} of {name}", _NOT_VISIBLE_REASONS[part] if value == NOT_VISIBLE else _NO_KEY)
        for entries in catalog.values()
        for name, definition in entries.items()
        if NOT_COMPARED in definition or NOT_VISIBLE in definition
        for part, value in compared(_parsed(definition)).items()
        if NOT_COMPARED in value or (value == NOT_VISIBLE and part in _NOT_VISIBLE_REASONS)
    )


def uncompared_options(expected: Catalog, found: Catalog) -> tuple[NotChecked, ...]:
    """Return the options that differ and are not a user's, so that nothing is said of them by a finding. Pure."""
    return options.not_compared(
        (section, _parsed(definition), _parsed(other))
        for section, entries in expected.items()
        for name, definition in entries.items()
        if (other := found.get(section, {}).get(name)) not in (None, definition)
    )


def _wholes(entry: Mapping[str, Any]) -> Iterator[Key]:
    for whole in filter(None, entry.get("of", ())):  # an older manifest has a null in the settings of all roles
        for section in _SECTIONS:
            if whole.startswith(section + " "):
                yield section, whole[len(section) + 1 :]


_SECTIONS = (*EVERY_VERSION, *version_queries(0), *SINCE_FORMAT_3, *cluster_queries(0))


def _fold(entries: Mapping[Key, Mapping[str, Any]], reattached: set[Key]) -> dict[Key, int]:
    """Return each entry that stands for itself, and each of `reattached`, with how many of `entries` belong to it."""
    tops: dict[Key, Key] = {}

    def top(name: Key) -> Key:
        if name not in tops:
            tops[name] = name
            wholes = [whole for whole in _wholes(entries[name]) if whole in entries or whole in reattached]
            if wholes and wholes[0] != name:
                tops[name] = top(wholes[0]) if wholes[0] in entries else wholes[0]
        return tops[name]

    totals: dict[Key, int] = {}
    for name in sorted(entries):
        totals[top(name)] = totals.get(top(name), 0) + (top(name) != name)
    return totals


def _inherited(changed: Mapping[Key, tuple[Parts, Parts]], wanted: Mapping[Key, Mapping[str, Any]]) -> dict[Key, Key]:
    """Return the changes that repeat one of what the object belongs to: a partition's column after its parent's."""
    return {
        name: whole
        for name, diff in changed.items()
        for whole in _wholes(wanted[name])
        if whole[0] != "schemas" and changed.get(whole) == diff and whole != name
    }


def _followers(inherited: Mapping[Key, Key]) -> Counter[Key]:
    """Return how many changes each finding stands for, followers of followers included."""
    counts: Counter[Key] = Counter()
    for whole in inherited.values():
        while whole in inherited:
            whole = inherited[whole]
        counts[whole] += 1
    return counts
