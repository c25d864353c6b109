"""A chain as it lies in a folder: its entries are read, the next one is begun, and what does not verify is listed.

<chain>/starts/0042-<run>.json     start records, each with its .sig
<chain>/0042-<run>/                bundles
<chain>/reviews/0042-review-1.json reviews, each with its .sig
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from drills.clock import Clock, wait_until
from drills.errors import ConfigError, DrillError, NotSealed
from drills.evidence.bundle import write_sealed
from drills.evidence.chain import Chain, Reviewed, Sealed, Started, problems, sequence_of
from drills.evidence.check import STARTS, Problem, check_bundle, check_signature
from drills.evidence.keys import PublicKey
from drills.evidence.review import read_review
from drills.evidence.seal import Seal
from drills.evidence.start import START, StartRecord, parse_name, read_start, start_json
from drills.evidence.sums import SUMS
from drills.files import locked, try_lock
from drills.record import RECORD_NAME, from_json

REVIEWS = "reviews"
LOCK_SECONDS = 60.0  # a signature of AWS KMS and a time stamp are made while it is held
_Entry = TypeVar("_Entry")


@dataclass(frozen=True, slots=True)
class Begun:
    """A start record that was written. `held` is an open file whose lock says that the run goes on, until it is closed."""

    record: StartRecord
    path: Path
    digest: str
    held: int


# -- reading ----------------------------------------------------------------------------------------------------------


def read_chain(folder: Path) -> tuple[Chain, tuple[Problem, ...]]:
    """Return the entries of a chain, and what of it could not be read as one. Raises DrillError for a folder that is none."""
    if not (folder / STARTS).is_dir():
        raise DrillError(
            f"expected a chain with {STARTS}/ in {folder}, found none: name the folder of one target's runs"
        )
    unread: list[Problem] = []
    starts = _read(sorted((folder / STARTS).glob("*.json")), folder, unread, _started)
    bundles = _read(sorted(_bundle_folders(folder)), folder, unread, _sealed)
    reviews = _read(sorted((folder / REVIEWS).glob("*.json")), folder, unread, _reviewed)
    starts.sort(key=lambda each: (sequence_of(each.name), each.name))
    bundles.sort(key=lambda each: (sequence_of(each.name), each.name))
    reviews.sort(key=lambda each: (each.record.sequence, each.record.number))
    # a copy of the folder may have another name than the chain
    name = starts[0].record.chain if starts else folder.absolute().name
    chain = Chain(name, tuple(starts), tuple(bundles), tuple(reviews))
    return chain, tuple(unread)


def _bundle_folders(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.is_dir() and parse_name(path.name))


def _read(paths: list[Path], folder: Path, unread: list[Problem], read: Callable[[Path], _Entry]) -> list[_Entry]:
    """Read each entry; one that is none becomes a problem."""
    found = []
    for path in paths:
        name = str(path.relative_to(folder))
        try:
            found.append(read(path))
        except (ConfigError, OSError, UnicodeDecodeError) as error:
            unread.append(Problem("chain", name, f"{name} cannot be read as a part of the chain: {_reason(error)}"))
    return found


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _started(path: Path) -> Started:
    if not parse_name(path.stem):
        raise ConfigError("expected a name such as 0042-20261123-141503-a1b2.json")
    data = path.read_bytes()
    return Started(path.stem, sha256(data), read_start(data, path.name), running=is_held(path))


def _sealed(path: Path) -> Sealed:
    start = path / START
    record = from_json((path / RECORD_NAME).read_text(encoding="utf-8"), f"{path.name}/{RECORD_NAME}")
    return Sealed(
        path.name, sha256((path / SUMS).read_bytes()), sha256(start.read_bytes()) if start.is_file() else "", record
    )


def _reviewed(path: Path) -> Reviewed:
    return Reviewed(path.stem, read_review(path.read_bytes(), path.name))


def sha256(data: bytes) -> str:
    """Return the digest in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def is_held(path: Path) -> bool:
    """Return whether a process of the run that this start record is of still runs, here or on another machine of the folder."""
    with taken(path) as mine:
        return not mine


@contextmanager
def taken(path: Path) -> Iterator[bool]:
    """Take the run of a start record over from its processes, and give whether that could be done: they are all gone."""
    try:
        held = os.open(path, os.O_RDWR)  # NFS locks exclusively only what is open for writing (flock(2))
    except OSError:
        yield True  # a copy that nobody can write to
        return
    try:
        yield try_lock(held)
    finally:
        os.close(held)


# -- verifying --------------------------------------------------------------------------------------------------------


def verify_chain(folder: Path, public_key: PublicKey | None) -> tuple[Problem, ...]:
    """Return what does not verify in a chain: of each bundle, record and review, and of how they hang together.

    `public_key` None: signatures are not checked. Raises DrillError for a folder that is no chain.
    """
    chain, unread = read_chain(folder)
    found = [*unread, *problems(chain)]
    for started in chain.starts:
        found += _signed(folder, f"{STARTS}/{started.name}.json", public_key)
    for name in sorted(path.name for path in _bundle_folders(folder)):
        found += _of_bundle(folder, name, public_key)
    for review in chain.reviews:
        found += _signed(folder, f"{REVIEWS}/{review.name}.json", public_key)
    found += _added(folder)
    return tuple({(each.kind, each.file): each for each in reversed(found)}.values())[::-1]


