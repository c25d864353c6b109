"""Verification of a chain as it lies in a folder: each record, each bundle, and how they hang together. Writes nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from drills.clock import SystemClock
from drills.errors import DrillError
from drills.evidence.chain import Chain, Reviewed, Sealed, Started, problems, sequence_of
from drills.evidence.check import (
    REVIEWS,
    STARTS,
    Problem,
    check_bundle,
    check_signature,
    is_half_written,
    link_sentence,
)
from drills.evidence.folder import alone, bundle_folders, children, kind_of, read_chain
from drills.evidence.keys import PublicKey
from drills.evidence.start import START, parse_name
from drills.evidence.sums import SUMS
from drills.files import Unreadable

_UNSIGNED_REVIEW = (
    "{0} has no signature, and the chain is signed: nothing shows who made it, or when: do not trust it; if it was made before "
    "there was a key, review the run again with the key and keep this one elsewhere"
)


def verify_chain(
    folder: Path,
    public_key: PublicKey | None,
    reviewers: Sequence[PublicKey] = (),
    read: tuple[Chain, Sequence[Problem]] | None = None,
) -> tuple[Problem, ...]:
    """Return what does not verify in a chain: of each bundle, record and review, and of how they hang together.

    `public_key` None: signatures are not checked. A review may also be signed by one of the `reviewers`. `read` is
    what `read_chain` returned where that was called before. Raises DrillError for a folder that is no chain.
    """
    chain, unread = read or read_chain(folder)
    unsigned = unsigned_entries(folder, chain)
    found = [*unread, *problems(chain), *_unsigned_before(folder, chain)]
    for started in chain.starts:
        if started.name not in unsigned:
            found += _signed(folder, f"{STARTS}/{started.name}.json", public_key)
    for path in sorted(bundle_folders(folder)):
        plain = path.name in unsigned and not _has_signature(path / SUMS)
        found += _of_bundle(folder, path.name, None if plain else public_key)
        found += _lost_stamp(folder, path.name)
    for review in chain.reviews:
        found += _signed_review(folder, chain, review, public_key, reviewers)
    found += _added(folder)
    if not (folder / STARTS).is_dir():  # said once, and not again of each bundle
        found = [each for each in found if each.kind != "start"]
    return tuple({(each.kind, each.file): each for each in reversed(found)}.values())[::-1]


def _signed(folder: Path, name: str, key: PublicKey | None) -> Iterator[Problem]:
    for each in check_signature(folder / name, key) if key else ():
        file = f"{name.partition('/')[0]}/{each.file}"
        yield dataclasses.replace(
            each, file=file, sentence=link_sentence(file) if each.kind == "link" else each.sentence
        )


def _signed_review(
    folder: Path, chain: Chain, review: Reviewed, key: PublicKey | None, reviewers: Sequence[PublicKey]
) -> Iterator[Problem]:
    """A review is signed with the key of the chain or by a reviewer, whose own key it names; that name proves nothing.

    That holds for reviews of entries from before there was a key, too: no later entry names the digest of a review, so that one
    without a signature can have been written by anybody, whatever time it names.
    """
    name, own = f"{REVIEWS}/{review.name}.json", review.record.key
    if key is None or any(check_signature(folder / name, each) == () for each in reviewers):
        return
    for each in _signed(folder, name, key):
        if each.kind == "unsigned" and _first_signed(folder, chain):
            yield dataclasses.replace(each, sentence=_UNSIGNED_REVIEW.format(name))
            continue
        if each.kind != "signature" or own in ("", key.fingerprint):
            yield each
            continue
        given = f" nor by any of the {len(reviewers)} given with --reviewer-key" if reviewers else ""
        sentence = (
            f"{name} is not signed by the key {key.name} ({key.fingerprint[:16]}…){given}; it says that its reviewer, "
            f"{review.record.reviewer}, signed it with a key of their own ({own[:16]}…): give the public key that you have from "
            "that reviewer with --reviewer-key; without it nothing shows who made this review"
        )
        yield dataclasses.replace(each, sentence=sentence)


def _has_signature(path: Path) -> bool:
    return os.path.lexists(path.with_name(f"{path.name}.sig"))


def _first_signed(folder: Path, chain: Chain) -> Started | None:
    return next((each for each in chain.starts if _has_signature(folder / STARTS / f"{each.name}.json")), None)


def unsigned_entries(folder: Path, chain: Chain) -> frozenset[str]:
    """Return the names of the entries that the first signed start says it found unsigned.

    Its signature holds them from then on, since each entry names the digest of the one before it; that they were whole until
    then nothing shows.
    """
    first = _first_signed(folder, chain)
    if first is None or not first.record.unsigned_before:
        return frozenset()
    return frozenset(each.name for each in chain.starts[: chain.starts.index(first)])


def signed_part(folder: Path, chain: Chain, key: PublicKey | None) -> tuple[Chain, tuple[Sealed, ...]]:
    """Return the chain without the results of its unsigned beginning, and these: what anybody can have made is no success.

    Without a key all of them count.
    """
    names = unsigned_entries(folder, chain) if key else frozenset()
    signed = tuple(each for each in chain.bundles if each.name not in names)
    return dataclasses.replace(chain, bundles=signed), tuple(each for each in chain.bundles if each.name in names)


def _unsigned_before(folder: Path, chain: Chain) -> Iterator[Problem]:
    first = _first_signed(folder, chain)
    if first and first.record.unsigned_before not in (0, sequence_of(first.name) - 1):
        name = f"{STARTS}/{first.name}.json"
        said, number = first.record.unsigned_before, sequence_of(first.name)
        yield Problem("chain", name, f"{name} is number {number} and says that {said} unsigned stand before it")


def notes_of(folder: Path, chain: Chain) -> tuple[str, ...]:
    """Return what a reader of a chain, as it was read from the folder, must know that is no fault of it."""
    found = []
    if chain.starts and chain.name != (called := folder.absolute().name):
        kind = kind_of(chain.starts[0].record)
        found.append(f"the folder is called {called}; its entries are of the chain {chain.name}, begun by {kind}")
    if unsigned := unsigned_entries(folder, chain):
        of = len(chain.starts)
        which = f"entry of {of} is" if len(unsigned) == 1 else f"{len(unsigned)} of {of} entries are"
        found.append(
            f"the first {which} not signed, as the first signed start says: their sums were verified; who made them nothing shows"
        )
    for name in (str(path.relative_to(folder)) for path in _direct(folder)):
        if _is_half(folder / name, name):
            found.append(
                f"{name} is written now, or was left by a process that was killed while it wrote: it is no evidence"
            )
    return tuple(found)


def _lost_stamp(folder: Path, name: str) -> Iterator[Problem]:
    """The bundle has a copy of its start's time stamp, which is sealed with it."""
    path = folder / STARTS / f"{name}.json.sig.tsr"
    if (folder / name / f"{START}.sig.tsr").is_file() and not path.is_file():
        yield Problem("missing", f"{STARTS}/{path.name}", f"{STARTS}/{path.name} is not there, and {name} has a copy")


