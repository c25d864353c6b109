"""What a restore inherits and what it resets, row by row (RDS API reference, the two restore operations)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.rds import Instance, code, create, delete, recover, restore
from tests.support.sandbox import RunningSandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]

TEAM = [{"Key": "team", "Value": "orders"}]
SAME = object()  # as the source has it
# setting, what a restore from a snapshot gives, what a restore to a point in time gives
ROWS: list[tuple[str, Any, Any]] = [
    ("DBInstanceClass", SAME, SAME),
    ("EngineVersion", SAME, SAME),
    ("AllocatedStorage", SAME, SAME),
    ("MasterUsername", SAME, SAME),
    ("BackupRetentionPeriod", SAME, SAME),
    ("StorageEncrypted", SAME, SAME),
    ("KmsKeyId", SAME, SAME),
    ("LicenseModel", SAME, SAME),
    ("StorageType", "gp3", "gp3"),
    ("TagList", SAME, []),
    ("MultiAZ", False, False),
    ("DeletionProtection", False, False),
    ("IAMDatabaseAuthenticationEnabled", False, False),
    ("EnabledCloudwatchLogsExports", [], []),
    ("PubliclyAccessible", False, False),
    ("CopyTagsToSnapshot", False, False),
    ("MonitoringInterval", 0, 0),
    ("CACertificateIdentifier", "rds-ca-rsa2048-g1", "rds-ca-rsa2048-g1"),
]
OVERRIDES: dict[str, Any] = {
    "DBInstanceClass": "db.t4g.large",
    "MultiAZ": True,
    "DeletionProtection": False,
    "PubliclyAccessible": False,
    "CopyTagsToSnapshot": True,
    "AutoMinorVersionUpgrade": False,
    "BackupRetentionPeriod": 0,
    "AllocatedStorage": 60,
    "PreferredBackupWindow": "01:00-01:30",
}


@pytest.fixture(scope="module")
def original(beating: RunningSandbox) -> Iterator[Instance]:
    """An instance with no setting at its default, and a snapshot `original-1` of it."""
    rds = beating.client("rds")
    family = f"postgres{beating.postgres[0]['major']}"
    rds.create_db_parameter_group(DBParameterGroupName="original", DBParameterGroupFamily=family, Description="its own")
    made = create(
        beating,
        "original",
        AllocatedStorage=50,
        DBInstanceClass="db.m6g.large",
        DBParameterGroupName="original",
        MultiAZ=True,
        DeletionProtection=True,
        EnableIAMDatabaseAuthentication=True,
        EnableCloudwatchLogsExports=["postgresql", "upgrade"],
        BackupRetentionPeriod=9,
        StorageEncrypted=True,
        StorageType="gp2",
        PubliclyAccessible=True,
        CopyTagsToSnapshot=True,
        MonitoringInterval=60,
        MonitoringRoleArn="arn:aws:iam::123456789012:role/emaccess",
        Tags=TEAM,
    )
    made.available()
    rds.create_db_snapshot(DBInstanceIdentifier="original", DBSnapshotIdentifier="original-1")
    made.restorable_past(made.available()["InstanceCreateTime"])
    yield made
    rds.modify_db_instance(DBInstanceIdentifier="original", DeletionProtection=False)
    delete(made)
    rds.delete_db_snapshot(DBSnapshotIdentifier="original-1")
    rds.delete_db_parameter_group(DBParameterGroupName="original")


@pytest.fixture(scope="module")
def restored(original: Instance) -> Iterator[dict[str, dict[str, Any]]]:
    """The descriptions of the source and of both kinds of restore without further parameters."""
    plain = restore(original, "original-1", "plain-copy")
    timed = recover(original, "timed-copy", UseLatestRestorableTime=True)
    yield {"source": original.described(), "snapshot": plain.available(), "moment": timed.available()}
    for each in (plain, timed):
        delete(each)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_setting_is_inherited_or_reset(restored: dict[str, dict[str, Any]], row: tuple[str, Any, Any]) -> None:
    """Without a parameter, a restore has what the table says; the source had something else where it is reset."""
    name, *expected = row
    source = restored["source"][name]
    for kind, wanted in zip(("snapshot", "moment"), expected, strict=True):
        assert restored[kind][name] == (source if wanted is SAME else wanted), kind


def test_groups_are_reset_to_the_defaults(restored: dict[str, dict[str, Any]]) -> None:
    """Parameter group and security groups are the defaults of the engine and of the subnet group's VPC, in sync."""
    for kind in ("snapshot", "moment"):
        (group,) = restored[kind]["DBParameterGroups"]
        assert group["DBParameterGroupName"].startswith("default.postgres")
        assert group["ParameterApplyStatus"] == "in-sync"
        assert restored[kind]["DBSubnetGroup"]["DBSubnetGroupName"] == "default"
        assert restored[kind]["DbiResourceId"] != restored["source"]["DbiResourceId"]
    assert restored["source"]["DBParameterGroups"][0]["DBParameterGroupName"] == "original"


@pytest.mark.parametrize("way", ["snapshot", "moment"])
def test_what_is_given_is_honoured_also_when_it_is_false(original: Instance, way: str) -> None:
    """Overrides count, false ones and 0 too, and tags that are given replace those of the source."""
    tags = [{"Key": "drill", "Value": "1"}]
    given: dict[str, Any] = OVERRIDES | {"Tags": tags, "DBParameterGroupName": "original"}
    if way == "snapshot":
        copy = restore(original, "original-1", "given-copy", **given)
    else:
        copy = recover(original, "given-copy", UseLatestRestorableTime=True, MaxAllocatedStorage=200, **given)
    seen = copy.available()
    assert {name: seen[name] for name in OVERRIDES} == OVERRIDES
    assert seen["TagList"] == tags
    assert seen["DBParameterGroups"][0]["DBParameterGroupName"] == "original"
    assert seen.get("MaxAllocatedStorage") == (None if way == "snapshot" else 200)
    delete(copy)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"DBSubnetGroupName": "nowhere"}, "DBSubnetGroupNotFoundFault"),
        ({"DBParameterGroupName": "nowhere"}, "DBParameterGroupNotFound"),
        ({"VpcSecurityGroupIds": ["sg-12345678"]}, "InvalidParameterValue"),
        ({"DBName": "other"}, "InvalidParameterValue"),
        ({"AllocatedStorage": 20}, "InvalidParameterValue"),
    ],
    ids=str,
)
def test_a_restore_that_cannot_be_is_refused(original: Instance, given: dict[str, Any], expected: str) -> None:
    """Groups that are not there, a database name and too little storage are refused, and no instance is left."""
    with pytest.raises(ClientError) as refused:
        restore(original, "original-1", "never", **given)
    assert code(refused) == expected
    assert Instance(original.sandbox, "never", "").gone()