def _signed(folder: Path, name: str, key: PublicKey | None) -> Iterator[Problem]:
    for each in check_signature(folder / name, key) if key else ():
        yield dataclasses.replace(each, file=name)


def _of_bundle(folder: Path, name: str, key: PublicKey | None) -> Iterator[Problem]:
    try:
        for each in check_bundle(folder / name, key):
            yield dataclasses.replace(each, file=f"{name}/{each.file}", sentence=f"{name}: {each.sentence}")
    except DrillError as error:
        yield Problem("list", f"{name}/{SUMS}", str(error))


def _added(folder: Path) -> Iterator[Problem]:
    """What lies among the records and is none; hidden files are those of processes that write."""
    for path in sorted([*folder.iterdir(), *(folder / STARTS).iterdir(), *_children(folder / REVIEWS)]):
        name = str(path.relative_to(folder))
        known = path.suffix in (".json", ".sig", ".tsr") and path.parent != folder
        folders = path.is_dir() and (path.name in (STARTS, REVIEWS) or parse_name(path.name))
        if not (known or (folders and path.parent == folder) or path.name.startswith(".")):
            yield Problem("added", name, f"{name} is no part of a chain: do not read it as evidence")


def _children(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


# -- beginning an entry -----------------------------------------------------------------------------------------------


def next_sequence(folder: Path) -> int:
    """Return the number that the next run of the chain gets."""
    return max((sequence_of(name) for name in _names(folder)), default=0) + 1


def _names(folder: Path) -> set[str]:
    found = {path.name.partition(".json")[0] for path in _children(folder / STARTS)}
    found |= {path.name for path in _children(folder)}
    return {name for name in found if parse_name(name)}


def begin(folder: Path, draft: StartRecord, seal: Seal, clock: Clock, public_key: PublicKey | None = None) -> Begun:
    """Give the run its place in the chain and write its start record, signed. Two runs at once each get a number.

    `public_key`: refuse to go on where the entry before is not signed by it. Raises DrillError, one sentence: nothing is left
    of a record that could not be written, and the run must not begin.
    """
    starts = folder / STARTS
    try:
        starts.mkdir(parents=True, exist_ok=True)
        with alone(folder, clock):
            record = dataclasses.replace(_placed(folder, draft, public_key), level=seal.level, key=seal.fingerprint)
            path, data = starts / f"{record.name}.json", start_json(record)
            write_sealed(path, data, seal)
            held = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            wait_until(lambda: try_lock(held, shared=True), LOCK_SECONDS, clock, what=f"the lock of {path}")
    except NotSealed as error:
        raise DrillError(f"{error}: the run was not begun, since it would leave no evidence") from error
    except (OSError, TimeoutError) as error:
        raise DrillError(
            f"expected to write the evidence of the run to {folder}, found: {_reason(error)}: the run was not begun; make the "
            "folder writable, or name another one as [evidence] folder"
        ) from error
    return Begun(record, path, sha256(data), held)


@contextmanager
def alone(folder: Path, clock: Clock) -> Iterator[None]:
    """Be the only process that adds entries to the chain. Raises OSError, TimeoutError."""
    opened = os.open(folder / STARTS, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with locked(opened, LOCK_SECONDS, clock, waiting_for=f"another run to let go of {folder}"):
            yield
    finally:
        os.close(opened)


def _placed(folder: Path, draft: StartRecord, key: PublicKey | None) -> StartRecord:
    """Return the record with its number and the digest of the entry before it."""
    names = sorted(_names(folder), key=lambda name: (sequence_of(name), name))
    if not names:
        return dataclasses.replace(draft, sequence=1)
    before = names[-1]
    sums, start = folder / before / SUMS, folder / STARTS / f"{before}.json"
    sealed = sums.is_file()
    _refuse_other_chain(folder, start, draft)
    if key and (wrong := check_signature(sums if sealed else start, key)):
        raise DrillError(f"expected the entry {before} of {folder} to verify, found: {wrong[0].sentence}")
    previous = sha256((sums if sealed else start).read_bytes())
    number = sequence_of(before) + 1
    return dataclasses.replace(draft, sequence=number, previous=previous, previous_is="bundle" if sealed else "start")


def _refuse_other_chain(folder: Path, start: Path, draft: StartRecord) -> None:
    """Refuse to mix runs that must not stand beside each other: simulated ones and those on AWS, and other targets'."""
    try:
        known = read_start(start.read_bytes(), start.name)
    except (OSError, ConfigError):
        return  # verification names it
    if (known.profile, known.target, known.simulated) != (draft.profile, draft.target, draft.simulated):
        raise DrillError(
            f"expected runs like this one in {folder}, found {_kind(known)} where this is {_kind(draft)}: give the profile "
            "another name, or name another [evidence] folder"
        )


def _kind(record: StartRecord) -> str:
    where = "a simulated run" if record.simulated else "a run on AWS"
    return f"{where} of target {record.target} with profile {record.profile}"
