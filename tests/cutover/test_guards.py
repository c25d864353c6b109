"""What must hold before a cut-over touches an AWS that is not the sandbox."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from drills.aws.session import Clients
from drills.aws.settings import settings_from
from drills.config.load import Config
from drills.cutover import guards
from drills.cutover.configuration import OPT_IN_TAG, configuration_from, restore_parameters
from drills.cutover.databases.found import by_name
from drills.cutover.plan import Call
from drills.errors import ConfigError, Refused
from tests.support.guarded import HOME, OTHER, REGION, live, own_environment

__all__ = ["own_environment"]
TEXT = f"""
[profiles.live]
kind = "aws"
accounts = ["{HOME}"]
regions = ["{REGION}"]
allow = ["cuts_over"]
[targets.orders.cutover]
services = ["shop/web"]
public_url = "https://shop.example.com"
journal = "s3://orders-cutover/journal"
"""


def clients_of(account: str = HOME, region: str = REGION) -> Clients:
    """Clients of an account and region; RDS alone can be asked, by a stub."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    unused: dict[str, Any] = dict.fromkeys(("backup", "ec2", "sts", "logs", "secretsmanager", "kms"))
    rds = boto3.client("rds", region_name=region, **keys)  # type: ignore[call-overload]
    return Clients(rds=rds, **unused, region=region, account=account)


def instance(**tags: str) -> dict[str, Any]:
    """The instance as RDS describes it, with these tags."""
    return {
        "DBInstanceIdentifier": "orders",
        "DbiResourceId": "db-OWN",
        "DBInstanceArn": f"arn:aws:rds:{REGION}:{HOME}:db:orders",
        "DBInstanceStatus": "available",
        "TagList": [{"Key": key.replace("_", ":"), "Value": value} for key, value in tags.items()],
    }


def tagged(value: str) -> dict[str, Any]:
    """The instance with an opt-in of that value."""
    return {**instance(), "TagList": [{"Key": OPT_IN_TAG, "Value": value}]}


def test_a_complete_configuration_passes(tmp_path: Path) -> None:
    """Everything that is allowed by name, the instance's own id in its tag, and its name typed: nothing is refused."""
    effective = live(tmp_path, TEXT)
    assert guards.check_config(effective) is effective.target.cutover
    guards.check_account_and_region(effective, clients_of())
    guards.check_opt_in(effective, tagged("db-OWN"))
    guards.check_confirmed("orders", "orders")


@pytest.mark.parametrize(
    ("line", "instead", "kind", "want"),
    [
        ('allow = ["cuts_over"]', "", Refused, 'does not allow "cuts_over"'),
        ('journal = "s3://orders-cutover/journal"', "", Refused, 'in S3 for a profile of kind "aws", found "reports'),
        ("s3://orders-cutover/journal", "/mnt/shared/journal", Refused, "so name s3://BUCKET/PREFIX"),
        (
            TEXT[TEXT.index("[targets.orders.cutover]") :],
            "[targets.orders]\n",
            ConfigError,
            "a table targets.orders.cutover",
        ),
    ],
)
def test_what_is_missing_is_refused_before_any_call(
    tmp_path: Path, line: str, instead: str, kind: type[Exception], want: str
) -> None:
    """Leave, the table, and a journal that another engineer can go on from: exit code 2 without them."""
    with pytest.raises(kind, match=want) as caught:
        guards.check_config(live(tmp_path, TEXT.replace(line, instead)))
    assert getattr(caught.value, "exit_code", None) == 2


@pytest.mark.parametrize(
    ("account", "region", "want"),
    [
        (OTHER, REGION, f"does not allow account {OTHER}; allowed: {HOME}"),
        (HOME, "us-east-1", f"does not allow region us-east-1; allowed: {REGION}"),
        ("", REGION, "does not allow account ; allowed"),
    ],
)
def test_account_and_region_must_be_on_the_lists(tmp_path: Path, account: str, region: str, want: str) -> None:
    """What is not listed is refused, and so is an account that nobody could tell."""
    with pytest.raises(Refused, match=want):
        guards.check_account_and_region(live(tmp_path, TEXT), clients_of(account, region))


@pytest.mark.parametrize("name", ["accounts", "regions"])
def test_an_empty_list_allows_nothing(tmp_path: Path, name: str) -> None:
    """Neither is a list that was forgotten leave for everything."""
    line = next(each for each in TEXT.splitlines() if each.startswith(name))
    with pytest.raises(Refused, match="allowed: none"):
        guards.check_account_and_region(live(tmp_path, TEXT.replace(line, f"{name} = []")), clients_of())


@pytest.mark.parametrize("value", ["db-OTHER", "", "yes", "true", "orders", "db-own"])
def test_a_tag_with_another_value_permits_nothing(tmp_path: Path, value: str) -> None:
    """Only the instance's own DbiResourceId does; the command that sets it is told."""
    with pytest.raises(Refused, match="of another instance") as caught:
        guards.check_opt_in(live(tmp_path, TEXT), tagged(value))
    assert f"--tags Key={OPT_IN_TAG},Value=db-OWN" in str(caught.value)


def test_without_the_tag_nothing_is_touched(tmp_path: Path) -> None:
    """Other tags say nothing, and an instance that is gone can say nothing."""
    effective = live(tmp_path, TEXT)
    with pytest.raises(Refused, match="found none"):
        guards.check_opt_in(effective, instance(team="db-OWN"))
    guards.check_opt_in(effective, None)


