"""What a drill of a database says of a vault that it cannot restore from."""

from __future__ import annotations

import dataclasses
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from drills.aws import read as aws
from drills.aws.databases.kinds import CLUSTER
from drills.aws.session import Clients
from drills.config.load import Target
from drills.errors import COULD_NOT_RUN, ConfigError, DrillError
from drills.model.lineage import AIR_GAPPED, RESTORE_ACCESS, Lineage
from drills.model.point import USABLE
from drills.recovery import vaults
from drills.recovery.bucket.drill import BucketDrill
from drills.recovery.setup import Setup
from tests.support.points import POINT


def setup_of(vault: dict[str, Any] | ClientError, **target: str) -> Setup:
    """A drill whose AWS Backup answers so of each vault."""
    backup = Mock()
    backup.describe_backup_vault.side_effect = [vault, vault]
    services = {field.name: None for field in dataclasses.fields(Clients) if field.type == "Any"} | {"backup": backup}
    clients = Clients(**services, region="eu-central-1", account="123456789012")
    given = target or {"instance": "orders"}
    return Setup("orders", Target(vault="bunker", **given), clients, clients, Mock(), Mock(), 1.0, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "words"),
    [(AIR_GAPPED, "a logically air-gapped vault"), (RESTORE_ACCESS, "a restore access vault of another account's")],
)
def test_a_vault_that_aws_backup_keeps_no_instance_in_is_refused_by_name(kind: str, words: str) -> None:
    """One sentence says which key names it, what it is, why that is none, and what to name in its place."""
    with pytest.raises(ConfigError) as refused:
        vaults.refuse(setup_of({"VaultType": kind}), ())
    assert str(refused.value) == (
        f'targets.orders.vault: expected a vault that a drill restores from, found "bunker", {words}: AWS Backup keeps no RDS '
        "instances in one: name the backup vault that its plan backs up into, and see docs/air-gapped.md"
    )
    with pytest.raises(ConfigError, match="restores no Aurora clusters from one yet"):
        vaults.refuse(setup_of({"VaultType": kind}, cluster="orders"), ())


def test_a_copy_vault_is_looked_at_where_a_copy_is_drilled() -> None:
    """Another sample restores nothing from it."""
    named = {"instance": "orders", "copy_vault": "bunker"}
    copy = setup_of({"VaultType": AIR_GAPPED}, sample="copy", **named)
    own = dataclasses.replace(POINT, vault="home")
    copy = dataclasses.replace(copy, target=copy.target.model_copy(update={"vault": "home"}))
    with pytest.raises(ConfigError, match=r"^targets\.orders\.copy_vault: "):
        vaults.refuse(copy, (own,))
    newest = dataclasses.replace(copy, target=copy.target.model_copy(update={"sample": Target(**named).sample}))  # type: ignore[arg-type]
    vaults.refuse(newest, (own,))


def test_a_vault_with_a_snapshot_of_the_target_is_not_asked_about() -> None:
    """RDS lists no point of an air-gapped vault, so that a usual drill sends no call for this."""
    setup = setup_of({"VaultType": AIR_GAPPED})
    vaults.refuse(setup, (dataclasses.replace(POINT, vault="bunker"),))
    setup.clients.backup.describe_backup_vault.assert_not_called()


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"VaultType": "BACKUP_VAULT"},
        ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeBackupVault"),
    ],
)
def test_what_aws_does_not_tell_is_not_refused(answer: dict[str, Any] | ClientError) -> None:
    """Regions without such vaults name no type, and a role may lack the right: the choice of the point says what is there."""
    vaults.refuse(setup_of(answer), ())


@pytest.mark.parametrize("kind", [AIR_GAPPED, RESTORE_ACCESS])
@pytest.mark.parametrize("target", [{"instance": "orders"}, {"cluster": "orders"}])
def test_preflight_foresees_what_a_drill_refuses(kind: str, target: dict[str, str]) -> None:
    """By the same rule: a vault with a snapshot of the target is not asked about, and another one by its type."""
    (bar,) = vaults.barring(setup_of({"VaultType": kind}, **target), ())
    with pytest.raises(ConfigError) as refused:
        vaults.refuse(setup_of({"VaultType": kind}, **target), ())

    assert (bar.key, bar.vault) == ("vault", "bunker")
    assert (
        f'targets.orders.vault: expected a vault that a drill restores from, found "bunker", {bar.words}: {bar.why}'
        in str(refused.value)
    )
    held = dataclasses.replace(POINT, vault="bunker")
    assert vaults.barring(setup_of({"VaultType": kind}, **target), (held,)) == ()
    assert vaults.barring(setup_of({"VaultType": "BACKUP_VAULT"}, **target), ()) == ()


def test_preflight_names_the_vault_that_is_not_there() -> None:
    """Of both that drill.toml names, where their points could not be listed; what AWS refuses to say is raised."""
    gone = ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "DescribeBackupVault")
    denied = ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeBackupVault")
    both = vaults.barring(setup_of(gone, instance="orders", copy_vault="copies"), None)

    assert [(each.key, each.vault, each.words) for each in both] == [
        ("vault", "bunker", ""),
        ("copy_vault", "copies", ""),
    ]
    with pytest.raises(ClientError):
        vaults.barring(setup_of(denied), ())


def test_a_point_of_such_a_vault_is_shown_with_the_reason_and_never_chosen() -> None:
    """It is no snapshot of RDS, which alone a drill of a database asks to restore."""
    row = {
        "RecoveryPointArn": "arn:aws:backup:eu-central-1:123456789012:recovery-point:1",
        "ResourceArn": "arn:aws:rds:eu-central-1:123456789012:cluster:orders",
        "Status": "COMPLETED",
        "VaultType": AIR_GAPPED,
    }
    rds, backup = Mock(), Mock()
    rds.describe_db_cluster_snapshots.return_value = {"DBClusterSnapshots": []}
    backup.list_recovery_points_by_backup_vault.return_value = {"RecoveryPoints": [row]}
    clients = dataclasses.replace(setup_of({}).clients, rds=rds, backup=backup)
    (point,) = aws.recovery_points(clients, "orders", "bunker", CLUSTER)
    assert (point.snapshot_id, point.status not in USABLE) == ("", True)
    assert point.status == "COMPLETED in a logically air-gapped vault, which no drill of a database restores from"


def test_a_bucket_of_such_a_vault_ends_as_a_drill_that_could_not_run() -> None:
    """Its run has begun, so that it is 12 and in the history: 2 is of what is refused before one begins."""
    setup = setup_of({}, bucket="orders")
    point = dataclasses.replace(POINT, vault="bunker", lineage=Lineage(vault_type=AIR_GAPPED))
    with pytest.raises(
        DrillError, match=r"^targets\.orders\.vault: expected a vault that buckets are restored from"
    ) as refused:
        BucketDrill(setup)._restore(point)
    assert refused.value.exit_code == COULD_NOT_RUN
