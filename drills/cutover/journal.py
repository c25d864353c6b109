"""The stores of a cut-over's journal: a folder of this machine, or S3.

In S3 each entry is an object of its own, made only where none of that number is (`If-None-Match: *`, Amazon S3 User
Guide, "How to prevent object overwrites with conditional writes"): whoever lost the lock without noticing cannot write
over another engineer's entries. A copy in JSON lines is kept on this machine too (`MirroredStore`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import ClientError

from drills.aws.read import error_code
from drills.cutover.model import Entry, read_entry, write_entry
from drills.errors import ConfigError, DrillError
from drills.record import new_run_id

CONFLICTS = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


class JournalStore(Protocol):
    """Keeps the journals of one target."""

    def ids(self) -> tuple[str, ...]:
        """Return the ids of all cut-overs, oldest first."""
        ...

    def read(self, cutover_id: str) -> tuple[Entry, ...]:
        """Return the entries of a journal in their order; empty where there is none."""
        ...

    def append(self, cutover_id: str, entry: Entry) -> None:
        """Write an entry so that it is there when this returns. Raises DrillError where another writer was first."""
        ...

    def location(self) -> str:
        """Return the location, for people."""
        ...


class FolderStore:
    """Journals as JSON lines in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _path(self, cutover_id: str) -> Path:
        return self.folder / f"{cutover_id}.jsonl"

    def location(self) -> str:
        """Return the folder."""
        return str(self.folder)

    def ids(self) -> tuple[str, ...]:
        """Return the ids of all cut-overs, oldest first."""
        return tuple(sorted(path.stem for path in self.folder.glob("*.jsonl")))

    def read(self, cutover_id: str) -> tuple[Entry, ...]:
        """Return the entries; a last line that a crash has cut was never acted upon, and is left out."""
        try:
            text = self._path(cutover_id).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ()
        return tuple(read_entry(line) for line in text.split("\n")[:-1] if line)

    def append(self, cutover_id: str, entry: Entry) -> None:
        """Write a line and sync it to the disk."""
        path = self._path(cutover_id)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with path.open("a+b") as out:
                end = out.seek(0, os.SEEK_END)
                if end and not self._ends(out):
                    out.truncate(self._last_line(out))
                out.seek(0, os.SEEK_END)
                out.write(write_entry(entry).encode() + b"\n")
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            raise DrillError(
                f"expected to write the journal {path}, found: {error.strerror}: make room for it"
            ) from error

    @staticmethod
    def _ends(out: Any) -> bool:
        out.seek(-1, os.SEEK_END)
        return bool(out.read(1) == b"\n")

    @staticmethod
    def _last_line(out: Any) -> int:
        """Return the offset of a line that a crash has cut."""
        out.seek(0)
        return int(out.read().rfind(b"\n")) + 1


class MirroredStore:
    """Journals whose entries are kept in a folder of this machine as well, such as that of the run that cuts over."""

    def __init__(self, store: JournalStore, copy: FolderStore) -> None:
        self._store, self._copy = store, copy
        self.ids, self.read, self.location = store.ids, store.read, store.location

    def append(self, cutover_id: str, entry: Entry) -> None:
        """Write the entry, then its copy."""
        self._store.append(cutover_id, entry)
        self._copy.append(cutover_id, entry)


class BucketStore:
    """Journals in S3: `PREFIX/ID/000001.json` and so on."""

    def __init__(self, s3: Any, bucket: str, prefix: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def location(self) -> str:
        """Return the bucket and the prefix."""
        return f"s3://{self._bucket}/{self._prefix}"

    def _keys(self, below: str) -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix + below)
        return sorted(str(each["Key"]) for page in pages for each in page.get("Contents", []))

    def ids(self) -> tuple[str, ...]:
        """Return the ids of all cut-overs, oldest first."""
        names = [key.removeprefix(self._prefix) for key in self._keys("")]
        return tuple(sorted({name.split("/")[0] for name in names if "/" in name}))

    def read(self, cutover_id: str) -> tuple[Entry, ...]:
        """Return the entries of a journal in their order."""
        found = [
            self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read().decode()
            for key in self._keys(f"{cutover_id}/")
        ]
        return tuple(read_entry(text) for text in found)

    def append(self, cutover_id: str, entry: Entry) -> None:
        """Make the object of the entry's number, which must not be there."""
        key = f"{self._prefix}{cutover_id}/{entry.number:06}.json"
        try:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=write_entry(entry).encode(),
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except ClientError as error:
            # a repeated request whose first answer was lost finds its own entry
            if error_code(error) not in CONFLICTS or write_entry(self._entry(key)) != write_entry(entry):
                raise _conflict(key, error) from error

    def _entry(self, key: str) -> Entry:
        return read_entry(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read().decode())


def _conflict(key: str, error: ClientError) -> DrillError:
    if error_code(error) in CONFLICTS:
        return DrillError(
            f"expected to write the journal's next entry {key}, found that another engineer has written it: let them "
            "finish, or resume after them"
        )
    return DrillError(f"expected to write {key}, S3 answered: {error}: allow the bucket, and resume")


def next_id(now: datetime, known: Sequence[str]) -> str:
    """Return an id that sorts after all that are known, although they were made in the same second or by a clock that is ahead.

    `known` are the target's ids, oldest first. The last one is what a command means that names none.
    """
    with contextlib.suppress(IndexError, ValueError):  # none so far, or a file that somebody put there
        newest = datetime.strptime(known[-1].rpartition("-")[0], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
        now = max(now, newest + timedelta(seconds=1))
    return new_run_id(now)


def unfinished(store: JournalStore, ended: Callable[[Sequence[Entry]], bool]) -> str:
    """Return the id of the newest cut-over when it has not ended, else ""."""
    ids = store.ids()
    if not ids:
        return ""
    return "" if ended(store.read(ids[-1])) else ids[-1]


def parse_s3_url(text: str) -> tuple[str, str]:
    """Return bucket and prefix of an s3:// address. Raises ConfigError for anything else."""
    scheme, _, rest = text.partition("://")
    if scheme != "s3" or not rest:
        raise ConfigError(f"expected s3://BUCKET/PREFIX, found {text!r}")
    bucket, _, prefix = rest.partition("/")
    return bucket, prefix
