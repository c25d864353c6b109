"""Reads pg_dump's or pg_dumpall's SQL text: what loading it needs, which databases it has, and whether it is whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from drills.errors import SeedError
from drills.sandbox.seeds.lexer import COPY, IDENT, Piece, pieces

DUMP_HEAD, CLUSTER_HEAD = b"-- PostgreSQL database dump\n", b"-- PostgreSQL database cluster dump\n"
DUMP_END, CLUSTER_END = b"-- PostgreSQL database dump complete\n", b"-- PostgreSQL database cluster dump complete\n"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_NAME = rb"(%s)" % IDENT
_NAMES = rb"(%(n)s(?:,\s*%(n)s)*)" % {b"n": IDENT}
_SCRIPTED = re.compile(rb"\\(?:(?:un)?restrict [A-Za-z0-9]+|connect .+)\s*$")
_CONNECT = re.compile(rb"\\connect (?:-reuse-previous=on )?(.+?)\s*$")
_SECTION = re.compile(rb'-- Database "(.*)" dump$')
_ROLE_PATTERNS = tuple(
    re.compile(pattern % {b"name": _NAME, b"names": _NAMES}, re.DOTALL)
    for pattern in (
        rb"ALTER .* OWNER TO %(name)s;$",
        rb"(?:GRANT|REVOKE|ALTER DEFAULT PRIVILEGES) .* (?:TO|FROM) %(names)s"
        rb"(?: WITH GRANT OPTION)?(?: CASCADE)?(?: GRANTED BY %(name)s)?;$",
        rb"ALTER DEFAULT PRIVILEGES FOR ROLE %(name)s ",
        rb"CREATE USER MAPPING FOR %(name)s SERVER ",
        rb"ALTER ROLE %(name)s IN DATABASE ",
        rb"CREATE SCHEMA .*\bAUTHORIZATION %(name)s;$",
        rb"CREATE ROLE %(name)s;$",
        rb"CREATE POLICY .*? TO %(names)s(?: USING | WITH CHECK |;$)",
    )
)
_AUTHORIZATION = re.compile(rb"SET SESSION AUTHORIZATION (?:%s|'((?:[^']|'')+)');$" % _NAME)
_EXTENSION = re.compile(rb"CREATE EXTENSION (?:IF NOT EXISTS )?%(n)s(?: WITH)?(?: SCHEMA %(n)s)?" % {b"n": _NAME})
_DATABASE = re.compile(rb"CREATE DATABASE %s WITH .*?ENCODING = '([^']+)'" % _NAME, re.DOTALL)
_ENCODING = re.compile(rb"SET client_encoding = '([^']+)';$")
_MEMBERSHIP = re.compile(rb"GRANT %(n)s TO %(n)s(?: WITH [A-Z, ]+)?(?: GRANTED BY %(n)s)?;$" % {b"n": _NAME})
_TABLE = re.compile(rb"CREATE (?:UNLOGGED )?TABLE (%(n)s(?:\.%(n)s)?) \(" % {b"n": IDENT})
_OUTSIDE = re.compile(rb"COPY\b.*?\b(?:FROM|TO)\s+(PROGRAM\b|E?'|\$)", re.DOTALL | re.IGNORECASE)
_REGROLE = re.compile(rb"^\s*%s (?:pg_catalog\.)?regrole\b" % _NAME, re.MULTILINE)
_LONGEST = 1 << 16  # bytes of a statement that are read: more than names of 63 bytes can fill
_NO_ROLES = {"PUBLIC", "public", "DEFAULT", "default", "CURRENT_USER", "SESSION_USER", "CURRENT_ROLE"}


@dataclass
class DumpFacts:
    """The facts in a dump's text. `server` and `tool` are versions such as "15.18", "" where unknown.

    `extensions` maps a name to the schema that it is created in, None where the dump leaves that to the extension;
    `memberships` are pairs of a role and its member, which the output of pg_dumpall has; `outside` names the first COPY
    from or to a program or a file of the server, which pg_dump never writes.
    """

    server: str = ""
    tool: str = ""
    database: str | None = None
    encoding: str = "UTF8"
    complete: bool = False
    makes_public: bool = False
    outside: str = ""
    roles: set[str] = field(default_factory=set)
    extensions: dict[str, str | None] = field(default_factory=dict)
    memberships: set[tuple[str, str]] = field(default_factory=set)
    chosen: str | None = None
    """The one of several databases in the text that is to be loaded, None where it has one alone."""

    @property
    def major(self) -> int:
        """The lowest PostgreSQL that accepts it: pg_dump writes settings that are new in its own version."""
        return max(major_of(self.server), major_of(self.tool))


def major_of(version: str) -> int:
    """Return 15 for "15.18", 18 for "18beta1", and 0 where there is no number."""
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0


def identifier(written: bytes) -> str:
    """Return the name that an identifier of a dump stands for."""
    text = written.decode("utf-8", "replace")
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def identifiers(written: bytes) -> list[str]:
    """Return the names of a list of identifiers with commas between them."""
    return [identifier(one) for one in re.findall(IDENT, written)]


def sections(lines: Iterable[bytes], keep: int) -> Iterator[tuple[str | None, Piece]]:
    r"""Yield the pieces of a text, each with the database that it belongs to; None before the first \connect.

    pg_dumpall puts a comment with the name before the dump of each database. Raises SeedError, which names the line of
    a psql command that pg_dump does not write.
    """
    section: str | None = None
    titled = False
    for piece in pieces(_unmarked(lines), keep):
        if piece.kind == "comment" and (title := _SECTION.match(piece.text.rstrip())):
            section, titled = title[1].decode("utf-8", "replace"), True
        elif piece.kind == "command":
            if not _SCRIPTED.match(piece.text):
                raise SeedError(_foreign_command(piece))
            if not titled and (found := _CONNECT.match(piece.text)):
                section = _connected(found[1])
        yield section, piece


def _unmarked(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Leave out the byte order mark that editors and Windows PowerShell put before UTF-8; psql ignores it, too."""
    for number, line in enumerate(lines):
        yield line.removeprefix(BYTE_ORDER_MARK) if number == 0 else line


