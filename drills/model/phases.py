"""Names of a run's phases that several modules use, and the names that phases had in earlier records."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

REMAINING = "remaining scenarios"

# The phases of a recovery that counts against the RTO, each of which a drill measures.
MEASURED = frozenset(
    {
        "wait for the approval",
        "choose the recovery point",
        "copy the snapshot",
        "request the restore",
        "restore",
        "create the instance of the cluster",
        "set the password",
        "resolve the DNS name",
        "connect",
        "run the owner's queries, cold",
        "run the owner's queries, warm",
        "run the blocking checks",
    }
)

# The name in records of before, and the present one. Reports of an old record show the present names.
FORMER: Mapping[str, str] = MappingProxyType(
    {
        "look at the guards": "check the guards",
        "make the source": "create the source",
        "fill the source": "load the data",
        "write on": "write after the backup",
        "collect the promises": "collect the scenarios",
        "resolve the name": "resolve the DNS name",
        "ask the owner's queries, cold": "run the owner's queries, cold",
        "ask the owner's queries, warm": "run the owner's queries, warm",
        "check what blocks": "run the blocking checks",
        "work out the schedule": "compute the schedule's worst case",
        "the other promises": REMAINING,
        "restore to a moment": "restore to a point in time",
        "make the service": "create the service",
        "undo the cut-over": "roll back the cut-over",
    }
)


def current_name(name: str) -> str:
    """Return the present name of a phase that a record names."""
    return FORMER.get(name, name)
