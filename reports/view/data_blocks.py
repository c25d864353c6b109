"""The blocks about the restored data: 6 integrity, 7 security during the recovery, 9 findings and actions. Pure."""

from __future__ import annotations

from drills.model.finding import CheckResult, Verdict
from drills.model.record import Restoration, RunRecord
from reports import outcomes, recovery_words, words
from reports.view import coverage, gaps, select
from reports.view.failures import finding_view, finding_views
from reports.view.parts import (
    NOT_RECORDED,
    NOT_SUPPLIED,
    Block,
    Findings,
    Folded,
    Lines,
    Part,
    Row,
    facts,
    supplied,
    table,
)

LEAD_FINDINGS = 10
PARITY = "cut-over: configuration"


def integrity(record: RunRecord) -> Block:
    """What was compared, with what, and how it came out."""
    checks = words.recovery_checks(record)
    expectation = recovery_words.compared_with(record)
    of_database = record.is_of_database
    left = gaps.left_out(record)
    how = f"not in full: {left} (block 8)" if left else "in full"
    lead = facts(
        ("compared with", expectation),
        ("checks", words.check_counts(checks)),
        ("compared", how if checks else "nothing"),
        *coverage.lead(record),
        ("promises", words.promise_counts(record.promises)),
        ("canary", _sentence(record, "canary") or ("no canary was read" if of_database else "")),
        ("business rules", _sentence(record, "invariants") or ("no invariant was evaluated" if of_database else "")),
    )
    folded = [*([_checks(checks, expectation)] if checks else []), *coverage.folded(record)]
    verdicts = gaps.verdicts_beside_checks(record)
    if verdicts:
        rows = [(each.name, each.outcome, _with_requirement(each)) for each in verdicts]
        made = table("Verdicts beside those of the checks", "Verdict, Outcome:outcome, Reason", rows)
        folded.append(Folded(f"Further verdicts: {_counts(verdicts)}", (made,)))
    folded += [_promises(record)] if record.promises else []
    folded += [_rehearsal(each) for each in select.rehearsals(record)]
    result = words.check_counts(checks) if checks else "No check was made in this run"
    return Block(6, "integrity", "Integrity", result, (lead,), tuple(folded))


def _with_requirement(verdict: Verdict) -> str:
    return verdict.sentence + (f" ({verdict.requirement})" if verdict.requirement != "required" else "")


def _counts(verdicts: list[Verdict]) -> str:
    counts = [(kind, sum(each.outcome == kind for each in verdicts)) for kind in ("missed", "not verified", "met")]
    return ", ".join(f"{count} {kind}" for kind, count in counts if count)


def _checks(checks: tuple[CheckResult, ...], expectation: str) -> Folded:
    rows = [
        (
            check.name,
            check.outcome,
            check.sentence,
            f"{check.compared:,}",
            check.requirement + (", blocking" if check.blocking else ""),
            words.seconds_or(check.seconds or None, "–"),
        )
        for check in checks
    ]
    caption = f"Compared with {expectation}. A blocking check must pass before the copy counts as usable."
    columns = "Check, Outcome:outcome, Observed, Compared:number, Kind, Took:number"
    return Folded(f"Checks: {words.check_counts(checks)}", (table(caption, columns, rows),))


def _promises(record: RunRecord) -> Folded:
    rows: list[Row | tuple[str, ...]] = []
    for feature, promises in select.promises_by_feature(record.promises):
        rows.append(Row((feature or "Promises without a feature",), "head"))
        for each in promises:
            took = words.seconds_or(each.seconds or None, "–")
            rows.append((each.name, each.outcome, took, outcomes.reason_of(record, each)))
    caption = (
        "Failed: the promise does not hold. Broken: it could not be tried or not be verified. Skipped: a precondition is "
        "absent. The promises share one restore; its time stands with the first that needed it."
    )
    made = table(caption, "Promise, Outcome:outcome, Took:number, Reason", rows)
    return Folded(f"Promises: {words.promise_counts(record.promises)}", (made,))


def _rehearsal(rehearsal: Restoration) -> Folded:
    wanted = select.all_findings(rehearsal)
    parts: list[Part] = [
        Lines(
            (
                "Not the recovery that was measured: a copy of the backup was damaged on purpose, restored beside it and "
                "checked in the same way. Here the findings are wanted; they count nowhere else.",
            ),
            "quiet",
        ),
        Lines(rehearsal.damage or ("What was damaged was not recorded.",), heading="Taken away"),
    ]
    if wanted:
        views = tuple(finding_view(each, todo=False) for each in wanted)
        parts.append(
            Findings("Wanted: what the checks said about the copy that was damaged on purpose", views, wanted=True)
        )
    told = f"{words.counted(len(wanted), 'finding')}, as wanted" if wanted else "no check named the damage"
    return Folded(f"Rehearsal of a failure, {rehearsal.instance_id}: {told}", tuple(parts))