def _connected(argument: bytes) -> str:
    r"""Return the database of a \connect: pg_dump writes a name, or a connection string in quotes for an odd one."""
    if found := re.search(rb"dbname='((?:[^'\\]|\\.|'')*)'", argument):
        return re.sub(rb"\\(.)|''", lambda m: m[1] or b"'", found[1]).decode("utf-8", "replace")
    return identifier(argument)


def _foreign_command(piece: Piece) -> str:
    command = re.search(rb"\\[^\s\\]*", piece.text)
    name = command[0].decode("ascii", "replace") if command else "\\"
    return (
        f"line {piece.line} has the psql command {name[:20]}, which could do anything and which pg_dump never writes; "
        "make the dump anew with pg_dump and do not edit it"
    )


class _Scanner:
    def __init__(self) -> None:
        self.facts: dict[str | None, DumpFacts] = {}
        self.filled: set[str | None] = set()
        self.heads = self.ends = 0
        self.cut = False
        self._regroles: dict[bytes, set[bytes]] = {}
        self._places: list[int] = []

    def read(self, section: str | None, piece: Piece) -> None:
        facts = self.facts.setdefault(section, DumpFacts())
        if piece.kind == "comment":
            self._comment(facts, piece.text.replace(b"\r\n", b"\n"))
        elif piece.kind == "unfinished":
            self.cut = True
        elif piece.kind == "data" and self._places:
            _roles_in_row(facts, piece.text, self._places)
        elif piece.kind == "statement":
            self._places = []
            if not facts.outside and not COPY.match(piece.text) and (found := _OUTSIDE.match(piece.text)):
                what = "a program" if found[1].upper() == b"PROGRAM" else "a file of the server"
                facts.outside = f"expected data within the dump, found a COPY with {what} in line {piece.line}"
            self._statement(section, facts, piece.text)

    def _comment(self, facts: DumpFacts, line: bytes) -> None:
        if line in (DUMP_HEAD, CLUSTER_HEAD):
            self.heads += 1
        elif line in (DUMP_END, CLUSTER_END, DUMP_END.rstrip(), CLUSTER_END.rstrip()):
            self.ends += 1
        elif not facts.server and line.startswith(b"-- Dumped from database version "):
            facts.server = line.split()[5].decode("ascii", "replace")
        elif line.startswith(b"-- Dumped by pg_dump version "):
            facts.tool = max(facts.tool, line.split()[5].decode("ascii", "replace"), key=major_of)

    def _statement(self, section: str | None, facts: DumpFacts, text: bytes) -> None:
        for pattern in _ROLE_PATTERNS:
            if found := pattern.match(text):
                facts.roles.update(name for group in found.groups() if group for name in identifiers(group))
        if found := _AUTHORIZATION.match(text):
            facts.roles.add(identifier(found[1] or found[2].replace(b"''", b"'")))
        facts.roles -= _NO_ROLES
        if text.startswith(b"CREATE "):
            self.filled.add(section)
            self._create(facts, text)
        elif found := _ENCODING.match(text):
            facts.encoding = found[1].decode("ascii", "replace")
        elif found := _MEMBERSHIP.match(text):
            facts.memberships.add((identifier(found[1]), identifier(found[2])))
            facts.roles.update((identifier(found[1]), identifier(found[2])))
        elif found := COPY.match(text):
            columns = re.findall(IDENT, found["columns"] or b"")
            self._places = [n for n, one in enumerate(columns) if one in self._regroles.get(found["table"], ())]

    def _create(self, facts: DumpFacts, text: bytes) -> None:
        if found := _EXTENSION.match(text):
            facts.extensions[identifier(found[1])] = identifier(found[2]) if found[2] else None
        elif found := _DATABASE.match(text):
            facts.database, facts.encoding = identifier(found[1]), found[2].decode("ascii", "replace")
        elif text.startswith(b"CREATE SCHEMA public;"):
            facts.makes_public = True
        elif b"regrole" in text and (found := _TABLE.match(text)):
            self._regroles[found[1]] = set(_REGROLE.findall(text))


