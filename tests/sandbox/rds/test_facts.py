"""Snapshots across regions, sharing, paging, and the answers about RDS itself."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drills.sandbox.rds.limits import CERTIFICATES
from tests.support.rds import Instance, code, create, delete, eventually
from tests.support.sandbox import RunningSandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]

ELSEWHERE = "eu-west-1"


def elsewhere(sandbox: RunningSandbox, service: str) -> Any:
    """Return a client of another region."""
    return sandbox.client(service, region_name=ELSEWHERE, config=None)


def available(rds: Any, name: str) -> dict[str, Any]:
    """A snapshot, once it is available."""

    def probe() -> dict[str, Any] | None:
        (seen,) = rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"]
        assert (seen["PercentProgress"] == 100) == (seen["Status"] == "available")
        return dict(seen) if seen["Status"] == "available" else None

    return dict(eventually(probe, name))


def test_every_server_at_hand_has_a_lifecycle(sandbox: RunningSandbox) -> None:
    """Standard support, then three years of Extended Support; a restore keeps what it asked for (DescribeDBMajorEngineVersions)."""
    rds = sandbox.client("rds")
    rows = rds.describe_db_major_engine_versions(Engine="postgres")["DBMajorEngineVersions"]
    versions = rds.describe_db_engine_versions(Engine="postgres")["DBEngineVersions"]

    assert {each["MajorEngineVersion"] for each in rows} == {each["MajorEngineVersion"] for each in versions}
    for row in rows:
        standard, extended = row["SupportedEngineLifecycles"]
        assert standard["LifecycleSupportName"] == "open-source-rds-standard-support"
        assert standard["LifecycleSupportStartDate"] < standard["LifecycleSupportEndDate"]
        assert standard["LifecycleSupportEndDate"] < extended["LifecycleSupportStartDate"]
        assert extended["LifecycleSupportEndDate"].year == standard["LifecycleSupportEndDate"].year + 3
    only = rds.describe_db_major_engine_versions(Engine="postgres", MajorEngineVersion="9.6")
    assert only["DBMajorEngineVersions"] == []


def test_a_snapshot_is_copied_to_another_region_under_another_key(sandbox: RunningSandbox) -> None:
    """The copy has the data, a key of its region, a new creation time and the original one (RDS API, CopyDBSnapshot)."""
    rds, there = sandbox.client("rds"), elsewhere(sandbox, "rds")
    made = create(sandbox, "traveller", StorageEncrypted=True)
    made.available()
    made.run("CREATE TABLE item AS SELECT 7 AS id")
    rds.create_db_snapshot(DBInstanceIdentifier="traveller", DBSnapshotIdentifier="home")
    home = available(rds, "home")
    wanted = {"SourceDBSnapshotIdentifier": home["DBSnapshotArn"], "TargetDBSnapshotIdentifier": "abroad"}
    with pytest.raises(ClientError) as refused:
        there.copy_db_snapshot(**wanted, SourceRegion=sandbox.region)
    assert code(refused) == "InvalidParameterCombination"
    key = elsewhere(sandbox, "kms").create_key()["KeyMetadata"]["Arn"]
    there.copy_db_snapshot(**wanted, SourceRegion=sandbox.region, KmsKeyId=key)
    abroad = available(there, "abroad")
    assert (abroad["KmsKeyId"], abroad["SnapshotType"], abroad["SourceRegion"]) == (key, "manual", sandbox.region)
    assert abroad["SourceDBSnapshotIdentifier"] == home["DBSnapshotArn"]
    assert f":{ELSEWHERE}:" in abroad["DBSnapshotArn"]
    assert abroad["OriginalSnapshotCreateTime"] == home["OriginalSnapshotCreateTime"] < abroad["SnapshotCreateTime"]
    assert abroad["SnapshotDatabaseTime"] == home["SnapshotDatabaseTime"]

    there.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="settler", DBSnapshotIdentifier="abroad")
    settler = Abroad(sandbox, "settler", made.password)
    assert settler.available()["KmsKeyId"] == key
    assert settler.value("SELECT id FROM item") == 7
    for each in (settler, made):
        delete(each)
    there.delete_db_snapshot(DBSnapshotIdentifier="abroad")
    assert available(rds, "home")
    rds.delete_db_snapshot(DBSnapshotIdentifier="home")


class Abroad(Instance):
    """An instance of the other region."""

    @property
    def rds(self) -> Any:
        """Return a client of that region."""
        return elsewhere(self.sandbox, "rds")


def test_snapshots_are_shared_and_tagged(sandbox: RunningSandbox) -> None:
    """Attributes and tags are kept; automated ones belong to their service and are not to be shared or deleted."""
    rds = sandbox.client("rds")
    made = create(sandbox, "shared", BackupRetentionPeriod=1, StorageEncrypted=True)
    made.available()
    for number in range(2):
        rds.create_db_snapshot(DBInstanceIdentifier="shared", DBSnapshotIdentifier=f"shared-{number}")
        made.available()
    share = {"DBSnapshotIdentifier": "shared-0", "AttributeName": "restore"}
    rds.modify_db_snapshot_attribute(**share, ValuesToAdd=["111122223333"])
    told = rds.describe_db_snapshot_attributes(DBSnapshotIdentifier="shared-0")["DBSnapshotAttributesResult"]
    assert told["DBSnapshotAttributes"] == [{"AttributeName": "restore", "AttributeValues": ["111122223333"]}]
    with pytest.raises(ClientError) as refused:
        rds.modify_db_snapshot_attribute(**share, ValuesToAdd=["all"])
    assert code(refused) == "InvalidParameterValue"
    (automated,) = rds.describe_db_snapshots(DBInstanceIdentifier="shared", SnapshotType="automated")["DBSnapshots"]
    attempts: tuple[Callable[[str], Any], ...] = (
        lambda name: rds.delete_db_snapshot(DBSnapshotIdentifier=name),
        lambda name: rds.modify_db_snapshot_attribute(
            DBSnapshotIdentifier=name, AttributeName="restore", ValuesToAdd=["111122223333"]
        ),
    )
    for attempt in attempts:
        with pytest.raises(ClientError) as refused:
            attempt(automated["DBSnapshotIdentifier"])
        assert code(refused) == "InvalidDBSnapshotState"
    arn = available(rds, "shared-1")["DBSnapshotArn"]
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "kept", "Value": "yes"}])
    assert available(rds, "shared-1")["TagList"] == [{"Key": "kept", "Value": "yes"}]

    by = [{"Name": "dbi-resource-id", "Values": [made.described()["DbiResourceId"]]}]
    assert [each["DBInstanceIdentifier"] for each in rds.describe_db_instances(Filters=by)["DBInstances"]] == ["shared"]
    delete(made)
    for number in range(2):
        rds.delete_db_snapshot(DBSnapshotIdentifier=f"shared-{number}")


NEW = {
    "DBInstanceIdentifier": "never",
    "DBInstanceClass": "db.t4g.medium",
    "Engine": "postgres",
    "AllocatedStorage": 20,
    "MasterUsername": "owner",
    "MasterUserPassword": "right!#$",
}
CHANGE = {"DBInstanceIdentifier": "strict"}
COPY = {"DBInstanceIdentifier": "never", "DBSnapshotIdentifier": "strict-0"}
MOMENT = {
    "TargetDBInstanceIdentifier": "never",
    "SourceDBInstanceIdentifier": "strict",
    "UseLatestRestorableTime": True,
}
SHARE = {"DBSnapshotIdentifier": "strict-0", "AttributeName": "restore"}
OLD = {"CACertificateIdentifier": "rds-ca-2019"}
RESERVED = {"Tags": [{"Key": "aws:x", "Value": "y"}]}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("create_db_instance", NEW | OLD, "CertificateNotFound"),
    ("modify_db_instance", CHANGE | OLD, "CertificateNotFound"),
    ("restore_db_instance_from_db_snapshot", COPY | OLD, "CertificateNotFound"),
    ("restore_db_instance_to_point_in_time", MOMENT | OLD, "CertificateNotFound"),
    ("create_db_instance", NEW | RESERVED, "InvalidParameterValue"),
    ("restore_db_instance_from_db_snapshot", COPY | RESERVED, "InvalidParameterValue"),
    ("restore_db_instance_to_point_in_time", MOMENT | RESERVED, "InvalidParameterValue"),
    ("create_db_snapshot", CHANGE | {"DBSnapshotIdentifier": "never"} | RESERVED, "InvalidParameterValue"),
    (
        "copy_db_snapshot",
        {"SourceDBSnapshotIdentifier": "strict-0", "TargetDBSnapshotIdentifier": "never"} | RESERVED,
        "InvalidParameterValue",
    ),
    ("modify_db_instance", CHANGE | {"MasterUserPassword": "pass/word"}, "InvalidParameterValue"),
    ("modify_db_instance", CHANGE | {"MasterUserPassword": "7letter"}, "InvalidParameterValue"),
    ("modify_db_instance", CHANGE | {"AllocatedStorage": 10}, "InvalidParameterCombination"),
    ("modify_db_instance", CHANGE | {"AllocatedStorage": 70000}, "InvalidParameterValue"),
    ("restore_db_instance_from_db_snapshot", COPY | {"AllocatedStorage": 70000}, "InvalidParameterValue"),
    ("describe_db_snapshot_attributes", {"DBSnapshotIdentifier": "absent"}, "DBSnapshotNotFound"),
    ("modify_db_snapshot_attribute", SHARE | {"DBSnapshotIdentifier": "absent"}, "DBSnapshotNotFound"),
    ("modify_db_snapshot_attribute", SHARE | {"AttributeName": "nonsense"}, "InvalidParameterValue"),
    ("modify_db_snapshot_attribute", SHARE | {"ValuesToAdd": ["nobody"]}, "InvalidParameterValue"),
]


def test_each_operation_refuses_what_rds_refuses(sandbox: RunningSandbox) -> None:
    """The code is RDS's, nothing is made or changed, and IAM authentication is on where it was asked for."""
    rds = sandbox.client("rds")
    made = create(sandbox, "strict", BackupRetentionPeriod=1)
    made.available()
    rds.create_db_snapshot(DBInstanceIdentifier="strict", DBSnapshotIdentifier="strict-0")
    before = made.available()
    assert before["IAMDatabaseAuthenticationEnabled"] is False
    tagged = available(rds, "strict-0")["DBSnapshotArn"]
    for operation, request, wanted in [
        *REFUSED,
        ("add_tags_to_resource", {"ResourceName": tagged} | RESERVED, REFUSED[4][2]),
    ]:
        with pytest.raises(ClientError) as refused:
            getattr(rds, operation)(**request)
        assert code(refused) == wanted, (operation, request)
    assert made.described() | {"LatestRestorableTime": None} == before | {"LatestRestorableTime": None}
    rds.modify_db_instance(**CHANGE, EnableIAMDatabaseAuthentication=True, AllocatedStorage=21, ApplyImmediately=True)
    after = made.available()
    assert (after["IAMDatabaseAuthenticationEnabled"], after["AllocatedStorage"]) == (True, 22)
    delete(made)
    rds.delete_db_snapshot(DBSnapshotIdentifier="strict-0")


