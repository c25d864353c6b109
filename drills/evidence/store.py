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
from drills.clock import SystemClock
from drills.errors import ConfigError, NotSealed
from drills.evidence.sums import SIGNATURE, STAMP, SUMS
from drills.files import half_of, is_half

T = TypeVar("T")
_LAST = (SUMS, STAMP, SIGNATURE)


KEY_ENDING, PRIVATE = ".key", 0o600
CONFLICTS = 5  # uploads of one object that may be in each other's way
CONFLICT_SECONDS = 0.4  # before the second of them, and twice as long before each further one: 6 s for all


def _refuse_other(kept: bytes, data: bytes, expected: str) -> None:
    if kept != data:
        raise NotSealed(f"{expected}, found one with other content: nothing is written over")


def _found(code: str, bucket: str, right: str) -> str:
    """Say what S3 has answered, and what to do.

    HeadBucket answers with a number alone: 404, 403 or 400 (S3 API reference, HeadBucket). Other refusals have a code.
    """
    if code in ("404", "NoSuchBucket"):
        return f'{code}: there is no bucket "{bucket}": make it, or correct the name of the store'
    if code == "400":
        return (
            f'400, of which S3 gives no reason: see that there is a bucket "{bucket}" and that the login is valid, with aws s3api '
            f"head-bucket --bucket {bucket} and aws sts get-caller-identity"
        )
    if code == "403":
        return f"403: the caller needs {right}, and the bucket has to be one that it may read"
    return f"{code}: the caller needs {right}"


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

    def claim(self, name: str, data: bytes) -> bytes:
        """Keep the data unless something is kept under that name; return what is there now. Raises NotSealed."""

    def get(self, name: str) -> bytes | None:
        """Return what is kept under a relative name, None for nothing. Raises NotSealed."""

    def names(self, folder: str) -> frozenset[str]:
        """Return the names of the files and folders directly in a relative folder. Raises NotSealed."""

    def files(self, folder: str) -> frozenset[str]:
        """Return the names of all files below a relative folder, relative to it. Raises NotSealed."""


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
        _refuse_other(self.claim(name, data), data, f"{self._folder / name}: expected no file")

    def claim(self, name: str, data: bytes) -> bytes:
        """Write a file whole; see `Store.claim`."""
        path = self._folder / name
        half = half_of(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            mode = PRIVATE if name.endswith(KEY_ENDING) else 0o666  # a key is for its owner, whoever reads the rest
            with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            try:
                os.link(half, path)  # a rename would replace a file of that name
            finally:
                half.unlink()
        except FileExistsError:
            return self.get(name) or b""
        except OSError as error:
            raise NotSealed(f"{path}: expected to write it, found: {error.strerror}") from error
        return data

    def get(self, name: str) -> bytes | None:
        """Return the content of a file; see `Store.get`."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise NotSealed(f"{self._folder / name}: expected to read it, found: {error.strerror}") from error

    def names(self, folder: str) -> frozenset[str]:
        """Return what lies in a folder; see `Store.names`."""
        try:
            return frozenset(path.name for path in (self._folder / folder).iterdir())
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise NotSealed(f"{self._folder / folder}: expected to list it, found: {error.strerror}") from error

    def files(self, folder: str) -> frozenset[str]:
        """Return what lies below a folder; see `Store.files`."""
        root = self._folder / folder
        try:
            found = [path for path in root.rglob("*") if not is_half(path.name) and path.is_file()]
            return frozenset(path.relative_to(root).as_posix() for path in found)
        except OSError as error:
            raise NotSealed(f"{root}: expected to list it, found: {error.strerror}") from error


class S3Store:
    """A bucket of S3. With `lock` each object is kept under Object Lock in that mode for `retain` from `now`.

    Needs s3:ListBucket, and s3:PutObject and s3:GetObject below the prefix; with a lock also s3:PutObjectRetention and
    s3:GetBucketObjectLockConfiguration. The upload is refused where an object of that name exists (412 PreconditionFailed)
    or another upload of it ends first (409 ConditionalRequestConflict), both by If-None-Match
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html), and S3 compares its SHA-256.
    """

    def __init__(
        self,
        client: Any,
        url: str,
        lock: str | None,
        retain: timedelta | None,
        now: Callable[[], datetime],
        what: str = "evidence",
    ) -> None:
        parts = urlsplit(url)
        self.url = url
        self._client, self._bucket, self._prefix = client, parts.netloc, parts.path.strip("/")
        self._lock, self._retain, self._now = lock, retain, now
        self._what = what  # that is kept, for sentences

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
        _refuse_other(self.claim(name, data), data, f"{self.url}/{name}: expected no object")

    def claim(self, name: str, data: bytes) -> bytes:
        """Upload an object; see `Store.claim`."""
        for number in range(CONFLICTS):
            if number:  # the other upload goes on: nothing is there yet
                SystemClock().sleep(CONFLICT_SECONDS * 2 ** (number - 1))
            if self._make(self._key(name), data):
                return data
            if (found := self.get(name)) is not None:
                return found
        raise NotSealed(
            f"{self.url}/{name}: expected to write it or to find it, S3 answered with a conflict: try again"
        )

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}".lstrip("/")

    def _make(self, key: str, data: bytes) -> bool:
        """Upload an object; False where there is one of that name, or another upload of it is under way."""
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
                "ConditionalRequestConflict",
            )
        except _Expected:
            return False
        return True

    def get(self, name: str) -> bytes | None:
        """Return the content of an object; see `Store.get`."""
        key = self._key(name)
        try:
            content: bytes = self._ask(
                "s3:GetObject",
                lambda: self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read(),
                "NoSuchKey",
            )
        except _Expected:
            return None
        return content

    def names(self, folder: str) -> frozenset[str]:
        """Return the names below a prefix up to the next "/"; see `Store.names`."""
        prefix, pages = self._listed(folder, Delimiter="/")
        found = [each["Key"] for page in pages for each in page.get("Contents", ())]
        found += [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", ())]
        return frozenset(each.removeprefix(prefix).rstrip("/") for each in found)

    def files(self, folder: str) -> frozenset[str]:
        """Return the names below a prefix; see `Store.files`. A folder that a console has made, "NAME/", is no file."""
        prefix, pages = self._listed(folder)
        found = [each["Key"] for page in pages for each in page.get("Contents", ())]
        return frozenset(each.removeprefix(prefix) for each in found if not each.endswith("/"))

    def _listed(self, folder: str, **options: str) -> tuple[str, list[Any]]:
        prefix = f"{self._key(folder)}/"
        paginator = self._client.get_paginator("list_objects_v2")
        pages = self._ask(
            "s3:ListBucket", lambda: list(paginator.paginate(Bucket=self._bucket, Prefix=prefix, **options))
        )
        return prefix, pages

    def _ask(self, right: str, call: Callable[[], T], *expected: str) -> T:
        """Return what the call returns. Raises _Expected for those refusals, NotSealed for any other."""
        try:
            return call()
        except ClientError as error:
            code = error_code(error)
            if code in expected:
                raise _Expected from None
            raise NotSealed(
                f"{self.url}: expected to keep {self._what} there, found {_found(code, self._bucket, right)}"
            ) from error
        except BotoCoreError as error:
            raise NotSealed(f"{self.url}: expected to keep {self._what} there, found: {error}") from error
