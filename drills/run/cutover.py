"""The cut-over of a run: the service is moved and led back, each once, for the promises of features/cutover/.

In the sandbox the run's own source and a service made for it are cut over. Elsewhere it is the target's service, where the
profile allows it and `cutover.drilled` repeats the instance's name; the end of the run leads it back in any case.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import read as aws
from drills.checks.server import isolation
from drills.clock import wait_until
from drills.config.load import Config, Credentials, SandboxProfile
from drills.cutover import data, door, judge, show
from drills.cutover import desk as command
from drills.cutover.database import by_id, raw_by_id
from drills.cutover.desk import Desk
from drills.cutover.journal import Copied, Folder
from drills.cutover.judge import Seen
from drills.cutover.lock import Held
from drills.cutover.model import State, door_of, state_of, write_entry
from drills.cutover.opening import Wish
from drills.cutover.world import Leave, World
from drills.errors import LEFT_BEHIND, VERIFICATION_FAILED, DrillError
from drills.model import phases
from drills.model.finding import CheckResult, Verdict
from drills.record import Journal
from drills.run import context, stage_service
from drills.run.context import Choices, Service

FOLDER = "cutover"  # of the run: the journals of its cut-over
_MARGIN = 10.0  # seconds beside a lease, for the clocks of two machines


def left_out(effective: Config) -> str:
    """Why a run does not cut the target over, "" where it does. Whether the profile allows it is asked beside."""
    if isinstance(effective.profile, SandboxProfile):
        return ""
    cutover, instance = effective.target.cutover, effective.target.instance
    if cutover is None:
        return f"the target says nothing of a cut-over: targets.{effective.target_name}.cutover in drill.toml"
    if cutover.drilled != instance:
        found = f'"{cutover.drilled}"' if cutover.drilled else "none"
        return f'a run cuts over only what cutover.drilled names: expected "{instance}" in drill.toml, found {found}'
    return ""


def open_move(folder: Path, journal: Journal) -> Move:
    """The cut-over of the run in this folder; in the sandbox the service is made. Refused where a guard holds."""
    choices, service = context.read(folder), context.service_of(folder)
    effective = choices.effective()
    own = Folder(folder / FOLDER / effective.target_name)
    if service is not None:
        staged = _staged(folder, journal, choices, service)
        desk = command.desk_of(staged, service.endpoint, service.ca, Leave())
        return Move(desk, own, journal, Wish(point=choices.manifest_of))
    desk = command.desk_of(effective, None, None, Leave())
    return Move(dataclasses.replace(desk, store=Copied(desk.store, own)), own, journal, Wish())


def _staged(folder: Path, journal: Journal, choices: Choices, service: Service) -> Config:
    """The target as the sandbox has it: a service of the run's own, and nothing of what drill.toml says of another."""
    effective = choices.effective()
    clients, _ = context.identified_clients(effective, service)
    target = effective.target
    source = aws.describe_instance(clients, target.instance)
    known = journal.record.target
    if source is None or known is None or not known.databases:
        raise DrillError(f"expected the staged source {target.instance!r}, found none: see stage.log")
    journal.enter("create the service", note="one task of a web application behind a front door")
    url = stage_service.serve(clients, source, known.databases[0])
    journal.enter(phases.REMAINING)
    cutover = stage_service.settings(target.instance, known.databases[0], url, str(folder / FOLDER))
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


