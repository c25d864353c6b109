"""Anomalies: states that are unusual by themselves, judged by whether a manifest has the same one.

A database may have a disabled trigger or a constraint that was never validated on purpose. An anomaly that the source
had as well is information; one that only the copy has is an error; without a manifest it is a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drills.checks.base.outcome import CheckOutcome
from drills.model.finding import Finding, Severity

KnownAnomalies = dict[str, str]
"""The state of each anomalous object, by the object's name, as a manifest stores it."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An object in an unusual state: its name, that state, the usual one, and a query that shows it.

    `new` is the severity where a manifest does not have it, `alone` where there is no manifest.
    """

    object: str
    state: str
    usual: str
    query: str
    new: Severity = "error"
    alone: Severity = "warning"


def to_known(anomalies: Iterable[Anomaly]) -> KnownAnomalies:
    """Return anomalies as a manifest stores them."""
    states: dict[str, list[str]] = {}
    for anomaly in anomalies:
        states.setdefault(anomaly.object, []).append(anomaly.state)
    return {name: "; ".join(each) for name, each in sorted(states.items())}


def judge(check: str, expected: Mapping[str, str] | None, found: Iterable[Anomaly], inspected: int) -> CheckOutcome:
    """Make one finding of each anomaly, its severity by what the manifest has. Pure."""
    return CheckOutcome(inspected, tuple(_finding(check, expected, anomaly) for anomaly in found))


def _finding(check: str, expected: Mapping[str, str] | None, anomaly: Anomaly) -> Finding:
    name, state = anomaly.object, anomaly.state
    message = f"{name} is {state}, expected {anomaly.usual}"
    if expected is None:
        severity = anomaly.alone
        message += ": no manifest says whether the source has it so"
    elif state in expected.get(name, "").split("; "):
        severity = "information"
        message = f"{name} is {state}, and was so on the source"
    else:
        severity = anomaly.new
        message += ", as it was on the source"
    return Finding(check, severity, name, anomaly.usual, state, message, " ".join(anomaly.query.split()))
