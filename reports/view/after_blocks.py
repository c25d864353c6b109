"""The blocks beyond the run: 10 trend, 11 controls, 12 clean-up. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from drills.history import wording
from drills.model.history import Trend
from drills.model.record import RunRecord
from reports import controls as control_rows
from reports import trend_chart, words
from reports.view import price, removal, select
from reports.view.parts import (
    Block,
    Drawing,
    Facts,
    Folded,
    Lines,
    Part,
    Row,
    Tone,
    drawing,
    facts,
    table,
)

RUNS_SHOWN = 12
SUPPORTS = (
    "A run supports a control: it is evidence for it, to the degree given. Whether an organization meets a control is for its "
    "auditor to say."
)


def trend(record: RunRecord) -> Block:
    """The runs of the same group before this one, with their objective, their size and the drills that were missed."""
    found = record.history
    if found is None:
        ended = record.ended_at is not None
        told = (
            "No history was kept of this run." if ended else "The run has not ended, so that it is compared with none."
        )
        return Block(10, "trend", "Over time", told.rstrip("."), (Lines((told,)),))
    lead: list[Part] = [Lines((f"{_upper(words.forecast(record.forecast))}.",))] if record.forecast else []
    if warned := wording.warnings(found):
        lead.append(Lines(tuple(_upper(each) for each in warned), "warning"))
    if not found.points:
        told = "No run to compare with is known yet."
        not_counted = wording.not_counted(found)
        lead.append(Lines(tuple(filter(None, (told, not_counted and f"{_upper(not_counted)}.")))))
    else:
        lead += _drawings(found) if len(found.points) > 1 else []  # a single point is no course of anything
        said = wording.pass_rate(found)  # the result of the block
        lead += [Lines(tuple(_upper(each) for each in wording.sentences(found) if each != said))]
        lead.append(Lines((_group(found),), "quiet"))
    if found.problems:
        lead.append(Lines(tuple(f"{_upper(each)}." for each in found.problems), "quiet"))
    folded = (_runs(record, found),) if found.points else ()
    result = _upper(wording.pass_rate(found) if found.points else wording.one_line(found))
    return Block(10, "trend", "Over time", result, tuple(lead), folded, "open" if warned else "")


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _drawings(found: Trend) -> list[Drawing]:
    marks = tuple(trend_chart.legend(found))
    key = (*marks, *((("gap", "drills missed"),) if found.gaps else ()), ("", "dotted: median, dashed: objective"))
    return [_drawing(found, name, key if name == trend_chart.ACTUALS[-1] else ()) for name in trend_chart.ACTUALS]


def _drawing(found: Trend, name: trend_chart.Actual, key: tuple[tuple[str, str], ...]) -> Drawing:
    told = f"{name} of {wording.runs(len(found.points))}: {wording.one_line(found)}"
    return drawing(told, lambda form: trend_chart.chart(found, name, form), key)


def _group(found: Trend) -> str:
    told = f"Compared are only runs of {wording.group(found.key)}."
    if found.elsewhere:
        belong = "belongs" if found.elsewhere == 1 else "belong"
        told += f" {wording.runs(found.elsewhere)} of the same target {belong} to other groups and stand nowhere here."
    return f"{told} As known at {words.show_instant(found.as_of)}."


def _runs(record: RunRecord, found: Trend) -> Folded:
    shown = found.points[-RUNS_SHOWN:]
    rows = [
        (
            point.run_id + (" (this run)" if point.run_id == record.run_id else ""),
            point.became,
            words.seconds_or(point.rta_seconds, "–"),
            words.seconds_or(point.rto_seconds, "–"),
            words.seconds_or(point.rpa_seconds, "–"),
            words.seconds_or(point.rpo_seconds, "–"),
            wording.show_bytes(point.size_bytes) if point.size_bytes is not None else "–",
        )
        for point in shown
    ]
    every = f"The newest {len(shown)} of {wording.runs(len(found.points))}; every one stands in drill.json"
    whole = every if len(shown) < len(found.points) else "Every run of the group"
    caption = f"{whole}. Objective missed and verification failed were judged and did not pass; "
    caption += "what could not run or was not verified was not judged."
    columns = "Run, Outcome:outcome, RTA:number, RTO:number, RPA:number, RPO:number, Size:number"
    return Folded(f"Runs: {wording.runs(len(found.points))}", (table(caption, columns, rows),))


def controls(record: RunRecord) -> Block:
    """Which controls the run supports, each with its degree and by what, and what no automated drill evidences."""
    rows, nothing = control_rows.of(record), control_rows.why_nothing(record)
    frameworks = dict.fromkeys(each.framework for each in rows)
    summary = []
    for name in frameworks:
        own = [each for each in rows if each.framework == name]
        held = [f"{each.control} ({each.degree})" for each in own if each.supported]
        summary.append((name, f"{len(held)} of {len(own)}" + (f": {', '.join(held)}" if held else "")))
    count = sum(each.supported for each in rows)
    result = (
        f"Supports no control: {nothing}"
        if nothing
        else f"Supports {count} of {len(rows)} controls, in full or in part"
    )
    caption = "What no automated drill evidences, and where the owner's plan says it is"
    fixed = table(caption, "What, In the plan", control_rows.not_evidenced(record))
    lead: list[Part] = [] if nothing else [Facts(tuple(summary))]
    lead += [Lines((SUPPORTS,), "quiet"), fixed]
    return Block(
        11,
        "controls",
        "Controls",
        result,
        tuple(lead),
        () if nothing else tuple(_controls(name, rows) for name in frameworks),
    )


def _controls(name: str, rows: Sequence[control_rows.ControlRow]) -> Folded:
    """The controls of a framework: a row for each that the run speaks of, and the others by the reason that they share."""
    own = [each for each in rows if each.framework == name]
    spoken = [each for each in own if each.supported or each.failed]
    cells = [
        (each.control, f"yes, {each.degree}" if each.supported else "no", each.asks, each.covers, each.sentence)
        for each in spoken
    ]
    columns = "Control, Supported, Asks (our paraphrase), Covers, By what"
    told = f"{name}: {sum(each.supported for each in own)} of {len(own)} supported"
    made: list[Part] = (
        [table("A supported control is one that this run is evidence for", columns, cells)] if cells else []
    )
    silent: dict[str, list[str]] = {}
    for each in own:
        if each not in spoken:
            silent.setdefault(each.sentence, []).append(each.control)
    if silent:
        lines = tuple(f"{', '.join(names)}: {sentence}" for sentence, names in silent.items())
        made.append(Lines(lines, heading="No evidence for"))
    return Folded(told, tuple(made))


def clean_up(record: RunRecord) -> Block:
    """What the run made in AWS, and when it was seen to be gone."""
    left, place = removal.still_there(record), select.common_place(record.resources)
    took, phase = removal.clean_up_lines(record)
    lead = facts(
        ("made", words.counted(len(record.resources), "resource") if record.resources else "The run made nothing."),
        ("gone", (removal.gone_counts(record) or "none of it") if record.resources else ""),
        ("still there", ", ".join(left) or "nothing"),
        ("kept on purpose", ", ".join(removal.kept(record))),
        ("where", place),
        ("removal took", took),
        ("phase of the clean-up", phase),
        ("calls of AWS", words.calls_line(record)),
        ("cost", price.cost_line(record)),
        ("cost, estimated at most", price.estimate_line(record)),
    )
    folded = (_resources(record, place),) if record.resources else ()
    told = tuple(_upper(line) for line in removal.kept_lines(record))
    parts: tuple[Part, ...] = (lead, Lines(told, "warning")) if told else (lead,)
    tone: Tone | Literal[""] = "bad" if left else "open" if told else ""
    return Block(12, "clean-up", "Clean-up", removal.clean_up_sentence(record), parts, folded, tone)


def _resources(record: RunRecord, place: str) -> Folded:
    groups = select.resources_by_purpose(record)
    rows: list[Row | tuple[str, ...]] = []
    for purpose, made in groups:
        rows += [Row((purpose,), "head")] if len(groups) > 1 else []
        for each in made:
            above = each.state == "kept" or removal.went_with_sandbox(each)  # above, and in the last column
            note = f" ({each.note})" if each.note and not above else ""
            cells = (
                each.kind,
                each.id + note,
                each.state,
                f"{each.made_at:%H:%M:%S}" if each.made_at else "–",
                removal.gone_cell(each),
            )
            rows.append(cells if place else (*cells, " ".join(filter(None, (each.account, each.region))) or "–"))
    told = removal.clean_up_sentence(record)
    caption = f"{told}; {place}" if place else told
    columns = "Kind, Name:name, State:outcome, Made, Gone" + ("" if place else ", Where")
    return Folded(f"Resources: {len(record.resources)}", (table(caption, columns, rows),))
