"""Derives the verdicts and the exit code of a run again, and holds them against its record.

The recorded AWS answers, the manifest, the observations and the objectives go through the functions that the drill itself
called; what follows from them replaces the record's own values, and the two records are compared.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from drills.checks.judging import Judge
from drills.durations import parse_duration
from drills.errors import COULD_NOT_RUN, DrillError
from drills.model.finding import CheckResult, Verdict
from drills.model.policy import BLOCKING
from drills.model.record import Failure, Restoration
from drills.objectives import acknowledged, completeness, recovery_time, timeline, verdicts
from drills.recovery.judged import verdict_of
from drills.recovery.observed import JudgedOn
from drills.recovery.rehearsal import DamagedCopy, judge_rehearsal
from drills.replay import beside, copies
from drills.replay.bundle import CannotReplay, Evidence
from drills.replay.differences import Difference, between
from drills.replay.recovery import Recovery
from drills.schedule import verdict as schedule_verdict

__all__ = ["CannotReplay", "NotDerived", "Replay", "replay"]
NO_INCOMPLETE_JUDGEMENT = "expected each check of the recovery to be judged, found no {}"
# of the record, what nothing in the evidence says again
TAKEN = (
    ("phases and moments", "measured by this machine's clock; held against each other and against AWS's answers"),
    (
        "failures and interruptions",
        "what ended a run early is known from the run alone; a failure only adds an exit code",
    ),
    ("pytest's exit status", "known from the run alone; it only ever adds an exit code"),
    (
        "resources that are gone",
        "of instances AWS's last answer is held against it; of groups and snapshots the record is taken",
    ),
    ("hydration, sizes, environment and settings", "measured or read once, and part of no verdict"),
    ("notes and the history of other runs", "sentences for people; the history lies outside of this evidence"),
)


@dataclass(frozen=True, slots=True)
class NotDerived:
    """Something of the record that was taken as it is recorded, and why."""

    what: str
    reason: str


@dataclass
class Replay:
    """The outcome of a replay: what was derived, what differs, and what was not derived."""

    derived: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    not_derived: list[NotDerived] = field(default_factory=list)
    codes: tuple[int, ...] = ()

    def compare(self, what: str, recorded: Any, derived: Any) -> None:
        """Compare a derived value with the recorded one."""
        self.derived.append(what)
        self.differences += between(what, recorded, derived)


def replay(evidence: Evidence) -> Replay:
    """Return what follows from the evidence beside what its record says."""
    return _Replayer(evidence).run()


class _Replayer:
    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.recorded = evidence.record
        self.recovery = Recovery(evidence)
        self.outcome = Replay()
        self.record = self.recorded  # in which what is derived replaces what was recorded
        self.verdicts: dict[str, Verdict] = {}

    def run(self) -> Replay:
        for part in (self._facts, self._choice, self._schedule, self._copies, self._beside, self._moments):
            self._attempt(part)
        self._judge()
        self.outcome.not_derived += [NotDerived(*each) for each in TAKEN]
        return self.outcome

    def _attempt(self, part: Callable[[], None]) -> None:
        """Derive one part; an answer that the run did not record leaves it underived, with the reason."""
        try:
            part()
        except (DrillError, ClientError) as error:
            name = part.__name__.strip("_")
            self.outcome.differences.append(Difference(name, "as in the record", f"nothing: {error}"))

    # -- the parts ----------------------------------------------------------------------------------------------------

    def _facts(self) -> None:
        self.outcome.compare("objectives", self.recorded.objectives, self.recovery.objectives)
        self.outcome.compare("simulated", self.recorded.simulated, self.evidence.configuration.profile != "aws")
        self.record = dataclasses.replace(self.record, objectives=self.recovery.objectives)

    def _choice(self) -> None:
        chosen = self.recovery.choose()
        if chosen is None:
            return
        self.outcome.compare("disaster", self.recorded.disaster, chosen.record.disaster)
        self.outcome.compare("target", self.recorded.target, chosen.record.target)
        self.record = dataclasses.replace(self.record, disaster=chosen.record.disaster)
        if not (self._verdict_is_recorded("recovery point") or self._is_whole()):
            return  # the run ended before it chose
        self.verdicts["recovery point"] = chosen.verdict
        self.outcome.compare("refused_points", self.recorded.refused_points, chosen.choice.refused)
        recovered = self._of("recovery")
        if recovered and chosen.choice.point:
            point = chosen.choice.point
            lineage = recovered[0].point.lineage if recovered[0].point else None
            if lineage is not None:
                point = self.recovery.with_lineage(point)
            self.outcome.compare(f"restorations[{recovered[0].instance_id}].point", recovered[0].point, point)

    def _schedule(self) -> None:
        if self.recovery.aws.selects_by_pattern():
            reason = "a backup selection has patterns of tag values, which the record of AWS's answers has as digests"
            self.outcome.not_derived.append(NotDerived(f"verdicts[{schedule_verdict.NAME}], posture", reason))
            return
        found = self.recovery.schedule()
        if found is None:
            return
        self.outcome.compare("worst_case", self.recorded.worst_case, found.worst_case)
        self.record = dataclasses.replace(self.record, worst_case=found.worst_case)
        self.verdicts |= {each.name: each for each in found.verdicts}

    def _copies(self) -> None:
        known = {each.instance_id for each in self.recorded.restorations}
        for copy in dict.fromkeys(each.copy for each in self.evidence.observations if each.copy):
            if copy not in known:
                self.outcome.differences.append(
                    Difference(f"restorations[{copy}]", "nothing", "a copy that was checked")
                )
        for restoration in self.recorded.restorations:
            self._copy(restoration)

    def _copy(self, restoration: Restoration) -> None:
        target, copy = self.recovery.target, restoration.instance_id
        recovery = restoration.purpose == "recovery"
        manifest = self.evidence.manifest if restoration.expectation != "none" else None
        if manifest is None and restoration.expectation != "none":
            raise CannotReplay("expected manifest.json, which the copy was compared with, found none")
        blocks = target.blocks() if recovery else BLOCKING
        judge, empty = Judge(manifest, target.tables), target.expects == "nothing"
        derived = copies.derive(self.evidence, copy, judge, blocks, expects_nothing=empty)
        for name in derived.given:
            reason = "nothing was asked for it, or its server was lost: the result stands as it was observed"
            self.outcome.not_derived.append(NotDerived(f"restorations[{copy}].checks[{name}]", reason))
        results = self._recovered(restoration, derived.results) if recovery else derived.results
        self.outcome.compare(f"restorations[{copy}].checks", restoration.checks, results)
        if restoration.purpose == "moment":
            self.verdicts |= {each.name: verdict_of(each, each.requirement) for each in results}
        elif restoration.purpose == "rehearsal" and self._verdict_is_wanted("rehearsed failure"):
            damaged = tuple((kind, name) for kind, _, name in (each.partition(": ") for each in restoration.damage))
            if restoration.point:
                again = dataclasses.replace(restoration, checks=results)
                verdict = judge_rehearsal(again, DamagedCopy(restoration.point, "", damaged))
                self.verdicts[verdict.name] = verdict

    def _recovered(self, restoration: Restoration, results: Sequence[CheckResult]) -> tuple[CheckResult, ...]:
        """Derive times, losses and verdicts of the recovery; return the results of its checks as the owner judges them."""
        known, days = self.recovery.target.known_differences(), self.evidence.seen(JudgedOn)
        today = days[0].day if days else self.recorded.started_at.date()
        blocking = acknowledged.acknowledge([each for each in results if each.blocking], known, today)
        timed = any(phase.clock == "rta" for phase in self.recorded.phases)  # not where somebody else restored the copy
        if timed and self._verdict_is_wanted("rto"):
            rta = self.recovery.recovery_time(restoration, blocking)
            self._measured(*rta)
            self.verdicts["rto"] = recovery_time.judge(rta[0], self.recovery.objectives)
        later = [each for each in results if not each.blocking]
        if restoration.point and (
            lost := self.recovery.losses(self.record, restoration.instance_id, restoration.point)
        ):
            self._measured(lost.rpa)
            self.outcome.compare("losses", self.recorded.losses, lost.losses)
            self.verdicts["rpo"] = lost.verdict
            later.insert(0, lost.result)
        last = days[1].day if len(days) > 1 else today
        whole = (*blocking, *acknowledged.acknowledge(later, known, last))
        for result in whole:
            if self._verdict_is_wanted(result.name):
                requirement: Any = self.recovery.requirement(result)
                self.verdicts[result.name] = verdict_of(result, requirement)
        return whole

    def _measured(self, *derived: Any) -> None:
        recorded = {each.name: each for each in self.recorded.measurements}
        for each in derived:
            self.outcome.compare(f"measurements[{each.name}]", recorded.get(each.name), each)
        others = [each for each in self.record.measurements if each.name not in {one.name for one in derived}]
        self.record = dataclasses.replace(self.record, measurements=(*others, *derived))

    def _beside(self) -> None:
        if not self.recovery.aws.selects_by_pattern():
            recorded, derived = beside.posture(self.recovery)
            if recorded:
                self.outcome.compare("posture", recorded, derived)
        self.verdicts |= {each.name: each for each in beside.cut_over(self.evidence)}
        if self.evidence.scenarios is not None:
            self.outcome.derived.append("promises")
            self.outcome.differences += beside.scenarios(self.recorded, self.evidence.scenarios)
        self.outcome.derived.append("resources beside AWS's answers")
        self.outcome.differences += beside.resources(self.recovery)
        self.outcome.derived.append("times beside AWS's answers")
        self.outcome.differences += beside.times(self.recovery)

    def _moments(self) -> None:
        """Derive the verdicts on the time between two moments, whose names say the objective."""
        before = {timeline.RESOLVED: timeline.ENDPOINT, timeline.CONNECTED: timeline.RESOLVED}
        for name in [each.name for each in self.recorded.verdicts]:
            found = re.fullmatch(r"(.+) within (.+)", name)
            if not found or name in self.verdicts:
                continue
            seconds = parse_duration(found[2].replace(" ", "")).total_seconds()
            if found[1] == "usable":
                self.verdicts[name] = recovery_time.judge_usable(self.record, seconds)
            elif found[1] in before:
                self.verdicts[name] = recovery_time.judge_between(self.record, before[found[1]], found[1], seconds)

    # -- the judgement ------------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        """Compare the verdicts and what they add up to: missing scenarios, failures, and the exit codes."""
        recorded = {each.name: each for each in self.recorded.verdicts}
        for name in recorded.keys() - self.verdicts.keys():
            reason = "no observation of this run says it, as that of a step of the owner's own"
            self.outcome.not_derived.append(NotDerived(f"verdicts[{name}]", reason))
            self.verdicts[name] = recorded[name]
        names = dict.fromkeys((*recorded, *self.verdicts))
        for name in names:
            self.outcome.compare(f"verdicts[{name}]", recorded.get(name), self.verdicts[name])
        self.record = dataclasses.replace(self.record, verdicts=tuple(self.verdicts.values()))
        self._count()
        codes = verdicts.exit_codes(self.record)
        self.outcome.codes = codes
        self.outcome.compare("code", self.recorded.code, codes[0])
        self.outcome.compare("all_codes", self.recorded.all_codes, codes)

    def _count(self) -> None:
        """Count what ran against what was expected."""
        record = self.record
        missing: tuple[str, ...] = self.evidence.configuration.changed
        if record.pytest_status is not None and record.expected:
            missing = tuple(dict.fromkeys((*missing, *completeness.missing_scenarios(record))))
        unjudged = completeness.missing_verdicts(record)
        said = any(each.sentence.startswith(NO_INCOMPLETE_JUDGEMENT.format("")) for each in record.failures)
        if unjudged and not said and verdicts.exit_codes(record) == (0,):
            failure = Failure(NO_INCOMPLETE_JUDGEMENT.format(unjudged[0]), COULD_NOT_RUN)
            self.record = dataclasses.replace(record, failures=(*record.failures, failure))
        if unjudged and (said or self.record is not record):
            missing = (*missing, *unjudged)
        self.outcome.compare("missing", self.recorded.missing, missing)
        if missing and not (record.interrupted_by or record.failures):
            self.outcome.compare("partial", self.recorded.partial, True)

    # -- what is known ------------------------------------------------------------------------------------------------

    def _of(self, purpose: str) -> list[Restoration]:
        return [each for each in self.recorded.restorations if each.purpose == purpose]

    def _is_whole(self) -> bool:
        """Return whether nothing ended the run before its judgements were made."""
        return not (self.recorded.interrupted_by or self.recorded.failures)

    def _verdict_is_recorded(self, name: str) -> bool:
        return any(each.name == name for each in self.recorded.verdicts)

    def _verdict_is_wanted(self, name: str) -> bool:
        """Return whether a verdict is to be derived: one that the run reached, or any where nothing ended it early."""
        return self._verdict_is_recorded(name) or self._is_whole()


def lines(found: Replay) -> Iterator[str]:
    """Yield what a person reads: the differences first."""
    for each in found.differences:
        yield f"differs: {each}"
    for left in found.not_derived:
        yield f"not re-derived: {left.what}: {left.reason}"
