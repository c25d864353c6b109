"""What an auditor asks of a run, each answered in a sentence on page one, in the same words in every report. Pure."""

from __future__ import annotations

from drills.history.line import aborted
from drills.model.record import Restoration, RunRecord
from drills.objectives import timeline
from reports import recovery_words, words
from reports.view import coverage, gaps, removal, select
from reports.view.parts import supplied
from reports.view.whom import by_whom

NAMED = 6  # things that were not compared; the block has all
WHERE = "block 8 has the reasons"


def answers(record: RunRecord) -> list[tuple[str, str]]:
    """What was restored, when, by whom, from which point, what was compared, whether the objectives were met, what is left."""
    kept = removal.kept(record)
    return [
        ("what was restored", _what(record)),
        ("when", _when(record)),
        ("by whom", f"{by_whom(record)}; trigger: {supplied(record.trigger)}"),
        ("from which point", _point(record)),
        ("compared with", recovery_words.compared_with(record)),
        ("checks", words.check_counts(words.recovery_checks(record))),
        ("all compared", _compared(record)),
        *coverage.lead(record)[1:],
        ("objectives met", _objectives(record)),
        ("promises", words.promise_counts(record.promises)),
        *((("where it is", _where(record)),) if record.incident and record.incident.stays else ()),
        ("what became of it", removal.of_the_copy(record)),
        ("left behind", ", ".join(removal.still_there(record)) or "nothing"),
        *((("kept on purpose", ", ".join(kept)),) if kept else ()),
    ]


def wording_of_target(record: RunRecord) -> str:
    """The target, its engine and its size in one line."""
    target = record.target
    if target is None:
        return "an unnamed target"
    parts = [
        target.name,
        f"databases {', '.join(target.databases)}" if target.databases else "",
        f"PostgreSQL {target.engine_version}" if target.engine_version else "",
        words.show_bytes(target.size_bytes) if target.size_bytes is not None else "",
    ]
    return ", ".join(filter(None, parts))


def _what(record: RunRecord) -> str:
    found = words.recovery(record)
    source = f"{wording_of_target(record)}, of {record.kind} {record.target.instance_id}" if record.target else ""
    if found is None or not found.instance_id:
        return f"nothing: no copy was restored of {source or 'the target, which is not known yet'}"
    if why := _not_restored(record, found):
        return f"nothing{why}; of {source}, as {found.instance_id}"
    where = select.common_place(record.resources)
    parts = [f"{source}, as {found.instance_id}", found.instance_class, where and f"in {where}"]
    return ", ".join(filter(None, parts))


def _where(record: RunRecord) -> str:
    """Where the copy of an incident is, as whom to log in, until when it stays and what that costs; the secret has the password."""
    incident, copy = record.incident, words.recovery(record)
    if incident is None or copy is None:
        return ""
    parts = [
        f"{copy.host}:{copy.port}, as {incident.username} with the password in the secret {incident.secret}",
        f"in {', '.join(incident.reached_by)}" if incident.reached_by else "",
        f"until {words.show_instant(incident.kept_until)} at least" if incident.kept_until else "",
        f"an hour of it: {incident.hour}" if incident.hour else "",
    ]
    return "; ".join(filter(None, parts))


def _not_restored(record: RunRecord, copy: Restoration) -> str:
    """Say why the copy that was begun is none yet; "" where it became available, or AWS Backup had restored it."""
    if record.restore_test or copy.host or copy.checks or any(each.status == "available" for each in copy.statuses):
        return ""
    if ended := aborted(record):
        return f" yet: {ended}"
    return " yet: the run has not ended" if words.is_running(record) else ": the copy did not become available"


def _when(record: RunRecord) -> str:
    usable = next((each.at for each in record.moments if each.name == timeline.PASSED), None)
    ended = words.show_instant(record.ended_at, "not ended")
    told = f"{words.show_instant(record.started_at)} to {ended}"
    return f"{told}; the copy was usable at {words.show_instant(usable)}" if usable else told


def _point(record: RunRecord) -> str:
    found = words.recovery(record)
    point = found.point if found else None
    if point is None:
        return "none was taken"
    vault = f", vault {point.vault}" if point.vault else ""
    return f"{point.arn} ({point.kind}{vault}), whose data reach to {words.show_instant(point.data_time)}"


def _compared(record: RunRecord) -> str:
    if not words.recovery_checks(record):
        return "no: no check was made"
    left = gaps.left_out(record)
    return f"no: {left}; {WHERE}" if left else "yes: nothing that this run meant to check was left out"


def not_compared(record: RunRecord) -> str:
    """What checks left out or compared in part, by name; "" where they left out nothing."""
    left = [each.what for each in gaps.things_not_compared(record)]
    if not left:
        return ""
    named = "; ".join(left[:NAMED])
    more = f"; and {len(left) - NAMED} more" if len(left) > NAMED else ""
    return f"{len(left)} thing{'s' * (len(left) != 1)} not compared, or not exactly ({WHERE}): {named}{more}"


def _objectives(record: RunRecord) -> str:
    views = [each for each in words.objective_views(record) if each.objective is not None]
    if not views:
        return "not judged: no objective is set"
    told = "; ".join(
        f"{each.actual_name} {each.measured} against {each.objective_name} {each.promised}: {each.judgement}"
        for each in views
    )
    risk = words.schedule_risk(record)
    outcomes = {each.outcome for each in views}
    answer = "no" if "missed" in outcomes else "yes" if outcomes == {"met"} else "not all judged"
    return f"{answer}: {told}" + (f"; RPO {risk}" if risk else "")
