"""The matrix of a period as sections of sentences and tables, which the terminal, Markdown and HTML show alike. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from drills.durations import show_duration
from drills.history import wording
from drills.plural import counted
from reports import controls
from reports.audit.model import JUDGED, ControlInPeriod, Matrix, PeriodRun, Population

By = Literal["target", "control"]
SUPPORTS = (
    "A drill supports a control: it is evidence for what stands under “covers”, to the degree that is named. Whether the "
    "control is met is for the auditor to say."
)
FAILED_COUNT = (
    "Failed drills count: as evidence of testing, and not of recoverability. What did not run supports nothing."
)
NOT_VERIFIED_HERE = (
    "Digests are those of each bundle's SHA256SUMS. That bundles and chains are whole was looked at; signatures were not, "
    "which takes the key: drills evidence verify. A sample is drawn from the list of drills below."
)
RUNS_HEAD = ("Run", "Started", "Standing", "Verdict", "RTA", "RPA", "Entry", "Level", "SHA-256 of SHA256SUMS", "Review")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with sentences and at most one table below it, whose rows have as many cells as its head."""

    title: str
    sentences: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def title(matrix: Matrix) -> str:
    """Return the title of the matrix."""
    return f"Drills and the controls that they support, {matrix.period.text}"


def byline(matrix: Matrix) -> str:
    """Return period and time of making in a line."""
    begun = matrix.period.begin <= matrix.made_at < matrix.period.end
    cut = f", so far to {matrix.until:%Y-%m-%d %H:%M} UTC" if begun else ""
    return f"{matrix.period.words}{cut} · made at {matrix.made_at:%Y-%m-%d %H:%M:%S} UTC"


def headline(matrix: Matrix) -> str:
    """Return what an auditor asks first, in a sentence; simulated runs stand nowhere in it."""
    if matrix.made_at < matrix.period.begin:
        return f"The period has not begun: its first day is {matrix.period.begin:%Y-%m-%d}"
    real = [each for each in matrix.populations if not each.simulated]
    if not real:
        return "No drill on AWS, and none that was expected"
    expected = [each for each in real if each.expected is not None]
    told = [f"at least {counted(sum(each.expected or 0 for each in expected), 'drill')} expected"] if expected else []
    told.append(f"{sum(each.count(*JUDGED) for each in real)} ran to a verdict")
    told.append(f"{sum(each.count('failed') for each in real)} of them failed")
    told.append(f"{_sum(real, 'could not run')} could not run")
    told.append(f"{_sum(real, 'aborted')} aborted")
    if expected:
        told.append(f"{sum(missed(each) for each in expected)} missed")
    said = ", ".join(told)
    return said[:1].upper() + said[1:]


def _sum(populations: Sequence[Population], standing: Literal["could not run", "aborted"]) -> int:
    return sum(each.count(standing) for each in populations)


def missed(population: Population) -> int:
    """Return how many drills of a target were missed."""
    return sum(each.count for each in population.missed)


def sections(matrix: Matrix, by: By = "target") -> tuple[Section, ...]:
    """Return the sections, those without content left out."""
    real = [each for each in matrix.populations if not each.simulated]
    simulated = [each for each in matrix.populations if each.simulated]
    found = [
        Section("How to read this", (SUPPORTS, FAILED_COUNT, NOT_VERIFIED_HERE)),
        _population("Population", real),
        _runs("Drills", real),
        *(_by_control(matrix) if by == "control" else (_by_framework(matrix),)),
        Section("What does not add up", matrix.problems),
        _population("Simulated", simulated, wording.SIMULATED),
        _runs("Simulated runs", simulated, wording.SIMULATED),
        _not_evidenced(),
        _unsupported(),
    ]
    return tuple(each for each in found if each.sentences or each.rows)


def _population(name: str, populations: Sequence[Population], stamp: str = "") -> Section:
    head = (
        "Target", "Profile", "One due every", "Expected", "Ran to a verdict", "Failed", "Could not run", "Aborted",
        "No drill", "Missed",
    )  # fmt: skip
    rows = [
        (
            each.target or "(not known)",
            each.profile or "–",
            show_duration(each.every_seconds) if each.every_seconds else "not declared",
            "–" if each.expected is None else f"at least {each.expected}",
            str(each.count(*JUDGED)),
            str(each.count("failed")),
            str(each.count("could not run")),
            str(each.count("aborted")),
            str(each.count("no drill")),
            str(missed(each)) if each.every_seconds else "–",
        )
        for each in populations
    ]
    said = [stamp] if stamp and rows else []
    return Section(name, (*said, *(line for each in populations for line in _missed(each))), head, tuple(rows))


