"""Why a thing is not a run's to change, reason by reason: the source, the place, what a restore test made."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from pydantic import SecretStr

from drills.aws.guarded import guard as guarded
from drills.aws.guarded.guard import NotOwn, Protected
from drills.model.instance import Instance, ResourceKind
from drills.model.record import SCHEMA_VERSION, RunRecord, TargetSummary
from tests.support.clock import NOON
from tests.support.guard_calls import ACCOUNT, REGION, RUN, TAG, Service, clients_of, raw_of, sentence

NO_ARN = "its ARN, {}, names no region and account"


def record_of(target: TargetSummary | None) -> RunRecord:
    """A run's record with that target."""
    return dataclasses.replace(RunRecord(SCHEMA_VERSION, RUN, "aws", False, NOON, "0"), target=target)


@pytest.mark.parametrize(
    ("target", "protected"),
    [
        (None, Protected()),
        (TargetSummary("t", "orders", None, dbi_resource_id="db-A"), Protected({"orders"}, {"db-A"})),  # type: ignore[arg-type]
        (TargetSummary("t", "orders", None), Protected(frozenset({"orders"}), frozenset())),
        (TargetSummary("t", "", None, dbi_resource_id="db-A"), Protected(frozenset(), frozenset({"db-A"}))),
    ],
)
def test_what_a_record_knows_of_the_source_is_protected(target: TargetSummary | None, protected: Protected) -> None:
    """By name and by identity; what the record does not know protects nothing of an empty name."""
    assert Protected.of(record_of(target)) == protected


@pytest.mark.parametrize(
    ("changes", "want"),
    [
        ({"allowed_accounts": (ACCOUNT, "999")}, ""),
        ({"allowed_regions": ("us-east-1", REGION)}, ""),
        ({"allowed_accounts": ("998", "999")}, f"expected an allowed account (998, 999), found {ACCOUNT}"),
        ({"allowed_accounts": ()}, f"expected an allowed account (none is), found {ACCOUNT}"),
        (
            {"allowed_accounts": ("999",), "account": ""},
            "expected an allowed account (999), found one that is not known",
        ),
        ({"allowed_regions": ("us-east-1",)}, f"expected an allowed region (us-east-1), found {REGION}"),
        ({"allowed_regions": ()}, f"expected an allowed region (none is), found {REGION}"),
    ],
)
def test_a_place_is_one_of_the_profiles(changes: dict[str, Any], want: str) -> None:
    """An empty list allows nothing, an account that is not known is none that is allowed, and no list allows all."""
    if want:
        assert sentence(lambda: guarded.check_place(clients_of(**changes))) == f"{want}: nothing was changed"
    else:
        guarded.check_place(clients_of(**changes))
    guarded.check_place(clients_of())


@pytest.mark.parametrize(
    ("kind", "raw", "want"),
    [
        ("db-instance", {}, ""),
        ("db-instance", {"DBInstanceIdentifier": "other", "DbiResourceId": "db-B"}, ""),
        ("db-instance", {"DBInstanceIdentifier": "orders"}, "orders is the name of the source"),
        ("db-instance", {"DbiResourceId": "db-A"}, "it is the source, db-A, under whatever name"),
        ("db-snapshot", {"DBInstanceIdentifier": "orders", "DbiResourceId": "db-A"}, ""),
    ],
)
def test_the_source_is_told_by_name_and_by_identity(kind: ResourceKind, raw: dict[str, Any], want: str) -> None:
    """Of an instance alone: its snapshots name it as where they are from."""
    protected = Protected(frozenset({"orders", "None"}), frozenset({"db-A", "None"}))
    assert guarded.why_protected(kind, raw, protected) == want


@pytest.mark.parametrize(
    ("raw", "want"),
    [
        ({}, ""),
        ({"DBInstanceArn": ""}, ""),
        ({"DBInstanceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}"}, ""),
        ({"DBInstanceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:x"}, ""),
        ({"DBInstanceArn": "arn:aws:rds:::db:x"}, ""),
        ({"DBInstanceArn": f"arn:aws:rds:{REGION}"}, NO_ARN.format(f"arn:aws:rds:{REGION}")),
        ({"DBInstanceArn": f"arn:aws:rds:{REGION}:9:x"}, f"it is in account 9, and this run acts in {ACCOUNT}"),
        ({"DBSnapshotArn": f"arn:aws:rds:x:{ACCOUNT}:x"}, f"it is in region x, and this run acts in {REGION}"),
        ({"SecurityGroupArn": "arn:aws:ec2:x:9:x"}, f"it is in region x, and this run acts in {REGION}"),
        (
            {"DBInstanceArn": "arn:aws:rds:::x", "arn": "arn:a:b:x:9"},
            f"it is in region x, and this run acts in {REGION}",
        ),
    ],
)
def test_a_thing_is_where_its_arn_says(raw: dict[str, Any], want: str) -> None:
    """Region and account of each ARN that AWS says of it; an ARN without them proves nothing and is refused."""
    assert guarded.why_elsewhere(raw, clients_of()) == want


