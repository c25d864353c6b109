"""`drills cutover`: the recovery quickstart as a journalled plan that can be resumed and rolled back."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import read as aws
from drills.aws import session
from drills.cli.common import TARGET_OPTIONS, Command
from drills.config import load as configuration
from drills.config.load import Config, EndpointProfile, SandboxProfile
from drills.cutover import opening, plan, show
from drills.cutover.environment import Acknowledgements
from drills.cutover.model import Opening, State, opening_facts
from drills.cutover.opening import RecoveryRequest
from drills.cutover.session import CutoverSession, begin, find_cutover, locked, open_session, roll_back
from drills.errors import ConfigError, DrillError
from drills.evidence.manifests import read_stored
from drills.printable import printable

EXAMPLE = """\
examples:
  drills cutover plan --target myappdbprod                           every call that would be made; changes nothing
  drills cutover run --target myappdbprod --confirm myappdbprod      from the newest recovery point
  drills cutover run --target myappdbprod --before 2026-11-23T14:05:00Z --confirm myappdbprod
  drills cutover resume --target myappdbprod --confirm myappdbprod   go on where it stopped, from any machine
  drills cutover rollback --target myappdbprod --confirm myappdbprod  bring the old instance back; deletes nothing
The journal and the lock are where cutover.journal of the target says; docs/cutover.md tells the steps.
"""


def add_arguments(cutover: argparse.ArgumentParser) -> None:
    """Add the options of `drills cutover`."""
    cutover.add_argument(
        "action",
        choices=("plan", "run", "resume", "rollback"),
        metavar="plan|run|resume|rollback",
        help="what of it is done",
    )
    cutover.add_argument("id", nargs="?", help="resume, rollback: which cut-over (default: the target's last one)")
    point = cutover.add_argument_group("plan, run: what is restored (default: the newest recovery point)")
    point.add_argument("--point", metavar="NAME-or-ARN", help="this recovery point")
    point.add_argument("--before", metavar="TIME", help="the last recovery point whose data end before this instant")
    point.add_argument("--at", metavar="TIME", help='this moment (point-in-time), or "latest"')
    point.add_argument("--job", action="store_true", help="through a restore job of AWS Backup")
    cutover.add_argument(
        "--count", action="append", default=[], metavar="CLUSTER/SERVICE=N", help="plan, run: start so many tasks again"
    )
    cutover.add_argument(
        "--confirm", metavar="INSTANCE", help="the name of the instance, instead of typing it when asked"
    )
    cutover.add_argument("--accept-sessions", action="store_true", help="sessions that are still connected may stay")
    cutover.add_argument("--switched", action="store_true", help="the application was led to the new address by hand")
    cutover.add_argument(
        "--discard-writes-since", metavar="TIME", help="rollback: lose what was written since writes were opened"
    )
    cutover.add_argument("--remove-old", metavar="NAME", help="resume: remove the renamed instance of this name")
    cutover.add_argument("--json", action="store_true", help="print the facts as JSON")


def run(options: argparse.Namespace) -> int:
    """Carry out one of the four actions. Raises DrillError with the situation and what to type next."""
    try:
        return _run(options)
    except (ClientError, BotoCoreError) as error:
        raise DrillError(f"{aws.refusal(error)}; nothing was begun") from error


def _run(options: argparse.Namespace) -> int:
    session = open_cutover_session(options)
    stored = session.config.target.manifest
    if stored and options.action in ("plan", "run"):  # one that was begun goes on, so that the service comes back
        read_stored(stored, session.config.evidence.public_key)
    if options.action == "plan":
        known = opening.read_opening(
            session.env, ("plan", session.config.target_name, session.config.profile_name), _request(options)
        )
        print(json.dumps(_plan(known), indent=1) if options.json else "\n".join(show.plan_lines(known)))
        return 0
    state = carry_out(session, options)
    print(json.dumps(show.facts_json(state), indent=1) if options.json else "\n".join(show.report_lines(state)))
    return 0


def carry_out(session: CutoverSession, options: argparse.Namespace) -> State:
    """Run, resume or roll back, as the options say."""
    with locked(session, options.confirm):
        if options.action == "run":
            return begin(session, _request(options))
        if options.action == "resume":
            return _resume(session, options)
        return roll_back(session, options.id, _instant("--discard-writes-since", options.discard_writes_since))


def _plan(known: Opening) -> dict[str, Any]:
    return {
        "opening": opening_facts(known),
        "steps": [
            {"step": step.key, "title": step.title, "calls": [str(call) for call in plan.calls(known, step.key)]}
            for step in plan.steps(known)
        ],
    }


def _resume(session: CutoverSession, options: argparse.Namespace) -> State:
    cutover = find_cutover(session, options.id)
    if options.remove_old:
        return cutover.remove_old(options.remove_old)
    return cutover.carry_out()


def _request(options: argparse.Namespace) -> RecoveryRequest:
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
    return RecoveryRequest(
        options.point or "",
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


def open_cutover_session(options: argparse.Namespace) -> CutoverSession:
    """Return a session as configuration and options say; the guards that need no instance hold."""
    effective, endpoint = _effective(options)
    # the certificate authority of a standing sandbox, as `drills sandbox up` says it
    bundle = os.environ.get("PGSSLROOTCERT") if effective.simulated else None
    acknowledged = Acknowledgements(options.accept_sessions, options.switched)
    session = open_session(effective, endpoint, bundle, acknowledged, given=_given(options))
    stream = sys.stderr if options.json else sys.stdout
    tell = functools.partial(_tell, stream)
    return dataclasses.replace(session, env=dataclasses.replace(session.env, tell=tell))


def _given(options: argparse.Namespace) -> tuple[str, ...]:
    return show.given_options(
        config=options.config,
        profile=options.profile,
        target=options.target,
        endpoint_url=options.endpoint_url,
        confirm=options.confirm,
    )


def _tell(stream: TextIO, line: str) -> None:
    """Print what begins now, at once also into a file or a pipe: who follows it may be waiting for the service."""
    print(printable(line), file=stream, flush=True)


def _effective(options: argparse.Namespace) -> tuple[Config, str | None]:
    """Return the configuration, and where the standing sandbox answers."""
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
            f'"{endpoint or "none"}": type eval "$(drills sandbox up --sample)", or give --endpoint-url'
        )
    return effective, endpoint


COMMAND = Command(EXAMPLE, add_arguments, run, parents=(TARGET_OPTIONS,), paths=("config",))
