"""Restores for an incident: the path of a drill, with its guards, its isolation and its checks, and a copy that stays.

From the moment that the copy is available and its password lies in Secrets Manager, nothing removes it but its own time: not a
check that fails, not a signal, not a connection that this machine cannot make.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import psycopg
from pydantic import SecretStr

from drills import errors
from drills.aws import read as aws
from drills.aws.guarded.names import ScratchName, ScratchNames
from drills.aws.scratch import Scratch, remaining_resources
from drills.checks import suite
from drills.checks.base.session import Connector, database_names
from drills.checks.manifest import Manifest
from drills.checks.server import isolation
from drills.durations import show_duration
from drills.errors import NoRecoveryPoint
from drills.incident import choice
from drills.incident.choice import Continuous, Known
from drills.incident.lease import set_until
from drills.model.finding import Verdict
from drills.model.instance import Instance
from drills.model.point import Choice, PointSelector, RecoveryPoint
from drills.model.record import Promise, PromiseOutcome, Restoration, RunRecord
from drills.model.timing import Disaster, Measurement
from drills.objectives import recovery_time, timeline
from drills.record import Journal
from drills.recovery import choose as sampling
from drills.recovery import selection
from drills.recovery.drill import CHOOSING, Drill
from drills.recovery.failing import translate_client_errors
from drills.recovery.judged import Checks, ShownChecks
from drills.recovery.restore import restore
from drills.recovery.setup import Setup

Stage = Literal["chosen", "handed over", "usable"]
Tell = Callable[[Stage], None]
FEATURE, NAME = "Restore of an incident", "A copy is there and holds what its recovery point should"
# what a group that somebody else named lets in and out is theirs to choose
_OPENED = "not judged: the security group of this copy was named for the incident"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks for: data not after a moment, or the point of a name; else the newest there is. And how long it stays."""

    keep: timedelta
    not_after: datetime | None = None
    point: str = ""
    group: str = ""  # the security group that the copy is put into, "" for that of drills

    @property
    def text(self) -> str:
        """What is asked for, as the record has it."""
        return self.point or (self.not_after.isoformat() if self.not_after else choice.LATEST)


class Desk:
    """Takes the copy over for the incident: keeps its password in a secret, and from then on the copy stays."""

    def __init__(self, journal: Journal, keep_secret: Callable[[ScratchName, SecretStr], str], tell: Tell) -> None:
        self._journal = journal
        self._keep_secret = keep_secret
        self._tell = tell

    def keep(self, instance: Instance, password: SecretStr) -> None:
        """Make the secret before the instance gets the password: one that nobody has would be worth nothing."""
        name = ScratchNames.of(self._journal.record.owner, "recovery").secret
        self._keep_secret(name, login_of(instance, password))
        note(self._journal, secret=str(name), username=instance.master_username)

    def give(self, instance: Instance) -> None:
        """Take the copy over; from here on it stays."""
        now, took = self._journal.clock.now(), self._journal.elapsed()
        note(self._journal, handed_over_at=now, seconds=took, reached_by=instance.security_groups)
        self._tell("handed over")


def note(journal: Journal, **changes: object) -> None:
    """Note something of the incident in the record."""
    incident = journal.record.incident
    assert incident
    journal.update(incident=dataclasses.replace(incident, **changes))  # type: ignore[arg-type]


def login_of(instance: Instance, password: SecretStr) -> SecretStr:
    """Return the text of the secret: the members that RDS gives its own secrets ("JSON structure", Secrets Manager User Guide)."""
    login = {
        "engine": "postgres",
        "host": instance.host,
        "port": instance.port,
        "username": instance.master_username,
        "password": password.get_secret_value(),
    }
    return SecretStr(json.dumps(login))


def setup_for(setup: Setup, asked: Asked, tell: Tell) -> Setup:
    """Return the settings of a drill for an incident: its tags with the time to keep, its group, and a desk that takes over."""
    target = setup.target
    changes: dict[str, object] = {
        "time_to_live": asked.keep,
        "tags": dict(target.tags) | {aws.INCIDENT_TAG: asked.text[:256]},
        "sample": PointSelector("named", asked.text),
        "hydrate": False,
    }
    if asked.group:
        changes["restore"] = target.restore.model_copy(update={"security_group": asked.group})
    made = dataclasses.replace(setup, target=target.model_copy(update=changes))
    scratch = Scratch(made.scratch_clients, made.target.restore, made.journal, made.tags(), made.clients, made.kind)
    return dataclasses.replace(made, handover=Desk(made.journal, scratch.keep_secret, tell))


