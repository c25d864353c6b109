"""What must hold before a drill touches an AWS that is not its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from drills.aws import guards
from drills.aws.guards import Sides
from drills.aws.session import SERVICES, Clients, open_clients
from drills.errors import Refused
from tests.support.guarded import HOME, LIVE, OTHER, REGION, SIDES, live, own_environment, source
from tests.support.models import mock_aws

__all__ = ["own_environment"]


def test_a_complete_configuration_passes(tmp_path: Path) -> None:
    """With accounts, regions and scratch groups named nothing is refused."""
    guards.check_plan(live(tmp_path))


@pytest.mark.parametrize(
    ("line", "instead", "want"),
    [
        (f'accounts = ["{HOME}"]', "accounts = []", "allows no account, and an empty list allows nothing"),
        (f'regions = ["{REGION}"]', "regions = []", "allows no region, and an empty list allows nothing"),
        (f'accounts = ["{HOME}"]', "", "allows no account"),
        (
            "[targets.orders.restore]",
            '[targets.orders.restore]\nregion = "us-east-1"',
            "not allow region us-east-1; allowed",
        ),
        (
            "[targets.orders.restore]",
            f'[targets.orders.restore]\naccount = "{OTHER}"',
            f"not allow account {OTHER}; allowed",
        ),
        ('subnet_group = "drill-subnets"', "", "targets.orders.restore to name scratch groups, found no subnet_group"),
        ('security_group = "sg-0123abcd"', "", "found no security_group"),
        ("make_parameter_group = true", "", "found no parameter_group (or make_parameter_group = true)"),
    ],
)
def test_what_is_not_allowed_by_name_is_refused_before_any_call(
    tmp_path: Path, line: str, instead: str, want: str
) -> None:
    """A list that does not hold it, or a scratch group that is not named, ends the drill with exit code 2."""
    with pytest.raises(Refused) as caught:
        guards.check_plan(live(tmp_path, LIVE.replace(line, instead)))
    assert want in str(caught.value)
    assert caught.value.exit_code == 2


def test_the_built_in_aws_profile_allows_nothing(tmp_path: Path) -> None:
    """`--profile aws` without a table in the file can do no harm."""
    effective = live(tmp_path, "", profile="aws")
    with pytest.raises(Refused, match="allows no account"):
        guards.check_plan(effective)
    with pytest.raises(Refused, match="allows no region"):
        open_clients(effective.profile, environment={})


@pytest.mark.parametrize("instance", ["Drill-x", "DRILL", "drill-x"])
def test_rds_knows_no_capital_letters(instance: str) -> None:
    """A name that RDS keeps as one of a scratch instance is refused, however it is written."""
    with pytest.raises(Refused, match="cannot be taken for a scratch instance"):
        guards.check_prefix("drill-", [instance])


def test_groups_are_named_as_rds_keeps_them(tmp_path: Path) -> None:
    """Subnet and parameter groups are compared with what RDS answers, which is in lower case."""
    text = LIVE + '[targets.other]\ninstance = "Orders-2"\n[targets.other.restore]\nsubnet_group = "Scratch-A"\n'
    other = live(tmp_path, text + 'parameter_group = "Scratch-B"\n[drill]\ntarget = "other"').target
    assert (other.instance, other.restore.subnet_group, other.restore.parameter_group) == (
        "orders-2",
        "scratch-a",
        "scratch-b",
    )


@pytest.mark.parametrize("instance", ["drill-orders", "drill", "d"])
def test_a_source_named_like_a_scratch_instance_is_refused(tmp_path: Path, instance: str) -> None:
    """The clean-up knows scratch instances by their prefix too, so no source of the file may look like one."""
    text = LIVE + f'[targets.other]\ninstance = "{instance}"\n[drill]\ntarget = "orders"'
    with pytest.raises(Refused, match="cannot be taken for a scratch instance"):
        guards.check_plan(live(tmp_path, text))


# -- what AWS says ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sides",
    [
        Sides(OTHER, REGION, HOME, REGION),
        Sides(HOME, REGION, OTHER, REGION),
        Sides(HOME, "us-east-1", HOME, REGION),
        Sides(HOME, REGION, HOME, "us-east-1"),
    ],
)
def test_each_side_must_be_on_the_lists(tmp_path: Path, sides: Sides) -> None:
    """Account and region of the source and of the copy are each looked up."""
    with pytest.raises(Refused, match="does not allow"):
        guards.check_sides(live(tmp_path), sides)
    guards.check_sides(live(tmp_path), SIDES)


def test_a_copy_lands_in_the_account_that_was_named(tmp_path: Path) -> None:
    """Credentials that lead to another account than `restore.account` are refused, even where both are allowed."""
    text = LIVE.replace(f'"{HOME}"', f'"{HOME}", "{OTHER}"') + f'account = "{OTHER}"'
    with pytest.raises(Refused, match=f"expected to restore in account {OTHER}, found credentials of account {HOME}"):
        guards.check_sides(live(tmp_path, text), SIDES)


@pytest.mark.parametrize("kind", ["endpoint", "sandbox"])
def test_an_endpoint_restores_in_the_named_account_too(tmp_path: Path, kind: str) -> None:
    """The record would name an account that nothing was restored in; the sandbox has whatever account it is asked for."""
    text = '[profiles.endpoint2]\nkind = "endpoint"\nendpoint_url = "http://127.0.0.1:9"\n'
    text += f'region = "{REGION}"\n[profiles.sandbox2]\nkind = "sandbox"\n'
    text += f'[targets.orders]\ninstance = "orders"\n[targets.orders.restore]\naccount = "{OTHER}"\n'
    config = live(tmp_path, text, profile=f"{kind}2")
    if kind == "sandbox":
        guards.check_sides(config, SIDES)
        return
    with pytest.raises(Refused, match=f"expected to restore in account {OTHER}, found credentials of account {HOME}"):
        guards.check_sides(config, SIDES)
    with pytest.raises(Refused, match=f"found credentials of account {HOME}"):
        guards.check_aws(config, clients_of(HOME), clients_of(HOME))


def clients_of(account: str) -> Clients:
    """Clients of an account, of which nothing is asked."""
    return Clients(None, None, None, None, None, None, None, region=REGION, account=account)


def test_a_security_group_that_lets_something_out_is_refused() -> None:
    """Any egress rule is one too many, and the sentence names it; a group that is not there is refused too."""
    rules: list[dict[str, Any]] = [
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": [{"PrefixListId": "pl-1"}]},
    ]
    with pytest.raises(Refused, match=r"found all protocols to 0\.0\.0\.0/0; tcp 443-443 to pl-1: remove"):
        guards.check_egress("sg-1", rules)
    with pytest.raises(Refused, match="found none of that id"):
        guards.check_egress("sg-1", None)
    guards.check_egress("sg-1", [])


@pytest.mark.parametrize(
    ("changes", "want"),
    [
        ({"cluster_id": "orders-cluster", "engine": "aurora-postgresql"}, 'a member of cluster "orders-cluster"'),
        ({"engine": "aurora-postgresql"}, "name the cluster in its place"),
        ({"cluster_id": "multi-az"}, 'a member of cluster "multi-az"'),
        ({"engine": "mysql"}, "to run mysql"),
        ({"subnet_group": "drill-subnets"}, 'expected a scratch subnet group for the copy, found "drill-subnets"'),
        ({"security_groups": ("sg-1", "sg-0123abcd")}, "expected a scratch security group"),
    ],
)
def test_a_source_that_cannot_be_drilled_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], want: str) -> None:
    """Aurora, other engines, and scratch groups that are production's own are refused with the source's name."""
    with pytest.raises(Refused) as caught:
        guards.check_source(live(tmp_path), source(**changes), SIDES)
    assert want in str(caught.value)
    assert '"orders"' in str(caught.value)


def test_the_source_s_own_parameter_group_is_no_scratch_group(tmp_path: Path) -> None:
    """In the source's parameter group the copy's workers would start."""
    effective = live(tmp_path, LIVE.replace("make_parameter_group = true", 'parameter_group = "orders-parameters"'))
    with pytest.raises(Refused, match="expected a scratch parameter group"):
        guards.check_source(effective, source(), SIDES)
    elsewhere = Sides(HOME, REGION, OTHER, REGION)
    guards.check_source(effective, source(), elsewhere)  # a group of that name in another account is another group


def test_a_source_that_is_gone_can_still_be_drilled(tmp_path: Path) -> None:
    """A lost source is what a drill is for."""
    guards.check_source(live(tmp_path), None, SIDES)
    guards.check_source(live(tmp_path), source(), SIDES)


def aws_clients(group: str | None = None) -> tuple[Clients, str]:
    """Clients of moto's account, with a security group as EC2 makes one: with an egress rule."""
    session: Any = boto3.Session(region_name=REGION)
    unused: dict[str, Any] = dict.fromkeys(set(SERVICES) - {"rds", "ec2", "sts"})
    used = {name: session.client(name) for name in ("rds", "ec2", "sts")}
    clients = Clients(**used, **unused, region=REGION)
    vpc = clients.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    return clients, group or clients.ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]


