"""The words that every report shares: the headline, exit codes, stamps and what no drill can show.

Pure. "Not verified" is never said as "passed", and a simulated run is never said to tell anything about AWS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from drills import errors, plural
from drills.durations import show_duration
from drills.files import callers_folder
from drills.history import wording
from drills.history.line import aborted
from drills.model.finding import CheckResult, Finding, Outcome
from drills.model.forecast import ScoredForecast
from drills.model.record import Promise, PromiseOutcome, Restoration, RunRecord, value_of
from drills.model.timing import Measurement
from drills.turns import wording as in_turn

SIMULATED = wording.SIMULATED
show_bytes = wording.show_bytes
NOT_MEASURED = "not measured"
REDACTED = "--redact"  # the setting by which a masked record says that it is one (reports/redact.py)
NOTHING_LEFT_OUT = "Nothing that this run meant to check was left out."

EXIT_WORDS = {
    0: "all promises held",
    errors.OBJECTIVE_MISSED: "an objective was missed",
    errors.VERIFICATION_FAILED: "verification failed: schema, data or parity differ",
    errors.COULD_NOT_RUN: "the drill could not run or could not verify",
    errors.LEFT_BEHIND: "something that the drill made is still there",
    errors.NOT_SEALED: "the evidence was not sealed",
    errors.USAGE: "wrong usage or configuration",
}

CLOCKS = {
    "declaration": "the RTO counts from the declaration of the disaster",
    "disruption": "the RTO counts from the disruption of the service",
}
DISASTER_MODES = {
    "now": "at the moment of the drill",
    "random": "at a random instant",
    "before-next-point": "just before the next recovery point",
}
EXPECTATIONS = {
    "at backup": "a manifest taken on the source at the time of the backup",
    "stored": "the last manifest stored before the recovery point",
    "stored later": "a stored manifest that was taken after the data of the recovery point",
    "source now": "a manifest of the living source, taken during the drill",
    "none": "nothing of the source: only what the copy itself can show",
}


@dataclass(frozen=True, slots=True)
class ObjectiveView:
    """An objective beside its actual, ready to be drawn. Seconds, None where nothing was promised or measured."""

    objective_name: str
    actual_name: str
    objective: float | None
    actual: float | None
    outcome: Outcome
    sentence: str
    source: str
    otherwise: str = NOT_MEASURED  # what stands for an actual that is None
    judged: bool = True  # False: by choice, such as the RPO of an old recovery point; the sentence says why
    further: float | None = None  # of the worst case: what the schedule can lose with one missed run
    risk: str = ""  # by how much the schedule breaks the objective, or would with one missed run; no verdict

    @property
    def measured(self) -> str:
        """The actual in words, or what stands for one that is not known."""
        return seconds_or(self.actual, self.otherwise)

    @property
    def promised(self) -> str:
        """The objective in words."""
        return seconds_or(self.objective, "not set")

    @property
    def judgement(self) -> str:
        """The verdict in a word: what was not to be judged is called that, and not "not verified"."""
        return self.outcome if self.judged else "not judged"

    @property
    def margin(self) -> str:
        """How much time was left, or by how much it was exceeded."""
        if self.objective is None or self.actual is None:
            return "no margin: " + (self.otherwise if self.actual is None else "no objective is set")
        left = self.objective - self.actual
        return f"{show_duration(left)} left" if left >= 0 else f"{show_duration(-left)} too long"


def seconds_or(value: float | None, otherwise: str = NOT_MEASURED) -> str:
    """A duration in words, below a tenth of a second in milliseconds, or `otherwise` where there is none."""
    if value is None:
        return otherwise
    return f"{value * 1000:.0f} ms" if 0 < value < 0.1 else show_duration(value)


def calls_line(record: RunRecord) -> str:
    """How many calls AWS answered, how many of them had to be repeated, and which were the most; "" where none were noted."""
    if not record.aws_calls:
        return ""
    calls, repeated = (sum(getattr(each, name) for each in record.aws_calls) for name in ("calls", "repeated"))
    most = record.aws_calls[0]
    again = f"{repeated:,} tries repeated" if repeated else "none had to be repeated"
    return f"{calls:,} of {len(record.aws_calls)} operations, most often {most.operation} ({most.calls:,}); {again}"


def is_running(record: RunRecord) -> bool:
    """Whether the run has not ended, as far as the record knows."""
    return record.ended_at is None and record.code is None


def exit_lines(record: RunRecord) -> list[str]:
    """Every exit code of the run in words, the one that it ended with first."""
    codes = list(record.all_codes)
    if record.code is not None and record.code not in codes:
        codes.insert(0, record.code)
    if record.partial and codes == [0]:
        return ["0: the promises that were run held"]
    if codes == [0] and (left := not_judged(record)):
        return [f"0: all promises that were judged held; not judged: {left}"]
    return [f"{code}: {code_words(record, code)}" for code in codes]


def code_words(record: RunRecord, code: int) -> str:
    """What an exit code says of this run: of 12, whether it did not go on, or what it could not verify."""
    if code != errors.COULD_NOT_RUN:
        return EXIT_WORDS.get(code, "a code that is not known here")
    if record.interrupted_by:
        return "the run was interrupted before its end"
    if any(each.exit_code == code for each in record.failures):
        return "the drill could not go on"
    if record.unverified:
        return f"not verified: {', '.join(dict.fromkeys(each.name for each in record.unverified))}"
    broken = sum(each.outcome == "broken" for each in record.promises)
    if broken:
        return f"{broken} promise{'s' if broken > 1 else ''} could not be tried"
    return EXIT_WORDS[code]


def damage(record: RunRecord) -> str:
    """What `--damage` took away from the backup on purpose, "" for a run without it."""
    return next((setting.value for setting in record.settings if setting.name == "--damage"), "")


def not_judged(record: RunRecord) -> str:
    """The objectives that are set and that this run did not judge, by choice; "" where it judged all."""
    views = objective_views(record)
    return ", ".join(each.objective_name for each in views if not each.judged and each.objective is not None)


def headline(record: RunRecord) -> str:
    """The verdict in one sentence."""
    if record.interrupted_by:
        ended = aborted(record)
        return f"{ended[:1].upper()}{ended[1:]}; this run is no drill"
    if record.code is None:
        return "No verdict: the run has not ended" if is_running(record) else "No verdict: the run ended without one"
    reasons = [code_words(record, code) for code in record.all_codes or (record.code,)]
    if record.code == 0:
        if record.partial:
            return "Passed in part: the promises that were run held"
        left = not_judged(record)
        told = (
            f"Passed: all promises that were judged held; not judged: {left}" if left else "Passed: all promises held"
        )
        return f"{told}; {in_turn.short_of_proof(record.coverage)}".removesuffix("; ")
    told = "; ".join(reasons)
    return told[:1].upper() + told[1:]


def tone(record: RunRecord) -> str:
    """Which colour the verdict has: "good", "bad" or "open" (no verdict, interrupted, filtered)."""
    if record.interrupted_by or record.code is None:
        return "open"
    if record.code == 0:
        return "open" if record.partial or in_turn.short_of_proof(record.coverage) else "good"
    return "bad"


def is_redacted(record: RunRecord) -> bool:
    """Whether the record is a masked one."""
    return any(setting.name == REDACTED for setting in record.settings)


def forecast(scored: ScoredForecast) -> str:
    """How the forecast of the day before came true, in a line."""
    return f"forecast {scored.score}: {scored.sentence}" if scored.foreseen else f"forecast: {scored.sentence}"


def stamps(record: RunRecord) -> list[str]:
    """What must stand on every page of this run."""
    found = [SIMULATED] if record.simulated else []
    if damage(record):
        found.append(
            f"DAMAGED ON PURPOSE ({damage(record)}): the backup was damaged before it was restored; this drill has to fail"
        )
    if (tier := value_of(record.settings, "target.tier")) not in ("", "full"):
        found.append(f"TIER {tier}: what this tier leaves out was not run, and stands under what was not checked")
    found += in_turn.stamps(record.coverage)
    if is_redacted(record):
        found.append(
            "REDACTED: account ids, host names and the ids of resources and keys are masked, each with one mask"
        )
    if record.partial:
        found.append(f"PARTIAL: counts nowhere as a drill ({record.partial_reason or 'the run was filtered'})")
    if record.interrupted_by:
        first, _, rest = aborted(record).partition(" ")
        found.append(f"{first.upper()} {rest}; what follows is what had been recorded until then")
    elif is_running(record):
        found.append("NOT ENDED: what follows is what has been recorded until now")
    return found


def measurement(record: RunRecord, name: str) -> Measurement | None:
    """The measurement of that name, None where the run has none."""
    return next((m for m in record.measurements if m.name == name), None)


def objective_views(record: RunRecord) -> tuple[ObjectiveView, ...]:
    """RTO with RTA, RPO with RPA, and RPO with the schedule's worst case where it was worked out, with the verdicts."""
    return (
        _view(record, "RTO", "RTA", record.objectives.rto_seconds),
        replace(_view(record, "RPO", "RPA", record.objectives.rpo_seconds), risk=schedule_risk(record)),
        *_policy_view(record),
    )


