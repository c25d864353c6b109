"""All faults and all harmless differences, and which of them a server can have."""

from __future__ import annotations

from collections.abc import Iterable

from tests.faults import configuration, controls, dump, logical, logical_objects, physical, prepared, recovery
from tests.faults.model import Case

CASES: tuple[Case, ...] = (
    *controls.CASES,
    *logical.CASES,
    *logical_objects.CASES,
    *dump.CASES,
    *physical.CASES,
    *recovery.CASES,
    *prepared.CASES,
    *configuration.CASES,
)
FAULTS = tuple(case for case in CASES if not case.harmless)
HARMLESS = tuple(case for case in CASES if case.harmless)


def lacking(case: Case, abilities: Iterable[str]) -> str:
    """What a server lacks for a case, empty when it has everything."""
    return ", ".join(need for need in case.needs if need not in set(abilities))


# What the catalogue lists beside these, and one machine without an account cannot provoke.
ELSEWHERE = (
    (
        "P43, P44",
        "parameter, option and security groups, class and zone of a restored instance",
        "the AWS API: see parity",
    ),
    ("P45", "blocks that are fetched when they are first read", "Amazon EBS"),
    ("P46", "a disabled key, a missing grant or a deleted subnet group", "the AWS API"),
    ("P47 to P49", "damage of a pgBackRest repository", "pgBackRest, whose restore reports it"),
)
