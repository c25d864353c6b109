"""Which cases `tox -e tests` runs."""

from __future__ import annotations

from itertools import islice

from tests.support.cluster import ORIGINS
from tests.support.selecting import turns_of


def test_every_folder_meets_every_origin() -> None:
    """Where a folder has a module for each origin a module stays on one that it has; in fewer the origins take turns."""
    first, *others = ORIGINS
    turns = turns_of({"a/1": ORIGINS, "a/2": [first], "a/3": ORIGINS, "a/4": others, "a/5": others, "b/1": ORIGINS})
    said = {file: list(islice(turn, len(ORIGINS))) for file, turn in turns.items()}

    assert {file: len(set(origins)) for file, origins in said.items()} == {
        "a/1": 1,
        "a/2": 1,
        "a/3": 1,
        "a/4": 1,
        "a/5": 1,
        "b/1": len(ORIGINS),
    }
    assert said["a/2"] == [first] * len(ORIGINS)
    assert {origins[0] for file, origins in said.items() if file.startswith("a/")} == set(ORIGINS)
    assert said["b/1"] == list(ORIGINS)
