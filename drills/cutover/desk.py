"""Puts a cut-over together as the command line asks: configuration, guards, clients, journal, lock; then carries it out."""

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

from drills.aws import session
from drills.aws.credentials import password_for
from drills.clock import SystemClock
from drills.config.load import Config
from drills.cutover import guards, opening
from drills.cutover.database import raw_by_id, raw_by_name
from drills.cutover.door import Watch
from drills.cutover.journal import Bucket, Copied, Folder, Store, next_id, place_of, unfinished
from drills.cutover.lock import FileLock, LeaseLock, Lock
from drills.cutover.model import State, state_of
from drills.cutover.opening import Wish
from drills.cutover.run import Cutover
from drills.cutover.world import Leave, World
from drills.errors import ConfigError

_MORE = ("ecs", "application-autoscaling", "s3")
_COPY = Path("reports/out/cutover")


def fresh(desk: Desk) -> Desk:
    """The same with a watch and a lock of its own, for another command in the same process."""
    watch = Watch(desk.world.config.public_url, desk.world.clock, min(desk.world.poll_seconds, 1.0))
    _, lock = _store(desk.config, desk.world.client("s3"), desk.who)
    return dataclasses.replace(desk, world=dataclasses.replace(desk.world, watch=watch, lock=lock))


@contextmanager
def held(desk: Desk, confirmed: str | None) -> Iterator[None]:
    """Inside, the target's lock is held and the public address watched. Refused where nobody typed the instance's name."""
    guards.check_confirmed(desk.config.target.instance, confirmed)
    desk.world.lock.take()
    desk.world.watch.start()
    try:
        yield
    finally:
        desk.world.watch.stop()
        desk.world.lock.free()


# -- the three that change something ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command works with."""

    config: Config
    world: World
    store: Store
    who: str


def begin(desk: Desk, wish: Wish) -> State:
    """Cut over to what the wish means; the desk is held."""
    under_way = unfinished(desk.store, lambda entries: bool(entries) and state_of(entries).ended)
    if under_way:
        raise ConfigError(
            f"expected no cut-over of {desk.config.target_name} to be under way, found {under_way}: drills cutover resume "
            f"{under_way}, or drills cutover rollback {under_way}"
        )
    guards.check_opt_in(desk.config, raw_by_name(desk.world.clients.rds, desk.config.target.instance))
    cutover_id = next_id(desk.world.clock.now(), desk.store.ids())
    cutover = Cutover(desk.world, desk.store, cutover_id, desk.who)  # its clock runs from here: to look takes time too
    cutover.open(opening.look(desk.world, (cutover_id, desk.config.target_name, desk.config.profile_name), wish))
    return cutover.go()


def known_cutover(desk: Desk, named: str | None) -> Cutover:
    """Return the cut-over of that id, the last one where none is named; ConfigError where it is another target's."""
    ids = desk.store.ids()
    cutover_id = named or (ids[-1] if ids else "")
    if cutover_id not in ids:
        raise ConfigError(
            f"expected a cut-over in {desk.store.shown()}, found {f'none called {cutover_id}' if cutover_id else 'none'}; "
            f"there are {', '.join(ids) or 'none'}"
        )
    cutover = Cutover(desk.world, desk.store, cutover_id, desk.who)
    known = cutover.state.opening
    here = (desk.config.target.instance, desk.config.profile_name)
    if here != (known.instance, known.profile):
        raise ConfigError(
            f"expected the target and profile that {cutover_id} was begun with ({known.instance}, {known.profile}), found "
            f"{', '.join(here)}: give --target and --profile"
        )
    guards.check_opt_in(desk.config, _untouched(desk, cutover.state))
    return cutover


def _untouched(desk: Desk, state: State) -> Any:
    """The source, whose own tag must still permit this; None once it is gone."""
    return raw_by_id(desk.world.clients.rds, state.opening.source_resource_id)


def turn_back(desk: Desk, cutover_id: str | None, discard_since: datetime | None) -> State:
    """Roll a cut-over back, the last one where none is named; the desk is held."""
    cutover = known_cutover(desk, cutover_id)
    cutover.turn_back(discard_since)
    return cutover.go()


# -- what they work with ----------------------------------------------------------------------------------------------


def desk_of(effective: Config, endpoint: str | None, bundle: str | None, leave: Leave) -> Desk:
    """The same for a configuration that is known; `endpoint` is the sandbox's, `bundle` what its certificates are of."""
    cutover = guards.check_config(effective)
    clients = session.identify(session.open_clients(effective.profile, environment=os.environ, endpoint_url=endpoint))
    guards.check_place(effective, clients)
    more = {name: clients.client(name) for name in _MORE}
    clock, caller = SystemClock(), str(clients.sts.get_caller_identity().get("Arn", ""))
    who = f"{getpass.getuser()}@{socket.gethostname()}" + (f" ({caller})" if caller else "")
    store, lock = _store(effective, more["s3"], who)
    seconds = effective.profile.poll_every.total_seconds()
    bundle = effective.target.restore.ca_bundle or bundle
    login = password_for(effective.target.credentials, environment=os.environ, secretsmanager=clients.secretsmanager)
    world = World(
        clients=clients,
        more=more,
        target=effective.target,
        config=cutover,
        clock=clock,
        poll_seconds=seconds,
        lock=lock,
        watch=Watch(cutover.public_url, clock, min(seconds, 1.0)),
        login=login,
        ca_bundle=Path(bundle) if bundle else None,
        leave=leave,
        simulated=effective.simulated,
    )
    return Desk(effective, world, store, who)


def _store(effective: Config, s3: Any, who: str) -> tuple[Store, Lock]:
    cutover = guards.check_config(effective)
    if "://" not in cutover.journal:
        folder = Path(cutover.journal) / effective.target_name
        return Folder(folder), FileLock(folder / "lock", who)
    bucket, prefix = place_of(cutover.journal)
    place = (bucket, f"{prefix}/{effective.target_name}".lstrip("/"))
    store = Copied(Bucket(s3, *place), Folder(_COPY / effective.target_name))
    return store, LeaseLock(s3, place, who, SystemClock(), cutover.lease)
