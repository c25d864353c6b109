"""What the drills of a target have proved, beside the history: a line of JSON for each drill that is compared within a budget.

Lines only say what a drill proved itself, so that files of several machines can be joined line by line in any order.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from drills.clock import Clock
from drills.history.line import key_of, why_not_counted
from drills.history.store import append_text, read_text, why
from drills.model.coverage import Known, Learned
from drills.model.record import RunRecord
from drills.plural import counted
from drills.turns.known import together

FILE = "coverage.jsonl"
VERSION = 1
_CLOCKS_DIFFER = timedelta(hours=1)  # of machines that write to one file


@dataclass(frozen=True, slots=True)
class CoveredBy:
    """Whose tables were proved: the parts of a group of runs that say which data these are, and not how they were restored."""

    target: str
    profile: str
    simulated: bool
    account: str = ""
    region: str = ""
    instance_id: str = ""
    dbi_resource_id: str = ""
    seed: str = ""
    sample: str = "newest"


@dataclass(frozen=True, slots=True)
class _Line:
    key: CoveredBy
    learned: Learned


_ADAPTER: TypeAdapter[_Line] = TypeAdapter(_Line)


def file_beside(history: Path) -> Path:
    """Return the file that belongs to a history."""
    return history.with_name(FILE)


def whose(record: RunRecord) -> CoveredBy:
    """Return whose tables a run has proved."""
    key = key_of(record)
    return CoveredBy(
        key.target,
        key.profile,
        key.simulated,
        key.account,
        key.region,
        key.instance_id,
        key.dbi_resource_id,
        key.seed,
        key.sample,
    )


def known(path: Path, key: CoveredBy, now: datetime) -> tuple[Known, str]:
    """Return what the file says was proved of these tables up to `now`, and what of it could not be read, "" where nothing."""
    try:
        text = read_text(path)
    except FileNotFoundError:
        return Known(), ""
    except (OSError, TimeoutError) as error:
        return Known(), f"{path} could not be read: {why(error)}: what was proved earlier is not known"
    lines, unread = _read(text.splitlines(), now)
    told = f"{path}: {counted(unread, 'line')} could not be read: what they say was proved is not known"
    return together(each.learned for each in lines if each.key == key), told if unread else ""


def _read(lines: Iterable[str], now: datetime) -> tuple[list[_Line], int]:
    """Return the lines, each run once, and how many are none, of a newer version, or what no drill up to `now` can have written."""
    found, unread = {}, 0
    for text in filter(str.strip, lines):
        try:
            if json.loads(text)["version"] > VERSION:
                raise ValueError("a newer version")
            line = _ADAPTER.validate_json(text)
        except (ValidationError, ValueError, KeyError, TypeError, RecursionError):
            unread += 1
            continue
        if not _can_be(line.learned, now):
            unread += 1
            continue
        found[line.learned.run_id] = line
    return list(found.values()), unread


def _can_be(learned: Learned, now: datetime) -> bool:
    """Return whether a drill can have written this: not in the future, and with numbers that are measured and ranges of keys."""
    if learned.at.tzinfo is None or learned.at > now + _CLOCKS_DIFFER:
        return False
    rate, overhead = learned.measured.rate, learned.measured.overhead
    speeds = (
        speed
        for tables in (*learned.measured.whole.values(), *learned.measured.by_key.values())
        for speed in tables.values()
    )
    ranges = (each for tables in learned.by_key.values() for keys in tables.values() for each in keys)
    return (
        (rate is None or 0 < rate < math.inf)
        and (overhead is None or 0 <= overhead < math.inf)
        and all(speed.size >= 0 and 0 <= speed.seconds < math.inf for speed in speeds)
        and all(low < high for low, high in ranges)
    )


def append(path: Path, key: CoveredBy, learned: Learned, clock: Clock | None = None) -> str:
    """Add what a drill has proved; "" when it is there, else why it is not."""
    raw: dict[str, Any] = {"version": VERSION} | _ADAPTER.dump_python(_Line(key, learned), mode="json")
    try:
        append_text(path, json.dumps(raw, separators=(",", ":"), ensure_ascii=False), clock)
    except (OSError, TimeoutError) as error:
        return f"what was proved could not be kept in {path}: {why(error)}: it is read anew; make the place writable"
    return ""


def keep(history: Path, record: RunRecord, clock: Clock) -> str:
    """Add what a run has proved to the file beside the history, where the run counts as a drill; "" or why it is not there."""
    if record.coverage is None or why_not_counted(record):
        return ""
    return append(file_beside(history), whose(record), record.coverage.learned, clock)
