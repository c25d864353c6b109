"""What a drill of a volume says of a point that is no snapshot, and of a snapshot that its restore has left in the account."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from drills.aws import owned
from drills.model.instance import Resource
from drills.model.lineage import AIR_GAPPED, RESTORE_ACCESS, Lineage
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.recovery.resource.points import without_foreign_key
from drills.recovery.resource.vault import is_lent
from drills.recovery.setup import Setup
from drills.recovery.volume import on_the_way, points, settings
from drills.recovery.volume.unanswered import KIND
from tests.support.points import POINT

HERE, ELSEWHERE, RUN = "123456789012", "111111111111", "20261130-120000-abcd"
BEGUN = owned.earliest_of(RUN)
APART = "arn:aws:backup:eu-central-1:111111111111:recovery-point:1EB3B5E7-9EB0-435A-A80B-108B488B0D45"
NAME = f"drill-{RUN}-1EB3B5E7-9EB0-435A-A80B-108B488B0D45"
LEFT = (
    "the restore has left the snapshot snap-1 in this account, begun since the run was: the volume of the run was made of it. A "
    "drill removes no snapshot: once no other restore needs it, aws ec2 delete-snapshot --region eu-central-1 --snapshot-id snap-1"
)


def setup_of(
    snapshots: list[dict[str, Any]] | ClientError, point: RecoveryPoint | None = None, account: str | None = None
) -> Setup:
    """A run that has restored a point to a volume, of which EC2 tells these snapshots."""
    clients, journal = Mock(account=HERE, region="eu-central-1"), Mock()
    clients.ec2.get_paginator.side_effect = lambda operation: _paginator(operation, snapshots)
    clients.ec2.can_paginate.return_value = True
    journal.record.owner, journal.record.notes = RUN, []
    journal.record.resources = (Resource(KIND, NAME, "made"),)
    journal.record.restorations = (Restoration("recovery", point or _apart(), NAME),)
    journal.append.side_effect = lambda _, sentence: journal.record.notes.append(sentence)
    target = Mock()
    target.vault_access.account = account
    return Setup("files", target, clients, clients, journal, Mock(), 1.0, None)


def _apart() -> RecoveryPoint:
    return dataclasses.replace(POINT, arn=APART, snapshot_id="")


def _paginator(operation: str, snapshots: list[dict[str, Any]] | ClientError) -> Mock:
    paginator = Mock()
    if operation == "describe_volumes":
        paginator.paginate.return_value = [{"Volumes": [{"VolumeId": "vol-1", "SnapshotId": "snap-1", "Tags": []}]}]
    elif isinstance(snapshots, ClientError):
        paginator.paginate.side_effect = snapshots
    else:
        paginator.paginate.return_value = [{"Snapshots": snapshots}]
    return paginator


def snapshot(owner: str, minutes: float) -> dict[str, Any]:
    """A snapshot of that account, begun so long after the run may have begun anything."""
    return {"SnapshotId": "snap-1", "OwnerId": owner, "StartTime": BEGUN + timedelta(minutes=minutes)}


@pytest.mark.parametrize(
    ("found", "notes"),
    [
        ([snapshot(HERE, 7)], [LEFT]),
        ([snapshot(HERE, -1)], []),  # it was there before
        ([snapshot(ELSEWHERE, 7)], []),  # AWS Backup's own, or another account's, which shares it
        ([], []),
    ],
)
def test_a_snapshot_that_a_restore_has_left_is_named_with_the_command_that_removes_it(
    found: list[dict[str, Any]], notes: list[str]
) -> None:
    """It lies in the account of the copy, was begun since the run was, and the run's own volume names it; it is noted once."""
    setup = setup_of(found)
    made_of = on_the_way.made_of(setup)
    assert list(made_of) == ["snap-1"]
    for _ in range(2):
        on_the_way.note(setup, made_of)
    assert list(setup.journal.record.notes) == notes
    assert not [each for each in setup.scratch_clients.ec2.method_calls if "delete" in each[0]]


def test_what_could_not_be_read_of_it_is_noted_and_a_usual_drill_asks_nothing() -> None:
    """A right that is missing leaves a sentence; where the point is a snapshot itself, nothing was made on the way."""
    denied = ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, "DescribeSnapshots")
    setup = setup_of(denied)
    on_the_way.note(setup, ("snap-1",))
    (note,) = setup.journal.record.notes
    assert note.startswith("whether the snapshot snap-1 was left in this account could not be read: ")
    usual = setup_of([], dataclasses.replace(POINT, snapshot_id="snap-2"))
    assert on_the_way.made_of(usual) == ()
    assert not usual.scratch_clients.ec2.method_calls


def test_a_point_of_an_air_gapped_vault_names_no_snapshot() -> None:
    """Its ARN has `backup` in place of `ec2` (AWS Backup developer guide, "Logically air-gapped vault")."""
    rows = [
        {"RecoveryPointArn": arn, "ResourceArn": f"arn:aws:ec2:eu-central-1:{HERE}:volume/vol-1", "Status": "COMPLETED"}
        for arn in (APART, "arn:aws:ec2:eu-central-1::snapshot/snap-1")
    ]
    clients = Mock()
    clients.backup.get_paginator.return_value.paginate.return_value = [{"RecoveryPoints": rows}]
    assert [each.snapshot_id for each in points.points_of(clients, "vol-1", "bunker")] == ["", "snap-1"]


@pytest.mark.parametrize(
    ("taken", "outcome", "said"),
    [
        ([], "not verified", "the copy names snap-1, which EC2 does not show to this account: "),
        ([{"VolumeId": "vol-ffffffff"}], "not verified", "which EC2 does not say of which volume it was taken: "),
        ([{"VolumeId": "vol-1"}], "not verified", "which EC2 calls one of vol-1: "),
        ([{"VolumeId": "vol-2"}], "missed", "the snapshot was taken of another volume"),
    ],
)
def test_the_lineage_of_a_copy_is_not_verified_where_its_point_names_no_snapshot(
    taken: list[dict[str, str]], outcome: str, said: str
) -> None:
    """Nothing ties the snapshot that the copy names to the point; one of another volume is a wrong one all the same."""
    found = settings.judge_lineage("vol-1", "", {"SnapshotId": "snap-1"}, taken)
    assert (found.outcome, found.requirement) == (outcome, "required" if outcome == "missed" else "impossible")
    assert said in found.sentence
    assert "snapshot" not in settings.contents().sentence  # which would say of what the copy was made


@pytest.mark.parametrize(
    ("access", "vault_type", "lent"),
    [(ELSEWHERE, AIR_GAPPED, True), (None, RESTORE_ACCESS, True), (None, AIR_GAPPED, False)],
)
def test_a_key_of_another_account_is_not_asked_for_where_the_vault_is_lent(
    access: str | None, vault_type: str, lent: bool
) -> None:
    """The account that restores may not be let use it; its own keys, and names without an account, are asked for."""
    point = dataclasses.replace(_apart(), lineage=Lineage(vault_type=vault_type))
    assert is_lent(setup_of([], account=access).target, point) is lent
    for key, kept in ((ELSEWHERE, False), (HERE, True)):
        given = {"kmsKeyId": f"arn:aws:kms:eu-central-1:{key}:key/1", "encrypted": "true"}
        assert ("kmsKeyId" in without_foreign_key(given, "kmsKeyId", HERE)) is kept
    assert without_foreign_key({"kmsKeyId": "alias/own"}, "kmsKeyId", HERE) == {"kmsKeyId": "alias/own"}
    assert without_foreign_key({"encrypted": "true"}, "kmsKeyId", HERE) == {"encrypted": "true"}
