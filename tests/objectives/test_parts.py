"""What is charged of a copy that is no database: by its description alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.model.price import Part
from drills.objectives.parts import of_volume


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
