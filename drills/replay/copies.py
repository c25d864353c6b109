"""Derives the results of the checks of each copy from what was observed of it. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any

from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.runner import build_result, without_manifest
from drills.checks.canary import chain
from drills.checks.catalog import check as catalog
from drills.checks.content import check as content
from drills.checks.content import large_objects, sequences
from drills.checks.judging import Judge, canary_result, harmless_result
from drills.checks.manifest_checks import CONNECTION
from drills.checks.observed import CanarySeen, Conclusion, ResultSeen, ServerSeen, Took
from drills.checks.owner import queries
from drills.checks.server import harmless, isolation, settings
from drills.model.finding import CheckResult
from drills.model.policy import DECLARATIONS
from drills.model.timing import QueryTiming
from drills.objectives import engine_version
from drills.objectives.engine_version import EngineSeen
from drills.recovery import point_in_time
from drills.recovery.observed import IsolationSeen, MomentSeen, QueriesSeen
from drills.replay.bundle import CannotReplay, Evidence, Observation

_ORDER = [check.name for check in DECLARATIONS] + [point_in_time.NAME]
_NEEDS_MANIFEST = frozenset(check.name for check in DECLARATIONS if check.needs_manifest)


@dataclasses.dataclass(frozen=True, slots=True)
class Derived:
    """The results of one copy's checks; `given` names those that no observation says, taken as they were observed."""

    results: tuple[CheckResult, ...]
    given: tuple[str, ...] = ()


def derive(
    evidence: Evidence,
    copy: str,
    judge: Judge,
    blocks: Collection[str],
    *,
    expects_nothing: bool = False,
    without: Collection[str] = (),
) -> Derived:
    """Return the results of the checks of a copy, in their order; `blocks` names those that blocked, `without` those left out."""
    by_check: dict[str, list[Observation]] = {}
    for each in evidence.observations:
        if each.copy == copy and each.check not in without:
            by_check.setdefault(each.check, []).append(each)
    if unknown := by_check.keys() - set(_ORDER):
        raise CannotReplay(f"observations.json: expected the names of checks, found {', '.join(sorted(unknown))}")
    results, given = [], []
    for name in sorted(by_check, key=_ORDER.index):
        lost = [each.seen.result for each in by_check[name] if isinstance(each.seen, ResultSeen)]
        if judge.manifest is None and name in _NEEDS_MANIFEST:
            lost = []  # that there is none is why
        if lost:
            given.append(name)
        result = lost[0] if lost else _result(name, by_check[name], judge, expects_nothing=expects_nothing)
        took = [each.seen.seconds for each in by_check[name] if isinstance(each.seen, Took | QueriesSeen)]
        blocking = name == CONNECTION or name in blocks
        results.append(dataclasses.replace(result, seconds=took[0] if took else 0.0, blocking=blocking))
    return Derived(tuple(results), tuple(given))


def _result(name: str, observations: list[Observation], judge: Judge, *, expects_nothing: bool) -> CheckResult:
    whole: dict[type[Any], Callable[[Any], CheckResult]] = {
        Conclusion: lambda seen: build_result(
            name, seen.outcome or CheckOutcome(), seen.what, seen.remark, requirement=seen.requirement, verb=seen.verb
        ),
        QueriesSeen: lambda seen: queries.judge(seen.timings),
        IsolationSeen: lambda seen: isolation.judge(seen.instance, seen.groups, seen.around),
        MomentSeen: lambda seen: point_in_time.judge(seen.found),
        EngineSeen: engine_version.judge,
    }
    for each in observations:
        if conclude := whole.get(type(each.seen)):
            return conclude(each.seen)
    seen = [(each.database, each.seen) for each in observations if not isinstance(each.seen, Took | ResultSeen)]
    if not seen:
        result = without_manifest(name)
        return dataclasses.replace(result, requirement="optional") if name == settings.NAME else result
    if name == content.NAME:
        if not any(isinstance(each, ServerSeen) for _, each in seen):
            raise CannotReplay(
                "observations.json: expected what the copy's server makes of known texts, by which its fingerprints can be "
                "compared, found none beside the contents"
            )
        return judge.content_result(seen, expects_nothing=expects_nothing)
    outcomes = [judge.judge(database, each) for database, each in seen]
    if name == catalog.NAME:
        return judge.catalog_result(outcomes)
    total = sum(outcomes, CheckOutcome())
    worded: Mapping[str, Callable[[CheckOutcome], CheckResult]] = {
        chain.NAME: canary_result,
        harmless.NAME: harmless_result,
        sequences.NAME: lambda outcome: build_result(name, outcome, "sequences"),
        large_objects.NAME: lambda outcome: build_result(name, outcome, name),
        settings.NAME: lambda outcome: build_result(name, outcome, name),
    }
    return worded[name](total)


def timings(evidence: Evidence, copy: str) -> tuple[QueryTiming, ...]:
    """Return how long the owner's queries took on a copy."""
    return next((seen.timings for seen in evidence.seen(QueriesSeen, copy)), ())


def newest_canary(evidence: Evidence, copy: str) -> Any:
    """Return the newest instant that a canary proves to be in a copy, None where none does."""
    states = [seen.found for seen in evidence.seen(CanarySeen, copy) if seen.found]
    return max((state.newest_at for state in states), default=None)