def test_tags_of_what_is_not_there_are_refused(sandbox: RunningSandbox) -> None:
    """The service model has an error for instances and snapshots; other kinds and regions are no resource of this region."""
    rds, absent = sandbox.client("rds"), f"arn:aws:rds:{sandbox.region}:123456789012:snapshot:absent"
    for arn, wanted in (
        (absent, "DBSnapshotNotFound"),
        (absent.replace(":absent", ":rds:absent-2026-01-01-00-00"), "DBSnapshotNotFound"),
        (absent.replace(":snapshot:", ":db:"), "DBInstanceNotFound"),
        (absent.replace(":snapshot:", ":pg:"), "InvalidParameterValue"),
        (absent.replace(":snapshot:", ":nonsense:"), "InvalidParameterValue"),
        (absent.replace(sandbox.region, ELSEWHERE), "InvalidParameterValue"),
        (absent.replace("123456789012", "111122223333"), "InvalidParameterValue"),
    ):
        for operation, more in (
            ("list_tags_for_resource", {}),
            ("add_tags_to_resource", {"Tags": [{"Key": "a", "Value": "b"}]}),
            ("remove_tags_from_resource", {"TagKeys": ["a"]}),
        ):
            with pytest.raises(ClientError) as refused:
                getattr(rds, operation)(ResourceName=arn, **more)
            assert code(refused) == wanted, (operation, arn)


