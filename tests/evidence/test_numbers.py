"""Machines that share nothing but a store give each of their runs a number of its own, and one chain comes of it."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.clock import SystemClock
from drills.errors import DrillError, NotSealed
from drills.evidence.chain_check import verify_chain
from drills.evidence.folder import Begun, read_chain
from drills.evidence.keeper import Keeper
from drills.evidence.seal import Seal
from drills.evidence.start import summary_of
from drills.evidence.store import FolderStore
from drills.model.record import RunRecord
from drills.record import to_json
from tests.support.evidence import KEY, SIGNED
from tests.support.ledger import CHAIN, draft, opening


class Machines:
    """Machines that are made anew for each run, and a store that all of them reach."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, FolderStore(folder / "store")
        (folder / "store").mkdir()
        self.copy = folder / "store" / CHAIN

    def keeper(self, machine: str, seal: Seal = SIGNED) -> Keeper:
        """The evidence of a run on that machine."""
        return Keeper(self.folder / machine / CHAIN, seal, self.store, SystemClock())

    def begun(self, run: str, *, machine: str = "", seal: Seal = SIGNED, **changes: object) -> Begun:
        """Begin a run, on a machine of its own; no process of it lives any more."""
        mine = dataclasses.replace(draft(opening(run)), **changes)  # type: ignore[arg-type]
        work = self.folder / f"work-{run}"
        work.mkdir()
        begun = self.keeper(machine or run, seal).begin(mine, work)
        os.close(begun.held)
        return begun

    def sealed(self, run: str) -> Begun:
        """A run that was begun and sealed."""
        begun = self.begun(run)
        place = summary_of(begun.record, begun.digest, "")
        whole: RunRecord = dataclasses.replace(opening(run), evidence=place)
        (self.folder / f"work-{run}" / "drill.json").write_text(to_json(whole))
        self.keeper(run).seal_run(self.folder / f"work-{run}", place, run)
        return begun


@pytest.fixture
def machines(tmp_path: Path) -> Machines:
    """Machines without any evidence yet."""
    return Machines(tmp_path)


def test_a_machine_with_an_empty_folder_goes_on_where_the_store_ends(machines: Machines) -> None:
    """The number and the digest of the entry before come from there; the store has one chain that verifies."""
    for run in "abc":
        machines.sealed(run)

    assert verify_chain(machines.copy, KEY) == ()
    found, _ = read_chain(machines.copy)
    assert [(each.record.sequence, each.record.previous_is) for each in found.starts] == [
        (1, ""),
        (2, "bundle"),
        (3, "bundle"),
    ]


def test_fresh_machines_at_once_each_get_a_number(machines: Machines) -> None:
    """None of them is taken twice, and none left out: who is late takes the next."""
    with ThreadPoolExecutor(6) as pool:
        begun = list(pool.map(machines.begun, (f"r{number}" for number in range(12))))

    assert sorted(each.record.sequence for each in begun) == list(range(1, 13))
    assert {each.kind for each in verify_chain(machines.copy, KEY)} == {"start"}  # none has a result yet


def test_a_run_that_was_killed_between_number_and_start_leaves_no_gap(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes next announces it, with its signature: that a run was begun cannot disappear."""
    put: Callable[[FolderStore, str, bytes], None] = FolderStore.put

    def dies(store: FolderStore, name: str, data: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FolderStore, "put", dies)
    with pytest.raises(KeyboardInterrupt):
        machines.begun("killed")
    monkeypatch.setattr(FolderStore, "put", put)
    assert not (machines.copy / "starts").exists()

    assert machines.begun("next").record.sequence == 2
    assert [each.sentence.partition(":")[0] for each in verify_chain(machines.copy, KEY)] == ["no result"] * 2
    assert (machines.copy / "starts" / "0001-killed.json.sig").exists()


def test_a_machine_that_kept_its_folder_sees_what_others_began(machines: Machines) -> None:
    """Its own newest entry is not the newest one."""
    machines.begun("a", machine="laptop")
    machines.begun("b")

    assert machines.begun("c", machine="laptop").record.sequence == 3


def test_what_the_folder_alone_has_counts_too(machines: Machines) -> None:
    """A store that was configured later begins behind the runs of before."""
    unstored = dataclasses.replace(machines.keeper("laptop"), store=None)
    os.close(unstored.begin(draft(opening("a")), machines.folder).held)

    begun = machines.begun("b", machine="laptop")
    assert (begun.record.sequence, begun.record.previous_is) == (2, "start")


def test_a_chain_of_other_runs_in_the_store_is_refused_by_its_address(machines: Machines) -> None:
    """A run on AWS does not follow simulated ones, nor an unsigned run signed ones, whatever machine it is made on."""
    machines.begun("a")

    with pytest.raises(DrillError, match=f"expected runs like this one in {machines.store.url}/{CHAIN}, found"):
        machines.begun("b", simulated=False)
    with pytest.raises(DrillError, match=f"since the runs in {machines.store.url}/{CHAIN} are signed"):
        machines.begun("c", seal=Seal())


def test_a_number_that_holds_no_start_record_is_refused(machines: Machines) -> None:
    """Nothing of a file that somebody else put there becomes evidence."""
    for index, content in enumerate(("no json", "[]", "{}", json.dumps({"../x.json": "YQ=="}))):
        machines.store.claim(f"numbers/{CHAIN}/0001.json", content.encode())
        with pytest.raises(DrillError, match="expected the start record that has this number, found another file"):
            machines.begun(f"r{index}")
        (machines.folder / "store" / "numbers" / CHAIN / "0001.json").unlink()


def test_a_bundle_whose_signature_is_not_there_yet_is_not_named(machines: Machines) -> None:
    """It is being uploaded: the start record before it stands for it."""
    machines.sealed("a")
    (machines.copy / "0001-a" / "SHA256SUMS.sig").unlink()

    assert machines.begun("b").record.previous_is == "start"


def test_a_store_that_cannot_be_listed_begins_nothing(machines: Machines) -> None:
    """A number that might be taken is none."""
    machines.store.put(f"{CHAIN}/starts", b"a file")

    with pytest.raises(DrillError, match="the run was not begun"):
        machines.begun("a")


@given(st.dictionaries(st.sampled_from("abc"), st.binary(max_size=8), max_size=3), st.sampled_from("abcd"))
def test_who_claims_a_name_finds_what_is_there(
    tmp_path_factory: pytest.TempPathFactory, kept: dict[str, bytes], name: str
) -> None:
    """The first writer's content, whatever it is, and nobody else's over it."""
    store = FolderStore(tmp_path_factory.mktemp("store"))
    for each, data in kept.items():
        assert store.claim(each, data) == data

    assert store.claim(name, b"mine") == kept.get(name, b"mine")
    assert store.names("") == frozenset({*kept, name})
    assert store.get("absent") is None
    with pytest.raises(NotSealed, match="nothing is written over"):
        store.put(name, b"other")
