"""A whole run whose target is a DynamoDB table, in the sandbox: what it promises, and that a damaged backup fails it."""

from __future__ import annotations

import pytest

from drills.replay import bundle
from drills.replay.again import replay
from tests.support.forging import unfound
from tests.support.runs import drills, made_place, nothing_left

pytestmark = [pytest.mark.whole_run, pytest.mark.sandbox]
CONFIG = """
[profiles.sandbox]
[targets.orders]
table = "My_Orders.1"
vault = "table-vault"
rto = "30m"
rpo = "24h"
[targets.orders.items]
newest = "placed_at"
"""


def test_a_whole_run_restores_a_table_from_an_air_gapped_vault_that_another_account_shares() -> None:
    """Exit 0 with every promise kept, the type of the vault in the report, and an isolated copy among the controls."""
    with made_place() as place:
        (place.checkout / "table.toml").write_text(CONFIG + '[targets.orders.vault_access]\naccount = "210987654321"\n')
        ran = drills(place, "run", "--config", "table.toml")
        assert ran.status == 0, ran.out + ran.err
        record = ran.record
        assert {each.outcome for each in record.promises} == {"passed"}
        (restoration,) = record.restorations
        assert restoration.point is not None
        assert restoration.point.arn.split(":")[4] == "210987654321"
        assert "table-vault, a logically air-gapped vault" in ran.read("report.html")
        assert [each.state for each in record.resources] == ["gone"]
        assert nothing_left(place)


def test_a_whole_run_of_a_damaged_table_fails_by_its_items_alone_and_leaves_nothing() -> None:
    """Exit 11 with every promise tried and one broken, the scratch table gone, a sealed bundle, and a page that names the table."""
    with made_place() as place:
        (place.checkout / "table.toml").write_text(CONFIG)
        ran = drills(place, "run", "--config", "table.toml", "--damage", "item")
        assert ran.status == 11, ran.out + ran.err
        record = ran.record
        assert {each.name: each.outcome for each in record.promises} == {
            "The table is usable again within the recovery time objective": "passed",
            "The data loss of the table is within the recovery point objective": "passed",
            "The attributes of all items of the restored table match the backup": "failed",
            "The settings of the restored table match the backup": "passed",
            "The drill removes the table that it created": "passed",
        }
        assert record.missing == ()
        assert [each.state for each in record.resources] == ["gone"]
        assert "Verification failed: content of the table differs" in ran.read("summary.md")
        assert "found: at least 1 item missing" in ran.read("summary.md")
        assert "My_Orders.1" in ran.read("report.html")
        assert ran.folder is not None
        evidence = bundle.read(ran.folder)
        found = replay(evidence)
        assert (found.differences, found.codes) == ([], (11,))
        assert unfound(evidence) == []
        assert nothing_left(place)
