"""What the guards of an AWS that is not the drill's own say, sentence by sentence, and what they read in which order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from drills.aws import guards
from drills.aws.guards import Sides
from drills.aws.session import Clients
from drills.config.load import Config
from drills.errors import Refused
from tests.support.guarded import HOME, LIVE, OTHER, REGION, SIDES, live, source

LIST_IT = "list what a drill may touch in the profile of drill.toml, and run again"
ELSEWHERE = "us-east-1"


def sentence(call: Callable[[], object]) -> str:
    """What a guard says; "" where it passes."""
    try:
        call()
    except Refused as error:
        return str(error)
    return ""


def not_allowed(what: str, found: str, allowed: str) -> str:
    """The sentence of an account or a region that is not on its list."""
    return f'profile "live" does not allow {what} {found}; allowed: {allowed}: {LIST_IT}'


# -- the configuration alone ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "instead", "want"),
    [
        (
            f'accounts = ["{HOME}"]',
            "accounts = []",
            f'profile "live" allows no account, and an empty list allows nothing: {LIST_IT}',
        ),
        (
            f'regions = ["{REGION}"]',
            "regions = []",
            f'profile "live" allows no region, and an empty list allows nothing: {LIST_IT}',
        ),
        (
            "[targets.orders.restore]",
            f'[targets.orders.restore]\nregion = "{ELSEWHERE}"',
            not_allowed("region", ELSEWHERE, REGION),
        ),
        (
            "[targets.orders.restore]",
            f'[targets.orders.restore]\naccount = "{OTHER}"',
            not_allowed("account", OTHER, HOME),
        ),
        (
            LIVE[LIVE.index("subnet_group") : LIVE.index("ca_bundle")],
            "",
            "expected targets.orders.restore to name scratch groups, found no subnet_group, no security_group, "
            "no parameter_group (or make_parameter_group = true): make them for drills alone and name them",
        ),
    ],
)
def test_what_the_file_lacks_is_said_whole(tmp_path: Path, line: str, instead: str, want: str) -> None:
    """Every scratch group that is missing at once, and each list with what it allows."""
    assert sentence(lambda: guards.check_plan(live(tmp_path, LIVE.replace(line, instead)))) == want


def test_an_account_on_the_list_may_be_restored_in(tmp_path: Path) -> None:
    """Where `restore.account` is one of several that are allowed, and a parameter group is named instead of made."""
    text = LIVE.replace(f'["{HOME}"]', f'["{HOME}", "{OTHER}"]') + f'account = "{OTHER}"'
    guards.check_plan(live(tmp_path, text.replace("make_parameter_group = true", 'parameter_group = "scratch"')))


def test_a_plan_without_the_certificates_of_rds_is_refused(tmp_path: Path) -> None:
    """The last of what the configuration alone says."""
    refused = sentence(lambda: guards.check_plan(live(tmp_path, LIVE.replace('ca_bundle = "rds.pem"', ""))))
    assert refused.startswith("expected targets.orders.restore.ca_bundle to name the certificates of Amazon RDS")


@pytest.mark.parametrize("instance", ["drill-orders", "Drill-", "drill", "dRi", "-"])
def test_a_name_that_looks_like_a_scratch_instance_is_said_whole(instance: str) -> None:
    """In every case of its letters: one that begins like one, and one that every scratch name holds."""
    refused = sentence(lambda: guards.check_prefix("drill-", ["orders", instance]))

    assert refused == (
        'expected a source whose name cannot be taken for a scratch instance ("drill-…"), '
        f'found "{instance}": a drill could remove it, so it is never touched'
    )
    assert sentence(lambda: guards.check_prefix("drill-", ["orders", "my-drill-1", "drills"])) == ""


@pytest.mark.parametrize("profile", ["sandbox", "live"])
def test_a_source_of_a_scratch_name_is_refused_in_every_profile(tmp_path: Path, profile: str) -> None:
    """The clean-up goes by the name in the sandbox too."""
    text = LIVE + '[targets.other]\ninstance = "drill-orders"\n[drill]\ntarget = "orders"'
    assert 'found "drill-orders"' in sentence(lambda: guards.check_plan(live(tmp_path, text, profile=profile)))


# -- accounts and regions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "region", "want"),
    [
        (HOME, REGION, ""),
        (OTHER, REGION, not_allowed("account", OTHER, HOME)),
        (HOME, ELSEWHERE, not_allowed("region", ELSEWHERE, REGION)),
        (OTHER, ELSEWHERE, not_allowed("account", OTHER, HOME)),
        ("", REGION, not_allowed("account", "", HOME)),
    ],
)
def test_a_caller_is_on_both_lists(tmp_path: Path, account: str, region: str, want: str) -> None:
    """Before a role is assumed from there; a sandbox has no lists."""
    assert sentence(lambda: guards.check_caller(live(tmp_path), account, region)) == want
    assert sentence(lambda: guards.check_caller(live(tmp_path, profile="sandbox"), account, region)) == ""


def test_an_empty_list_is_said_to_allow_none(tmp_path: Path) -> None:
    """And one of several shows all of them."""
    assert sentence(
        lambda: guards.check_caller(live(tmp_path, LIVE.replace(f'["{HOME}"]', "[]")), HOME, REGION)
    ) == not_allowed("account", HOME, "none")
    two = LIVE.replace(f'["{HOME}"]', f'["{OTHER}", "111111111111"]')
    assert sentence(lambda: guards.check_caller(live(tmp_path, two), HOME, REGION)) == not_allowed(
        "account", HOME, f"{OTHER}, 111111111111"
    )


@pytest.mark.parametrize(
    ("sides", "want"),
    [
        (SIDES, ""),
        (Sides(OTHER, REGION, HOME, REGION), not_allowed("account", OTHER, HOME)),
        (Sides(HOME, REGION, OTHER, REGION), not_allowed("account", OTHER, HOME)),
        (Sides(HOME, ELSEWHERE, HOME, REGION), not_allowed("region", ELSEWHERE, REGION)),
        (Sides(HOME, REGION, HOME, ELSEWHERE), not_allowed("region", ELSEWHERE, REGION)),
        (Sides(OTHER, ELSEWHERE, HOME, REGION), not_allowed("account", OTHER, HOME)),
    ],
)
def test_each_place_is_said_with_what_it_is(tmp_path: Path, sides: Sides, want: str) -> None:
    """An account as an account, a region as a region; a sandbox has no lists."""
    assert sentence(lambda: guards.check_sides(live(tmp_path), sides)) == want
    assert sentence(lambda: guards.check_sides(live(tmp_path, profile="sandbox"), sides)) == ""


def test_credentials_of_another_account_are_said_with_what_to_correct(tmp_path: Path) -> None:
    """Both accounts are allowed, but the copy would land where it was not meant to."""
    config = live(tmp_path, LIVE.replace(f'"{HOME}"', f'"{HOME}", "{OTHER}"') + f'account = "{OTHER}"')

    assert sentence(lambda: guards.check_sides(config, SIDES)) == (
        f"expected to restore in account {OTHER}, found credentials of account {HOME}: "
        "correct role_arn or account in targets.orders.restore"
    )
    assert sentence(lambda: guards.check_sides(config, Sides(HOME, REGION, OTHER, REGION))) == ""


# -- egress -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, "all protocols to 0.0.0.0/0"),
        (
            {"IpProtocol": "-1", "FromPort": 1, "ToPort": 2, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
            "all protocols to ::/0",
        ),
        (
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 444, "PrefixListIds": [{"PrefixListId": "pl-1"}]},
            "tcp 443-444 to pl-1",
        ),
        (
            {"IpProtocol": "udp", "FromPort": 53, "UserIdGroupPairs": [{"GroupId": "sg-2"}, {"GroupId": "sg-3"}]},
            "udp 53-all to sg-2, sg-3",
        ),
        ({"IpProtocol": "icmp", "ToPort": -1, "IpRanges": []}, "icmp all--1 to nobody named"),
        ({}, "? all-all to nobody named"),
        ({"IpProtocol": "50", "IpRanges": [{}], "Ipv6Ranges": None}, "50 all-all to None"),
        (
            {
                "IpProtocol": "tcp",
                "FromPort": 0,
                "ToPort": 65535,
                "IpRanges": [{"CidrIp": "10.0.0.0/8"}],
                "Ipv6Ranges": [{"CidrIpv6": "::/0"}],
                "PrefixListIds": [{"PrefixListId": "pl-1"}],
                "UserIdGroupPairs": [{"GroupId": "sg-2"}],
            },
            "tcp 0-65535 to 10.0.0.0/8, ::/0, pl-1, sg-2",
        ),
    ],
)
def test_each_rule_that_lets_something_out_is_told(rule: dict[str, Any], told: str) -> None:
    """By protocol, ports and every kind of destination that EC2 has; a rule without any is one too many as well."""
    assert sentence(lambda: guards.check_egress("sg-1", [rule, rule])) == (
        f'expected the scratch security group "sg-1" to have no egress rule, found {told}; {told}: remove '
        "them, so that a restored copy cannot reach anybody"
    )


def test_a_group_that_is_not_there_is_told_from_one_without_rules() -> None:
    """The first is a wrong setting, the second is what is wanted."""
    assert sentence(lambda: guards.check_egress("sg-1", [])) == ""
    assert sentence(lambda: guards.check_egress("sg-1", None)) == (
        'expected the scratch security group "sg-1", found none of that id: correct security_group'
    )


# -- the source -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "want"),
    [
        (
            {"cluster_id": "c", "engine": "aurora-postgresql"},
            'expected an RDS for PostgreSQL instance, found "orders" to be a member of cluster "c" '
            '(engine aurora-postgresql): name the cluster in its place, as cluster = "c"',
        ),
        (
            {"engine": "aurora"},
            'expected an RDS for PostgreSQL instance, found "orders" to be a member '
            "(engine aurora): of Aurora there is PostgreSQL alone, name another target",
        ),
        (
            {"cluster_id": "c"},
            'expected an RDS for PostgreSQL instance, found "orders" to be a member of cluster "c" '
            "(engine postgres): a Multi-AZ DB cluster is not supported, name another target",
        ),
        ({"engine": "mysql"}, 'expected engine postgres, found "orders" to run mysql: name another target'),
        (
            {"subnet_group": "drill-subnets"},
            'expected a scratch subnet group for the copy, found "drill-subnets", which "orders" itself uses: '
            "make one for drills alone",
        ),
        (
            {"security_groups": ("sg-1", "sg-0123abcd")},
            'expected a scratch security group for the copy, found "sg-0123abcd", which "orders" itself uses: '
            "make one for drills alone",
        ),
    ],
)
def test_a_source_is_refused_with_its_reason(tmp_path: Path, changes: dict[str, Any], want: str) -> None:
    """Another engine in another account too; a group is the source's own only where both live side by side."""
    config = live(tmp_path)

    assert sentence(lambda: guards.check_source(config, source(**changes), SIDES)) == want
    for elsewhere in (Sides(HOME, REGION, OTHER, REGION), Sides(HOME, REGION, HOME, ELSEWHERE)):
        told = sentence(lambda elsewhere=elsewhere: guards.check_source(config, source(**changes), elsewhere))  # type: ignore[misc]
        assert told == ("" if "scratch" in want else want)


