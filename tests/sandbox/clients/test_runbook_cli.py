"""The recovery runbook, typed word for word: the AWS CLI and psql are clients that nobody here wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drills.clock import SystemClock, wait_until
from tests.sandbox.clients.runbook import STEPS
from tests.sandbox.clients.runbook_page import PAGE, members, page, shown
from tests.sandbox.clients.runbook_stack import Told, make_stack, shell
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox
from tests.support.service import get

in_the_sandbox = [pytest.mark.postgres, pytest.mark.sandbox]

# what the runbook does not ask for, and RestoreDBInstanceFromDBSnapshot therefore resets (RDS API reference)
RESET = {"DeletionProtection", "MultiAZ"}
# what no two instances share
OF_THE_INSTANCE = {"DbiResourceId", "InstanceCreateTime", "LatestRestorableTime"}


class Replay:
    """All that the commands answered, in one sandbox, and what the front door said before each psql and at the end."""

    doors: tuple[int, ...] = ()

    def __init__(self, running: RunningSandbox, folder: Path) -> None:
        self.folder = folder
        prompt = shell(running, folder, make_stack(running))
        (balancer,) = running.client("elbv2").describe_load_balancers()["LoadBalancers"]
        door = f"http://{balancer['DNSName']}/"
        self.told: list[Told] = []
        for step in STEPS:
            if step.command.startswith("psql"):
                self.doors = (*self.doors, _settled(running, door))
            self.told.append(prompt.run(step))
        self.doors = (*self.doors, _settled(running, door))

    def text(self, beginning: str, number: int = 0) -> str:
        """The output of the command that begins so; of several, the one of that number."""
        return [told.text for told in self.told if told.step.command.startswith(beginning)][number]

    def json(self, beginning: str, number: int = 0) -> Any:
        """The same, read as JSON."""
        return json.loads(self.text(beginning, number))


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    """The runbook, run once."""
    running = start_sandbox()
    try:
        yield Replay(running, tmp_path_factory.mktemp("runbook"))
    finally:
        end_sandbox(running)


def _settled(running: RunningSandbox, door: str) -> int:
    """What the front door answers once the load balancer has seen the tasks come or go, however long a process takes to start."""
    ecs, elb = running.client("ecs"), running.client("elbv2")
    (group,) = elb.describe_target_groups()["TargetGroups"]

    def settled() -> bool:
        services = ecs.describe_services(cluster="myapp", services=["myapp-web", "myapp-worker"])["services"]
        targets = elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
        wanted = services[0]["desiredCount"]
        there = all(each["runningCount"] == each["desiredCount"] for each in services)
        return there and [each["TargetHealth"]["State"] for each in targets] == ["healthy"] * wanted

    wait_until(settled, 60, SystemClock(), every=0.1, what="the tasks to be as many as are desired")
    return get(door).status


def test_the_page_shows_the_commands_of_the_runbook() -> None:
    """docs/runbook.md has every command that is tested, in the same order, and no other."""
    assert [command for command, _ in shown(PAGE.read_text(encoding="utf-8"))] == [step.command for step in STEPS]


class TestTheReplay:
    """What each command must have answered."""

    pytestmark = in_the_sandbox

    def test_every_command_succeeds(self, replay: Replay) -> None:
        """Every exit status is 0, that of `diff` excepted, which says 1 for a difference (diff(1))."""
        wrong = {
            told.step.command: told.text
            for told in replay.told
            if told.status != (1 if told.step.command.startswith("diff ") else 0)
        }
        assert wrong == {}

    def test_what_was_lost_is_back(self, replay: Replay) -> None:
        """psql deletes half of the orders, and counts all of them once the snapshot is restored."""
        assert replay.text("psql", 0).strip() == "DELETE 500"
        assert replay.text("psql", 1).split()[2] == "1000"

    def test_the_differences_are_those_of_a_restore(self, replay: Replay) -> None:
        """Left and right differ in what belongs to the instance and in what a restore resets, and in nothing else."""
        changed = set(re.findall(r'^[<>]\s+"(\w+)":', replay.text("diff "), re.MULTILINE))
        assert changed == OF_THE_INSTANCE | RESET
        sides = [
            json.loads((replay.folder / name).read_text(encoding="utf-8"))["DBInstances"][0]
            for name in ("left.json", "right.json")
        ]
        assert [side["MultiAZ"] for side in sides] == [True, False]
        assert [side["DeletionProtection"] for side in sides] == [True, False]
        assert {key for key in sides[0].keys() | sides[1].keys() if sides[0].get(key) != sides[1].get(key)} == changed

    def test_what_protects_the_database_is_told(self, replay: Replay) -> None:
        """Key, vault, plan and selection lead to one another and to the database."""
        key = replay.json("aws kms describe-key")["KeyMetadata"]
        assert key["KeyId"] in {each["KeyId"] for each in replay.json("aws kms list-keys")["Keys"]}
        assert {"AliasName": "alias/myapp", "TargetKeyId": key["KeyId"]}.items() <= next(
            each for each in replay.json("aws kms list-aliases")["Aliases"] if each["AliasName"] == "alias/myapp"
        ).items()
        assert replay.json("aws backup describe-backup-vault")["EncryptionKeyArn"] == key["Arn"]
        (rule,) = replay.json("aws backup get-backup-plan")["BackupPlan"]["Rules"]
        assert rule["Lifecycle"] == {"DeleteAfterDays": 180}
        chosen = replay.json("aws backup get-backup-selection")["BackupSelection"]["Resources"]
        assert chosen == [each["ResourceArn"] for each in replay.json("aws backup list-protected-resources")["Results"]]

    def test_the_recovery_point_is_the_snapshot(self, replay: Replay) -> None:
        """The vault's one point is the `awsbackup` snapshot that RDS lists, under the source's key."""
        (point,) = replay.json("aws backup list-recovery-points-by-backup-vault")["RecoveryPoints"]
        snapshots = replay.json("aws rds describe-db-snapshots")["DBSnapshots"]
        (snapshot,) = (each for each in snapshots if each["SnapshotType"] == "awsbackup")
        assert point["RecoveryPointArn"] == snapshot["DBSnapshotArn"]
        assert point["Status"] == "COMPLETED"
        assert point["Lifecycle"] == {"DeleteAfterDays": 180}
        assert point["EncryptionKeyArn"] == snapshot["KmsKeyId"]

    def test_the_services_stop_and_start(self, replay: Replay) -> None:
        """Three tasks run, none does while the count is 0, and they are others once it is raised again."""
        before, stopped, after = (replay.json("aws ecs list-tasks", number)["taskArns"] for number in range(3))
        assert len(before) == 3
        assert stopped == []
        assert len(after) == 2
        assert not set(before) & set(after)

    def test_the_front_door_says_when_nobody_serves(self, replay: Replay) -> None:
        """200 while tasks run, 503 while the count is 0 (Elastic Load Balancing, "HTTP 503: Service unavailable")."""
        assert replay.doors == (200, 503, 200)

    def test_the_page_tells_what_is_answered(self, replay: Replay) -> None:
        """docs/runbook.md is of this sandbox: the same members in every answer (else run tests.sandbox.clients.runbook_page)."""
        there = shown(PAGE.read_text(encoding="utf-8"))
        here = shown(page(replay.told))
        assert [(command, members(output)) for command, output in there] == [
            (command, members(output)) for command, output in here
        ]