class Move:
    """The move of the service and the way back. Each is done once and remembered, and so is its failure."""

    def __init__(self, desk: Desk, own: Folder, journal: Journal, wish: Wish) -> None:
        self._desk, self._own, self._journal, self._wish = desk, own, journal, wish
        self._moved: tuple[CheckResult, ...] = ()
        self._undone: CheckResult | None = None
        self._seen: Seen | None = None
        self._why, self._code = "", VERIFICATION_FAILED

    @property
    def state(self) -> State | None:
        """Where the cut-over stands, None where nothing was begun."""
        ids = self._own.ids()
        return state_of(self._own.read(ids[-1])) if ids else None

    def go(self) -> tuple[CheckResult, ...]:
        """Move the service to the restored database; what is to be said of each promise."""
        if not self._moved:
            self._journal.enter("cut over", note="the service moves to a database that is restored under the same name")
            self._try(lambda desk: command.begin(desk, self._wish))
            self._moved = judge.moved(self.state, self._why, self._openings())
            self._keep(*self._moved)
        return self._moved

    def undo(self) -> CheckResult:
        """Lead the service back to the old instance; what is to be said of that."""
        if self._undone is None:
            self._journal.enter("roll back the cut-over", note="nothing is deleted by it")
            self._lead_back()
            self._undone = judge.undone(self.state, self._why, self._seen)
            self._keep(self._undone)
        return self._undone

    def put_back(self) -> None:
        """Lead the service back where the run has not done so, and say what is left of the cut-over in AWS."""
        state = self.state
        if state is None:
            return
        if not judge.is_undone(state):
            self._wait_for_the_lock()
            self._lead_back()
            state = self.state or state
            if not judge.is_undone(state):
                sentence = f"expected the service to be led back, found: {judge.stopped(state, self._why)}: "
                self._journal.failure(f"{sentence}drills cutover rollback {state.opening.id}", LEFT_BEHIND)
        if state.restored_resource_id:
            name = state.opening.aside
            self._journal.append(
                "notes", f"the cut-over's restored instance is left as {name}: delete it when it is not needed"
            )

    def evidence(self) -> dict[str, str]:
        """What a report shows beside the promises, by name."""
        state = self.state
        if state is None:
            return {}
        return {
            "What was done, and when": "\n".join(show.report_lines(state)),
            "What the address answered": "\n".join(
                f"{show.instant(at)}  {said}" for at, said in door_of(state.entries)
            ),
            "Comparison of the configuration": "\n".join(show.comparison_lines(state)),
            "Journal": "\n".join(map(write_entry, state.entries)),
        }

    # -- one way and the other --------------------------------------------------------------------------------------

    def _try(self, way: Callable[[Desk], object]) -> None:
        """Go one way with a desk that is held; keep why it came to no end."""
        instance, cutover = self._desk.config.target.instance, self._desk.world.config
        # the sandbox's instance was made for this run; elsewhere drill.toml must have named it
        confirmed = instance if isinstance(self._desk.config.profile, SandboxProfile) else cutover.drilled or ""
        self._why, self._code = "", VERIFICATION_FAILED
        try:
            desk = command.fresh(self._desk)
            with command.held(desk, confirmed):
                way(desk)
        except (DrillError, ClientError, BotoCoreError, psycopg.Error, OSError) as error:
            self._why = " ".join(str(error).split())
            self._code = error.exit_code if isinstance(error, DrillError) else DrillError.exit_code

    def _lead_back(self) -> None:
        state = self.state
        if state is None:
            return
        known, since = state.opening.id, state.writes_opened_at

        def way(desk: Desk) -> None:
            self._seen = _look(desk.world, command.turn_back(desk, known, since))

        self._try(way)

    def _keep(self, *results: CheckResult) -> None:
        for each in results:
            self._journal.verdict(Verdict(each.name, each.outcome, each.sentence, exit_code=self._code))
        self._journal.enter(phases.REMAINING)

    def _openings(self) -> list[str]:
        """What the verification-only group lets through beside single hosts."""
        group = self.state.group if self.state else ""
        if not group:
            return []
        groups = self._desk.world.clients.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
        ways = [way for each in groups for way in isolation.ways(each)]
        return [f"{what} is {found}" for what, expected, found in ways if found != expected]

    def _wait_for_the_lock(self) -> None:
        """A process that was killed holds a lock in S3 until its lease has passed."""
        world = command.fresh(self._desk).world

        def free() -> bool:
            try:
                world.lock.take()
            except Held:
                return False
            world.lock.free()
            return True

        seconds = world.config.lease.total_seconds() + _MARGIN
        wait_until(free, seconds, world.clock, every=world.poll_seconds, what="the lock of the cut-over to be free")


def _look(world: World, state: State) -> Seen:
    """Both instances, and what the address answers, after a rollback."""
    rds, opening = world.clients.rds, state.opening
    source = raw_by_id(rds, opening.source_resource_id) or {}
    restored = raw_by_id(rds, state.restored_resource_id) or {}
    marker = data.marker(world, world.connect(by_id(world, opening.source_resource_id))) if source else ""
    status, body = door.ask(opening.public_url)
    names = [str(each.get("DBInstanceIdentifier", "")) for each in (source, restored)]
    return Seen(names[0], names[1], status, body, marker)
