"""The whole recovery quickstart by command, with clients that keep asking and writing throughout."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from drills.clock import SystemClock
from drills.cutover import public_address
from drills.cutover.model import Entry, address_changes, read_entry, replay_journal
from drills.cutover.timing import outage_seconds, timing_of
from drills.history.wording import SIMULATED
from tests.support.cutover import Scene, make_scene
from tests.support.sandbox import RunningSandbox
from tests.support.service import Instance, eventually, get

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]
CLOCK = SystemClock()
QUIET_SECONDS = 0.5  # half of what the source is watched for


@dataclass(frozen=True)
class Seen:
    """One answer: when it was asked for, when it came, its status, and how many orders it told."""

    asked: datetime
    came: datetime
    status: int
    orders: int | None


class Client:
    """A web client: it asks again and again, and keeps what it was answered."""

    def __init__(self, url: str) -> None:
        self._url, self._stop = url, threading.Event()
        self.answers: list[Seen] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            at, answer = CLOCK.now(), get(self._url)
            orders = answer.json["orders"] if answer.status == 200 else None
            self.answers.append(Seen(at, CLOCK.now(), answer.status, orders))

    def end(self) -> list[list[Seen]]:
        """Everything it was answered, as stretches of one status."""
        self._stop.set()
        self._thread.join(60)
        return [list(stretch) for _, stretch in itertools.groupby(self.answers, lambda each: each.status)]


class Stray:
    """A client that nobody stopped: it connects from another address than the drill's host, and writes."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._stop = scene, threading.Event()
        self._database = int(scene.source.described()["Endpoint"]["Port"])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.tries = self.writes = 0
        for work in (self._forward, self._run):
            threading.Thread(target=work, daemon=True).start()

    def _forward(self) -> None:
        """Lead each connection to the old name's port, from 127.0.0.2."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        with client:
            try:
                server = socket.create_connection(("127.0.0.1", self._database), 5, source_address=("127.0.0.2", 0))
            except OSError:
                return
            with server:
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join(5)

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            self.tries += 1
            began = CLOCK.monotonic()
            try:
                with psycopg.connect(
                    host="127.0.0.1",
                    port=self._listener.getsockname()[1],
                    user="owner",
                    password=self._scene.source.password,
                    dbname="app",
                    sslmode="require",
                    connect_timeout=5,
                ) as session:
                    # PostgreSQL shows nobody who still logs in, and who is let in before a group changes stays
                    if CLOCK.monotonic() - began < QUIET_SECONDS:
                        session.execute("INSERT INTO shop.stray DEFAULT VALUES")
                        self.writes += 1
            except psycopg.OperationalError:
                continue

    def end(self) -> None:
        """Write no more."""
        self._stop.set()
        self._listener.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


def written(scene: Scene, name: str) -> list[datetime]:
    """When each of the stray client's rows in the instance of a name was written."""
    with Instance(scene.sandbox, name, scene.source.password).connect() as session:
        return [at for (at,) in session.execute("SELECT at FROM shop.stray ORDER BY at")]


