"""The history's line of JSON for a run: made from a run record, written and read. Pure; drills/history/store.py is its file.

Simulated runs never count with those of an `aws` profile; partial and interrupted runs, and runs
whose backup was damaged on purpose, count nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from drills import errors
from drills.model.history import NOT_VERIFIED, GroupKey, HistoryLine, RunOutcome
from drills.model.point import parse_point_selector
from drills.model.record import Promise, Restoration, RunRecord, Setting, value_of
from drills.model.timing import Measurement

LINE_VERSION = 1
_CAUSES: Mapping[str, str] = MappingProxyType(  # what a record names as a thing, and what earlier ones call otherwise
    {
        "the end of all its processes": "all its processes had ended",
        "the command itself was killed": "the command was killed",
    }
)
VALIDATIONS = "validations_are_drills"  # the key of a target
_ADAPTER: TypeAdapter[HistoryLine] = TypeAdapter(HistoryLine)
# The outcome that each exit code means; the first of several codes decides.
OUTCOMES: Mapping[int, RunOutcome] = MappingProxyType(
    {
        0: "passed",
        errors.OBJECTIVE_MISSED: "objective missed",
        errors.VERIFICATION_FAILED: "verification failed",
        errors.COULD_NOT_RUN: "could not run",
        errors.USAGE: "could not run",
        errors.LEFT_BEHIND: "left behind",
        errors.NOT_SEALED: "not sealed",
    }
)


def outcome_of(record: RunRecord) -> RunOutcome:
    """Return the outcome of the run: objective missed, verification failed and could not run are three outcomes."""
    if record.code is None:
        return "not ended"
    return OUTCOMES.get(record.code, "could not run")


def came_to_no_verdict(record: RunRecord) -> bool:
    """Return whether a run with 12 ran to its end and could not verify something: it is no run that could not run."""
    tried = not record.interrupted_by and not record.failures
    tried = tried and all(each.outcome != "broken" or is_left_open(record, each) for each in record.promises)
    return tried and record.code == errors.COULD_NOT_RUN and bool(record.unverified)


def is_left_open(record: RunRecord, promise: Promise) -> bool:
    """Return whether a promise is broken because the verdict that it stands on could not be verified, and by nothing else."""
    return promise.outcome == "broken" and promise.reason in {each.why_open for each in record.unverified}


def became(record: RunRecord) -> str:
    """Return what became of the run, in words: its outcome, where 12 tells "not verified" from "could not run"."""
    return NOT_VERIFIED if came_to_no_verdict(record) else outcome_of(record)


def aborted(record: RunRecord) -> str:
    """Return how an interrupted run ended, the same words wherever that is said; "" for any other run."""
    if not (reason := record.interrupted_by):
        return ""
    told = _CAUSES.get(reason, reason if " " in reason else f"interrupted by {reason}")  # a word is a signal's name
    if record.aborted_in:
        return f"aborted in phase {record.aborted_in}: {told}"
    return told if told.startswith("interrupted") else f"aborted: {told}"  # records of old do not name the phase


def verdict_of(record: RunRecord) -> str:
    """Return what became of a run, for a person: its outcome, and why it counts nowhere."""
    if ended := aborted(record):
        return ended
    why = why_not_counted(record)
    return f"{became(record)}, counts nowhere ({why})" if why else became(record)


def why_not_counted(record: RunRecord) -> str:
    """Return why the run counts nowhere, "" when it counts."""
    if ended := aborted(record):
        return ended
    if record.incident:
        return "the restore of an incident is no drill"
    if record.partial:
        return f"partial: {record.partial_reason or 'the run was filtered'}"
    if damage := value_of(record.settings, "--damage"):
        return f"the backup was damaged on purpose: {damage}"
    return ""


def why_no_drill(record: RunRecord) -> str:
    """Return why the run is no drill, "" for one that is: beside what counts nowhere, the validation of a restore test.

    Such a test proves that the point can be restored. It is no drill of the recovery as people carry it out, and counts as one
    where drill.toml said so when it was made.
    """
    if record.restore_test and not says_validations_are_drills(record.settings):
        return f"a validated restore test is no drill, unless {VALIDATIONS} = true"
    return why_not_counted(record)


def says_validations_are_drills(settings: Sequence[Setting]) -> bool:
    """Return whether drill.toml says that a validated restore test counts as a drill."""
    return any((each.name, each.value) == (f"target.{VALIDATIONS}", "true") for each in settings)


def _recovery(record: RunRecord) -> Restoration | None:
    return next((each for each in record.restorations if each.purpose == "recovery"), None)


def key_of(record: RunRecord) -> GroupKey:
    """Return the group of the run; parts that it never came to know are empty."""
    target, recovery = record.target, _recovery(record)
    sandboxed = value_of(record.settings, "profile.kind") == "sandbox"
    return GroupKey(
        target=target.name if target else "",
        profile=record.profile,
        simulated=record.simulated,
        account=target.account if target else "",
        region=target.region if target else "",
        scenario=value_of(record.settings, "--scenario"),
        instance_id=target.instance_id if target else "",
        dbi_resource_id=target.dbi_resource_id if target and not sandboxed else "",
        seed=value_of(record.settings, "--seed"),
        instance_class=recovery.instance_class if recovery else "",
        point_kind=recovery.point.kind if recovery and recovery.point else "",
        rto_clock=record.objectives.rto_clock,
        sample=parse_point_selector(value_of(record.settings, "target.sample") or "newest").kind,
        tier=value_of(record.settings, "target.tier") or "full",
    )


def line_of(record: RunRecord, drill_every_seconds: float | None = None) -> HistoryLine:
    """Return the line of a run that has its exit codes."""
    target, recovery = record.target, _recovery(record)
    rta, rpa = _measured(record, "RTA"), _measured(record, "RPA")
    return HistoryLine(
        run_id=record.run_id,
        started_at=record.started_at,
        ended_at=record.ended_at,
        key=key_of(record),
        outcome=outcome_of(record),
        code=record.code,
        all_codes=record.all_codes,
        not_counted=why_not_counted(record),
        rta_seconds=rta.seconds if rta else None,
        rpa_seconds=rpa.seconds if rpa else None,
        rpa_source=rpa.source if rpa else "",
        rto_seconds=record.objectives.rto_seconds,
        rpo_seconds=record.objectives.rpo_seconds,
        size_bytes=target.size_bytes if target else None,
        allocated_gib=recovery.point.allocated_gib if recovery and recovery.point else None,
        source_class=recovery.source_class if recovery else "",
        dbi_resource_id=target.dbi_resource_id if target else "",
        drill_every_seconds=drill_every_seconds,
        tool_version=record.tool_version,
        forecast=_forecast(record),
        not_verified=came_to_no_verdict(record),
    )


def _forecast(record: RunRecord) -> Literal["hit", "miss", ""]:
    scored = record.forecast.score if record.forecast else "not scored"
    return "" if scored == "not scored" else scored


def _measured(record: RunRecord, name: str) -> Measurement | None:
    return next((each for each in record.measurements if each.name == name), None)


def write_line(line: HistoryLine) -> str:
    """Return the line as JSON with its version first, without a newline at its end."""
    raw: dict[str, Any] = {"version": LINE_VERSION} | _ADAPTER.dump_python(line, mode="json")
    return json.dumps(raw, separators=(",", ":"), ensure_ascii=False)


def read_lines(text: str) -> tuple[tuple[HistoryLine, ...], tuple[str, ...]]:
    """Return the runs of a history, oldest first and each once, and a sentence for each line that is none.

    A last line without its newline is one that was being written when a run ended, and is named as such.
    """
    found: dict[str, HistoryLine] = {}
    problems: list[str] = []
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        read = _read_line(line)
        if isinstance(read, HistoryLine):
            if read.code != errors.USAGE:  # a run that was refused; earlier versions added it
                found[read.run_id] = read
        elif number == len(lines):
            problems.append(f"line {number} of the history is cut off, so that its run counts nowhere")
        else:
            problems.append(f"line {number} of the history {read}, so that its run counts nowhere")
    return tuple(sorted(found.values(), key=lambda line: (line.started_at, line.run_id))), tuple(problems)


def _read_line(text: str) -> HistoryLine | str:
    """Return the line, or what is wrong with it."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        return "is cut off or no JSON"
    version = raw.get("version") if isinstance(raw, dict) else None
    if isinstance(version, int) and version > LINE_VERSION:
        return f"has version {version} and this project reads up to {LINE_VERSION}: use a newer one"
    try:
        line = _ADAPTER.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        return f"is no run ({'.'.join(str(part) for part in first['loc'])}: {first['msg']})"
    aware = all(each is None or each.tzinfo is not None for each in (line.started_at, line.ended_at))
    return line if aware else "is no run (an instant without a time zone)"


def agrees(line: HistoryLine, key: GroupKey) -> bool:
    """Return whether the run belongs into the group.

    A run with a number belongs there only when every part is the same. One that ended before it knew, say, which kind of
    recovery point it would restore has no number to spoil the others with: it counts as an attempt where all that it
    knew agrees.
    """
    if line.key == key:
        return True
    if line.rta_seconds is not None or line.rpa_seconds is not None:
        return False
    wanted = asdict(key)
    optional = ("account", "region", "dbi_resource_id", "instance_class", "point_kind")
    return all(value == wanted[name] or (name in optional and value == "") for name, value in asdict(line.key).items())


def is_complete(key: GroupKey) -> bool:
    """Return whether the run came to know its group: what was restored, and to which class."""
    return bool(key.point_kind and key.instance_class)
