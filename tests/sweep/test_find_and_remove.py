"""What is found and removed where AWS refuses a part of it, or somebody else removes it meanwhile."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError

from drills.aws.session import Clients
from drills.config.limits import Limit
from drills.errors import DrillError
from drills.model.instance import ResourceKind
from drills.sweep import find as sweep_find
from drills.sweep.find import find
from drills.sweep.leftovers import Leftover, standing_of
from drills.sweep.remove import remove
from drills.sweep.result import Swept
from tests.support.clock import NOON, HandClock
from tests.support.leftovers import PAST, RUN, STEM, make_all, tags_of
from tests.support.lossy import LossyAws, make_parameter_group
from tests.support.models import mock_aws

FIRST = f"drill-{RUN}-first"
LIMIT = Limit("clean up", 5.0, "limits.clean_up", "default")


@pytest.mark.parametrize("operation", ["DescribeDBInstances", "DescribeDBClusters"])
def test_nothing_that_a_copy_may_need_goes_while_copies_cannot_be_listed(operation: str) -> None:
    """It is not known then whether the password is still needed."""
    with mock_aws():
        lossy = LossyAws()
        make_all(boto3.Session("test", "test", region_name="eu-central-1"), STEM, PAST)
        lossy.lose("rds", operation, "denied", times=None, carried_out=False)
        found = find(lossy.clients)
        lossy.recover()

    (secret,) = (each for each in found.leftovers if each.kind == "secret")
    secret = dataclasses.replace(secret, users=())  # whose copy is not among what could be listed
    swept = Swept(secret, standing_of(secret, NOON + timedelta(days=1)), NOON)
    assert swept.standing == "kept"
    assert (
        "instances or clusters could not be listed, so that whether one of them needs it is not known" in swept.reason
    )


@pytest.mark.parametrize(
    ("users", "said"),
    [
        ((("db-instance", "a"),), "the instance a needs it, and a sweep does not remove that now"),
        (
            (("db-instance", "a"), ("db-instance", "b")),
            "the instances a, b need it, and a sweep does not remove those now",
        ),
        ((("db-instance", "a-writer"), ("db-cluster", "a")), "the cluster a and the instance a-writer need it, and"),
    ],
)
def test_what_is_kept_says_for_which_clusters_and_instances(
    users: tuple[tuple[ResourceKind, str], ...], said: str
) -> None:
    """A cluster is called one, with its instances beside it."""
    later = (NOON + timedelta(days=1)).isoformat()
    place = ("123456789012", "eu-central-1", RUN, "orders")
    copies = tuple(Leftover(kind, name, *place, later) for kind, name in users)
    secret = Leftover("secret", "drill-x", *place, (NOON - timedelta(hours=1)).isoformat(), users=copies)

    assert f"not removed: {said}" in Swept(secret, standing_of(secret, NOON), NOON).reason


@pytest.mark.parametrize("listed", [True, False])
def test_a_copy_that_is_no_database_keeps_no_group(monkeypatch: pytest.MonkeyPatch, listed: bool) -> None:
    """It has no groups of a run's, whether it is in its time or could not be listed."""
    place = ("123456789012", "eu-central-1", RUN, "orders")
    group = Leftover("security-group", f"{STEM}-isolation", *place, (NOON - timedelta(hours=1)).isoformat())
    table = Leftover("dynamodb-table", f"{STEM}-recovery", *place, (NOON + timedelta(days=1)).isoformat())

    def tables(_: Clients) -> list[Leftover]:
        if listed:
            return [table]
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "ListTables")

    monkeypatch.setitem(sweep_find._LISTS, "security-group", lambda _: [group])
    monkeypatch.setitem(sweep_find._LISTS, "dynamodb-table", tables)
    found = find(Mock(account="123456789012", region="eu-central-1"), ("security-group", "dynamodb-table"))

    assert bool(found.unread) != listed
    assert standing_of(found.leftovers[0], NOON) == "past"


