"""A chain as it lies in a folder: its entries are read, and the next one is begun.

<chain>/starts/0042-<run>.json     start records, each with its .sig
<chain>/0042-<run>/                bundles
<chain>/reviews/0042-review-1.json reviews, each with its .sig
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from drills.clock import Clock
from drills.errors import ConfigError, DrillError, NotSealed
from drills.evidence.bundle import sealed_files, write_files
from drills.evidence.chain import Chain, Reviewed, Sealed, Started, sequence_of
from drills.evidence.check import REVIEWS, STARTS, Problem, check_signature, is_chain, is_half_written
from drills.evidence.keys import PublicKey, load_public_key
from drills.evidence.numbers import SharedChain
from drills.evidence.recent.once import Once
from drills.evidence.review import read_review
from drills.evidence.seal import Seal
from drills.evidence.start import START, StartRecord, parse_name, read_start, start_json
from drills.evidence.sums import SUMS
from drills.files import locked_folder, refuse, refuse_unreadable, try_lock
from drills.record import RECORD_NAME, from_json

CLAIMS = 100  # numbers that other machines may take while one begins
LOCK_SECONDS = 60.0  # a signature of AWS KMS and a time stamp are made while it is held
_Entry = TypeVar("_Entry")
_NO_STARTS = (
    f"{STARTS}/ is not there, which holds what was written before each drill: nothing shows which drills were begun, and which of "
    "them have no result: take the whole chain from another copy; a bundle that was handed over alone is verified by its own folder"
)


@dataclass(frozen=True, slots=True)
class Begun:
    """A start record that was written. `held` is an open file whose lock says that the run goes on, until it is closed."""

    record: StartRecord
    path: Path
    digest: str
    held: int


# -- reading ----------------------------------------------------------------------------------------------------------


def read_chain(folder: Path) -> tuple[Chain, tuple[Problem, ...]]:
    """Return the entries of a chain, and what of it could not be read as one. Raises DrillError for a folder that is none.

    Raises Unreadable where this user may not read a part of it.
    """
    if not is_chain(folder):
        raise DrillError(
            f"expected a chain with {STARTS}/ in {folder}, found none: name the folder of one target's runs"
        )
    for part in (folder / STARTS, folder / REVIEWS):
        refuse_unreadable(part)  # before it is listed
        refuse_unreadable(*children(part))
    unread: list[Problem] = []
    if not (folder / STARTS).is_dir():
        unread.append(Problem("missing", STARTS, _NO_STARTS))
    listed = records(folder / STARTS)
    starts = _read(listed, folder, unread, _started)
    bundles = _read(sorted(bundle_folders(folder)), folder, unread, _sealed)
    late = {each.name for each in bundles} - {path.stem for path in listed}  # runs that began and ended meanwhile
    starts += _read([path for path in records(folder / STARTS) if path.stem in late], folder, unread, _started)
    reviews = _read(records(folder / REVIEWS), folder, unread, _reviewed)
    starts.sort(key=lambda each: (sequence_of(each.name), each.name))
    bundles.sort(key=lambda each: (sequence_of(each.name), each.name))
    reviews.sort(key=lambda each: (each.record.sequence, each.record.number))
    # a copy of the folder may have another name than the chain
    named = [place.chain for each in bundles if (place := each.record.evidence)]
    name = starts[0].record.chain if starts else next(iter(named), folder.absolute().name)
    chain = Chain(name, tuple(starts), tuple(bundles), tuple(reviews))
    return chain, tuple(unread)


def records(folder: Path) -> list[Path]:
    """Return the records in a folder of the chain, without what a process writes there."""
    return sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))


def bundle_folders(folder: Path) -> Iterator[Path]:
    """Return the folders that have the name of a bundle."""
    return (path for path in folder.iterdir() if path.is_dir() and parse_name(path.name))


def _read(paths: list[Path], folder: Path, unread: list[Problem], read: Callable[[Path], _Entry]) -> list[_Entry]:
    """Read each entry; one that is none becomes a problem."""
    found = []
    for path in paths:
        name = str(path.relative_to(folder))
        try:
            found.append(read(path))
        except PermissionError as error:
            refuse(error.filename or path)
        except (ConfigError, OSError, UnicodeDecodeError) as error:
            unread.append(Problem("chain", name, f"{name} cannot be read as a part of the chain: {_reason(error)}"))
    return found


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _started(path: Path) -> Started:
    if not parse_name(path.stem):
        raise ConfigError("expected a name such as 0042-20261123-141503-a1b2.json")
    data = _content(path)
    return Started(path.stem, sha256(data), read_start(data, path.name), running=is_held(path))


def _sealed(path: Path) -> Sealed:
    refuse_unreadable(path)
    start = path / START
    record = from_json(_content(path / RECORD_NAME).decode("utf-8"), f"{path.name}/{RECORD_NAME}")
    return Sealed(
        path.name, sha256(_content(path / SUMS)), sha256(start.read_bytes()) if start.is_file() else "", record
    )


def _reviewed(path: Path) -> Reviewed:
    return Reviewed(
        path.stem, read_review(_content(path), path.name), os.path.lexists(path.with_name(f"{path.name}.sig"))
    )


def _content(path: Path) -> bytes:
    """Return what a file holds. Raises ConfigError for what is none, such as a pipe, that would be waited for."""
    if path.exists() and not path.is_file():
        raise ConfigError(f"{path.name} is no ordinary file")
    return path.read_bytes()


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


# -- beginning an entry -----------------------------------------------------------------------------------------------


def children(folder: Path) -> list[Path]:
    """Return what lies in a folder, nothing where there is none."""
    return list(folder.iterdir()) if folder.is_dir() else []


def next_sequence(folder: Path) -> int:
    """Return the number that the next run of the chain gets."""
    return max((sequence_of(name) for name in _names(folder)), default=0) + 1


def _names(folder: Path) -> set[str]:
    found = {path.name.partition(".json")[0] for path in children(folder / STARTS)}
    found |= {path.name for path in children(folder)}
    return {name for name in found if parse_name(name)}


def entries_in(folder: Path) -> list[str]:
    """Return the names of the entries of a chain, whether or not they can be read, oldest first."""
    return sorted(_names(folder), key=_place)


def runs_in(folder: Path) -> frozenset[str]:
    """Return the names of the runs that have an entry in the chain, by the names of the entries alone."""
    return frozenset(parsed[1] for name in _names(folder) if (parsed := parse_name(name)))


def begin(
    folder: Path,
    draft: StartRecord,
    seal: Seal,
    clock: Clock,
    public_key: PublicKey | None = None,
    shared: SharedChain | None = None,
    once: Once | None = None,
) -> Begun:
    """Give the run its place in the chain and write its start record, signed. Two runs at once each get a number.

    `shared` is the chain in the store where there is one: then that holds for runs on other machines too.
    `public_key`: refuse to go on where the entry before is not signed by it. `once`: of two runs in its period one alone gets a
    number, and AlreadyDrilled is raised for the other. Raises DrillError, one sentence: nothing is left of a record that could
    not be written, and the run must not begin.
    """
    starts = folder / STARTS
    held: list[int] = []  # before the record has its name: there is no moment at which the run seems to have ended
    try:
        starts.mkdir(parents=True, exist_ok=True)
        with alone(folder, clock):
            _remove_halves(starts)
            record, files = _announced(folder, draft, seal, public_key, shared, once)
            path = starts / f"{record.name}.json"
            write_files(path, files, lambda half: held.append(_hold(half)))
    except NotSealed as error:
        raise DrillError(f"{error}: the run was not begun, since it would leave no evidence") from error
    except (OSError, TimeoutError) as error:
        raise DrillError(
            f"expected to write the evidence of the run to {folder}, found: {_reason(error)}: the run was not begun; make the "
            "folder writable, or name another one as [evidence] folder"
        ) from error
    return Begun(record, path, sha256(files[path.name]), held[0])


def _hold(path: Path) -> int:
    """Say that a run goes on, by the file of its start record, until the open file that is returned is closed."""
    held = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try_lock(held, shared=True)
    return held


def alone(folder: Path, clock: Clock, *, shared: bool = False) -> AbstractContextManager[None]:
    """Be the only process that adds entries to the chain, or with `shared` one of those that keep others from it.

    Raises OSError, TimeoutError.
    """
    what = f"another run to let go of {folder}"
    return locked_folder(folder / STARTS, LOCK_SECONDS, clock, waiting_for=what, shared=shared)


def _remove_halves(starts: Path) -> None:
    """Remove what processes left that were killed while they wrote a start record: who holds the chain's lock is alone."""
    for left in [path for path in starts.iterdir() if is_half_written(f"{STARTS}/{path.name}")]:
        left.unlink(missing_ok=True)