def test_a_restore_that_copied_the_tag_is_refused_and_the_cut_over_copies_none(tmp_path: Path) -> None:
    """RDS copies a source's tags to what it restores: read from RDS's answer, the copy's tag has another's id."""
    clients, effective = clients_of(), live(tmp_path, TEXT)
    with Stubber(clients.rds) as stub:
        stub.add_response(
            "describe_db_instances", {"DBInstances": [tagged("db-BEFORE")]}, {"DBInstanceIdentifier": "orders"}
        )
        seen = by_name(clients, "orders")
    with pytest.raises(Refused, match="found the value db-BEFORE, which is of another instance"):
        guards.check_opt_in(effective, seen.raw if seen else None)
    asked = restore_parameters(configuration_from(settings_from({**instance(), **tagged("db-OWN")})), "id", "sg-1")
    assert OPT_IN_TAG not in [each["Key"] for each in asked["Tags"]]


@pytest.mark.parametrize("given", ["", "order", "Orders", "orders ", "orders-old"])
def test_another_name_confirms_nothing(given: str) -> None:
    """The name is compared letter by letter."""
    with pytest.raises(Refused, match="give --confirm orders"):
        guards.check_confirmed("orders", given)


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that types nothing is refused instead of waiting."""
    monkeypatch.setattr("sys.stdin", io.StringIO("orders\n"))
    with pytest.raises(Refused, match="found nothing: give --confirm orders"):
        guards.check_confirmed("orders", None)


def test_the_sandbox_is_not_guarded_by_lists_and_tags(tmp_path: Path) -> None:
    """Nothing there is anybody's: a folder will do for the journal, and no tag is asked for."""
    text = TEXT.replace('kind = "aws"', 'kind = "sandbox"').replace("s3://orders-cutover/journal", "journal")
    lines = [each for each in text.splitlines() if not each.startswith(("accounts", "regions"))]
    effective: Config = live(tmp_path, "\n".join(lines))
    guards.check_config(effective)
    guards.check_account_and_region(effective, dataclasses.replace(clients_of(), account=OTHER))
    guards.check_opt_in(effective, instance())


# -- the door ---------------------------------------------------------------------------------------------------------


class Aws:
    """An account with one instance, one group and a client that notes what it is asked."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def get_paginator(self, _: str) -> Any:
        """The pages of DescribeDBInstances."""
        raw = {"DBInstanceIdentifier": "orders", "DBInstanceArn": "arn:orders", "DbiResourceId": "db-SOURCE"}
        return SimpleNamespace(paginate=lambda: [{"DBInstances": [raw]}])

    def describe_security_groups(self, GroupIds: list[str]) -> Any:
        """The group of a cut-over, or another's."""
        return {"SecurityGroups": [{"GroupName": "cutover-1-verification" if GroupIds == ["sg-own"] else "orders"}]}

    def __getattr__(self, operation: str) -> Any:
        """Note a call."""

        def note(**_: Any) -> dict[str, Any]:
            self.sent.append(operation)
            return {}

        return note


def attempt(aws: Aws, call: Call, identity: str = "", **changes: Any) -> None:
    """Send a call of a cut-over of one service."""
    clients = dataclasses.replace(clients_of(), rds=aws, ec2=aws, **changes)
    guards.send(aws, clients, call, identity=identity, services=("orders/web",))


SCALING = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}


@pytest.mark.parametrize(
    ("call", "identity", "allowed"),
    [
        (Call("rds", "ModifyDBInstance", {"DBInstanceIdentifier": "orders"}), "db-SOURCE", True),
        (Call("rds", "ModifyDBInstance", {"DBInstanceIdentifier": "orders"}), "db-RESTORED", False),
        (Call("rds", "ModifyDBInstance", {"DBInstanceIdentifier": "orders"}), "", False),
        (Call("rds", "DeleteDBInstance", {"DBInstanceIdentifier": "billing"}), "db-SOURCE", False),
        (Call("rds", "RemoveTagsFromResource", {"ResourceName": "arn:orders"}), "db-SOURCE", True),
        (Call("rds", "RemoveTagsFromResource", {"ResourceName": "arn:billing"}), "db-SOURCE", False),
        (Call("ecs", "UpdateService", {"cluster": "orders", "service": "web"}), "", True),
        (Call("ecs", "UpdateService", {"cluster": "billing", "service": "web"}), "", False),
        (
            Call("application-autoscaling", "RegisterScalableTarget", {**SCALING, "ResourceId": "service/orders/web"}),
            "",
            True,
        ),
        (
            Call("application-autoscaling", "RegisterScalableTarget", {**SCALING, "ResourceId": "service/a/b"}),
            "",
            False,
        ),
        (Call("ec2", "RevokeSecurityGroupEgress", {"GroupId": "sg-own"}), "", True),
        (Call("ec2", "RevokeSecurityGroupEgress", {"GroupId": "sg-of-orders"}), "", False),
    ],
    ids=str,
)
def test_a_cut_over_changes_what_its_journal_and_its_configuration_name(
    call: Call, identity: str, allowed: bool
) -> None:
    """An instance by its identity, a service by drill.toml, a group by the cut-over's name; compared right before the call."""
    aws = Aws()

    if allowed:
        attempt(aws, call, identity)
    else:
        with pytest.raises(Refused, match=r"was not (sent|changed)"):
            attempt(aws, call, identity)

    assert len(aws.sent) == allowed


def test_a_cut_over_sends_nothing_to_a_place_that_is_not_allowed() -> None:
    """Checked for each call and not only when it begins."""
    aws = Aws()

    with pytest.raises(Refused, match="expected an allowed account"):
        attempt(
            aws, Call("rds", "ModifyDBInstance", {"DBInstanceIdentifier": "orders"}), "db-SOURCE", allowed_accounts=()
        )

    assert aws.sent == []
