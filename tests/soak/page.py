"""The part of docs/reliability.md that a soak writes; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from textwrap import fill

from tests.soak.growth import MIB, Growth, growths
from tests.soak.samples import Sample
from tests.support.paths import CHECKOUT

DOCUMENT = CHECKOUT / "docs" / "reliability.md"
TITLE = "## Drills again and again\n"
WIDTH = 125
HEAD = (
    "Written by `tox -e soak` ({day}; {machine}): standing local AWS with the sample, in which {counts}. {ended}",
    "After each of them the processes of the local AWS and of the drill, their memory and open files, and the folders were "
    "measured, and a line laid through all of the measurements after the first fifth. A rise that is more than the bound is a "
    "leak: **{grown}**.",
)
NAMES = {
    "row": "{drills} drills were made one after another by one process",
    "at-once": "{drills} drills were made by {at_once} processes at once, each process {rounds} one after another",
    "runs": "{drills} whole `drills run` were carried out one after another, with evidence and reports",
}
TITLES = {"row": "one after another", "at-once": "at once", "runs": "whole runs"}


@dataclass(frozen=True, slots=True)
class Soak:
    """The measurements of one world in which so many drills were made at once."""

    name: str
    at_once: int
    samples: Sequence[Sample]


def with_section(page: str, text: str) -> str:
    """Return the page with this section at its end, in the place of the one that it had."""
    return page.partition(f"\n{TITLE}")[0].rstrip("\n") + f"\n\n{text}"


def section_of(page: str) -> str:
    """Return the section of a page, "" where it has none."""
    _, found, text = page.partition(f"\n{TITLE}")
    return TITLE + text if found else ""


def section(soaks: Sequence[Soak], day: date, machine: str) -> str:
    """Return the section."""
    lines = [growths(each.samples) for each in soaks]
    grown = [
        f"{line.bound.name} ({TITLES[soak.name]})"
        for soak, found in zip(soaks, lines, strict=True)
        for line in found
        if line.too_much
    ]
    failed = [each for soak in soaks for each in soak.samples if each.code]
    facts = {
        "day": f"{day.day} {day:%B %Y}",
        "machine": machine,
        "counts": ", ".join(_count(each) for each in soaks),
        "ended": f"{len(failed)} of them did not pass." if failed else "Each of them passed, and left nothing behind.",
        "grown": "; ".join(grown) or "nothing grew",
    }
    head = [fill(each.format(**facts), WIDTH, break_on_hyphens=False) + "\n" for each in HEAD]
    return "\n".join([TITLE, *head, *_table(soaks, lines), "", *_times(soaks), ""])


def _count(soak: Soak) -> str:
    rounds = len(soak.samples)
    return NAMES[soak.name].format(drills=rounds * soak.at_once, at_once=soak.at_once, rounds=rounds)


def _table(soaks: Sequence[Soak], lines: Sequence[Sequence[Growth]]) -> Iterator[str]:
    titles = [f"{TITLES[each.name]}: mean | rise in 100" for each in soaks]
    yield "| | bound | " + " | ".join(titles) + " |"
    yield "| --- | ---: |" + " ---: | ---: |" * len(soaks)
    for row in zip(*lines, strict=True):
        bound = row[0].bound
        cells = [
            f"{_shown(each.mean, each)} | {'**' * each.too_much}{_shown(each.rise, each, '+')}{'**' * each.too_much}"
            for each in row
        ]
        yield f"| {bound.name} | {_shown(bound.rise, row[0])} | " + " | ".join(cells) + " |"


def _shown(value: float, growth: Growth, sign: str = "") -> str:
    number = format(round(value / growth.bound.unit, 1) + 0.0, f"{sign}.1f")
    return f"{number} {growth.bound.unit_name}".rstrip()


def _times(soaks: Sequence[Soak]) -> Iterator[str]:
    for each in soaks:
        seconds = [sample.seconds for sample in each.samples]
        first, last = each.samples[0], each.samples[-1]
        grew = f"{first.log / MIB:.0f} to {last.log / MIB:.0f} MiB"
        text = (
            f"- {TITLES[each.name].capitalize()}: {median(seconds):.1f} s each (median; longest {max(seconds):.1f} s). The "
            f"write-ahead log and its archive, which hold what a restore to an instant needs, went from {grew}."
        )
        yield fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
