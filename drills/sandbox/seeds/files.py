"""Opens the files of a seed with the caller's rights: regular files alone, no links, compressed ones as a stream."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
import stat
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO, cast

from drills.errors import SeedError
from drills.sandbox.postgres.binaries import server_user
from drills.sandbox.postgres.runas import ServerUser, Streams, spawn

_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"PK\x03\x04": "zip",
}
_IN_PYTHON: dict[str, Callable[[BinaryIO, Any], Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
_BY_PROGRAM = ("zstd", "lz4")
_DAMAGED = (EOFError, OSError, lzma.LZMAError, zlib.error)
_CHUNK = 1 << 20
_LONGEST_LINE = 1 << 30  # bytes: PostgreSQL takes no value that is longer
MIN_FREE = 256 << 20  # bytes that an unpacked archive leaves free on the disk


@contextmanager
def open_file(path: Path, folder: int | None = None) -> Iterator[BinaryIO]:
    """Open a regular file that is no link, for reading; the file of this name in the opened `folder`, if that is given.

    Raises SeedError for everything else. It never waits, as opening a named pipe would.
    """
    try:
        name = path if folder is None else path.name
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if path.is_symlink():
            raise SeedError(_link(path)) from None
        raise SeedError(_unreadable(path, error)) from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise SeedError(_irregular(path, mode))
    with os.fdopen(descriptor, "rb") as file:
        yield file


def check_place(path: Path) -> bool:
    """Return whether a seed is a folder, and refuse one that is neither a folder nor a regular file. Raises SeedError."""
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        raise SeedError(_unreadable(path, error)) from None
    if stat.S_ISLNK(mode):
        raise SeedError(_link(path))
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise SeedError(_irregular(path, mode))
    return stat.S_ISDIR(mode)


def _unreadable(path: Path, error: OSError) -> str:
    return f"expected a dump at {path}, but it cannot be read: {error.strerror}; check the path given to --seed"


def _link(path: Path) -> str:
    return f"expected a file, found {path} to be a link; name the file itself, since a seed is read without following links"


def _irregular(path: Path, mode: int) -> str:
    kinds = ((stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISDIR, "a folder"))
    found = next((name for test, name in kinds if test(mode)), "a device")
    return (
        f"expected a regular file, found {path} to be {found}; a seed is read more than once: write it to a file "
        "first and name that file"
    )


def check_folder(path: Path) -> tuple[str, ...]:
    """Return the names of a directory dump's members, once each is a regular file of the folder's own owner.

    Raises SeedError for a link, a pipe, a device or a folder in it, and for a file of somebody else, which a hard link
    may have brought there.
    """
    with _open_folder(path) as folder:
        owner = os.fstat(folder).st_uid
        names = tuple(sorted(os.listdir(folder)))
        for name in names:
            with open_file(path / name, folder) as file:
                if os.fstat(file.fileno()).st_uid not in (owner, os.geteuid()):
                    raise SeedError(
                        f"expected the files in {path} to belong to its owner, found {name} of another user; "
                        "remove it or make the dump anew"
                    )
    return names


def copy_folder(path: Path, target: Path, user: ServerUser) -> None:
    """Copy a directory dump's members for `user`, from the very files that were looked at. Raises SeedError."""
    target.mkdir(mode=0o700)
    with _open_folder(path) as folder:
        for name in check_folder(path):
            with open_file(path / name, folder) as file, (target / name).open("xb") as copy:
                shutil.copyfileobj(file, copy, _CHUNK)
                os.fchown(copy.fileno(), user.uid, user.gid)
    shutil.chown(target, user.uid, user.gid)


@contextmanager
def _open_folder(path: Path) -> Iterator[int]:
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise SeedError(_unreadable(path, error)) from None
    try:
        yield folder
    finally:
        os.close(folder)


def packing_of(path: Path) -> str:
    """Return how a file is compressed, by its first bytes: "gzip", "zstd", …, or "" where it is not. Raises SeedError."""
    with open_file(path) as file:
        head = file.read(8)
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "")


@contextmanager
def unpacked(path: Path) -> Iterator[BinaryIO]:
    """Open a seed's file for reading it once, from its beginning, without its compression.

    gzip, bzip2 and xz are read here, zstd and lz4 by the programs of these names, as the user who runs PostgreSQL.
    Raises SeedError for a compression that cannot be read here, and when the file is cut off or damaged.
    """
    packing = packing_of(path)
    with open_file(path) as file:
        try:
            if not packing:
                yield file
            elif packing in _IN_PYTHON:
                with _IN_PYTHON[packing](file, "rb") as stream:
                    yield cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, stream), _CHUNK))
            else:
                with _by_program(packing, path, file) as stream:
                    yield stream
        except _DAMAGED as error:
            raise SeedError(_broken(path, packing or "file", str(error))) from None


def _broken(path: Path, packing: str, reason: str) -> str:
    return (
        f"expected a whole file, but {path} is cut off or damaged ({packing}: {reason}); copy it again or make the dump "
        "anew"
    )


@contextmanager
def _by_program(packing: str, path: Path, file: BinaryIO) -> Iterator[BinaryIO]:
    program = shutil.which(packing) if packing in _BY_PROGRAM else None
    if program is None:
        remedy = f"install the program {packing}, or unpack it" if packing in _BY_PROGRAM else "unpack it"
        raise SeedError(f"expected a dump, found {path} compressed with {packing}; {remedy} and name the unpacked file")
    streams = Streams(file, subprocess.PIPE, subprocess.DEVNULL)
    with spawn(server_user(), [program, "-dcq"], Path("/"), None, streams) as child:
        try:
            yield cast(BinaryIO, child.stdout)
            if not cast(IO[bytes], child.stdout).read(1):
                child.wait()
        finally:
            if child.poll() is None:
                child.kill()
    if child.returncode > 0:
        raise SeedError(_broken(path, packing, "it ended early"))


def lines_of(stream: BinaryIO) -> Iterator[bytes]:
    """Yield a text's lines, their ends included. Raises SeedError for one that no server could take."""
    while line := stream.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise SeedError("a line of it has more than 1 GiB, which PostgreSQL does not take")
        yield line


@contextmanager
def spooled(path: Path, work: Path) -> Iterator[BinaryIO]:
    """Open an archive as a file that programs can read, unpacked in `work` under no name if it is compressed.

    Raises SeedError when the disk has no room for what is in it.
    """
    if not packing_of(path):
        with open_file(path) as file:
            yield file
        return
    with TemporaryFile(dir=work) as copy:
        with unpacked(path) as stream:
            while chunk := stream.read(_CHUNK):
                if shutil.disk_usage(work).free < MIN_FREE + len(chunk):
                    raise SeedError(
                        f"expected room for what is compressed in {path}, found that it fills the disk of {work} "
                        f"({copy.tell():,} bytes so far); free some space or set TMPDIR to another place"
                    )
                copy.write(chunk)
        copy.seek(0)
        yield cast(BinaryIO, copy)
