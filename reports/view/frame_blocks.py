"""The blocks about the drill itself: 1 identity, 2 scope, 8 exceptions, 13 sign-off, 14 verification. Pure."""

from __future__ import annotations

from datetime import timedelta

from drills.model.record import Restoration, RunRecord, value_of
from reports import outcomes, words
from reports.view import gaps, select
from reports.view.answers import wording_of_target
from reports.view.first_page import LEVELS, exceptions, sealing, untested, untested_count
from reports.view.parts import NOT_RECORDED, NOT_SUPPLIED, Block, Folded, Lines, Part, Row, facts, supplied, table
from reports.view.whom import aws_caller, by_whom

THREATS = {
    "instance loss": "the {kind} and its storage are lost",
    "table loss": "the table and its items are lost",
    "volume loss": "the volume and what it holds are lost",
    "file system loss": "the file system and its files are lost",
    "bucket loss": "the bucket and its objects are lost",
    "logical corruption": "data was deleted or damaged by a program or a person",
    "account or region loss": "the account or the region cannot be reached",
}


def identity(record: RunRecord) -> Block:
    """Which drill this is, of what kind, with which version and configuration."""
    kept = record.evidence
    scenario = value_of(record.settings, "--scenario") or (
        "instance loss" if record.is_of_database else f"{record.kind} loss"
    )
    version = " ".join(filter(None, (record.tool_version, record.commit and f"(commit {record.commit})")))
    lead = facts(
        ("run", record.run_id),
        ("sequence", f"no. {kept.sequence} of chain {kept.chain}" if kept else NOT_SUPPLIED),
        ("trigger", supplied(record.trigger)),
        ("by whom", by_whom(record)),
        ("test type", _test_type(record)),
        ("scenario", scenario),
        ("threat", THREATS.get(scenario, NOT_RECORDED).format(kind=record.kind)),
        ("environment", f"profile {record.profile}" + (", simulated" if record.simulated else ", AWS")),
        ("version", version),
        ("start record", f"sha256 {kept.start}" if kept and kept.start else NOT_SUPPLIED),
        ("evidence level", LEVELS[kept.level] if kept else "none"),
        ("started", words.show_instant(record.started_at)),
        ("ended", words.show_instant(record.ended_at, "not ended")),
        ("took", words.seconds_or(record.wall_seconds, "")),
    )
    folded = [
        Folded(
            f"{name}: {len(rows)}",
            (table(caption, "Name, Value:value, Origin", [(s.name, s.value, s.origin) for s in rows]),),
        )
        for name, caption, rows in (
            ("Settings", "Settings, and where each came from", record.settings),
            ("Environment", "What the run ran on", record.environment),
        )
        if rows
    ]
    return Block(1, "identity", "Identity", f"Run {record.run_id}, {supplied(record.trigger)}", (lead,), tuple(folded))


def _test_type(record: RunRecord) -> str:
    """The kind of test in the words of NIST SP 800-84: a test of a component, or one that its service takes part in."""
    component = "database" if record.is_of_database else record.kind
    moved = any(each.name == "cut-over" and each.outcome == "met" for each in record.verdicts)
    kind = "functional test: database and service" if moved else f"functional test of one component: the {component}"
    return f"{kind}; in part" if record.partial else kind


def scope(record: RunRecord) -> Block:
    """What was drilled, by whose objectives, and what was expected and not tested."""
    target, plan, found = record.target, record.plan, words.recovery(record)
    missing, count = untested(record), untested_count(record)
    not_known = NOT_RECORDED if record.is_of_database else ""
    lead = facts(
        ("target", target.name if target else "not known yet"),
        (f"source {record.kind}", target.instance_id if target else ""),
        ("resource id", target.dbi_resource_id if target else ""),
        ("databases", ", ".join(target.databases) if target else ""),
        ("data", target.data if target else ""),
        ("size", words.show_bytes(target.size_bytes) if target and target.size_bytes is not None else not_known),
        ("engine", f"PostgreSQL {target.engine_version}" if target and target.engine_version else not_known),
        ("drilled in AWS by", aws_caller(record)),
        ("source account", supplied(target.account) if target else ""),
        ("source region", supplied(target.region) if target else ""),
        ("restored in", select.common_place(record.resources) or "see what was made, block 12"),
        ("restored as", _class(found) if found else "nothing was restored"),
        ("objectives", _objectives(record)),
        ("RTO clock", words.CLOCKS[record.objectives.rto_clock]),
        ("contingency plan", supplied(plan.version)),
        ("business impact analysis", supplied(plan.business_impact)),
        ("owner of the objectives", supplied(plan.objectives_owner)),
        ("objectives approved", supplied(plan.objectives_approved)),
    )
    left = (
        Lines(tuple(missing), heading="Expected and not tested")
        if missing
        else Lines(("All that was expected of the run was tested.",))
    )
    result = f"{wording_of_target(record)}; {f'not tested: {count}' if missing else 'all of it tested'}"
    return Block(2, "scope", "Scope", result, (lead, left), tone="open" if missing else "")


