"""`drills table`: a manifest of a table in the sandbox, and its restored copies beside it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from drills.cli.main import main
from drills.cli.table import command
from drills.tables.manifest import from_json
from drills.tables.read import Pace, capacity_of
from tests.support.clock import HandClock
from tests.support.sandbox import RunningSandbox
from tests.support.tables import ITEMS, Kept, kept_table

CONFIG = """
[profiles.sandbox]
[targets.orders]
instance = "orders"
"""


@pytest.fixture(scope="module")
def kept(beating: RunningSandbox) -> Iterator[Kept]:
    """A table that was backed up on demand."""
    with kept_table(beating) as made:
        yield made


@pytest.fixture
def config(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration whose profile is the sandbox of the environment."""
    path = tmp_path / "drill.toml"
    path.write_text(CONFIG)
    monkeypatch.setenv("AWS_ENDPOINT_URL", kept.sandbox.endpoint)
    return path


@pytest.mark.sandbox
def test_a_copy_is_compared_with_the_manifest_of_its_source(
    kept: Kept, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 0 for a whole copy, with what is to be set up by hand; 11 for damaged items; 12 where there is no such table."""
    file = tmp_path / "orders.json"
    # the items as they are backed up now: two, whose keys both have the partition "a"
    assert main(["table", "manifest", "orders", "--config", str(config), "-o", str(file), "--capacity", "500"]) == 0
    assert "table orders, 2 items, digest" in capsys.readouterr().err
    expected = from_json(file.read_text(), "orders.json")
    assert (expected.items.count, expected.table) == (2, "orders")
    assert expected.settings["time_to_live"] == "on expires"
    assert "first" not in file.read_text()
    point = kept.take()["RecoveryPointArn"]
    against = ["--config", str(config), "--against", str(file)]
    assert kept.ended(kept.start(point, "orders-copy"))["Status"] == "COMPLETED"
    assert main(["table", "verify", "orders-copy", *against, "--segments", "3"]) == 0
    told = capsys.readouterr().out
    assert "items: met: 2 items read, 2 items expected: every attribute of every item is as it was" in told
    assert "to be set up by hand after a restore: stream, tag.team, time_to_live" in told

    kept.dynamodb.put_item(TableName="orders-copy", Item=ITEMS[0] | {"note": {"N": "1"}})
    assert main(["table", "verify", "orders-copy", *against, "--json", "--eventually-consistent"]) == 11
    settings, items = json.loads(capsys.readouterr().out)
    assert (settings["outcome"], items["outcome"]) == ("met", "missed")
    assert [each["found"] for each in items["findings"]] == [
        "items with other attributes under the same keys, in 1 share of the keys"
    ]
    kept.remove("orders-copy")

    kept.sandbox.control.damage(point, ["item"])
    assert kept.ended(kept.start(point, "orders-lost"))["Status"] == "COMPLETED"
    assert main(["table", "verify", "orders-lost", *against]) == 11
    assert "at least 1 item missing" in capsys.readouterr().out
    kept.remove("orders-lost")

    assert main(["table", "verify", "orders-lost", *against]) == 12
    assert (
        "expected to read the table orders-lost (account 123456789012, region eu-central-1)" in capsys.readouterr().err
    )
    kept.backup.delete_recovery_point(BackupVaultName="table-vault", RecoveryPointArn=point)


@pytest.mark.sandbox
def test_a_manifest_is_printed_without_a_file_and_a_table_with_another_key_is_not_counted(
    kept: Kept, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The manifest goes to standard output; beside a table with another key no item is compared, and the key is the difference."""
    assert main(["table", "manifest", "orders", "--config", str(config)]) == 0
    file = tmp_path / "orders.json"
    file.write_text(capsys.readouterr().out)
    kept.dynamodb.create_table(
        TableName="orders-by-name",
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    assert main(["table", "verify", "orders-by-name", "--config", str(config), "--against", str(file)]) == 11
    told = capsys.readouterr().out
    assert "key_schema: expected id HASH, at RANGE, found name HASH: items are found by another key" in told
    assert "items: not verified: no item compared" in told
    kept.remove("orders-by-name")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("manifest", "orders", "--capacity", "0"), "expected read units a second, more than 0, found '0'"),
        (("manifest", "orders", "--segments", "0"), "expected 1 to 64 segments, found '0'"),
        (("verify", "orders"), "--against"),
        (
            ("manifest", "orders", "-o", "/nowhere/m.json"),
            "--output: expected a folder that is there, found none at /nowhere",
        ),
        (("manifest", "orders", "-o", "/tmp"), "--output: expected a file, found the folder /tmp"),
        (("verify", "orders", "--against", "/nowhere.json"), "--against: expected a manifest that can be read"),
        ((), "PART"),
    ],
)
def test_wrong_usage_is_named_before_anything_is_asked(
    options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 with one sentence."""
    try:
        code = main(["table", *options])
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("table", "more", "target"),
    [
        ("orders", "", "a"),
        ("orders-restored", "", "a"),
        ("orders", '[targets.b]\ntable = "stock"\nvault = "vault"\n', "a"),
        ("stock", '[targets.b]\ntable = "stock"\nvault = "vault"\n', "b"),
        ("orders-restored", '[targets.b]\ntable = "stock"\nvault = "vault"\n', None),
    ],
)
def test_the_target_of_a_table_needs_no_name_where_one_can_be_meant(
    tmp_path: Path, table: str, more: str, target: str | None
) -> None:
    """The one of that table, else the only one of any table; a database beside it is none, and one that is named is taken."""
    path = tmp_path / "drill.toml"
    path.write_text(f'[targets.d]\nvault = "vault"\n[targets.a]\ntable = "orders"\nvault = "vault"\n{more}')

    assert command._target(argparse.Namespace(config=str(path), table=table, target=None)) == target
    assert command._target(argparse.Namespace(config=str(path), table=table, target="d")) == "d"
    path.write_text(f'[drill]\ntarget = "d"\n{path.read_text()}')
    assert command._target(argparse.Namespace(config=str(path), table=table, target=None)) is None


def test_no_more_is_read_than_the_capacity_allows() -> None:
    """What was taken is paid for by waiting, whichever thread took it; a quarter of a provisioned table's own, unless asked."""
    clock = HandClock()
    began = clock.monotonic()
    pace = Pace(10.0, clock)
    for _ in range(5):
        pace.took(4.0)
    assert clock.monotonic() - began == pytest.approx(2.0)
    assert (pace.taken, pace.told) == (20.0, True)
    pace.took(None)  # of a page whose units DynamoDB did not tell
    assert (pace.taken, pace.told) == (20.0, False)
    provisioned = {"ProvisionedThroughput": {"ReadCapacityUnits": 40}}
    assert capacity_of(provisioned, None) == 10.0
    assert capacity_of(provisioned, 3.0) == 3.0
    assert capacity_of({"ProvisionedThroughput": {"ReadCapacityUnits": 0}}, None) == 1000.0
    assert capacity_of({"ProvisionedThroughput": {"ReadCapacityUnits": 1}}, None) == 1.0
