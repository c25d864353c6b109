"""`drills run`: runs the features in processes of their own and writes the reports."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path

from pydantic import SecretStr

from drills import __version__
from drills.cli import refusals, selection
from drills.cli.common import CONFIG_OPTIONS, OUT, Command, word_or_folder
from drills.cli.evidence import of_run, once, tier, unwritten
from drills.cli.evidence.commit import commit_of
from drills.cli.fleet import member
from drills.cli.fleet import options as fleet_options
from drills.cli.outputs import ended
from drills.clock import SystemClock, since_process_start
from drills.config.limits import CLEAN_UP_MARGIN, Limit
from drills.config.load import Config, SandboxProfile
from drills.config.trigger import trigger_of
from drills.errors import COULD_NOT_RUN, ConfigError, DrillError
from drills.evidence.folder import Begun
from drills.evidence.keeper import Keeper, open_for_run
from drills.evidence.recent.once import AlreadyDrilled
from drills.history import store as history_file
from drills.model.policy import TIERS
from drills.model.price import RunPrice
from drills.model.record import SCHEMA_VERSION, ExpectedPromise, RunRecord, Setting, TargetSummary
from drills.model.servers import POSTGRES_CHOICES
from drills.objectives import verdicts
from drills.record import Journal, load, new_run_id
from drills.recovery.rehearsal import DAMAGE_KINDS
from drills.redaction import redact_seed
from drills.run import context, price, signals
from drills.run.plan import Command as Step
from drills.run.plan import Kind, Outcome, Plan, modules_of
from drills.run.raw import RAW
from drills.run.supervisor import run as supervise
from drills.sandbox.postgres.leftovers import remove_leftovers
from drills.screen import Screen
from drills.streams import outlive_readers
from drills.work_folder import PREFIX
from reports import terminal
from steps import expected as promised

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
  drills run --all --parallel 4              drill every target of drill.toml, and show a scorecard
  drills run --all --shard 2/5               the second of five machines that share the targets
  drills run --once-per month --timezone Europe/Berlin    from a scheduler: a second run in the same month is not begun
  drills run -- -k objective                 some of the promises (a partial run, which counts nowhere)
"""


def add_arguments(run: argparse.ArgumentParser) -> None:
    """Add the options of `drills run`."""
    run.add_argument("--profile", metavar="NAME", help="profile of the configuration (default: DRILL_PROFILE, sandbox)")
    run.add_argument("--target", metavar="NAME", help="target of the configuration")
    run.add_argument(
        "--dry-run", action="store_true", help="say what a run would do, make, delete, ask and take; change nothing"
    )
    run.add_argument("--json", action="store_true", help="with --dry-run or --all: facts as JSON")
    run.add_argument("--scenario", metavar="NAME", help="scenario of the target, with objectives of its own")
    run.add_argument(
        "--seed", metavar="FILE-or-URL", type=SecretStr, help="sandbox: your own data instead of the sample application"
    )
    run.add_argument("--database", metavar="NAME", help="the database of a --seed dump that has several")
    run.add_argument(
        "--trust-seed",
        action="store_true",
        help="load --seed as a superuser, so that its code can reach your files and programs",
    )
    run.add_argument("--yes", action="store_true", help="copy a --seed URL of a server that is not local")
    which = f"sandbox: {', '.join(POSTGRES_CHOICES)} or a folder"
    run.add_argument("--postgres", metavar="WHICH", type=word_or_folder, help=which)
    run.add_argument("--endpoint-url", metavar="URL", help="endpoint profile: where the AWS APIs answer")
    run.add_argument("--calls-per-second", metavar="R", help="ask AWS at most so often; with --all: of the whole fleet")
    once.add_arguments(run)
    fleet_options.add_arguments(run)
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
        "--tier", choices=TIERS, help="how much of a drill the run does (default: as the target says; full)"
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
        "--resume",
        metavar="RUN",
        help="go on with the copy that this run had begun to restore before its machine was lost: its id, or its folder",
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
        choices=(*DAMAGE, *refusals.OF_OTHERS),
        default=[],
        help=f"sandbox: damage the backup before it is restored ({', '.join((*DAMAGE, *refusals.OF_OTHERS))}); the drill must fail",
    )