def _policy_view(record: RunRecord) -> list[ObjectiveView]:
    found = record.worst_case
    if found is None:
        return []
    verdict = next((each for each in record.verdicts if each.name == "rpo by policy"), None)
    outcome: Outcome = verdict.outcome if verdict else "not verified"
    sentence = verdict.sentence if verdict else found.sentence
    objective = record.objectives.rpo_seconds
    view = ObjectiveView("RPO", "worst case", objective, found.seconds, outcome, sentence, "", "unbounded")
    return [replace(view, further=found.one_missed_seconds, risk=schedule_risk(record))]


def schedule_risk(record: RunRecord) -> str:
    """How the schedule breaks the RPO: by its worst case, or as soon as one run of it is missed; "" where it keeps it."""
    found, promised = record.worst_case, record.objectives.rpo_seconds
    if found is None or promised is None:
        return ""
    if found.seconds is None:
        return "not kept by the schedule: nothing bounds what it can lose"
    if found.seconds > promised:
        loss, beyond = show_duration(found.seconds), show_duration(found.seconds - promised)
        return f"not kept by the schedule: it can lose {loss}, {beyond} beyond the RPO"
    if found.one_missed_seconds is None:
        return "at risk by the schedule: with one missed backup nothing bounds the loss"
    if found.one_missed_seconds <= promised:
        return ""
    loss, beyond = show_duration(found.one_missed_seconds), show_duration(found.one_missed_seconds - promised)
    return f"at risk by the schedule: with one missed backup {loss} can be lost, {beyond} beyond the RPO"