def _of_bundle(folder: Path, name: str, key: PublicKey | None) -> Iterator[Problem]:
    try:
        for each in check_bundle(folder / name, key):
            yield dataclasses.replace(each, file=f"{name}/{each.file}", sentence=f"{name}: {each.sentence}")
    except Unreadable:
        raise
    except DrillError as error:
        yield Problem("list", f"{name}/{SUMS}", str(error))


def _added(folder: Path) -> list[Problem]:
    """What lies among the records and is none, hidden or not; looked at again while nobody writes, where there is such a thing.

    A seal is written before what it seals, and what was a half when it was listed can have its name a moment later.
    """
    if found := list(_strangers(folder)):
        with contextlib.suppress(OSError, TimeoutError), alone(folder, SystemClock(), shared=True):
            found = list(_strangers(folder))
    return found


def _strangers(folder: Path) -> Iterator[Problem]:
    for path in _direct(folder):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            yield Problem("added" if path.parent == folder else "link", name, link_sentence(name))
            continue
        known = _is_folder_of_chain(path) if path.parent == folder else _is_record_or_seal(path)
        if not (known or _is_half(path, name)):
            yield Problem("added", name, f"{name} is no part of a chain: do not read it as evidence")


def _direct(folder: Path) -> list[Path]:
    return sorted([*folder.iterdir(), *children(folder / STARTS), *children(folder / REVIEWS)])


def _is_half(path: Path, name: str) -> bool:
    """Return whether a process writes it, or wrote it when it was killed; a link or another kind of file is no such thing."""
    kind = path.is_dir() if path.name == name else path.is_file()
    return is_half_written(name) and kind and not path.is_symlink()


def _is_folder_of_chain(path: Path) -> bool:
    named = path.name in (STARTS, REVIEWS) or parse_name(path.name) is not None
    return named and path.is_dir() and not path.is_symlink()


def _is_record_or_seal(path: Path) -> bool:
    """Return whether it is a record, or a seal beside what it seals."""
    sealed = path.name.endswith((".json.sig", ".json.sig.tsr")) and path.with_suffix("").is_file()
    return not path.name.startswith(".") and path.is_file() and (path.suffix == ".json" or sealed)