def run(options: argparse.Namespace) -> int:
    """Run a drill; the exit code is the run record's. Raises ConfigError before anything is made."""
    fleet_options.check(options)
    if options.all:
        from drills.cli.fleet import command  # which a run of one target never needs

        return command.run(options, command.OneTarget(run, _choices))
    if options.json and not options.dry_run:
        raise ConfigError(
            "--json: expected --dry-run or --all beside it, found it alone: the facts of a run are in its drill.json"
        )
    return _run_one(options)


def _run_one(options: argparse.Namespace) -> int:
    clock, startup = SystemClock(), since_process_start()
    origin, started_at = clock.monotonic() - startup, clock.now() - timedelta(seconds=startup)
    choices, trigger = _choices(options), trigger_of(options.trigger, os.environ)
    choices, notes = tier.choose(choices, choices.effective(), once.zone_of(options), clock.now())
    effective = choices.effective()
    wanted = once.of_options(options, effective, clock.now())
    unread = refusals.unread_seed(choices) if options.dry_run else ""
    refusals.check(effective, choices, reads_seed=not unread)
    expected, changed = promised.of_run(effective, choices.own_features(effective)), promised.changes()
    selection.check(choices, expected, options.pytest_arguments, changed)
    if options.dry_run:
        told = {"seed_unread": unread, "once": once.counting(wanted, effective, _settings(effective, choices))}
        return _say_what_would_be(effective, expected, told, as_json=options.json)
    keeper = dataclasses.replace(open_for_run(effective, os.environ), once=wanted)
    run_id = new_run_id(started_at)
    plan = _plan(OUT / run_id, effective, options.pytest_arguments)
    console = Screen()
    with signals.held() as came:  # from here on what is begun is brought to its end, to the last file
        _end_earlier(keeper, effective, run_id, console)
        refusals.check_over(OUT, choices.resume)
        folder = make_folder(run_id)
        of_fleet = member.begin(options.member, run_id)
        opening = opening_record(run_id, started_at, effective, choices)
        opening = dataclasses.replace(opening, expected=expected, missing=changed, trigger=trigger, notes=notes)
        opening = dataclasses.replace(opening, settings=(*opening.settings, *of_fleet))
        try:
            opening, begun = begin_evidence(keeper, effective, opening, folder)
        except AlreadyDrilled as drilled:
            _say(console, (str(drilled),))
            return drilled.code
        journal = Journal.create(folder, opening, origin=origin)
        sandboxed = isinstance(effective.profile, SandboxProfile)
        journal.enter("start the sandbox" if sandboxed else "check the guards")
        kept = effective.history or history_file.DEFAULT
        context.save(folder, dataclasses.replace(choices, history=str(kept)))
        context.note_configuration(folder, effective, choices, changed)
        try:
            outcome = supervise(
                plan,
                folder,
                lambda ended: terminal.follow(folder, ended, console, clock),
                came,
                (begun.held,),
                of_fleet=bool(options.member),
            )
        except BaseException:  # the progress could not be shown, and the run has ended all the same
            with contextlib.suppress(Exception):
                of_run.conclude(folder, keeper, effective, allure=False)
            raise
        return _report(folder, keeper, effective, console, outcome, only_failed=options.reports == "failed")


def _end_earlier(keeper: Keeper, effective: Config, run_id: str, console: Screen) -> None:
    """Remove what killed runs left on this machine, and seal those of the target."""
    _say(console, tuple(remove_leftovers()))
    for earlier in of_run.seal_abandoned(keeper, effective, OUT, f"run {run_id}"):
        _say(console, (f"run {earlier.record.run_id} was killed and had no bundle", *of_run.lines_of(earlier)))


def begin_evidence(keeper: Keeper, effective: Config, opening: RunRecord, folder: Path) -> tuple[RunRecord, Begun]:
    """Write the start record; where that cannot be, nothing of the run is left."""
    try:
        return of_run.begin(keeper, effective, opening, folder)
    except BaseException:
        shutil.rmtree(folder)
        raise


def _say_what_would_be(
    effective: Config, expected: Sequence[ExpectedPromise], beside: dict[str, str], *, as_json: bool
) -> int:
    # loads boto3, which the command line of a run in the sandbox never needs
    from drills.cli.dry_run import facts as dry_run

    told = dry_run.facts(effective, expected) | beside
    print(dry_run.as_json(told) if as_json else dry_run.as_text(told))
    return 0


