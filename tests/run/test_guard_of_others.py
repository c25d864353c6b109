"""The guard of a run whose target is no database, at an endpoint: one run at a time has the target."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from drills.aws.guarded.names import LOCK_PREFIX
from drills.aws.scratch import remaining_resources
from drills.model.price import Part
from drills.model.record import SCHEMA_VERSION, RunRecord
from drills.objectives.parts import RESTORE_OF_ANY
from drills.record import Journal, load, new_run_id
from drills.recovery.restore import remove_resources
from drills.run import context
from drills.run.table import guard
from tests.support.sandbox import RunningSandbox

pytestmark = pytest.mark.sandbox
CONFIG = """
[profiles.there]
kind = "endpoint"
endpoint_url = "{url}"
[targets.one]
{key} = "{name}"
vault = "vault"
restore = {{ backup_role_arn = "arn:aws:iam::123456789012:role/restore"{more} }}
"""


@dataclass(frozen=True)
class Run:
    """A run that has been begun, and its folder."""

    folder: Path

    @property
    def record(self) -> RunRecord:
        """What the record holds on disk."""
        return load(self.folder)

    def guard(self) -> int:
        """The exit status of the guard."""
        return guard.main([str(self.folder)])

    def clean(self) -> int:
        """How many things are left after the clean-up."""
        return len(remove_resources(context.open_setup(self.folder, Journal.open(self.folder))))


class Runs:
    """Begins runs of one target at a sandbox."""

    def __init__(self, sandbox: RunningSandbox, folder: Path) -> None:
        self._sandbox = sandbox
        self._folder = folder
        self.begun: list[Run] = []

    def begin(self, key: str, name: str, more: str = "") -> Run:
        """A run of this target, of a machine of its own."""
        folder = self._folder / str(len(self.begun)) / "run"
        folder.mkdir(parents=True)
        config = folder.parent / "drill.toml"
        config.write_text(CONFIG.format(url=self._sandbox.endpoint, key=key, name=name, more=more))
        context.save(folder, context.RunOptions(config_file=str(config), profile="there", target="one"))
        now = self._sandbox.control.now()
        opening = RunRecord(SCHEMA_VERSION, new_run_id(now), "there", True, now, "0")
        Journal.create(folder, opening, origin=0.0)
        self.begun.append(Run(folder))
        return self.begun[-1]

    def locks(self) -> list[str]:
        """The locks that the sandbox has."""
        listed = self._sandbox.client("rds").describe_db_parameter_groups()["DBParameterGroups"]
        names = [each["DBParameterGroupName"] for each in listed]
        return [each for each in names if each.startswith(LOCK_PREFIX)]


@pytest.fixture
def runs(own_sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """Runs at a sandbox of the module's own, whose locks are these alone; each gives back what it has."""
    for name, value in own_sandbox.variables.items():
        monkeypatch.setenv(name, value)
    made = Runs(own_sandbox, tmp_path)
    yield made
    for each in made.begun:
        each.clean()


@pytest.mark.parametrize(("key", "name"), [("table", "lock-orders"), ("volume", "vol-00000000000010cc0")])
def test_the_second_run_of_a_target_is_refused_until_the_first_is_done(runs: Runs, key: str, name: str) -> None:
    """With the sentence and the exit code of a database's, and nothing left of it; afterwards it is free."""
    first, second = runs.begin(key, name), runs.begin(key, name)

    assert first.guard() == 0, first.record.failures
    (lock,) = runs.locks()
    assert [(each.id, each.state) for each in first.record.resources] == [(lock, "made")]

    assert second.guard() == 12
    (failure,) = second.record.failures
    assert failure.exit_code == 12
    assert (
        f"expected nobody else to drill {name} now, found run {first.record.run_id} at it, until " in failure.sentence
    )
    assert f"aws rds delete-db-parameter-group --db-parameter-group-name {lock}" in failure.sentence
    assert (second.clean(), runs.locks()) == (0, [lock])

    assert (first.clean(), runs.locks()) == (0, [])
    assert second.guard() == 0


def test_without_a_lock_the_record_says_so(runs: Runs) -> None:
    """With restore.lock = false two runs go on, which make nothing by then."""
    one, two = (runs.begin("table", "lock-off", ", lock = false") for _ in range(2))

    assert (one.guard(), two.guard(), runs.locks()) == (0, 0, [])
    assert [json.loads((each.folder / "drill.json").read_text())["notes"] for each in (one, two)] == [
        ["no lock was taken: restore.lock is false, so that another run may drill the target meanwhile"]
    ] * 2
    assert remaining_resources(two.record.resources) == ()


def test_a_table_and_a_file_system_are_estimated_by_their_sources_too(runs: Runs, own_sandbox: RunningSandbox) -> None:
    """Each by its description alone, and one that is gone by nothing."""
    client = own_sandbox.client("dynamodb")
    key = {"AttributeName": "k", "KeyType": "HASH"}
    typed = {"AttributeName": "k", "AttributeType": "S"}
    capacity = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 2}
    client.create_table(
        TableName="priced", KeySchema=[key], AttributeDefinitions=[typed], ProvisionedThroughput=capacity
    )
    system = own_sandbox.client("efs").create_file_system(CreationToken="priced")["FileSystemId"]
    begun = [runs.begin("table", "priced"), runs.begin("table", "gone"), runs.begin("file_system", system)]
    begun.append(runs.begin("file_system", "fs-00000000000000404"))

    assert [each.guard() for each in begun] == [0, 0, 0, 0]
    parts = []
    for each in begun:
        price = each.record.price
        assert price is not None
        assert price.estimated is not None
        assert price.note == ""
        parts.append([(part.kind, part.name) for part in price.estimated.copies[0].parts])
    assert parts == [
        [("gib", RESTORE_OF_ANY), ("gib_month", "DynamoDB"), ("rcu_hour", "DynamoDB"), ("wcu_hour", "DynamoDB")],
        [],
        [("gib", "EFS restore"), ("gib_month", "EFS Standard")],
        [],
    ]


def test_the_cost_is_estimated_by_what_the_source_is_billed_by(runs: Runs, own_sandbox: RunningSandbox) -> None:
    """Before anything is made; a source that is gone leaves it unknown, and is no reason to stop."""
    made = own_sandbox.client("ec2").create_volume(AvailabilityZone="eu-central-1a", Size=20, VolumeType="gp2")
    there, gone = (runs.begin("volume", each) for each in (made["VolumeId"], "vol-00000000000000404"))

    assert (there.guard(), gone.guard()) == (0, 0)
    known, unknown = (each.record.price for each in (there, gone))
    assert known is not None
    assert known.estimated is not None
    assert known.estimated.copies[0].parts == (Part("gib_month", "EBS gp2", 20),)
    assert unknown is not None
    assert unknown.estimated is not None
    assert unknown.estimated.unknown == ("what an EBS volume costs, whose type and size are not known here",)
