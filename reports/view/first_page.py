"""Page one: the verdict, what failed, the objectives as bars, the scope and its gaps, exceptions, and the sealing. Pure."""

from __future__ import annotations

from drills.history import wording
from drills.model.finding import CheckResult, Verdict
from drills.model.record import RunRecord
from reports import charts, outcomes, reasons, recovery_words, words
from reports.view import answers, gaps
from reports.view.failures import SHOWN, failures
from reports.view.parts import NOT_SUPPLIED, Bar, FindingView, FirstPage, drawing

NAMED = 12  # of the failures beyond those shown in full
TOLD_ALONE = 3  # scenarios that did not run; more of them share a line
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
        answers=tuple(answers.answers(record)),
        untested=tuple(filter(None, (*_short(untested(record), "block 2"), answers.not_compared(record)))),
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
    against = f"{view.objective_name} {view.promised}"
    told = f"{view.actual_name} {view.measured} against {against}: {view.judgement}, {view.margin}"
    told += f"; {view.risk}" if view.risk else ""
    measured = view.actual is not None and view.source and view.source not in view.sentence
    by = f" (measured by {view.source})" if measured else ""
    return Bar(
        view.actual_name,
        view.measured,
        against,
        view.judgement,
        view.margin,
        f"{view.sentence}{by}",
        f"RPO {view.risk}"
        if view.risk and view.actual_name == "RPA"
        else "",  # once: the worst case's own bar draws it
        drawing(told, lambda form: charts.objective_bar(view, form)),
    )


def untested(record: RunRecord) -> list[str]:
    """What was expected of the run and was not tested, with the reason: scenarios, and required verdicts and checks."""
    return [line for line, _ in _untested(record)]


def untested_count(record: RunRecord) -> int:
    """How many things were expected and not tested; of promises that share a line each one counts."""
    return sum(count for _, count in _untested(record))


def _untested(record: RunRecord) -> list[tuple[str, int]]:
    """What was expected and not tested, in lines, and how many each line is about."""
    said = _not_run(record)
    for reason, names in outcomes.skipped(record).items():
        who = names[0] if len(names) == 1 else f"{len(names)} promises"
        said.append((f"{who}: skipped, {reason or 'no reason given'}", len(names)))
    said += [(each, 1) for each in _required_gaps(record)]
    if not words.recovery_checks(record):
        said.append(("the restored copy: no check was made in this run", 1))
    return said


def _not_run(record: RunRecord) -> list[tuple[str, int]]:
    """What was expected and did not run, as `_untested`."""
    names = list(dict.fromkeys(record.missing))
    if len(names) <= TOLD_ALONE:
        return [(f"{name}: was expected of this run and did not run", 1) for name in names]
    first = "; ".join(names[:TOLD_ALONE])
    more = f"; and {len(names) - TOLD_ALONE} more, in block 8"
    return [
        (f"{words.counted(len(names), 'scenario')}: expected of this run, and did not run: {first}{more}", len(names))
    ]


def _required_gaps(record: RunRecord) -> list[str]:
    judged: list[CheckResult | Verdict] = [*words.recovery_checks(record), *record.verdicts]
    left = [each for each in judged if each.outcome == "not verified" and each.requirement == "required"]
    return list(dict.fromkeys(f"{each.name}: {each.sentence}" for each in left))


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
    return [each for each in gaps.unverified_checks(record) if each.requirement != "required"]


def sealing(record: RunRecord) -> list[tuple[str, str]]:
    """The run's place in the chain of evidence, and who answers for it."""
    kept = record.evidence
    return [
        ("evidence level", LEVELS[kept.level] if kept else "none: no evidence is kept of this run"),
        ("sequence", f"no. {kept.sequence} of chain {kept.chain}" if kept else "none"),
        ("signing key", (kept.key or "none") if kept else "none"),
        ("prepared by", f"drills {record.tool_version}, {words.show_instant(record.ended_at, 'not ended')}"),
        ("reviewed by", _named_person(record.plan.reviewer)),
        ("approved by", _named_person(record.plan.approver)),
    ]


def _named_person(name: str) -> str:
    """Who is to sign, which is not yet a signature."""
    return f"{name} is to sign; not signed in this record" if name else NOT_SUPPLIED
