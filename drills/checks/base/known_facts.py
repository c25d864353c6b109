"""Facts that are odd by themselves, and what they mean beside a manifest that has the same fact, another, or is not there.

A database may have a disabled trigger or a constraint that was never validated on purpose. What the source had as well
is information; what only the copy has is an error; where nobody can tell, it is a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drills.checks.base.outcome import Judged
from drills.model.finding import Finding, Severity

Facts = dict[str, str]
"""What is odd about a thing, by its name."""


@dataclass(frozen=True, slots=True)
class Fact:
    """An odd fact: the thing, its state, what one would expect, and a query that shows it.

    `new` is its severity where a manifest does not have it, `alone` where there is no manifest.
    """

    thing: str
    state: str
    usual: str
    query: str
    new: Severity = "error"
    alone: Severity = "warning"


def stored(facts: Iterable[Fact]) -> Facts:
    """Facts as a manifest keeps them."""
    kept: dict[str, list[str]] = {}
    for fact in facts:
        kept.setdefault(fact.thing, []).append(fact.state)
    return {thing: "; ".join(states) for thing, states in sorted(kept.items())}


def judge(check: str, expected: Mapping[str, str] | None, found: Iterable[Fact], looked_at: int) -> Judged:
    """One finding a fact, its severity by what the manifest has. Pure."""
    return Judged(looked_at, tuple(_finding(check, expected, fact) for fact in found))


def _finding(check: str, expected: Mapping[str, str] | None, fact: Fact) -> Finding:
    message = f"{fact.thing} is {fact.state}, expected {fact.usual}"
    if expected is None:
        severity = fact.alone
        message += ": no manifest says whether the source has it so"
    elif fact.state in expected.get(fact.thing, "").split("; "):
        severity = "information"
        message = f"{fact.thing} is {fact.state}, and was so on the source"
    else:
        severity = fact.new
        message += ", as it was on the source"
    return Finding(check, severity, fact.thing, fact.usual, fact.state, message, " ".join(fact.query.split()))
