"""Inspects a seed, and refuses one that cannot be loaded before any server is started.

A seed fills the source instance: the sample application, a dump of pg_dump (plain SQL, custom, directory or tar), or a
running server that is copied. drills/sandbox/seeds/load.py loads it.
"""

from __future__ import annotations

import re
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Literal

from drills.errors import SandboxError, SeedError
from drills.sandbox.postgres.binaries import OLDEST, Binaries, find, readable
from drills.sandbox.postgres.runas import ServerUser, run_as
from drills.sandbox.seeds import sample
from drills.sandbox.seeds.contents import check_names
from drills.sandbox.seeds.files import (
    check_folder,
    check_place,
    copy_folder,
    lines_of,
    spooled,
    unpacked,
)
from drills.sandbox.seeds.server import is_url, read_server, without_password
from drills.sandbox.seeds.text import CLUSTER_HEAD, DUMP_HEAD, DumpFacts, scan
from drills.sandbox.seeds.tools import Output, Program, output

__all__ = ["SAMPLE", "SeedInfo", "SeedKind", "inspect", "lowest_server", "without_password"]

SAMPLE = "sample"
"""The source that names the project's own sample application (a file of that name is `./sample`)."""

UNNAMED = "seed"
"""The database's name when the dump has none (plain SQL without `pg_dump --create`)."""

SeedKind = Literal["sample", "plain", "custom", "directory", "tar", "server"]

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_HEAD = 8192


@dataclass(frozen=True, slots=True)
class SeedInfo:
    """The contents and needs of a seed.

    `server_version` is the PostgreSQL that the data comes from ("" for the sample), `major` the lowest that can load
    it: a dump has settings that are new in the version of its pg_dump. `size_bytes` is the file's or the database's,
    None for the sample. `local`: it does not come from another host. `source` has no password. `outside` names the
    statement of a dump that starts a program or reads a file of the server, which no login without power can; else "".
    """

    source: str
    kind: SeedKind
    server_version: str
    major: int
    database: str
    roles: tuple[str, ...]
    extensions: tuple[str, ...]
    size_bytes: int | None
    local: bool
    outside: str = ""


def inspect(
    source: str, servers: Sequence[Binaries], work: Path, user: ServerUser | None, database: str | None = None
) -> SeedInfo:
    """Read all of a seed (of a server: its catalog) with the newest of `servers`, and describe it.

    `work` is an existing folder that `user`, who runs PostgreSQL's programs, can enter. `source` is "sample", a path or
    a URL; `database` chooses one of a dump's several. Raises SeedError for a seed that none of `servers` can load.
    """
    if source == SAMPLE:
        return SeedInfo(source, "sample", "", OLDEST, sample.DATABASE, sample.ROLES, (), None, True)
    if is_url(source):
        server = read_server(source)
        size, local, name = server.size_bytes, server.local, server.database
        kind: SeedKind = "server"
        facts = DumpFacts(server.version, roles=set(server.roles), extensions=dict.fromkeys(server.extensions))
    else:
        path = Path(source)
        kind = kind_of(path)
        newest = readable(max(servers, key=lambda each: each.major), user, work)
        facts = read_dump(path, kind, newest, work, user, database)
        size, local, name = _size(path), True, facts.database or UNNAMED
    roles, extensions = tuple(sorted(facts.roles)), tuple(sorted(facts.extensions))
    info = SeedInfo(
        without_password(source), kind, facts.server, facts.major, name, roles, extensions, size, local, facts.outside
    )
    lowest_server(info, servers, work, user)
    return info