def _report(
    folder: Path, keeper: Keeper, effective: Config, console: Screen, outcome: Outcome, *, only_failed: bool
) -> int:
    """Write, seal and show a run's reports; its exit code. `only_failed`: no PDF and page of Allure's where it has passed."""
    outlive_readers()
    try:
        whole = not only_failed or verdicts.reported(load(folder)).code != 0
        done = of_run.conclude(folder, keeper, effective, allure=whole, pdf=whole)
    except OSError as error:
        record = unwritten.judge(folder, outcome, error)
        lines = (*unwritten.lines_of(record), *ended.tell(folder, record, effective))
    else:
        record, lines = done.record, of_run.lines_of(done)
    terminal.summary(record, folder, console)
    _say(console, lines)
    return COULD_NOT_RUN if record.code is None else record.code


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
            ("--tier", options.tier),
            ("--calls-per-second", options.calls_per_second),
        )
        if value is not None
    }
    seed = options.seed.get_secret_value() if options.seed else ""
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
        resume=refusals.resumed_run(options.resume) if options.resume else "",
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
    return RunRecord(
        schema_version=SCHEMA_VERSION,
        run_id=run_id,
        profile=effective.profile_name,
        simulated=effective.simulated,
        started_at=started_at,
        tool_version=__version__,
        commit=commit_of(Path()),
        target=TargetSummary(effective.target_name, target.instance, target.vault, kind=target.record_kind),
        objectives=target.objectives(choices.scenario),
        settings=_settings(effective, choices),
        environment=_environment(),
        plan=target.plan.references(),
        price=RunPrice(price.estimate(effective)),
    )


def _settings(effective: Config, choices: context.RunOptions) -> tuple[Setting, ...]:
    """Return the effective settings, with the options that are none of drill.toml."""
    given = (
        ("--seed", redact_seed(choices.seed)),
        ("--scenario", choices.scenario or ""),
        ("--damage", ", ".join(choices.damage)),
    )
    return (*effective.settings, *(Setting(option, value, "command line") for option, value in given if value))


def _environment() -> tuple[Setting, ...]:
    """What the run runs on: the interpreter, the platform, and the libraries that talk to AWS and PostgreSQL."""
    libraries = tuple(Setting(name, metadata.version(name), "installed") for name in ("boto3", "moto", "psycopg"))
    own = (("Python", platform.python_version()), ("platform", platform.platform()))
    return (*(Setting(name, value, "this machine") for name, value in own), *libraries)


def _plan(folder: Path, effective: Config, pytest_arguments: Sequence[str]) -> Plan:
    """Return the commands of a run, for the supervisor."""
    limits, (guard, stage) = effective.limits, modules_of(effective.target.record_kind)

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
        return Plan((step("guard", limits.start, guard, absolute), features, *ending))
    from drills.sandbox.postgres.folders import state_parent  # heavy, and only this profile needs it

    name = f"{PREFIX}{folder.name[-4:]}-{os.getpid()}"  # short: paths of sockets lie below it
    work = state_parent() / name
    sandbox = ("drills.sandbox.server", *_sandbox_options(effective.profile, work))
    return Plan(
        (
            step("sandbox", limits.start, *sandbox, kind="service"),
            step("stage", limits.stage, stage, absolute),
            features,
            *ending,
        ),
        work=str(work),
        sweep=(sys.executable, "-m", "drills.sandbox.sweep", str(work)),
    )


def _sandbox_options(profile: SandboxProfile, work: Path) -> tuple[str, ...]:
    delays: dict[str, object] = {status: duration.total_seconds() for status, duration in profile.delays.items()}
    delays |= {"as": profile.delays_like} if profile.delays_like else {}
    options = ["--state-parent", str(work), "--port", str(profile.port), "--delays", json.dumps(delays)]
    return (*options, *(("--postgres", profile.postgres) if profile.postgres else ()))


PATHS = ("config", "seed", "invariants", "features", "steps")
COMMAND = Command(EXAMPLE, add_arguments, run, parents=(CONFIG_OPTIONS,), paths=PATHS)
