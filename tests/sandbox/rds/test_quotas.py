"""The quotas of the sandbox's RDS: what is used, and what is refused once nothing is left."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from moto.rds.exceptions import RDSClientError

from drills.sandbox.rds.quotas import MAX_GROUPS, MAX_STORAGE, Quotas


def quotas(storage: int = 0, parameter_groups: int = 0, subnet_groups: int = 0) -> Quotas:
    """The quotas of a region with so much in use; the default parameter group counts for nothing."""
    backend: Any = SimpleNamespace(
        databases={"one": SimpleNamespace(allocated_storage=storage)},
        database_snapshots={},
        db_parameter_groups=dict.fromkeys(["default.postgres16", *(f"own-{each}" for each in range(parameter_groups))]),
        subnet_groups=dict.fromkeys(range(subnet_groups)),
    )
    return Quotas(backend, SimpleNamespace())  # type: ignore[arg-type]


def test_what_is_used_is_counted() -> None:
    """By the names of DescribeAccountAttributes (AccountQuota, RDS API reference)."""
    usage = quotas(storage=300, parameter_groups=2, subnet_groups=3).usage()

    assert (usage["AllocatedStorage"], usage["DBParameterGroups"], usage["DBSubnetGroups"]) == (
        (300, MAX_STORAGE),
        (2, MAX_GROUPS),
        (3, MAX_GROUPS),
    )


def test_what_exceeds_a_quota_is_refused() -> None:
    """With the code of RDS; what just fits is not."""
    full = quotas(storage=MAX_STORAGE - 20, parameter_groups=MAX_GROUPS, subnet_groups=MAX_GROUPS)
    full.check_storage(20)
    with pytest.raises(RDSClientError, match="StorageQuotaExceeded"):
        full.check_storage(21)
    with pytest.raises(RDSClientError, match="DBParameterGroupQuotaExceeded"):
        full.check_parameter_groups()
    with pytest.raises(RDSClientError, match="DBSubnetGroupQuotaExceeded"):
        full.check_subnet_groups()
    quotas(parameter_groups=MAX_GROUPS - 1).check_parameter_groups()
