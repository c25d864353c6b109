"""The cut-over of a run and its rollback, each done once, for the scenarios of features/cutover/.

In the sandbox the run's own source and a service made for it are cut over. Elsewhere it is the target's service, where the
profile allows it and `cutover.drilled` repeats the instance's name; the end of the run rolls it back in any case.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import endpoint_health
from drills.aws import read as aws
from drills.aws.databases.kinds import KINDS
from drills.aws.recorder import CallRecorder
from drills.checks.server import isolation
from drills.clock import wait_until
from drills.config.load import Config, Credentials, SandboxProfile
from drills.cutover import data, judge, public_address, show
from drills.cutover import session as command
from drills.cutover.database import by_id, raw_by_id
from drills.cutover.environment import Acknowledgements, Environment
from drills.cutover.journal import FolderStore, JournalStore, MirroredStore
from drills.cutover.judge import RollbackObservation
from drills.cutover.lock import LockHeld
from drills.cutover.model import Entry, State, address_changes, replay_journal, write_entry
from drills.cutover.observed import MoveSeen, RollbackSeen
from drills.cutover.opening import RecoveryRequest
from drills.cutover.session import CutoverSession
from drills.errors import LEFT_BEHIND, VERIFICATION_FAILED, DrillError
from drills.model import phases
from drills.model.finding import CheckResult, NotChecked, Verdict
from drills.record import Journal
from drills.run import context, stage_service
from drills.run.context import LocalAws, RunOptions
from drills.run.kept import kept_resources

FOLDER = "cutover"  # of the run: the journals of its cut-over
_MARGIN = 10.0  # seconds beside a lease, for the clocks of two machines


def reason_left_out(effective: Config) -> str:
    """Return why a run does not cut the target over, "" where it does; whether the profile allows it is checked elsewhere."""
    if isinstance(effective.profile, SandboxProfile):
        return ""
    cutover, instance = effective.target.cutover, effective.target.instance
    if cutover is None:
        return f"the target says nothing of a cut-over: targets.{effective.target_name}.cutover in drill.toml"
    if cutover.drilled != instance:
        found = f'"{cutover.drilled}"' if cutover.drilled else "none"
        return f'a run cuts over only what cutover.drilled names: expected "{instance}" in drill.toml, found {found}'
    return ""


def reason_lacking(effective: Config) -> str:
    """Return which service of a cut-over the profile's endpoint lacks, "" where it lacks none; asks for its health page."""
    return endpoint_health.reason_lacking(effective.profile, ("ecs", "elbv2"))


def open_cutover(folder: Path, journal: Journal) -> DrilledCutover:
    """Return the cut-over of the run in this folder; in the sandbox the service is made. Refused where a guard holds."""
    choices, service = context.read(folder), context.local_aws_of(folder)
    effective = choices.effective()
    own = FolderStore(folder / FOLDER / effective.target_name)
    recorder = CallRecorder(folder, "cut-over")
    if service is not None:
        staged = _staged(folder, journal, choices, service, recorder)
        session = command.open_session(staged, service.endpoint, service.ca, Acknowledgements(), recorder)
        return DrilledCutover(session, own, journal, RecoveryRequest(point=choices.manifest_of))
    given = _given(choices, effective)
    session = command.open_session(effective, None, None, Acknowledgements(), recorder, given=given)
    return DrilledCutover(
        dataclasses.replace(session, store=MirroredStore(session.store, own)), own, journal, RecoveryRequest()
    )


def _given(choices: RunOptions, effective: Config) -> tuple[str, ...]:
    """Return the options by which `drills cutover` finds the run's target."""
    return show.given_options(
        config=choices.config_file,
        profile=choices.profile,
        target=choices.target,
        endpoint_url=choices.overrides.get("--endpoint-url"),
        confirm=effective.target.instance,
    )


def command_back(folder: Path) -> str:
    """Return the command that rolls the cut-over of the run in this folder back; without options where they cannot be read."""
    try:
        choices = context.read(folder)
        effective = choices.effective()
        own = FolderStore(folder / FOLDER / effective.target_name)
        state = replay_journal(own.read(own.ids()[-1]))
    except (DrillError, OSError, IndexError):
        return "drills cutover rollback"
    return show.rollback_command(state, _given(choices, effective))