@pytest.mark.parametrize(
    ("changes", "want"),
    [
        ({"engine": "aurora-postgresql"}, ""),
        (
            {"engine": "postgres"},
            'expected an Aurora PostgreSQL cluster, found "orders" to be a Multi-AZ DB cluster (engine postgres), which is not '
            "supported: name another target",
        ),
        (
            {"engine": "aurora-mysql"},
            'expected engine aurora-postgresql, found "orders" to run aurora-mysql: name another target',
        ),
        (
            {"engine": "aurora-postgresql", "parameter_group": "of-clusters"},
            'expected a scratch parameter group for the copy, found "of-clusters", which "orders" itself uses: '
            "make one for drills alone",
        ),
    ],
)
def test_a_cluster_is_judged_as_one(tmp_path: Path, changes: dict[str, Any], want: str) -> None:
    """Of the engine of Aurora PostgreSQL alone, and in no group that is the source's own."""
    text = LIVE.replace(
        "[targets.orders.restore]", '[targets.orders]\ncluster = "orders"\n[targets.orders.restore]'
    ).replace("make_parameter_group = true", 'parameter_group = "of-clusters"')
    assert sentence(lambda: guards.check_source(live(tmp_path, text), source(**changes), SIDES)) == want


def test_a_parameter_group_of_the_source_is_refused_with_its_reason(tmp_path: Path) -> None:
    """A group that is made anew, so that none is named, is nobody's."""
    config = live(tmp_path, LIVE.replace("make_parameter_group = true", 'parameter_group = "orders-parameters"'))

    assert sentence(lambda: guards.check_source(config, source(), SIDES)) == (
        'expected a scratch parameter group for the copy, found "orders-parameters", which "orders" itself uses: '
        "make one for drills alone"
    )
    assert sentence(lambda: guards.check_source(live(tmp_path), source(parameter_group=""), SIDES)) == ""