def _view(record: RunRecord, objective_name: str, actual_name: str, objective: float | None) -> ObjectiveView:
    measured = measurement(record, actual_name)
    verdict = next((v for v in record.verdicts if v.name.lower() == objective_name.lower()), None)
    actual = measured.seconds if measured else None
    sentence = verdict.sentence if verdict else (measured.sentence if measured else f"{actual_name} was not measured")
    outcome: Outcome = verdict.outcome if verdict else "not verified"
    judged = verdict is None or verdict.outcome != "not verified" or verdict.requirement == "required"
    if verdict is None and objective is None:
        judged = False  # as by the verdict on an objective that is not set
    elif verdict is None and (none := no_point(record)):
        outcome, sentence = "missed", none
    source = measured.source if measured else ""
    return ObjectiveView(objective_name, actual_name, objective, actual, outcome, sentence, source, judged=judged)


def no_point(record: RunRecord) -> str:
    """Why the run had no recovery point, which misses each objective that is set; "" where it had one or did not look."""
    found = next((each for each in record.verdicts if each.name == "recovery point"), None)
    return found.sentence if found and found.outcome == "missed" else ""


def slowest_phase(record: RunRecord) -> str:
    """The slowest phase of the recovery and its length, or "" where the recovery did not come to its end."""
    closed = [phase for phase in record.phases if phase.clock == "rta" and phase.seconds is not None]
    if not closed or any(phase.clock == "rta" and phase.seconds is None for phase in record.phases):
        return ""
    rta = measurement(record, "RTA")
    named = next((p for p in closed if rta and p.name == rta.slowest_phase), None)
    slowest = named or max(closed, key=lambda phase: phase.seconds or 0.0)
    return f"{slowest.name}, {seconds_or(slowest.seconds)}"


