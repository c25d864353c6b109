"""A bundle on disk: the files of a run, VERIFY.md, SHA256SUMS and its signature, written whole or not at all.

It is made in a folder beside its place whose name begins with a dot, every file and folder is flushed to the disk, and then
it is renamed. Whatever ends the process leaves at most that folder, which the next bundle of the chain removes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from drills.clock import SystemClock, wait_until
from drills.errors import ConfigError, NotSealed
from drills.evidence import verify_md
from drills.evidence.seal import Seal
from drills.evidence.sums import SUMS, VERIFY, write_sums
from drills.files import try_lock
from drills.model.evidence import EvidenceLevel

FLUSHES = 16  # at a time: a hundred files one after another take half a second, together a tenth of that
SWEEP_SECONDS = 30.0  # for another process that takes a folder which was just made for what a dead one left
_HALF = ".sealing-"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was written. `digest` is the SHA-256 of its SHA256SUMS, which the next start record names."""

    folder: Path
    digest: str
    level: EvidenceLevel


def write_bundle(folder: Path, files: Mapping[str, bytes | Path], seal: Seal) -> Bundle:
    """Write a bundle at `folder`, whose parent is made where it is missing.

    `files` holds the content, or the file to copy, by relative path; VERIFY.md is added. Raises ConfigError for a name
    that cannot be sealed, NotSealed where there is such a bundle already, where it cannot be written or signed. Then there is
    nothing at `folder`.
    """
    for name in files:
        if name == VERIFY:
            raise ConfigError(f"{VERIFY}: expected files of the run alone: it is written with the seal")
    whole: dict[str, bytes | Path] = {**files, VERIFY: verify_md.render(frozenset(files), seal).encode()}
    write_sums(dict.fromkeys(whole, ""))  # refuses names before anything is written
    if os.path.lexists(folder):
        raise NotSealed(f"expected no bundle at {folder}, found one: a bundle is never written again; move it away")
    try:
        with _half(folder) as half:
            digest = _fill(half, whole, seal)
            half.rename(folder)
        _flush(folder.parent)
    except OSError as error:
        raise NotSealed(
            f"expected to write the bundle {folder}, found: {error.strerror}: {error.filename or ''}; nothing is left of it"
        ) from error
    return Bundle(folder, digest, seal.level)


def sealed_files(name: str, data: bytes, seal: Seal) -> dict[str, bytes]:
    """Return a file that is sealed by itself with what seals it, by name: itself last, so that it is never without its signature.

    Raises NotSealed, DrillError where the key or the time stamp's service cannot be used.
    """
    return {**seal.of(name, data), name: data}


def write_files(path: Path, files: Mapping[str, bytes], before_named: Callable[[Path], None] | None = None) -> None:
    """Write `sealed_files` beside each other, `path` being the last. Never over an existing one. Raises NotSealed.

    `before_named` gets the file that will be `path`, whole, before others can see it under that name.
    """
    if os.path.lexists(path):
        raise NotSealed(f"expected no record at {path}, found one: a sealed record is never written again")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            half = path.with_name(f".{name}")
            _write(half, content)
            _flush(half)
            if before_named and name == path.name:
                before_named(half)
            half.replace(path.with_name(name))
        _flush(path.parent)
    except OSError as error:
        raise NotSealed(f"expected to write {path}, found: {error.strerror}") from error


def _fill(half: Path, files: Mapping[str, bytes | Path], seal: Seal) -> str:
    digests = {}
    for name, content in sorted(files.items()):
        path = half / name
        path.parent.mkdir(parents=True, exist_ok=True)
        digests[name] = _write(path, content)
    sums = write_sums(digests).encode()
    for name, data in [(SUMS, sums), *seal.of(SUMS, sums).items()]:
        _write(half / name, data)
    with ThreadPoolExecutor(FLUSHES) as pool:
        list(pool.map(_flush, [half, *half.rglob("*")]))
    return hashlib.sha256(sums).hexdigest()


def _write(path: Path, content: bytes | Path) -> str:
    """Write a new file and return the SHA-256 of what was written; `_flush` brings it to the disk."""
    data = content if isinstance(content, bytes) else content.read_bytes()
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


@contextmanager
def _half(folder: Path) -> Iterator[Path]:
    """Make the folder that a bundle is made in; remove it, and those of processes that died, whatever happens."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f"{_HALF}*"):
        _remove_unless_held(left)
    half = folder.with_name(f"{_HALF}{folder.name}")
    try:
        (held,) = wait_until(lambda: _made(half), SWEEP_SECONDS, SystemClock(), every=0.02, what=str(half))
    except TimeoutError:
        raise NotSealed(f"expected to be the only one who writes {folder}, found another process that does") from None
    try:
        yield half
    finally:
        shutil.rmtree(half, ignore_errors=True)
        os.close(held)


def _made(half: Path) -> list[int] | None:
    """Make a folder and take its lock; None where another process is quicker, which takes it for what a dead one left."""
    with contextlib.suppress(FileExistsError, FileNotFoundError):
        half.mkdir()
        held = os.open(half, os.O_RDONLY)
        if _is_mine(held, half):
            return [held]
        os.close(held)
    return None


def _is_mine(held: int, half: Path) -> bool:
    """Take the lock of a folder that was opened; False where another has it, or has removed the folder meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        return try_lock(held) and os.path.samestat(os.fstat(held), half.stat())
    return False


def _remove_unless_held(left: Path) -> None:
    """Remove what a process left that died; one that lives holds its folder's lock."""
    try:
        held = os.open(left, os.O_RDONLY)
    except FileNotFoundError:  # it has its name by now, or another removed it
        return
    try:
        if _is_mine(held, left):
            shutil.rmtree(left)
    finally:
        os.close(held)


def _flush(path: Path) -> None:
    """Bring a file's content, or a folder's entries, to the disk (fsync(2): a file's own does not cover its name)."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