def lowest_server(info: SeedInfo, servers: Sequence[Binaries], work: Path, user: ServerUser | None) -> Binaries:
    """Return the lowest of `servers` that is not older than the seed and has its extensions; the first for the sample.

    Raises SeedError when all are older, or when none has an extension that the seed needs.
    """
    if info.kind == "sample":
        return servers[0]
    new_enough = sorted((each for each in servers if each.major >= info.major), key=lambda each: each.major)
    if not new_enough:
        raise SeedError(
            f"expected a seed of PostgreSQL {max(each.major for each in servers)} or earlier, the newest "
            f"in use, but {info.source} needs {info.major} (data of "
            f"{info.server_version or 'an unknown version'}); {_remedy(servers, info.major, info.extensions, work, user)}"
        )
    for each in new_enough:
        available = extensions_of(each, work, user)
        if available is None or available.issuperset(info.extensions):
            return each
    first = new_enough[0]
    missing = sorted(set(info.extensions) - (extensions_of(first, work, user) or set()))
    raise SeedError(
        f"{info.source} needs the extension {', '.join(missing)}, which the PostgreSQL {first.version} at hand "
        f"({first.origin}) does not have; {_remedy(servers, info.major, info.extensions, work, user)}"
    )


def _remedy(
    servers: Sequence[Binaries], major: int, extensions: Sequence[str], work: Path, user: ServerUser | None
) -> str:
    """Return what to do where none of `servers` takes a seed: often another one is on the machine, but was not chosen."""
    try:
        others = [each for each in find() if each not in servers and each.major >= major]
    except SandboxError:
        others = []
    for each in others:
        available = extensions_of(each, work, user)
        if available is None or available.issuperset(extensions):
            return f"leave --postgres out: PostgreSQL {each.version} ({each.origin}) is at hand"
    what = f"the extension{'s' if len(extensions) > 1 else ''} {', '.join(extensions)}" if extensions else ""
    return (
        f"install PostgreSQL {major or 'of a newer version'}{' with ' + what if what else ''}, and choose it with "
        "--postgres if need be"
    )


def extensions_of(binaries: Binaries, work: Path, user: ServerUser | None) -> frozenset[str] | None:
    """Return the extensions that a server can create, by its control files; None where their folder is not found.

    `initdb --show` prints the folder with every packaging (initdb.c, "share_path"); Debian's servers have no pg_config.
    """
    usable = readable(binaries, user, work)
    answer = run_as(user, [str(usable.tool("initdb")), "--show", "-D", "unused"], cwd=work, timeout=30)
    found = re.search(r"share_path=(.+)", answer.stdout + answer.stderr)
    folder = Path(found[1].strip()) / "extension" if found else None
    if folder is None or not folder.is_dir():
        return None
    return frozenset(control.stem for control in folder.glob("*.control"))


def kind_of(path: Path) -> SeedKind:
    """Return a dump's format by its first bytes, unpacked if it is compressed, whatever its name.

    Raises SeedError for what pg_dump did not write, and for links, pipes and devices. Needs no server.
    """
    if check_place(path):
        if "toc.dat" not in check_folder(path):
            raise SeedError(
                f"expected a directory that `pg_dump -Fd` made, found no toc.dat in {path}; name another one"
            )
        return "directory"
    with unpacked(path) as file:
        head = file.read(_HEAD)
    if not head:
        raise SeedError(
            f"expected a dump, found {path} to be empty (0 bytes); make the dump anew and look at pg_dump's exit status"
        )
    return _kind_of_head(head, path)


def _kind_of_head(head: bytes, path: Path) -> SeedKind:
    if head.startswith(b"PGDMP"):
        return "custom"
    if head[257:262] == b"ustar":
        if head.startswith(b"toc.dat\0"):
            return "tar"
        raise SeedError(
            f"expected a tar archive that `pg_dump -Ft` made, found another kind in {path}; unpack it and name the dump"
        )
    if head.startswith(_UTF16):
        raise SeedError(
            f"expected a dump as pg_dump wrote it, found {path} changed to UTF-16; write it with `pg_dump --file`"
        )
    head = head.replace(b"\r\n", b"\n")
    if DUMP_HEAD not in head and CLUSTER_HEAD not in head:
        raise SeedError(f"expected a dump that pg_dump or pg_dumpall made, found something else in {path}; name a dump")
    return "plain"


