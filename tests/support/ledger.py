"""A chain of runs in a folder, as runs leave it, without running any."""

from __future__ import annotations

import dataclasses
import os
from datetime import datetime, timedelta
from pathlib import Path

from drills.evidence.bundle import Bundle, write_bundle
from drills.evidence.folder import Begun, begin, sha256
from drills.evidence.seal import Seal
from drills.evidence.start import START, StartRecord, config_json, draft_of, summary_of
from drills.model.record import RunRecord
from drills.record import to_json
from tests.support.clock import NOON, HandClock
from tests.support.evidence import SIGNER
from tests.support.example_record import green_drill

SIGNED = Seal(SIGNER)
DAY = timedelta(days=1)
CHAIN = "sandbox-orders"


def opening(run_id: str, at: datetime = NOON, record: RunRecord | None = None) -> RunRecord:
    """The record of a run of that id that began then; the green one unless another is given."""
    kept = record or green_drill()
    return dataclasses.replace(kept, run_id=run_id, started_at=at, ended_at=at + timedelta(minutes=5))


def draft(run: RunRecord) -> StartRecord:
    """The start record of a run, without its place."""
    config = sha256(config_json(run.settings))
    return draft_of(run, scenario="", identity="", drill_every_seconds=None, config=config)


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
    """A run that was begun and sealed."""
    run = opening(run_id, at, record)
    return sealed(folder, started(folder, run, seal), run, seal)
