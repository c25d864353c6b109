"""Opens what a cut-over needs (guards, clients, journal, lock), and begins, finds or rolls back a cut-over."""

from __future__ import annotations

import dataclasses
import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from drills.aws.ca_bundle import check_bundle
from drills.aws.credentials import password_for
from drills.aws.recorder import CallRecorder
from drills.aws.session import identify
from drills.aws.sides import open_source
from drills.clock import SystemClock
from drills.config.load import Config
from drills.cutover import guards, opening
from drills.cutover.database import raw_by_id, raw_by_name
from drills.cutover.environment import Acknowledgements, Environment
from drills.cutover.journal import (
    BucketStore,
    FolderStore,
    JournalStore,
    MirroredStore,
    next_id,
    parse_s3_url,
    unfinished,
)
from drills.cutover.lock import FileLock, LeaseLock, Lock
from drills.cutover.model import State, replay_journal
from drills.cutover.opening import RecoveryRequest
from drills.cutover.public_address import AddressMonitor
from drills.cutover.run import Cutover
from drills.cutover.show import next_command
from drills.errors import ConfigError

_MORE_SERVICES = ("ecs", "application-autoscaling", "s3")
_COPY = Path("reports/out/cutover")


def reopen(session: CutoverSession) -> CutoverSession:
    """Return the session with a monitor and a lock of its own, for another command in the same process."""
    watch = AddressMonitor(session.env.config.public_url, session.env.clock, min(session.env.poll_seconds, 1.0))
    _, lock = _store(session.config, session.env.client("s3"), session.who)
    return dataclasses.replace(session, env=dataclasses.replace(session.env, watch=watch, lock=lock))


@contextmanager
def locked(session: CutoverSession, confirmed: str | None) -> Iterator[None]:
    """Hold the target's lock and monitor the public address. Raises Refused where nobody typed the instance's name."""
    guards.check_confirmed(session.config.target.instance, confirmed)
    session.env.lock.acquire()
    session.env.watch.start()
    try:
        yield
    finally:
        session.env.watch.stop()
        session.env.lock.release()


# -- the three that change something ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CutoverSession:
    """The configuration, environment and journal store of a command."""

    config: Config
    env: Environment
    store: JournalStore
    who: str


def begin(session: CutoverSession, request: RecoveryRequest) -> State:
    """Begin a cut-over and carry it out; the session must be locked."""
    under_way = unfinished(session.store, lambda entries: bool(entries) and replay_journal(entries).ended)
    if under_way:
        raise ConfigError(
            f"expected no cut-over of {session.config.target_name} to be under way, found {under_way}: "
            f"{next_command('resume', under_way, session.env.given)}, or "
            f"{next_command('rollback', under_way, session.env.given)}"
        )
    guards.check_opt_in(session.config, raw_by_name(session.env, session.config.target.instance))
    cutover_id = next_id(session.env.clock.now(), session.store.ids())
    session.env.tell(f"cut-over {cutover_id} of {session.config.target.instance}: reading what there is")
    # its clock runs from here: reading takes time too
    cutover = Cutover(session.env, session.store, cutover_id, session.who)
    cutover.open(
        opening.read_opening(
            session.env, (cutover_id, session.config.target_name, session.config.profile_name), request
        )
    )
    return cutover.carry_out()


def find_cutover(session: CutoverSession, named: str | None) -> Cutover:
    """Return the cut-over of that id, the last one where none is named; ConfigError where it is another target's."""
    ids = session.store.ids()
    cutover_id = named or (ids[-1] if ids else "")
    if cutover_id not in ids:
        raise ConfigError(
            f"expected a cut-over in {session.store.location()}, found {f'none called {cutover_id}' if cutover_id else 'none'}; "
            f"there are {', '.join(ids) or 'none'}"
        )
    cutover = Cutover(session.env, session.store, cutover_id, session.who)
    known = cutover.state.opening
    here = (session.config.target.instance, session.config.profile_name)
    if here != (known.instance, known.profile):
        raise ConfigError(
            f"expected the target and profile that {cutover_id} was begun with ({known.instance}, {known.profile}), found "
            f"{', '.join(here)}: give --target and --profile"
        )
    guards.check_opt_in(session.config, _source_if_there(session, cutover.state))
    session.env.tell(f"cut-over {cutover_id} of {known.instance}: going on")
    return cutover


def _source_if_there(session: CutoverSession, state: State) -> Any:
    """Return the source, whose own tag must still permit this; None once it is gone."""
    return raw_by_id(session.env, state.opening.source_resource_id)


def roll_back(session: CutoverSession, cutover_id: str | None, discard_since: datetime | None) -> State:
    """Roll a cut-over back, the last one where none is named; the session must be locked."""
    cutover = find_cutover(session, cutover_id)
    cutover.begin_rollback(discard_since)
    return cutover.carry_out()


# -- opening a session ----------------------------------------------------------------------------------------------


def open_session(
    effective: Config,
    endpoint: str | None,
    bundle: str | None,
    leave: Acknowledgements,
    recorder: CallRecorder | None = None,
    *,
    given: tuple[str, ...] = (),
) -> CutoverSession:
    """Return a session for a configuration; `endpoint` is the sandbox's, `bundle` the authority of its certificates.

    `recorder` gets the session's calls of AWS; `given` are the options that its next commands repeat.
    """
    cutover = guards.check_config(effective)
    check_bundle(effective)
    clients = identify(open_source(effective, endpoint, recorder, "cutover"))
    guards.check_account_and_region(effective, clients)
    more = {name: clients.client(name) for name in _MORE_SERVICES}
    clock, caller = SystemClock(), str(clients.sts.get_caller_identity().get("Arn", ""))
    who = f"{getpass.getuser()}@{socket.gethostname()}" + (f" ({caller})" if caller else "")
    store, lock = _store(effective, more["s3"], who)
    seconds = effective.profile.poll_every.total_seconds()
    bundle = effective.target.restore.ca_bundle or bundle
    login = password_for(effective.target.credentials, environment=os.environ, secretsmanager=clients.secretsmanager)
    env = Environment(
        clients=clients,
        more_clients=more,
        target=effective.target,
        target_name=effective.target_name,
        config=cutover,
        clock=clock,
        poll_seconds=seconds,
        lock=lock,
        watch=AddressMonitor(cutover.public_url, clock, min(seconds, 1.0)),
        login=login,
        ca_bundle=Path(bundle) if bundle else None,
        acknowledged=leave,
        simulated=effective.simulated,
        given=given,
    )
    return CutoverSession(effective, env, store, who)


def _store(effective: Config, s3: Any, who: str) -> tuple[JournalStore, Lock]:
    cutover = guards.check_config(effective)
    if "://" not in cutover.journal:
        folder = Path(cutover.journal) / effective.target_name
        return FolderStore(folder), FileLock(folder / "lock", who)
    bucket, prefix = parse_s3_url(cutover.journal)
    place = (bucket, f"{prefix}/{effective.target_name}".lstrip("/"))
    store = MirroredStore(BucketStore(s3, *place), FolderStore(_COPY / effective.target_name))
    return store, LeaseLock(s3, place, who, SystemClock(), cutover.lease)