def test_a_group_that_something_else_uses_is_left_soon() -> None:
    """Nobody waits an hour for it: what uses it does not go with it."""
    with mock_aws():
        lossy = LossyAws()
        make_all(boto3.Session("test", "test", region_name="eu-central-1"), STEM, PAST)
        past = [each for each in find(lossy.clients).leftovers if each.kind in ("security-group", "secret")]
        lossy.lose("ec2", "DeleteSecurityGroup", "in use", times=None, carried_out=False)
        clock = HandClock()
        removed = remove(lossy.clients, past, clock, every=15.0, limit=dataclasses.replace(LIMIT, seconds=3600.0))
        lossy.recover()

    group, secret = removed.values()
    assert (group.state, secret.state) == ("left", "gone")
    assert group.note.startswith("not removed: something that this does not remove uses it: ")
    assert 30 <= clock.slept <= 45


def test_the_password_of_an_instance_that_is_not_removed_stays() -> None:
    """Somebody untagged the instance since the look, or AWS refuses: it would be shut to everybody without."""
    with mock_aws():
        lossy = LossyAws()
        make_all(boto3.Session("test", "test", region_name="eu-central-1"), STEM, PAST)
        past = [each for each in find(lossy.clients).leftovers if each.kind in ("db-instance", "secret")]
        lossy.lose("rds", "DeleteDBInstance", "denied", times=None, carried_out=False)
        removed = remove(lossy.clients, past, HandClock(), every=0.5, limit=LIMIT)
        lossy.recover()

    secret = removed["secret", f"{STEM}-secret"]
    assert secret.state == "left"
    assert secret.note.startswith(f"not removed: {STEM} is still there, and this has its password: aws secretsmanager ")


def test_what_was_removed_is_told_where_the_requests_end() -> None:
    """The rest is named with the reason, and nothing that was done goes unsaid."""
    with mock_aws():
        lossy = LossyAws()
        other = "20261123-130000-ffff"
        make_parameter_group(lossy.clients.rds, f"{STEM}-parameters", tags_of(PAST))
        lossy.clients.secretsmanager.create_secret(
            Name=f"drill-{other}-recovery-login", SecretString="of-nobody", Tags=tags_of(PAST, other)
        )
        past = find(lossy.clients).leftovers

        def ended() -> None:
            raise DrillError("no more requests")

        lossy.before("secretsmanager", "DescribeSecret", ended)
        removed = remove(lossy.clients, past, HandClock(), every=0.5, limit=LIMIT)
        lossy.recover()

    assert [(each.kind, each.state, each.note) for each in removed.values()] == [
        ("db-parameter-group", "gone", ""),
        ("secret", "left", "not seen to be gone: no more requests"),
    ]


@pytest.mark.parametrize("kind", ["db-parameter-group", "db-subnet-group"])
def test_what_goes_between_its_list_and_its_tags_is_passed_over(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another sweep, or the run itself, removes it meanwhile: the rest of its kind is found, and nothing is unread."""
    with mock_aws():
        lossy = LossyAws()
        make_all(boto3.Session("test", "test", region_name="eu-central-1"), FIRST, PAST)
        make_all(boto3.Session("test", "test", region_name="eu-central-1"), "drill-second", PAST)
        stay = find(lossy.clients, [kind]).leftovers[1:]  # type: ignore[list-item]
        lossy.before("rds", "ListTagsForResource", lambda: remove_group(lossy.clients.rds, kind, FIRST))
        found = find(lossy.clients, [kind])  # type: ignore[list-item]
        lossy.recover()

    assert (found.leftovers, found.unread, found.unlisted) == (stay, (), ())


@pytest.mark.parametrize("kind", ["db-parameter-group", "db-subnet-group"])
def test_what_goes_between_the_look_and_its_removal_is_gone(kind: ResourceKind) -> None:
    """Two sweeps at once: the one that comes second is not refused, and nothing is left to do."""
    with mock_aws():
        lossy = LossyAws()
        make_all(boto3.Session("test", "test", region_name="eu-central-1"), FIRST, PAST)
        past = find(lossy.clients, [kind]).leftovers
        lossy.before("rds", "ListTagsForResource", lambda: remove_group(lossy.clients.rds, kind, FIRST))
        removed = remove(lossy.clients, past, HandClock(), every=0.5, limit=LIMIT)
        lossy.recover()

    assert [(each.state, each.note) for each in removed.values()] == [("gone", "")]


def remove_group(rds: Any, kind: str, stem: str) -> None:
    """Remove a group, as another sweep does."""
    if kind == "db-parameter-group":
        rds.delete_db_parameter_group(DBParameterGroupName=f"{stem}-parameters")
    else:
        rds.delete_db_subnet_group(DBSubnetGroupName=f"{stem}-subnets")
