"""A cut-over that was killed: at every step it can be gone on with, and undone."""

from __future__ import annotations

import pytest

from drills.cutover import database
from drills.cutover.model import Position, replay_journal
from drills.cutover.plan import _FORWARD, Step, steps
from drills.cutover.steps import STEPS
from tests.support.cutover import DISCARD, CommandLine, Scene, make_scene
from tests.support.sandbox import RunningSandbox
from tests.support.service import eventually, get

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]
POSITIONS = tuple(_FORWARD)


def kills(position: Position) -> list[object]:
    """The steps at which a cut-over is killed; a step that several positions have is in the usual tests for one of them."""
    cases: list[object] = []
    for key in _FORWARD[position]:
        having = [each for each in POSITIONS if key in _FORWARD[each]]
        chosen = having[_FORWARD[having[0]].index(key) % len(having)]
        cases.append(pytest.param(key, id=key, marks=[] if chosen == position else [pytest.mark.matrix]))
    return cases


@pytest.fixture
def no_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes nothing need not be repeated for each kill: the data are not verified, nobody is waited for."""
    monkeypatch.setattr(database, "_QUIET_SECONDS", 0.0)
    monkeypatch.setitem(STEPS, "verify", lambda env, state: {"marker": '"orders": 3'})


@pytest.fixture(scope="module")
def stuck(own_sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A source whose storage is full, and a hook that leads the service to another address."""
    scene = make_scene(own_sandbox, "full", tmp_path_factory.mktemp("full"))
    scene.write_config(
        switch=scene.make_hook(), allowed={"port": "in the sandbox a port belongs to a name"}, restored="full-restored"
    )
    own_sandbox.control.arm("storage-full", service="rds", name="full")
    own_sandbox.client("rds").create_db_snapshot(DBInstanceIdentifier="full", DBSnapshotIdentifier="the-last")
    eventually(lambda: scene.source.described()["DBInstanceStatus"] == "storage-full", "the storage to be full")
    return scene


