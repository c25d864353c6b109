"""Reads the table of contents of a directory dump, for the file names in it.

pg_restore opens each name below the dump's folder as it stands, so that `../../home/me/.pgpass` would be loaded as data. The
format is that of ReadToc in PostgreSQL's src/bin/pg_dump/pg_backup_archiver.c, archive versions 1.12 (PostgreSQL 9.0) and later.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

from drills.errors import SeedError
from drills.sandbox.seeds.files import open_file

_DATA = re.compile(rb"[A-Za-z0-9_]+\.dat")
_LIST = re.compile(rb"blobs\w*\.toc")  # of large objects: pg_restore opens the names in it, too
_OLDEST, _NEWEST = (1, 12), (1, 16)  # the latter since PostgreSQL 17
_LONGEST = 1 << 30  # bytes of one string


class _Reader:
    """The numbers and strings of an archive's header, as its own sizes say."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.int_size = 4

    def byte(self) -> int:
        return self._bytes(1)[0]

    def number(self) -> int:
        sign = self.byte()
        value = int.from_bytes(self._bytes(self.int_size), "little")
        return -value if sign else value

    def text(self) -> bytes | None:
        size = self.number()
        if size > _LONGEST:
            raise ValueError("a string is too long")
        return None if size < 0 else self._bytes(size)

    def _bytes(self, count: int) -> bytes:
        read = self._file.read(count)
        if len(read) < count:
            raise ValueError("it is cut off")
        return read


def check_names(folder: Path) -> None:
    """Refuse a directory dump whose table of contents, or list of large objects, leads out of the folder.

    Raises SeedError, for a table of contents that cannot be read too.
    """
    try:
        with open_file(folder / "toc.dat") as file:
            entries = _entries(_Reader(file))
    except ValueError as error:
        raise SeedError(
            f"expected a whole archive, but {folder} is cut off or damaged (toc.dat: {error}); copy it again or make the "
            "dump anew"
        ) from None
    names = [(name, (_LIST if kind == b"BLOBS" else _DATA).fullmatch(name)) for kind, name in entries]
    for listed in folder.glob("*.toc*"):
        names.append((listed.name.encode(), _LIST.fullmatch(listed.name.encode())))
        with open_file(listed) as file:
            names += [
                (name, _DATA.fullmatch(name)) for name in (line.split(b" ", 1)[-1].rstrip(b"\n") for line in file)
            ]
    for name, expected in names:
        if not expected:
            raise SeedError(
                f"expected the names of files in {folder}, found {name.decode('utf-8', 'replace')!r} in its table of contents; "
                "make the dump anew with `pg_dump -Fd`"
            )


def _entries(read: _Reader) -> list[tuple[bytes | None, bytes]]:
    """Return kind and file name of each entry that has a file."""
    if bytes(read.byte() for _ in range(5)) != b"PGDMP":
        raise ValueError("it is no table of contents")
    version = (read.byte(), read.byte())
    read.byte()
    if not _OLDEST <= version <= _NEWEST:
        raise ValueError(f"its version {version[0]}.{version[1]} is not known here: make it with `pg_dump -Fc`")
    read.int_size = read.byte()
    read.byte(), read.byte()  # size of an offset, format
    if version >= (1, 15):
        read.byte()  # the kind of compression
    else:
        read.number()
    for _ in range(7):
        read.number()  # when it was made
    for _ in range(3):
        read.text()  # database, server, program
    entries = [_entry(read, version) for _ in range(read.number())]
    return [(kind, name) for kind, name in entries if name]


def _entry(read: _Reader, version: tuple[int, int]) -> tuple[bytes | None, bytes | None]:
    read.number(), read.number()  # id, whether it has data
    for _ in range(3):
        read.text()  # table, object, tag
    kind = read.text()
    read.number()  # section
    for _ in range(5):
        read.text()  # definition, drop, copy, schema, tablespace
    if version >= (1, 14):
        read.text()  # table access method
    if version >= (1, 16):
        read.number()  # kind of relation
    read.text(), read.text()  # owner, OIDs
    while read.text() is not None:
        pass  # dependencies
    return kind, read.text()
