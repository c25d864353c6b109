"""The input of a run of checks, and the results that its later checks use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from drills.checks.base.budget import Budget
from drills.checks.base.copy_code import CopyCode, KnownCode
from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.runner import build_result, without_manifest
from drills.checks.base.session import Connection, Connector
from drills.checks.content import check as content
from drills.checks.in_turn import InTurn
from drills.checks.integrity.indexes import Shown
from drills.checks.judging import Judge
from drills.checks.manifest import DatabaseManifest, Manifest
from drills.checks.observed import NOT_NOTED, Conclusion, Observations, OutcomeSeen, ResultSeen
from drills.checks.owner.invariants import InvariantSet
from drills.checks.resumed import ProvedFile
from drills.clock import Clock
from drills.model.finding import CheckResult, Requirement
from drills.model.policy import TablePolicy

WORKERS = 2  # with which a copy is read of whose processors nothing is known


@dataclass(frozen=True, slots=True)
class Comparison:
    """A copy, what it is compared with, and how it is read.

    `key` is the manifest's: without it catalog fields that can hold secrets are compared by name only, and listed, and rows
    are not identified by keys that are neither integers nor uuids. `budget` is the time that the content check may take.
    `invariants` are the owner's own, None where they are not evaluated. `scratch`: the copy may be written to as
    drills/checks/integrity/amcheck.py does it. `shut_off`: it must be unable to act on other systems. `supplied` are the
    checks that need more than a connection, such as the owner's queries, which are timed before anything else is read.
    `trust_code`: the copy's own code may run with the rights of a login that could do harm with them
    (drills/checks/base/copy_code.py).
    `earlier` says that the manifest is earlier than the copy's data, "" where it is of the same instant
    (drills/checks/since.py).
    `workers` is with how many connections it is read at once, where the server has so many.
    `proved` is what an earlier verification of this very copy has proved, and keeps what this one does.
    `turns` says what is read first where the budget is too short for everything, and is told what was proved.
    `expects_nothing`: a source without rows is right. `observations` notes what is observed, for a run's evidence.
    """

    connect: Connector
    manifest: Manifest | None
    clock: Clock
    policies: Mapping[str, TablePolicy] = field(default_factory=dict)
    key: bytes | None = None
    budget: Budget | None = None
    invariants: InvariantSet | None = None
    scratch: bool = True
    shut_off: bool = True
    supplied: Mapping[str, Callable[[], CheckResult]] = field(default_factory=dict)
    trust_code: bool = False
    expects_nothing: bool = False
    observations: Observations = NOT_NOTED
    earlier: str = ""
    workers: int = WORKERS
    proved: ProvedFile | None = None
    turns: InTurn | None = None
    code: KnownCode = field(default_factory=KnownCode, repr=False, compare=False)

    def code_of(self, connection: Connection) -> CopyCode:
        """Return what of a connection's database is not evaluated; where nothing has changed, as it was found before."""
        return self.code.find(connection, trusted=self.trust_code)

    @property
    def databases(self) -> Mapping[str, DatabaseManifest]:
        """Return the manifest of each database by its name; empty without a manifest."""
        return self.manifest.databases if self.manifest else {}


@dataclass(frozen=True, slots=True)
class CheckRun:
    """One run over some of the checks: the comparison, the results so far, and what the check of the indexes has shown.

    The latter is by the name of its database.
    """

    comparison: Comparison
    results: dict[str, CheckResult] = field(default_factory=dict)
    shown: dict[str, Shown] = field(default_factory=dict)
    observed: set[str] = field(default_factory=set)  # the checks whose results follow from what was noted

    @property
    def judge(self) -> Judge:
        """Return what judges observations of this copy."""
        return Judge(self.comparison.manifest, self.comparison.policies, self.comparison.earlier)

    def judged(self, check: str, seen: Iterable[tuple[str, Any]]) -> list[tuple[str, CheckOutcome]]:
        """Note what is observed of each database, and return what it is judged to be."""
        return [(database, self.judge.judge(database, each)) for database, each in self.noted(check, seen)]

    def noted(self, check: str, seen: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
        """Note what is observed of each database, and pass it on."""
        self.observed.add(check)
        for database, each in seen:
            noted = OutcomeSeen(each) if isinstance(each, CheckOutcome) else each
            self.comparison.observations.note(check, database, noted)
            yield database, each

    def note_result(self, result: CheckResult) -> None:
        """Note the result of a check that no observation says: its server was lost, or it asked nothing."""
        self.comparison.observations.note(result.name, "", ResultSeen(result))

    def conclude(
        self,
        check: str,
        outcome: CheckOutcome,
        what: str,
        remark: str = "",
        *,
        requirement: Requirement = "required",
        verb: str = "compared",
    ) -> CheckResult:
        """Return the result of a check that judges within the server, as `build_result` does, and note its outcome."""
        self.observed.add(check)
        noted = Conclusion(what, remark, requirement, verb, outcome)
        self.comparison.observations.note(check, "", noted)
        return build_result(check, outcome, what, remark, requirement=requirement, verb=verb)

    def identical_tables(self, expected: DatabaseManifest | None) -> frozenset[str] | None:
        """Return the tables that this run has shown to hold the source's rows, None without a manifest."""
        result = self.results.get(content.NAME) or without_manifest(content.NAME)
        return content.identical_tables(expected.contents if expected else None, result)
