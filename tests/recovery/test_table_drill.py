"""The drill of a DynamoDB table in the sandbox: what it restores, compares, measures, removes, and what it never touches."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drills.aws.guarded.guard import Guard, NotOwn, Protected
from drills.aws.guarded.names import ScratchName
from drills.cli.main import main
from drills.errors import NoRecoveryPoint, Refused, RestoreFailed
from drills.objectives import completeness, verdicts
from drills.record import Journal
from drills.recovery.table.drill import TableDrill
from drills.run import context
from drills.run.table import stage as table_stage
from drills.tables.fingerprint import Sums
from drills.tables.manifest import TableManifest, to_json
from tests.support.begun import BegunRun, open_run
from tests.support.kept import forget
from tests.support.rds import eventually
from tests.support.sandbox import RunningSandbox

pytestmark = pytest.mark.sandbox
CONFIG = """
[profiles.sandbox]
poll_every = "30ms"
[targets.{name}]
table = "{table}"
vault = "{name}-vault"
rto = "5m"
rpo = "24h"
timeout = "120s"
[targets.{name}.items]
newest = "placed_at"
segments = 2
"""


class Begun(BegunRun):
    """A drill of a table, the record that it writes, and the sandbox."""

    @property
    def table(self) -> str:
        """The name of the source."""
        return f"{self.name}_Table.1"

    @property
    def dynamodb(self) -> Any:
        """DynamoDB."""
        return self.sandbox.client("dynamodb")

    def drill(self) -> TableDrill:
        """The drill, as the features open it."""
        return context.open_table_drill(self.folder, Journal.open(self.folder))

    def tables(self) -> list[str]:
        """The tables of this test that there are: the source and its copies."""
        run = self.record.run_id
        return [each for each in self.dynamodb.list_tables()["TableNames"] if each == self.table or run in each]


Begin = Callable[..., Begun]


@pytest.fixture
def begin(steady: RunningSandbox, tmp_path: Path) -> Iterator[Begin]:
    """Stages a table under a name of its own, and opens a run of it; removes it, and its recovery points, at the end."""
    begun: list[Begun] = []

    def stage(name: str, *, damage: tuple[str, ...] = (), staged: bool = True) -> Begun:
        text = CONFIG.format(name=name, table=f"{name}_Table.1")
        folder, config, journal = open_run(steady, tmp_path, name, text, damage=damage)
        if staged:
            table_stage._stage(folder, journal)
        begun.append(Begun(steady, folder, name, config))
        return begun[-1]

    yield stage
    for each in begun:
        for name in each.tables():
            with contextlib.suppress(ClientError):  # one that is being deleted already
                each.dynamodb.delete_table(TableName=name)
        with contextlib.suppress(ClientError):  # one that staged nothing has no vault
            forget(steady, f"{each.name}-vault")


def test_a_table_is_recovered_compared_measured_and_removed(begin: Begin) -> None:
    """Every verdict is met, RTA and RPA are numbers, the copy has the run's tags, and afterwards the source alone is there."""
    begun = begin("whole")
    drill = begun.drill()
    restoration = drill.recover()
    record = begun.record
    assert {each.name: each.outcome for each in record.verdicts} == {
        "recovery point": "met",
        "rto": "met",
        "rpo": "met",
        "readable": "met",
        "settings": "met",
        "items": "met",
    }
    items = next(each for each in restoration.checks if each.name == "items")
    assert items.compared == table_stage.ITEMS_BEFORE
    restored, storage, reads = restoration.charged
    assert [(each.kind, each.name) for each in restoration.charged] == [
        ("gib", "AWS Backup restore of DynamoDB"),
        ("gib_month", "DynamoDB"),
        ("million_reads", "DynamoDB"),
    ]
    assert 0 < (restored.amount or 0) == storage.amount
    assert (reads.amount or 0) > 0
    assert restoration.expectation == "at backup"
    measured = {each.name: each.seconds for each in record.measurements}
    assert measured["RTA"] is not None
    assert measured["RPA"] is not None
    assert measured["RPA"] > 0
    assert [each.status for each in restoration.statuses][-1] == "ACTIVE"
    copy = begun.dynamodb.describe_table(TableName=restoration.instance_id)["Table"]
    tags = begun.dynamodb.list_tags_of_resource(ResourceArn=copy["TableArn"])["Tags"]
    assert {"Key": "drills:run", "Value": record.run_id} in tags
    assert completeness.missing_verdicts(dataclasses.replace(record, expected=())) == ()
    (resource,) = record.resources
    assert (resource.kind, resource.state, resource.resource_id) == ("dynamodb-table", "made", copy["TableId"])

    assert drill.clean_up() == ()
    assert begun.tables() == [begun.table]
    assert begun.record.resources[0].state == "gone"
    source = begun.dynamodb.describe_table(TableName=begun.table)["Table"]
    assert source["ItemCount"] == table_stage.ITEMS_BEFORE + table_stage.ITEMS_AFTER
    assert begun.record.target is not None
    assert begun.record.target.dbi_resource_id == source["TableId"]


