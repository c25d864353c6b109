"""The time until which what an incident has made stays: set by its tag, of its own things alone."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest

from drills.aws.read import EXPIRES_TAG, RUN_TAG
from drills.clock import SystemClock
from drills.errors import DrillError
from drills.incident.lease import release, set_until
from drills.model.instance import Resource
from drills.sweep.find import find
from drills.sweep.remove import resource_of
from tests.support.clock import NOON
from tests.support.lossy import LossyAws, make_instance
from tests.support.models import mock_aws

RUN = "20261123-120000-abcd"
STEM = f"drill-{RUN}-recovery"
UNTIL = NOON + timedelta(hours=8)


def make(session: Any, run_id: str = RUN) -> None:
    """Make a group of RDS, one of EC2 and a secret, as a restore makes them."""
    tags = [{"Key": RUN_TAG, "Value": run_id}, {"Key": EXPIRES_TAG, "Value": NOON.isoformat()}]
    session.client("rds").create_db_parameter_group(
        DBParameterGroupName=f"{STEM}-parameters", DBParameterGroupFamily="postgres16", Description="x", Tags=tags
    )
    ec2 = session.client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    specified = [{"ResourceType": "security-group", "Tags": tags}]
    ec2.create_security_group(GroupName=f"{STEM}-isolation", Description="x", VpcId=vpc, TagSpecifications=specified)
    session.client("secretsmanager").create_secret(Name=f"{STEM}-login", SecretString=json.dumps({}), Tags=tags)


def test_each_kind_gets_its_time_and_what_is_not_there_is_named() -> None:
    """RDS, EC2 and Secrets Manager have a call each; a sweep reads what was set."""
    with mock_aws():
        lossy = LossyAws()
        make(boto3.Session("test", "test", region_name="eu-central-1"))
        things = [resource_of(each) for each in find(lossy.clients).leftovers]
        gone = Resource("db-snapshot", f"{STEM}-copy", "made")
        problems = set_until(lossy.clients, SystemClock(), RUN, [*things, gone], UNTIL)
        found = find(lossy.clients).leftovers
        lossy.recover()

    assert {each.kind for each in found} == {"db-parameter-group", "security-group", "secret"}
    assert {each.expires for each in found} == {UNTIL.isoformat(timespec="seconds")}
    assert problems == (f"db-snapshot {STEM}-copy is not there any more, so that its time is not set",)


def test_what_carries_the_tag_of_another_run_keeps_its_time() -> None:
    """A name can be guessed: nothing of it is changed, and that is said."""
    with mock_aws():
        lossy = LossyAws()
        make(boto3.Session("test", "test", region_name="eu-central-1"), "20261123-120000-ffff")
        things = [resource_of(each) for each in find(lossy.clients).leftovers]
        problems = set_until(lossy.clients, SystemClock(), RUN, things, UNTIL)
        found = find(lossy.clients).leftovers
        lossy.recover()

    assert {each.expires for each in found} == {NOON.isoformat()}
    assert len(problems) == len(things) == 3
    assert all(each.endswith("it does not carry this run's tag") for each in problems)


def test_a_cluster_is_kept_for_good_after_its_instance() -> None:
    """An instance that a sweep removed would leave a cluster that nobody can reach: the cluster keeps its tags the longest."""
    with mock_aws():
        lossy = LossyAws()
        tags = [{"Key": RUN_TAG, "Value": RUN}]
        rds = lossy.clients.rds
        of_both = {"Engine": "aurora-postgresql", "Tags": tags}
        rds.create_db_cluster(
            DBClusterIdentifier=STEM, MasterUsername="owner", MasterUserPassword="of-nobody", **of_both
        )
        rds.create_db_instance(
            DBInstanceIdentifier=f"{STEM}-writer", DBInstanceClass="db.r6g.large", DBClusterIdentifier=STEM, **of_both
        )
        things = [resource_of(each) for each in find(lossy.clients).leftovers]
        done = [each.kind for each in release(lossy.clients, SystemClock(), RUN, reversed(things))]
        found = find(lossy.clients).leftovers
        lossy.recover()

    assert done == ["db-instance", "db-cluster"]
    assert {each.run_id for each in found} == {""}


def test_what_is_kept_for_good_carries_no_tag_of_drills_and_the_password_comes_first() -> None:
    """Cut off anywhere the instance still has its tags and its password none; asked again, it goes on."""
    with mock_aws():
        lossy = LossyAws()
        session = boto3.Session("test", "test", region_name="eu-central-1")
        make(session)
        make_instance(lossy.clients.rds, STEM, [{"Key": RUN_TAG, "Value": RUN}, {"Key": "owner", "Value": "us"}])
        things = [resource_of(each) for each in find(lossy.clients).leftovers]
        lossy.lose("ec2", "DeleteTags", "denied", times=1, carried_out=False)
        with pytest.raises(DrillError, match=r"the tags of security-group .* could not be taken off"):
            list(release(lossy.clients, SystemClock(), RUN, things))
        halfway = {each.kind: each.run_id for each in find(lossy.clients).leftovers}
        again = [Resource(each.kind, each.id, "made") for each in find(lossy.clients).leftovers if each.run_id == RUN]
        done = [each.kind for each in release(lossy.clients, SystemClock(), RUN, again)]
        found = find(lossy.clients).leftovers
        (instance,) = lossy.clients.rds.describe_db_instances()["DBInstances"]
        lossy.recover()

    assert (halfway["secret"], halfway["db-instance"]) == ("", RUN)
    assert (done[-1], "secret" in done) == ("db-instance", False)
    assert {(each.run_id, each.expires) for each in found} == {("", "")}
    assert len(found) == 4
    assert instance["TagList"] == [{"Key": "owner", "Value": "us"}]
