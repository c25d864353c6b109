"""What goes wrong on the way ends in a stated position, with the command to type next; then the cut-over goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import psutil
import pytest

from drills.clock import SystemClock
from drills.cutover.environment import Environment
from drills.cutover.model import State
from drills.cutover.run import CutoverStopped
from drills.cutover.steps import STEPS
from drills.errors import ConfigError, DrillError, Refused
from tests.support.cutover import DISCARD, CommandLine, Scene, make_scene
from tests.support.sandbox import RunningSandbox
from tests.support.service import Instance, eventually, get

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]


@pytest.fixture(scope="module")
def scene(own_sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """One service for all of them: each goes on where the one before has stopped."""
    return make_scene(own_sandbox, "faults", tmp_path_factory.mktemp("faults"))


@pytest.fixture
def commands(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line; verifying the data is left to the other tests."""
    monkeypatch.setitem(STEPS, "verify", lambda env, state: {"marker": ""})
    return CommandLine(scene, monkeypatch)


class Meddling(SystemClock):
    """A clock that asks for two tasks whenever somebody waits, or begins to."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def monotonic(self) -> float:
        """Raise the count before anybody looks: the tasks may have stopped by then."""
        self._raise()
        return super().monotonic()

    def sleep(self, seconds: float) -> None:
        """Raise the count, then wait."""
        self._raise()
        super().sleep(seconds)

    def _raise(self) -> None:
        ecs = self._scene.sandbox.client("ecs")
        ecs.update_service(cluster=self._scene.name, service=self._scene.name, desiredCount=2)


class Hurried(SystemClock):
    """A clock on which a minute passes whenever somebody waits for the sessions of the source to end."""

    def __init__(self, commands: CommandLine) -> None:
        self._commands, self._passed = commands, 0.0

    def monotonic(self) -> float:
        """Seconds, with those that have only been said to have passed."""
        return super().monotonic() + self._passed

    def sleep(self, seconds: float) -> None:
        """Wait, and let the minute pass."""
        super().sleep(seconds)
        self._passed += 60.0 * (self._commands.entries()[-1].step == "sessions")


@contextmanager
def frozen(sandbox: RunningSandbox) -> Iterator[None]:
    """The web application's processes go on with nothing, not even with their end."""
    children = psutil.Process(sandbox.process.pid).children(recursive=True)
    tasks = [each for each in children if "drills.sandbox.service.webapp" in each.cmdline()]
    assert tasks
    for each in tasks:
        each.suspend()
    try:
        yield
    finally:
        for each in tasks:
            with suppress(psutil.NoSuchProcess):  # the sandbox kills it in the end
                each.resume()


def stopped(commands: CommandLine, words: tuple[str, ...], step: str, *said: str) -> str:
    """The command stops at a step; it says why, where everything is, and what to type next."""
    with pytest.raises(CutoverStopped) as caught:
        commands.do(*words)
    sentence = str(caught.value)
    last = commands.entries()[-1]
    assert (last.event, last.step) == ("failed", step)
    assert sentence.startswith(f"stopped at the step '{step}'")
    for each in (*said, "  now: ", f"drills cutover resume {commands.env.target.instance and last_id(commands)}"):
        assert each in sentence
    return sentence


def last_id(commands: CommandLine) -> str:
    """The id of the last cut-over."""
    return str(commands.entries()[0].facts["id"])


def quicker(commands: CommandLine, **changes: Any) -> None:
    """Other values of the target's cut-over."""
    commands.change(config=commands.env.config.model_copy(update=changes))


