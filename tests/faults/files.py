"""The files of a stopped copy of a base backup, and how they are damaged."""

from __future__ import annotations

import hashlib
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

from drills.sandbox.postgres.cluster import Cluster
from tests.faults.lab import SETTINGS, Lab
from tests.faults.model import Observation

PAGE = 8192
Change = Callable[[bytes], bytes]


class Files:
    """A copy that is stopped. `is_backup` is False where its files are no longer those of the base backup.

    `refused` says why a program would not make a copy at all.
    """

    def __init__(self, lab: Lab, cluster: Cluster) -> None:
        self.lab, self.cluster = lab, cluster
        self.is_backup = True
        self.refused = ""

    def path(self, relation: str, fork: str = "") -> Path:
        """The first file of a relation, by its name as the server prints it, or "toast of" the table's name."""
        return self.cluster.data / (self.lab.paths[relation] + fork)

    def database_folder(self) -> Path:
        """The folder of the database."""
        return self.path("lab.customer").parent

    def change(self, path: Path, change: Change) -> Observation:
        """Rewrite a file's bytes in place; its owner and mode stay."""
        before = path.read_bytes()
        after = change(before)
        with path.open("r+b") as file:
            file.write(after)
            file.truncate()
        return Observation(digest(before), digest(path.read_bytes()))

    def remove(self, path: Path) -> Observation:
        """Remove a file or a folder that is there."""
        before = "a folder" if path.is_dir() else digest(path.read_bytes())
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        return Observation(before, "gone" if not path.exists() else before)

    def settle(self) -> None:
        """Start the copy and stop it in order, so that recovery is over and its page checksums can be made again."""
        self.run(lambda cluster: None)

    def run(self, work: Callable[[Cluster], None]) -> None:
        """Start the copy, do something with it, and stop it in order."""
        self.is_backup = False
        self.cluster.start(SETTINGS)
        work(self.cluster)
        self.cluster.stop()

    def make_checksums_right(self) -> None:
        """Give every page the checksum of what it holds now: damage that no checksum can tell."""
        for way in ("--disable", "--enable"):
            done = self.cluster.run_tool("pg_checksums", way, "--no-sync", f"--pgdata={self.cluster.data}")
            assert done.returncode == 0, done.stderr


def digest(content: bytes) -> str:
    """What tells one content from another."""
    return f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()[:16]}"


def zero(page: int, count: int = 1) -> Change:
    """Fill pages with NULs, as a write that was lost leaves them."""

    def change(content: bytes) -> bytes:
        assert len(content) >= (page + count) * PAGE, "the file is shorter than the damage reaches"
        return content[: page * PAGE] + bytes(count * PAGE) + content[(page + count) * PAGE :]

    return change


def last_page_zeroed(content: bytes) -> bytes:
    """Fill the last page with NULs."""
    return zero(len(content) // PAGE - 1)(content)


def flip(offset: int) -> Change:
    """Change the bits of one byte; a negative offset counts from the end."""

    def change(content: bytes) -> bytes:
        spoilt = bytearray(content)
        spoilt[offset] ^= 0xFF
        return bytes(spoilt)

    return change


def flip_in_hole(content: bytes) -> bytes:
    """Change a byte of the last page between its line pointers and its rows, where nothing is kept."""
    start = len(content) - PAGE
    lower, upper = struct.unpack_from("<HH", content, start + 12)  # bufpage.h: pd_lower and pd_upper
    assert upper - lower > 100, "the last page is full"
    return flip(start + (lower + upper) // 2)(content)


def emptied(page: int) -> Change:
    """Take all entries from a page and leave its links and its kind, as if they had never been written."""

    def change(content: bytes) -> bytes:
        start = page * PAGE
        lower, _, special = struct.unpack_from("<HHH", content, start + 12)  # bufpage.h: pd_lower, pd_upper, pd_special
        assert lower > 24, "the page holds nothing"
        spoilt = bytearray(content)
        struct.pack_into("<HH", spoilt, start + 12, 24, special)
        return bytes(spoilt)

    return change


def cut(pages: int) -> Change:
    """Take pages off the end."""
    return lambda content: content[: -pages * PAGE]


def copy_page(source: int, target: int) -> Change:
    """Put one page in another one's place."""

    def change(content: bytes) -> bytes:
        page = content[source * PAGE : (source + 1) * PAGE]
        return content[: target * PAGE] + page + content[(target + 1) * PAGE :]

    return change


def swap_bytes(old: bytes, new: bytes) -> Change:
    """Replace the first occurrence of some bytes by as many others."""

    def change(content: bytes) -> bytes:
        assert old in content
        assert len(old) == len(new)
        return content.replace(old, new, 1)

    return change
