"""`drills run --all`: one run a target, several at once, and the scorecard of all of them at the end."""

from __future__ import annotations

import argparse
import dataclasses
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from drills import __version__, work_folder
from drills.cli.common import OUT
from drills.cli.evidence import once
from drills.cli.fleet import options as fleet_options
from drills.cli.fleet.pool import Event, carry_out, start_run
from drills.cli.fleet.size import at_once, calls_per_second
from drills.clock import SystemClock, wait_until
from drills.config.load import Config, SandboxProfile, fleet_targets_of
from drills.durations import show_duration
from drills.errors import COULD_NOT_RUN, ConfigError, DrillError
from drills.evidence.start import chain_name
from drills.fleet import record as records
from drills.fleet import score, shard
from drills.fleet.record import FLEET_VERSION, FleetRecord, Member
from drills.model.record import RunRecord
from drills.record import RUN_ID, new_run_id
from drills.record import load as load_run
from drills.run import lifeline, signals
from drills.run.context import RunOptions
from drills.screen import Screen
from drills.streams import outlive_readers
from reports.fleet import show
from reports.words import counted
from reports.write import append_step_summary

LOST_SECONDS = 300.0  # that a run whose command was killed has for its clean-up, before its record is read as it is
TAIL_BYTES = 4000
_AGAIN = "each run has its own record; free some space, then type drills report merge . -o merged"


@dataclass(frozen=True, slots=True)
class OneTarget:
    """What the command of one target can do: be carried out, and say what it was given."""

    run: Callable[[argparse.Namespace], int]
    choices: Callable[[argparse.Namespace], RunOptions]


def run(options: argparse.Namespace, one: OneTarget) -> int:
    """Drill every target, or those of a share; the exit code is the fleet's. Raises ConfigError before anything is begun."""
    left_out: tuple[str, ...] = ()
    if options.discover:
        from drills.cli.fleet import discovery  # loads boto3, which the command line of a fleet never needs otherwise

        found, left_out = discovery.write(options)
        options = argparse.Namespace(**vars(options) | {"config": str(found)})
    configs = configs_of(options, one)
    wanted = shard.parse(options.shard) if options.shard else shard.WHOLE
    mine = _share(configs, wanted)
    if options.dry_run:
        from drills.cli.fleet import dry_run  # loads boto3, which the command line of a fleet never needs

        return dry_run.run(options, {name: configs[name] for name in mine}, one.run, left_out)
    fleet = dataclasses.replace(begin(options, configs, wanted), problems=left_out)
    folder = OUT / fleet.fleet_id
    try:
        (folder / "members").mkdir(parents=True)
        work_folder.hold(folder / "members")  # until this process ends: whoever reads the record knows that it goes on
        records.save(folder, fleet)
    except OSError as error:
        raise DrillError(
            f"expected to make the fleet's folder {folder}, found: {error.strerror}: nothing was begun; free some space, or let "
            "this user write there"
        ) from error
    drilled = _Fleet(options, configs, folder, fleet)
    with signals.held() as came:
        lifeline.watch_parents(came.append, of_fleet=False)
        ended = drilled.carry_out(came)
    if ended.interrupted_by:
        signals.ignore()
        signals.silence()
    outlive_readers()
    try:
        show.write(folder, ended)
        append_step_summary(show.markdown(ended))  # once for all runs: one page there holds 1 MiB
    except OSError as error:
        ended = score.with_problem(ended, f"the scorecard could not be written, found: {error.strerror}: {_AGAIN}")
    if options.json:
        print(records.to_json(ended), end="")
    else:
        show.terminal(ended, folder, Screen())
    return COULD_NOT_RUN if ended.code is None else ended.code


def configs_of(options: argparse.Namespace, one: OneTarget) -> dict[str, Config]:
    """Return the configuration of every target by its name. Raises ConfigError for what is wrong for all of them."""
    path = Path(options.config) if options.config else None
    found = {
        name: one.choices(argparse.Namespace(**vars(options) | {"target": name})).effective()
        for name in fleet_targets_of(path)
    }
    once.check_fleet(options, found.values())
    size, first = at_once(options, found), next(iter(found.values()))
    if isinstance(first.profile, SandboxProfile) and first.profile.port and size > 1:
        raise ConfigError(
            f"profiles.{first.profile_name}.port: expected none for several sandboxes at once, found {first.profile.port}: "
            "leave it out, or drill one target after another with --parallel 1"
        )
    return found


def _share(configs: Mapping[str, Config], wanted: shard.Shard) -> tuple[str, ...]:
    """Return the targets of the share. Raises DrillError where it has none."""
    if mine := wanted.of(configs):
        return mine
    number = len(configs)
    raise DrillError(
        f"nothing was run: share {wanted} has none of the {counted(number, 'target')}: use at most {counted(number, 'share')}"
    )


def begin(options: argparse.Namespace, configs: Mapping[str, Config], wanted: shard.Shard) -> FleetRecord:
    """Return the record of a fleet that begins: each target of the share is in it. DrillError where that has none."""
    mine = _share(configs, wanted)
    first, now = configs[mine[0]], SystemClock().now()
    share = "" if wanted == shard.WHOLE else str(wanted)
    return FleetRecord(
        schema_version=FLEET_VERSION,
        fleet_id=f"fleet-{new_run_id(now)}",
        profile=first.profile_name,
        simulated=first.simulated,
        started_at=now,
        tool_version=__version__,
        targets=tuple(sorted(configs)),
        members=tuple(Member(name, configs[name].target.instance, shard=share) for name in mine),
        shard=share,
        parallel=min(at_once(options, configs), len(mine)),
        calls_per_second=calls_per_second(first),
    )


