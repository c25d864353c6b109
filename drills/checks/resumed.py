"""The file of `drills verify --resume`: what has been proved of one copy against one manifest, for a later verification of it.

It is written whole and atomically while tables are proved, so that a lost connection, a full budget or a signal loses no more
than the tables at hand, and those of the moment before. It holds names, counts and fingerprints as a manifest does, and no row
value.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

import psycopg
from pydantic import TypeAdapter, ValidationError

from drills.checks.base.outcome import first_line
from drills.checks.base.session import MAINTENANCE, Connector, snapshot
from drills.checks.content.proved import Earlier, Proved
from drills.clock import Clock
from drills.errors import CheckUnavailable, ConfigError
from drills.files import write_atomically
from drills.plural import counted

FORMAT = 2
_SHARE = 20  # a writing may take one part in so many of the time
_IDENTITY = """
select s.system_identifier::text, c.timeline_id, pg_catalog.pg_postmaster_start_time()
from pg_catalog.pg_control_system() as s, pg_catalog.pg_control_checkpoint() as c
"""


@dataclass(frozen=True, slots=True)
class CopyIdentity:
    """By what a copy is known: its server's identifier and timeline, which other copies of the source share, and its start."""

    system_identifier: str
    timeline: int
    started_at: datetime


@dataclass(frozen=True, slots=True)
class _Kept:
    format: int
    manifest: str
    copy: CopyIdentity
    databases: dict[str, dict[str, Proved]] = field(default_factory=dict)


@functools.cache
def _adapter() -> TypeAdapter[_Kept]:
    return TypeAdapter(_Kept)


def identify(connect: Connector) -> CopyIdentity:
    """Return by what a copy is known. CheckUnavailable, one sentence, for a login that may not see it."""
    try:
        with snapshot(connect, MAINTENANCE) as connection:
            row = connection.execute(_IDENTITY).fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        raise CheckUnavailable(
            "--resume: expected a login that may call pg_control_system() and pg_control_checkpoint(), by which a copy is "
            "known: grant execute on both to it, or verify without --resume"
        ) from error
    except psycopg.Error as error:
        raise CheckUnavailable(f"--resume: expected a copy that answers, found: {first_line(error)}") from error
    if row is None:
        raise AssertionError("both functions give one row")
    return CopyIdentity(*row)


class ProvedFile:
    """What has been proved of a copy, in a file."""

    def __init__(self, path: Path, manifest: str, copy: CopyIdentity, clock: Clock, key: bytes | None) -> None:
        """Go on with the file at `path`, or begin it; `manifest` is the digest of the file that the copy is compared with.

        ConfigError, one sentence, for a file that is none, or of another copy, manifest or key.
        """
        self._path, self._clock, self._key = path, clock, key
        self._kept = _Kept(FORMAT, manifest, copy)
        if path.exists():
            self._kept = self._fitting(self._load(), self._kept)
        self._earlier: dict[str, Earlier] = {}
        self._lock, self._due = Lock(), clock.monotonic()
        self.save()  # a place that cannot be written is known before hours of reading

    def of(self, database: str) -> Earlier:
        """Return what was proved of a database's tables, those of a lost connection's first attempt included."""

        def keep(proved: Mapping[str, Proved]) -> None:
            with self._lock:
                self._kept.databases.setdefault(database, {}).update(proved)
                due = self._clock.monotonic() >= self._due
            if due:
                self.save()

        self._earlier[database] = Earlier(dict(self._kept.databases.get(database, {})), keep)
        return self._earlier[database]

    def save(self) -> None:
        """Write the file. ConfigError, one sentence, where that cannot be done."""
        with self._lock:
            began = self._clock.monotonic()
            body = _adapter().dump_python(self._kept, mode="json")
            try:
                write_atomically(
                    self._path, json.dumps({"seal": self._seal(body), "proved": body}, sort_keys=True) + "\n"
                )
            except OSError as error:
                raise ConfigError(
                    f"--resume: expected a place that can be written, found {self._path}: {error.strerror}: name another file"
                ) from error
            now = self._clock.monotonic()
            self._due = now + _SHARE * (now - began)

    def remarks(self) -> tuple[str, ...]:
        """Return in words what was taken over, and what was not since somebody has written to it."""
        found = []
        if taken := sum(len(each.taken_over) for each in self._earlier.values()):
            found.append(
                f"{counted(taken, 'table')} taken over from {self._path}: proved before on this very copy "
                f"(server {self._kept.copy.system_identifier}, started {self._kept.copy.started_at:%Y-%m-%d %H:%M:%S %Z}), "
                "and not written to since"
            )
        again = [name for each in self._earlier.values() for name in each.written_to]
        if again:
            more = f" and {len(again) - 1:,} more" if len(again) > 1 else ""
            found.append(f"read again, since somebody may have written to it after it was proved: {again[0]}{more}")
        return tuple(found)

    def facts(self) -> dict[str, Any]:
        """Return the same by the names of the tables."""
        return {
            "file": str(self._path),
            "taken_over": {name: sorted(each.taken_over) for name, each in self._earlier.items()},
            "read_again": {name: sorted(each.written_to) for name, each in self._earlier.items()},
        }

    def _seal(self, body: Any) -> str:
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return hmac.new(self._key or b"", text.encode(), hashlib.sha256).hexdigest()

    def _load(self) -> _Kept:
        begin = "name a file that does not exist yet, to begin anew"
        try:
            raw = json.loads(self._path.read_text(encoding="utf-8"))
            seal, body = raw["seal"], raw["proved"]
            kept = _adapter().validate_python(body)
        except (OSError, ValueError, KeyError, TypeError, RecursionError, ValidationError) as error:
            raise ConfigError(
                f"--resume: expected what an earlier --resume wrote, found {self._path}: {begin}"
            ) from error
        if (kept.format, kept.manifest) != (self._kept.format, self._kept.manifest):
            raise ConfigError(f"--resume: {self._path} is of another manifest than the one given: {begin}")
        if not hmac.compare_digest(str(seal), self._seal(body)):
            raise ConfigError(
                f"--resume: {self._path} was edited, or the manifest's key is another now or missing: expected both as they "
                f"were when it was written: {begin}"
            )
        return kept

    def _fitting(self, kept: _Kept, wanted: _Kept) -> _Kept:
        """Return what the file holds, where it is of this copy."""
        begin = "name another file, to begin anew"
        for told, before, now in (
            ("a copy of server", kept.copy.system_identifier, wanted.copy.system_identifier),
            ("a copy on timeline", kept.copy.timeline, wanted.copy.timeline),
            ("a copy whose server was started at", kept.copy.started_at, wanted.copy.started_at),
        ):
            if before != now:
                raise ConfigError(
                    f"--resume: {self._path} is of another copy: expected {told} {before}, found {now}: {begin}"
                )
        return dataclasses.replace(kept, databases={name: dict(each) for name, each in kept.databases.items()})
