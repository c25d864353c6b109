"""docs/reliability.md, from how the cases ended; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from tests.chaos.cases import BEFORE, FAULTS, LASTING, PHASES, PROCESSES, SEQUENCES, SIGNALS, Case
from tests.chaos.judge import Trial

HEAD = """# What a drill does when something fails

Written by `tox -e chaos` ({day}; {machine}): {cases} drills of the sample in a standing local
AWS. Each was struck while it ran: by one of {faults} faults of the local AWS or one of {signals} signals to a process of the run,
as each phase began; or by {sequences} sequences of up to four of them, from a generator with the seed {seed}.

After each of them these rules were held, with **{broken} violations**:

- The source is unchanged: its description, and a manifest of all of its rows taken before and after.
- Nothing that the drill did not make is gone. What it made is gone too, or its record names it, and then its codes have 13.
- It ended within its limits, with a documented exit code (or the signal that it was sent), and no process of it is left.
- Its record fits the schema, says the same code, and has a reason where the code is not 0.
- Where the code is 0, each promise and each verdict is what it is in a drill that nothing struck: a fault that was survived.
- Its evidence is sealed, by whoever was left, and the chain verifies.

A cell says the exit codes of the run; `–`: the fault did not strike, because nothing was asked any more that it could strike;
`seal`: both processes that could seal were dead, and `drills evidence seal` did.
"""

UNTRIED = """**The pass was ended early: {untried} are not tried.** `tox -e chaos -- --resume` goes on.
"""


@dataclass(frozen=True, slots=True)
class Result:
    """How a case ended, in a word for its cell, and which rules it broke."""

    case: Case
    ended: str
    violations: tuple[str, ...]

    @staticmethod
    def of(trial: Trial, violations: tuple[str, ...]) -> Result:
        """Return the result of a trial."""
        record = trial.record or {}
        codes = ", ".join(str(code) for code in record.get("all_codes", ()))
        ended = "–" if not trial.struck else codes or ("seal" if record.get("code") is None else str(record["code"]))
        return Result(trial.case, ended, violations)


def document(results: Sequence[Result], day: date, machine: str, seed: int) -> str:
    """Return the page."""
    single = {each.case.id: each for each in results if not each.case.id.startswith("random")}
    sequences = [each for each in results if each.case.id.startswith("random")]
    head = HEAD.format(
        day=f"{day.day} {day:%B %Y}",
        machine=machine,
        cases=len(results),
        faults=len(FAULTS),
        signals=len(SIGNALS),
        sequences=len(sequences),
        seed=seed,
        broken=sum(len(each.violations) for each in results) or "no",
    )
    faults = [*FAULTS, *(f"{name} for good" for name in LASTING)]
    signals = [f"{name} to {process}" for process in PROCESSES for name in SIGNALS] + ["KILL to user and supervisor"]
    cells = len(faults) * (1 + len(PHASES)) + len(signals) * len(PHASES) - len(single)
    left = {"cells": cells, "sequences": SEQUENCES - len(sequences)}
    untried = " and ".join(f"{number} {what}" for what, number in left.items() if number > 0)
    return "\n".join(
        [
            head,
            *([UNTRIED.format(untried=untried)] if untried else []),
            "## Faults of AWS, by the phase in which they are armed\n",
            *_table(faults, (BEFORE, *PHASES), single),
            "\n## Signals, by the phase in which they are sent\n",
            "`user` is the process that was started, `supervisor` the one that watches the steps, `step` the one that runs.\n",
            *_table(signals, PHASES, single),
            "\n## Sequences\n",
            *_sequences(sequences),
            *_broken(results),
            "",
        ]
    )


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
    yield "| exit codes | runs |"
    yield "| --- | --- |"
    for ended, number in sorted(Counter(each.ended for each in results).items()):
        yield f"| {ended} | {number} |"


def _broken(results: Sequence[Result]) -> Iterator[str]:
    broken = [each for each in results if each.violations]
    if broken:
        yield "\n## Violations\n"
        for each in broken:
            yield f"- {each.case.id}: " + "; ".join(each.violations)
