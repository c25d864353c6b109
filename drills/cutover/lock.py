"""The lock of a target's cut-over: one writer at a time.

On this machine it is held by the process (`flock`), so that it is free again the moment the process has ended. In S3 it
is an object with a lease: made where none is, taken over when its lease has passed, renewed while its holder lives, each
by a conditional write on the ETag that was read (Amazon S3 User Guide, "Conditional writes"). A clock that is wrong by
more than the lease is detected by the journal, whose entries cannot be overwritten.
"""

from __future__ import annotations

import contextlib
import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import ClientError

from drills.aws.read import error_code
from drills.clock import Clock
from drills.cutover.journal import CONFLICTS
from drills.errors import DrillError
from drills.files import try_lock

_ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})


class LockHeld(DrillError):
    """Another one holds the lock, or has taken it over."""


class Lock(Protocol):
    """One writer's lock."""

    def acquire(self) -> None:
        """Take it. Raises Held where it is not free."""
        ...

    def renew(self) -> None:
        """Renew it. Raises LockHeld where it was lost."""
        ...

    def release(self) -> None:
        """Release it."""
        ...


class FileLock:
    """The lock of a folder."""

    def __init__(self, path: Path, who: str) -> None:
        self._path = path
        self._who = who
        self._held: int | None = None

    def acquire(self) -> None:
        """Take it, and write down who has it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            free = try_lock(held)
        except OSError as error:
            os.close(held)
            raise LockHeld(
                f"expected to lock {self._path}, but: {error.strerror}; name a folder on a disk that supports flock"
            ) from error
        if not free:
            holder = os.read(held, 200).decode(errors="replace").strip() or "another process"
            os.close(held)
            raise LockHeld(
                f"expected the lock {self._path} to be free, found it held by {holder}: let that cut-over end, or end it"
            )
        os.ftruncate(held, 0)
        os.pwrite(held, f"{self._who} pid {os.getpid()}\n".encode(), 0)
        self._held = held

    def renew(self) -> None:
        """Do nothing: the kernel holds it."""

    def release(self) -> None:
        """Release it; the file stays."""
        if self._held is not None:
            os.close(self._held)
            self._held = None


class LeaseLock:
    """The lock beside the journal in S3."""

    def __init__(self, s3: Any, place: tuple[str, str], who: str, clock: Clock, lease: timedelta) -> None:
        bucket, prefix = place
        self._s3, self._bucket, self._key = s3, bucket, f"{prefix.strip('/')}/lock.json".lstrip("/")
        self._who, self._clock, self._lease = who, clock, lease
        self._etag = ""
        self._renewed: datetime | None = None

    def acquire(self) -> None:
        """Make the object, or take it over once its lease has passed."""
        found = self._read()
        condition: dict[str, str] = {"IfNoneMatch": "*"}
        if found is not None:
            etag, held = found
            until = datetime.fromisoformat(held["until"])
            if held["who"] and until > self._clock.now():
                raise LockHeld(
                    f"expected the lock s3://{self._bucket}/{self._key} to be free, found it held by {held['who']} until "
                    f"{until:%Y-%m-%d %H:%M:%S} UTC at least: let that cut-over end, or wait until then"
                )
            condition = {"IfMatch": etag}
        self._write(condition, self._who)

    def renew(self) -> None:
        """Renew the lease once a third of it has passed."""
        if self._renewed is None or self._clock.now() - self._renewed > self._lease / 3:
            self._write({"IfMatch": self._etag}, self._who)

    def release(self) -> None:
        """Say that nobody holds it; somebody else's is left alone."""
        if self._etag:
            with contextlib.suppress(LockHeld):
                self._write({"IfMatch": self._etag}, "")
            self._etag = ""

    def _read(self) -> tuple[str, dict[str, str]] | None:
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=self._key)
        except ClientError as error:
            if error_code(error) in _ABSENT:
                return None
            raise DrillError(
                f"expected to read the lock s3://{self._bucket}/{self._key}, S3 answered: {error}: make the bucket, or "
                "allow it"
            ) from error
        return str(answer["ETag"]), dict(json.loads(answer["Body"].read()))

    def _write(self, condition: dict[str, str], who: str) -> None:
        now = self._clock.now()
        body = json.dumps({"who": who, "until": (now + self._lease).isoformat(), "at": now.isoformat()})
        try:
            answer = self._s3.put_object(Bucket=self._bucket, Key=self._key, Body=body.encode(), **condition)
        except ClientError as error:
            if error_code(error) in CONFLICTS:
                found = self._read()
                # a repeated request, whose first answer was lost
                if found is not None and found[1] == json.loads(body):
                    self._etag, self._renewed = found[0], now
                    return
                raise LockHeld(
                    f"expected to hold the lock s3://{self._bucket}/{self._key}, found that another one has taken it: "
                    "stop here, and ask who it is"
                ) from error
            raise DrillError(
                f"expected to write the lock, S3 answered: {error}: allow the bucket, and resume"
            ) from error
        self._etag, self._renewed = str(answer["ETag"]), now
