"""One restore of an incident: the record, the guards, the restore, what stays or is removed, the reports and the seal.

Evidence is kept where it can be, and its lack stops nothing: on the day of the disaster its store or its key may be what is lost.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import threading
from collections.abc import Iterator

from drills import streams
from drills.aws import guards
from drills.aws.ca_bundle import check_bundle
from drills.aws.databases.kinds import KINDS
from drills.aws.guarded.names import scratch_tags
from drills.aws.read import describe_instance, has_security_group
from drills.aws.recorder import CallRecorder
from drills.checks.manifest import Manifest
from drills.cli.evidence import of_run
from drills.cli.outputs import ended
from drills.cli.restore import price
from drills.cli.restore.show import Told, facts
from drills.cli.run import begin_evidence, make_folder, opening_record
from drills.cli.target import OpenTarget, recorded
from drills.clock import SystemClock
from drills.config.load import Config
from drills.errors import (
    COULD_NOT_RUN,
    LEFT_BEHIND,
    NOT_SEALED,
    ConfigError,
    DrillError,
    NoRecoveryPoint,
    StillRestoring,
)
from drills.evidence.keeper import Keeper, open_for_run
from drills.evidence.manifests import read_stored
from drills.evidence.stored.find import finder_for
from drills.files import write_atomically
from drills.incident import restore as incident
from drills.incident.restore import Asked
from drills.model.incident import TRIGGER, Incident
from drills.model.instance import COPIES
from drills.model.record import RunRecord, Setting
from drills.objectives import verdicts
from drills.printable import to_json
from drills.record import Journal, load, new_run_id
from drills.recovery import surroundings
from drills.recovery.failing import translate_client_errors
from drills.recovery.restore import remove_resources
from drills.recovery.setup import Setup
from drills.redaction import clean_error
from drills.run import context, finish, signals
from drills.screen import Screen
from reports import terminal, write


@dataclasses.dataclass(frozen=True, slots=True)
class _Begun:
    """A restore that has begun: where it is written down, and with what its evidence is kept; `lock` is held until its end."""

    journal: Journal
    config: Config
    keeper: Keeper | None
    lock: int | None


def restore(reached: OpenTarget, asked: Asked, *, keep_interrupted: bool, as_json: bool) -> int:
    """Restore what is asked for; the exit code. Raises DrillError where a guard holds, before anything is made."""
    check_guards(reached, asked)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal that is lost ends no recovery
    streams.outlive_readers()
    console = Screen(stderr=as_json)
    begun = _begin(reached.config, asked)
    told = Told(begun.journal, console, reached.config)
    try:
        with _followed(begun.journal, console):
            stays_away = _restore(reached, begun.journal, asked, told)
            with signals.held():
                _settle(begun.journal, begun.config, told, keep=keep_interrupted or stays_away)
        with signals.held():
            record, undone = _conclude(begun)
    finally:
        if begun.lock is not None:
            os.close(begun.lock)
    if as_json:
        print(to_json(facts(record)))
    told.end(record, undone)
    return COULD_NOT_RUN if record.code is None else record.code


def check_guards(reached: OpenTarget, asked: Asked) -> None:
    """Let the guards of a drill hold; of a group that is named for the incident it is only seen that it is there."""
    config = reached.config
    source, there = reached.clients, reached.restore
    guards.check_plan(with_group(config, asked.group))
    sides = guards.Sides(source.account, source.region, there.account, there.region)
    if not asked.group:
        guards.check_aws(config, source, there)
    elif not has_security_group(there, asked.group):
        raise ConfigError(
            f"--security-group: expected a group of account {there.account}, {there.region}, found none of the id {asked.group}"
        )
    kind = KINDS[config.target.kind]
    guards.check_source(config, describe_instance(source, config.target.instance, kind), sides)
    surroundings.check_tags(config, there, scratch_tags("", config.target_name, "", config.target.tags))
    check_bundle(config)


def with_group(config: Config, group: str) -> Config:
    """Return the configuration with the group that the copy is put into, where one is named."""
    if not group:
        return config
    named = config.target.restore.model_copy(update={"security_group": group})
    return dataclasses.replace(config, target=config.target.model_copy(update={"restore": named}))


def _begin(config: Config, asked: Asked) -> _Begun:
    clock = SystemClock()
    started, origin = clock.now(), clock.monotonic()
    run_id = new_run_id(started)
    folder = make_folder(run_id)
    options = context.RunOptions()
    opening = opening_record(run_id, started, config, options)
    given = (("--at", asked.text), ("--keep", f"{asked.keep.total_seconds():g}s"), ("--security-group", asked.group))
    opening = dataclasses.replace(
        opening,
        settings=(*opening.settings, *(Setting(name, value, "command line") for name, value in given if value)),
        trigger=TRIGGER,
        price=None,
        incident=Incident(asked.text, asked.keep.total_seconds()),
    )
    keeper = lock = None
    missing = ""
    try:
        keeper = open_for_run(config, os.environ)
        opening, announced = begin_evidence(keeper, config, opening, folder)
        lock = announced.held
    except (DrillError, OSError) as error:
        keeper, missing = None, f"the restore goes on without evidence: {' '.join(str(error).split())}"
        folder.joinpath("raw").mkdir(parents=True, exist_ok=True)
    journal = Journal.create(folder, opening, origin=origin, clock=clock)
    journal.go_on()  # a disk that is full ends no recovery
    if missing:
        journal.append("notes", missing)
    with contextlib.suppress(OSError):
        context.note_configuration(folder, config, options, ())
    return _Begun(journal, config, keeper, lock)


@contextlib.contextmanager
def _followed(journal: Journal, console: Screen) -> Iterator[None]:
    """Show the phases of the restore as they come, beside it."""
    ended = threading.Event()
    follower = threading.Thread(
        target=terminal.follow, args=(journal.folder, ended.is_set, console, SystemClock()), daemon=True
    )
    follower.start()
    try:
        yield
    finally:
        ended.set()
        follower.join(5.0)


def _restore(reached: OpenTarget, journal: Journal, asked: Asked, told: Told) -> bool:
    """Restore and check, whatever happens; all of it is in the record. Return whether RDS still restores what is not there yet."""
    still = False
    try:
        with signals.interrupting(), translate_client_errors():
            setup = _with_store(_setup(reached, journal), reached.config)
            told.setup = setup = incident.setup_for(setup, asked, told.stage)
            incident.carry_out(setup, asked, *_expected(setup, reached.config), told.stage)
    except NoRecoveryPoint:
        pass  # its verdict is in the record
    except DrillError as error:
        still = isinstance(error, StillRestoring)
        journal.failure(str(error), error.exit_code)
    except KeyboardInterrupt as stop:
        journal.interrupt(str(stop) or "INT")
    except Exception as error:  # a fault of ours must not cost the copy that is there
        clean_error(error)
        journal.failure(f"expected to go on, found {type(error).__name__}, a fault of drills: report it", COULD_NOT_RUN)
    return still


def _setup(reached: OpenTarget, journal: Journal) -> Setup:
    recorder = CallRecorder(journal.folder, "restore", missed=journal.miss)
    sides = recorded(reached, recorder, "incident")
    return context.setup_of_one(reached.config, sides, journal, reached.url)


def _with_store(setup: Setup, config: Config) -> Setup:
    """Return the setup with what searches the target's store of manifests; a store that cannot be opened stops nothing."""
    try:
        return dataclasses.replace(setup, find_manifest=finder_for(setup, config))
    except (DrillError, OSError) as error:
        setup.journal.append("notes", f"the store of manifests cannot be opened, so that nothing is compared: {error}")
        return setup


