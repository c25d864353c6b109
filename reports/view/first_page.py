"""Page one: the verdict, what failed, the objectives as bars, the scope and its gaps, exceptions, and the sealing. Pure."""

from __future__ import annotations

from drills.history import wording
from drills.model.finding import CheckResult, Verdict
from drills.model.record import RunRecord
from reports import charts, reasons, recovery_words, words
from reports.view.failures import SHOWN, failures
from reports.view.parts import NOT_SUPPLIED, Bar, FindingView, FirstPage, drawing, supplied

NAMED = 12  # of the failures beyond those shown in full
LISTED = 8  # gaps and exceptions on page one; the blocks have all
LEVELS = {
    "L0": "L0: not signed",
    "L1": "L1: signed with a key that lies in a file",
    "L2": "L2: signed with a key of AWS KMS",
    "L3": "L3: signed with a key of AWS KMS, with a time stamp or a lock that nobody can lift",
}


def first_page(record: RunRecord) -> FirstPage:
    """What must be understood without anything else of the report."""
    failed = failures(record)
    return FirstPage(
        headline=reasons.headline(record),
        tone=words.tone(record),
        kicker=(words.title(record), words.byline(record)),
        stamps=tuple(words.stamps(record)),
        codes=tuple(f"exit code {line}" for line in words.exit_lines(record)) or ("no exit code yet",),
        failures=tuple(failed[:SHOWN]),
        more_failures=_named(failed[SHOWN:]),
        bars=tuple(bar(record, each) for each in words.objective_views(record)),
        beside_bars=tuple(recovery_words.beside_rta(record)),
        scope=tuple(_scope(record)),
        untested=_short(untested(record), "block 2"),
        exceptions=_short(exceptions(record), "block 8"),
        sealing=tuple(sealing(record)),
    )


def _named(failed: list[FindingView]) -> tuple[str, ...]:
    named = [f"{each.severity}: {each.object}" for each in failed[:NAMED]]
    more = len(failed) - len(named)
    return (*named, *([f"and {more} more, in block 9"] if more > 0 else []))


def _short(items: list[str], where: str) -> tuple[str, ...]:
    more = len(items) - LISTED
    return tuple(items) if more <= 1 else (*items[:LISTED], f"and {more} more, in {where}")


def bar(record: RunRecord, view: words.ObjectiveView) -> Bar:
    """An objective beside its actual."""
    actual, against = words.seconds_or(view.actual, view.otherwise), words.seconds_or(view.objective, "not set")
    told = f"{view.actual_name} {actual} against {view.objective_name} {against}: {view.judgement}, {view.margin}"
    by = f" (measured by {view.source})" if view.source and view.source not in view.sentence else ""
    return Bar(
        view.actual_name,
        actual,
        f"{view.objective_name} {against}",
        view.judgement,
        view.margin,
        f"{view.sentence}{by}",
        drawing(told, lambda form: charts.objective_bar(view, form)),
    )


def _scope(record: RunRecord) -> list[tuple[str, str]]:
    target, found = record.target, words.recovery(record)
    point = found.point if found else None
    tried = words.promise_counts(record.promises)
    return [
        ("target", wording_of_target(record) if target else "not known yet"),
        (
            "recovery point",
            f"{point.kind}, data up to {words.show_instant(point.data_time)}" if point else "none was taken",
        ),
        ("compared with", words.EXPECTATIONS[found.expectation] if found else "nothing was restored"),
        ("checks", words.check_counts(words.recovery_checks(record))),
        ("promises", tried),
        ("left behind", ", ".join(words.still_there(record)) or "nothing"),
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


def untested(record: RunRecord) -> list[str]:
    """What was expected of the run and was not tested, with the reason: scenarios, and required verdicts and checks."""
    said = [f"{name}: was expected of this run and did not run" for name in record.missing]
    skipped: dict[str, list[str]] = {}
    for promise in record.promises:
        if promise.outcome == "skipped":
            skipped.setdefault(promise.reason, []).append(promise.name)
    for reason, names in skipped.items():
        said.append(
            f"{names[0] if len(names) == 1 else f'{len(names)} promises'}: skipped, {reason or 'no reason given'}"
        )
    judged: list[CheckResult | Verdict] = [*words.recovery_checks(record), *record.verdicts]
    gaps = [each for each in judged if each.outcome == "not verified" and each.requirement == "required"]
    said += dict.fromkeys(f"{each.name}: {each.sentence}" for each in gaps)
    if not words.recovery_checks(record):
        said.append("the restored copy: no check was made in this run")
    return said


def exceptions(record: RunRecord) -> list[str]:
    """What did not go as it should, or is not as it seems, and did not by itself end the run."""
    said = [f"{each.phase or 'run'}: {each.sentence}" for each in record.failures]
    for finding in words.findings(record):
        if finding.severity == "warning" or finding.acknowledged:
            said.append(f"{finding.severity}: {finding.object}: {finding.message}{finding.mark}")
    said += [f"{each.name}: {each.outcome}, {each.sentence}" for each in _optional_gaps(record)]
    said += record.notes
    if record.history:
        said += [*wording.warnings(record.history), *record.history.problems]
        said += filter(None, (wording.not_counted(record.history),))
    if record.clock_offset and record.clock_offset.low_seconds > record.clock_offset.high_seconds:
        said.append(recovery_words.offset_line(record.clock_offset))
    return list(dict.fromkeys(said))


def _optional_gaps(record: RunRecord) -> list[CheckResult]:
    return [
        each
        for each in words.recovery_checks(record)
        if each.outcome == "not verified" and each.requirement != "required"
    ]


def sealing(record: RunRecord) -> list[tuple[str, str]]:
    """The run's place in the chain of evidence, and who answers for it."""
    kept = record.evidence
    return [
        ("evidence level", LEVELS[kept.level] if kept else "none: no evidence is kept of this run"),
        ("sequence", f"no. {kept.sequence} of chain {kept.chain}" if kept else "none"),
        ("signing key", (kept.key or "none") if kept else "none"),
        ("trigger", supplied(record.trigger)),
        ("prepared by", f"drills {record.tool_version}, {words.show_instant(record.ended_at, 'not ended')}"),
        ("reviewed by", _named_person(record.plan.reviewer)),
        ("approved by", _named_person(record.plan.approver)),
    ]


def _named_person(name: str) -> str:
    """Who is to sign, which is not yet a signature."""
    return f"{name} is to sign; not signed in this record" if name else NOT_SUPPLIED