def _roles_in_row(facts: DumpFacts, row: bytes, places: list[int]) -> None:
    """Note the roles in columns of the type regrole, whose values are names as SQL writes them."""
    values = row.rstrip(b"\r\n").split(b"\t")
    for place in places:
        if place < len(values) and values[place] not in (b"\\N", b"-") and not values[place].isdigit():
            facts.roles.add(identifier(values[place]))


def scan(lines: Iterable[bytes], database: str | None = None) -> DumpFacts:
    """Read a dump's SQL text to its end, of several databases in it only `database`.

    Raises SeedError, which names the line of a psql command that pg_dump does not write, or the databases in the text
    where there are several and none, or another, is named.
    """
    scanner = _Scanner()
    for section, piece in sections(lines, _LONGEST):
        scanner.read(section, piece)
    named = [name for name in scanner.facts if name is not None and name not in ("template0", "template1")]
    # every cluster has the database postgres; it counts where there is something in it
    full = [name for name in named if name != "postgres" or name in scanner.filled] or named
    several = len(named) > 1 or (len(named) < len(scanner.facts) - 1)
    chosen = _chosen(database, named, full)
    common = scanner.facts.get(None, DumpFacts())
    facts = scanner.facts.get(chosen, common)
    if facts is not common:
        facts = _merged(common, facts)
    facts.database = facts.database or chosen
    facts.chosen = chosen if several else None
    facts.complete = not scanner.cut and scanner.ends >= max(1, scanner.heads)
    return facts


def _chosen(database: str | None, named: list[str], full: list[str]) -> str | None:
    shown = ", ".join(sorted(full))
    if database is not None:
        if not named or database in named:
            return database if named else None
        raise SeedError(f"it has no database {database}, only {shown}; name one of these with --database")
    if len(full) > 1:
        raise SeedError(f"it has {len(full)} databases: {shown}; name the one to load with --database")
    return full[0] if full else None


def _merged(common: DumpFacts, own: DumpFacts) -> DumpFacts:
    return DumpFacts(
        own.server or common.server,
        max(own.tool, common.tool, key=major_of),
        own.database or common.database,
        own.encoding if own.encoding != "UTF8" else common.encoding,
        makes_public=own.makes_public,
        roles=own.roles | common.roles,
        extensions={**common.extensions, **own.extensions},
        memberships=own.memberships | common.memberships,
        outside=own.outside or common.outside,
    )
