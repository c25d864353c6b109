"""Which tests a call of pytest runs, and in which order.

Three things are decided for all test modules at once:

- A test without the mark `postgres`, `sandbox`, `whole_run` or `slow` gets the mark `unit`.
- A test that is parametrized by the origin of PostgreSQL stays on one origin; its others get the mark `matrix`. Within a
  module the origins take turns, so that every module meets every origin.
- Tests with a mark of `APART` are left out, unless the expression of `-m` names the mark.

Files that take long come first, so that no worker is left alone with one at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

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
    turns: dict[str, Iterator[str]] = {}
    for (file, _), case in cases.items():
        usable = [origin for origin in origins_here() if origin in case and _fits(case[origin], origin)]
        if len(case) > 1 and usable:
            turn = turns.setdefault(file, _turns())
            chosen = next(origin for origin in turn if origin in usable)
            for origin, item in case.items():
                if origin != chosen:
                    item.add_marker("matrix")


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


def _turns() -> Iterator[str]:
    while True:
        yield from ORIGINS


def _without(name: str, origin: str) -> str:
    return "-".join(name.replace(origin, "").split("-"))


def _fits(item: pytest.Item, origin: str) -> bool:
    """Whether a test can say something on an origin: the mark `origins` names those on which it can."""
    mark = item.get_closest_marker("origins")
    return mark is None or origin in mark.args
