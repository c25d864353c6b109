"""What must be true after a drill that was struck; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema

from tests.chaos.cases import Case

DOCUMENTED = (0, 2, 10, 11, 12, 13, 14)
KILLED = {"KILL": -9, "QUIT": -3, "TERM": -15, "INT": -2}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is in the AWS: the names of its things, the source's description, and all that it holds, as far as it is read."""

    resources: frozenset[str]
    source: str
    content: str


@dataclass(frozen=True, slots=True)
class Trial:
    """How a drill ended that was struck. `struck` counts the faults and signals that took effect; times in seconds."""

    case: Case
    status: int
    out: str
    record: Mapping[str, Any] | None
    struck: int
    in_time: bool
    seconds: float
    before: Facts
    after: Facts
    processes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def left(self) -> frozenset[str]:
        """What the drill made and is still there."""
        return self.after.resources - self.before.resources


def violations(trial: Trial, schema: Mapping[str, Any], calm: Mapping[str, Any]) -> tuple[str, ...]:
    """Each rule that the trial breaks; `calm` is the record of a drill that nothing struck."""
    return tuple(_violations(trial, schema, calm))


def _violations(trial: Trial, schema: Mapping[str, Any], calm: Mapping[str, Any]) -> Iterator[str]:
    if trial.before.source != trial.after.source:
        yield f"the source has another description: {trial.before.source} → {trial.after.source}"
    if trial.before.content != trial.after.content:
        yield "the source holds something else"
    if missing := trial.before.resources - trial.after.resources:
        yield f"the drill removed what it did not make: {', '.join(sorted(missing))}"
    if not trial.in_time:
        yield f"it did not end within its limits ({trial.seconds:.0f} s)"
    if trial.processes:
        yield f"processes are left: {', '.join(trial.processes)}"
    yield from (f"evidence: {problem}" for problem in trial.problems)
    if trial.record is None:
        yield "it has no record"
        return
    # the schema itself is judged by its own test: to do that for each trial takes a quarter of a second
    misfit = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(trial.record))
    if misfit is not None:
        yield f"its record does not fit the schema: {misfit.message}"
    yield from _of_its_end(trial, trial.record)
    yield from _of_what_is_left(trial, trial.record)
    if trial.record["code"] == 0 and calm["code"] != 0:
        yield f"it passes, and a drill that nothing strikes ends with {calm['code']}"
    if survived(trial.record, calm):
        yield from _of_a_pass(trial.record, calm)


def survived(record: Mapping[str, Any], calm: Mapping[str, Any]) -> bool:
    """Return whether a drill says no worse than one that nothing struck, which for a volume is that it is not verified."""
    known = [_named(each) for each in _reasons(calm)]
    no_worse = record["code"] == 0 or all(_named(each) in known for each in _reasons(record))
    return bool(record["code"] == calm["code"]) and no_worse


def _named(reason: Any) -> str:
    """Return a reason as text: a failure by its sentence."""
    return str(reason["sentence"]) if isinstance(reason, Mapping) else str(reason)


def _of_its_end(trial: Trial, record: Mapping[str, Any]) -> Iterator[str]:
    killed = {KILLED[blow.signal] for blow in trial.case.blows if blow.process == "user" and blow.signal}
    if trial.status not in DOCUMENTED and trial.status not in killed:
        yield f"it ended with {trial.status}, which is not documented"
    dead = {blow.process for blow in trial.case.blows if blow.signal == "KILL"} >= {"user", "supervisor"}
    if record["ended_at"] is None and not dead:
        yield "its record has no end"
    if record["code"] is not None and trial.status >= 0 and trial.status != record["code"]:
        yield f"it ended with {trial.status}, and its record says {record['code']}"
    if record["code"] != 0 and not _reasons(record) and not dead:
        yield "its record has no reason"


def _reasons(record: Mapping[str, Any]) -> list[str]:
    missed = [each["name"] for each in record["verdicts"] if each["outcome"] != "met"]
    failed = [each["name"] for each in record["promises"] if each["outcome"] not in ("passed", "skipped")]
    left = [each["id"] for each in record["resources"] if each["state"] != "gone"]
    return [*record["failures"], *missed, *failed, *left, *filter(None, [record["interrupted_by"]])]


def _of_what_is_left(trial: Trial, record: Mapping[str, Any]) -> Iterator[str]:
    named = {f"{each['kind']} {each['id']}" for each in record["resources"] if each["state"] != "gone"}
    notes = " ".join(record["notes"])
    unnamed = {each for each in trial.left - named if not any(_belongs(each, name, notes) for name in named)}
    if any(name.endswith("-of-unknown-job") for name in named) and len(unnamed) == 1:
        unnamed = {each for each in unnamed if not each.startswith("ebs-volume ")}  # AWS did not answer, which it was
    if unnamed:
        yield f"it left what its record does not name: {', '.join(sorted(unnamed))}"
    if trial.left and record["ended_at"] is not None and 13 not in record["all_codes"]:
        yield f"it left {', '.join(sorted(trial.left))} and its codes are {record['all_codes']}"


def _belongs(left: str, named: str, notes: str) -> bool:
    """Return whether a thing goes with one that the record names, or is one whose name AWS alone gives.

    Automated backups go with their cluster. A volume without a name is known by its restore job, with which the record's name of
    it ends, or which its notes name.
    """
    (kind, _, name), (kind_named, _, known) = left.partition(" "), named.partition(" ")
    if kind == "db-cluster-snapshot":
        return kind_named == "db-cluster" and name.startswith(f"rds:{known}-")
    return kind == kind_named == "ebs-volume" and (known.endswith(f"-{name}") or name in notes)


def _of_a_pass(record: Mapping[str, Any], calm: Mapping[str, Any]) -> Iterator[str]:
    """A drill that says no worse than one that nothing struck has proved what that proves."""
    for what in ("verdicts", "promises"):
        here = {each["name"]: each["outcome"] for each in record[what]}
        there = {each["name"]: each["outcome"] for each in calm[what]}
        for each in sorted(there):
            if here.get(each) != there[each]:
                yield f"it passes, and {each} is {here.get(each, 'not there')} instead of {there[each]}"
    if record["partial"]:
        yield "it passes as a part"
