"""What is restored, with which configuration and how: each option and each way to know does what it says."""

from __future__ import annotations

import subprocess
from datetime import datetime

import pytest

from drills.clock import SystemClock
from drills.cutover.environment import Acknowledgements
from drills.cutover.model import State
from drills.cutover.plan import _FORWARD
from drills.cutover.run import CutoverStopped
from drills.cutover.steps import STEPS
from drills.errors import ConfigError, DrillError, NoRecoveryPoint
from tests.support.cutover import DISCARD, CommandLine, Scene, back_up, make_scene
from tests.support.sandbox import RunningSandbox
from tests.support.service import Instance, eventually, get

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]


@pytest.fixture(scope="module")
def scene(own_sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A healthy source under a key of its owner's, which can be restored to a moment."""
    key = own_sandbox.client("kms").create_key()["KeyMetadata"]["Arn"]
    more = {"BackupRetentionPeriod": 1, "StorageEncrypted": True, "KmsKeyId": key}
    return make_scene(own_sandbox, "opts", tmp_path_factory.mktemp("opts"), **more)


@pytest.fixture
def commands(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line; verifying the data is left to the other tests."""
    monkeypatch.setitem(STEPS, "verify", lambda env, state: {"marker": ""})
    return CommandLine(scene, monkeypatch)


@pytest.fixture(scope="module")
def stuck(own_sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A source whose storage is full; no hook leads the application anywhere."""
    scene = make_scene(own_sandbox, "byhand", tmp_path_factory.mktemp("byhand"))
    scene.write_config(allowed={"port": "in the sandbox a port belongs to a name"})
    own_sandbox.control.arm("storage-full", service="rds", name=scene.name)
    own_sandbox.client("rds").create_db_snapshot(DBInstanceIdentifier=scene.name, DBSnapshotIdentifier="byhand-last")
    eventually(lambda: scene.source.described()["DBInstanceStatus"] == "storage-full", "the storage to be full")
    return scene


@pytest.fixture(scope="module")
def gone(own_sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A source that was looked at by `drills posture`, and deleted since; its automated backups are retained."""
    scene = make_scene(own_sandbox, "kept", tmp_path_factory.mktemp("kept"), BackupRetentionPeriod=1)
    words = [scene.command("plan")[0], "posture", "--target", scene.name, "--endpoint-url", own_sandbox.endpoint]
    looked = subprocess.run(
        words, cwd=scene.folder, env=scene.environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert list((scene.folder / "posture").glob("*.json")), looked.stdout + looked.stderr
    remove(scene, scene.name, DeleteAutomatedBackups=False)
    return scene


def remove(scene: Scene, name: str, **more: bool) -> None:
    """Delete an instance, and wait until it is gone."""
    rds = scene.sandbox.client("rds")
    rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
    Instance(scene.sandbox, name, scene.source.password).available()
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True, **more)
    eventually(lambda: not scene.identity(name), f"{name} to be gone")


def stopped(commands: CommandLine, words: tuple[str, ...], step: str, *said: str) -> str:
    """The command stops at a step with exit code 12, says why and where everything is, and both commands to go on with."""
    with pytest.raises(CutoverStopped) as caught:
        commands.do(*words)
    sentence, last, known = str(caught.value), commands.entries()[-1], str(commands.entries()[0].facts["id"])
    assert (last.event, last.step, caught.value.exit_code) == ("failed", step, 12)
    for each in (f"stopped at the step '{step}'", "  now: ", f"drills cutover resume {known}", *said):
        assert each in sentence
    return sentence


def done(state: State | None) -> State:
    """The state of a command that came to its end."""
    assert state is not None
    assert state.ended
    return state


def moment(scene: Scene) -> datetime:
    """An instant of the source's server that the source can be restored to."""
    with scene.source.connect() as session:
        (at,) = session.execute("SELECT clock_timestamp()").fetchone() or (None,)
    assert isinstance(at, datetime)

    def restorable() -> bool:
        # a new instance has none before its first archive
        latest = scene.source.described().get("LatestRestorableTime")
        return latest is not None and latest > at

    eventually(restorable, "that moment to be restorable")
    return at


class TestOfAHealthySource:
    """One service; each cut-over is rolled back by its test."""

    def test_a_moment(self, commands: CommandLine, scene: Scene) -> None:
        """--at restores what was there at that instant, and what was written since is not in it."""
        with scene.source.connect() as session:
            session.execute("INSERT INTO shop.stray DEFAULT VALUES")
        at = moment(scene)
        with scene.source.connect() as session:
            session.execute("DELETE FROM shop.stray")
        state = done(commands.do("run", "--at", at.isoformat()))
        assert (state.opening.chosen.way, state.opening.chosen.moment) == ("moment", at)
        assert _strays(scene, scene.name) == 1
        assert _strays(scene, state.opening.renamed) == 0
        back(commands, scene)

    def test_a_moment_that_is_not_there_yet_is_refused(self, commands: CommandLine) -> None:
        """Nothing is begun; the latest one is named. A moment cannot be restored by a job, and one choice is enough."""
        with pytest.raises(ConfigError, match="--at: expected a moment up to 20"):
            commands.do("run", "--at", "2999-01-01T00:00:00Z")
        with pytest.raises(ConfigError, match="--job: expected a recovery point, found a moment"):
            commands.do("run", "--at", "latest", "--job")
        with pytest.raises(ConfigError, match="expected one of --point, --before and --at"):
            commands.do("run", "--at", "latest", "--before", "2026-01-01T00:00:00Z")
        with pytest.raises(NoRecoveryPoint):
            commands.do("run", "--before", "2026-01-01T00:00:00Z")

    def test_a_restore_job_is_for_points_of_aws_backup_alone(self, commands: CommandLine, scene: Scene) -> None:
        """RDS's own snapshots cannot be restored by --job: refused before the service is stopped."""
        snapshots = scene.sandbox.client("rds").describe_db_snapshots(DBInstanceIdentifier=scene.name)["DBSnapshots"]
        own = next(each["DBSnapshotIdentifier"] for each in snapshots if each["SnapshotType"] == "automated")
        with pytest.raises(ConfigError, match="--point: expected a recovery point of the target, found 'rds:opts-"):
            commands.do("run", "--point", own, "--job")
        assert scene.count() == 1

    def test_the_last_point_before_a_time_through_a_restore_job_with_other_counts(
        self, commands: CommandLine, scene: Scene
    ) -> None:
        """--before passes a newer point over, --job restores by AWS Backup, --count starts as many tasks as it says."""
        before = SystemClock().now().isoformat()
        newer = back_up(scene.sandbox, scene.source)
        words = ("--before", before, "--job", "--count", f"{scene.name}/{scene.name}=2")
        state = done(commands.do("run", *words))
        assert (state.opening.chosen.way, state.opening.chosen.arn) == ("job", scene.snapshot)
        assert newer != scene.snapshot
        assert (scene.orders(), scene.count(), get(scene.url).json["orders"]) == (3, 2, 3)
        calls = scene.sandbox.control.calls(service="backup", operation="StartRestoreJob")
        assert len(calls) == 1
        back(commands, scene)
        assert scene.count() == 2

    def test_a_restored_instance_without_its_network(self, commands: CommandLine, scene: Scene) -> None:
        """`incompatible-network`: its status is told, and the rollback names what a person must delete first."""
        scene.sandbox.control.clear_faults()  # what other modules of this session have armed
        scene.sandbox.control.arm("incompatible-network", service="rds", name=scene.name)
        sentence = stopped(
            commands, ("run",), "settle", "'incompatible-network' and never becomes available from there"
        )
        assert "the restored instance is called opts; writes are not open" in sentence
        stopped(commands, ("rollback",), "move-aside", "aws rds delete-db-instance --db-instance-identifier opts")
        assert [each["struck"] for each in scene.sandbox.control.faults()] == [1]
        scene.sandbox.control.clear_faults()
        scene.sandbox.client("rds").delete_db_instance(DBInstanceIdentifier=scene.name, SkipFinalSnapshot=True)
        eventually(lambda: not scene.identity(), "the spoilt instance to be gone")
        assert done(commands.do("resume")).mode == "back"
        assert scene.orders() == 1

    def test_a_key_that_was_disabled_on_the_way(self, commands: CommandLine, scene: Scene) -> None:
        """The restore is refused with AWS's words; once the key is enabled and the source started it goes on."""
        kms, rds = scene.sandbox.client("kms"), scene.sandbox.client("rds")
        key, begins = scene.source.described()["KmsKeyId"], 2 * _FORWARD["healthy"].index("restore") + 2
        assert commands.do("run", die_at=begins) is None
        kms.disable_key(KeyId=key)
        sentence = stopped(commands, ("resume",), "restore", "KMSKeyNotAccessibleFault", "drills cutover rollback")
        assert "the source is called optsdel and admits the drill host alone; the restore may have been" in sentence
        kms.enable_key(KeyId=key)
        old = Instance(scene.sandbox, "optsdel", scene.source.password)
        if old.described()["DBInstanceStatus"] != "available":
            rds.start_db_instance(DBInstanceIdentifier="optsdel")
        old.available()
        done(commands.do("resume"))
        assert scene.orders() == 3
        back(commands, scene)


class TestOfASourceThatCannotBeModified:
    """No hook is configured, so that a person leads the application there and back."""

    def test_the_switch_is_printed_and_then_taken_for_done(self, stuck: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """It stops with the address and the command; `resume --switched` goes on, and so it is on the way back."""
        monkeypatch.setitem(STEPS, "verify", lambda env, state: {"marker": ""})
        commands = CommandLine(stuck, monkeypatch, "stuck")
        known = "expected the application to be led to "
        sentence = stopped(commands, ("run",), "switch", known, "--switched")
        address = sentence.split(known)[1].split(",")[0]
        assert "the source byhand is as it was; the restored instance is called byhand-restored" in sentence
        _lead(stuck, address)
        commands.change(acknowledged=Acknowledgements(switched=True))
        state = done(commands.do("resume"))
        assert (state.facts["hook"], state.facts["switched_to"]) == ("by hand", address)
        assert get(stuck.url).json["orders"] == 3
        commands.change(acknowledged=Acknowledgements())
        stopped(commands, ("rollback", *DISCARD), "switch-back", known + state.opening.address, "--switched")
        _lead(stuck, state.opening.address)
        commands.change(acknowledged=Acknowledgements(switched=True))
        assert done(commands.do("resume")).mode == "back"


class TestOfASourceThatIsGone:
    """Where the configuration comes from, and what there is to restore."""

    def test_the_copy_that_posture_kept_and_the_latest_moment(
        self, gone: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The retained automated backups give the data, the stored copy the configuration; the comparison holds it."""
        commands = _gone_desk(gone, monkeypatch)
        state = done(commands.do("run", "--at", "latest"))
        assert state.opening.wanted_from.startswith("the copy that drills posture kept, of 20")
        assert (state.opening.chosen.way, state.opening.chosen.latest) == ("moment", True)
        assert state.facts["compared"] > 20
        assert gone.orders() == 1
        restored = gone.source.described()
        assert (restored["MultiAZ"], restored["DeletionProtection"], restored["BackupRetentionPeriod"]) == (
            True,
            True,
            1,
        )
        assert [each["VpcSecurityGroupId"] for each in restored["VpcSecurityGroups"]] == [gone.group]
        remove(gone, done(commands.do("rollback", *DISCARD)).opening.aside)

    def test_the_recovery_point_s_own_metadata(self, gone: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without a stored copy the point tells what it can, and the report says so; a moment tells nothing."""
        for each in (gone.folder / "posture").glob("*.json"):
            each.unlink()
        commands = _gone_desk(gone, monkeypatch)
        with pytest.raises(DrillError, match="restore by hand, or name a point"):
            commands.do("run", "--at", "latest")
        state = done(commands.do("run"))
        assert state.opening.wanted_from == "the recovery point (GetRecoveryPointRestoreMetadata)"
        assert any("only the parameters of the restore are known" in each for each in state.facts["not_compared"])
        assert (
            gone.source.described()["DBSubnetGroup"]["DBSubnetGroupName"] == state.opening.wanted["DBSubnetGroupName"]
        )
        assert gone.orders() == 3


def back(commands: CommandLine, scene: Scene) -> None:
    """Roll the last cut-over back, and remove what it leaves."""
    remove(scene, done(commands.do("rollback", *DISCARD)).opening.aside)


def _gone_desk(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setitem(STEPS, "verify", lambda env, state: {"marker": ""})
    return CommandLine(scene, monkeypatch, "gone")


def _strays(scene: Scene, name: str) -> int:
    with Instance(scene.sandbox, name, scene.source.password).connect() as session:
        (count,) = session.execute("SELECT count(*) FROM shop.stray").fetchone() or (0,)
    return int(count)


def _lead(scene: Scene, address: str) -> None:
    """What a person does: give the service another address."""
    host, _, port = address.rpartition(":")
    words = [each.replace("{host}", host).replace("{port}", port) for each in scene.make_hook()]
    subprocess.run(words, env=scene.environment, check=True, capture_output=True, timeout=60)
