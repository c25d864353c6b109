"""The plan of AWS Backup that protects what is staged: the same one for whatever of a fleet a run drills."""

from __future__ import annotations

from pathlib import Path

import pytest

from drills.aws.session import Clients
from drills.config.load import load
from drills.run.scene import plan
from tests.support.paths import CHECKOUT

EXAMPLE = CHECKOUT / "examples" / "whole-plan.toml"
CLIENTS = Clients(None, None, None, None, None, None, None, "eu-central-1", "123456789012")  # nothing is asked
AURORA = """
[profiles.sandbox]
[targets.orders]
instance = "orders"
vault = "one"
rpo = "24h"
[targets.ledger]
cluster = "ledger"
vault = "one"
rpo = "4h"
[targets.aside]
table = "aside"
vault = "two"
[targets.named]
volume = "vol-0123456789abcdef0"
vault = "one"
only_by_name = true
"""


def wanted(config: Path, target: str) -> plan.PlanWanted:
    """The plan of a run of that target."""
    effective = load(config, profile="sandbox", target=target, environment={}, tables=True)
    return plan.wanted(effective, CLIENTS)


def test_each_run_of_the_shipped_fleet_has_the_same_plan() -> None:
    """A database, a table, a volume and a file system are in one selection, whichever of them is drilled."""
    of_database, *others = (wanted(EXAMPLE, name) for name in ("shop", "baskets", "media", "documents"))

    assert others == [of_database] * 3
    assert of_database.resources == (
        "arn:aws:dynamodb:eu-central-1:123456789012:table/baskets",
        "arn:aws:ec2:eu-central-1:123456789012:volume/vol-0123456789abcdef0",
        "arn:aws:elasticfilesystem:eu-central-1:123456789012:file-system/fs-0123456789abcdef0",
        "arn:aws:rds:eu-central-1:123456789012:db:myappdbprod",
    )


@pytest.mark.parametrize(
    ("target", "name", "resources", "hours"),
    [
        ("orders", "one-backups", ("rds:eu-central-1:123456789012:cluster:ledger", "db:orders"), 4),
        ("ledger", "one-backups", ("cluster:ledger", "db:orders"), 4),
        ("aside", "aside-backups", ("table/aside",), None),
        ("named", "vol-0123456789abcdef0-backups", ("volume/vol-0123456789abcdef0",), None),
    ],
)
def test_a_plan_has_what_is_in_one_vault(
    tmp_path: Path, target: str, name: str, resources: tuple[str, ...], hours: int | None
) -> None:
    """By the shortest RPO of all; what has another vault, or is drilled by its name alone, has a plan of its own."""
    (tmp_path / "drill.toml").write_text(AURORA)
    found = wanted(tmp_path / "drill.toml", target)

    assert found.name == name
    assert found.rpo_seconds == (hours and hours * 3600.0)
    for each, end in zip(found.resources, resources, strict=True):
        assert each.endswith(end)