class TestOnTheWay:
    """One cut-over that is stopped by one fault after another, and done in the end."""

    def test_tasks_that_do_not_stop(self, commands: CommandLine, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """They are asked for, and the service's name is in the command to look with."""
        usual = STEPS["stop-tasks"]

        def stop(env: Environment, state: State) -> dict[str, Any]:
            with frozen(scene.sandbox):
                return usual(env, state)

        monkeypatch.setitem(STEPS, "stop-tasks", stop)
        quicker(commands, service_timeout=timedelta(milliseconds=1))
        stopped(commands, ("run",), "stop-tasks", "no task of faults/faults to be left", "aws ecs list-tasks")

    def test_a_second_cut_over_is_refused_while_one_is_under_way(self, commands: CommandLine) -> None:
        """It names the one that is, and how to go on with it."""
        with pytest.raises(ConfigError, match="drills cutover rollback"):
            commands.do("run")

    def test_something_that_raises_the_count_again(self, commands: CommandLine, scene: Scene) -> None:
        """It is told from tasks that do not stop."""
        scene.sandbox.client("ecs").update_service(cluster=scene.name, service=scene.name, desiredCount=1)
        eventually(lambda: scene.sandbox.client("ecs").list_tasks(cluster=scene.name)["taskArns"], "a task to run")
        commands.change(clock=Meddling(scene))
        stopped(commands, ("resume",), "stop-tasks", "something has raised it to 2")

    def test_a_session_that_is_still_connected(self, commands: CommandLine, scene: Scene) -> None:
        """It is named by its application, role and database, and blocks until it is accepted."""
        commands.change(clock=Hurried(commands))
        with scene.source.connect() as session:
            session.execute("SET application_name = 'nightly report'")
            stopped(commands, ("resume",), "sessions", "nightly report as owner from", "--accept-sessions")

    def test_a_name_that_somebody_took_meanwhile(self, commands: CommandLine, scene: Scene) -> None:
        """The rename is refused before it is asked for, naming the instance that has the name."""
        rds = scene.sandbox.client("rds")
        given = {
            "DBInstanceClass": "db.t4g.medium",
            "Engine": "postgres",
            "AllocatedStorage": 20,
            "MasterUsername": "owner",
        }
        password = scene.source.password
        rds.create_db_instance(
            DBInstanceIdentifier="faultsdel", MasterUserPassword=password, BackupRetentionPeriod=0, **given
        )
        sentence = stopped(commands, ("resume",), "rename", scene.identity("faultsdel"), "rename or remove that one")
        assert "the source is called faults and admits the drill host alone" in sentence
        Instance(scene.sandbox, "faultsdel", password).available()
        rds.delete_db_instance(DBInstanceIdentifier="faultsdel", SkipFinalSnapshot=True)
        eventually(lambda: not scene.identity("faultsdel"), "the other instance to be gone")

    @pytest.mark.parametrize(
        ("fault", "said"),
        [("quota-exceeded", "InstanceQuotaExceeded"), ("access-denied", "AccessDenied")],
    )
    def test_a_restore_that_is_refused(self, commands: CommandLine, scene: Scene, fault: str, said: str) -> None:
        """AWS's own words; the source is renamed, and nothing is restored."""
        control = scene.sandbox.control
        control.arm(fault, service="rds", operation="RestoreDBInstanceFromDBSnapshot")
        sentence = stopped(commands, ("resume",), "restore", said, "drills cutover rollback")
        assert "the source is called faultsdel" in sentence
        assert any(each["struck"] for each in control.faults() if each["kind"] == fault)
        control.clear_faults()

    def test_a_call_that_is_throttled_and_whose_answer_is_lost_is_made_once(
        self, commands: CommandLine, scene: Scene
    ) -> None:
        """Throttling is waited for; then the restored instance is spoilt, which is told with its status."""
        control = scene.sandbox.control
        control.clear_faults()  # what other modules of this session have armed
        control.arm("throttling", service="rds", operation="RestoreDBInstanceFromDBSnapshot", times=2)
        control.arm("incompatible-restore", service="rds", name="faults")
        stopped(commands, ("resume",), "settle", "'incompatible-restore' and never becomes available from there")
        assert [each["struck"] for each in control.faults()] == [2, 1]
        control.clear_faults()

    def test_a_rollback_that_cannot_rename_says_what_to_delete(self, commands: CommandLine, scene: Scene) -> None:
        """It deletes nothing by itself; once that is done it goes on, and the service is up again."""
        said = "aws rds delete-db-instance --db-instance-identifier faults --skip-final-snapshot"
        stopped(commands, ("rollback",), "move-aside", said)
        rds = scene.sandbox.client("rds")
        rds.delete_db_instance(DBInstanceIdentifier="faults", SkipFinalSnapshot=True)
        eventually(lambda: not scene.identity("faults"), "the spoilt instance to be gone")
        state = commands.do("resume")
        assert state is not None
        assert (state.mode, state.ended, scene.orders(), get(scene.url).status) == ("back", True, 1, 200)
        assert scene.identity() == state.opening.source_resource_id

    def test_a_setting_that_differs(self, commands: CommandLine, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """The comparison stops it with exit code 11; a reason in drill.toml lets it pass; the rollback asks for leave."""
        monkeypatch.setitem(STEPS, "settle", _settled_otherwise)
        sentence = stopped(commands, ("run",), "compare", "multi_az: expected on, found off", "cutover.allowed")
        assert "writes are not open" in sentence
        quicker(commands, allowed={"multi_az": "a rehearsal needs no standby"})
        state = commands.do("resume")
        assert state is not None
        assert state.ended
        assert any("a rehearsal needs no standby" in each for each in state.facts["differences"])
        with pytest.raises(ConfigError, match="--discard-writes-since"):
            commands.do("rollback")
        with pytest.raises(ConfigError, match="--discard-writes-since"):
            commands.do("rollback", "--discard-writes-since", "2999-01-01T00:00:00Z")
        back = commands.do("rollback", *DISCARD)
        assert back is not None
        assert (back.ended, scene.orders()) == (True, 1)


def _settled_otherwise(env: Any, state: State) -> dict[str, Any]:
    """The restored instance without its standby."""
    from drills.cutover import database

    state.opening.wanted["MultiAZ"] = False
    return database.settle(env, state)


class TestBefore:
    """What is refused before anything is begun."""

    def test_the_name_is_typed(self, commands: CommandLine, scene: Scene) -> None:
        """Another name, or none, begins nothing."""
        before = scene.drills("plan").returncode, scene.count()
        with pytest.raises(Refused, match="--confirm faults"):
            commands.do("run", "--confirm", "other")
        assert before == (0, scene.count())

    def test_one_at_a_time(self, commands: CommandLine, scene: Scene) -> None:
        """While one process holds the lock another one is refused, naming it."""
        commands.env.lock.acquire()
        try:
            with pytest.raises(DrillError, match=r"expected the lock .* to be free, found it held by"):
                commands.do("run")
        finally:
            commands.env.lock.release()

    def test_a_profile_must_allow_it(self, commands: CommandLine, scene: Scene) -> None:
        """Without cuts_over nothing is touched."""
        text = (scene.folder / "drill.toml").read_text(encoding="utf-8")
        (scene.folder / "drill.toml").write_text(text.replace('"cuts_over"', ""), encoding="utf-8")
        try:
            refused = scene.drills("run")
        finally:
            (scene.folder / "drill.toml").write_text(text, encoding="utf-8")
        assert refused.returncode == 2
        assert 'does not allow "cuts_over"' in refused.stderr