def _class(found: Restoration) -> str:
    source = found.source_class
    return found.instance_class + (f" (the source has {source})" if source not in ("", found.instance_class) else "")


def _objectives(record: RunRecord) -> str:
    promised = record.objectives
    rto, rpo = words.seconds_or(promised.rto_seconds, "not set"), words.seconds_or(promised.rpo_seconds, "not set")
    return f"RTO {rto}, RPO {rpo}"


def exceptional(record: RunRecord) -> Block:
    """What did not go as it should, and what was not checked, each with its reason."""
    said, unverified = exceptions(record), gaps.gaps(record)
    count = sum(map(len, unverified.values()))
    skipped = [each for each in record.promises if each.outcome != "passed"]
    lead: tuple[Part, ...] = (
        Lines(tuple(said) or ("No warning, no note, no failure of the run.",)),
        facts(("manual steps", NOT_SUPPLIED), ("deviations from the runbook", NOT_SUPPLIED)),
    )
    folded = []
    if unverified:
        rows: list[Row | tuple[str, ...]] = []
        for kind, left in unverified.items():
            rows += [Row((gaps.counted(len(left), kind),), "head"), *((each.what, each.reason) for each in left)]
        caption = "Left unverified in this run; none of it counts as passed"
        folded.append(Folded(f"Not checked: {count}", (table(caption, "What:name, Why", rows),)))
    else:
        lead = (Lines((words.NOTHING_LEFT_OUT,)), *lead)
    if skipped:
        promised = [(each.name, each.outcome, outcomes.reason_of(record, each)) for each in skipped]
        caption = "Promises that did not pass, with the reason"
        counts = words.promise_counts(skipped)
        folded.append(Folded(f"Promises: {counts}", (table(caption, "Promise, Outcome:outcome, Reason", promised),)))
    result = f"{len(said) or 'no'} exception{'' if len(said) == 1 else 's'}, not checked: {count}"
    return Block(8, "exceptions", "Exceptions", result, lead, tuple(folded))


def sign_off(record: RunRecord) -> Block:
    """Who prepared the report, who is to review and approve it, and when the next drill is due."""
    kept, every = record.history, record.history.drill_every_seconds if record.history else None
    due = words.show_instant(record.started_at + timedelta(seconds=every)) if kept and every else NOT_SUPPLIED
    rows = [row for row in sealing(record) if row[0] in ("prepared by", "reviewed by", "approved by")]
    lead = facts(
        *rows,
        ("tabletop exercise", supplied(record.plan.tabletop)),
        ("next drill due", due),
        ("kept until", NOT_SUPPLIED),
    )
    signed = "not reviewed and not approved in this record"
    return Block(13, "sign-off", "Sign-off", f"Prepared by the suite; {signed}", (lead,))


def verification(record: RunRecord) -> Block:
    """How to check that the report and its record are the ones that were made."""
    kept = record.evidence
    if kept is None:
        lead = Lines(("No evidence is kept of this run: its record is not sealed, and anybody could have changed it.",))
        return Block(14, "verification", "Verification", "Not sealed", (lead,))
    rows = facts(
        ("chain", kept.chain),
        ("sequence", str(kept.sequence)),
        ("level", LEVELS[kept.level]),
        ("previous entry", f"sha256 {kept.previous}" if kept.previous else "none: the first of its chain"),
        ("start record", f"sha256 {kept.start}" if kept.start else NOT_SUPPLIED),
        ("public key", f"sha256 {kept.key}" if kept.key else "none: not signed"),
        ("stored in", kept.store or "the folder alone"),
    )
    commands = Lines(
        (
            *(
                (
                    "Take the public key from its owner, never from the bundle.",
                    "In the folder of the bundle: openssl dgst -sha256 -verify PUBLIC.pem -signature SHA256SUMS.sig SHA256SUMS",
                )
                if kept.key
                else ("There is no signature: who could write the files could write their digests.",)
            ),
            "In the same folder: sha256sum -c SHA256SUMS",
            "VERIFY.md has the other commands, and says what each proves.",
        ),
        heading="How to check",
    )
    return Block(
        14,
        "verification",
        "Verification",
        f"{LEVELS[kept.level]}, no. {kept.sequence} of {kept.chain}",
        (rows, commands),
    )
