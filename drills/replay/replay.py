"""Derives the verdicts and the exit code of a run again, and holds them against its record.

The recorded AWS answers, the manifest, the observations and the objectives go through the functions that the drill itself
called; what follows from them replaces the record's own values, and the two records are compared.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from drills.checks.judging import Judge
from drills.durations import parse_duration
from drills.errors import COULD_NOT_RUN, DrillError
from drills.model.finding import CheckResult, Verdict
from drills.model.policy import BLOCKING
from drills.model.record import Failure, Promise, Restoration, TargetSummary
from drills.model.timing import DataLoss
from drills.objectives import acknowledged, completeness, recovery_time, timeline, verdicts
from drills.recovery import rehearsal, selection
from drills.recovery.drill import CHOOSING
from drills.recovery.judged import not_run, verdict_of
from drills.recovery.observed import JudgedOn
from drills.recovery.restore import LINEAGE
from drills.replay import beside, copies, covered, cut_off, found, held, instances, validated
from drills.replay.bundle import CannotReplay, Evidence
from drills.replay.differences import Difference
from drills.replay.ended import is_ended_early, is_whole
from drills.replay.fields import HELD
from drills.replay.outcome import Replay
from drills.replay.recorded_aws import NotRecorded
from drills.replay.recovery import Recovery
from drills.schedule import verdict as schedule_verdict

NO_INCOMPLETE_JUDGEMENT = "expected each check of the recovery to be judged, found no {}"
# what the parts of a replay read, for the sentence about one that cannot be read
_READS = {
    "choice": "raw/aws",
    "schedule": "raw/aws",
    "copies": "observations.json, manifest.json and raw/aws",
    "beside": "observations.json, raw/aws and raw/cucumber.json",
    "moments": "drill.json",
}
_MALFORMED = (LookupError, TypeError, ValueError, AttributeError, AssertionError, ArithmeticError)
_NO_START = "start.json lies in the bundle of a run, and none is here"


class Replayer:
    """Derives the parts of one record, that of a drill of a database."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.recorded = evidence.record
        self.recovery = Recovery(evidence)
        self.outcome = Replay()
        self.record = self.recorded  # in which what is derived replaces what was recorded
        self.verdicts: dict[str, Verdict] = {}
        self.measured: set[str] = set()
        self.lost: tuple[DataLoss, ...] = ()
        self.cut: set[str] = set()  # checks of the recovery that an interrupted run had not come to record

    def run(self) -> Replay:
        """Derive each part and hold the whole against the record."""
        for part in (self._facts, self._choice, self._schedule, self._copies, self._beside, self._moments):
            self._attempt(part)
        self._judge()
        self.outcome.leave_taken()
        return self.outcome

    def _attempt(self, part: Callable[[], None]) -> None:
        """Derive one part; what cannot be derived is a difference that says why."""
        name = part.__name__.strip("_")
        try:
            part()
        except (DrillError, ClientError) as error:
            self.outcome.differences.append(Difference(name, "as in the record", f"nothing: {error}"))
        except _MALFORMED as error:
            files = _READS.get(name, "drill.json")
            found = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            why = f"expected {files} as a run writes them, found what no function of the drill can read ({found})"
            self.outcome.differences.append(Difference(name, "as in the record", f"nothing: {why}"))

    # -- the parts ----------------------------------------------------------------------------------------------------

    def _facts(self) -> None:
        """Hold what was known before the run against start.json, and the run's times against each other."""
        record, outcome = self.recorded, self.outcome
        outcome.compare("objectives", record.objectives, self.recovery.objectives)
        outcome.compare("simulated", record.simulated, self.evidence.configuration.profile != "aws")
        self.record = dataclasses.replace(self.record, objectives=self.recovery.objectives)
        if record.target:
            outcome.compare("target.name", record.target.name, self.evidence.configuration.target_name)
            outcome.compare("target.kind", record.target.kind, self.recovery.configured.record_kind)
            outcome.compare("target.vault", record.target.vault, self.recovery.configured.vault)
        else:
            outcome.compare("target", None, self.evidence.configuration.target_name)
        outcome.hold("files", held.damage(self.evidence))
        outcome.hold("settings", held.settings(self.evidence))
        if self.evidence.start is None:
            outcome.leave(", ".join(HELD["start.json"]), _NO_START)
        else:
            outcome.hold("start.json", held.announced(record, self.evidence.start, self.evidence.config))
        outcome.hold("phases", held.phases(record))
        outcome.hold("moments", held.moments(record))
        outcome.hold("ends", held.ends(record))

    def _choice(self) -> None:
        if self.recovery.job is not None:
            self._restore_test()
            return
        try:
            chosen = self.recovery.choose()
        except (ClientError, NotRecorded) as error:
            reached = self._verdict_is_recorded(selection.VERDICT) or self._of("recovery")
            if reached or not (isinstance(error, ClientError) or is_ended_early(self.recorded)):
                raise
            why = (
                f"AWS refused what it follows from: {error}" if isinstance(error, ClientError) else cut_off.NOT_REACHED
            )
            self.outcome.leave(f"verdicts[{selection.VERDICT}]", why)
            return
        if chosen is None:
            self._undeclared()
            return
        self.outcome.compare("disaster", self.recorded.disaster, chosen.record.disaster)
        self.outcome.compare("target", self.recorded.target, chosen.record.target)
        self.record = dataclasses.replace(self.record, disaster=chosen.record.disaster)
        if not (self._verdict_is_recorded(selection.VERDICT) or is_whole(self.recorded)):
            return  # the run ended before it chose
        self.verdicts[selection.VERDICT] = chosen.verdict
        self.outcome.compare("refused_points", self.recorded.refused_points, chosen.choice.refused)
        recovered = self._of("recovery")
        self.verdicts |= found.judge(self.recovery, chosen.choice.point, self.outcome)
        if recovered and chosen.choice.point:
            point = chosen.choice.point
            lineage = recovered[0].point.lineage if recovered[0].point else None
            asked = self.recovery.aws.for_purpose(LINEAGE) and not is_ended_early(self.recorded)
            if lineage is not None or asked:
                point = self.recovery.with_lineage(point)
            self.outcome.compare(f"restorations[{recovered[0].instance_id}].point", recovered[0].point, point)

    def _undeclared(self) -> None:
        """Hold that no disaster was declared, and so nothing asked of AWS about the target."""
        if is_whole(self.recorded) and self.recovery.aws.for_purpose(CHOOSING):
            found = "one that was declared: AWS was asked for the recovery points at it"
            self.outcome.differences.append(Difference("disaster", "no instant of its declaration", found))
        target = self.recorded.target
        if target and self.recorded.disaster is None and is_whole(self.recorded):
            known = TargetSummary(target.name, target.instance_id, target.vault)
            kept = {name: getattr(target, name) for name in ("databases", "size_bytes", "data")}
            self.outcome.compare("target", target, dataclasses.replace(known, **kept))

    def _restore_test(self) -> None:
        """Derive what a validation records of the job that AWS Backup restored by."""
        job, recovered = self.recovery.job, self._of("recovery")
        if job is None or not recovered:
            return  # the run ended before there was an instance
        tested = validated.derive(self.recovery, job)
        self.outcome.compare("disaster", self.recorded.disaster, tested.record.disaster)
        self.outcome.compare("target", self.recorded.target, tested.record.target)
        self.record = dataclasses.replace(self.record, disaster=tested.record.disaster)
        self._measured(*tested.record.measurements)
        self.verdicts |= {each.name: each for each in tested.record.verdicts}
        self.outcome.compare(f"restorations[{recovered[0].instance_id}].point", recovered[0].point, tested.point)
        self.verdicts |= found.judge(self.recovery, tested.point, self.outcome)

    def _schedule(self) -> None:
        if self.recovery.aws.selects_by_pattern():
            reason = "a backup selection has patterns of tag values, which the record of AWS's answers has as digests"
            self.outcome.leave(f"worst_case, verdicts[{schedule_verdict.NAME}], posture", reason)
            return
        try:
            found = self.recovery.schedule()
        except NotRecorded:
            if not (why := cut_off.why_unread(self.recorded)):
                raise
            self.outcome.leave(f"worst_case, verdicts[{schedule_verdict.NAME}]", why)
            return
        must = cut_off.must_have(self.recorded, schedule_verdict.NAME, ())
        self._compare("worst_case", self.recorded.worst_case, found.worst_case if found else None, must=must)
        if found is not None:
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
        self.outcome.hold("copies beside AWS's answers", instances.copies(self.recovery))

    def _copy(self, restoration: Restoration) -> None:
        target, copy = self.recovery.target, restoration.instance_id
        recovery = restoration.purpose == "recovery"
        manifest = self.evidence.manifest if restoration.expectation != "none" else None
        if manifest is None and restoration.expectation != "none":
            raise CannotReplay("expected manifest.json, which the copy was compared with, found none")
        blocks = target.blocks() if recovery else BLOCKING
        judge = Judge(manifest, target.tables, found.earlier(self.evidence, restoration))
        empty = target.expects == "nothing"
        cut = cut_off.checks(self.evidence, restoration, blocks)
        self.cut |= cut if recovery else set()
        for name in sorted(cut):
            self.outcome.leave(f"restorations[{copy}].checks[{name}]", cut_off.why(self.recorded))
        derived = copies.derive(self.evidence, copy, judge, blocks, expects_nothing=empty, without=cut)
        for name in derived.given:
            reason = "nothing was asked for it, or its server was lost: the result stands as it was observed"
            self.outcome.leave(f"restorations[{copy}].checks[{name}]", reason)
        timings = copies.timings(self.evidence, copy)
        asked = not is_ended_early(self.recorded) or bool(restoration.checks)
        self._compare(f"restorations[{copy}].queries", restoration.queries, timings, must=asked)
        if recovery:
            covered.compare(self.evidence, copy, judge, self.outcome)
        results = self._recovered(restoration, derived.results) if recovery else derived.results
        self.outcome.compare(f"restorations[{copy}].checks", restoration.checks, results)
        if restoration.purpose == "moment":
            self.verdicts |= {each.name: verdict_of(each, each.requirement) for each in results}
        elif restoration.purpose == "rehearsal" and self._verdict_is_wanted(rehearsal.VERDICT):
            damaged = tuple((kind, name) for kind, _, name in (each.partition(": ") for each in restoration.damage))
            if restoration.point:
                again = dataclasses.replace(restoration, checks=results)
                verdict = rehearsal.judge_rehearsal(again, rehearsal.DamagedCopy(restoration.point, "", damaged))
                self.verdicts[verdict.name] = verdict

    def _recovered(self, restoration: Restoration, results: Sequence[CheckResult]) -> tuple[CheckResult, ...]:
        """Derive times, losses and verdicts of the recovery; return the results of its checks as the owner judges them."""
        if self.recovery.job is not None:
            results = validated.shown(self.recovery, results)
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
            self.lost = lost.losses
            self.verdicts["rpo"] = lost.verdict
            later = later if lost.result.name in self.cut else [lost.result, *later]
        if any(not each.blocking for each in restoration.checks):  # recorded together with them
            later = [*later, *not_run(self.recovery.target.tier)]
        last = days[1].day if len(days) > 1 else today
        whole = (*blocking, *acknowledged.acknowledge(later, known, last))
        for result in whole:
            if self._verdict_is_wanted(result.name):
                self.verdicts[result.name] = verdict_of(result, self.recovery.requirement(result))
        return whole

    def _measured(self, *derived: Any) -> None:
        recorded = {each.name: each for each in self.recorded.measurements}
        self.measured |= {each.name for each in derived}
        for each in derived:
            must = each.name != "RPA" or cut_off.must_have(self.recorded, "rpo", self.cut)
            self._compare(f"measurements[{each.name}]", recorded.get(each.name), each, must=must)
        others = [each for each in self.record.measurements if each.name not in {one.name for one in derived}]
        self.record = dataclasses.replace(self.record, measurements=(*others, *derived))

    def _beside(self) -> None:
        if not self.recovery.aws.selects_by_pattern():
            recorded, derived = beside.posture(self.recovery)
            if recorded:
                self.outcome.compare("posture", recorded, derived)
        self.verdicts |= {each.name: each for each in beside.cut_over(self.evidence)}
        if self.evidence.scenarios is not None:
            self.outcome.hold("promises", beside.scenarios(self.recorded, self.evidence.scenarios))
        elif self.recovery.job is None:
            self._without_scenarios()
        self.outcome.hold("what was observed beside the recovery", beside.unobserved(self.recovery))
        self.outcome.hold("resources beside AWS's answers", beside.resources(self.recovery))
        self.outcome.hold("calls of AWS", beside.calls(self.evidence))

    def _without_scenarios(self) -> None:
        if self.recorded.promises and is_whole(self.recorded):
            found = "nothing: expected raw/cucumber.json, which pytest writes at its end, found none"
            self.outcome.differences.append(Difference("promises", "as in the record", found))
        elif self.recorded.promises:
            self.outcome.leave("promises", "pytest was ended before it wrote raw/cucumber.json")

    def _moments(self) -> None:
        """Derive the verdicts on the time between two moments, whose names say the objective."""
        before = {timeline.RESOLVED: timeline.ENDPOINT, timeline.CONNECTED: timeline.RESOLVED}
        for name in [each.name for each in self.recorded.verdicts]:
            found = re.fullmatch(r"(.+) within (.+)", name)
            if not found or name in self.verdicts:
                continue
            if found[1] not in ("usable", *before):
                continue
            seconds = parse_duration(found[2].replace(" ", "")).total_seconds()
            if found[1] == "usable":
                self.verdicts[name] = recovery_time.judge_usable(self.record, seconds)
            else:
                self.verdicts[name] = recovery_time.judge_between(self.record, before[found[1]], found[1], seconds)

    # -- the judgement ------------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        """Compare the verdicts and what they add up to: missing scenarios, failures, and the exit codes."""
        recorded = {each.name: each for each in self.recorded.verdicts}
        for name in sorted(recorded.keys() - self.verdicts.keys()):
            reason = "no observation of this run says it, as that of a step of the owner's own"
            self.outcome.leave(f"verdicts[{name}]", reason)
            self.verdicts[name] = recorded[name]
        for name in dict.fromkeys((*recorded, *self.verdicts)):
            must = cut_off.must_have(self.recorded, name, self.cut)
            self._compare(f"verdicts[{name}]", recorded.get(name), self.verdicts[name], must=must)
            if name not in recorded and not must:
                del self.verdicts[name]
        self.record = dataclasses.replace(self.record, verdicts=tuple(self.verdicts.values()))
        must = cut_off.must_have(self.recorded, "rpo", self.cut)
        self._compare("losses", self.recorded.losses, self.lost, must=must)
        self._unmeasured()
        self._count()
        self._conclude()
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
        scenarios = tuple(each for each in missing if each not in unjudged)
        counted = record.pytest_status is not None and bool(record.expected) and bool(scenarios)
        if is_whole(self.recorded) or (self.recorded.partial and not counted):
            self.outcome.compare("partial", self.recorded.partial, counted)
        reason = completeness.reason(scenarios, record.expected) if self.recorded.partial else ""
        self.outcome.compare("partial_reason", self.recorded.partial_reason, reason)

    def _unmeasured(self) -> None:
        """Name each measurement that nothing gave again: a run that came to its end has none such."""
        for each in self.recorded.measurements:
            if each.name in self.measured:
                continue
            if is_whole(self.recorded):
                self.outcome.compare(f"measurements[{each.name}]", each, None)
            else:
                self.outcome.leave(f"measurements[{each.name}]", "the run ended before its judgements were made")

    def _conclude(self) -> None:
        """Derive what is posted about a restore test, and its promise."""
        if self.recovery.job is None:
            self.outcome.compare("restore_test", self.recorded.restore_test, None)
            return
        test, promise = validated.conclude(self.record, self.recovery.job)
        promises: tuple[Promise, ...] = (promise,)
        self.outcome.compare("restore_test", self.recorded.restore_test, test)
        self.outcome.compare("promises", self.recorded.promises, promises)
        self.record = dataclasses.replace(self.record, restore_test=test, promises=promises)

    # -- what is known ------------------------------------------------------------------------------------------------

    def _compare(self, what: str, recorded: Any, derived: Any, *, must: bool) -> None:
        """Compare a derived value with the recorded one; one is listed that an interrupted run must not have recorded yet."""
        if not must and not recorded and derived:
            self.outcome.leave(what, cut_off.why(self.recorded))
        else:
            self.outcome.compare(what, recorded, derived)

    def _of(self, purpose: str) -> list[Restoration]:
        return [each for each in self.recorded.restorations if each.purpose == purpose]

    def _verdict_is_recorded(self, name: str) -> bool:
        return any(each.name == name for each in self.recorded.verdicts)

    def _verdict_is_wanted(self, name: str) -> bool:
        """Return whether a verdict is to be derived: one that the run reached, or any where nothing ended it early."""
        return self._verdict_is_recorded(name) or is_whole(self.recorded)