def recovery(record: RunRecord) -> Restoration | None:
    """The restoration that the drill is about, None where there was none."""
    return next((restoration for restoration in record.restorations if restoration.purpose == "recovery"), None)


def recovery_checks(record: RunRecord) -> tuple[CheckResult, ...]:
    """The checks of the recovery itself, without the rehearsals'."""
    found = recovery(record)
    return found.checks if found else ()


def findings(record: RunRecord) -> list[Finding]:
    """The recovery's findings, the gravest first; the rehearsals' are wanted and stand with them."""
    order = {"error": 0, "warning": 1, "information": 2}
    found = [finding for check in recovery_checks(record) for finding in check.findings]
    return sorted(found, key=lambda finding: order[finding.severity])


def promise_counts(promises: Sequence[Promise]) -> str:
    """How many promises ended in which way: "5 passed, 1 skipped"; "none was run" where there are none."""
    order: tuple[PromiseOutcome, ...] = ("failed", "broken", "passed", "skipped")
    counts = [(outcome, sum(promise.outcome == outcome for promise in promises)) for outcome in order]
    return ", ".join(f"{count} {outcome}" for outcome, count in counts if count) or "none was run"


def check_counts(checks: Sequence[CheckResult]) -> str:
    """How many checks had which outcome, and how much was compared."""
    if not checks:
        return "none was made"
    order: tuple[Outcome, ...] = ("missed", "not verified", "met")
    counts = [(outcome, sum(check.outcome == outcome for check in checks)) for outcome in order]
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts if count)
    return f"{told}; {counted(sum(check.compared for check in checks), 'object')} compared"


def title(record: RunRecord) -> str:
    """What the report is about."""
    what = "Validation of a restore test of" if record.restore_test else "Recovery drill of"
    what = "Restore in an incident of" if record.incident else what
    return f"{what} {record.target.name if record.target else 'an unnamed target'}, run {record.run_id}"


def byline(record: RunRecord) -> str:
    """Source, profile, beginning and length in one line."""
    parts = [
        f"source {record.target.instance_id}" if record.target else "",
        f"profile {record.profile}",
        show_instant(record.started_at),
        f"took {show_duration(record.wall_seconds)}" if record.wall_seconds is not None else "",
    ]
    return " · ".join(filter(None, parts))


def facts(record: RunRecord) -> list[tuple[str, str]]:
    """The identity of the run as names and values."""
    target = record.target
    rows = [
        ("run", record.run_id),
        ("profile", record.profile),
        ("target", target.name if target else "not known yet"),
        (f"source {record.kind}", target.instance_id if target else ""),
        ("resource id", target.dbi_resource_id if target else ""),
        ("vault", (target.vault or "none") if target else ""),
        ("engine", f"PostgreSQL {target.engine_version}" if target and target.engine_version else ""),
        ("databases", ", ".join(target.databases) if target else ""),
        ("data", target.data if target else ""),
        ("size", show_bytes(target.size_bytes) if target and target.size_bytes is not None else ""),
        ("started", show_instant(record.started_at)),
        ("ended", show_instant(record.ended_at) if record.ended_at else "not ended"),
        ("took", seconds_or(record.wall_seconds, "")),
        ("version", " ".join(filter(None, (record.tool_version, record.commit and f"(commit {record.commit})")))),
    ]
    return [(name, value) for name, value in rows if value]


def show_path(path: Path) -> str:
    """A path as a person would type it: relative where it lies below the folder that the caller is in, else absolute."""
    try:
        return str(path.absolute().relative_to(callers_folder()))
    except ValueError:
        return str(path.absolute())


def show_instant(instant: datetime | None, otherwise: str = "not known") -> str:
    """An instant in UTC to the second, or `otherwise` where there is none."""
    return otherwise if instant is None else f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def counted(number: int, one: str, several: str = "") -> str:
    """A number of things in words: "1 copy", "2 copies"."""
    return plural.counted(number, one, several)
