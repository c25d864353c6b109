"""Divides pg_dump's SQL text into statements, rows of COPY and commands of psql, as psql's own lexer does.

The rules are those of src/bin/psql/psqlscan.l: a text that looks like a command inside a function body, a string or COPY
data is none. One statement at a time is in memory, so a dump of any size can be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["statement", "comment", "command", "data", "end of data", "unfinished"]

IDENT = rb'(?:"(?:[^"]|"")+"|[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*)'
COPY = re.compile(
    rb"COPY\s+(?P<table>%(n)s(?:\.%(n)s)?)(?:\s*\((?P<columns>%(n)s(?:\s*,\s*%(n)s)*)\s*\))?\s+FROM\s+stdin\b[^;]*;$"
    % {b"n": IDENT},
    re.IGNORECASE,
)

_WORD = rb"[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*"
_TOKEN = re.compile(
    rb"--|/\*|[eE]'|'|\"|\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$|[;()\\]|" + _WORD + rb"|[0-9][\w$]*|[^\s\w]"
)
_COMMENT_EDGE = re.compile(rb"/\*|\*/")
_QUOTE_END = {b"'": re.compile(rb"'"), b"E'": re.compile(rb"\\.|'", re.DOTALL), b'"': re.compile(rb'"')}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a dump: its kind, its text and the number of the line that it begins in.

    "statement": a whole one, from its first token to its semicolon; "comment": from two hyphens outside of a statement
    to the line's end; "command": a line with a backslash that psql reads as a command; "data": a row of a COPY, and "end
    of data" its last line; "unfinished": a statement or a COPY that the text's end cuts off.
    """

    kind: Kind
    text: bytes
    line: int


class _Lexer:
    """The state of psql's lexer after the lines read so far."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.inside = b""  # the open quote, b"/*" or dollar tag, or nothing
        self.comment_depth = self.parens = self.body = 0
        self.words = 0  # tokens of the current statement
        self.opening: list[bytes] = []  # its first words
        self.text = bytearray()
        self.begun = 0  # the line that it begins in
        self.escapes = False  # standard_conforming_strings = off
        self.copying = False

    def read(self, line: bytes, number: int) -> Iterator[Piece]:
        """Read one line, its line end included, and yield the pieces that end in it."""
        at = start = 0
        while at < len(line):
            if self.inside:
                at = self._pass_inside(line, at)
                start = at if not self.words else start
                continue
            found = _TOKEN.search(line, at)
            if found is None:
                break
            token, at = found[0], found.end()
            if token == b"\\":
                yield Piece("command", line, number)
                return
            if token == b"--":
                if not self.words:
                    yield Piece("comment", line[found.start() :], number)
                break
            if not self.words and token != b"/*":
                start, self.begun = found.start(), number
            self._token(token)
            if token == b";" and not (self.parens or self.body):
                self._hold(line[start:at])
                yield self._end(number)
                start = at
                if self.copying:
                    return
        if self.words:
            self._hold(line[start:])

    def rest(self, number: int) -> Iterator[Piece]:
        """Yield what the end of the text cuts off, if anything."""
        if self.copying or self.words or self.inside:
            yield Piece("unfinished", bytes(self.text), self.begun or number)

    def _hold(self, part: bytes) -> None:
        self.text += part[: max(0, self.keep - len(self.text))]

    def _pass_inside(self, line: bytes, at: int) -> int:
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
        elif token.startswith(b"$") and len(token) > 1:
            self.inside = token
        elif token[:1].isalpha() or token[:1] >= b"_":
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

    def _end(self, number: int) -> Piece:
        text = bytes(self.text)
        if self.opening[:1] == [b"copy"] and COPY.match(text):
            self.copying = True
        elif self.opening[:2] == [b"set", b"standard_conforming_strings"]:
            self.escapes = text.rstrip(b"; ").lower().endswith(b"off")
        self.words = self.body = 0
        self.opening, self.text = [], bytearray()
        return Piece("statement", text, self.begun or number)


def pieces(lines: Iterable[bytes], keep: int) -> Iterator[Piece]:
    """Yield a text's pieces in order. Of a statement no more than `keep` bytes are kept."""
    lexer = _Lexer(keep)
    number = 0
    for number, line in enumerate(lines, start=1):
        if lexer.copying:
            lexer.copying = line.rstrip(b"\r\n") != b"\\."
            yield Piece("data" if lexer.copying else "end of data", line, number)
        else:
            yield from lexer.read(line, number)
    yield from lexer.rest(number)
