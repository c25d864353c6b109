"""Reads a folder and all below it, without following links and without leaving its file system. Nothing is changed.

What AWS Backup leaves out of a file system is left out here too: sockets and named pipes (Amazon EFS user guide, "Backing up EFS
file systems"), and devices, which EFS has none of.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from drills.errors import ConfigError
from drills.trees.manifest import Entry, Tree

READERS = 8  # files at once: over a network each waits for its answers
RESTORED = "aws-backup-restore_"  # how the directory begins that AWS Backup restores into
LOST = "aws-backup-lost+found"  # and where it puts what it could not restore to its place
_CHUNK = 1024 * 1024


class _Found(NamedTuple):
    path: str  # relative to the folder, with "/" between its parts
    place: str
    seen: os.stat_result


def read(folder: Path) -> Tree:
    """Return what is in a folder, whose own mode and owner are not part of it. Raises ConfigError where it is none."""
    if not folder.is_dir():
        raise ConfigError(f"expected a folder, found {folder}: name the folder where the file system is mounted")
    unread: dict[str, str] = {}
    found = [each for each in _walk(folder, unread) if _kind(each.seen)]
    with ThreadPoolExecutor(READERS, thread_name_prefix="files") as threads:
        digests = list(threads.map(_digest, found))
    entries: dict[str, Entry] = {}
    for each, digest in zip(found, digests, strict=True):
        if isinstance(digest, OSError):
            unread[each.path] = str(digest.strerror)
            continue
        seen = each.seen
        size = seen.st_size if stat.S_ISREG(seen.st_mode) else 0
        mode = f"{stat.S_IMODE(seen.st_mode):04o}"
        entries[each.path] = Entry(_kind(seen), mode, f"{seen.st_uid}:{seen.st_gid}", size, digest)
    times = [each.seen.st_mtime for each in found if stat.S_ISREG(each.seen.st_mode)]
    newest = datetime.fromtimestamp(max(times), UTC) if times else None
    return Tree(entries, unread, newest)


def recovery_directory(folder: Path) -> Path:
    """Return the directory below a restored file system's root that has its files, the folder itself where there is none.

    Raises ConfigError where there are several: each restore into one file system makes another.
    """
    found = sorted(each for each in folder.glob(f"{RESTORED}*") if each.is_dir() and not each.is_symlink())
    if len(found) > 1:
        raise ConfigError(
            f"expected one directory {RESTORED}… in {folder}, found {', '.join(each.name for each in found)}: name one of these"
        )
    return found[0] if found else folder


def _walk(folder: Path, unread: dict[str, str]) -> Iterator[_Found]:
    """Yield all that is below a folder; what cannot be looked at, and where another file system begins, goes to `unread`."""
    device, waiting = folder.stat().st_dev, [(str(folder), "")]
    while waiting:
        place, above = waiting.pop()
        try:
            names = sorted(os.listdir(place))
        except OSError as error:
            unread[above or "."] = str(error.strerror)
            continue
        for name in names:
            found = _look(os.path.join(place, name), f"{above}/{name}" if above else name, unread)
            if found is None:
                continue
            yield found
            if stat.S_ISDIR(found.seen.st_mode):
                if found.seen.st_dev != device:
                    unread[found.path] = "another file system is mounted there"
                else:
                    waiting.append((found.place, found.path))


def _look(place: str, path: str, unread: dict[str, str]) -> _Found | None:
    try:
        return _Found(path, place, os.lstat(place))
    except OSError as error:
        unread[path] = str(error.strerror)
        return None


def _kind(seen: os.stat_result) -> str:
    """Return what something is, "" for what no backup holds."""
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
    return kinds.get(stat.S_IFMT(seen.st_mode), "")


def _digest(found: _Found) -> str | OSError:
    """Return the SHA-256 of a file's content or of where a link leads, "" of a directory; the error of what cannot be read."""
    try:
        if stat.S_ISLNK(found.seen.st_mode):
            return hashlib.sha256(os.fsencode(os.readlink(found.place))).hexdigest()
        if not stat.S_ISREG(found.seen.st_mode):
            return ""
        summed = hashlib.sha256()
        with open(found.place, "rb", buffering=0) as content:
            while chunk := content.read(_CHUNK):
                summed.update(chunk)
        return summed.hexdigest()
    except OSError as error:
        return error
