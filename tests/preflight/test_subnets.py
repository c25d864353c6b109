"""Which subnets a copy would be restored into, as RDS chooses where the target names no group."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import boto3
from botocore.stub import Stubber

from drills.config.target import RestoreConfig, Target
from drills.preflight.read import _Reader
from drills.preflight.sides import Sides
from tests.support.clock import NOON

OWN: Any = SimpleNamespace(subnet_ids=("subnet-own",))
VPC = {"VpcId": "vpc-1"}
IN_VPC = {"Filters": [{"Name": "vpc-id", "Values": ["vpc-1"]}]}
DEFAULT = {"Filters": [{"Name": "is-default", "Values": ["true"]}]}


def chosen(there: tuple[str, str], vpcs: list[dict[str, str]] | None, source: Any = OWN) -> tuple[str, ...] | None:
    """What is chosen for a copy in (account, region), where EC2 has these default VPCs; with None it is not asked."""
    ec2 = boto3.client("ec2", region_name=there[1], aws_access_key_id="a", aws_secret_access_key="s")
    with Stubber(ec2) as answers:
        if vpcs is not None:
            answers.add_response("describe_vpcs", {"Vpcs": vpcs}, DEFAULT)
        if vpcs:
            subnets = [{"SubnetId": "subnet-a"}, {"SubnetId": "subnet-b"}]
            answers.add_response("describe_subnets", {"Subnets": subnets}, IN_VPC)
        home: Any = SimpleNamespace(account="1", region="eu-central-1")
        away: Any = SimpleNamespace(account=there[0], region=there[1], ec2=ec2)
        reader = _Reader(Sides("orders", Target(instance="orders", restore=RestoreConfig()), home, away), NOON)
        found = reader._subnet_ids(source)
        answers.assert_no_pending_responses()
    return found


def test_a_copy_beside_its_source_goes_into_the_subnets_of_the_source() -> None:
    """EC2 is not asked for another VPC."""
    assert chosen(("1", "eu-central-1"), None) == ("subnet-own",)


def test_a_copy_in_another_account_or_region_goes_into_the_default_vpc() -> None:
    """The subnets of the source mean nothing there; so it does where the source is gone. Without such a VPC there are none."""
    for there, source in ((("2", "eu-central-1"), OWN), (("1", "eu-west-1"), OWN), (("1", "eu-central-1"), None)):
        assert chosen(there, [VPC], source) == ("subnet-a", "subnet-b")
        assert chosen(there, [], source) is None
