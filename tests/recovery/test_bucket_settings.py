"""The settings of an S3 bucket, what a restore of one is given, and which points a drill chooses: without any AWS."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drills.buckets.read import Side
from drills.model.point import NEWEST
from drills.recovery import selection
from drills.recovery.bucket import points, read
from drills.recovery.bucket.restore import creation_of, metadata_of
from drills.recovery.bucket.settings import BLOCKS, FAMILIES, Answers, of_bucket, of_told, open_to_the_public
from tests.support.clock import NOON

POLICY = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}]})
LOCKED = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}
BLOCKED = {"PublicAccessBlockConfiguration": dict.fromkeys(BLOCKS, True)}
ANSWERS = Answers(
    versioning={"Status": "Enabled"},
    encryption={
        "ServerSideEncryptionConfiguration": {
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "key"}}]
        }
    },
    ownership={"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
    public_access=BLOCKED,
    policy={"Policy": POLICY},
    lifecycle={"Rules": [{"ID": "a"}]},
    cors={"CORSRules": [{"AllowedOrigins": ["*"]}]},
    replication={"ReplicationConfiguration": {"Rules": [{"ID": "a"}], "Role": "r"}},
    notification={"EventBridgeConfiguration": {}},
    object_lock={"ObjectLockConfiguration": LOCKED},
    tag={"TagSet": [{"Key": "team", "Value": "invoices"}, {"Key": "drills:run", "Value": "r"}]},
)
EXPECTED = of_bucket(ANSWERS)
NAMES = [each.name for each in dataclasses.fields(Answers)]


@pytest.mark.parametrize("family", NAMES)
def test_each_setting_that_the_copy_has_not_is_found_alone_and_to_be_set_up_by_hand(family: str) -> None:
    """A restore brings back none, so that none misses the check; what is lost with it is said."""
    found = FAMILIES.compare_copy(EXPECTED, of_bucket(dataclasses.replace(ANSWERS, **{family: {}})), (), source=True)

    assert [each.object.split(".")[0] for each in found.findings] == [family]
    assert (found.outcome, found.findings[0].severity) == ("met", "warning")
    assert FAMILIES.compare_copy(EXPECTED, EXPECTED, (), source=True).findings == ()


@pytest.mark.parametrize("family", NAMES)
def test_a_setting_that_was_refused_is_not_compared(family: str) -> None:
    """The check is not verified, and nothing is found in its place."""
    found = of_bucket(dataclasses.replace(ANSWERS, **{family: None}))

    assert not [each for each in found if each.split(".")[0] == family]
    assert found.items() <= EXPECTED.items()


def test_no_account_and_no_role_of_a_policy_stands_in_a_setting() -> None:
    """The number of its statements and a digest do; a recorded answer gives the same settings again."""
    assert EXPECTED["policy"].startswith("1 statement, sha256 ")
    assert EXPECTED["object_lock"] == "on Days 1 Mode GOVERNANCE"
    assert EXPECTED["encryption"] == "aws:kms key"
    told = {
        "s3.GetBucketVersioning": ANSWERS.versioning or {},
        "s3.GetBucketOwnershipControls": ANSWERS.ownership or {},
        "s3.GetPublicAccessBlock": BLOCKED,
    }
    assert of_told(told).items() <= EXPECTED.items()
    assert len(of_told(told)) == 3


def test_what_is_not_blocked_for_the_public_is_named() -> None:
    """All of it where there is no such setting."""
    assert open_to_the_public(BLOCKED) == []
    assert open_to_the_public({}) == list(BLOCKS)
    half = {"PublicAccessBlockConfiguration": {**dict.fromkeys(BLOCKS, True), "BlockPublicPolicy": False}}
    assert open_to_the_public(half) == ["BlockPublicPolicy"]
    assert of_bucket(dataclasses.replace(ANSWERS, public_access=half))["public_access"] == (
        "blocked but for BlockPublicPolicy"
    )


def test_a_bucket_is_made_with_its_tags_in_its_region_and_with_acls_where_the_source_has_them() -> None:
    """us-east-1 is named by nobody; a restore fails of a backup with ACLs to a bucket without."""
    tags = {"drills:run": "r"}
    made = creation_of(tags, "eu-central-1", "BucketOwnerEnforced")
    assert made == {
        "CreateBucketConfiguration": {
            "LocationConstraint": "eu-central-1",
            "Tags": [{"Key": "drills:run", "Value": "r"}],
        }
    }
    assert "LocationConstraint" not in creation_of(tags, "us-east-1", "")["CreateBucketConfiguration"]
    assert creation_of(tags, "eu-central-1", "not there")["ObjectOwnership"] == "BucketOwnerPreferred"


def test_a_restore_names_the_folder_by_its_uri_and_no_acls() -> None:
    """Objects are encrypted as they were."""
    assert metadata_of("invoices", None) == {"EncryptionType": "original", "RestoreACLs": "false"}
    assert metadata_of("invoices", "2026/")["ItemsToRestore"] == '["s3://invoices/2026/"]'


def test_a_continuous_point_is_shown_and_never_chosen() -> None:
    """Its instant is that of its first backup, and not one that it reaches to; a point of another bucket is none of this."""

    def listed(name: str, bucket: str) -> dict[str, Any]:
        arn = f"arn:aws:backup:eu-central-1:123456789012:recovery-point:{name}"
        dates = {"CreationDate": NOON, "CompletionDate": NOON}
        return {"RecoveryPointArn": arn, "ResourceArn": f"arn:aws:s3:::{bucket}", "Status": "COMPLETED", **dates}

    rows = [
        listed("continuous:invoices-1", "invoices"),
        listed("invoices-2", "invoices"),
        listed("a-3", "old-invoices"),
    ]
    pages = SimpleNamespace(paginate=lambda **_: [{"RecoveryPoints": rows}])
    clients: Any = SimpleNamespace(backup=SimpleNamespace(get_paginator=lambda _: pages))
    found = points.points_of(clients, "invoices", "vault")
    choice = selection.choose(NEWEST, found, dbi_resource_id=None, usable_at=NOON)

    assert [each.instance_id for each in found] == ["invoices", "invoices"]
    assert choice.point is not None
    assert choice.point.arn.endswith(":invoices-2")
    assert [each.reason for each in choice.refused] == ["no API field says which instant its data reach to"]


def test_what_may_not_be_read_is_named_and_what_there_is_none_of_is_off() -> None:
    """Another error than a refusal is raised."""

    class Telling:
        def __init__(self, code: str) -> None:
            self.code = code

        def __getattr__(self, name: str) -> Any:
            def call(**_: Any) -> dict[str, Any]:
                code = self.code if name == "get_bucket_policy" else "NoSuchTagSet"
                raise ClientError({"Error": {"Code": code, "Message": "m"}}, name)

            return call

    seen = read.see(Side(Telling("AccessDenied"), "invoices", "123456789012"))
    assert [each.what for each in seen.unread] == ["policy"]
    assert seen.settings["lifecycle"] == seen.settings["versioning"] == "off"
    with pytest.raises(ClientError, match="InternalError"):
        read.see(Side(Telling("InternalError"), "invoices", "123456789012"))
