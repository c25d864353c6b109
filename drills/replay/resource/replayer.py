"""Derives the record of a drill of what is no database again, whose points, copies and checks are none of a database."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from drills.aws.guarded.names import ScratchName
from drills.buckets import objects
from drills.buckets.objects import ObjectsSeen
from drills.model.finding import CheckResult
from drills.model.instance import BUCKET, FILE_SYSTEM, TABLE, VOLUME, WITH_SANDBOX, OtherKind
from drills.model.point import RecoveryPoint
from drills.model.record import Expectation, Restoration, TargetSummary
from drills.objectives import data_loss, recovery_time
from drills.recovery import selection
from drills.recovery.bucket import judged as buckets
from drills.recovery.bucket import points as of_buckets
from drills.recovery.bucket import settings as bucket_settings
from drills.recovery.disaster import declare
from drills.recovery.file_system import judged as file_systems
from drills.recovery.file_system import settings as file_system_settings
from drills.recovery.judged import verdict_of
from drills.recovery.observed import LossSeen
from drills.recovery.resource import points as resources
from drills.recovery.resource.drill import judge_choice, losses_of
from drills.recovery.resource.observed import CopySeen, ItemsSeen, LineageSeen, SettingsSeen
from drills.recovery.resource.vault import is_lent, owner_of
from drills.recovery.table import judged as tables
from drills.recovery.volume import judged as volumes
from drills.recovery.volume import points as of_volumes
from drills.recovery.volume import settings as volume_settings
from drills.replay import beside
from drills.replay.differences import Difference, between
from drills.replay.ended import is_whole
from drills.replay.replay import Replayer
from drills.replay.resource.told import Told

PROCESS = "features"  # in which a drill restores
# families of settings that no description tells, or of which a recorded answer has digests alone
_TOLD_ELSEWHERE = frozenset({"tag", "policy", "lifecycle", "backup_policy", "access_point", "mount_target"})


class OtherReplayer(Replayer):
    """Derives the parts of one record, that of a drill of what is no database."""

    @property
    def _kind(self) -> OtherKind:
        kind = self.recovery.configured.other
        assert kind is not None  # a database is replayed by another
        return kind

    @property
    def _told(self) -> Told:
        return Told(self.evidence.calls, self._kind.record)

    # -- the choice ---------------------------------------------------------------------------------------------------

    def _choice(self) -> None:
        disaster = self.recorded.disaster
        if disaster is None or disaster.declared_at is None:
            if is_whole(self.recorded):
                found = "an instant: a drill declares it before it looks for recovery points"
                self.outcome.differences.append(Difference("disaster", "nothing", found))
            return
        points = self._points(disaster.declared_at)
        seed = disaster.seed if self.recovery.target.disaster == "random" else None
        declared = declare(self.recovery.target.disaster, points, disaster.declared_at, seed)
        self.outcome.compare("disaster", disaster, declared)
        self.record = dataclasses.replace(self.record, disaster=declared)
        if self.recorded.target:
            self.outcome.compare("target", self.recorded.target, self._target(self.recorded.target))
        if not (self._verdict_is_recorded(selection.VERDICT) or is_whole(self.recorded)):
            return  # the run ended before it chose
        choice = selection.choose(self.recovery.target.sample, points, dbi_resource_id=None, usable_at=declared.at)
        self.outcome.compare("refused_points", self.recorded.refused_points, choice.refused)
        self.verdicts[selection.VERDICT] = judge_choice(self._kind.source, self.recovery.target, choice)
        for each in self._of("recovery"):
            self.outcome.compare(f"restorations[{each.instance_id}].point", each.point, choice.point)

    def _points(self, declared_at: datetime) -> tuple[RecoveryPoint, ...]:
        """Return the points as AWS listed them; what was read of their vault before them is taken as it is recorded."""
        setup, target = self.recovery.setup(PROCESS, declared_at), self.recovery.target
        if self._kind.record == TABLE:
            named, vault = f"table/{target.instance}", str(target.vault)
            listed = resources.points_of(setup.clients, "DynamoDB", named, vault, owner_of(setup))
        elif self._kind.record == FILE_SYSTEM:
            named, vault = f"file-system/{target.instance}", str(target.vault)
            listed = resources.points_of(setup.clients, "EFS", named, vault, owner_of(setup))
        elif self._kind.record == BUCKET:
            listed = of_buckets.points_of(setup.clients, target.instance, str(target.vault))
        else:
            listed = of_volumes.points_of(setup.clients, target.instance, str(target.vault), owner_of(setup))
        known = next((each.point.lineage for each in self._of("recovery") if each.point), None)
        if known is not None:
            self.outcome.leave("restorations[].point.lineage", "of the vault, as it was read before its points")
        return tuple(dataclasses.replace(each, lineage=known) for each in listed)

    def _target(self, known: TargetSummary) -> TargetSummary:
        """Return the source as it was found; nothing of one that was gone. What has no name is known by its id alone."""
        instance = self.recovery.target.instance
        bare = dataclasses.replace(known, instance_id=instance, dbi_resource_id="", account="", region="")
        identity = self._told.table_id(instance) if self._kind.record == TABLE else instance
        if self._kind.record == BUCKET:  # which has a name and no identity beside it
            identity = "" if self._told.bucket(instance) else None
        if identity is None:
            return bare
        account, region = self.recovery.aws.account("source"), self.evidence.configuration.region
        return dataclasses.replace(bare, dbi_resource_id=identity, account=account, region=region)

    def _schedule(self) -> None:
        """Nothing: the plans of what is no database are not judged."""

    # -- the copy -----------------------------------------------------------------------------------------------------

    def _copies(self) -> None:
        known = {each.instance_id for each in self.recorded.restorations}
        for copy in dict.fromkeys(each.copy for each in self.evidence.observations if each.copy):
            if copy not in known:
                found = "a copy that was checked"
                self.outcome.differences.append(Difference(f"restorations[{copy}]", "nothing", found))
        for each in self.recorded.restorations:
            self._copy(each)

    def _copy(self, restoration: Restoration) -> None:
        copy = restoration.instance_id
        what = f"restorations[{copy}]"
        self.outcome.compare(f"{what}.purpose", restoration.purpose, "recovery")
        self.outcome.compare(f"{what}.instance_id", copy, self._name())
        self.outcome.compare(f"{what}.expectation", restoration.expectation, self._expectation(restoration))
        self.outcome.hold(f"{what}.statuses", self._told.statuses(copy, restoration.statuses))
        results = self._results(restoration)
        if not is_whole(self.recorded):  # it notes an observation before what follows
            names = {each.name for each in restoration.checks}
            results = tuple(each for each in results if each.name in names)
        self.outcome.compare(f"{what}.checks", restoration.checks, results)
        blocking = [each for each in results if each.blocking]
        if blocking and self._verdict_is_wanted("rto"):
            rta = self.recovery.recovery_time(restoration, blocking)
            self._measured(*rta)
            self.verdicts["rto"] = recovery_time.judge(rta[0], self.recovery.objectives)
        self._losses(restoration)
        for each in results:
            if self._verdict_is_wanted(each.name):
                self.verdicts[each.name] = verdict_of(each, each.requirement)

    def _losses(self, restoration: Restoration) -> None:
        seen = self.evidence.seen(LossSeen)
        point, disaster = restoration.point, self.record.disaster
        if not seen or point is None or disaster is None or not self._verdict_is_wanted("rpo"):
            return
        self.lost, rpa = losses_of(point, seen[0].newest, disaster.at)
        self._measured(rpa)
        sample = self.recovery.target.sample
        self.verdicts["rpo"] = data_loss.judge_rpo(self.lost, rpa, self.recovery.objectives, sample)

    def _name(self) -> str:
        """Return the name that the run gives its copy: what has none of its own is called after the job that makes it."""
        owner = self.recorded.owner
        if self._kind.record != VOLUME:
            return str(ScratchName(owner, "recovery"))
        jobs = self._told.jobs()
        return str(ScratchName(owner, jobs[0])) if jobs else "the name of a restore job, of which AWS told none"

    def _expectation(self, restoration: Restoration) -> Expectation:
        if self.evidence.table is None:
            return "none"
        given: Expectation = "at backup" if self.evidence.configuration.profile == "sandbox" else "stored"
        return tables.expectation_of(self.evidence.table, given, restoration.point)

    def _results(self, restoration: Restoration) -> tuple[CheckResult, ...]:
        """Return the results that follow from what was observed of the copy, in the order of the drill."""
        copy, what = restoration.instance_id, f"restorations[{restoration.instance_id}]"
        there, compared = self._seen(CopySeen, copy), self._seen(SettingsSeen, copy)
        if there is None or compared is None:
            return ()
        self.outcome.hold(f"{what} beside AWS's answers", self._told.called(copy, there))
        if self._kind.record == TABLE:
            return self._of_table(restoration, there, compared)
        self.outcome.hold(f"{what}.settings", self._beside_told(there, compared))
        if self._kind.record == BUCKET:
            return self._of_bucket(restoration, there, compared)
        unread, point = bool(self.evidence.seen(LossSeen)), restoration.point
        lent = point is not None and is_lent(self.recovery.target, point)
        if self._kind.record == FILE_SYSTEM:
            judged = (file_systems.available(there), file_systems.compare_settings(compared, lent=lent))
            return (*judged, *([file_system_settings.contents()] if unread else []))
        made_of = self._seen(LineageSeen, copy)
        results = [volumes.available(there), volumes.compare_settings(compared, lent=lent)]
        if made_of is not None and point is not None:
            results.append(volumes.lineage(point, made_of))
        return (*results, *([volume_settings.contents()] if unread else []))

    def _of_table(self, restoration: Restoration, there: CopySeen, compared: SettingsSeen) -> tuple[CheckResult, ...]:
        manifest, items = self.evidence.table, self._seen(ItemsSeen, restoration.instance_id)
        if manifest is not None:
            self.outcome.compare("manifest.settings", compared.expected, dict(manifest.settings))
        results = (tables.readable(there), tables.compare_settings(compared))
        if items is None:
            return results
        expectation = self._expectation(restoration)
        return (*results, tables.compare_items(manifest, compared.found.get("key_schema"), items, expectation))

    def _of_bucket(self, restoration: Restoration, there: CopySeen, compared: SettingsSeen) -> tuple[CheckResult, ...]:
        results = (buckets.available(there), buckets.compare_settings(compared))
        seen: ObjectsSeen | None = self._seen(ObjectsSeen, restoration.instance_id)
        if seen is None:
            return results
        began = restoration.point.created_at if restoration.point else None
        what = f"restorations[{restoration.instance_id}].objects"
        self.outcome.compare(f"{what}.at", seen.at, began)
        self.outcome.compare(f"{what}.expected", seen.expected is not None or seen.most is not None, compared.of_source)
        return (*results, objects.judge(seen))

    def _beside_told(self, there: CopySeen, compared: SettingsSeen) -> Iterator[Difference]:
        """Yield where the settings that were judged are not those that AWS told; of tags the answers have digests alone."""
        source = self.recovery.target.instance if compared.of_source else ""
        for identity, judged in ((there.id, compared.found), (source, compared.expected or {})):
            described = self._described(identity) if identity else None
            if described is not None:
                told = described if self._kind.record == BUCKET else judged
                names = [name for name in told if name.split(".")[0] not in _TOLD_ELSEWHERE]
                known = {name: judged.get(name, "") for name in names}
                yield from between(f"settings of {identity}", known, described)

    def _described(self, identity: str) -> dict[str, str] | None:
        """Return the settings that the description of a thing has, without tags; None of one that AWS never described."""
        if self._kind.record == FILE_SYSTEM:
            found = self._told.file_system(identity)
            return None if found is None else file_system_settings.of_description(found)
        if self._kind.record == BUCKET:
            return bucket_settings.of_told(self._told.bucket(identity) or {})
        told = self._told.volume(identity)
        return None if told is None else volume_settings.of_description(told)

    def _seen(self, kind: type[Any], copy: str) -> Any:
        return next(iter(self.evidence.seen(kind, copy)), None)

    # -- beside it ----------------------------------------------------------------------------------------------------

    def _beside(self) -> None:
        if self.evidence.scenarios is not None:
            self.outcome.hold("promises", beside.scenarios(self.recorded, self.evidence.scenarios))
        else:
            self._without_scenarios()
        self.outcome.hold("what was observed beside the recovery", beside.unobserved(self.recovery))
        found = (*beside.resources(self.recovery), *self._made())
        self.outcome.hold("resources beside AWS's answers", found)
        self.outcome.hold("calls of AWS", beside.calls(self.evidence))

    def _made(self) -> Iterator[Difference]:
        """Yield a copy that the record lacks, one that AWS still knew at the end, and one of another identity than AWS told."""
        kind = self._kind.makes
        known = {each.id: each for each in self.recorded.resources if each.kind == kind}
        for name in (copy.instance_id for copy in self.recorded.restorations):
            if name not in known:
                yield Difference(f"resources[{name}]", "nothing", f"a {kind}, which was restored")
        for name, each in known.items():
            told = self._told.identities(name, each.resource_id)
            if each.resource_id and each.resource_id not in told:
                yield Difference(f"resources[{name}].resource_id", each.resource_id, " or ".join(told) or "nothing")
            if (
                each.state == "gone"
                and each.note != WITH_SANDBOX
                and (there := self._told.last(name, each.resource_id))
            ):
                yield Difference(f"resources[{name}].state", "gone", there)
