"""Which cases `tox -e tests` runs."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from tests.support.cluster import ORIGINS
from tests.support.selecting import ENOUGH, turns_of


def test_every_folder_meets_every_origin() -> None:
    """With a module for each origin a module stays on one that it has; fewer share them, but for a long one."""
    first, *others = ORIGINS
    turns = turns_of(
        {"a/1": ORIGINS, "a/2": [first], "a/3": ORIGINS, "a/4": others, "a/5": others, "b/1": ORIGINS}
        | {"c/1": ORIGINS, "c/2": others, "c/3": ORIGINS, "d/1": ORIGINS, "d/2": ORIGINS},
        Counter({"c/1": ENOUGH, "d/1": ENOUGH * 20, "d/2": 1}),
    )
    said = {file: list(islice(turn, len(ORIGINS))) for file, turn in turns.items()}

    assert {file: len(set(origins)) for file, origins in said.items()} == {
        "a/1": 1,
        "a/2": 1,
        "a/3": 1,
        "a/4": 1,
        "a/5": 1,
        "b/1": len(ORIGINS),
        "c/1": 2,
        "c/2": 1,
        "c/3": 1,
        "d/1": len(ORIGINS),
        "d/2": 2,
    }
    assert said["a/2"] == [first] * len(ORIGINS)
    assert {origins[0] for file, origins in said.items() if file.startswith("a/")} == set(ORIGINS)
    assert said["b/1"] == list(ORIGINS)
    assert {origin for file, origins in said.items() if file.startswith("c/") for origin in origins} == set(ORIGINS)
