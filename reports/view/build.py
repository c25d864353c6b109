"""The whole report of a run as values, from its record and from nothing else. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from drills.model.instance import SourceKind
from drills.model.record import RunRecord
from reports import words
from reports.view import after_blocks, data_blocks, frame_blocks, recovery_blocks
from reports.view.first_page import first_page
from reports.view.parts import Report

BLOCKS = (
    frame_blocks.identity,
    frame_blocks.scope,
    recovery_blocks.recovery_point,
    recovery_blocks.timeline,
    recovery_blocks.results,
    data_blocks.integrity,
    data_blocks.security,
    frame_blocks.exceptional,
    data_blocks.findings,
    after_blocks.trend,
    after_blocks.controls,
    after_blocks.clean_up,
    frame_blocks.sign_off,
    frame_blocks.verification,
)


_KEPT_BACK: Mapping[SourceKind, str] = MappingProxyType(
    {
        "instance": " Row values never leave the database.",
        "cluster": " Row values never leave the database.",
        "table": " It holds no key and no value of an item.",
        "volume": "",
        "file system": "",
        "bucket": " It holds no content of an object, and of those that differ a few keys.",
    }
)


def report(record: RunRecord) -> Report:
    """Page one and the fourteen blocks, in their order."""
    return Report(
        words.title(record),
        record.run_id,
        first_page(record),
        tuple(block(record) for block in BLOCKS),
        f"Made from drill.json of run {record.run_id} and from nothing else. Times are UTC.{_KEPT_BACK[record.kind]}",
    )