def test_rds_describes_itself(sandbox: RunningSandbox) -> None:
    """Quotas, the authority behind TLS, engine defaults by pages, classes, and no pending maintenance."""
    rds = sandbox.client("rds")

    def quota() -> dict[str, Any]:
        quotas = {each["AccountQuotaName"]: each for each in rds.describe_account_attributes()["AccountQuotas"]}
        return dict(quotas["DBInstances"])

    assert quota()["Max"] == 40
    # an instance that an earlier test has deleted may go between the two calls
    eventually(lambda: quota()["Used"] == len(rds.describe_db_instances()["DBInstances"]), "both to count the same")

    certificates = rds.describe_certificates()["Certificates"]
    assert [each["CertificateIdentifier"] for each in certificates] == list(CERTIFICATES)
    authority = ssl.PEM_cert_to_DER_cert(Path(sandbox.ca).read_text())
    for certificate in certificates:
        assert certificate["Thumbprint"] == hashlib.sha1(authority).hexdigest()
        assert certificate["ValidFrom"] < datetime.now(UTC) < certificate["ValidTill"]
        assert rds.describe_certificates(CertificateIdentifier=certificate["CertificateIdentifier"])[
            "Certificates"
        ] == [certificate]
    with pytest.raises(ClientError) as refused:
        rds.describe_certificates(CertificateIdentifier="rds-ca-2015")
    assert code(refused) == "CertificateNotFound"

    family = f"postgres{sandbox.postgres[0]['major']}"
    pages = rds.get_paginator("describe_engine_default_parameters").paginate(DBParameterGroupFamily=family)
    names = [each["ParameterName"] for page in pages for each in page["EngineDefaults"]["Parameters"]]
    assert len(names) == len(set(names)) > 100
    assert "work_mem" in names

    options = rds.describe_orderable_db_instance_options(Engine="postgres", DBInstanceClass="db.t4g.medium")
    offered = [each["EngineVersion"] for each in options["OrderableDBInstanceOptions"]]
    assert offered == [each["version"] for each in sandbox.postgres]
    assert rds.describe_pending_maintenance_actions()["PendingMaintenanceActions"] == []


