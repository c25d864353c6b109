"""What is charged of a copy that is no database: by its description alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.model.price import Part
from drills.objectives.parts import (
    gib_of,
    of_file_system,
    of_table,
    of_volume,
    reads_of,
    size_of_table,
    with_reads,
)


@pytest.mark.parametrize(
    ("described", "charged"),
    [
        ({"VolumeType": "gp2", "Size": 10, "Iops": 100}, [Part("gib_month", "EBS gp2", 10)]),
        ({"VolumeType": "gp3", "Size": 10, "Iops": 3000, "Throughput": 125}, [Part("gib_month", "EBS gp3", 10)]),
        (
            {"VolumeType": "gp3", "Size": 10, "Iops": 3001, "Throughput": 130},
            [Part("gib_month", "EBS gp3", 10), Part("iops_month", "EBS gp3", 1), Part("mibps_month", "EBS gp3", 5)],
        ),
        (
            {"VolumeType": "gp3", "Size": 10},
            [
                Part("gib_month", "EBS gp3", 10),
                Part("iops_month", "EBS gp3", None),
                Part("mibps_month", "EBS gp3", None),
            ],
        ),
        (
            {"VolumeType": "io1", "Size": 10, "Iops": 40_000},
            [Part("gib_month", "EBS io1", 10), Part("iops_month", "EBS io1", 40_000)],
        ),
        (
            {"VolumeType": "io2", "Size": 10, "Iops": 40_000},
            [
                Part("gib_month", "EBS io2", 10),
                Part("iops_month", "EBS io2", 32_000),
                Part("iops_month", "EBS io2 above 32,000", 8_000),
            ],
        ),
        ({"VolumeType": "io2", "Size": 10}, [Part("gib_month", "EBS io2", 10), Part("iops_month", "EBS io2", None)]),
        ({"VolumeType": "st1"}, [Part("gib_month", "EBS st1", None)]),
        ({"Size": 10}, []),
    ],
)
def test_a_volume_is_charged_by_its_size_and_by_what_is_above_what_its_type_has(
    described: dict[str, Any], charged: list[Part]
) -> None:
    """What the description does not tell is there and not known; what is free is not there."""
    assert list(of_volume(described)) == charged


@given(
    st.sampled_from(["gp2", "gp3", "io1", "io2", "st1", "sc1", "standard"]),
    st.integers(1, 65_536),
    st.none() | st.integers(0, 256_000),
    st.none() | st.integers(0, 4_000),
)
def test_no_part_of_a_volume_is_less_than_nothing(of: str, size: int, iops: int | None, throughput: int | None) -> None:
    """Whatever is described: its size is in it, each price stands once, and the IOPS of io1 and io2 are all charged."""
    parts = of_volume({"VolumeType": of, "Size": size, "Iops": iops, "Throughput": throughput})

    assert parts[0] == Part("gib_month", f"EBS {of}", size)
    assert len({(each.kind, each.name) for each in parts}) == len(parts)
    assert all(each.amount is None or each.amount >= 0 for each in parts)
    if of in ("io1", "io2") and iops is not None:
        assert sum(each.amount or 0 for each in parts[1:]) == iops


OWN = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders/backup/1"
MANAGED = "arn:aws:backup:eu-central-1:123456789012:recovery-point:1"
ON_DEMAND: dict[str, Any] = {"BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"}}


def capacity(reads: int, writes: int) -> dict[str, Any]:
    """A description of what is provisioned with so many units."""
    return {"ProvisionedThroughput": {"ReadCapacityUnits": reads, "WriteCapacityUnits": writes}}


def test_a_table_on_demand_is_charged_by_what_was_read_of_it() -> None:
    """What was read is not known until somebody counted it, and changes nothing else."""
    restored, storage, reads = of_table(ON_DEMAND, OWN, 2.5)

    assert (restored, storage) == (Part("gib", "DynamoDB restore", 2.5), Part("gib_month", "DynamoDB", 2.5))
    assert reads == Part("million_reads", "DynamoDB", None)
    assert with_reads((restored, storage, reads), 500_000) == (
        restored,
        storage,
        Part("million_reads", "DynamoDB", 0.5),
    )
    assert with_reads((restored, storage, reads), None) == (restored, storage, reads)
    assert with_reads(of_table(capacity(1, 1), OWN, 1), 9) == of_table(capacity(1, 1), OWN, 1)


def test_a_table_with_capacity_is_charged_by_that_of_its_indexes_too() -> None:
    """One of an index that does not tell its own leaves it unknown; another table class has other prices."""
    table = capacity(5, 3) | {"GlobalSecondaryIndexes": [capacity(7, 4)]}
    assert of_table(table, OWN, 1)[2:] == (Part("rcu_hour", "DynamoDB", 12), Part("wcu_hour", "DynamoDB", 7))
    untold = of_table(table | {"GlobalSecondaryIndexes": [{}]}, OWN, 1)
    assert [each.amount for each in untold[2:]] == [None, None]
    rare = of_table({**ON_DEMAND, "TableClassSummary": {"TableClass": "STANDARD_INFREQUENT_ACCESS"}}, OWN, 1)
    assert [each.name for each in rare] == ["DynamoDB restore", "DynamoDB Standard-IA", "DynamoDB Standard-IA"]


def test_a_point_that_aws_backup_manages_is_restored_at_a_price_of_its_own() -> None:
    """By its ARN; nobody knows that price here."""
    assert of_table(ON_DEMAND, MANAGED, 1)[0] == Part("gib", "AWS Backup restore of DynamoDB", 1)
    assert of_table(ON_DEMAND, None, 1)[0] == Part("gib", "DynamoDB restore of a point that is not chosen yet", 1)


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**12), max_size=3))
def test_a_size_that_is_not_told_is_none_and_never_0(size: int, indexes: list[int]) -> None:
    """Of a table with its indexes, and of what one reading of it takes."""
    described = {"TableSizeBytes": size, "GlobalSecondaryIndexes": [{"IndexSizeBytes": each} for each in indexes]}
    whole = size + sum(indexes)

    assert size_of_table(described) == (whole / 2**30 if whole else None)
    assert reads_of(described) == (size / 4096 if size else None)
    assert gib_of(size) == (size / 2**30 if size else None)
    assert (size_of_table({}), reads_of({}), gib_of(None)) == (None, None, None)


def test_a_file_system_is_charged_for_its_restore_and_its_storage() -> None:
    """By its storage class; what its throughput takes is named where it is charged, and not known."""
    assert of_file_system({"ThroughputMode": "bursting"}, 3) == (
        Part("gib", "EFS restore", 3),
        Part("gib_month", "EFS Standard", 3),
    )
    assert of_file_system({"AvailabilityZoneName": "z"}, None)[1] == Part("gib_month", "EFS One Zone", None)
    assert of_file_system({"ThroughputMode": "elastic"}, 3)[2] == Part("gib", "EFS elastic throughput", None)
    assert of_file_system({"ThroughputMode": "provisioned"}, 3)[2] == Part(
        "mibps_month", "EFS provisioned throughput", None
    )