@pytest.fixture(scope="module")
def gone(own_sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A source that somebody has deleted."""
    scene = make_scene(own_sandbox, "lost", tmp_path_factory.mktemp("lost"))
    _forget(scene, "lost")
    return scene


@pytest.fixture
def stuck_desk(stuck: Scene, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line for the source whose storage is full."""
    return CommandLine(stuck, monkeypatch, "stuck")


@pytest.fixture
def gone_desk(gone: Scene, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line for the source that is gone."""
    return CommandLine(gone, monkeypatch, "gone")


@pytest.fixture
def commands(healthy: Scene, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line for the healthy source."""
    return CommandLine(healthy, monkeypatch)


@pytest.fixture(scope="module")
def healthy(own_sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A source whose data are wrong."""
    return make_scene(own_sandbox, "kills", tmp_path_factory.mktemp("kills"))


@pytest.mark.usefixtures("no_checks")
class TestOfAHealthySource:
    """Where the process ends between two writes of the journal, whatever was done meanwhile."""

    @pytest.mark.parametrize("key", kills("healthy"))
    def test_a_rollback_restores_what_was(self, healthy: Scene, commands: CommandLine, key: str) -> None:
        """Killed when the step is done and not yet written: the source under its name, its data, the service up."""
        source = healthy.identity()
        _kill(commands, key)
        state = commands.do("rollback", *DISCARD)
        assert state is not None
        assert state.ended
        assert healthy.identity() == source
        assert healthy.orders() == 1
        assert (healthy.count(), healthy.suspended(), get(healthy.url).status) == (1, False, 200)
        assert healthy.source.described()["VpcSecurityGroups"][0]["VpcSecurityGroupId"] == healthy.group
        _forget(healthy, state.opening.aside)

    def test_going_on_completes(self, healthy: Scene, commands: CommandLine) -> None:
        """Killed after each beginning and before each end, one cut-over ends as if it had not been."""
        source = healthy.identity()
        _killed_everywhere(commands)
        restored = healthy.identity()
        assert restored not in ("", source)
        assert (healthy.identity(f"{healthy.name}del"), healthy.orders(), healthy.count()) == (source, 3, 1)
        assert get(healthy.url).json["orders"] == 3

    def test_a_rollback_that_is_killed_is_gone_on_with(self, healthy: Scene, commands: CommandLine) -> None:
        """The cut-over of the test before is undone, killed at each step of the way back; nothing is deleted."""
        source, restored = healthy.identity(f"{healthy.name}del"), healthy.identity()
        assert commands.do("rollback", *DISCARD, die_at=len(commands.entries()) + 1) is None
        for _ in steps_of_plan(commands):
            for after in (True, False):
                assert commands.do("resume", die_at=len(commands.entries()) + (1 if after else 2), after=after) is None
            assert commands.do("resume", die_at=len(commands.entries()) + 2) is None
        state = commands.do("resume")
        assert state is not None
        assert (state.mode, state.ended) == ("back", True)
        assert (healthy.identity(), healthy.identity(state.opening.aside)) == (source, restored)
        assert (healthy.orders(), get(healthy.url).json["orders"]) == (1, 1)


@pytest.mark.usefixtures("no_checks")
class TestOfASourceThatCannotBeModified:
    """Storage full: it is left as it is, and the application is led to another instance."""

    @pytest.mark.parametrize("key", kills("stuck"))
    def test_a_rollback_restores_what_was(self, stuck: Scene, stuck_desk: CommandLine, key: str) -> None:
        """Killed when the step is done and not yet written: the application looks at the old address again."""
        source = stuck.identity()
        _kill(stuck_desk, key)
        state = stuck_desk.do("rollback", *DISCARD)
        assert state is not None
        assert state.ended
        assert (stuck.identity(), stuck.source.described()["DBInstanceStatus"]) == (source, "storage-full")
        assert (stuck.count(), stuck.suspended(), stuck.port()) == (
            1,
            False,
            stuck.source.described()["Endpoint"]["Port"],
        )
        _forget(stuck, state.opening.restored)

    def test_going_on_completes(self, stuck: Scene, stuck_desk: CommandLine) -> None:
        """The service reads the restored instance, and the source is where it was."""
        source = stuck.identity()
        _killed_everywhere(stuck_desk)
        assert (stuck.identity(), stuck.source.described()["DBInstanceStatus"]) == (source, "storage-full")
        assert (stuck.orders(f"{stuck.name}-restored"), get(stuck.url).json["orders"], stuck.count()) == (3, 3, 1)


@pytest.mark.usefixtures("no_checks")
class TestOfASourceThatIsGone:
    """The name is free; the configuration is that of the recovery point."""

    @pytest.mark.parametrize("key", kills("gone"))
    def test_a_rollback_restores_what_was(self, gone: Scene, gone_desk: CommandLine, key: str) -> None:
        """Killed when the step is done and not yet written: no instance has the name, and the service looks for one."""
        _kill(gone_desk, key)
        state = gone_desk.do("rollback", *DISCARD)
        assert state is not None
        assert state.ended
        assert (gone.identity(), gone.count(), gone.suspended()) == ("", 1, False)
        assert state.opening.wanted_from.startswith("the recovery point")
        _forget(gone, state.opening.aside)

    def test_going_on_completes(self, gone: Scene, gone_desk: CommandLine) -> None:
        """The service reads the restored instance under the old name."""
        _killed_everywhere(gone_desk)
        assert (gone.orders(), get(gone.url).json["orders"], gone.count()) == (3, 3, 1)


def _kill(commands: CommandLine, key: str) -> None:
    """Run until the step is done, and die before that is written; then in a rollback of it, so that this is resumed too."""
    assert commands.do("run", die_at=_entry_of(commands, key) + 1, after=False) is None
    last = commands.entries()[-1]
    assert (last.event, last.step) == ("begin", key)


def _entry_of(commands: CommandLine, key: str) -> int:
    """The number of the entry that begins a step; the first one is the opening."""
    return 2 * _FORWARD[commands.position].index(key) + 2


def _killed_everywhere(commands: CommandLine) -> None:
    """One cut-over, killed twice at every step: just after its beginning was written, and just before its end is."""
    assert commands.do("run", die_at=1) is None
    for key in _FORWARD[commands.position]:
        for after in (True, False):
            assert commands.do("resume", die_at=len(commands.entries()) + (1 if after else 2), after=after) is None
            last = commands.entries()[-1]
            assert (last.event, last.step) == ("begin", key)
        assert commands.do("resume", die_at=len(commands.entries()) + 2) is None
        last = commands.entries()[-1]
        assert (last.event, last.step) == ("done", key)
    state = commands.do("resume")
    assert state is not None
    assert state.ended


def steps_of_plan(commands: CommandLine) -> tuple[Step, ...]:
    """The steps of the rollback."""
    return steps(replay_journal(commands.entries()).opening, "back")


def _forget(scene: Scene, name: str) -> None:
    """Remove the instance that a rollback has left: each is a server."""
    rds = scene.sandbox.client("rds")
    if scene.identity(name):
        rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
        rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        eventually(lambda: not scene.identity(name), f"{name} to be gone")
