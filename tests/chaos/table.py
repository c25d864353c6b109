"""docs/reliability.md: a part for each kind of target, from how its cases ended; pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from textwrap import fill

from tests.chaos.cases import BEFORE, LASTING, PROCESSES, SIGNALS, UNANSWERED, Case, Plan
from tests.chaos.judge import Trial

HEAD = """# What a drill does when something fails

`tox -e chaos` strikes whole drills while they run: by a fault of the local AWS or a signal to a process of the run, as each phase
begins, and by sequences of up to four of them. The source stands in a local AWS that outlives the drills. Each kind of target
has a part below, written when its cases were tried (`tox -e chaos -- --kind table`).

After each drill these rules are held:

- The source is unchanged: its description, and all that it holds: a manifest of the rows of a database, every item of a table,
  every version of the objects of a bucket; of a volume and of a file system nobody reads what it holds.
- Nothing that the drill did not make is gone. What it made is gone too, or its record names it, and then its codes have 13.
- It ended within its limits, with a documented exit code (or the signal that it was sent), and no process of it is left.
- Its record fits the schema, says the same code, and has a reason where the code is not 0.
- Where it says no worse than a drill that nothing struck, each promise and each verdict is what it is there: a fault that was
  survived. An untouched drill of a volume or of a file system ends with 12, since its contents are not verified;
  none may end with 0.
- Its evidence is sealed, by whoever was left, and the chain verifies.

A cell says the exit codes of the run; `–`: the fault did not strike, because nothing was asked any more that it could strike;
`seal`: both processes that could seal were dead, and `drills evidence seal` did; `whole`: the fault was survived, where an
untouched drill ends with 12. `user` is the process that was started, `supervisor` the one that watches the steps, `step` the
one that runs.
"""
WRITTEN = (
    "Written by `tox -e chaos` ({day}; {machine}): {cases} drills of {title}, each struck while it ran: by one of {faults} faults "
    "of the local AWS or one of {signals} signals to a process of the run, as each phase began; or by {sequences} sequences of up "
    "to four of them, from a generator with the seed {seed}. **{broken} violations** of the rules."
)
UNTRIED = "**The pass was ended early: {untried} are not tried.** `tox -e chaos -- --kind {kind} --resume` goes on."
WIDTH = 125
SECTION = re.compile(r"^## Drills of (?P<title>.+)$\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Result:
    """How a case ended, in a word for its cell, and which rules it broke."""

    case: Case
    ended: str
    violations: tuple[str, ...]

    @staticmethod
    def of(trial: Trial, violations: tuple[str, ...], *, whole: bool = False) -> Result:
        """Return the result of a trial; `whole` where it was survived and an untouched drill does not end with 0."""
        record = trial.record or {}
        codes = "whole" if whole else ", ".join(str(code) for code in record.get("all_codes", ()))
        ended = "–" if not trial.struck else codes or ("seal" if record.get("code") is None else str(record["code"]))
        return Result(trial.case, ended, violations)


def page(parts: Mapping[str, str], others: str) -> str:
    """Return the page: its head, each part below its title, and what others have written after them."""
    return "\n".join([HEAD, *(f"## Drills of {title}\n\n{text.strip()}\n" for title, text in parts.items()), others])


def parts_of(text: str) -> dict[str, str]:
    """Return the parts of a page, without what others have written after them."""
    found = list(SECTION.finditer(text))
    ends = [text.find("\n## ", each.end()) for each in found]
    cut = [text[each.end() : end if end >= 0 else None] for each, end in zip(found, ends, strict=True)]
    return {each["title"]: part.strip() for each, part in zip(found, cut, strict=True)}


def part(plan: Plan, results: Sequence[Result], day: date, machine: str, seed: int) -> str:
    """Return the part of one kind."""
    single = {each.case.id: each for each in results if not each.case.id.startswith("random")}
    sequences = [each for each in results if each.case.id.startswith("random")]
    facts = {
        "day": f"{day.day} {day:%B %Y}",
        "machine": machine,
        "cases": len(results),
        "title": plan.title,
        "faults": len(plan.faults),
        "signals": len(SIGNALS),
        "sequences": len(sequences),
        "seed": seed,
        "broken": sum(len(each.violations) for each in results) or "no",
    }
    faults = [*plan.faults, *(f"{name} for good" for name in LASTING)]
    signals = [f"{name} to {process}" for process in PROCESSES for name in SIGNALS] + ["KILL to user and supervisor"]
    left = {"cells": plan.cells - len(single), "sequences": plan.sequences - len(sequences)}
    untried = " and ".join(f"{number} {what}" for what, number in left.items() if number > 0)
    return "\n".join(
        [
            _filled(WRITTEN.format(**facts)),
            *([_filled(UNTRIED.format(untried=untried, kind=plan.kind))] if untried else []),
            "Faults of AWS, by the phase in which they are armed:\n",
            *_table(faults, (BEFORE, *plan.phases), single),
            "\nSignals, by the phase in which they are sent:\n",
            *_table(signals, plan.phases, single),
            *(["\nRequests that are carried out and never answered:\n"] if plan.requests else []),
            *(_table(UNANSWERED, plan.requests, single) if plan.requests else []),
            "\nSequences:\n",
            *_sequences(sequences),
            *_broken(results),
        ]
    )


def _filled(text: str) -> str:
    return fill(text, WIDTH, break_on_hyphens=False, break_long_words=False) + "\n"


def _table(rows: Iterable[str], columns: Sequence[str], results: dict[str, Result]) -> Iterator[str]:
    yield "| | " + " | ".join(columns) + " |"
    yield "| --- |" + " --- |" * len(columns)
    for row in rows:
        found = [results.get(f"{row} @ {column}") for column in columns]
        yield f"| {row} | " + " | ".join(_cell(each) for each in found) + " |"


def _cell(result: Result | None) -> str:
    if result is None:
        return "not tried"
    return f"**{result.ended}: {len(result.violations)} broken**" if result.violations else result.ended


def _sequences(results: Sequence[Result]) -> Iterator[str]:
    if not results:
        yield "none was tried."
        return
    yield "| exit codes | runs |"
    yield "| --- | --- |"
    for ended, number in sorted(Counter(each.ended for each in results).items()):
        yield f"| {ended} | {number} |"


def _broken(results: Sequence[Result]) -> Iterator[str]:
    broken = [each for each in results if each.violations]
    if broken:
        yield "\nViolations:\n"
        for each in broken:
            yield f"- {each.case.id}: " + "; ".join(each.violations)
