"""Verification of a bundle: what differs from what was signed, as a list. Reads files and nothing else.

The same rules as the commands of VERIFY.md (drills/evidence/verify_md.py); the public key never comes from the bundle.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from drills.errors import ConfigError, DrillError
from drills.evidence.keys import PublicKey
from drills.evidence.sums import SEALS, STAMP, SUMS, VERIFY, SumsError, read_sums
from drills.evidence.timestamp import stamped_at

Kind = Literal[
    "changed", "missing", "added", "swapped", "link", "list", "signature", "unsigned", "start", "stamp", "chain"
]
STARTS = "starts"
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Problem:
    """What does not verify: its kind, the file (relative to what was checked), and a sentence with what to do."""

    kind: Kind
    file: str
    sentence: str


def check_bundle(folder: Path, key: PublicKey | None) -> tuple[Problem, ...]:
    """Return what does not verify in a bundle; nothing where all is as it was sealed.

    `key` None: the bundle is taken as unsigned, and only damage is found. Raises DrillError where the folder is no bundle or
    a file of it cannot be read.
    """
    try:
        return tuple(_check(folder, key))
    except OSError as error:
        raise DrillError(f"expected to read {error.filename or folder}, found: {error.strerror}") from error


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
            return (Problem("link", each.name, f"expected a file, found a link: {_KEEP}"),)
    try:
        if not signature.exists():
            return (Problem("unsigned", path.name, f"expected a signature in {signature.name}, found none: {_KEEP}"),)
        if not key.verify(path.read_bytes() if data is None else data, signature.read_bytes()):
            return (Problem("signature", path.name, _bad_signature(path.name, key)),)
    except OSError as error:
        raise DrillError(f"expected to read {error.filename or path}, found: {error.strerror}") from error
    return ()


_KEEP = "keep both, and ask who made them"


def _bad_signature(name: str, key: PublicKey) -> str:
    return (
        f"the signature of {name} is not by the key {key.name} ({key.fingerprint[:16]}…), or {name} was changed after it "
        "was signed: compare the key's fingerprint with the published one; fits it, trust nothing in this folder"
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
    yield from _others(folder, frozenset(listed), there)
    yield from _start(folder, there)


def _listed(listed: Mapping[str, str], digests: Mapping[str, str], there: Mapping[str, str]) -> Iterator[Problem]:
    owners = {digest: name for name, digest in listed.items()}
    for name, digest in listed.items():
        if there.get(name) == "link":
            yield Problem("link", name, f"{name} is a link, which may stand for any file: {_KEEP}")
        elif name not in digests:
            yield Problem("missing", name, f"{name} is in the list and not in the folder: take it from another copy")
        elif digests[name] != digest:
            other = owners.get(digests[name])
            if other:
                yield Problem("swapped", name, f"{name} holds what belongs in {other}: take both from another copy")
            else:
                yield Problem("changed", name, f"{name} was changed after it was sealed: take it from another copy")


def _others(folder: Path, listed: Collection[str], there: Mapping[str, str]) -> Iterator[Problem]:
    """What is in no list: what was added, and the seals, of which VERIFY.md, which is in the list, says which there are."""
    verify = folder / VERIFY
    text = verify.read_text(errors="replace") if there.get(VERIFY) == "file" else ""
    seals = {name for name in SEALS if not text or name in text}
    for name, kind in there.items():
        if name not in listed and (name not in seals or kind != "file"):
            what = "a link" if kind == "link" else "a file" if kind == "file" else "no ordinary file"
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
        yield Problem("start", "start.json", f"start.json was never announced: there is no {STARTS}/{announced.name}")
    elif _digest(announced) != _digest(folder / "start.json"):
        yield Problem(
            "start", "start.json", f"start.json is not {STARTS}/{announced.name}, which was written before the drill"
        )


def _entries(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what lies in a folder and below: its relative path, and "file", "link" or "other". Follows no link."""
    waiting = [folder]
    while waiting:
        for path in sorted(waiting.pop().iterdir()):
            name = os.fsencode(path.relative_to(folder)).decode(errors="backslashreplace")
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                waiting.append(path)
            else:
                yield name, "link" if stat.S_ISLNK(mode) else "file" if stat.S_ISREG(mode) else "other"


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
