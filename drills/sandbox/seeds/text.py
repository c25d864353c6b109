"""Reads pg_dump's SQL text as psql would, line by line: what it needs, whether it is whole, and what of it is loaded.

The lines of a dump are told apart as psql's own lexer does (src/bin/psql/psqlscan.l): a line that looks like a command
inside a function body, a string or COPY data is none. Nothing is held but the present line, so a dump of any size
can be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from drills.errors import SeedError

Kind = Literal["statement", "more", "data", "command"]

_WORD = rb"[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*"
_TOKEN = re.compile(
    rb"--|/\*|[eE]'|'|\"|\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$|[;()\\]|" + _WORD + rb"|[0-9][\w$]*"
)
_COMMENT_EDGE = re.compile(rb"/\*|\*/")
_QUOTE_END = {b"'": re.compile(rb"'"), b"E'": re.compile(rb"\\.|'", re.DOTALL), b'"': re.compile(rb'"')}
_IDENT = rb'("(?:[^"]|"")+"|[a-z_\x80-\xff][a-z0-9_$\x80-\xff]*)'
_COPY = re.compile(rb"COPY (?:%(n)s\.)?%(n)s(?: \((?:%(n)s, )*%(n)s\))? FROM stdin;\s*$" % {b"n": _IDENT})
_SCRIPTED = re.compile(rb"\\(?:(?:un)?restrict [A-Za-z0-9]+|connect .+)\s*$")

DUMP_HEAD, CLUSTER_HEAD = b"-- PostgreSQL database dump\n", b"-- PostgreSQL database cluster dump\n"
DUMP_END = b"-- PostgreSQL database dump complete\n"

_ROLE_PLACES = tuple(
    re.compile(pattern % {b"name": _IDENT}, re.DOTALL)
    for pattern in (
        rb"ALTER .* OWNER TO %(name)s;\s*$",
        rb"(?:GRANT|REVOKE|ALTER DEFAULT PRIVILEGES) .* (?:TO|FROM) %(name)s"
        rb"(?: WITH GRANT OPTION)?(?: GRANTED BY %(name)s)?;\s*$",
        rb"ALTER DEFAULT PRIVILEGES FOR ROLE %(name)s ",
        rb"CREATE USER MAPPING FOR %(name)s SERVER ",
        rb"ALTER ROLE %(name)s IN DATABASE ",
    )
)
_AUTHORIZATION = re.compile(rb"SET SESSION AUTHORIZATION (?:%s|'([^']+)');" % _IDENT)
_POLICY = re.compile(rb"CREATE POLICY .*? TO ((?:%(n)s, )*%(n)s)(?: USING| WITH CHECK|;|$)" % {b"n": _IDENT})
_EXTENSION = re.compile(rb"CREATE EXTENSION (?:IF NOT EXISTS )?%s" % _IDENT)
_DATABASE = re.compile(rb"CREATE DATABASE %s WITH .*?ENCODING = '([^']+)'" % _IDENT)
_ENCODING = re.compile(rb"SET client_encoding = '([^']+)';")
_MUST_BE_SUPERUSER = re.compile(
    rb"ALTER (?:EVENT TRIGGER|FOREIGN DATA WRAPPER|SUBSCRIPTION) .* OWNER TO %s;\s*$" % _IDENT, re.DOTALL
)
_NOT_LOADED = re.compile(
    rb"(?:DROP |SELECT pg_catalog\.lo_unlink\(|CREATE DATABASE "
    rb"|SET default_tablespace = [^']|SET default_tablespace = '[^']"
    rb"|ALTER (?:TABLE|DOMAIN|FOREIGN TABLE|VIEW) [^;]* DROP (?:CONSTRAINT|DEFAULT|IDENTITY)\b).*;\s*$"
)
_LONGEST = 1 << 16  # bytes of a statement that are kept: more than names of 63 bytes can fill
_NO_ROLES = {"PUBLIC", "public", "DEFAULT", "default"}


class _Lexer:
    """Where psql's lexer stands after the lines fed so far."""

    def __init__(self) -> None:
        self.inside: bytes = b""  # what has been opened: a quote, b"/*", a dollar tag, or nothing
        self.comment_depth = self.parens = self.body = 0
        self.words = 0  # of the present statement, as far as they matter
        self.opening: list[bytes] = []  # its first words
        self.escapes = False  # standard_conforming_strings = off
        self.copying = False

    def feed(self, line: bytes) -> Kind:
        """Take one line, its line end included, and say what it is."""
        if self.copying:
            self.copying = line.rstrip(b"\r\n") != b"\\."
            return "data"
        kind: Kind = "more" if self.inside or self.words else "statement"
        at, size = 0, len(line)
        while at < size:
            if self.inside:
                at = self._inside(line, at)
                continue
            found = _TOKEN.search(line, at)
            if found is None:
                break
            token, at = found[0], found.end()
            if token == b"\\":
                return "command"
            if token == b"--":
                break
            self._token(token)
            if token == b";" and not (self.parens or self.body):
                self._end(line)
        return kind

    @property
    def between_statements(self) -> bool:
        """True where psql would send what it has: no statement is open."""
        return not (self.inside or self.words)

    def _inside(self, line: bytes, at: int) -> int:
        if self.inside == b"/*":
            edge = _COMMENT_EDGE.search(line, at)
            if edge is None:
                return len(line)
            self.comment_depth += 1 if edge[0] == b"/*" else -1
            if self.comment_depth == 0:
                self.inside = b""
            return edge.end()
        if self.inside.startswith(b"$"):
            end = line.find(self.inside, at)
            if end < 0:
                return len(line)
            end += len(self.inside)
            self.inside = b""
            return end
        for edge in _QUOTE_END[self.inside].finditer(line, at):
            if not edge[0].startswith(b"\\"):
                self.inside = b""
                return edge.end()
        return len(line)

    def _token(self, token: bytes) -> None:
        if token == b"/*":
            self.inside, self.comment_depth = token, 1
            return
        self.words += 1
        if token == b"(":
            self.parens += 1
        elif token == b")":
            self.parens = max(0, self.parens - 1)
        elif token in (b"'", b'"'):
            self.inside = b"E'" if token == b"'" and self.escapes else token
        elif token in (b"e'", b"E'"):
            self.inside = b"E'"
        elif token.startswith(b"$"):
            self.inside = token
        elif token != b";":
            self._word(token.lower())

    def _word(self, word: bytes) -> None:
        """Follow BEGIN ... END of a function body in standard SQL, inside which a semicolon ends no statement."""
        if len(self.opening) < 4:
            self.opening.append(word)
        makes = self.opening[1:2] if self.opening[1:2] != [b"or"] else self.opening[3:4]
        if self.opening[0] != b"create" or makes not in ([b"function"], [b"procedure"]) or self.parens:
            return
        if word == b"begin" or (word == b"case" and self.body):
            self.body += 1
        elif word == b"end" and self.body:
            self.body -= 1

    def _end(self, line: bytes) -> None:
        if self.opening[:1] == [b"copy"] and _COPY.match(line):
            self.copying = True
        elif self.opening[:2] == [b"set", b"standard_conforming_strings"]:
            self.escapes = line.rstrip().endswith(b"off;")
        self.words = self.body = 0
        self.opening = []


