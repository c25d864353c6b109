"""Which tests a call of pytest runs, and in which order.

Three things are decided for all test modules at once:

- A test without the mark `postgres`, `sandbox`, `whole_run` or `slow` gets the mark `unit`.
- A test that is parametrized by the origin of PostgreSQL stays on one origin; its others get the mark `matrix`. The
  origins take turns from module to module of a folder; where a folder has fewer modules than there are origins, they are
  dealt out to its modules, whose tests take turns. So every folder meets every origin, and few modules several: a server
  and the copies of its data are most of what a test costs.
- Tests with a mark of `APART` are left out, unless the expression of `-m` names the mark.

Files that take long come first, so that no worker is left alone with one at the end.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

from drills.errors import SandboxError
from drills.sandbox.postgres.binaries import find
from tests.support.cluster import ORIGINS

APART = ("matrix", "terraform")  # each has an environment of its own in tox.ini
ENOUGH = 8  # cases that are worth a server on one more origin
# in the order in which their files begin; `slow` has the longest files of one process, which must not be the last
HEAVY = ("whole_run", "slow", "sandbox", "postgres")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark, sort and leave out, before pytest itself looks at `-m`."""
    choose_origins(items)
    marks = {item: {mark.name for mark in item.iter_markers()} for item in items}
    for item in items:
        if marks[item].isdisjoint((*HEAVY, *APART)):
            item.add_marker("unit")
    asked = set(re.findall(r"\w+", config.getoption("markexpr") or ""))
    left_out = {name for name in APART if name not in asked}
    dropped = [item for item in items if marks[item] & left_out]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
    items[:] = sort_files({item: found for item, found in marks.items() if not found & left_out})


def choose_origins(items: list[pytest.Item]) -> None:
    """Give the mark `matrix` to each test of a case but the one on the origin whose turn it is."""
    cases: dict[tuple[str, str], dict[str, pytest.Item]] = {}
    for item in items:
        if (origin := origin_of(item)) is not None:
            name = "-".join(part for part in re.split(r"[\[\]]", item.name) if part)
            cases.setdefault((item.location[0], _without(name, origin)), {})[origin] = item
    usable = {
        key: [each for each in origins_here() if each in case and _fits(case[each])] for key, case in cases.items()
    }
    files: dict[str, set[str]] = {}
    for (file, name), origins in usable.items():
        if len(cases[file, name]) > 1:
            files.setdefault(file, set()).update(origins)
    turns = turns_of(files, Counter(file for (file, name), case in cases.items() if len(case) > 1))
    for key, case in cases.items():
        if len(case) > 1 and usable[key]:
            wanted = next(turns[key[0]])
            chosen = wanted if wanted in usable[key] else usable[key][0]
            for origin, item in case.items():
                if origin != chosen:
                    item.add_marker("matrix")


def turns_of(files: Mapping[str, Collection[str]], cases: Mapping[str, int]) -> dict[str, Iterator[str]]:
    """The origin of each next case of a file, of those that the file has; `cases` says how many cases a file has.

    Always the same one where the folder has a file for each origin: there each file takes the one that the files before it
    took least. In a smaller folder each origin goes to the file that has fewest so far; a file with very many cases gets
    more of them.
    """
    folders: dict[Path, list[str]] = {}
    for file in sorted(files):
        folders.setdefault(Path(file).parent, []).append(file)
    turns: dict[str, Iterator[str]] = {}
    for beside in folders.values():
        dealt = _one_each(beside, files) if len(beside) >= len(ORIGINS) else _dealt_out(beside, files, cases)
        turns.update((file, itertools.cycle(origins or files[file] or ORIGINS)) for file, origins in dealt.items())
    return turns


def _one_each(beside: Sequence[str], files: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    taken: Counter[str] = Counter()
    dealt: dict[str, list[str]] = {}
    for file in beside:
        dealt[file] = sorted((each for each in ORIGINS if each in files[file]), key=lambda origin: taken[origin])[:1]
        taken.update(dealt[file])
    return dealt


def _dealt_out(
    beside: Sequence[str], files: Mapping[str, Collection[str]], cases: Mapping[str, int]
) -> dict[str, list[str]]:
    dealt: dict[str, list[str]] = {file: [] for file in beside}
    for origin in ORIGINS:
        if having := [file for file in beside if origin in files[file]]:
            dealt[min(having, key=lambda file: len(dealt[file]))].append(origin)
    for file, origins in dealt.items():
        further = [origin for origin in ORIGINS if origin in files[file] and origin not in origins]
        origins += further[: max(0, cases[file] // ENOUGH - len(origins))]
    return dealt


def origin_of(item: pytest.Item) -> str | None:
    """The origin that a test is parametrized by, None for one that is not."""
    callspec = getattr(item, "callspec", None)
    found = [value for value in callspec.params.values() if value in ORIGINS] if callspec is not None else []
    return found[0] if len(found) == 1 else None


@cache
def origins_here() -> tuple[str, ...]:
    """The origins that this machine has: that of the system may be absent."""
    try:
        find("system")
    except SandboxError:
        return tuple(origin for origin in ORIGINS if origin != "system")
    return ORIGINS


def sort_files(items: Mapping[pytest.Item, Collection[str]]) -> list[pytest.Item]:
    """The items, given with their marks, with the files of each kind of `HEAVY` before those of the next.

    The order in a file stays.
    """
    rank: dict[Path, int] = {}
    for item, marks in items.items():
        own = next((at for at, name in enumerate(HEAVY) if name in marks), len(HEAVY))
        rank[item.path] = min(own, rank.get(item.path, own))
    return sorted(items, key=lambda item: rank[item.path])


def _without(name: str, origin: str) -> str:
    return "-".join(name.replace(origin, "").split("-"))


def _fits(item: pytest.Item) -> bool:
    """Whether a test can say something on its origin: the mark `origins` names those on which it can."""
    mark = item.get_closest_marker("origins")
    return mark is None or origin_of(item) in mark.args
