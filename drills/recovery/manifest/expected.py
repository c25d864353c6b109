"""The stored manifest that a recovery point is compared with: what was found, what it is worth, and what is said of it. Pure.

Who searches the store is given to a drill (`Setup.find_manifest`), so that this room reads none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from drills.checks.manifest import Manifest
from drills.config.manifests import ManifestStore
from drills.durations import show_duration, write_duration
from drills.errors import COULD_NOT_RUN
from drills.model.finding import Verdict
from drills.model.point import RecoveryPoint
from drills.model.record import Expectation

VERDICT = "manifest"
AT_BACKUP = timedelta(minutes=1)  # from the instant that a manifest shows to that of the backup which it is of


@dataclass(frozen=True, slots=True)
class ManifestSeen:
    """What the store had for a recovery point.

    `strength` is "none" where nothing may be used, and `problem` then says why. `place` is where it lies, `signer` the
    fingerprint of the key whose signature was checked ("" where none was asked for), `digest` the SHA-256 of the manifest,
    `keyless`
    why there is no key of its digests, `of_point` whether it is stored under the point's id. `passed_over` are what was found
    unfinished before it.
    """

    KIND: ClassVar[str] = "manifest"
    strength: Expectation
    place: str
    problem: str = ""
    taken_at: datetime | None = None
    signer: str = ""
    digest: str = ""
    keyless: str = ""
    of_point: bool = False
    passed_over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """What a store had for a recovery point, with the manifest and its key where it may be used."""

    seen: ManifestSeen
    manifest: Manifest | None = None
    key: bytes | None = None


FindManifest = Callable[[RecoveryPoint], Expected]


def strength_of(manifest: Manifest, *, of_point: bool, data_time: datetime) -> Expectation:
    """Return what a manifest is worth that was taken before the point's data.

    "at backup" is one that is stored under the point's id, was read of the source itself, and shows an instant not more than a
    minute before the end of the data, or before it was read to its end: a source that nobody writes to meanwhile.
    """
    read_for = sum(each.held_seconds for each in manifest.databases.values())
    near = data_time - manifest.taken_at <= AT_BACKUP + timedelta(seconds=read_for)
    return "at backup" if of_point and near and not manifest.replica else "stored"


def judge(seen: ManifestSeen, point: RecoveryPoint, wanted: ManifestStore) -> Verdict:
    """Judge whether the copy is compared with a manifest that is as strong as the owner demands."""
    if seen.problem:
        sentence = f"the copy is compared with no manifest: {seen.problem}"
        return Verdict(VERDICT, "not verified", sentence, exit_code=COULD_NOT_RUN)
    signed = f"signed by {seen.signer[:16]}…" if seen.signer else "whose signature nothing asked for"
    what = f"({seen.strength}), {_before(seen, point)}: {seen.place}, {signed}"
    if seen.keyless:
        what += f"; its key {seen.keyless}: what could be a secret is not compared, and rows are named by numbers and uuids alone"
    if seen.passed_over:
        several = len(seen.passed_over) > 1
        verb, whose = ("were", "their") if several else ("was", "its")
        what += f"; {len(seen.passed_over)} that {verb} not stored to {whose} end {verb} passed over"
    if wanted.weakest == "at backup" and seen.strength != "at backup":
        sentence = f"expected a manifest taken at the backup, as manifests.weakest says, found one {what}"
        return Verdict(VERDICT, "not verified", sentence, exit_code=COULD_NOT_RUN)
    return Verdict(VERDICT, "met", f"compared with a manifest {what}", exit_code=COULD_NOT_RUN)


def earlier(seen: ManifestSeen | None, point: RecoveryPoint | None) -> str:
    """Return that a stored manifest is earlier than the data, for sentences; "" where differences are nothing but differences."""
    if seen is None or point is None or seen.strength != "stored":
        return ""
    return f"the manifest was {_before(seen, point)}"


def too_old(taken_at: datetime, data_time: datetime, wanted: ManifestStore) -> str:
    """Return why a manifest is too old for data, "" where it is not."""
    if data_time - taken_at <= wanted.max_age:
        return ""
    return (
        f"the newest one before the data of the recovery point was taken {_ago(taken_at, data_time)} before them, more than "
        f"manifests.max_age ({write_duration(wanted.max_age)}): see whether drills manifest still runs on its schedule"
    )


def _before(seen: ManifestSeen, point: RecoveryPoint) -> str:
    if seen.taken_at is None or point.data_time is None:
        raise AssertionError("a manifest is used where both instants are known")
    return f"taken {_ago(seen.taken_at, point.data_time)} before the recovery point's data"


def _ago(taken_at: datetime, data_time: datetime) -> str:
    return show_duration((data_time - taken_at).total_seconds())