@pytest.mark.parametrize("kind", ["item", "attribute"])
def test_a_damaged_recovery_point_fails_the_drill(begin: Begin, kind: str) -> None:
    """One item that is lost, or one attribute that was changed, is a missed check of the items: exit code 11."""
    begun = begin(f"hurt-{kind}", damage=(kind,))
    drill = begun.drill()
    drill.recover()
    outcomes = {each.name: each.outcome for each in begun.record.verdicts}
    assert (outcomes["items"], outcomes["settings"]) == ("missed", "met")
    assert 11 in verdicts.exit_codes(begun.record)
    assert any("damaged on purpose" in note for note in begun.record.notes)
    drill.clean_up()
    assert begun.tables() == [begun.table]


def test_the_source_may_be_gone_and_a_table_without_a_manifest_proves_no_item(begin: Begin) -> None:
    """A lost table is recovered; without a manifest its items are not verified, and the settings of a lost source neither."""
    begun = begin("lost")
    (begun.folder / context.MANIFEST_NAME).unlink()
    begun.dynamodb.delete_table(TableName=begun.table)
    eventually(lambda: begun.table not in begun.tables(), "the source to be gone")
    drill = begun.drill()
    drill.recover()
    outcomes = {each.name: each.outcome for each in begun.record.verdicts}
    assert (outcomes["items"], outcomes["settings"], outcomes["readable"]) == ("not verified", "not verified", "met")
    assert outcomes["rto"] == "not verified"
    drill.clean_up()
    assert begun.tables() == []


def test_no_recovery_point_is_an_objective_missed_and_a_failed_job_stops_the_drill(begin: Begin) -> None:
    """Without a usable point the code is 10 and nothing is made; a job that fails is 12 with AWS Backup's words."""
    begun = begin("failing")
    point = begun.sandbox.client("backup").list_recovery_points_by_backup_vault(BackupVaultName="failing-vault")
    arn = point["RecoveryPoints"][0]["RecoveryPointArn"]
    begun.sandbox.control.arm("job-fails", service="backup", operation="StartRestoreJob", name=begun.table)
    drill = begun.drill()
    with pytest.raises(RestoreFailed, match="FAILED: The job failed at 60 %"):
        drill.recover()
    assert verdicts.exit_codes(begun.record)[0] == 12
    drill.clean_up()
    begun.sandbox.control.set_point_status(arn, status="PARTIAL")
    again = begun.drill()
    again._journal.update(disaster=None, verdicts=(), failures=(), resources=())
    with pytest.raises(NoRecoveryPoint, match="status PARTIAL"):
        again.recover()
    assert verdicts.exit_codes(begun.record)[0] == 10
    assert begun.tables() == [begun.table]


def test_only_the_runs_own_table_is_ever_changed(begin: Begin) -> None:
    """A name of another run, the source, and a table that somebody else made under the run's name are refused, with the reason."""
    begun = begin("guarded", staged=False)
    setup = context.open_setup(begun.folder, Journal.open(begun.folder))
    run = begun.record.run_id
    guard = Guard(setup.scratch_clients, run, Protected(frozenset({"drill-x"})))
    with pytest.raises(Refused, match="StartRestoreJob was not sent"):
        guard.restore_named(
            ScratchName("20200101-000000-aaaa", "recovery"), "targetTableName", "arn:point", "arn:role", {}
        )
    name = ScratchName(run, "recovery")
    protected = Guard(setup.scratch_clients, run, Protected(frozenset({str(name)})))
    with pytest.raises(Refused, match="StartRestoreJob was not sent"):
        protected.restore_named(name, "targetTableName", "arn:point", "arn:role", {})
    arn = begun.dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )["TableDescription"]["TableArn"]
    with pytest.raises(NotOwn, match="does not carry this run's tag"):
        guard.prove("dynamodb-table", name)
    begun.dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": "drills:run", "Value": run}])
    with pytest.raises(NotOwn, match="is the name of the source"):
        protected.prove("dynamodb-table", name)
    (mine,) = guard.prove("dynamodb-table", name)
    guard.change("dynamodb:DeleteTable", mine)
    eventually(lambda: begun.tables() == [], "the table to be gone")


