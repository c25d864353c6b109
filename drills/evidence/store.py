"""Where evidence is kept besides its folder: another folder, or a bucket of S3 with Object Lock.

Nothing is ever written over. SHA256SUMS.sig is written last: a bundle without it is not whole.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.read import error_code
from drills.errors import ConfigError, NotSealed
from drills.evidence.sums import SIGNATURE, STAMP, SUMS

T = TypeVar("T")
_LAST = (SUMS, STAMP, SIGNATURE)


class _Expected(Exception):
    """S3 refused as the caller said that it might."""


class Store(Protocol):
    """A second place for evidence. `url` is what a person calls it."""

    @property
    def url(self) -> str:
        """The folder, or s3://BUCKET/PREFIX."""

    def check(self) -> None:
        """Raise ConfigError or NotSealed where it cannot keep evidence as configured. Writes nothing."""

    def put(self, name: str, data: bytes) -> None:
        """Keep the data under a relative name. The same data again is no fault; other data under that name is NotSealed."""


def put_bundle(store: Store, folder: Path, name: str) -> None:
    """Keep every file of a bundle below `name` (CHAIN/BUNDLE), the signature last. Raises NotSealed."""
    last = [folder / name for name in _LAST if (folder / name).exists()]
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path not in last)
    for path in [*files, *last]:
        store.put(f"{name}/{path.relative_to(folder).as_posix()}", path.read_bytes())


class FolderStore:
    """A folder, such as a share that is mounted write-once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = str(folder)

    def check(self) -> None:
        """Raise ConfigError where there is no such folder: a share that is not mounted is not made here."""
        if not self._folder.is_dir():
            raise ConfigError(f"{self.url}: expected the folder of a store, found none: make or mount it")

    def put(self, name: str, data: bytes) -> None:
        """Write a file whole; see `Store.put`."""
        path = self._folder / name
        half = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with half.open("wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            try:
                os.link(half, path)  # a rename would replace a file of that name
            finally:
                half.unlink()
        except FileExistsError:
            if path.read_bytes() != data:
                raise NotSealed(
                    f"{path}: expected no file, found one with other content: nothing is written over"
                ) from None
        except OSError as error:
            raise NotSealed(f"{path}: expected to write it, found: {error.strerror}") from error


class S3Store:
    """A bucket of S3. With `lock` each object is kept under Object Lock in that mode for `retain` from `now`.

    Needs s3:PutObject and s3:GetObject below the prefix; with a lock also s3:PutObjectRetention and
    s3:GetBucketObjectLockConfiguration. The upload is refused where an object of that name exists (If-None-Match,
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html), and S3 compares its SHA-256.
    """

    def __init__(
        self, client: Any, url: str, lock: str | None, retain: timedelta | None, now: Callable[[], datetime]
    ) -> None:
        parts = urlsplit(url)
        self.url = url
        self._client, self._bucket, self._prefix = client, parts.netloc, parts.path.strip("/")
        self._lock, self._retain, self._now = lock, retain, now

    def check(self) -> None:
        """Raise ConfigError where a lock is configured and the bucket has none, NotSealed where S3 cannot say."""
        if not self._lock:
            self._ask("s3:ListBucket", lambda: self._client.head_bucket(Bucket=self._bucket))
            return
        try:
            found = self._ask(
                "s3:GetBucketObjectLockConfiguration",
                lambda: self._client.get_object_lock_configuration(Bucket=self._bucket),
                "ObjectLockConfigurationNotFoundError",
            )
        except _Expected:
            found = {}
        if found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
            raise ConfigError(
                f'{self.url}: expected a bucket with Object Lock for lock = "{self._lock}", found one without: '
                "enable it on the bucket, or leave lock and retain out"
            )

    def put(self, name: str, data: bytes) -> None:
        """Upload an object; see `Store.put`."""
        key = f"{self._prefix}/{name}".lstrip("/")
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        options: dict[str, Any] = {}
        if self._lock and self._retain:
            options = {"ObjectLockMode": self._lock.upper(), "ObjectLockRetainUntilDate": self._now() + self._retain}
        try:
            self._ask(
                "s3:PutObject",
                lambda: self._client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=data,
                    IfNoneMatch="*",
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=digest,
                    **options,
                ),
                "PreconditionFailed",
            )
        except _Expected:
            if self._content(key) != data:
                raise NotSealed(
                    f"{self.url}/{name}: expected no object, found one with other content: nothing is written over"
                ) from None

    def _content(self, key: str) -> bytes:
        answer = self._ask("s3:GetObject", lambda: self._client.get_object(Bucket=self._bucket, Key=key))
        content: bytes = answer["Body"].read()
        return content

    def _ask(self, right: str, call: Callable[[], T], expected: str = "") -> T:
        """Return what the call returns. Raises _Expected for that refusal, NotSealed for any other."""
        try:
            return call()
        except ClientError as error:
            code = error_code(error)
            if code == expected:
                raise _Expected from None
            raise NotSealed(
                f"{self.url}: expected to keep evidence there, found {code}: the caller needs {right}"
            ) from error
        except BotoCoreError as error:
            raise NotSealed(f"{self.url}: expected to keep evidence there, found: {error}") from error
