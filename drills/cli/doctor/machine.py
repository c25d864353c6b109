"""This machine: its interpreter and libraries, the PostgreSQL servers on it, and room for a sandbox. Writes nothing."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import psutil
from psycopg import pq

from drills import __version__
from drills.cli.doctor.line import Line, looked_at, problem
from drills.sandbox.postgres import binaries
from drills.sandbox.postgres.folders import state_parent

LIBRARIES = ("boto3", "moto", "psycopg", "cryptography")
MIB = 2**20
# bytes; a drill of the sample application took 586 MiB of disk and 590 MiB of memory at its peak
DISK_LEAST, DISK_ROOMY = 1024 * MIB, 3072 * MIB
MEMORY_LEAST, MEMORY_ROOMY = 768 * MIB, 1536 * MIB


def lines(postgres: str | None, *, sandboxed: bool) -> Iterator[Line]:
    """Yield what this machine has; `postgres` is the profile's choice, and servers are needed where it is `sandboxed`."""
    cores = os.cpu_count() or 0
    yield Line("machine", "ok", f"{platform.platform()}, {cores} core{'' if cores == 1 else 's'}")
    yield Line("Python", "ok", f"{platform.python_version()} in {sys.prefix}")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)
    yield Line("versions", "ok", f"drills {__version__}, {versions}, libpq {_libpq()}")
    yield _pdf()
    yield _servers(postgres, sandboxed=sandboxed)
    if sandboxed:
        yield looked_at("work folder", _work_folder)
        yield _room("memory", psutil.virtual_memory().available, MEMORY_LEAST, MEMORY_ROOMY, "end other programs")


def _libpq() -> str:
    major, minor = divmod(pq.version(), 10000)
    return f"{major}.{minor}"


def _pdf() -> Line:
    if importlib.util.find_spec("typst"):
        return Line("PDF report", "ok", f"typst {metadata.version('typst')}")
    return Line("PDF report", "note", "typst is not installed: a run leaves no report.pdf", "pip install -e '.[pdf]'")


def _servers(choice: str | None, *, sandboxed: bool) -> Line:
    name = "PostgreSQL"

    def look() -> Line:
        first, *others = binaries.find(choice)
        also = f"; there are also {', '.join(f'{each.version} ({each.origin})' for each in others)}" if others else ""
        return Line(name, "ok", f"{first.version} ({first.origin}) in {first.folder}{also}")

    line = looked_at(name, look)
    if line.state == "problem" and not sandboxed:
        return Line(name, "note", f"{line.found}; a drill on AWS needs no server here")
    return line


def _work_folder() -> Line:
    place = state_parent()
    return _room(
        f"disk of {place}", shutil.disk_usage(place).free, DISK_LEAST, DISK_ROOMY, "free some space, or set TMPDIR"
    )


def _room(name: str, free: int, least: int, roomy: int, remedy: str) -> Line:
    found = f"{free / MIB:,.0f} MiB free"
    if free < least:
        return problem(name, f"{found}, a sandbox needs {least / MIB:,.0f} MiB", remedy)
    if free < roomy:
        return Line(name, "note", f"{found}: enough for the sample, a large seed needs several times its size", remedy)
    return Line(name, "ok", found)


def writable(name: str, folder: Path) -> Line:
    """Return whether this user may write to a folder, or make it, by its rights alone."""
    place = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not place.is_dir():
        return problem(name, f"{place} is no folder", f"move it away, or name another than {folder}")
    if not os.access(place, os.W_OK | os.X_OK):
        return problem(name, f"{place} cannot be written to by this user", f"chmod or chown {place}, or name another")
    return Line(name, "ok", f"{folder}{'' if place == folder.absolute() else ' (made by the first run)'}")
