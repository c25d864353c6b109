"""Chains of evidence of runs on AWS as they lie in a folder: what the matrix of a period is made from."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

from drills.evidence.bundle import write_sealed
from drills.evidence.folder import REVIEWS, read_chain
from drills.evidence.review import ReviewRecord, review_json
from drills.evidence.seal import Seal
from drills.model.record import RunRecord
from tests.support import ledger

UNSIGNED = Seal()


def at_time(record: RunRecord, started_at: datetime, suffix: str = "a1b2") -> RunRecord:
    """The run, begun at another instant and named after it."""
    return dataclasses.replace(record, started_at=started_at, run_id=f"{started_at:%Y%m%d-%H%M%S}-{suffix}")


def put_start(chain: Path, record: RunRecord, *, running: bool = False) -> int:
    """Write the start record of a run, and return the file that is held while it goes on."""
    return ledger.started(chain, record, running=running).held


def put_bundle(chain: Path, record: RunRecord, *, signed: bool = True) -> str:
    """Write start record and bundle of a run, and return the digest of its SHA256SUMS."""
    seal = ledger.SIGNED if signed else UNSIGNED
    return ledger.sealed(chain, ledger.started(chain, record, seal), record, seal).digest


def put_review(chain: Path, sequence: int) -> None:
    """Write a review record of a bundle."""
    bundle = read_chain(chain)[0].bundles[sequence - 1]
    review = ReviewRecord(
        schema_version=1,
        chain=read_chain(chain)[0].name,
        sequence=sequence,
        run_id=bundle.record.run_id,
        number=1,
        bundle=bundle.digest,
        reviewed_at=datetime(2026, 12, 1, 8, tzinfo=UTC),
        verdict="accepted",
        reviewer="R. Viewer",
        role="head of operations",
        plan_version="7",
        level="L1",
        key="",
        tool_version="0.1.0",
    )
    write_sealed(chain / REVIEWS / f"{review.name}.json", review_json(review), ledger.SIGNED)