class Quickstart:
    """One whole cut-over by command, what two clients saw of it, and its journal."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.source = scene, scene.identity()
        self.plan = scene.drills("plan")
        self.calls = len(scene.sandbox.control.calls())
        self.unchanged = (scene.count(), scene.identity(), scene.suspended())
        client, self.stray = Client(scene.url), Stray(scene)
        eventually(lambda: self.stray.writes > 0 and client.answers, "the clients to begin")
        self.ran = scene.drills("run")
        if self.ran.returncode == 0:
            before, heard = self.stray.writes, len(client.answers)
            eventually(lambda: self.stray.writes > before and len(client.answers) > heard + 1, "both to come once more")
        self.stray.end()
        self.stretches = client.end()
        assert self.ran.returncode == 0, self.ran.stderr
        (journal,) = scene.journals()
        self.entries: tuple[Entry, ...] = tuple(map(read_entry, journal.read_text(encoding="utf-8").splitlines()))


@pytest.fixture(scope="module")
def quickstart(own_sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Quickstart:
    """The quickstart, carried out once."""
    more = {"BackupRetentionPeriod": 1, "EnableCloudwatchLogsExports": ["postgresql"], "MonitoringInterval": 0}
    tags = [{"Key": "application", "Value": "shop"}]
    scene = make_scene(own_sandbox, "shop", tmp_path_factory.mktemp("shop"), **more, Tags=tags)
    return Quickstart(scene)


class TestTheQuickstart:
    """Everything from the plan to what is left to do."""

    def test_the_plan_says_each_call_and_makes_none(self, quickstart: Quickstart) -> None:
        """Every call of the cut-over that changes something is in the plan; the plan itself has changed nothing."""
        assert quickstart.plan.returncode == 0, quickstart.plan.stderr
        assert quickstart.unchanged == (1, quickstart.source, False)
        made = {
            f"{call['service']} {call['operation']}"
            for call in quickstart.scene.sandbox.control.calls()[quickstart.calls :]
            if not call["operation"].startswith(("Describe", "List", "Get"))
        }
        said = {" ".join(line.split()[:2]) for line in quickstart.plan.stdout.splitlines()}
        assert made <= said | {"secretsmanager GetSecretValue", "sts GetCallerIdentity"}
        assert "rds RestoreDBInstanceFromDBSnapshot" in made

    def test_the_service_is_away_once_and_then_serves_what_was_restored(self, quickstart: Quickstart) -> None:
        """The web client got 200, 503, 200: before with what was wrong, afterwards with what was backed up."""
        assert [stretch[0].status for stretch in quickstart.stretches] == [200, 503, 200]
        before, _, after = quickstart.stretches
        assert {each.orders for each in before} == {1}
        assert {each.orders for each in after} == {3}

    def test_each_step_is_told_before_the_report(self, quickstart: Quickstart) -> None:
        """In a pipe too: first the id, then a line for each step, and in the report what is typed next, with what was given."""
        known = replay_journal(quickstart.entries).opening.id
        first, *told = quickstart.ran.stdout.splitlines()
        assert first == f"cut-over {known} of shop: reading what there is"
        steps = sum(each.event == "begin" for each in quickstart.entries)
        assert told[steps] == f"cut-over {known} of shop: done"
        assert f"drills cutover resume {known} --remove-old shopdel --confirm shop  " in quickstart.ran.stdout

    def test_the_report_says_when(self, quickstart: Quickstart) -> None:
        """Each change that the journal tells lies between the client's last answer before it and its first after the next one.

        The instants are those of requests, and an answer may have changed while it was waited for, so long as that is.
        """
        told, wait = address_changes(quickstart.entries), timedelta(seconds=public_address._WITHIN)
        (first, away, again), (up, down, back) = [at for at, _ in told], quickstart.stretches
        assert [answer for _, answer in told] == ["200", "503", "200"]
        assert up[-1].asked - wait < away < back[0].came
        assert down[-1].asked - wait < again <= quickstart.entries[-1].at
        assert first < away < again
        for at, answer in told[1:]:
            assert f"{answer} from {at:%Y-%m-%d %H:%M:%S}" in quickstart.ran.stdout

    def test_the_report_says_how_long_the_service_took(self, quickstart: Quickstart) -> None:
        """The RTA ends when the address has the restored data, the outage is the one that was told; it is stamped."""
        said, found = quickstart.ran.stdout, timing_of(replay_journal(quickstart.entries))
        (away, again), down = [at for at, _ in address_changes(quickstart.entries)][1:], quickstart.stretches[1]
        assert found.answers_at is not None
        assert found.rta.seconds is not None
        assert max(down[-1].asked, again) < found.answers_at < quickstart.entries[-1].at
        assert found.rta.seconds > (down[-1].asked - down[0].came).total_seconds()
        assert outage_seconds(found.outages) == pytest.approx((again - away).total_seconds(), abs=0.001)
        assert found.verdict.outcome == "met"
        assert {found.verdict.sentence in said, SIMULATED in said, "within the RTO of 10 m" in said} == {True}

    def test_it_takes_less_than_half_of_its_objective(self, quickstart: Quickstart) -> None:
        """From the opening to the end, in the sandbox: seconds, and on a machine that is busy no more than this."""
        assert (quickstart.entries[-1].at - quickstart.entries[0].at).total_seconds() < 300

    @pytest.mark.skipif(sys.platform != "linux", reason="a second loopback address needs no setting up on Linux alone")
    def test_nobody_writes_before_writes_are_opened(self, quickstart: Quickstart) -> None:
        """A client that tried all the time has written nothing to the restored instance before, and to the old one since."""
        opened = replay_journal(quickstart.entries).writes_opened_at
        alone = next(each.at for each in quickstart.entries if (each.event, each.step) == ("done", "sessions"))
        assert opened is not None
        after, before = written(quickstart.scene, "shop"), written(quickstart.scene, "shopdel")
        assert after
        assert before
        assert min(after) >= opened
        assert max(before) <= alone
        assert quickstart.stray.tries > quickstart.stray.writes

    def test_the_restored_instance_is_what_the_old_one_was(self, quickstart: Quickstart) -> None:
        """Every setting of a restore that is reset without a parameter is as before, and no tag of the cut-over is left."""
        rds = quickstart.scene.sandbox.client("rds")
        new, old = (
            rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0] for name in ("shop", "shopdel")
        )
        same = ("MultiAZ", "DeletionProtection", "BackupRetentionPeriod", "EnabledCloudwatchLogsExports", "TagList")
        assert {name: new.get(name) for name in same} == {name: old.get(name) for name in same}
        assert [each["VpcSecurityGroupId"] for each in new["VpcSecurityGroups"]] == [quickstart.scene.group]
        assert [each["VpcSecurityGroupId"] for each in old["VpcSecurityGroups"]] != [quickstart.scene.group]
        assert new["DbiResourceId"] != old["DbiResourceId"] == quickstart.source

    def test_what_is_left_to_do_is_said(self, quickstart: Quickstart) -> None:
        """Terraform, the old instance, and that no plan selects the restored one."""
        said = quickstart.ran.stdout
        assert "terraform state rm aws_db_instance.NAME && terraform import aws_db_instance.NAME shop" in said
        assert "no backup plan selects" in said
        assert "LatestRestorableTime: 20" in said
        assert "check connection: met" in said

    def test_the_old_instance_goes_only_by_name(self, quickstart: Quickstart) -> None:
        """Another name is refused; its own removes it, and a final snapshot stays."""
        refused = quickstart.scene.drills("resume", "--remove-old", "shop")
        assert (refused.returncode, quickstart.scene.identity("shopdel")) == (2, quickstart.source)
        removed = quickstart.scene.drills("resume", "--remove-old", "shopdel", "--json")
        assert removed.returncode == 0, removed.stderr
        facts = json.loads(removed.stdout)["facts"]
        assert quickstart.scene.identity("shopdel") == ""
        kept = quickstart.scene.sandbox.client("rds").describe_db_snapshots(
            DBSnapshotIdentifier=facts["final_snapshot"]
        )
        assert kept["DBSnapshots"][0]["DbiResourceId"] == quickstart.source


def test_killed_it_is_gone_on_with_by_another_engineer_on_another_machine(
    own_sandbox: RunningSandbox, tmp_path: Path
) -> None:
    """SIGKILL at three steps; the journal and the lock are in S3, and the next command runs elsewhere, once the lease ended."""
    scene = make_scene(own_sandbox, "relay", tmp_path / "first")
    s3 = own_sandbox.client("s3")
    s3.create_bucket(Bucket="relay-journal", CreateBucketConfiguration={"LocationConstraint": own_sandbox.region})
    machines = [scene, *(_elsewhere(scene, tmp_path / name) for name in ("second", "third", "fourth"))]
    for machine in machines:
        machine.write_config(journal="s3://relay-journal/cutover", lease="2s")
    source = scene.identity()
    _killed_at(machines[0], "run", "begin", "rename")
    _killed_at(machines[1], "resume", "done", "restore")
    _killed_at(machines[2], "resume", "begin", "open-writes")
    last = machines[-1]
    held = last.drills("resume")
    if held.returncode:  # the lease of the one that was killed has not passed
        assert "expected the lock" in held.stderr
    ended: list[subprocess.CompletedProcess[str]] = []

    def resumed() -> bool:
        ended[:] = [last.drills("resume", "--json")]
        return ended[0].returncode == 0

    if held.returncode:
        eventually(resumed, "the lease to pass and the cut-over to end")
    else:
        ended = [held]
    assert (scene.identity(f"{scene.name}del"), scene.orders(), get(scene.url).json["orders"]) == (source, 3, 3)
    objects = s3.list_objects_v2(Bucket="relay-journal", Prefix="cutover/relay/")["Contents"]
    assert len(objects) >= 38


def _elsewhere(scene: Scene, folder: Path) -> Scene:
    """The same from another machine, by another engineer."""
    folder.mkdir()
    environment = {**scene.environment, "HOME": str(folder), "USER": folder.name}
    return Scene(scene.sandbox, folder, scene.source, scene.url, scene.snapshot, scene.group, environment)


HELD = """
import os, threading
from drills.cutover.journal import FolderStore
event, step = os.environ["HELD_AT"].split()
usual = FolderStore.append
def append(store, cutover_id, entry):
    usual(store, cutover_id, entry)
    if (entry.event, entry.step) == (event, step):
        threading.Event().wait()
FolderStore.append = append
"""


def _killed_at(scene: Scene, words: str, event: str, key: str) -> None:
    """Run a command that comes no further than this entry of its journal, and kill it there; again while the lock is held."""
    held = scene.folder / "held"
    held.mkdir()
    (held / "sitecustomize.py").write_text(HELD, encoding="utf-8")
    path = os.pathsep.join([str(held), scene.environment["PYTHONPATH"]])
    for _ in range(60):
        process = subprocess.Popen(
            scene.command(words),
            cwd=scene.folder,
            env=scene.environment | {"PYTHONPATH": path, "HELD_AT": f"{event} {key}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            eventually(lambda: process.poll() is not None or _written(scene, event, key), f"the step {key}", 240)  # noqa: B023
        finally:
            process.kill()
            _, said = process.communicate()
        if _written(scene, event, key):
            return
        assert b"expected the lock" in said, said
        CLOCK.sleep(0.5)
    raise AssertionError(f"the lock was never free for {words}")


def _written(scene: Scene, event: str, key: str) -> bool:
    lines = [line for path in scene.journals() for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    return any((each.event, each.step) == (event, key) for each in map(read_entry, lines))
