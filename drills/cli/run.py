"""`drills run`: runs the features in processes of their own and writes the reports."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path

from drills import __version__
from drills.cli import refusals, selection
from drills.cli.common import CONFIG_OPTIONS, Command
from drills.cli.evidence import of_run
from drills.clock import SystemClock, since_process_start
from drills.config.limits import CLEAN_UP_MARGIN, Limit
from drills.config.load import Config, SandboxProfile
from drills.config.trigger import trigger_of
from drills.errors import COULD_NOT_RUN, ConfigError, DrillError
from drills.evidence.folder import Begun
from drills.evidence.keeper import Keeper, open_for_run
from drills.history import store as history_file
from drills.model.record import SCHEMA_VERSION, ExpectedPromise, RunRecord, Setting, TargetSummary
from drills.model.servers import POSTGRES_CHOICES
from drills.record import Journal, new_run_id
from drills.recovery.rehearsal import DAMAGE_KINDS
from drills.run import context, signals
from drills.run.plan import Command as Step
from drills.run.plan import Kind, Plan
from drills.run.raw import RAW
from drills.run.supervisor import run as supervise
from drills.screen import Screen
from drills.streams import outlive_readers
from reports import terminal
from steps import expected as promised

OUT = Path("reports/out")
DAMAGE = tuple(DAMAGE_KINDS.values())
EXAMPLE = """\
examples:
  drills run                                 drill the sample application in the sandbox
  drills run --seed my.dump                  drill your own data: a dump of any format, also compressed
  drills run --seed postgresql://localhost/orders
  drills run --damage row                    see what a drill looks like that fails
  drills run --sample oldest                 drill the oldest backup that is still there, not the newest
  drills run --dry-run                       what a run would do, make, delete, ask and take; changes nothing
  drills run --profile aws                   drill on AWS, as drill.toml allows it
  drills run -- -k objective                 some of the promises (a partial run, which counts nowhere)
"""


def add_arguments(run: argparse.ArgumentParser) -> None:
    """Add the options of `drills run`."""
    run.add_argument("--profile", metavar="NAME", help="profile of the configuration (default: DRILL_PROFILE, sandbox)")
    run.add_argument("--target", metavar="NAME", help="target of the configuration")
    run.add_argument(
        "--dry-run", action="store_true", help="say what a run would do, make, delete, ask and take; change nothing"
    )
    run.add_argument("--json", action="store_true", help="with --dry-run: facts as JSON")
    run.add_argument("--scenario", metavar="NAME", help="scenario of the target, with objectives of its own")
    run.add_argument("--seed", metavar="FILE-or-URL", help="sandbox: your own data instead of the sample application")
    run.add_argument("--database", metavar="NAME", help="the database of a --seed dump that has several")
    run.add_argument(
        "--trust-seed",
        action="store_true",
        help="load --seed as a superuser, so that its code can reach your files and programs",
    )
    run.add_argument("--yes", action="store_true", help="copy a --seed URL of a server that is not local")
    run.add_argument("--postgres", metavar="WHICH", help=f"sandbox: {', '.join(POSTGRES_CHOICES)} or a folder")
    run.add_argument("--endpoint-url", metavar="URL", help="endpoint profile: where the AWS APIs answer")
    _add_choices_of_the_drill(run)


def _add_choices_of_the_drill(run: argparse.ArgumentParser) -> None:
    run.add_argument("--rto", metavar="DURATION", help='recovery time objective, such as "30m"')
    run.add_argument("--rpo", metavar="DURATION", help='recovery point objective, such as "24h"')
    run.add_argument(
        "--sample",
        metavar="WHICH",
        help="recovery point to drill: newest, oldest, random, copy, an ARN or snapshot id, or a moment in ISO 8601",
    )
    run.add_argument(
        "--invariants", metavar="FOLDER", help="SQL files of what is always true of the data, proved on the copy"
    )
    run.add_argument(
        "--features",
        metavar="DIR",
        action="append",
        default=[],
        help="features of your own, run beside the shipped ones",
    )
    run.add_argument(
        "--steps",
        metavar="FILE",
        action="append",
        default=[],
        help="a step module of your own; `drills steps` lists ours",
    )
    run.add_argument(
        "--trigger",
        metavar="WHY",
        help='why this run is made: schedule, release, manual or "retest of RUN" (default: as the CI server says, manual)',
    )
    run.add_argument(
        "--damage",
        metavar="KIND",
        action="append",
        choices=DAMAGE,
        default=[],
        help=f"sandbox: damage the backup before it is restored ({', '.join(DAMAGE)}); the drill must fail",
    )


def run(options: argparse.Namespace) -> int:
    """Run a drill; the exit code is the run record's. Raises ConfigError before anything is made."""
    if options.json and not options.dry_run:
        raise ConfigError(
            "--json: expected --dry-run beside it, found it alone: the facts of a run are in its drill.json"
        )
    clock, startup = SystemClock(), since_process_start()
    origin, started_at = clock.monotonic() - startup, clock.now() - timedelta(seconds=startup)
    choices, trigger = _choices(options), trigger_of(options.trigger, os.environ)
    effective = choices.effective()
    unread = refusals.unread_seed(choices) if options.dry_run else ""
    refusals.check(effective, choices, reads_seed=not unread)
    expected, changed = promised.of_run(effective, choices.own_features(effective)), promised.changes()
    selection.check(choices, expected, options.pytest_arguments, changed)
    if options.dry_run:
        return _say_what_would_be(effective, expected, unread, as_json=options.json)
    keeper = open_for_run(effective, os.environ)
    run_id = new_run_id(started_at)
    plan = _plan(OUT / run_id, effective, options.pytest_arguments)
    console = Screen()
    with signals.held() as came:  # from here on what is begun is brought to its end, to the last file
        for earlier in of_run.seal_abandoned(keeper, effective, OUT, f"run {run_id}"):
            _say(console, (f"run {earlier.record.run_id} was killed and had no bundle", *of_run.lines_of(earlier)))
        folder = make_folder(run_id)
        opening = opening_record(run_id, started_at, effective, choices)
        opening = dataclasses.replace(opening, expected=expected, missing=changed, trigger=trigger)
        opening, begun = begin_evidence(keeper, effective, opening, folder)
        journal = Journal.create(folder, opening, origin=origin)
        sandboxed = isinstance(effective.profile, SandboxProfile)
        journal.enter("start the sandbox" if sandboxed else "check the guards")
        kept = effective.history or history_file.DEFAULT
        context.save(folder, dataclasses.replace(choices, history=str(kept)))
        context.note_configuration(folder, effective, choices, changed)
        try:
            supervise(plan, folder, lambda ended: terminal.follow(folder, ended, console, clock), came, (begun.held,))
        except BaseException:  # the progress could not be shown, and the run has ended all the same
            with contextlib.suppress(Exception):
                of_run.conclude(folder, keeper, effective, allure=False)
            raise
        return _report(folder, keeper, effective, console)


