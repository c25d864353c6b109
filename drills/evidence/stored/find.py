"""Finds the manifest of a recovery point in a store: the one under its id, else the newest one from before its data.

What is found first is what counts: where it was edited, was signed by another key or is another target's, no older one is taken
in its place, which would be weaker and say nothing of it. Only what was never stored to its end is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from drills.checks import manifest as manifests
from drills.config.load import Config
from drills.config.manifests import ManifestStore
from drills.errors import DrillError
from drills.evidence.keys import PublicKey, is_signature, read_public_key
from drills.evidence.stored.about import (
    ABOUT,
    MANIFEST,
    POINTS,
    SIGNATURE,
    TIMES,
    About,
    digest_of,
    entry_path,
    folder_of,
    key_path,
    name_of_point,
    read_about,
    time_of,
)
from drills.evidence.stored.keep import open_manifest_store
from drills.model.point import RecoveryPoint
from drills.recovery.manifest import expected
from drills.recovery.manifest.expected import Expected, ManifestSeen
from drills.recovery.setup import Setup
from drills.run.context import STORED_NAME

if TYPE_CHECKING:
    from drills.evidence.store import Store

RAW = "raw/manifest"  # of a run's folder: what the digest of its manifest is signed in
PASSED_OVER = 20  # entries without an end that are looked at; more are no accident


class Unusable(DrillError):
    """Why what the store has for a point is not used."""


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: str
    name: str


class ManifestFinder:
    """Searches the store of one target. `folder` is the run's: what was found becomes a part of its evidence."""

    def __init__(self, store: Store, target: str, wanted: ManifestStore, key: PublicKey | None, folder: Path) -> None:
        self._store, self._target, self._wanted, self._key, self._folder = store, target, wanted, key, folder

    def __call__(self, point: RecoveryPoint) -> Expected:
        """Return what the store has for a point; never raises DrillError, for which it says why there is none."""
        passed: list[str] = []
        place = f"{self._store.url}/{folder_of(self._target)}"
        try:
            if point.data_time is None:
                raise Unusable("it is not known up to when the data of the recovery point reach")
            entry = self._choose(point, point.data_time, passed)
            place = f"{self._store.url}/{entry_path(self._target, entry.kind, entry.name)}"
            return self._read(entry, point, point.data_time, tuple(passed))
        except DrillError as error:
            problem = str(error) if isinstance(error, Unusable) else f"expected to read it, found: {error}"
            return Expected(ManifestSeen("none", place, f"{problem} ({place})", passed_over=tuple(passed)))

    # -- which one ----------------------------------------------------------------------------------------------------

    def _choose(self, point: RecoveryPoint, data_time: datetime, passed: list[str]) -> _Entry:
        """Return the entry under the point's id, else the newest one of a time before its data."""
        folder = folder_of(self._target)
        ids, times = self._store.names(f"{folder}/{POINTS}"), self._store.names(f"{folder}/{TIMES}")
        dated = sorted((at, name) for name in times if (at := time_of(name)))
        before = [_Entry(TIMES, name) for at, name in reversed(dated) if at <= data_time]
        of_point = [_Entry(POINTS, name)] if (name := name_of_point(point.arn)) in ids else []
        for entry in (*of_point, *before)[:PASSED_OVER]:
            if self._store.get(self._file(entry, ABOUT)) is not None:
                return entry
            passed.append(entry.name)
        if passed:
            raise Unusable(f"expected a manifest of it, found {len(passed)} that were not stored to their end")
        if dated:
            raise Unusable(
                f"expected one from before the data of the recovery point ({data_time:%Y-%m-%d %H:%M:%S} UTC), found "
                f"{len(dated)} that are newer: take one before each backup"
            )
        raise Unusable("expected a manifest of the target, found none: drills manifest --target stores one")

    def _file(self, entry: _Entry, name: str) -> str:
        return f"{entry_path(self._target, entry.kind, entry.name)}/{name}"

    # -- what it says ---------------------------------------------------------------------------------------------------

    def _read(self, entry: _Entry, point: RecoveryPoint, data_time: datetime, passed: tuple[str, ...]) -> Expected:
        about, signature, said = self._about(entry, point)
        data = self._store.get(self._file(entry, MANIFEST))
        if data is None or digest_of(data) != said.sha256:
            raise Unusable(
                f"expected the {MANIFEST} that {ABOUT} is of, found {'another' if data else 'none'}: it was edited"
            )
        text = data.decode("utf-8", errors="replace")
        key, keyless = self._key_of(entry)
        taken = manifests.load(text, MANIFEST, key)
        if taken.taken_at != said.taken_at:
            raise Unusable(f"expected one of {said.taken_at}, as {ABOUT} says, found one of {taken.taken_at}")
        if taken.taken_at > data_time:
            raise Unusable(
                f"it is newer than the data of the recovery point: taken at {taken.taken_at:%Y-%m-%d %H:%M:%S} UTC, the data "
                f"reach to {data_time:%Y-%m-%d %H:%M:%S} UTC"
            )
        if too_old := expected.too_old(taken.taken_at, data_time, self._wanted):
            raise Unusable(too_old)
        self._keep(data, about, signature)
        of_point = entry.kind == POINTS
        seen = ManifestSeen(
            expected.strength_of(taken, of_point=of_point, data_time=data_time),
            f"{self._store.url}/{entry_path(self._target, entry.kind, entry.name)}",
            taken_at=taken.taken_at,
            signer=self._key.fingerprint if self._key else "",
            digest=said.sha256,
            keyless=keyless,
            of_point=of_point,
            passed_over=passed,
        )
        return Expected(seen, taken, key)

    def _about(self, entry: _Entry, point: RecoveryPoint) -> tuple[bytes, bytes | None, About]:
        """Return about.json, its signature, and what it says: of this entry, and by the key that is configured."""
        about, signature = (self._store.get(self._file(entry, name)) for name in (ABOUT, SIGNATURE))
        if about is None:
            raise Unusable(f"expected {ABOUT}, found that it is gone")
        if self._key:
            if signature is None:
                raise Unusable(f"expected a signature by {self._key.name}, found none: store it with --key")
            if not is_signature(signature) or not self._key.verify(about, signature):
                raise Unusable(
                    f"expected a signature by {self._key.name}, found one that does not fit: it was edited, or another key "
                    "signed it"
                )
        try:
            said = read_about(about)
        except (ValueError, RecursionError) as error:
            raise Unusable(f"expected what is said of a manifest in {ABOUT}, found: {error}") from error
        if said.target != self._target:
            raise Unusable(f'it is of another target: expected "{self._target}", found "{said.target}"')
        if said.point != (point.arn if entry.kind == POINTS else ""):
            raise Unusable(
                f"it is of another recovery point, {said.point or 'of none'}: it was put there from elsewhere"
            )
        if entry.kind == TIMES and said.taken_at.replace(microsecond=0) != time_of(entry.name):
            raise Unusable(
                f"it was taken at {said.taken_at}, which its name does not say: it was put there from elsewhere"
            )
        return about, signature, said

    def _key_of(self, entry: _Entry) -> tuple[bytes | None, str]:
        """Return the key of the digests, None with the reason where it is not there or may not be read."""
        try:
            data = self._store.get(key_path(self._target, entry.name))
        except DrillError as error:
            return None, f"may not be read ({error})"
        if data is None:
            return None, "is not there"
        try:
            return bytes.fromhex(data.decode("ascii").strip()), ""
        except ValueError:
            raise Unusable("expected the key of its digests as hexadecimal digits, found something else") from None

    def _keep(self, data: bytes, about: bytes, signature: bytes | None) -> None:
        """Keep with the run what it was compared with, and what signs it."""
        (self._folder / STORED_NAME).write_bytes(data)
        raw = self._folder / RAW
        raw.mkdir(parents=True, exist_ok=True)
        (raw / ABOUT).write_bytes(about)
        if signature:
            (raw / SIGNATURE).write_bytes(signature)


def finder_for(setup: Setup, config: Config) -> ManifestFinder | None:
    """Return what searches the target's store with the clients of its source; None without one, and in a run's own sandbox.

    Raises ConfigError for a public key that is none.
    """
    wanted = setup.target.manifests
    if wanted is None or config.profile.kind == "sandbox":
        return None
    store = open_manifest_store(wanted.store, lambda: setup.clients)
    return ManifestFinder(store, setup.name, wanted, configured_key_of(config), setup.journal.folder)


def configured_key_of(config: Config) -> PublicKey | None:
    """Return the public key that a target's stored manifests are signed by, None where none is configured. Raises ConfigError."""
    wanted = config.target.manifests
    path = (wanted.public_key if wanted else None) or config.evidence.public_key
    return read_public_key(Path(path)) if path else None