# -- what AWS is asked ------------------------------------------------------------------------------------------------


class Aws:
    """STS, EC2 and RDS of one side, which answer as a test says and note what they were asked."""

    def __init__(self, account: str = HOME, egress: Any = ()) -> None:
        self.account, self.egress, self.asked = account, egress, []

    asked: list[tuple[str, dict[str, Any]]]

    def clients(self, account: str = "", region: str = REGION) -> Clients:
        """Clients of this side, which know their account or not."""
        nothing: Any = SimpleNamespace()
        return Clients(*(self, nothing, self, self, nothing, nothing, nothing), region=region, account=account)

    def get_caller_identity(self) -> dict[str, Any]:
        """STS's answer."""
        self.asked.append(("identity", {}))
        return {"Account": self.account}

    def describe_security_groups(self, **given: Any) -> dict[str, Any]:
        """EC2's answer."""
        self.asked.append(("groups", given))
        if isinstance(self.egress, Exception):
            raise self.egress
        return {"SecurityGroups": list(self.egress)}

    def describe_db_instances(self, **given: Any) -> dict[str, Any]:
        """RDS's answer: the source is lost."""
        self.asked.append(("instances", given))
        raise ClientError({"Error": {"Code": "DBInstanceNotFound"}}, "DescribeDBInstances")