def test_answers_come_by_pages(sandbox: RunningSandbox) -> None:
    """A Marker leads from page to page; MaxRecords is 20 to 100 (RDS API reference), and a Marker must be one."""
    rds = sandbox.client("rds")
    family = f"postgres{sandbox.postgres[0]['major']}"
    rds.create_db_parameter_group(DBParameterGroupName="paged", DBParameterGroupFamily=family, Description="pages")
    query: dict[str, Any] = {"DBParameterGroupName": "paged", "MaxRecords": 20}
    first = rds.describe_db_parameters(**query)
    second = rds.describe_db_parameters(**query, Marker=first["Marker"])
    assert len(first["Parameters"]) == len(second["Parameters"]) == 20
    pages = list(rds.get_paginator("describe_db_parameters").paginate(DBParameterGroupName="paged"))
    names = [each["ParameterName"] for each_page in pages for each in each_page["Parameters"]]
    assert [each["ParameterName"] for each in first["Parameters"] + second["Parameters"]] == names[:40]
    assert len(names) == len(set(names)) > 100
    assert "Marker" not in rds.describe_db_instances()
    for wrong in ({"MaxRecords": 2}, {"MaxRecords": 101}, {"Marker": "nonsense!"}):
        with pytest.raises(ClientError) as refused:
            rds.describe_db_parameters(**(query | wrong))
        assert code(refused) == "InvalidParameterValue"
    rds.delete_db_parameter_group(DBParameterGroupName="paged")


def test_ten_instances_are_made_at_once(sandbox: RunningSandbox) -> None:
    """Ten requests one after another without waiting give ten servers that answer, each with its own data."""
    made = [create(sandbox, f"ten-{number}") for number in range(10)]
    ports = {each.available()["Endpoint"]["Port"] for each in made}
    assert len(ports) == 10
    for each in made:
        assert each.value("SELECT current_database()") == "app"
    assert len({each.value("SELECT system_identifier FROM pg_control_system()") for each in made}) == 10
    for each in made:
        each.rds.delete_db_instance(DBInstanceIdentifier=each.name, SkipFinalSnapshot=True)
    for each in made:
        eventually(each.gone, f"{each.name} to go", timeout=120)
