"""Whatever another process does between two steps of one that works on the same chain, neither is disturbed by it."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from drills.evidence import chain_check
from drills.evidence.bundle import Bundle
from drills.evidence.chain_check import verify_chain
from drills.evidence.check import Problem
from drills.evidence.folder import Begun, alone
from drills.evidence.keeper import Keeper
from tests.support.between import at_every_step
from tests.support.clock import HandClock
from tests.support.evidence import KEY, SIGNED
from tests.support.ledger import CHAIN, kept, opening, sealed, started


@pytest.fixture(autouse=True)
def no_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bring nothing to the disk: whoever reads on this machine sees what was written all the same."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


class Chain:
    """A chain with a sealed run and two that go on."""

    def __init__(self, root: Path) -> None:
        self.folder = root / CHAIN
        kept(self.folder, "a")
        self.open_ones = [self.begun(run) for run in "bc"]

    def begun(self, run: str = "d") -> Begun:
        """Begin a run, which goes on."""
        return started(self.folder, opening(run), running=True)

    def sealed(self, number: int) -> Bundle:
        """Seal a run that goes on; it ends by that."""
        begun = self.open_ones[number]
        bundle = sealed(self.folder, begun, opening(begun.record.run_id))
        os.close(begun.held)
        return bundle

    def begun_and_sealed(self) -> None:
        """Begin another run and seal it."""
        self.open_ones.append(self.begun())
        self.sealed(-1)

    def verified(self) -> tuple[Problem, ...]:
        """What does not verify."""
        return verify_chain(self.folder, KEY)

    def abandoned(self) -> list[str]:
        """The runs that were begun and have ended without a bundle."""
        return [each.run_id for each in Keeper(self.folder, SIGNED, None, HandClock()).abandoned()]


@pytest.fixture
def chain(tmp_path: Path) -> Callable[[], Chain]:
    """Make another chain, as often as it is called."""
    counted = itertools.count()
    return lambda: Chain(tmp_path / str(next(counted)))


@pytest.mark.parametrize("act", [Chain.begun, lambda chain: chain.sealed(0), Chain.begun_and_sealed])
def test_who_reads_while_another_drills_finds_no_problem(
    chain: Callable[[], Chain], act: Callable[[Chain], object]
) -> None:
    """A run that begins, that is sealed, or both, between any two looks of the reader."""
    steps = 0
    for step, _, found, _ in at_every_step(chain, lambda chain: chain.folder, Chain.verified, act):
        assert found == (), step
        steps += 1
    assert steps > 30
    assert not any(found for _, _, found, _ in at_every_step(chain, lambda chain: chain.folder, Chain.abandoned, act))


def test_a_run_that_begins_is_never_taken_for_one_that_has_ended(chain: Callable[[], Chain]) -> None:
    """Its start record is held before it has its name: nobody seals it as abandoned, or calls it without a result."""
    for step, _, _, found in at_every_step(chain, lambda chain: chain.folder, Chain.begun, Chain.abandoned):
        assert found == [], step


def test_who_verifies_while_a_run_begins_waits_before_it_calls_a_seal_a_stranger(
    chain: Callable[[], Chain], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signature is written before its record: what is alone at the first look is looked at again when nobody writes."""
    waits = threading.Event()

    @contextmanager
    def seen(*arguments: Any, **options: Any) -> Iterator[None]:
        waits.set()
        with alone(*arguments, **options):
            yield

    monkeypatch.setattr(chain_check, "alone", seen)
    found: list[Problem] = []

    def read(state: Chain) -> None:
        found.extend(state.verified())
        waits.set()

    def reader(state: Chain) -> threading.Thread:
        waits.clear()
        thread = threading.Thread(target=read, args=(state,))
        thread.start()
        waits.wait(60)  # it has read all, or waits for the run that begins
        return thread

    for step, _, _, thread in at_every_step(chain, lambda chain: chain.folder, Chain.begun, reader):
        thread.join(60)
        assert found == [], step


def test_two_runs_that_are_sealed_at_once_each_get_their_bundle(chain: Callable[[], Chain]) -> None:
    """The folder in which one of them is made is not taken for what a dead process left, nor missed when it is renamed."""
    for step, state, _, _ in at_every_step(
        chain, lambda chain: chain.folder, lambda chain: chain.sealed(0), lambda chain: chain.sealed(1)
    ):
        assert state.verified() == (), step
    for step, state, _, _ in at_every_step(
        chain, lambda chain: chain.folder, Chain.begun, lambda chain: chain.sealed(1)
    ):
        assert state.verified() == (), step
