"""A cut-over that was killed: at every step it can be gone on with, and undone."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator

import pytest

from drills import cli
from drills.cutover import command, steps
from drills.cutover.journal import Store
from drills.cutover.model import Entry, Position, State
from drills.cutover.plan import _FORWARD
from tests.fix_cutover import Scene, make_scene
from tests.fix_sandbox import RunningSandbox, end_sandbox, start_sandbox
from tests.fix_service import DELAYS, get

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]

DISCARD = ("--discard-writes-since", "2020-01-01T00:00:00Z")


class Killed(BaseException):
    """Stands for the end of the process: nothing in the engine catches it."""


class Dying:
    """A journal whose process ends when an entry is to be written: just after it was, or just before."""

    def __init__(self, store: Store, number: int, *, after: bool) -> None:
        self._store, self._number, self._after = store, number, after
        self.ids, self.read, self.shown = store.ids, store.read, store.shown

    def append(self, cutover_id: str, entry: Entry) -> None:
        """Write the entry, and die where it was said."""
        if entry.number == self._number and not self._after:
            raise Killed
        self._store.append(cutover_id, entry)
        if entry.number == self._number:
            raise Killed


@pytest.fixture(scope="module")
def own_sandbox() -> Iterator[RunningSandbox]:
    """A sandbox of this module's own."""
    running = start_sandbox(delays=DELAYS)
    yield running
    end_sandbox(running)


class Desk:
    """The command line in this process, which is quicker than one of its own for each of very many commands."""

    def __init__(self, scene: Scene, monkeypatch: pytest.MonkeyPatch, position: Position = "healthy") -> None:
        self.scene, self.position = scene, position
        monkeypatch.chdir(scene.folder)
        for name in ("AWS_ENDPOINT_URL", "PGSSLROOTCERT"):
            monkeypatch.setenv(name, scene.environment[name])
        self._desk = command.open_desk(self._options("resume"))

    def _options(self, *words: str) -> argparse.Namespace:
        return cli._parser().parse_args(["cutover", *words, "--confirm", self.scene.name])

    def do(self, *words: str, die_at: int = 0, after: bool = True) -> State | None:
        """The state at the end, None where it died on the way."""
        desk = self._desk
        if die_at:
            desk = dataclasses.replace(desk, store=Dying(desk.store, die_at, after=after))
        # each command asks the address anew and holds the lock anew, as a process of its own does
        try:
            return command.carry_out(command.fresh(desk), self._options(*words))
        except Killed:
            return None

    def entries(self) -> tuple[Entry, ...]:
        """The last journal."""
        store = self._desk.store
        return store.read(store.ids()[-1])


@pytest.fixture
def no_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verifying the data changes nothing, so that it need not be repeated for each kill."""
    monkeypatch.setitem(steps.STEPS, "verify", lambda world, state: {"marker": '"orders": 3'})  # type: ignore[arg-type]


@pytest.fixture
def desk(healthy: Scene, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The command line for the healthy source."""
    return Desk(healthy, monkeypatch)


@pytest.fixture(scope="module")
def healthy(own_sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A source whose data are wrong."""
    return make_scene(own_sandbox, "kills", tmp_path_factory.mktemp("kills"))


@pytest.mark.usefixtures("no_checks")
class TestKilledBetweenWrites:
    """Where the process ends between two writes of the journal, whatever was done meanwhile."""

    @pytest.mark.parametrize("key", _FORWARD["healthy"])
    def test_a_rollback_restores_what_was(self, healthy: Scene, desk: Desk, key: str) -> None:
        """Killed when the step is done and not yet written: the source under its name, its data, the service up."""
        source = healthy.identity()
        _kill(desk, key)
        state = desk.do("rollback", *DISCARD)
        assert state is not None
        assert state.ended
        assert healthy.identity() == source
        assert healthy.orders() == 1
        assert (healthy.count(), healthy.suspended(), get(healthy.url).status) == (1, False, 200)
        assert healthy.source.described()["VpcSecurityGroups"][0]["VpcSecurityGroupId"] == healthy.group
        _forget(healthy, state)

    def test_going_on_completes(self, healthy: Scene, desk: Desk) -> None:
        """Killed after each beginning and before each end, one cut-over ends as if it had not been."""
        source = healthy.identity()
        _killed_everywhere(desk, "healthy")
        restored = healthy.identity()
        assert restored not in ("", source)
        assert (healthy.identity(f"{healthy.name}del"), healthy.orders(), healthy.count()) == (source, 3, 1)
        assert get(healthy.url).json["orders"] == 3


def _kill(desk: Desk, key: str) -> None:
    """Run until the step is done, and die before that is written; then in a rollback of it, so that this is resumed too."""
    assert desk.do("run", die_at=_entry_of(desk, key) + 1, after=False) is None
    last = desk.entries()[-1]
    assert (last.event, last.step) == ("begin", key)


def _entry_of(desk: Desk, key: str) -> int:
    """The number of the entry that begins a step; the first one is the opening."""
    return 2 * _FORWARD[desk.position].index(key) + 2


def _killed_everywhere(desk: Desk, position: Position) -> None:
    """One cut-over, killed twice at every step: just after its beginning was written, and just before its end is."""
    assert desk.do("run", die_at=1) is None
    for key in _FORWARD[position]:
        for after in (True, False):
            assert desk.do("resume", die_at=len(desk.entries()) + (1 if after else 2), after=after) is None
            last = desk.entries()[-1]
            assert (last.event, last.step) == ("begin", key)
        assert desk.do("resume", die_at=len(desk.entries()) + 2) is None
        last = desk.entries()[-1]
        assert (last.event, last.step) == ("done", key)
    state = desk.do("resume")
    assert state is not None
    assert state.ended


def _forget(scene: Scene, state: State) -> None:
    """Remove the instance that a rollback has put aside: each is a server."""
    rds, name = scene.sandbox.client("rds"), state.opening.aside
    if scene.identity(name):
        rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
        rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
