"""Files that one process at a time uses."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drills.clock import SystemClock
from drills.files import half_of, is_half, locked, try_lock, write_atomically, write_privately
from tests.support.between import at_every_step


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """One file, opened twice."""
    path = tmp_path / "file"
    files = [os.open(path, os.O_RDWR | os.O_CREAT) for _ in range(2)]
    yield files[0], files[1]
    for file in files:
        os.close(file)


def test_an_exclusive_lock_excludes_every_other(two: tuple[int, int]) -> None:
    """Neither an exclusive nor a shared lock is given beside an exclusive one; it is free again after the block."""
    first, second = two
    with locked(first, 1.0, SystemClock(), waiting_for="the other one"):
        assert not try_lock(second)
        assert not try_lock(second, shared=True)
    assert try_lock(second)


def test_readers_share_a_lock(two: tuple[int, int]) -> None:
    """Two shared locks stand beside each other, and exclude a writer."""
    first, second = two
    with locked(first, 1.0, SystemClock(), waiting_for="the writer", shared=True):
        assert try_lock(second, shared=True)
        assert not try_lock(second)


def test_a_lock_that_is_never_released_ends_the_wait(two: tuple[int, int]) -> None:
    """TimeoutError names what was waited for."""
    first, second = two
    assert try_lock(first)
    with (
        pytest.raises(TimeoutError, match="the other run"),
        locked(second, 0.2, SystemClock(), waiting_for="the other run"),
    ):
        pass


@pytest.mark.parametrize("write", [write_atomically, write_privately])
def test_a_file_that_two_write_at_once_is_whole(tmp_path: Path, write: Callable[[Path, str], None]) -> None:
    """Two threads, or processes of two containers, which can have one pid: each writes under a name of its own."""
    path = tmp_path / "file"
    steps = 0
    for step, _, _, _ in at_every_step(
        lambda: None, lambda _: tmp_path, lambda _: write(path, "mine"), lambda _: write(path, "other")
    ):
        assert path.read_text() == "mine", step
        assert list(tmp_path.iterdir()) == [path], step
        steps += 1
    assert steps > 1


def test_a_half_is_known_by_its_name(tmp_path: Path) -> None:
    """Whatever file it is of."""
    for name in ("drill.json", ".plan.json"):
        assert is_half(half_of(tmp_path / name).name)
        assert not is_half(name)