def classified(lines: Iterable[bytes]) -> Iterator[tuple[Kind, bytes, bool]]:
    """Each line with what it is and whether no statement is open after it.

    "statement": starts where none was open (comments and empty lines too); "more": goes on with one; "data": of a COPY,
    its end included; "command": holds a backslash where psql takes it as a command of its own.
    """
    lexer = _Lexer()
    for line in lines:
        kind = lexer.feed(line)
        yield kind, line, lexer.between_statements


@dataclass
class DumpFacts:
    """What a dump's text says about itself. `server` and `tool` are versions such as "15.18", "" where not said."""

    server: str = ""
    tool: str = ""
    database: str | None = None
    encoding: str = "UTF8"
    complete: bool = False
    makes_public: bool = False
    roles: set[str] = field(default_factory=set)
    extensions: set[str] = field(default_factory=set)
    superuser_owners: set[str] = field(default_factory=set)

    @property
    def major(self) -> int:
        """The lowest PostgreSQL that takes it: pg_dump writes settings that are new in its own version."""
        return max(major_of(self.server), major_of(self.tool))


def major_of(version: str) -> int:
    """15 of "15.18", 18 of "18beta1"; 0 where there is no number."""
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0


def scan(lines: Iterable[bytes], *, plain: bool) -> DumpFacts:
    """Read a dump's SQL text to its end. `plain`: it is to be given to psql, so that commands of psql matter.

    Raises SeedError naming the line of a psql command that pg_dump does not write.
    """
    facts = DumpFacts()
    begun = b""  # an ALTER, GRANT or REVOKE that goes on: a name in it holds a line end, and the role comes last
    for number, (kind, line, closed) in enumerate(classified(lines), start=1):
        if kind == "more" and begun:
            begun = (begun + line)[:_LONGEST]
            if closed:
                _statement(facts, begun)
                begun = b""
            continue
        if kind == "data" or kind == "more":
            continue
        if kind == "statement" and not closed and line.startswith((b"ALTER ", b"GRANT ", b"REVOKE ")):
            begun, facts.complete = line, False
            continue
        if kind == "command":
            if plain and not _SCRIPTED.match(line):
                raise SeedError(_foreign(number, line))
        elif line.startswith(b"--"):
            _comment(facts, line.replace(b"\r\n", b"\n"))
        elif line.strip():
            facts.complete = False
            _statement(facts, line)
    return facts


