"""Joins the folders that several machines left: every file of each is in the joint one, and every line of each history.

A file that two have under one name must be the same in both; else nothing is written.
"""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from drills.errors import DrillError
from drills.evidence.check import is_half_written
from drills.files import half_of, is_half, whole_or_gone
from drills.history.store import append_text
from reports.allure_history import FOLDER as ALLURE_HISTORY
from reports.write import LATEST

TREES = ("out", "evidence")
LINES = ("history.jsonl", "forecasts.jsonl", "coverage.jsonl")
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Union:
    """What is to be written: files by their place in the joint folder, and files of lines that are added to."""

    files: dict[str, Path]
    lines: dict[str, list[Path]]


def plan(folders: Sequence[Path], into: Path) -> Union:
    """Return what is to be written into a folder, which may have something already. Raises DrillError for what differs."""
    files: dict[str, Path] = {}
    lines: dict[str, list[Path]] = {}
    differ = []
    for folder in folders:
        for path in _files(folder):
            name = str(path.relative_to(folder))
            if _is_lines(path, folder):
                lines.setdefault(name, []).append(path)
                continue
            known = files.setdefault(name, path)
            there = into / name
            if not _same(known, path) or (os.path.lexists(there) and not _same(there, path)):
                differ.append(name)
    if differ:
        more = f" and {len(differ) - SHOWN} more" if len(differ) > SHOWN else ""
        raise DrillError(
            f"expected each file to be the same wherever it is, found others in {', '.join(differ[:SHOWN])}{more}: nothing was "
            "written; two machines have drilled one target at once, or a file was changed"
        )
    return Union(files, lines)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder, links as such, without what a process was writing there."""
    for name in LINES:
        if (folder / name).is_file():
            yield folder / name
    for tree in TREES:
        for path in sorted((folder / tree).rglob("*")):
            if (path.is_file() or path.is_symlink()) and path.name != LATEST and not _is_half(path.relative_to(folder)):
                yield path


def _is_half(path: Path) -> bool:
    """Return whether a process was writing a file: by itself, or as a part of a chain, which is the folder CHAIN in evidence/."""
    within = path.parts[2:]
    return is_half(path.name) or any(is_half_written("/".join(within[: n + 1])) for n in range(len(within)))


def _is_lines(path: Path, folder: Path) -> bool:
    return path.parent == folder or path.parent == folder / "out" / ALLURE_HISTORY


def _same(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and os.readlink(one) == os.readlink(other)
    return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)


def write(union: Union, into: Path) -> None:
    """Write it; what is there already is left as it is. Raises OSError, TimeoutError."""
    for name, source in union.files.items():
        place = into / name
        if not os.path.lexists(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            half = half_of(place)
            with whole_or_gone(half):
                shutil.copy2(source, half, follow_symlinks=False)
                half.replace(place)
    for name, sources in union.lines.items():
        _add_lines(into / name, sources)


def _add_lines(place: Path, sources: Sequence[Path]) -> None:
    """Add the lines that are not there yet, in their order; a run can have several, of which the last one counts."""
    known = _lines(place) if place.is_file() else []
    fresh = [line for source in sources for line in _lines(source)]
    for line in dict.fromkeys(line for line in fresh if line not in set(known)):
        append_text(place, line)


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if line.strip()]