@translate_client_errors()
def carry_out(setup: Setup, asked: Asked, manifest: Manifest | None, key: bytes | None, tell: Tell) -> None:
    """Restore what is asked for, hand the copy over, check it, and record all of it; `setup` is from `setup_for`.

    Raises NoRecoveryPoint where there is none, DrillError where it could not be restored or checked.
    """
    source, point = _choose(setup, asked)
    tell("chosen")
    setup = dataclasses.replace(setup, target=setup.target.model_copy(update={"sample": _sample_of(point)}))
    if manifest is not None and not is_of(manifest, setup, point):
        manifest, setup = None, dataclasses.replace(setup, expectation="none")
        setup.journal.append(
            "notes", "the stored manifest is of another moment than this point: what needs a manifest is not compared"
        )
    copy = restore(setup, point, source, purpose="recovery", enter=setup.journal.enter)
    checks: Checks = ShownChecks(suite, (isolation.NAME,), _OPENED) if asked.group else suite

    def usable(found: Restoration) -> None:
        note_databases(setup.journal, copy.connect)
        _usable(setup, found, tell)

    Drill(setup, manifest, key, checks).check(copy, point, source, usable)


def finish(setup: Setup) -> None:
    """Set until when the copy stays, counted from now; where that cannot be set, the longer time of its beginning holds."""
    journal, incident = setup.journal, setup.journal.record.incident
    assert incident
    until = journal.clock.now() + timedelta(seconds=incident.keep_seconds)
    record = journal.record
    things = remaining_resources(record.resources)
    problems = set_until(setup.scratch_clients, setup.clock, record.owner, things, until)
    if problems:
        until = max(until, setup.expires())
        journal.append("notes", *problems)
    note(journal, kept_until=until)
    for each in things:
        if each.state == "made":
            journal.resource(dataclasses.replace(each, state="kept", note=note_of(record.owner, until)))


def promise(record: RunRecord) -> Promise:
    """Return the one promise that a restore keeps or breaks, as its reports list it. Pure."""
    missed = [each.sentence for each in record.verdicts if each.outcome == "missed"]
    if missed:
        return Promise(record.run_id, FEATURE, NAME, "failed", reason=missed[0])
    open_ones = [each.sentence for each in record.failures]
    open_ones += [f"interrupted by {record.interrupted_by}"] if record.interrupted_by else []
    open_ones += [each.sentence for each in record.unverified]
    outcome: PromiseOutcome = "broken" if open_ones else "passed"
    return Promise(record.run_id, FEATURE, NAME, outcome, reason=open_ones[0] if open_ones else "")


def note_of(run_id: str, until: datetime) -> str:
    """Return the note of what stays: until when, and how it is removed before. Pure."""
    return (
        f"kept for the incident; drills sweep removes it after {until:%Y-%m-%d %H:%M:%S} UTC; to remove it now: "
        f"drills restore end {run_id}"
    )


# -- the point --------------------------------------------------------------------------------------------------------


def _choose(setup: Setup, asked: Asked) -> tuple[Instance | None, RecoveryPoint]:
    journal, now = setup.journal, setup.clock.now()
    journal.enter(CHOOSING)
    journal.mark(timeline.DECLARATION)
    journal.update(disaster=Disaster(at=min(asked.not_after or now, now), mode="now", declared_at=now))
    with setup.clients.within(CHOOSING):
        source = aws.describe_instance(setup.clients, setup.target.instance, setup.kind)
        known = read_known(setup, source)
    if source is None:
        journal.append("notes", f"the source {setup.target.instance} is not there any more: its settings are unknown")
    chosen = choice.choose_named(known, asked.point, now) if asked.point else choice.choose(known, asked.not_after, now)
    journal.update(refused_points=chosen.refused)
    if chosen.point is None:
        verdict = Verdict(
            selection.VERDICT, "missed", _none(setup, asked, chosen, known), exit_code=errors.COULD_NOT_RUN
        )
        journal.verdict(verdict)
        raise NoRecoveryPoint(verdict.sentence)
    journal.append("notes", *(finding.message for finding in chosen.findings))
    journal.verdict(selection.judge(setup.target.instance, setup.target.vault, chosen))
    journal.mark(timeline.CHOSEN)
    note(journal, reaches=choice.distance(chosen.point, asked.not_after, now))
    _note_target(journal, source, chosen.point)
    return source, chosen.point