def test_a_table_whose_tags_were_not_set_yet_is_the_runs_own_and_one_past_its_time_is_swept(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a restore has made is the run's own before it has tags; a sweep names it then, and removes it by its tags alone."""
    begun = begin("dying")
    backup = begun.sandbox.client("backup")
    point = backup.list_recovery_points_by_backup_vault(BackupVaultName="dying-vault")["RecoveryPoints"][0]
    setup = context.open_setup(begun.folder, Journal.open(begun.folder))
    guard, name = Guard(setup.scratch_clients, begun.record.run_id), ScratchName(begun.record.run_id, "recovery")
    guard.restore_named(name, "targetTableName", point["RecoveryPointArn"], "arn:aws:iam::123456789012:role/r", {})
    (mine,) = guard.prove("dynamodb-table", name)
    assert mine.resource_id
    past = {"drills:run": begun.record.run_id, "drills:target": "dying", "drills:expires": "2020-01-01T00:00:00+00:00"}
    eventually(
        lambda: begun.dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE",
        "the table to be ACTIVE",
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", begun.sandbox.endpoint)

    def swept(*more: str) -> tuple[int, dict[str, str]]:
        code = main(["sweep", "--config", str(begun.config), "--json", *more])
        found = json.loads(capsys.readouterr().out)["leftovers"]
        return code, next(each for each in found if each["id"] == name)

    code, found = swept()
    assert (code, found["standing"], str(name) in begun.tables()) == (13, "no time", True)
    assert f"aws dynamodb delete-table --table-name {name}" in found["reason"]
    arn = mine.raw["TableArn"]
    begun.dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "ours"}])
    assert swept()[1]["standing"] == "no run"  # somebody keeps it
    begun.dynamodb.untag_resource(ResourceArn=arn, TagKeys=["team"])
    (mine,) = guard.prove("dynamodb-table", name)

    guard.change("dynamodb:TagResource", mine, Tags=[{"Key": key, "Value": value} for key, value in past.items()])
    code, found = swept("--dry-run", "--target", "dying")
    assert (code, found["kind"], found["standing"]) == (13, "dynamodb-table", "past")
    swept("--target", "dying")
    assert begun.tables() == [begun.table]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("backup", "--retain", "1d"), "expected a target that is a database"),
        (("run", "--seed", "my.dump"), "--seed: expected a target that is a database"),
        (("run", "--damage", "row"), "--damage row: expected damage of a DynamoDB table (item, attribute): choose one"),
    ],
)
def test_what_is_there_for_databases_alone_refuses_a_table_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...], said: str
) -> None:
    """Exit 2 and one sentence, before anything is asked."""
    config = tmp_path / "drill.toml"
    config.write_text(CONFIG.format(name="orders", table="Orders"))
    assert main([*command, "--config", str(config)]) == 2
    assert said in capsys.readouterr().err


def test_a_manifest_of_another_table_is_refused_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 and both names: a table of the same items would be taken for the one that was backed up."""
    now, stored = datetime(2026, 11, 30, 12, 0, tzinfo=UTC), tmp_path / "other.json"
    stored.write_text(to_json(TableManifest("Other", "id", now, now, True, {}, (), Sums(("id",)).fingerprint())))
    config = tmp_path / "drill.toml"
    config.write_text(
        CONFIG.format(name="orders", table="Orders").replace("vault =", f'manifest = "{stored}"\nvault =')
    )

    assert main(["run", "--config", str(config)]) == 2
    said = capsys.readouterr().err
    assert "targets.orders.manifest: expected a manifest of the table 'Orders', found" in said
    assert "of 'Other'" in said