def _announced(
    folder: Path,
    draft: StartRecord,
    seal: Seal,
    key: PublicKey | None,
    shared: SharedChain | None,
    once: Once | None,
) -> tuple[StartRecord, dict[str, bytes]]:
    """Return the start record with its place, and its files; a number that another machine takes meanwhile is left to it."""
    for _ in range(CLAIMS):
        with _newest_entry(folder, shared) as place:
            if once:  # after the newest entry was read: who comes after it has the number that is claimed below, or is seen here
                _refuse_second(folder, draft, shared, once)
            try:
                placed = _placed(place, draft, seal, key)
            except DrillError as error:
                said = str(error).replace(str(place), shared.url if shared else str(folder))
                raise (ConfigError if isinstance(error, ConfigError) else DrillError)(said) from error
        record = dataclasses.replace(placed, level=seal.level, key=seal.fingerprint)
        files = sealed_files(f"{record.name}.json", start_json(record), seal)
        if shared is None or shared.claim(record.sequence, files):
            return record, files
    raise NotSealed(f"expected a free number in {folder}, found that other runs took {CLAIMS}: try again")


def _refuse_second(folder: Path, draft: StartRecord, shared: SharedChain | None, once: Once) -> None:
    """Raise AlreadyDrilled where the chain, here or in the store, has a run of the period that counts."""
    here = read_chain(folder)[0]
    once.refuse(here, draft.settings)
    if shared:
        known = {each.name for each in here.bundles}
        with shared.entries(lambda name: name not in known and once.may_hold(name)) as fetched:
            once.refuse(read_chain(fetched)[0], draft.settings)