def _staged(folder: Path, journal: Journal, choices: RunOptions, service: LocalAws, recorder: CallRecorder) -> Config:
    """Return the target with a service made for this run, in place of the one that drill.toml names."""
    effective = choices.effective()
    clients, _ = context.identified_clients(effective, service, recorder, "stage")
    target = effective.target
    source = aws.describe_instance(clients, target.instance, KINDS[target.kind])
    known = journal.record.target
    if source is None or known is None or not known.databases:
        raise DrillError(f"expected the staged source {target.instance!r}, found none: see stage.log")
    journal.enter("create the service", note="one task of a web application behind a front door")
    url = stage_service.deploy(clients, source, known.databases[0])
    journal.enter(phases.REMAINING)
    cutover = stage_service.cutover_config(target.instance, known.databases[0], url, str(folder / FOLDER))
    return dataclasses.replace(
        effective,
        target=target.model_copy(
            update={
                "cutover": cutover,
                "credentials": Credentials(secret_id=stage_service.secret_of(target.instance)),
                "manifest": str(folder / context.MANIFEST_NAME),
            }
        ),
    )


class _NotingStore:
    """Journals of which each entry is noted in the record of the run as well, before what it announces is done."""

    def __init__(self, store: JournalStore, note: Callable[[], None]) -> None:
        self._store, self._note = store, note
        self.ids, self.read, self.location = store.ids, store.read, store.location

    def append(self, cutover_id: str, entry: Entry) -> None:
        """Write the entry, then note it."""
        self._store.append(cutover_id, entry)
        self._note()