def _expected(setup: Setup, config: Config) -> tuple[Manifest | None, bytes | None]:
    """Return the manifest that drill.toml names and its key; None for both where there is none, or it cannot be read."""
    if setup.target.manifest is None:
        return None, None
    try:
        text, expected, key = read_stored(setup.target.manifest, config.evidence.public_key)
        write_atomically(setup.journal.folder / context.MANIFEST_NAME, text)
    except (OSError, DrillError) as error:
        setup.journal.append(
            "notes",
            f"the manifest {setup.target.manifest} cannot be used, so that nothing is compared with it: {error}",
        )
        return None, None
    return expected, key


def _settle(journal: Journal, config: Config, told: Told, *, keep: bool) -> None:
    """Keep what was handed over, or with `keep` what RDS restores; remove everything else that was made."""
    record, setup = journal.record, told.setup
    if setup is None or record.incident is None:
        return
    try:
        with translate_client_errors():
            if record.incident.stays or (keep and _copy_is_asked_for(record)):
                journal.enter("set the time to keep")
                incident.finish(setup)
                incident.note(journal, hour=price.of_an_hour(config, setup))
            elif record.resources:
                journal.enter("clean up")
                left = remove_resources(setup)
                if left:
                    found = "; ".join(f"{each.kind} {each.id}, {each.note}" for each in left)
                    journal.failure(f"expected nothing of the restore to be left, found: {found}", LEFT_BEHIND)
    except DrillError as error:
        journal.failure(str(error), LEFT_BEHIND)


def _copy_is_asked_for(record: RunRecord) -> bool:
    return any(each.kind in COPIES and each.state != "gone" for each in record.resources)


def _conclude(begun: _Begun) -> tuple[RunRecord, tuple[str, ...]]:
    """Judge, end the record, write the reports and seal them where that can be; return what could not be done of it, too."""
    journal = begun.journal
    journal.update(promises=(incident.promise(journal.record),))
    finish.end_of_one(journal)
    undone: list[str] = []
    try:
        if begun.keeper is not None:
            done = of_run.conclude(journal.folder, begun.keeper, begun.config, allure=False)
            return done.record, done.lines
        _end_with(journal, "expected to seal the evidence of the restore, found none was begun")
        undone += filter(None, write.write_all(journal.folder, render_allure=False))
        record = load(journal.folder)
    except (DrillError, OSError) as error:
        journal.append("notes", f"the reports could not be written: {' '.join(str(error).split())}")
        if journal.record.code is None:
            _end_with(journal, "expected to seal the evidence of the restore, found that its reports cannot be written")
        record = journal.record
    return record, (*undone, *ended.tell(journal.folder, record, begun.config))


def _end_with(journal: Journal, unsealed: str) -> None:
    """Give the restore its exit codes, with that of evidence that is not sealed."""
    journal.failure(unsealed, NOT_SEALED)
    codes = verdicts.exit_codes(verdicts.reported(journal.record))
    journal.update(code=codes[0], all_codes=codes)