def _missed(population: Population) -> list[str]:
    def days(first: str, last: str) -> str:
        return f"on {first}" if first == last else f"from {first} to {last}"

    return [
        f"{population.target}: {each.count} drill{'' if each.count == 1 else 's'} missed: due "
        f"{days(wording.day(each.first), wording.day(each.last))}, and none came"
        for each in population.missed
    ]


def _runs(name: str, populations: Sequence[Population], stamp: str = "") -> Section:
    rows = tuple(_run(run) for each in populations for run in each.runs)
    return Section(name, (stamp,) if stamp and rows else (), RUNS_HEAD, rows)


def _run(run: PeriodRun) -> tuple[str, ...]:
    return (
        f"{run.run_id} of {run.target}" if run.target else run.run_id,
        f"{run.started_at:%Y-%m-%d %H:%M} UTC",
        run.standing,
        run.said,
        _seconds(run.rta_seconds),
        _seconds(run.rpa_seconds),
        "–" if run.sequence is None else f"{run.chain}/{run.sequence:04d}",
        run.level or "–",
        run.digest or run.place,
        run.review or "none",
    )


def _seconds(value: float | None) -> str:
    return "–" if value is None else show_duration(value)


def _by_framework(matrix: Matrix) -> Section:
    head = ("Framework", "Controls", "Supported by a drill", "Of them by a failed test alone", "Keep for")
    rows: list[tuple[str, ...]] = []
    for name, group in groupby(matrix.controls, key=lambda each: each.row.framework):
        ours = list(group)
        held = [each for each in ours if each.supported_by]
        failed = sum(len(each.failed) == len(each.supported_by) for each in held)
        rows.append((name, str(len(ours)), str(len(held)), str(failed), ours[0].row.retention))
    said = (
        ("--by control shows each control with the drills that support it.",)
        if rows
        else ("No run of the period has a bundle, so that no control is supported.",)
    )
    return Section("Controls", said, head, tuple(rows))


def _by_control(matrix: Matrix) -> list[Section]:
    head = ("Control", "Asks", "Degree", "Covers", "Supported by", "By what, or why not", "Source")
    found = [
        Section(
            name, (f"Keep the evidence for: {ours[0].row.retention}.",), head, tuple(_control(each) for each in ours)
        )
        for name, group in groupby(matrix.controls, key=lambda each: each.row.framework)
        if (ours := list(group))
    ]
    return found or [_by_framework(matrix)]


def _control(found: ControlInPeriod) -> tuple[str, ...]:
    row = found.row
    names = [f"{each.run_id}{' (a test that failed)' if each in found.failed else ''}" for each in found.supported_by]
    against = f"; {len(found.against)} speak against it: {', '.join(each.run_id for each in found.against)}"
    return (
        row.control,
        row.asks,
        row.degree,
        row.covers,
        (", ".join(names) or "no drill of the period") + (against if found.against else ""),
        _sentence(found),
        f"{row.source} ({row.checked})",
    )


def _sentence(found: ControlInPeriod) -> str:
    if not found.supported_by:
        return found.why_not
    newest = found.supported_by[-1]
    said = next(
        each.sentence
        for each in newest.rows
        if (each.framework_id, each.control) == (found.row.framework_id, found.row.control)
    )
    return f"{newest.run_id}: {said}"


def _not_evidenced() -> Section:
    said = tuple(each.what for each in controls.NOT_EVIDENCED)
    return Section("What no automated drill evidences", said)


def _unsupported() -> Section:
    names = {each.id: each.name for each in controls.mapping().frameworks}
    rows = tuple((names[each.framework], each.id, each.why) for each in controls.mapping().unsupported)
    return Section(
        "Controls that look as if a drill supported them", (), ("Framework", "Control", "Why it does not"), rows
    )
