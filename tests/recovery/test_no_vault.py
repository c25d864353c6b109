"""What a drill says of a vault that is not there: which key names it, and which vaults there are."""

from __future__ import annotations

import dataclasses
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from drills.aws.session import Clients
from drills.aws.settings import read_or_not_verified
from drills.config.load import Target
from drills.errors import ConfigError
from drills.model.parity import NotVerified
from drills.recovery import vaults

ARN = "arn:aws:rds:eu-central-1:123456789012:db:orders"


def refusal(code: str = "ResourceNotFoundException", operation: str = "ListRecoveryPointsByBackupVault") -> ClientError:
    """What AWS answers."""
    return ClientError({"Error": {"Code": code, "Message": "Backup vault not found"}}, operation)


def clients(jobs: list[dict[str, Any]] | ClientError) -> Clients:
    """The source's side, whose AWS Backup lists these jobs."""
    backup = Mock()
    backup.get_paginator.side_effect = lambda _: Mock(paginate=lambda **_: _pages(jobs))
    services = {field.name: None for field in dataclasses.fields(Clients) if field.type == "Any"} | {"backup": backup}
    return Clients(**services, region="eu-central-1", account="123456789012")


def _pages(jobs: list[dict[str, Any]] | ClientError) -> list[dict[str, Any]]:
    if isinstance(jobs, ClientError):
        raise jobs
    return [{"BackupJobs": jobs}]


def said(error: ClientError, jobs: list[dict[str, Any]] | ClientError, arn: str = ARN, **target: Any) -> str:
    """What is said where AWS answers so."""
    given = Target(instance="orders", vault="vualt", **target)
    with (
        pytest.raises((ConfigError, ClientError)) as found,
        vaults.named_by_its_key("orders", given, clients(jobs), arn),
    ):
        raise error
    return str(found.value)


def test_a_vault_that_is_not_there_is_said_with_its_key_and_with_those_that_there_are() -> None:
    """Those are told by the backup jobs of the source; where AWS does not list these, how to list the vaults is said alone."""
    jobs = [{"BackupVaultName": "vault"}, {"BackupVaultName": "vault"}, {"BackupVaultName": "air"}]
    first, last = (
        'targets.orders: expected a vault that AWS Backup has, found none called so: vault = "vualt" in eu-central-1',
        ": correct it in drill.toml; aws backup list-backup-vaults shows what there is",
    )

    assert said(refusal(), jobs) == f"{first}; the backup jobs of orders went to air, vault{last}"
    for none in (said(refusal(), refusal("AccessDeniedException")), said(refusal(), []), said(refusal(), jobs, "")):
        assert none == f"{first}{last}"
    assert 'vault = "vualt" or copy_vault = "other" in' in said(refusal(), [], copy_vault="other")
    assert said(refusal(operation="DescribeBackupVault"), []) == f"{first}{last}"


def test_what_else_aws_refuses_stays_in_its_words() -> None:
    """A right that is lacking, and something else that is not there."""
    for error in (refusal("AccessDeniedException"), refusal(operation="DescribeRecoveryPoint")):
        assert said(error, []) == str(error)


def test_preflight_names_no_right_where_none_would_help() -> None:
    """What is wrong with drill.toml is said as it is."""

    def read() -> None:
        raise ConfigError("targets.orders: expected a vault")

    found = read_or_not_verified("backup:ListRecoveryPointsByBackupVault", read)
    assert isinstance(found, NotVerified)
    assert found.reason == "targets.orders: expected a vault"
