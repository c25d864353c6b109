"""Verification of a bundle: what differs from what was signed, as a list. Reads files and nothing else.

The same rules as the commands of VERIFY.md (drills/evidence/verify_md.py); the public key never comes from the bundle.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from drills.errors import ConfigError, DrillError
from drills.evidence import verify_md
from drills.evidence.keys import PublicKey, is_signature
from drills.evidence.sums import SEALS, STAMP, SUMS, VERIFY, SumsError, read_sums
from drills.evidence.timestamp import stamped_at
from drills.files import refuse, refuse_unreadable, refuse_unreadable_below

Kind = Literal[
    "changed",
    "missing",
    "added",
    "swapped",
    "link",
    "list",
    "signature",
    "unsigned",
    "start",
    "stamp",
    "chain",
    "newest",
]
STARTS = "starts"
REVIEWS = "reviews"
_PIECE = 1 << 20
# what a process writes under before it gives it its name, in the chain's folder and in those of its records
_HALF = re.compile(r"\.sealing-\d{4,}-.+|(?:starts|reviews)/\.\d{4,}-.+\.json(?:\..*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Problem:
    """What does not verify: its kind, the file (relative to what was checked), and a sentence with what to do.

    The sentence is for a reader who has the evidence, the key and nothing else. `operator` is what whoever makes the evidence can
    do besides; "" where that is nothing.
    """

    kind: Kind
    file: str
    sentence: str
    operator: str = ""


def is_chain(folder: Path) -> bool:
    """Return whether the folder is that of a chain, or what is left of one whose start records are gone.

    Raises Unreadable for a folder that this user may not read: it may be one.
    """
    refuse_unreadable(folder)
    return (folder / STARTS).is_dir() or any(folder.glob(f"[0-9]*-*/{SUMS}")) or any(folder.glob(f"{REVIEWS}/*.json"))


def is_half_written(name: str) -> bool:
    """Return whether a path within a chain is what a process writes, or left where it was killed: that is no evidence."""
    return _HALF.fullmatch(name) is not None


def check_bundle(folder: Path, key: PublicKey | None) -> tuple[Problem, ...]:
    """Return what does not verify in a bundle; nothing where all is as it was sealed.

    `key` None: the bundle is taken as unsigned, and only damage is found. Raises DrillError where the folder is no bundle or
    a file of it cannot be read, Unreadable where this user may not.
    """
    try:
        refuse_unreadable_below(folder)
        return tuple(_check(folder, key))
    except PermissionError as error:
        refuse(error.filename or folder)
    except OSError as error:
        raise DrillError(f"expected to read {error.filename or folder}, found: {error.strerror}") from error


def note_of_commands(folder: Path, key: PublicKey | None) -> str | None:
    """Return a sentence where VERIFY.md of a bundle, which may be signed as it is, has other commands than this version's.

    That is no problem by itself: another version of the project can have made it. Where the signature is not by `key`, the page is
    held against its own fingerprint: that the key is another one is told by `check_bundle`. Raises DrillError for what cannot be
    read.
    """
    if not ((folder / VERIFY).is_file() and (folder / SUMS).is_file()):
        return None  # a problem, which `check_bundle` names
    try:
        text = (folder / VERIFY).read_text(errors="replace")
        files = frozenset(read_sums((folder / SUMS).read_text())) - {VERIFY}
    except (OSError, ValueError):
        return None  # a problem, which `check_bundle` names
    signer = key if key and not check_signature(folder / SUMS, key) else None
    if verify_md.is_as_rendered(text, files, signer.fingerprint if signer else None):
        return None
    return (
        f"{VERIFY} is not as this version writes it: another version made it, or somebody put other commands into it; take "
        "them from docs/evidence.md"
    )


def check_stamp(signature: Path, authority: Path) -> datetime | Problem | None:
    """Return the time (aware) of a signature's time stamp, by its authority's certificates (PEM), or why it does not verify.

    None where there is no time stamp. Raises ConfigError where the file holds no certificate or the extra `tsa` is not installed.
    """
    token = signature.with_name(f"{signature.name}.tsr")
    if not token.is_file() or token.is_symlink() or not signature.is_file():
        return None  # check_bundle says so where one is wanted
    try:
        return stamped_at(token.read_bytes(), signature.read_bytes(), authority)
    except ConfigError:
        raise
    except DrillError as error:
        return Problem(
            "stamp", token.name, f"{token.name}: {error}: take the certificate from the authority's own pages"
        )


def check_signature(path: Path, key: PublicKey, data: bytes | None = None) -> tuple[Problem, ...]:
    """Return what does not verify of a file that is sealed by itself, with its signature in PATH.sig.

    `data` is the file's content where it was read before.
    """
    signature = path.with_name(f"{path.name}.sig")
    for each in (path, signature):
        if each.is_symlink():
            return (Problem("link", each.name, link_sentence(each.name)),)
        if os.path.lexists(each) and not each.is_file():
            return (Problem("list", each.name, f"{each.name} is no ordinary file: do not read it as evidence"),)
    try:
        if not signature.exists():
            return (Problem("unsigned", path.name, _unsigned(path.name, signature.name)),)
        seal = signature.read_bytes()
        if not is_signature(seal):
            return (Problem("signature", path.name, _damaged_signature(path.name, signature.name)),)
        if not key.verify(path.read_bytes() if data is None else data, seal):
            return (Problem("signature", path.name, _bad_signature(path.name, key)),)
    except PermissionError as error:
        refuse(error.filename or path)
    except OSError as error:
        raise DrillError(f"expected to read {error.filename or path}, found: {error.strerror}") from error
    return ()


_KEEP = "keep it, and ask who made the evidence"


def link_sentence(name: str) -> str:
    """Return the sentence on a link in the place of a file."""
    return f"{name} is a link, which may stand for any file: do not read it as evidence; ask who made the evidence for the file"


def _unsigned(name: str, signature: str) -> str:
    return f"expected a signature in {signature}, found none: nothing shows who made {name}: ask for it, or take another copy"


def _damaged_signature(name: str, signature: str) -> str:
    return (
        f"the signature of {name} is damaged: {signature} holds no signature of any key: take it from another copy; until then "
        f"nothing shows who made {name}"
    )


def _bad_signature(name: str, key: PublicKey) -> str:
    return (
        f"the signature of {name} is not by the key {key.name} ({key.fingerprint[:16]}…), or {name} or its signature was "
        "changed after it was signed: compare the key's fingerprint with the published one; if they are equal, do not trust "
        "this folder"
    )


def _check(folder: Path, key: PublicKey | None) -> Iterator[Problem]:
    there = dict(_entries(folder))
    if there.get(SUMS) != "file":
        raise DrillError(f"expected a bundle with {SUMS} in {folder}, found none: name the folder of one")
    data = (folder / SUMS).read_bytes()
    if key:
        yield from check_signature(folder / SUMS, key)
    try:
        listed = read_sums(data.decode())
    except (SumsError, UnicodeDecodeError) as error:
        yield Problem("list", SUMS, f"{SUMS} is not a list as it was written: {error}: {_KEEP}")
        return
    digests = {name: _digest(folder / name) for name in listed if there.get(name) == "file"}
    yield from _listed(listed, digests, there)
    whole = VERIFY in listed and digests.get(VERIFY) == listed[VERIFY]
    yield from _others(folder, frozenset(listed), there, verify_is_whole=whole)
    yield from _start(folder, there)


def _listed(listed: Mapping[str, str], digests: Mapping[str, str], there: Mapping[str, str]) -> Iterator[Problem]:
    owners = {digest: name for name, digest in listed.items()}
    for name, digest in listed.items():
        if there.get(name) == "link":
            yield Problem("link", name, link_sentence(name))
        elif there.get(name) == "other":
            yield Problem("missing", name, f"{name} is no ordinary file: do not read it; take it from another copy")
        elif name not in digests:
            yield Problem("missing", name, f"{name} is in the list and not in the folder: take it from another copy")
        elif digests[name] != digest:
            other = owners.get(digests[name])
            if other:
                yield Problem("swapped", name, f"{name} holds what belongs in {other}: take both from another copy")
            else:
                yield Problem("changed", name, f"{name} was changed after it was sealed: take it from another copy")


def _others(
    folder: Path, listed: Collection[str], there: Mapping[str, str], *, verify_is_whole: bool
) -> Iterator[Problem]:
    """What is in no list: what was added, and the seals, of which VERIFY.md, where it is as listed, says which there are."""
    text = (folder / VERIFY).read_text(errors="replace") if verify_is_whole else ""
    seals = {name for name in SEALS if not text or name in text}
    for name, kind in there.items():
        if kind == "empty" and any(each.startswith(f"{name}/") for each in listed):
            continue  # what belongs there is missing, which is said
        if name not in listed and (name not in seals or kind != "file"):
            what = {"link": "a link", "file": "a file", "empty": "an empty folder"}.get(kind, "no ordinary file")
            yield Problem("added", name, f"{name} is {what} that was not sealed: do not read it as evidence")
    if text and STAMP in seals and STAMP not in there:
        yield Problem("missing", STAMP, f"{STAMP} is not in the folder, and the bundle was sealed with a time stamp")


def _start(folder: Path, there: Mapping[str, str]) -> Iterator[Problem]:
    """Where the bundle lies in a chain, its start record is the one that was written before the drill."""
    starts = folder.absolute().parent / STARTS
    if there.get("start.json") != "file" or not starts.is_dir():
        return
    announced = starts / f"{folder.absolute().name}.json"
    if not announced.is_file():
        yield Problem("start", "start.json", unannounced("start.json", f"{STARTS}/{announced.name}"))
    elif _digest(announced) != _digest(folder / "start.json"):
        yield Problem(
            "start", "start.json", f"start.json is not {STARTS}/{announced.name}, which was written before the drill"
        )


def unannounced(what: str, record: str) -> str:
    """Return the sentence on a bundle whose start record is not in the chain that it lies in."""
    return (
        f"no start: {what} has no {record} beside it: the record that is written before a drill was removed, or the bundle was "
        "put in later: take the chain from another copy, or ask who made it"
    )


def note_of_place(folder: Path) -> str | None:
    """Return what cannot be checked of a bundle that was taken out of its chain; None for one that lies in it, or had none."""
    place = folder.absolute().parent
    if not (folder / "start.json").is_file() or os.path.lexists(place / STARTS):
        return None
    return (
        f"this bundle stands alone: there is no {STARTS}/ beside it; not checked: its place in its chain, whether it was announced "
        "before it began, and whether a drill was begun that has no result; ask for the whole chain to check these"
    )


def _entries(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what lies in a folder and below: its relative path, and "file", "link", "empty" or "other". Follows no link.

    A folder is "empty" where nothing at all lies in it, which a list of files cannot say.
    """
    waiting = [folder]
    while waiting:
        inside = waiting.pop()
        if not (found := sorted(inside.iterdir())) and inside != folder:
            yield _name(inside, folder), "empty"
        for path in found:
            name = _name(path, folder)
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                waiting.append(path)
            else:
                yield name, "link" if stat.S_ISLNK(mode) else "file" if stat.S_ISREG(mode) else "other"


def _name(path: Path, folder: Path) -> str:
    return os.fsencode(path.relative_to(folder)).decode(errors="backslashreplace")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