def read_dump(
    path: Path, kind: SeedKind, binaries: Binaries, work: Path, user: ServerUser | None, database: str | None = None
) -> DumpFacts:
    """Read a dump to its end and return its facts. Raises SeedError when it is truncated or damaged."""
    with text_of(path, kind, binaries, work, user) as text:
        try:
            facts = scan(text, database)
        except SeedError as error:
            raise SeedError(f"expected nothing but SQL and data of one database in {path}, but {error}") from None
    if not facts.complete:
        raise SeedError(
            f"expected {path} to end with `-- PostgreSQL database dump complete`, but it does not: it is cut off or "
            "damaged; copy it again or make the dump anew"
        )
    return facts


@contextmanager
def text_of(
    path: Path, kind: SeedKind, binaries: Binaries, work: Path, user: ServerUser | None
) -> Iterator[Iterator[bytes]]:
    """Yield the lines of a dump's SQL text, once and in order. Raises SeedError when the dump is damaged.

    pg_restore turns an archive into text; its table of contents (`pg_restore -l`) is intact in a truncated file, too.
    """
    if kind == "plain":
        with unpacked(path) as stream:
            yield lines_of(stream)
        return
    if kind == "tar":
        _check_tar(path, work)
    with open_dump(path, kind, work, user) as (stdin, arguments):
        program = Program(
            binaries, "pg_restore", ("--create", "--no-tablespaces", "--file=-", *arguments), {}, user, work
        )
        with output(program, stdin=stdin) as text:
            yield _whole(text, path, binaries)


def _whole(text: Output, path: Path, binaries: Binaries) -> Iterator[bytes]:
    """Yield pg_restore's lines, and raise SeedError at their end when it has failed."""
    yield from text
    error = text.finish()
    if error is None:
        return
    if "unsupported version" in error:
        newest = (binaries,)
        raise SeedError(
            f"expected an archive that pg_restore {binaries.version}, the newest in use, can read, but {path} "
            f"was made by a newer pg_dump; {_remedy(newest, binaries.major + 1, (), Path('/'), None)}"
        )
    raise SeedError(_damaged(path, f"pg_restore: {error}"))


def _check_tar(path: Path, work: Path) -> None:
    """Refuse a tar archive that ends within a member: pg_restore (15.18 and 18.4) would never end.

    pg_restore extracts nothing, but a member that is a link is none of pg_dump's.
    """
    try:
        with spooled(path, work) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            while (member := archive.next()) is not None:
                if not member.isreg():
                    raise SeedError(
                        f"expected files alone in {path}, found {member.name!r}, which is none (a link or a folder); "
                        "name a dump as pg_dump made it"
                    )
    except (tarfile.TarError, OSError) as error:
        raise SeedError(_damaged(path, f"tar: {error}")) from None


def _damaged(path: Path, reason: str) -> str:
    return f"expected a whole archive, but {path} is cut off or damaged ({reason}); copy it again or make the dump anew"


@contextmanager
def open_dump(
    path: Path, kind: SeedKind, work: Path, user: ServerUser | None
) -> Iterator[tuple[BinaryIO | None, tuple[str, ...]]]:
    """Open an archive of the caller for a program that runs as `user`: yield its standard input and its arguments."""
    if kind != "directory":
        with spooled(path, work) as file:
            yield file, ()
        return
    check_folder(path)
    check_names(path)
    if user is None:
        yield None, (str(path.absolute()),)
        return
    with TemporaryDirectory(dir=work, prefix="seed-") as folder:
        shutil.chown(folder, user.uid, user.gid)
        copy_folder(path, Path(folder) / "dump", user)
        yield None, (str(Path(folder) / "dump"),)


def _size(path: Path) -> int:
    files = path.iterdir() if path.is_dir() else (path,)
    return sum(each.stat().st_size for each in files)
