"""Reads pg_dump's SQL text as psql does, line by line: what it needs, whether it is complete, and which lines to load.

Lines are classified as by psql's own lexer (src/bin/psql/psqlscan.l): a line that looks like a command inside a function
body, a string or COPY data is none. Only the current line is in memory, so a dump of any size can be read.
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

_ROLE_PATTERNS = tuple(
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
_LONGEST = 1 << 16  # bytes of a statement that are read: more than names of 63 bytes can fill
_NO_ROLES = {"PUBLIC", "public", "DEFAULT", "default"}


class _Lexer:
    """The state of psql's lexer after the lines fed so far."""

    def __init__(self) -> None:
        self.inside: bytes = b""  # the open quote, b"/*" or dollar tag, or nothing
        self.comment_depth = self.parens = self.body = 0
        self.words = 0  # of the current statement, as far as they matter
        self.opening: list[bytes] = []  # its first words
        self.escapes = False  # standard_conforming_strings = off
        self.copying = False

    def feed(self, line: bytes) -> Kind:
        """Read one line, its line end included, and return its kind."""
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
        """Whether no statement is open, so that psql would send what it has."""
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
        """Track BEGIN ... END of a function body in standard SQL, inside which a semicolon ends no statement."""
        if len(self.opening) < 4:
            self.opening.append(word)
        object_kind = self.opening[1:2] if self.opening[1:2] != [b"or"] else self.opening[3:4]
        if self.opening[0] != b"create" or object_kind not in ([b"function"], [b"procedure"]) or self.parens:
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


def classify_lines(lines: Iterable[bytes]) -> Iterator[tuple[Kind, bytes, bool]]:
    """Yield each line with its kind, and whether no statement is open after it.

    "statement": starts a statement (or is a comment or empty); "more": continues one; "data": of a COPY, its end
    included; "command": has a backslash that psql reads as a command.
    """
    lexer = _Lexer()
    for line in lines:
        kind = lexer.feed(line)
        yield kind, line, lexer.between_statements


@dataclass
class DumpFacts:
    """The facts in a dump's text. `server` and `tool` are versions such as "15.18", "" where unknown."""

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
        """The lowest PostgreSQL that accepts it: pg_dump writes settings that are new in its own version."""
        return max(major_of(self.server), major_of(self.tool))


def major_of(version: str) -> int:
    """Return 15 for "15.18", 18 for "18beta1", and 0 where there is no number."""
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0


def scan(lines: Iterable[bytes], *, plain: bool) -> DumpFacts:
    """Read a dump's SQL text to its end. `plain`: psql will load it, so that commands of psql matter.

    Raises SeedError, which names the line of a psql command that pg_dump does not write.
    """
    facts = DumpFacts()
    unfinished = b""  # an ALTER, GRANT or REVOKE of several lines: a name in it has a line end, and the role comes last
    for number, (kind, line, closed) in enumerate(classify_lines(lines), start=1):
        if kind == "more" and unfinished:
            unfinished = (unfinished + line)[:_LONGEST]
            if closed:
                _statement(facts, unfinished)
                unfinished = b""
            continue
        if kind == "data" or kind == "more":
            continue
        if kind == "statement" and not closed and line.startswith((b"ALTER ", b"GRANT ", b"REVOKE ")):
            unfinished, facts.complete = line, False
            continue
        if kind == "command":
            if plain and not _SCRIPTED.match(line):
                raise SeedError(_foreign_command(number, line))
        elif line.startswith(b"--"):
            _comment(facts, line.replace(b"\r\n", b"\n"))
        elif line.strip():
            facts.complete = False
            _statement(facts, line)
    return facts


def _foreign_command(number: int, line: bytes) -> str:
    command = re.search(rb"\\[^\s\\]*", line)
    name = command[0].decode("ascii", "replace") if command else "\\"
    return (
        f"line {number} has the psql command {name[:20]}, which could do anything and which pg_dump never writes; "
        "make the dump anew with pg_dump and do not edit it"
    )


def _comment(facts: DumpFacts, line: bytes) -> None:
    if line == DUMP_END:
        facts.complete = True
    elif not facts.server and line.startswith(b"-- Dumped from database version "):
        facts.server = line.split()[5].decode("ascii", "replace")
    elif not facts.tool and line.startswith(b"-- Dumped by pg_dump version "):
        facts.tool = line.split()[5].decode("ascii", "replace")


def _statement(facts: DumpFacts, line: bytes) -> None:
    """Note what loading a statement needs. Of a CREATE only the first line is read, which has all of it."""
    if line.startswith((b"ALTER ", b"GRANT ", b"REVOKE ", b"SET ", b"CREATE ")):
        for pattern in _ROLE_PATTERNS:
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


def loadable_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the dump's lines without those that make no sense in a database just created for it.

    Skipped: pg_dump's own restrict, unrestrict and connect commands, CREATE DATABASE, the DROPs of `pg_dump --clean`, and
    the choice of a tablespace, as the sandbox has one alone. Other psql commands pass, for psql to refuse.
    """
    for kind, line, closed in classify_lines(lines):
        if kind == "command" and _SCRIPTED.match(line):
            continue
        if kind == "statement" and closed and _NOT_LOADED.match(line):
            continue
        yield line
