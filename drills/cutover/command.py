"""Puts a cut-over together as the command line asks: configuration, guards, clients, journal, lock; then carries it out."""

from __future__ import annotations

import argparse
import dataclasses
import getpass
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from drills import config as configuration
from drills.clock import SystemClock
from drills.config import Config, EndpointProfile, SandboxProfile
from drills.cutover import guards, opening, plan, show
from drills.cutover.database import raw_by_id, raw_by_name
from drills.cutover.door import Watch
from drills.cutover.journal import Bucket, Copied, Folder, Store, next_id, place_of, unfinished
from drills.cutover.lock import FileLock, LeaseLock, Lock
from drills.cutover.model import Opening, State, opening_facts, state_of
from drills.cutover.opening import Wish
from drills.cutover.run import Cutover
from drills.cutover.world import Leave, World
from drills.errors import ConfigError, DrillError
from drills.sources import aws, session
from drills.sources.credentials import password_for

_MORE = ("ecs", "application-autoscaling", "s3")
_COPY = Path("reports/out/cutover")


def run(options: argparse.Namespace) -> int:
    """Carry out one of the four; DrillError, with where everything is and what to type next, where it could not."""
    try:
        return _run(options)
    except (ClientError, BotoCoreError) as error:
        raise DrillError(
            f"expected AWS to answer, found: {aws.in_one_line(error)}: see that it is reached and allows this; nothing was "
            "begun"
        ) from error


def _run(options: argparse.Namespace) -> int:
    desk = open_desk(options)
    if options.action == "plan":
        known = opening.look(desk.world, ("plan", desk.config.target_name, desk.config.profile_name), _wish(options))
        print(json.dumps(_plan(known), indent=1) if options.json else "\n".join(show.plan_lines(known)))
        return 0
    state = carry_out(desk, options)
    print(json.dumps(show.facts_of(state), indent=1) if options.json else "\n".join(show.report_lines(state)))
    return 0


def fresh(desk: Desk) -> Desk:
    """The same with a watch and a lock of its own, for another command in the same process."""
    watch = Watch(desk.world.config.public_url, desk.world.clock, min(desk.world.poll_seconds, 1.0))
    _, lock = _store(desk.config, desk.world.client("s3"), desk.who)
    return dataclasses.replace(desk, world=dataclasses.replace(desk.world, watch=watch, lock=lock))


def carry_out(desk: Desk, options: argparse.Namespace) -> State:
    """Run, resume or roll back, as the options say."""
    with held(desk, options.confirm):
        if options.action == "run":
            return begin(desk, _wish(options))
        if options.action == "resume":
            return _resume(desk, options)
        return turn_back(desk, options.id, _instant("--discard-writes-since", options.discard_writes_since))


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


def _plan(known: Opening) -> dict[str, Any]:
    return {
        "opening": opening_facts(known),
        "steps": [
            {"step": step.key, "title": step.title, "calls": [str(call) for call in plan.calls(known, step.key)]}
            for step in plan.steps(known)
        ],
    }


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


def _known(desk: Desk, named: str | None) -> Cutover:
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


def _resume(desk: Desk, options: argparse.Namespace) -> State:
    cutover = _known(desk, options.id)
    if options.remove_old:
        return cutover.remove_old(options.remove_old)
    return cutover.go()


def turn_back(desk: Desk, cutover_id: str | None, discard_since: datetime | None) -> State:
    """Roll a cut-over back, the last one where none is named; the desk is held."""
    cutover = _known(desk, cutover_id)
    cutover.turn_back(discard_since)
    return cutover.go()


# -- what they work with ----------------------------------------------------------------------------------------------


def _wish(options: argparse.Namespace) -> Wish:
    latest = options.at == "latest"
    counts = {}
    for text in options.count:
        name, _, number = text.partition("=")
        if not number.isdigit():
            raise ConfigError(f"--count: expected CLUSTER/SERVICE=N, found {text!r}")
        counts[name] = int(number)
    given = [name for name in ("point", "before", "at") if getattr(options, name)]
    if len(given) > 1:
        raise ConfigError(f"expected one of --point, --before and --at, found --{' and --'.join(given)}")
    return Wish(
        options.point,
        None if latest else _instant("--at", options.at),
        latest,
        _instant("--before", options.before),
        options.job,
        counts,
    )


def _instant(option: str, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{option}: expected an instant such as 2026-11-23T14:05:00Z, found {text!r}") from error
    if at.tzinfo is None:
        raise ConfigError(f"{option}: expected an instant with its zone, such as 2026-11-23T14:05:00Z, found {text!r}")
    return at.astimezone(UTC)


def open_desk(options: argparse.Namespace) -> Desk:
    """Clients, journal and lock as configuration and options say; the guards that need no instance have been asked."""
    effective, endpoint = _effective(options)
    # the certificate authority of a standing sandbox, as `drills sandbox up` says it
    bundle = os.environ.get("PGSSLROOTCERT") if effective.simulated else None
    return desk_of(effective, endpoint, bundle, Leave(options.accept_sessions, options.switched))


def desk_of(effective: Config, endpoint: str | None, bundle: str | None, leave: Leave) -> Desk:
    """The same for a configuration that is known; `endpoint` is the sandbox's, `bundle` what its certificates are of."""
    cutover = guards.check_config(effective)
    clients = session.identified(session.open_clients(effective.profile, environment=os.environ, endpoint_url=endpoint))
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


def _effective(options: argparse.Namespace) -> tuple[Config, str | None]:
    """The configuration, and where the standing sandbox answers."""
    given = {
        "path": Path(options.config) if options.config else None,
        "profile": options.profile,
        "target": options.target,
        "environment": os.environ,
    }
    effective = configuration.load(**given)
    if isinstance(effective.profile, EndpointProfile) and options.endpoint_url:
        effective = configuration.load(**given, overrides={"--endpoint-url": options.endpoint_url})
    if not isinstance(effective.profile, SandboxProfile):
        return effective, None
    endpoint = options.endpoint_url or os.environ.get("AWS_ENDPOINT_URL") or ""
    if urlsplit(endpoint).hostname not in session.LOOPBACK:
        raise ConfigError(
            "expected the address of a sandbox on this machine, found "
            f'"{endpoint or "none"}": eval "$(drills sandbox up)", or give --endpoint-url'
        )
    return effective, endpoint


def _store(effective: Config, s3: Any, who: str) -> tuple[Store, Lock]:
    cutover = guards.check_config(effective)
    if "://" not in cutover.journal:
        folder = Path(cutover.journal) / effective.target_name
        return Folder(folder), FileLock(folder / "lock", who)
    bucket, prefix = place_of(cutover.journal)
    place = (bucket, f"{prefix}/{effective.target_name}".lstrip("/"))
    store = Copied(Bucket(s3, *place), Folder(_COPY / effective.target_name))
    return store, LeaseLock(s3, place, who, SystemClock(), cutover.lease)