def _foreign(number: int, line: bytes) -> str:
    command = re.search(rb"\\[^\s\\]*", line)
    shown = command[0].decode("ascii", "replace") if command else "\\"
    return (
        f"line {number} holds the psql command {shown[:20]}, which could do anything and which pg_dump never writes; "
        "make the dump anew with pg_dump and leave it as it is"
    )


def _comment(facts: DumpFacts, line: bytes) -> None:
    if line == DUMP_END:
        facts.complete = True
    elif not facts.server and line.startswith(b"-- Dumped from database version "):
        facts.server = line.split()[5].decode("ascii", "replace")
    elif not facts.tool and line.startswith(b"-- Dumped by pg_dump version "):
        facts.tool = line.split()[5].decode("ascii", "replace")


def _statement(facts: DumpFacts, line: bytes) -> None:
    """Take from a statement what loading it needs. Of CREATE the first line is given, which is where it stands."""
    if line.startswith((b"ALTER ", b"GRANT ", b"REVOKE ", b"SET ", b"CREATE ")):
        for pattern in _ROLE_PLACES:
            if found := pattern.match(line):
                facts.roles.update(_name(group) for group in found.groups() if group)
        if found := _AUTHORIZATION.match(line):
            facts.roles.add(_name(found[1] or found[2]))
    if line.startswith(b"ALTER "):
        if found := _MUST_BE_SUPERUSER.match(line):
            facts.superuser_owners.add(_name(found[1]))
    elif line.startswith(b"CREATE "):
        _create(facts, line)
    elif found := _ENCODING.match(line):
        facts.encoding = found[1].decode("ascii", "replace")
    facts.roles -= _NO_ROLES


def _create(facts: DumpFacts, line: bytes) -> None:
    if found := _POLICY.match(line):
        facts.roles.update(_name(one) for one in re.findall(_IDENT, found[1]))
    elif found := _EXTENSION.match(line):
        facts.extensions.add(_name(found[1]))
    elif found := _DATABASE.match(line):
        facts.database, facts.encoding = _name(found[1]), found[2].decode("ascii", "replace")
    elif line.startswith(b"CREATE SCHEMA public;"):
        facts.makes_public = True


def _name(written: bytes) -> str:
    text = written.decode("utf-8", "replace")
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def loadable(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The dump's lines without those that make no sense in a database just made for it.

    Left out: pg_dump's own restrict, unrestrict and connect commands, CREATE DATABASE, what `pg_dump --clean` drops
    first, and the choice of a tablespace, of which the sandbox has one only. Other psql commands go through, for
    psql to refuse.
    """
    for kind, line, closed in classified(lines):
        if kind == "command" and _SCRIPTED.match(line):
            continue
        if kind == "statement" and closed and _NOT_LOADED.match(line):
            continue
        yield line
