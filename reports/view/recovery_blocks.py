"""The blocks about the recovery: 3 recovery point, 4 timeline, 5 results. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from drills.model.instance import SourceKind
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration, RunRecord, value_of
from reports import charts, lineage, recovery_words, words
from reports.view.parts import NOT_RECORDED, NOT_SUPPLIED, Block, Folded, Lines, Part, Row, drawing, facts, table

COPIES: Mapping[SourceKind, str] = MappingProxyType(
    {
        "instance": "instance (DBInstanceStatus)",
        "cluster": "cluster and its writer",
        "table": "table (TableStatus)",
        "volume": "volume (State)",
        "file system": "file system (LifeCycleState)",
        "bucket": "bucket (Status of its restore job)",
    }
)


def recovery_point(record: RunRecord) -> Block:
    """Which point was taken, how it was chosen, and which ones were not."""
    found = words.recovery(record)
    point = found.point if found else None
    lead: list[Part] = [_disaster(record)]
    result = "No recovery point was taken."
    if found and point:
        lead.append(facts(*_point_rows(record, found, point)))
        result = f"{point.kind} point, its data reach to {words.show_instant(point.data_time)}"
    folded = []
    if record.refused_points:
        rows = [(each.arn, each.reason) for each in record.refused_points]
        made = table("Recovery points that were looked at and not taken", "Recovery point:name, Why not", rows)
        folded.append(Folded(f"Not taken: {len(rows)}", (made,)))
    return Block(3, "point", "Recovery point", result, tuple(lead), tuple(folded))


def _disaster(record: RunRecord) -> Part:
    lost = record.disaster
    if lost is None:
        return Lines(("No disaster was declared in this run.",))
    seed = f" (seed {lost.seed})" if lost.seed is not None else ""
    return facts(
        ("disaster", f"{words.show_instant(lost.at)}, {words.DISASTER_MODES[lost.mode]}{seed}"),
        ("declared", words.show_instant(lost.declared_at, "")),
    )


def _point_rows(record: RunRecord, found: Restoration, point: RecoveryPoint) -> list[tuple[str, str]]:
    age = (record.disaster.at - point.data_time).total_seconds() if record.disaster and point.data_time else None
    owned = ", made by the drill itself" if point.made_by_drill else ""
    return [
        ("recovery point", point.arn),
        ("type", f"{'continuous' if point.kind == 'continuous' else 'snapshot'}: {point.kind}{owned}"),
        ("snapshot", point.snapshot_id),
        ("status", point.status),
        (record.kind, point.instance_id + (f" ({point.dbi_resource_id})" if point.dbi_resource_id else "")),
        ("data reach to", f"{words.show_instant(point.data_time)}, from {point.data_time_source or 'no field of AWS'}"),
        ("age at the disaster", words.seconds_or(age if age is None or age >= 0 else None, NOT_RECORDED)),
        ("created", words.show_instant(point.created_at)),
        ("completed", words.show_instant(point.completed_at)),
        ("expires", words.show_instant(point.expires_at, "never, or not known")),
        ("chosen by", _chosen_by(record)),
        *lineage.rows(point, found, record.kind),
        ("storage", f"{point.allocated_gib} GiB" if point.allocated_gib is not None else ""),
    ]


def _chosen_by(record: RunRecord) -> str:
    if record.incident:
        return f"what the incident asked for ({record.incident.asked}): {record.incident.reaches}"
    return f"{value_of(record.settings, 'target.sample') or 'newest'} of the usable points"


def timeline(record: RunRecord) -> Block:
    """Every phase, to scale and in numbers, with the source of each instant."""
    stretches = charts.place(record)
    if not stretches:
        return Block(4, "timeline", "Timeline", "No phase was recorded.", (Lines(("No phase was recorded.",)),))
    whole = words.seconds_or(charts.total_seconds(record))
    slowest = words.slowest_phase(record)
    said = f"Slowest phase of the recovery: {slowest}" if slowest else "The recovery did not come to its end"
    if record.restore_test:
        said = "AWS Backup made the restore, so that no phase of this run counts against the RTO"
    told = f"{len(stretches)} phases over {whole}. {said}."
    key = (("rta", "counts against the RTO, drawn higher"), ("other", "outside of the recovery"))
    drawn = drawing(told, lambda form: charts.timeline(record, form), key)
    offset = recovery_words.offset_line(
        record.clock_offset, one_clock=value_of(record.settings, "profile.kind") == "sandbox"
    )
    lead: list[Part] = [drawn, *([Lines((f"{offset}.",))] if offset else [])]
    return Block(
        4, "timeline", "Timeline", f"{len(stretches)} phases in {whole}. {said}", tuple(lead), tuple(_tables(record))
    )


def _tables(record: RunRecord) -> list[Folded]:
    stretches = charts.place(record)
    rows = [
        Row(
            (
                str(each.number),
                each.phase.name + (f" ({each.phase.note})" if each.phase.note else ""),
                "RTA" if each.phase.clock == "rta" else "–",
                f"{each.phase.started_at:%H:%M:%S}",
                f"{each.phase.ended_at:%H:%M:%S}" if each.phase.ended_at else "–",
                words.seconds_or(each.phase.start_seconds, "–"),
                words.seconds_or(each.phase.seconds, "not ended"),
            ),
            "counted" if each.phase.clock == "rta" else "",
        )
        for each in stretches
    ]
    whole = words.seconds_or(charts.total_seconds(record))
    rows.append(Row(("", "whole run", "", "", "", "", whole), "foot"))
    caption = "Phases, in order. Instants and durations by this machine's clocks, durations by the monotonic one."
    columns = "No.:number, Phase:name, Clock, Began, Ended, After:number, Took:number"
    made = [Folded(f"Phases: {len(stretches)} in {whole}", (table(caption, columns, rows),))]
    if record.moments:
        moments = recovery_words.moment_rows(record)
        columns = "Moment:name, At (UTC), After the declaration:number, Source"
        made.append(Folded(f"Moments: {len(moments)}", (table("The recovery, moment by moment", columns, moments),)))
    found = words.recovery(record)
    if found and found.statuses:
        statuses = [
            (status, since, until, lasted, pending)
            for since, until, status, pending, lasted in recovery_words.status_rows(record, found)
        ]
        caption = f"Statuses of the scratch {COPIES[record.kind]}, from when this machine's clock first saw each"
        columns = "Status:name, From (UTC), Until (UTC), Lasted:number, Still pending"
        made.append(Folded(f"Statuses of the copy: {len(statuses)}", (table(caption, columns, statuses),)))
    return made


def results(record: RunRecord) -> Block:
    """RTA against RTO and RPA against RPO, the schedule's worst case, and how fast the restore was."""
    views, of_database = words.objective_views(record), record.is_of_database
    rows = [
        (
            f"{view.actual_name} against {view.objective_name}",
            view.measured,
            view.promised,
            view.judgement,
            view.margin,
        )
        for view in views
    ]
    caption = (
        "RTO and RPO are what was promised, RTA and RPA what was measured, the worst case what the schedule can lose"
    )
    columns = "Objective, Measured:number, Promised:number, Verdict:outcome, Margin"
    lead: list[Part] = [table(caption, columns, rows), Lines(tuple(recovery_words.beside_rta(record)))]
    lead.append(
        facts(
            ("restore throughput", _throughput(record) if of_database else ""),
            ("copy read once", (recovery_words.hydration_line(record) or "not asked for") if of_database else ""),
            ("work recovery time (WRT)", NOT_SUPPLIED),
            ("tolerable outage (MTD)", NOT_SUPPLIED),
        )
    )
    said = [f"{v.actual_name} {v.measured}: {v.judgement}" for v in views[:2]]
    return Block(5, "results", "Results", "; ".join(said), tuple(lead), tuple(_details(record)))