def read_known(setup: Setup, source: Instance | None) -> Known:
    """Return every point of the instances that ever had the source's name, and their automated backups, retained ones too."""
    restores_here = setup.scratch_clients.region == setup.clients.region and not setup.target.restore.kms_key
    why = "" if restores_here else "a moment cannot be restored to in another region or under another key"
    raw = aws.automated_backups(setup.clients, setup.target.instance, setup.kind)
    continuous = tuple(Continuous(aws.read_continuous(each, setup.kind), aws.window_of(each)) for each in raw)
    return Known(sampling.points_of(setup), continuous, source.dbi_resource_id if source else None, why)


def _none(setup: Setup, asked: Asked, chosen: Choice, known: Known) -> str:
    target = setup.target
    if asked.point:
        return selection.explain_none(target.instance, target.vault, chosen, PointSelector("named", asked.point))
    where = f"vault {target.vault!r}, the RDS snapshots" if target.vault else "the RDS snapshots"
    until = f" whose data do not go beyond {asked.text}" if asked.not_after else ""
    told = [f"{each.arn.rsplit(':', 1)[-1]}: {each.reason}" for each in chosen.refused[:3]]
    more = f" and {len(chosen.refused) - 3} more" if len(chosen.refused) > 3 else ""
    found = f"{len(chosen.refused)} that cannot be used ({'; '.join(told)}{more})" if told else "none at all"
    dated = [each.data_time for each in known.points if each.data_time]
    dated += [each.window.earliest for each in known.continuous if each.window]
    first = f"; the oldest data that there are are of {min(dated):%Y-%m-%d %H:%M:%S} UTC" if dated else ""
    return (
        f"expected a point of {target.instance!r}{until} in {where} and the automated backups, found {found}{first}: name a later "
        "--at, a point with --recovery-point, or a target with another vault"
    )


def _sample_of(point: RecoveryPoint) -> PointSelector:
    if point.kind == "continuous" and point.data_time:
        return PointSelector("moment", point.data_time.isoformat(), moment=point.data_time)
    return PointSelector("named", point.arn)


def is_of(manifest: Manifest, setup: Setup, point: RecoveryPoint) -> bool:
    """Return whether a manifest says what a point holds: never of a moment between two backups, whose data had changed since."""
    return point.kind != "continuous" and sampling.manifest_matches(manifest.taken_at, setup, point)


def _note_target(journal: Journal, source: Instance | None, point: RecoveryPoint) -> None:
    known = journal.record.target
    if known is None:
        return
    region, account = (*(source.arn if source else point.arn).split(":"), *[""] * 5)[3:5]
    version = source.engine_version if source else point.engine_version
    resource_id = source.dbi_resource_id if source else point.dbi_resource_id or ""
    journal.update(
        target=dataclasses.replace(
            known, engine_version=version, dbi_resource_id=resource_id, account=account, region=region
        )
    )


def note_databases(journal: Journal, connect: Connector) -> None:
    """Note which databases the copy has, for whoever is to log in; the check of the connection says why where it does not tell."""
    known = journal.record.target
    with contextlib.suppress(psycopg.Error):
        if known is not None:
            journal.update(target=dataclasses.replace(known, databases=database_names(connect)))


# -- the checks -------------------------------------------------------------------------------------------------------


def _usable(setup: Setup, found: Restoration, tell: Tell) -> None:
    """Record how long it took until the copy could be used: told, and held against no objective."""
    journal = setup.journal
    failed = recovery_time.unpassed(found.checks, lambda each: setup.requirement(each.name, each.requirement))
    journal.mark(timeline.ENDED if failed else timeline.PASSED)
    seconds = None if failed else journal.elapsed()
    sentence = f"usable {show_duration(journal.elapsed())} after this was called"
    if failed:
        sentence = f"RTA was not measured: {recovery_time.why_not_usable(failed)}"
    began = journal.record.started_at
    journal.append(
        "measurements", Measurement("RTA", seconds, began, None if failed else setup.clock.now(), "own clock", sentence)
    )
    why = f"the RTO is not judged by the restore of an incident, which began before this was called; {sentence}"
    journal.verdict(Verdict("rto", "not verified", why, "optional", errors.OBJECTIVE_MISSED))
    tell("usable")
