"""The end of a record whose run did not come to it: its processes were killed, all of them."""

from __future__ import annotations

import dataclasses
from datetime import datetime

from drills.errors import COULD_NOT_RUN, NOT_SEALED
from drills.evidence.start import StartRecord, summary_of
from drills.model.evidence import EvidenceSummary
from drills.model.instance import WITH_SANDBOX, Resource
from drills.model.record import SCHEMA_VERSION, Failure, RunRecord, TargetSummary
from drills.objectives import verdicts

KILLED = "the end of all its processes"
_SEALED_LATER = "sealed later by "
UNKNOWN = "unknown, its folder is gone"


def end_abandoned(record: RunRecord, last_sign: datetime, sealed_by: str) -> RunRecord:
    """Return the record as it is sealed later, by `sealed_by`. Pure.

    A run that was judged keeps its verdict: what was missing is the seal. Any other was aborted in the phase that it was in
    when it was last heard of, at `last_sign`, and did not pass.
    """
    note = f"{_SEALED_LATER}{sealed_by}"
    record = _without_failed_seals(record, note)
    if record.code is not None:
        unsealed = [each.sentence for each in record.failures if each.exit_code == NOT_SEALED]
        failures = tuple(each for each in record.failures if each.exit_code != NOT_SEALED)
        judged = dataclasses.replace(record, failures=failures, notes=(*record.notes, *unsealed, note))
        return _judged(judged) if unsealed else judged
    seconds = max((last_sign - record.started_at).total_seconds(), 0.0)
    phases = record.phases
    if phases and phases[-1].end_seconds is None:
        seconds = max(seconds, phases[-1].start_seconds)
        ended = max(last_sign, phases[-1].started_at)
        phases = (*phases[:-1], dataclasses.replace(phases[-1], ended_at=ended, end_seconds=seconds))
    phase = record.aborted_in or (phases[-1].name if phases else "")
    sentence = (
        f"aborted in phase {phase or 'unknown'}: expected the run to come to its end, found that all its processes had "
        f"ended; {note}"
    )
    ended_record = dataclasses.replace(
        record,
        phases=phases,
        resources=_still_there(record, last_sign),
        ended_at=last_sign,
        wall_seconds=seconds,
        interrupted_by=record.interrupted_by or KILLED,
        aborted_in=phase,
        failures=(*record.failures, Failure(sentence, COULD_NOT_RUN, phase)),
    )
    return _judged(ended_record)


def was_sealed_later(record: RunRecord) -> bool:
    """Return whether another command than the run's own has sealed it, and brought its record to its end."""
    told = (*record.notes, *(each.sentence.rpartition("; ")[2] for each in record.failures))
    return any(each.startswith(_SEALED_LATER) for each in told)


def _without_failed_seals(record: RunRecord, note: str) -> RunRecord:
    """Return the record without the word of those who tried to seal it and could not: it was sealed by one."""
    notes = tuple(each for each in record.notes if not each.startswith(_SEALED_LATER))
    failures = tuple(
        dataclasses.replace(each, sentence=f"{each.sentence.partition(f'; {_SEALED_LATER}')[0]}; {note}")
        if f"; {_SEALED_LATER}" in each.sentence
        else each
        for each in record.failures
    )
    return dataclasses.replace(record, notes=notes, failures=failures)


def _still_there(record: RunRecord, last_sign: datetime) -> tuple[Resource, ...]:
    """Return the resources; those of a sandbox went with it, since its server ends with the run's processes."""
    if not any((each.name, each.value) == ("profile.kind", "sandbox") for each in record.settings):
        return record.resources
    return tuple(
        each if each.state == "gone" else dataclasses.replace(each, state="gone", gone_at=last_sign, note=WITH_SANDBOX)
        for each in record.resources
    )


def _judged(record: RunRecord) -> RunRecord:
    codes = verdicts.exit_codes(record)
    return dataclasses.replace(record, code=codes[0], all_codes=codes)


def record_of(start: StartRecord, digest: str, store: str = "") -> RunRecord:
    """Return the record of a run of which only the start record is left, `digest` being its digest. Pure."""
    place: EvidenceSummary = summary_of(start, digest, store)
    return RunRecord(
        schema_version=SCHEMA_VERSION,
        run_id=start.run_id,
        profile=start.profile,
        simulated=start.simulated,
        started_at=start.started_at,
        tool_version=start.tool_version,
        commit=start.commit,
        target=TargetSummary(start.target, start.instance_id, None),
        objectives=start.objectives,
        settings=start.settings,
        expected=start.expected,
        missing=start.missing,
        evidence=place,
        aborted_in=UNKNOWN,
        trigger=start.trigger,
        plan=start.plan,
        initiator=start.initiator,
    )
