"""A chain of runs in a folder, as runs leave it, without running any."""

from __future__ import annotations

import dataclasses
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drills.evidence.bundle import Bundle, write_bundle
from drills.evidence.check import REVIEWS
from drills.evidence.folder import Begun, begin, sha256
from drills.evidence.review import ReviewRecord, ReviewVerdict, review_json
from drills.evidence.seal import Seal
from drills.evidence.start import START, StartRecord, config_json, draft_of, summary_of
from drills.model.record import RunRecord
from drills.record import load, to_json
from tests.support.clock import NOON, HandClock
from tests.support.evidence import SIGNED, write_sealed
from tests.support.example_record import green_drill

DAY = timedelta(days=1)
CHAIN = "sandbox-orders"


def opening(run_id: str, at: datetime = NOON, record: RunRecord | None = None) -> RunRecord:
    """The record of a run of that id that began then; the green one unless another is given."""
    kept = record or green_drill()
    return dataclasses.replace(kept, run_id=run_id, started_at=at, ended_at=at + timedelta(minutes=5))


def draft(run: RunRecord) -> StartRecord:
    """The start record of a run, without its place."""
    config = sha256(config_json(run.settings))
    return draft_of(run, scenario="", drill_every_seconds=None, config=config)


def started(folder: Path, run: RunRecord, seal: Seal = SIGNED, *, running: bool = False) -> Begun:
    """Begin a run in the chain; without `running` no process of it lives any more."""
    begun = begin(folder, draft(run), seal, HandClock())
    if not running:
        os.close(begun.held)
    return begun


def sealed(folder: Path, begun: Begun, run: RunRecord, seal: Seal = SIGNED) -> Bundle:
    """Seal the run that was begun."""
    whole = dataclasses.replace(run, evidence=summary_of(begun.record, begun.digest, ""))
    files = {START: begun.path.read_bytes(), "drill.json": to_json(whole).encode(), "summary.md": b"# Drill\n"}
    return write_bundle(folder / begun.record.name, files, seal)


def kept(
    folder: Path, run_id: str, at: datetime = NOON, record: RunRecord | None = None, seal: Seal = SIGNED
) -> Bundle:
    """A run of that id that was begun then and sealed."""
    return put(folder, opening(run_id, at, record), seal)


def put(folder: Path, run: RunRecord, seal: Seal = SIGNED) -> Bundle:
    """A run that was begun and sealed, with its record as it is."""
    return sealed(folder, started(folder, run, seal), run, seal)


def at_time(record: RunRecord, started_at: datetime, suffix: str = "a1b2") -> RunRecord:
    """The run, begun at another instant and named after it."""
    return dataclasses.replace(record, started_at=started_at, run_id=f"{started_at:%Y%m%d-%H%M%S}-{suffix}")


def reviewed(folder: Path, bundle: Bundle, verdict: ReviewVerdict = "accepted", number: int = 1) -> None:
    """Review a bundle of the chain."""
    whole = load(bundle.folder)
    assert whole.evidence
    review = ReviewRecord(
        schema_version=1,
        chain=whole.evidence.chain,
        sequence=whole.evidence.sequence,
        run_id=whole.run_id,
        number=number,
        bundle=bundle.digest,
        reviewed_at=datetime(2026, 12, 1, 8, tzinfo=UTC),
        verdict=verdict,
        reviewer="R. Viewer",
        role="head of operations",
        plan_version="7",
        level="L1",
        key="",
        tool_version="0.1.0",
    )
    write_sealed(folder / REVIEWS / f"{review.name}.json", review_json(review), SIGNED)
