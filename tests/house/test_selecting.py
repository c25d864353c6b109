"""Which cases `tox -e tests` runs."""

from __future__ import annotations

from itertools import islice

from tests.support.cluster import ORIGINS
from tests.support.selecting import turns_of


def test_every_folder_meets_every_origin() -> None:
    """Each of three modules stays on an origin of its own, one that it has; in fewer the origins take turns."""
    first, *others = ORIGINS
    turns = turns_of({"a/1": ORIGINS, "a/2": [first], "a/3": ORIGINS, "a/4": others, "b/1": ORIGINS})
    said = {file: list(islice(turn, 3)) for file, turn in turns.items()}

    assert {file: len(set(origins)) for file, origins in said.items()} == {
        "a/1": 1,
        "a/2": 1,
        "a/3": 1,
        "a/4": 1,
        "b/1": 3,
    }
    assert said["a/2"] == [first] * 3
    assert {origins[0] for file, origins in said.items() if file.startswith("a/")} == set(ORIGINS)
    assert said["b/1"] == list(ORIGINS)