SAFE: dict[str, Any] = {"IpPermissionsEgress": []}
GROUPS = ("groups", {"GroupIds": ["sg-0123abcd"]})
SOURCE = ("instances", {"DBInstanceIdentifier": "orders"})


def test_each_side_is_asked_what_is_its_own(tmp_path: Path) -> None:
    """Who calls, then the group where the copy will be, then the source where it is; who is known is not asked again."""
    here, there = Aws(), Aws(egress=[SAFE])
    config = live(tmp_path)

    guards.check_aws(config, here.clients(), there.clients())
    assert (here.asked, there.asked) == ([("identity", {}), SOURCE], [("identity", {}), GROUPS])
    here.asked, there.asked = [], []
    guards.check_aws(config, here.clients(HOME), there.clients(HOME))
    assert (here.asked, there.asked) == ([SOURCE], [GROUPS])


@pytest.mark.parametrize(
    ("here", "there", "want"),
    [
        ((OTHER, REGION), (HOME, REGION), not_allowed("account", OTHER, HOME)),
        ((HOME, REGION), (OTHER, REGION), not_allowed("account", OTHER, HOME)),
        ((HOME, ELSEWHERE), (HOME, REGION), not_allowed("region", ELSEWHERE, REGION)),
        ((HOME, REGION), (HOME, ELSEWHERE), not_allowed("region", ELSEWHERE, REGION)),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_wrong_place_ends_before_anything_of_it_is_read(
    tmp_path: Path, here: tuple[str, str], there: tuple[str, str], want: str, known: bool
) -> None:
    """A wrong account of the caller before the other side is asked at all, since that may assume a role."""
    one, two = Aws(here[0]), Aws(there[0], egress=[SAFE])
    clients = [aws.clients(aws.account if known else "", side[1]) for aws, side in ((one, here), (two, there))]

    assert sentence(lambda: guards.check_aws(live(tmp_path), *clients)) == want
    asked = [name for name, _ in one.asked], [name for name, _ in two.asked]
    of_caller = [] if known else ["identity"]
    assert asked == (of_caller, [] if here[0] == OTHER else of_caller)


def test_the_configuration_is_judged_before_anybody_is_asked(tmp_path: Path) -> None:
    """A plan that is refused costs no call; another profile than `aws` none at all."""
    aws = Aws()
    refused = sentence(
        lambda: guards.check_aws(live(tmp_path, LIVE.replace(f'["{HOME}"]', "[]")), aws.clients(), aws.clients())
    )
    assert refused.startswith('profile "live" allows no account')
    guards.check_aws(live(tmp_path, profile="sandbox"), aws.clients(), aws.clients())
    assert aws.asked == []


def error_of(code: str) -> ClientError:
    """An error of EC2."""
    return ClientError({"Error": {"Code": code, "Message": "m"}}, "DescribeSecurityGroups")


@pytest.mark.parametrize(
    ("egress", "found"),
    [
        (error_of("UnauthorizedOperation"), None),
        (EndpointConnectionError(endpoint_url="https://ec2"), None),
        ([{"GroupId": "sg-0123abcd"}], "an answer without IpPermissionsEgress"),
    ],
)
def test_an_egress_that_was_not_read_is_no_egress_that_is_empty(tmp_path: Path, egress: Any, found: str | None) -> None:
    """Whatever kept it from being read is said, with the right that it needs."""
    aws = Aws(egress=egress)
    assert sentence(lambda: guards.check_aws(live(tmp_path), aws.clients(HOME), aws.clients(HOME))) == (
        f'expected to read the egress of the security group "sg-0123abcd", found: {found or egress}: '
        "allow ec2:DescribeSecurityGroups"
    )


@pytest.mark.parametrize("egress", [error_of("InvalidGroup.NotFound"), error_of("InvalidGroupId.Malformed"), []])
def test_a_group_that_ec2_does_not_know_is_a_wrong_setting(tmp_path: Path, egress: Any) -> None:
    """By either of EC2's two errors, or by an empty answer."""
    aws = Aws(egress=egress)
    assert sentence(lambda: guards.check_aws(live(tmp_path), aws.clients(HOME), aws.clients(HOME))) == (
        'expected the scratch security group "sg-0123abcd", found none of that id: correct security_group'
    )


def test_a_source_that_is_there_is_judged_where_both_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What RDS says of it is compared with the sides that were found."""
    asked: list[tuple[Config, Any, Sides]] = []
    monkeypatch.setattr(guards, "check_source", lambda *given: asked.append(given))
    monkeypatch.setattr(guards, "describe_instance", lambda clients, name, kind: (clients.region, name, kind.name))
    text = LIVE.replace(f'["{REGION}"]', f'["{REGION}", "{ELSEWHERE}"]')
    config = live(tmp_path, text.replace(f'["{HOME}"]', f'["{HOME}", "{OTHER}"]'))
    here, there = Aws(HOME), Aws(OTHER, egress=[SAFE])

    guards.check_aws(config, here.clients(), there.clients(region=ELSEWHERE))

    assert asked == [(config, (REGION, "orders", "instance"), Sides(HOME, REGION, OTHER, ELSEWHERE))]
    assert dataclasses.astuple(asked[0][2]) == (HOME, REGION, OTHER, ELSEWHERE)
