"""The forecasts of preflight beside the history: a line of JSON for each, and how a drill scores the one of the day before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from drills.history.store import append_text, read_text, why
from drills.model.forecast import Forecast, ScoredForecast
from drills.model.instance import OTHERS
from drills.model.record import Restoration, RunRecord

FILE = "forecasts.jsonl"
VERSION = 1
# "the day before": preflight is run daily, and one that was late by hours is still the last one
AT_MOST = timedelta(hours=48)
_ADAPTER: TypeAdapter[Forecast] = TypeAdapter(Forecast)


def file_beside(history: Path) -> Path:
    """Return the file of the forecasts that belong to a history."""
    return history.with_name(FILE)


def append(path: Path, forecast: Forecast) -> str:
    """Add a forecast; "" when it is there, else why it is not."""
    raw: dict[str, Any] = {"version": VERSION} | _ADAPTER.dump_python(forecast, mode="json")
    try:
        append_text(path, json.dumps(raw, separators=(",", ":"), ensure_ascii=False))
    except (OSError, TimeoutError) as error:
        return f"the forecast could not be kept in {path}: {why(error)}: no drill can score it; make the place writable"
    return ""


def read(path: Path) -> tuple[Forecast, ...]:
    """Return the forecasts that are kept, oldest first; a line that is none is left out. No file holds none."""
    try:
        text = read_text(path)
    except (OSError, TimeoutError):
        return ()
    found = []
    for line in text.splitlines():
        try:
            read_one = _ADAPTER.validate_json(line)
        except ValidationError:
            continue
        if read_one.at.tzinfo is not None:
            found.append(read_one)
    return tuple(sorted(found, key=lambda each: each.at))


def score(record: RunRecord, forecasts: Sequence[Forecast]) -> ScoredForecast | None:
    """Return how the newest forecast before a drill came true; None for a run that asked for no restore. Pure.

    None too for a simulated run without a forecast.

    A drill is matched by account, region, instance and vault, and by DbiResourceId: a forecast of what was gone is none of one that
    is there, while one of what was there is of a drill that finds it gone. Simulated ones are matched only with simulated ones. A
    hit is a restore that was foreseen as accepted and became available, or as refused and did not.
    """
    restored = _restored(record)
    if restored is None:
        return None
    before = [each for each in forecasts if each.at <= record.started_at and _same(each, record)]
    newest = max(before, key=lambda each: each.at, default=None)
    if newest is None and record.simulated:  # the instance of a sandbox is seldom as old as a forecast
        return None
    if newest is None or record.started_at - newest.at > AT_MOST:
        last = f"; the last one is of {newest.at:%Y-%m-%d}" if newest else ""
        return ScoredForecast("not scored", f"no forecast of the day before{last}: run drills preflight daily")
    outcome = "was restored" if restored else "was not restored"
    foreseen = f"foreseen on {newest.at:%Y-%m-%d %H:%M} UTC as {newest.foreseen}, and the copy {outcome}"
    if newest.foreseen == "not known":
        return ScoredForecast("not scored", foreseen, newest.foreseen, newest.at, newest.reasons)
    hit = (newest.foreseen == "accepted") == restored
    why_not = f" ({newest.reasons[0]})" if newest.reasons else ""
    return ScoredForecast("hit" if hit else "miss", f"{foreseen}{why_not}", newest.foreseen, newest.at, newest.reasons)


def _same(forecast: Forecast, record: RunRecord) -> bool:
    target = record.target
    if target is None or forecast.simulated != record.simulated:
        return False
    if forecast.instance_id != target.instance_id:
        return False
    if target.dbi_resource_id and forecast.dbi_resource_id != target.dbi_resource_id:
        return False
    known = ((forecast.account, target.account), (forecast.region, target.region), (forecast.vault, target.vault))
    return all(not one or not other or one == other for one, other in known)


def _became_available(record: RunRecord, recovery: Restoration) -> bool:
    """Return whether the copy came to be there, by AWS's own word for it.

    What is no database a restore job makes, which can fail after what it has made is there: that is a failure of its phase.
    """
    other = OTHERS.get(record.target.kind) if record.target else None
    there = other.there if other else "available"
    failed = other is not None and any(each.phase == "restore" for each in record.failures)
    return not failed and any(change.status == there for change in recovery.statuses)


def _restored(record: RunRecord) -> bool | None:
    """Return whether the recovery's copy became available; None where no restore was tried, or the run was interrupted first."""
    if record.restore_test is not None:  # AWS Backup restored it
        return None
    recovery = next((each for each in record.restorations if each.purpose == "recovery"), None)
    if recovery is not None and _became_available(record, recovery):
        return True
    if record.interrupted_by:
        return None
    no_point = any((each.name, each.outcome) == ("recovery point", "missed") for each in record.verdicts)
    return False if no_point or (recovery is not None and record.failures) else None