def _check(record: RunRecord, name: str) -> CheckResult | None:
    return next((each for each in words.recovery_checks(record) if each.name == name), None)


def _sentence(record: RunRecord, name: str) -> str:
    found = _check(record, name)
    return f"{found.outcome}: {found.sentence}" if found else ""


def security(record: RunRecord) -> Block:
    """Whether the copy was as guarded as the source while it was there."""
    found = words.recovery(record)
    point = found.point if found else None
    parity = next((each for each in record.verdicts if each.name == PARITY), None)
    unread = any(each.what.startswith(f"{PARITY}: ") for each in gaps.things_not_compared(record))
    beside = (
        f"{parity.outcome}{' in what was compared' if unread else ''}: {parity.sentence}" if parity else NOT_RECORDED
    )
    key = f", key {point.kms_key_id}" if point and point.kms_key_id else ""
    encrypted = (("yes" if point.encrypted else "no") + key) if point else NOT_RECORDED
    if not record.is_of_database:
        return _security_of_other(record, encrypted)
    lead = facts(
        ("encrypted at rest", encrypted),
        ("who can reach the copy", _sentence(record, "isolation") or NOT_RECORDED),
        ("who reached the copy", f"this drill, on {found.host}:{found.port}" if found and found.host else "nobody"),
        ("authentication and TLS", _sentence(record, "connection") or NOT_RECORDED),
        ("settings of the database", _sentence(record, "settings") or NOT_RECORDED),
        ("AWS configuration beside the source's", beside),
        ("what the copy could do by itself", _sentence(record, "harmless") or NOT_RECORDED),
        ("row values in this report", "none: they never leave the database"),
    )
    isolation = _check(record, "isolation")
    result = f"isolation {isolation.outcome}" if isolation else "isolation was not checked"
    said = (
        "nothing was restored"
        if not found
        else f"{result}; backup {'encrypted' if point and point.encrypted else 'not encrypted'}"
    )
    return Block(7, "security", "Security during the recovery", f"{said[:1].upper()}{said[1:]}", (lead,))


def _security_of_other(record: RunRecord, encrypted: str) -> Block:
    """What is known of a table or a volume, which has no network, no login and no code of its own."""
    kind = record.kind
    lead = facts(
        ("backup encrypted at rest", encrypted),
        ("who can reach the copy", f"who has the right to the {kind} in IAM: not looked at"),
        (f"settings of the {kind}", _sentence(record, "settings") or NOT_RECORDED),
        ("keys and values of items in this report", "none" if kind == "table" else ""),
    )
    told = f"Who can reach the {kind} was not looked at" if words.recovery(record) else "Nothing was restored"
    return Block(7, "security", "Security during the recovery", told, (lead,))


def findings(record: RunRecord) -> Block:
    """Every difference, the gravest first, with what to do, and where its correction is followed."""
    found = words.findings(record)
    views = tuple(finding_views(record, found))
    plan, retest = record.plan, record.trigger.startswith("retest of")
    actions = facts(
        ("retest of", record.trigger.removeprefix("retest of ") if retest else "none: this run repeats no other"),
        ("tickets", supplied(", ".join(plan.tickets))),
        ("corrective action, owner, due date", NOT_SUPPLIED),
    )
    if not found:
        told = (
            "The checks found no difference."
            if words.recovery_checks(record)
            else "Nothing was checked, so nothing could be found."
        )
        return Block(9, "findings", "Findings and actions", told.rstrip("."), (Lines((told,)), actions))
    caption = "Differences between what should be there and what was restored."
    caption += " No row values are shown." if record.is_of_database else ""
    lead = (Findings(caption, views[:LEAD_FINDINGS]), actions)
    more = views[LEAD_FINDINGS:]
    folded = (
        (Folded(words.counted(len(more), "more finding"), (Findings("The other differences", more),)),) if more else ()
    )
    counts = [(kind, sum(each.severity == kind for each in found)) for kind in ("error", "warning", "information")]
    told = ", ".join(
        f"{count} {kind}{'s' if count > 1 and kind != 'information' else ''}" for kind, count in counts if count
    )
    return Block(
        9,
        "findings",
        "Findings and actions",
        f"{told}; first: {found[0].object}",
        lead,
        folded,
        "bad" if counts[0][1] else "",
    )