@contextmanager
def _newest_entry(folder: Path, shared: SharedChain | None) -> Iterator[Path]:
    """Give the folder that has the newest entry: the chain's own, or one with what the store has that is newer."""
    if shared is None:
        yield folder
        return
    with shared.newest_entry() as fetched:
        own, other = _newest(folder), _newest(fetched)
        sealed_there = own == other and _sealed_part(fetched, other).is_file() and not (folder / own / SUMS).is_file()
        yield fetched if other and (_place(other) > _place(own) or sealed_there) else folder


def _place(name: str) -> tuple[int, str]:
    return (sequence_of(name), name) if name else (0, "")


def _placed(folder: Path, draft: StartRecord, seal: Seal, key: PublicKey | None) -> StartRecord:
    """Return the record with its number and the digest of the entry before it."""
    before = _newest(folder)
    if not before:
        return dataclasses.replace(draft, sequence=1)
    _refuse_other_chain(folder, folder / STARTS / f"{before}.json", draft)
    refuse_other_seal(folder, seal, key)
    entry = _sealed_part(folder, before)
    number = sequence_of(before)
    return dataclasses.replace(
        draft,
        sequence=number + 1,
        previous=sha256(entry.read_bytes()),
        previous_is="bundle" if entry.name == SUMS else "start",
        unsigned_before=number if seal.signer and not _is_signed(folder) else 0,
    )


def _newest(folder: Path) -> str:
    return max(_names(folder), key=_place, default="")


def _sealed_part(folder: Path, name: str) -> Path:
    """Return what the next start names the digest of: the list of the bundle, or the start record where there is no bundle."""
    sums = folder / name / SUMS
    return sums if sums.is_file() else folder / STARTS / f"{name}.json"


def has_signature(folder: Path) -> bool:
    """Return whether a start record of the chain has a signature beside it."""
    return any((folder / STARTS).glob("*.json.sig"))


def _is_signed(folder: Path) -> bool:
    """Return whether a start has a signature, or the newest one says that it had one."""
    if has_signature(folder):
        return True
    path = folder / STARTS / f"{_newest(folder)}.json"
    try:
        return bool(read_start(path.read_bytes(), path.name).key)
    except (OSError, ConfigError):
        return False  # verification names it


def refuse_other_seal(folder: Path, seal: Seal, key: PublicKey | None) -> None:
    """Raise DrillError where the next entry of a chain would be sealed otherwise than the one before it; ConfigError without a key.

    Signed entries may follow unsigned ones, which the first of them says; no unsigned one follows a signed one, and none that
    another key signs: such a chain could not be verified any more. `key` is the configured public key, the signer's where
    there is none.
    """
    before = _newest(folder)
    if not before or not _is_signed(folder):
        return
    elsewhere = "or name another [evidence] folder, where a chain of its own begins, and keep this one"
    if seal.signer is None:
        raise ConfigError(
            f"expected a key, since the runs in {folder} are signed, found none: set key in [evidence], {elsewhere}"
        )
    expected = key or load_public_key(seal.signer.public_pem.encode(), "of [evidence]")
    if wrong := check_signature(_sealed_part(folder, before), expected):
        raise DrillError(
            f"expected the entry {before} of {folder} to verify, found: {wrong[0].sentence}: set the key that signed it, "
            f"{elsewhere} with its public key"
        )


def _refuse_other_chain(folder: Path, start: Path, draft: StartRecord) -> None:
    """Refuse to mix runs that must not stand beside each other: simulated ones and those on AWS, and other targets'."""
    try:
        known = read_start(start.read_bytes(), start.name)
    except (OSError, ConfigError):
        return  # verification names it
    if (known.profile, known.target, known.simulated) != (draft.profile, draft.target, draft.simulated):
        raise ConfigError(
            f"expected runs like this one in {folder}, found {kind_of(known)} where this is {kind_of(draft)}: give the profile "
            "another name, or name another [evidence] folder"
        )


def kind_of(record: StartRecord) -> str:
    """Say what kind of run it is, of which target and profile."""
    where = "a simulated run" if record.simulated else "a run on AWS"
    return f"{where} of target {record.target} with profile {record.profile}"
