"""Whatever another process does between two steps of one that works on the same chain, neither is disturbed by it."""

from __future__ import annotations

import dataclasses
import itertools
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from drills.errors import DrillError, NotSealed
from drills.evidence import chain_check
from drills.evidence.bundle import Bundle
from drills.evidence.chain_check import verify_chain
from drills.evidence.check import Problem
from drills.evidence.folder import Begun, alone
from drills.evidence.keeper import Keeper
from drills.evidence.numbers import SharedChain
from drills.evidence.start import summary_of
from drills.evidence.store import FolderStore
from drills.record import to_json
from tests.support.between import at_every_step
from tests.support.clock import HandClock
from tests.support.evidence import KEY, SIGNED
from tests.support.ledger import CHAIN, draft, kept, opening, sealed, started


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


class Machines:
    """Machines that share a store in which the chain has a sealed run."""

    def __init__(self, root: Path) -> None:
        self.root, self.store = root, FolderStore(root / "store")

    def drilled(self, run: str) -> None:
        """Drill on a machine of its own, with its evidence."""
        work = self.root / f"work-{run}"
        work.mkdir()
        keeper = Keeper(self.root / run / CHAIN, SIGNED, self.store, HandClock())
        begun = keeper.begin(draft(opening(run)), work)
        place = summary_of(begun.record, begun.digest, "")
        (work / "drill.json").write_text(to_json(dataclasses.replace(opening(run), evidence=place)))
        keeper.seal_run(work, place, run)
        os.close(begun.held)

    def fetched(self, into: str = "here") -> list[Problem]:
        """What does not verify of the chain as it was fetched; a run that goes on elsewhere has no result here."""
        SharedChain(self.store, CHAIN).fetch(self.root / into)
        return [each for each in verify_chain(self.root / into / CHAIN, KEY) if each.kind != "start"]


@pytest.fixture
def machines(tmp_path: Path) -> Callable[[], Machines]:
    """Make others, as often as it is called."""
    counted = itertools.count()
    (tmp_path / "first" / "store").mkdir(parents=True)
    Machines(tmp_path / "first").drilled("a")
    return lambda: Machines(shutil.copytree(tmp_path / "first", tmp_path / str(next(counted))))


def test_what_is_fetched_while_another_machine_writes_verifies(machines: Callable[[], Machines]) -> None:
    """What it has written half is left for the next time; what it writes under for a moment is never fetched."""
    for step, state, _, found in at_every_step(
        machines, lambda state: state.root / "store", lambda state: state.drilled("b"), Machines.fetched, stride=3
    ):
        assert found == [], step
        assert state.fetched() == [], step
        assert (state.root / "here" / CHAIN / "0002-b" / "SHA256SUMS.sig").exists()


@pytest.mark.parametrize("act", [Machines.fetched, lambda state: state.drilled("b")])
def test_two_who_fetch_at_once_both_have_the_whole_chain(
    machines: Callable[[], Machines], act: Callable[[Machines], list[Problem] | None]
) -> None:
    """A file that another fetched meanwhile is no fault, nor what another machine adds to the store."""
    for step, _, mine, other in at_every_step(
        machines, lambda state: state.root / "here", Machines.fetched, act, stride=5
    ):
        assert mine == [], step
        assert not other, step


class Refusing(FolderStore):
    """A store that takes numbers and no start record, and lets another act before it refuses one."""

    def __init__(self, folder: Path, act: Callable[[], None]) -> None:
        super().__init__(folder)
        self._act = act

    def put(self, name: str, data: bytes) -> None:
        """Refuse."""
        self._act()
        raise NotSealed("expected to write it, found: No space left on device")


def test_a_start_that_the_store_refuses_is_no_link_of_the_chain_here(tmp_path: Path) -> None:
    """Another run of the machine that begins meanwhile never follows an entry that is taken back."""
    (tmp_path / "store").mkdir()
    (tmp_path / "work").mkdir()
    here = tmp_path / "m" / CHAIN
    seen: list[list[str]] = []
    store = Refusing(tmp_path / "store", lambda: seen.append([path.name for path in here.rglob("*.json")]))

    with pytest.raises(DrillError, match="No space left on device: the run was not begun"):
        Keeper(here, SIGNED, store, HandClock()).begin(draft(opening("b")), tmp_path / "work")
    assert seen == [[]]
