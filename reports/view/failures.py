"""Why a run did not pass, as page one shows it: the object, what was expected, what was found, and what to do next. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from drills.model.finding import Finding
from drills.model.instance import in_order_of_removal
from drills.model.record import RunRecord
from reports import outcomes, reasons, words
from reports.view.parts import FindingView

SHOWN = 3  # on page one in full; the others are named there, and stand in block 9

_LOST = (
    "Run its query (block 9) on the source. What is there and not in the copy is not in the backup: drill an older point "
    "(drills run --sample oldest), and do not rely on this one. What is gone from the source too was lost before."
)
_DEFINED = (
    "Look at the object on the source. Where it is as expected, the backup or its restore lost it; where it was changed on "
    "purpose since, take a new manifest (drills manifest)."
)
_CORRUPT = (
    "Check the source in the same way (drills verify). Where it is damaged as well, repair it there and back up anew; where it "
    "is not, do not rely on this backup."
)
_BY_HAND = "A restore does not bring it back: set it up by hand in a recovery, and let the runbook say so."
_OTHERWISE = (
    "Look at the source. Where it is as expected, the backup or its restore set it otherwise; where it was changed on purpose "
    "since, back up anew."
)
# Of what is no database: it has no schema, no query and no `drills verify`.
OF_OTHERS: Mapping[str, str] = MappingProxyType(
    {
        "lineage": "Do not rely on this recovery point before you know what wrote it into the vault: it is not of this source.",
        "items": "Compare the source with the same manifest (drills table verify). What differs there as well has changed since: "
        "take a manifest before each backup (drills table manifest). What differs in the copy alone is not in the backup: drill "
        "an older point (drills run --sample oldest), and do not rely on this one.",
        "objects": "Look at the objects on the source, and at their versions. What is as expected there is not so in the backup: "
        "drill an older point (drills run --sample oldest), and do not rely on this one.",
    }
)
ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "content": _LOST,
        "invariants": _LOST,
        "large objects": _LOST,
        "canary": _LOST,
        "sequences": "Set the sequence beyond the highest key before the copy takes writes, or the next insert fails.",
        "catalog": _DEFINED,
        "settings": _DEFINED,
        "views": _DEFINED,
        "libraries": "Install the library on the instance, or drop what needs it.",
        "connection": "Look at features.log, then at network, TLS and password of the copy.",
        "queries": "Compare the query's plan on the source, and the class of the copy with the source's.",
        "isolation": "Narrow the security group that the copy is restored into: security_group in [targets.NAME.restore].",
        "harmless": "Do not let the copy reach anything: it holds what works by itself, as named.",
        "data loss": "Hold the numbers apart against each other: a clock, a time zone or the freshness query is wrong.",
    }
)


def advice(check: str) -> str:
    """What to do about a finding of this check."""
    return ADVICE.get(check, _CORRUPT)


def _advice_of_other(finding: Finding) -> str:
    """What to do about a finding of what is no database; a warning about a setting is one that no restore brings back."""
    if finding.check == "settings":
        return _BY_HAND if finding.severity == "warning" else _OTHERWISE
    return OF_OTHERS.get(finding.check, "")


def finding_view(finding: Finding, *, todo: bool = True) -> FindingView:
    """A finding of a check, with what to do next."""
    return FindingView(
        finding.severity,
        finding.object,
        finding.expected,
        finding.found,
        _meaning(finding),
        advice(finding.check) if todo else "",
        finding.query,
    )


PLANTED = (
    "Nothing, where it is what was planted or follows from it: the backup was damaged on purpose (--damage {}), and this says "
    "nothing about your backups. What is neither shows in a run without --damage."
)


def finding_views(record: RunRecord, found: Sequence[Finding]) -> list[FindingView]:
    """The findings one below the other; the same advice twice in a row is given once, and planted damage needs no repair."""
    views = [finding_view(each) for each in found]
    if not record.is_of_database:
        views = [replace(view, todo=_advice_of_other(each)) for view, each in zip(views, found, strict=True)]
    if planted := words.damage(record):
        views = [replace(each, todo=PLANTED.format(planted)) for each in views]
    pairs = zip([None, *views], views, strict=False)
    return [replace(each, todo="as above") if before and each.todo == before.todo else each for before, each in pairs]


def _meaning(finding: Finding) -> str:
    """What the finding says beyond what was expected and found."""
    known = (
        finding.message in finding.found or finding.message in finding.expected or finding.expected in finding.message
    )
    return finding.mark.strip() if known else f"{finding.message}{finding.mark}"


def failures(record: RunRecord) -> list[FindingView]:
    """What failed, the gravest first: differences, missed objectives, what could not go on, what is left behind."""
    found = finding_views(record, reasons.errors_found(record))
    found += _missed_objectives(record)
    found += [
        FindingView("could not run", each.phase or "the run", "its end", each.sentence) for each in record.failures
    ]
    found += _left(record)
    return [*found, *_promises(record, found)]


def _missed_objectives(record: RunRecord) -> Iterator[FindingView]:
    for view in words.objective_views(record):
        if view.outcome != "missed":
            continue
        slowest = words.slowest_phase(record)
        todo = f"Begin with the slowest phase: {slowest}." if view.actual_name == "RTA" and slowest else ""
        if view.objective_name == "RPO":
            todo = "Back up more often, or recover to a point in time; drills schedule says what a schedule can lose."
        if words.no_point(record):
            todo = ""  # which the sentence says
        yield FindingView(
            "objective missed",
            f"{view.actual_name} against {view.objective_name}",
            f"{view.objective_name} {view.promised}",
            f"{view.actual_name} {view.measured}, {view.margin}",
            view.sentence,
            todo,
        )


_STILL_USED = "Do not delete it: a service may use it. Roll the cut-over back."


def _left(record: RunRecord) -> Iterator[FindingView]:
    if record.ended_at is None and not record.interrupted_by:
        return  # a run that goes on has made what it works with
    for resource in in_order_of_removal(record.resources):
        if resource.is_left:
            yield FindingView(
                "left behind",
                f"{resource.kind} {resource.id}",
                "gone",
                f"{resource.state}{f': {resource.note}' if resource.note else ''}",
                "",
                _STILL_USED if resource.state == "in use" else "Delete it: it costs money, and it holds the data.",
            )


def _promises(record: RunRecord, known: list[FindingView]) -> Iterator[FindingView]:
    """The promises that failed or broke for a reason that nothing before them has said, and required verdicts left open."""
    told = " ".join(f"{each.meaning} {each.found} {each.expected}" for each in known)
    told += " ".join(each.message for each in words.findings(record))
    for verdict in record.unverified:
        if verdict.sentence not in told:
            told += f" {verdict.sentence}"
            yield FindingView("not verified", verdict.name, "a verdict", verdict.sentence)
    for promise in record.promises:
        if promise.outcome not in ("failed", "broken"):
            continue
        if not promise.reason or promise.reason in told or any(_said(part, told) for part in _parts(promise.reason)):
            continue
        told += f" {promise.reason}"
        kind = outcomes.kind_of(record, promise) or promise.outcome
        yield FindingView(kind, f"promise: {promise.name}", "that it holds", promise.reason)


def _parts(reason: str) -> list[str]:
    """A reason without what a step said before or after the sentence of the finding that it repeats."""
    return [part for part in (reason.partition(": ")[2], reason.rpartition("found ")[2]) if len(part) > 20]


def _said(part: str, told: str) -> bool:
    return part.rstrip(".") in told