def begin_evidence(keeper: Keeper, effective: Config, opening: RunRecord, folder: Path) -> tuple[RunRecord, Begun]:
    """Write the start record; where that cannot be, nothing of the run is left."""
    try:
        return of_run.begin(keeper, effective, opening, folder)
    except BaseException:
        shutil.rmtree(folder)
        raise


def _say_what_would_be(effective: Config, expected: Sequence[ExpectedPromise], unread: str, *, as_json: bool) -> int:
    from drills.cli import dry_run  # loads boto3, which the command line of a run in the sandbox never needs

    told = dry_run.facts(effective, expected) | {"seed_unread": unread}
    print(dry_run.as_json(told) if as_json else dry_run.as_text(told))
    return 0


def _report(folder: Path, keeper: Keeper, effective: Config, console: Screen) -> int:
    """Write, seal and show the reports of the run that has ended; return its exit code."""
    outlive_readers()
    done = of_run.conclude(folder, keeper, effective, allure=True)
    terminal.summary(done.record, folder, console)
    _say(console, of_run.lines_of(done))
    return COULD_NOT_RUN if done.record.code is None else done.record.code


def _say(console: Screen, lines: Sequence[str]) -> None:
    for line in lines:
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _choices(options: argparse.Namespace) -> context.RunOptions:
    overrides = {
        option: value
        for option, value in (
            ("--postgres", options.postgres),
            ("--endpoint-url", options.endpoint_url),
            ("--rto", options.rto),
            ("--rpo", options.rpo),
            ("--sample", options.sample),
            ("--invariants", options.invariants),
        )
        if value is not None
    }
    seed = options.seed or ""
    context.check_seed(seed)
    if seed and "://" not in seed:
        seed = str(Path(seed).absolute())
    return context.RunOptions(
        config_file=options.config,
        profile=options.profile,
        target=options.target,
        overrides=overrides,
        seed=seed,
        database=options.database or "",
        trust_seed=options.trust_seed,
        confirmed=options.yes,
        damage=tuple(options.damage),
        scenario=options.scenario,
        features=tuple(options.features),
        steps=tuple(options.steps),
    )