class DrilledCutover:
    """A cut-over and its rollback. Each is done once and remembered, and so is its failure."""

    def __init__(self, session: CutoverSession, own: FolderStore, journal: Journal, request: RecoveryRequest) -> None:
        noting = _NotingStore(session.store, self._note_kept)
        self._session = dataclasses.replace(session, store=noting)
        self._own, self._journal, self._request = own, journal, request
        self._moved: tuple[CheckResult, ...] = ()
        self._undone: CheckResult | None = None
        self._seen: RollbackObservation | None = None
        self._why, self._code = "", VERIFICATION_FAILED

    @property
    def state(self) -> State | None:
        """The state of the cut-over, None where nothing was begun."""
        ids = self._own.ids()
        return replay_journal(self._own.read(ids[-1])) if ids else None

    def move(self) -> tuple[CheckResult, ...]:
        """Move the service to the restored database; return the result of each check."""
        if not self._moved:
            self._journal.enter("cut over", note="the service moves to a database that is restored under the same name")
            self._attempt(lambda session: command.begin(session, self._request))
            openings = self._openings()
            self._moved = judge.judge_move(self.state, self._why, openings)
            self._note(MoveSeen(self._lines(), self._why, tuple(openings), self._code))
            self._keep(*self._moved)
        return self._moved

    def undo(self) -> CheckResult:
        """Lead the service back to the old instance; return the result."""
        if self._undone is None:
            self._journal.enter("roll back the cut-over", note="nothing is deleted by it")
            self._lead_back()
            self._undone = judge.judge_rollback(self.state, self._why, self._seen)
            self._note(RollbackSeen(self._lines(), self._why, self._seen, self._code))
            self._keep(self._undone)
        return self._undone

    def undo_at_end(self) -> None:
        """Lead the service back where the run has not done so."""
        state = self.state
        if state is None:
            return
        if not judge.is_rolled_back(state):
            self._wait_for_the_lock()
            self._lead_back()
            state = self.state or state
            if not judge.is_rolled_back(state):
                sentence = f"expected the service to be led back, found: {judge.stop_sentence(state, self._why)}: "
                back = show.rollback_command(state, self._session.env.given)
                self._journal.failure(f"{sentence}{back}", LEFT_BEHIND)
        self._note_kept()

    def evidence(self) -> dict[str, str]:
        """Return the evidence that a report shows, by name."""
        state = self.state
        if state is None:
            return {}
        return {
            "What was done, and when": "\n".join(show.report_lines(state)),
            "What the address answered": "\n".join(
                f"{show.show_instant(at)}  {answer}" for at, answer in address_changes(state.entries)
            ),
            "Comparison of the configuration": "\n".join(show.comparison_lines(state)),
            "Journal": "\n".join(map(write_entry, state.entries)),
        }

    # -- one way and the other --------------------------------------------------------------------------------------

    def _attempt(self, way: Callable[[CutoverSession], object]) -> None:
        """Carry out one direction with a locked session; remember why it failed."""
        instance, cutover = self._session.config.target.instance, self._session.env.config
        # the sandbox's instance was made for this run; elsewhere drill.toml must have named it
        confirmed = instance if isinstance(self._session.config.profile, SandboxProfile) else cutover.drilled or ""
        self._why, self._code = "", VERIFICATION_FAILED
        try:
            session = command.reopen(self._session)
            with command.locked(session, confirmed):
                way(session)
        except (DrillError, ClientError, BotoCoreError, psycopg.Error, OSError) as error:
            self._why = " ".join(str(error).split())
            self._code = error.exit_code if isinstance(error, DrillError) else DrillError.exit_code

    def _lead_back(self) -> None:
        state = self.state
        if state is None:
            return
        known, since = state.opening.id, state.writes_opened_at

        def way(session: CutoverSession) -> None:
            self._seen = _observe(session.env, command.roll_back(session, known, since))

        self._attempt(way)

    def _keep(self, *results: CheckResult) -> None:
        for each in results:
            self._journal.verdict(Verdict(each.name, each.outcome, each.sentence, exit_code=self._code))
            left = (NotChecked(f"{each.name}: {gap.what}", gap.reason) for gap in each.not_checked)
            self._journal.append("not_checked", *left)
        self._journal.enter(phases.REMAINING)

    def _note_kept(self) -> None:
        """Keep in the record what the cut-over leaves in AWS, under the names that it has by now."""
        state, known = self.state, self._journal.record.resources
        clients = self._session.env.clients
        given = self._session.env.given
        kept = kept_resources(state, clients.account, clients.region, given) if state else ()
        resources = (*(each for each in known if each.state not in ("in use", "kept")), *kept)
        if resources != known:
            self._journal.update(resources=resources)

    def _lines(self) -> tuple[str, ...]:
        """Return the journal as it is now."""
        return tuple(map(write_entry, self.state.entries)) if self.state else ()

    def _note(self, seen: MoveSeen | RollbackSeen) -> None:
        context.observations_of(self._journal.folder).note(judge.NAME, "", seen)

    def _openings(self) -> list[str]:
        """Return what the verification-only group admits beside single hosts."""
        group = self.state.group if self.state else ""
        if not group:
            return []
        groups = self._session.env.clients.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
        openings = [each for group in groups for each in isolation.openings(group)]
        return [f"{what} is {found}" for what, expected, found in openings if found != expected]

    def _wait_for_the_lock(self) -> None:
        """Wait for a lock in S3, which a process that was killed holds until its lease has passed."""
        env = command.reopen(self._session).env

        def is_free() -> bool:
            try:
                env.lock.acquire()
            except LockHeld:
                return False
            env.lock.release()
            return True

        seconds = env.config.lease.total_seconds() + _MARGIN
        wait_until(is_free, seconds, env.clock, every=env.poll_seconds, what="the lock of the cut-over to be free")


def _observe(env: Environment, state: State) -> RollbackObservation:
    """Observe both instances and the answer of the address after a rollback."""
    opening = state.opening
    source = raw_by_id(env, opening.source_resource_id) or {}
    restored = raw_by_id(env, state.restored_resource_id) or {}
    marker = data.read_marker(env, env.connect(by_id(env, opening.source_resource_id))) if source else ""
    status, body = public_address.get(opening.public_url)
    names = [str(each.get("DBInstanceIdentifier", "")) for each in (source, restored)]
    return RollbackObservation(names[0], names[1], status, body, marker)