def reports_of(asked: str | None, *, simulated: bool) -> str:
    """Return whose Allure page and PDF are made: nobody keeps those of a sandbox's run that passed. Pure."""
    return asked or ("failed" if simulated else "all")


class _Fleet:
    """A fleet that goes on: its record is written at every change, and says what is expected from its beginning on."""

    def __init__(
        self, options: argparse.Namespace, configs: Mapping[str, Config], folder: Path, fleet: FleetRecord
    ) -> None:
        self._options = options
        self._configs = configs
        self._folder = folder
        self._fleet = fleet
        self._clock = SystemClock()
        self._console = Screen(stderr=options.json)
        self._began = self._clock.monotonic()

    def carry_out(self, came: list[str]) -> FleetRecord:
        """Drill each target and return the record with its exit codes."""
        fleet = self._fleet
        left = f", share {fleet.shard} of {len(fleet.targets)}" if fleet.shard else ""
        self._say(f"{counted(len(fleet.members), 'target')}{left}, {fleet.parallel} at once: {self._folder}", came)
        names = [each.target for each in fleet.members]
        for event in carry_out(names, self._launch, fleet.parallel, came, self._clock):
            self._note(event)
            self._say(self._line(event), came)
        took = self._clock.monotonic() - self._began
        self._fleet = score.judged(
            dataclasses.replace(
                self._fleet,
                ended_at=self._clock.now(),
                wall_seconds=round(took, 3),
                interrupted_by=came[0] if came else "",
            ),
            names,
        )
        if unwritten := self._save():
            problem = f"the fleet's record could not be written, found: {unwritten}: {_AGAIN}"
            self._fleet = score.with_problem(self._fleet, problem)
        return self._fleet

    def _save(self) -> str:
        """Write the record; return why that cannot be, "" where it is: runs go on and are waited for on a full disk too."""
        try:
            records.save(self._folder, self._fleet)
        except OSError as error:
            return error.strerror or type(error).__name__
        return ""

    def _launch(self, name: str) -> subprocess.Popen[bytes]:
        words = [*fleet_options.passed_on(self._options), "--target", name, "--member", str(self._file(name, "run"))]
        if self._fleet.calls_per_second and not isinstance(self._configs[name].profile, SandboxProfile):
            words += ["--calls-per-second", f"{self._fleet.calls_per_second / self._fleet.parallel:g}"]
        words += ["--reports", reports_of(self._options.reports, simulated=self._fleet.simulated)]
        rest = ["--", *self._options.pytest_arguments] if self._options.pytest_arguments else []
        return start_run([*words, *rest], self._file(name, "log"))

    def _file(self, name: str, ending: str) -> Path:
        return self._folder / "members" / f"{chain_name(self._fleet.profile, name)}.{ending}"

    def _note(self, event: Event) -> None:
        """Put what became of a target into the record."""
        member = self._fleet.member(event.name)
        if event.kind == "began":
            member = dataclasses.replace(member, state="running", began_at=self._clock.now())
        elif event.kind == "refused":
            member = score.could_not(member, score.COULD_NOT_START, event.why)
        elif event.kind == "left out":
            member = score.could_not(member, score.NOT_BEGUN, f"the fleet was stopped: {event.why}")
        else:
            record = self._record_of(event)
            done = bool(self._options.once_per)
            member = score.of_run(member, event.status, record, self._last_words(event.name), once=done)
            member = dataclasses.replace(member, seconds=round(event.seconds, 3))
        others = self._fleet.members
        self._fleet = dataclasses.replace(
            self._fleet, members=tuple(member if each.target == member.target else each for each in others)
        )
        self._save()

    def _record_of(self, event: Event) -> RunRecord | None:
        """Return the record of a run that has ended; where its command was killed, its other processes bring it to its end."""
        try:
            run_id = self._file(event.name, "run").read_text(encoding="utf-8").strip()
        except OSError:
            return None
        folder = OUT / run_id
        if not RUN_ID.fullmatch(run_id) or not folder.is_dir():
            return None
        try:
            if event.status < 0:
                # its exit code is the last that a run gets, after it has ended
                wait_until(lambda: load_run(folder).code is not None, LOST_SECONDS, self._clock, every=0.2)
        except (TimeoutError, ConfigError):
            pass
        try:
            return load_run(folder)
        except ConfigError:
            return None

    def _last_words(self, name: str) -> str:
        """Return what the command of a run said last, a sentence of its own before all else."""
        try:
            text = self._file(name, "log").read_bytes()[-TAIL_BYTES:].decode("utf-8", "replace")
        except OSError:
            return ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        own = [line for line in lines if line.startswith("drills: ")]
        return (own or lines or [""])[-1].removeprefix("drills: ")

    def _line(self, event: Event) -> str:
        member = self._fleet.member(event.name)
        ended = sum(each.state == "ended" for each in self._fleet.members)
        at = f"[{show_duration(self._clock.monotonic() - self._began):>8}]"
        if event.kind == "began":
            return f"{at} {event.name} ..."
        return f"{at} {event.name}: {member.outcome} ({member.code}), {ended} of {len(self._fleet.members)}"

    def _say(self, line: str, came: list[str]) -> None:
        """Print a line; where nobody reads any more, the fleet is stopped as a run is."""
        try:
            self._console.print(line, soft_wrap=True, markup=False, highlight=False)
        except OSError:
            came.append(signals.output_closed())
            outlive_readers()