def _throughput(record: RunRecord) -> str:
    """How much data the restore brought back a minute: the databases' size over the phase of that name."""
    size = record.target.size_bytes if record.target else None
    took = sum(phase.seconds or 0.0 for phase in record.phases if phase.name == "restore" and phase.clock == "rta")
    if not size or not took:
        return NOT_RECORDED
    return f"{words.show_bytes(int(size / took * 60))} a minute ({words.show_bytes(size)} in {words.seconds_or(took)})"


def _details(record: RunRecord) -> list[Folded]:
    made = []
    if record.losses:
        rows = [(way, number, how, meaning) for way, number, how, meaning in recovery_words.loss_rows(record)]
        caption = "Data loss, known in three ways. Only what the restored data prove counts against the RPO."
        columns = "Way, Data loss:number, How it came about, What it is"
        made.append(Folded(f"Data loss: known in {len(rows)} ways", (table(caption, columns, rows),)))
    queries = recovery_words.query_rows(record)
    if queries:
        caption = "The owner's own queries on the copy. Cold: before anything had read the data."
        columns = "Query, Cold:number, Warm:number, Target:number, Ended"
        made.append(Folded(f"Queries of the owner: {len(queries)}", (table(caption, columns, queries),)))
    if record.worst_case:
        lines = (record.worst_case.sentence, *record.worst_case.rules, *record.worst_case.notes)
        made.append(Folded("Backup schedule", (Lines(lines),)))
    return made