def make_folder(run_id: str) -> Path:
    """Return the run's folder; in the checkout, so that a run leaves nothing elsewhere."""
    folder = OUT / run_id
    try:
        (folder / RAW).mkdir(parents=True)
    except OSError as error:
        raise DrillError(
            f"expected to make the run's folder {folder}, found: {error.strerror}; run in a checkout you may write to"
        ) from error
    return folder


def opening_record(run_id: str, started_at: datetime, effective: Config, choices: context.RunOptions) -> RunRecord:
    """Return the record of a run that begins."""
    target = effective.target
    extra = [
        Setting(option, value, "command line")
        for option, value in (("--seed", context.redact_seed(choices.seed)),)
        if value
    ]
    if choices.scenario:
        extra.append(Setting("--scenario", choices.scenario, "command line"))
    if choices.damage:
        extra.append(Setting("--damage", ", ".join(choices.damage), "command line"))
    return RunRecord(
        schema_version=SCHEMA_VERSION,
        run_id=run_id,
        profile=effective.profile_name,
        simulated=effective.simulated,
        started_at=started_at,
        tool_version=__version__,
        commit=_commit(),
        target=TargetSummary(effective.target_name, target.instance, target.vault),
        objectives=target.objectives(choices.scenario),
        settings=(*effective.settings, *extra),
        environment=_environment(),
        plan=target.plan.references(),
    )


def _environment() -> tuple[Setting, ...]:
    """What the run runs on: the interpreter, the platform, and the libraries that talk to AWS and PostgreSQL."""
    libraries = tuple(Setting(name, metadata.version(name), "installed") for name in ("boto3", "moto", "psycopg"))
    own = (("Python", platform.python_version()), ("platform", platform.platform()))
    return (*(Setting(name, value, "this machine") for name, value in own), *libraries)


def _commit() -> str:
    """Return the commit of the checkout, "" where there is no git."""
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""


def _plan(folder: Path, effective: Config, pytest_arguments: Sequence[str]) -> Plan:
    """Return the commands of a run, for the supervisor."""
    limits = effective.limits

    def step(name: str, limit: Limit, *words: str, kind: Kind = "step", margin: float = 0.0) -> Step:
        argv = (sys.executable, "-m", *words)
        needed = name in ("stage", "guard")
        return Step(name, argv, kind, needed, limit.seconds + margin, limit.sentence(limit.name))

    absolute = str(folder.absolute())
    config = ("--config", str(effective.file.absolute())) if effective.file else ()
    pytest = ("drills.run.lifeline", "-m", "pytest", *selection.pytest_options(folder))
    results = f"--alluredir={folder.absolute() / 'allure-results'}"
    features = step("features", limits.features, *pytest, results, *pytest_arguments)
    ending = (
        # the clean-up heeds its limit by itself, and says what is left
        step("clean", limits.clean_up, "drills.run.finish", "clean", absolute, kind="finally", margin=CLEAN_UP_MARGIN),
        step("close", limits.close, "drills.run.finish", "close", absolute, kind="last"),
        step("seal", limits.close, "drills", "evidence", "seal", absolute, "--by-its-run", *config, kind="unattended"),
    )
    if limits.stage is None or not isinstance(effective.profile, SandboxProfile):
        return Plan((step("guard", limits.start, "drills.run.guard", absolute), features, *ending))
    from drills.sandbox.postgres.folders import state_parent  # heavy, and only this profile needs it

    work = state_parent() / f"drills-{folder.name[-4:]}-{os.getpid()}"  # short: paths of sockets lie below it
    sandbox = ("drills.sandbox.server", *_sandbox_options(effective.profile, work))
    return Plan(
        (
            step("sandbox", limits.start, *sandbox, kind="service"),
            step("stage", limits.stage, "drills.run.stage", absolute),
            features,
            *ending,
        ),
        work=str(work),
        sweep=(sys.executable, "-m", "drills.sandbox.sweep", str(work)),
    )


def _sandbox_options(profile: SandboxProfile, work: Path) -> tuple[str, ...]:
    delays = {status: duration.total_seconds() for status, duration in profile.delays.items()}
    options = ["--state-parent", str(work), "--port", str(profile.port), "--delays", json.dumps(delays)]
    return (*options, *(("--postgres", profile.postgres) if profile.postgres else ()))


PATHS = ("config", "seed", "invariants", "features", "steps")
COMMAND = Command(EXAMPLE, add_arguments, run, parents=(CONFIG_OPTIONS,), paths=PATHS)