@mock_aws()
def test_the_egress_is_read_from_the_group_itself(tmp_path: Path, own_environment: pytest.MonkeyPatch) -> None:
    """A group as EC2 makes it is refused; once its egress is revoked the same group passes, and nothing was made."""
    clients, group = aws_clients()
    effective = live(tmp_path, LIVE.replace("sg-0123abcd", group))
    with pytest.raises(Refused, match=r"to have no egress rule, found all protocols to 0\.0\.0\.0/0"):
        guards.check_aws(effective, clients, clients)
    rules = clients.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"]
    clients.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=rules)
    guards.check_aws(effective, clients, clients)
    assert clients.rds.describe_db_instances()["DBInstances"] == []


@mock_aws()
def test_a_security_group_that_is_not_there_is_refused(tmp_path: Path, own_environment: pytest.MonkeyPatch) -> None:
    """EC2's NotFound is a wrong setting and no failed drill."""
    clients, _ = aws_clients("unused")
    with pytest.raises(Refused, match="found none of that id: correct security_group"):
        guards.check_aws(live(tmp_path), clients, clients)


@mock_aws()
def test_an_account_that_is_not_listed_is_refused_before_anything_is_read(
    tmp_path: Path, own_environment: pytest.MonkeyPatch
) -> None:
    """The caller's account is looked up first; with a wrong one no role is assumed and neither EC2 nor RDS is asked."""
    clients, _ = aws_clients("unused")
    in_role = dataclasses.replace(clients, sts=boto3.client("sts", region_name=REGION))
    refused = pytest.raises(Refused, match=f"does not allow account {HOME}; allowed: {OTHER}")
    with (
        Stubber(clients.ec2),
        Stubber(clients.rds),
        Stubber(in_role.sts),
        refused,
    ):  # stubs without answers: any call would fail the test
        guards.check_aws(live(tmp_path, LIVE.replace(HOME, OTHER)), clients, in_role)


def test_other_profiles_are_not_guarded_by_lists(tmp_path: Path) -> None:
    """The sandbox has no account to protect: nothing is read and nothing refused."""
    effective = live(tmp_path, "", profile="sandbox")
    clients = open_clients(effective.profile, environment={}, endpoint_url="http://127.0.0.1:1")
    guards.check_aws(effective, clients, clients)
