"""What of a run's record belongs together in the report: resources by their purpose, promises by their feature. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from drills.model.finding import Finding
from drills.model.instance import Resource
from drills.model.record import Promise, Restoration, RunRecord


def rehearsals(record: RunRecord) -> list[Restoration]:
    """Restorations of backups that were damaged on purpose."""
    return [restoration for restoration in record.restorations if restoration.purpose == "rehearsal"]


def promises_by_feature(promises: Sequence[Promise]) -> list[tuple[str, list[Promise]]]:
    """The promises below their feature, both in the order in which they were tried."""
    found: dict[str, list[Promise]] = {}
    for promise in promises:
        found.setdefault(promise.feature, []).append(promise)
    return list(found.items())


def all_findings(restoration: Restoration) -> list[Finding]:
    """The findings of one restoration, in the order of its checks."""
    return [finding for check in restoration.checks for finding in check.findings]


def resources_by_purpose(record: RunRecord) -> list[tuple[str, list[Resource]]]:
    """What was made for the recovery, what for a rehearsal, and what cannot be told, each with its heading."""
    found: dict[str, list[Resource]] = {"recovery": [], "rehearsal": [], "moment": [], "": []}
    for resource in record.resources:
        found[_purpose(record, resource)].append(resource)
    heads = {
        "recovery": "For the recovery",
        "rehearsal": "For the rehearsal of a failure",
        "moment": "For the restore to a moment",
        "": "Other",
    }
    return [(heads[purpose], made) for purpose, made in found.items() if made]


def _purpose(record: RunRecord, resource: Resource) -> str:
    for restoration in record.restorations:
        own_snapshot = restoration.point is not None and restoration.point.snapshot_id == resource.id
        if own_snapshot or resource.id.startswith(restoration.instance_id):
            return restoration.purpose
    return ""


def common_place(resources: Sequence[Resource]) -> str:
    """Account and region of the resources where all lie in the same, else ""."""
    places = {(resource.account, resource.region) for resource in resources}
    if len(places) != 1:
        return ""
    account, region = places.pop()
    return f"account {account}, region {region}" if account and region else ""
