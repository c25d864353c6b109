"""Which tests a call of pytest runs, and in which order.

Three things are decided for all test modules at once:

- A test without the mark `postgres`, `sandbox`, `whole_run` or `slow` gets the mark `unit`.
- A test that is parametrized by the origin of PostgreSQL stays on one origin; its others get the mark `matrix`. The
  origins take turns from module to module of a folder, and from test to test where a folder has too few modules, so that
  every folder meets every origin: a server and the copies of its data are most of what a test costs.
- Tests with a mark of `APART` are left out, unless the expression of `-m` names the mark.

Files that take long come first, so that no worker is left alone with one at the end.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from drills.errors import SandboxError
from drills.sandbox.postgres.binaries import find
from tests.support.cluster import ORIGINS

APART = ("matrix", "terraform")  # each has an environment of its own in tox.ini
HEAVY = ("whole_run", "sandbox", "postgres", "slow")  # in the order in which their files begin


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark, sort and leave out, before pytest itself looks at `-m`."""
    choose_origins(items)
    for item in items:
        if not any(item.get_closest_marker(name) for name in (*HEAVY, *APART)):
            item.add_marker("unit")
    asked = set(re.findall(r"\w+", config.getoption("markexpr") or ""))
    left_out = [name for name in APART if name not in asked]
    dropped = [item for item in items if any(item.get_closest_marker(name) for name in left_out)]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
    kept = set(items) - set(dropped)
    items[:] = sort_files([item for item in items if item in kept])


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
    turns = turns_of(files)
    for key, case in cases.items():
        if len(case) > 1 and usable[key]:
            wanted = next(turns[key[0]])
            chosen = wanted if wanted in usable[key] else usable[key][0]
            for origin, item in case.items():
                if origin != chosen:
                    item.add_marker("matrix")


def turns_of(files: Mapping[str, Collection[str]]) -> dict[str, Iterator[str]]:
    """The origin of each next case of a file, of those that the file has.

    Always the same one where the folder has a file for each origin: there each file takes the one that the files before it
    took least.
    """
    folders: dict[Path, list[str]] = {}
    for file in sorted(files):
        folders.setdefault(Path(file).parent, []).append(file)
    turns: dict[str, Iterator[str]] = {}
    for beside in folders.values():
        taken: Counter[str] = Counter()
        for file in beside:
            origins = [origin for origin in ORIGINS if origin in files[file]]
            if len(beside) < len(ORIGINS) or not origins:
                turns[file] = itertools.cycle(origins or ORIGINS)
                continue
            chosen = min(origins, key=lambda origin: taken[origin])
            taken[chosen] += 1
            turns[file] = itertools.repeat(chosen)
    return turns


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


def sort_files(items: list[pytest.Item]) -> list[pytest.Item]:
    """The items with the files of each kind of `HEAVY` before those of the next; the order in a file stays."""
    rank: dict[str, int] = {}
    for item in items:
        own = next((at for at, name in enumerate(HEAVY) if item.get_closest_marker(name)), len(HEAVY))
        rank[item.location[0]] = min(own, rank.get(item.location[0], own))
    return sorted(items, key=lambda item: rank[item.location[0]])


def _without(name: str, origin: str) -> str:
    return "-".join(name.replace(origin, "").split("-"))


def _fits(item: pytest.Item) -> bool:
    """Whether a test can say something on its origin: the mark `origins` names those on which it can."""
    mark = item.get_closest_marker("origins")
    return mark is None or origin_of(item) in mark.args
