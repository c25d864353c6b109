"""Chains of evidence as they lie in a folder: what the matrix of a period is made from."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import datetime
from pathlib import Path

from drills.model.evidence import EvidenceSummary
from drills.model.record import RunRecord
from drills.record import to_json


def at_time(record: RunRecord, started_at: datetime, suffix: str = "a1b2") -> RunRecord:
    """The run, begun at another instant and named after it."""
    return dataclasses.replace(record, started_at=started_at, run_id=f"{started_at:%Y%m%d-%H%M%S}-{suffix}")


def put_start(chain: Path, sequence: int, record: RunRecord) -> None:
    """Write the start record of a run."""
    (chain / "starts").mkdir(parents=True, exist_ok=True)
    raw = {
        "schema_version": 1,
        "sequence": sequence,
        "run_id": record.run_id,
        "started_at": record.started_at.isoformat(),
        "profile": record.profile,
        "simulated": record.simulated,
        "target": record.target.name if record.target else "",
        "drill_every_seconds": None,
    }
    (chain / "starts" / f"{sequence:04d}-{record.run_id}.json").write_text(json.dumps(raw), encoding="utf-8")


def put_bundle(chain: Path, sequence: int, record: RunRecord, *, signed: bool = True) -> str:
    """Write start record and bundle of a run, and return the digest of its SHA256SUMS."""
    put_start(chain, sequence, record)
    summary = EvidenceSummary(chain.name, sequence, "L1", key="f" * 64)
    folder = chain / f"{sequence:04d}-{record.run_id}"
    folder.mkdir()
    text = to_json(dataclasses.replace(record, evidence=summary)).encode()
    (folder / "drill.json").write_bytes(text)
    sums = f"{hashlib.sha256(text).hexdigest()}  drill.json\n".encode()
    (folder / "SHA256SUMS").write_bytes(sums)
    if signed:
        (folder / "SHA256SUMS.sig").write_bytes(b"a signature")
    return hashlib.sha256(sums).hexdigest()


def put_review(chain: Path, sequence: int, verdict: str = "accepted") -> None:
    """Write a review record of a bundle."""
    (chain / "reviews").mkdir(exist_ok=True)
    raw = {"verdict": verdict, "reviewer": "R. Viewer", "reviewed_at": "2026-12-01T08:00:00Z"}
    (chain / "reviews" / f"{sequence:04d}-review-1.json").write_text(json.dumps(raw), encoding="utf-8")
