"""The lock of a cut-over: one writer at a time, in a folder and in S3, and nobody's but one's own is ever written over."""

from __future__ import annotations

import errno
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drills.cutover import lock as locks
from drills.cutover.lock import FileLock, LeaseLock, LockHeld
from drills.errors import DrillError
from tests.support.clock import HandClock

LEASE = timedelta(minutes=3)


class Bucket:
    """A bucket with one object and S3's conditional writes (Amazon S3 User Guide, "Conditional writes")."""

    def __init__(self) -> None:
        self.body: bytes | None = None
        self.etag = 0
        self.keys: set[str] = set()
        self.refuses = ""
        self.loses = False  # the answer to what was written: the client repeats it

    def get_object(self, **asked: str) -> dict[str, Any]:
        """The object with its ETag."""
        self.keys.add(asked["Key"])
        if self.refuses or self.body is None:
            raise ClientError({"Error": {"Code": self.refuses or "NoSuchKey", "Message": "no"}}, "GetObject")
        return {"ETag": str(self.etag), "Body": io.BytesIO(self.body)}

    def put_object(self, **asked: Any) -> dict[str, Any]:
        """Written where the condition holds."""
        held = asked.get("IfMatch") == str(self.etag) if "IfMatch" in asked else self.body is None
        if self.refuses or not held:
            code = self.refuses or "PreconditionFailed"
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "PutObject")
        self.body, self.etag = asked["Body"], self.etag + 1
        if self.loses:
            self.loses = False
            return self.put_object(**asked)
        return {"ETag": str(self.etag)}

    @property
    def holder(self) -> str:
        """Who has it, as the object says."""
        return str(json.loads(self.body or b"{}").get("who", ""))


def lease(bucket: Bucket, who: str, clock: HandClock, prefix: str = "orders/") -> LeaseLock:
    """A lock in the bucket."""
    return LeaseLock(bucket, ("journals", prefix), who, clock, LEASE)


def test_the_second_writer_is_refused_until_the_lease_has_passed() -> None:
    """The sentence says who and until when; a holder that is gone holds it no longer than its lease."""
    bucket, clock = Bucket(), HandClock()
    first, second = lease(bucket, "me", clock), lease(bucket, "you", clock)
    first.acquire()

    with pytest.raises(
        LockHeld, match=r"s3://journals/orders/lock\.json to be free, found it held by me until .*12:03:00"
    ):
        second.acquire()
    clock.sleep(LEASE.total_seconds())
    second.acquire()
    assert bucket.holder == "you"
    clock.sleep(LEASE.total_seconds())
    with pytest.raises(LockHeld, match="another one has taken it: stop here"):
        first.renew()
    assert bucket.holder == "you"


def test_of_two_that_take_it_at_once_one_has_it() -> None:
    """Between the look and the write somebody else was quicker: the write is conditional on what was seen."""
    bucket, clock = Bucket(), HandClock()
    first, second = lease(bucket, "me", clock), lease(bucket, "you", clock)
    usual = second._read

    def slow() -> Any:
        seen = usual()
        first.acquire()
        return seen

    second._read = slow  # type: ignore[method-assign]
    with pytest.raises(LockHeld):
        second.acquire()
    assert bucket.holder == "me"


def test_what_one_has_written_oneself_is_not_taken_for_anothers() -> None:
    """The answer was lost and the request repeated, which what it had made refused: to take, to renew and to give back."""
    bucket, clock = Bucket(), HandClock()
    held = lease(bucket, "me", clock)
    bucket.loses = True
    held.acquire()
    clock.sleep(LEASE.total_seconds() / 2)
    bucket.loses = True
    held.renew()
    with pytest.raises(LockHeld):
        lease(bucket, "you", clock).acquire()
    bucket.loses = True
    held.release()
    assert (bucket.etag, bucket.holder, bucket.loses) == (3, "", False)


def test_it_is_renewed_once_a_third_has_passed_and_given_back_at_the_end() -> None:
    """Not at each step; whoever comes then finds it free at once, and a release is one."""
    bucket, clock = Bucket(), HandClock()
    held = lease(bucket, "me", clock)
    held.acquire()
    held.renew()
    assert bucket.etag == 1
    clock.sleep(LEASE.total_seconds() / 3 + 1)
    held.renew()
    assert bucket.etag == 2
    held.release()
    held.release()
    assert (bucket.etag, bucket.holder) == (3, "")
    lease(bucket, "you", clock).acquire()
    assert bucket.holder == "you"


def test_a_release_leaves_somebody_elses_alone() -> None:
    """It has been taken over meanwhile."""
    bucket, clock = Bucket(), HandClock()
    first = lease(bucket, "me", clock)
    first.acquire()
    clock.sleep(LEASE.total_seconds())
    lease(bucket, "you", clock).acquire()
    first.release()

    assert bucket.holder == "you"


def test_a_release_of_what_was_never_taken_asks_nothing() -> None:
    """A cut-over that was refused ends too."""
    bucket = Bucket()
    lease(bucket, "me", HandClock()).release()

    assert bucket.body is None


def test_what_s3_refuses_is_a_sentence_and_no_lock() -> None:
    """To read and to write: neither is taken for an object that is not there."""
    bucket, clock = Bucket(), HandClock()
    held = lease(bucket, "me", clock)
    held.acquire()
    bucket.refuses = "AccessDenied"
    clock.sleep(LEASE.total_seconds())

    with pytest.raises(DrillError, match=r"expected to read the lock s3://journals/orders/lock\.json") as read:
        lease(bucket, "you", clock).acquire()
    with pytest.raises(DrillError, match="expected to write the lock") as written:
        held.renew()
    assert not isinstance(read.value, LockHeld)
    assert not isinstance(written.value, LockHeld)


def test_its_key_lies_beside_the_journal() -> None:
    """With and without a prefix, and never below an empty folder."""
    bucket = Bucket()
    for prefix in ("", "/", "a/b", "/a/b/"):
        lease(bucket, "me", HandClock(), prefix)._read()

    assert bucket.keys == {"lock.json", "a/b/lock.json"}


def test_a_folder_has_one_writer(tmp_path: Path) -> None:
    """The sentence says who; it is free as soon as the holder lets go, and may be let go twice."""
    path = tmp_path / "new" / "lock"
    first, second = FileLock(path, "me"), FileLock(path, "you")
    first.acquire()
    first.renew()
    with pytest.raises(LockHeld, match=r"found it held by me pid \d+: let that cut-over end"):
        second.acquire()
    first.release()
    first.release()
    second.acquire()

    assert path.read_text().startswith("you pid ")
    second.release()


def test_a_disk_without_locks_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not taken for free."""

    def refuse(_: int) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks, "try_lock", refuse)
    with pytest.raises(LockHeld, match="No locks available; name a folder on a disk that supports flock"):
        FileLock(tmp_path / "lock", "me").acquire()