def test_who_does_not_know_where_it_acts_compares_no_place() -> None:
    """Clients without an account are those of the sandbox."""
    raw = {"DBInstanceArn": "arn:aws:rds:x:9:db:x"}
    assert guarded.why_elsewhere(raw, clients_of(account="", region="")) == ""
    assert guarded.why_elsewhere(raw, clients_of(account="")) == f"it is in region x, and this run acts in {REGION}"


# -- what a restore test made -----------------------------------------------------------------------------------------

TESTED = Instance(
    *("tested", f"arn:aws:rds:{REGION}:{ACCOUNT}:db:tested", "db-TEST"),
    *("available", "postgres", "16.4", "db.t4g.medium", "owner"),
)
TEST_TAG = {"Key": "awsbackup-restore-test", "Value": "job"}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"TagList": None}, "no tag awsbackup-restore-test"),
        ({"TagList": [{"Value": "awsbackup-restore-test"}]}, "no tag awsbackup-restore-test"),
        ({"DbiResourceId": "db-NEW", "TagList": []}, "it is db-NEW, and what the restore test made is db-TEST"),
        ({"DbiResourceId": None}, "it is of no known identity, and what the restore test made is db-TEST"),
        ({"DBInstanceArn": f"{TESTED.arn}2"}, "it is db-TEST, and what the restore test made is db-TEST"),
        (
            {"DBInstanceArn": f"arn:aws:rds:{REGION}:9:db:tested", "TagList": []},
            f"it is in account 9, and this run acts in {ACCOUNT}",
        ),
        ({"DbiResourceId": "db-SOURCE", "TagList": []}, "it is the source, db-SOURCE, under whatever name"),
        ({"DBInstanceIdentifier": "orders"}, "orders is the name of the source"),
    ],
)
def test_what_no_restore_test_made_keeps_its_password(changes: dict[str, Any], found: str) -> None:
    """The first reason is told: the source, the place, the identity and the ARN together, the tag of AWS Backup."""
    whole = {
        "DBInstanceIdentifier": "tested",
        "DBInstanceArn": TESTED.arn,
        "DbiResourceId": "db-TEST",
        "TagList": [TAG, TEST_TAG],
        **changes,
    }
    rds = Service(describe_db_instances={"DBInstances": [raw_of(**whole)]})
    protected = Protected(frozenset({"orders"}), frozenset({"db-SOURCE"}))

    refused = sentence(
        lambda: guarded.set_password_of_restore_test(clients_of(rds=rds), TESTED, protected, SecretStr("word")), NotOwn
    )

    assert refused == f"expected tested to be what a restore test made, found {found}: its password is not changed"
    assert rds.sent == []


def test_the_password_of_a_restore_tests_instance_is_set_once_in_an_allowed_place() -> None:
    """One call with the whole request; nothing where the place is not allowed, or the instance is gone."""
    raw = raw_of(
        **{"DBInstanceIdentifier": "tested", "DBInstanceArn": TESTED.arn},
        **{"DbiResourceId": "db-TEST", "TagList": [TAG, TEST_TAG]},
    )
    rds = Service(describe_db_instances={"DBInstances": [raw]})

    def attempt(**changes: Any) -> None:
        clients = clients_of(rds=rds, **changes)
        guarded.set_password_of_restore_test(clients, TESTED, Protected(), SecretStr("word"))

    attempt()
    request = {"DBInstanceIdentifier": "tested", "MasterUserPassword": "word", "ApplyImmediately": True}
    assert rds.sent == [("modify_db_instance", request)]
    assert sentence(lambda: attempt(allowed_accounts=("999",))) == (
        f"expected an allowed account (999), found {ACCOUNT}: nothing was changed"
    )
    rds.answers["describe_db_instances"] = {"DBInstances": []}
    assert sentence(attempt, NotOwn) == (
        "expected the instance tested of the restore test, found none: its window may have ended"
    )
    assert len(rds.sent) == 1
