"""What a statement of an IAM, key or vault policy means. Source: IAM user guide, IAM JSON policy elements reference."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drills.policy_statements import Statement, parse_policy, read_statements

POINT = "arn:aws:rds:eu-central-1:123456789012:snapshot:awsbackup:job-1"


def statement(**members: Any) -> Statement:
    """The only statement of a policy."""
    (only,) = read_statements({"Statement": {"Effect": "Deny", **members}})
    return only


@pytest.mark.parametrize(
    ("principal", "kind", "asked", "named"),
    [
        ("*", "AWS", ("*",), True),
        ("*", "Service", ("*",), True),
        ({"AWS": "*"}, "AWS", ("*",), True),
        ({"AWS": ["123456789012", "*"]}, "AWS", ("*",), True),
        ({"AWS": "*"}, "Service", ("*",), False),
        ({"AWS": "123456789012"}, "AWS", ("*",), False),
        ({"Service": "backup.amazonaws.com"}, "Service", ("backup.amazonaws.com", "*"), True),
        ({"Service": ["ec2.amazonaws.com"]}, "Service", ("backup.amazonaws.com", "*"), False),
        (None, "AWS", ("*",), False),
        ("123456789012", "AWS", ("*",), False),
    ],
)
def test_a_principal_is_named_by_kind(principal: Any, kind: str, asked: tuple[str, ...], named: bool) -> None:
    """`*` alone stands for everybody of each kind, and a value may stand in a list."""
    assert statement(Principal=principal).names_principal(kind, *asked) is named


@pytest.mark.parametrize(
    ("action", "covered"),
    [
        ("backup:DeleteRecoveryPoint", True),
        ("BACKUP:deleterecoverypoint", True),
        ("backup:Delete*", True),
        ("backup:DeleteRecoveryPoin?", True),
        (["s3:*", "*"], True),
        ("backup:[D]eleteRecoveryPoint", False),
        ("backup:Delete", False),
        (["s3:*"], False),
        (None, False),
    ],
    ids=str,
)
def test_an_action_is_matched_with_wildcards_in_any_case(action: Any, covered: bool) -> None:
    """`*` and `?` are the only wildcards, and actions have no case."""
    assert statement(Action=action).covers_action("backup:DeleteRecoveryPoint") is covered


@pytest.mark.parametrize(
    ("resource", "covered"),
    [(POINT, True), ("*", True), ([POINT[:-1] + "2", POINT[:-1] + "?"], True), (POINT.upper(), False), (None, False)],
    ids=str,
)
def test_a_resource_is_matched_with_wildcards_in_its_own_case(resource: Any, covered: bool) -> None:
    """An ARN is case sensitive."""
    assert statement(Resource=resource).covers_resource(POINT) is covered


def test_a_condition_is_noticed() -> None:
    """Who reads the statement has to know that it does not hold always."""
    assert statement(Condition={"StringEquals": {"aws:SourceAccount": "1"}}).conditional
    assert not statement().conditional


def test_statements_are_chosen_by_effect() -> None:
    """One statement may stand without a list; what is no statement is passed over."""
    allow, deny = {"Effect": "Allow"}, {"Effect": "Deny"}

    assert [each.effect for each in read_statements({"Statement": [allow, deny, "x"]}, "Deny")] == ["Deny"]
    assert [each.effect for each in read_statements({"Statement": allow})] == ["Allow"]
    assert read_statements(None) == read_statements({}) == read_statements([]) == ()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Statement": [{}]}', '{"Statement": "Deny"}', '{"Statement": [1]}'])
def test_text_that_is_no_policy_is_refused(text: str) -> None:
    """A vault takes no policy without statements that have an effect."""
    with pytest.raises(ValueError):
        parse_policy(text)


def test_a_policy_is_read_from_its_text() -> None:
    """As PutBackupVaultAccessPolicy and GetRole have it."""
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}

    assert parse_policy(json.dumps(document)) == read_statements(document)
