"""The evidence of a run from its beginning to its end: the start record, the reports, and the seal after all of them.

When it is sealed, monitoring is told.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from drills.cli.outputs import ended
from drills.config.initiator import initiator_of
from drills.config.load import AwsProfile, Config
from drills.errors import NOT_SEALED, USAGE, DrillError
from drills.evidence.aborted import end_abandoned, record_of
from drills.evidence.bundle import Bundle
from drills.evidence.folder import Begun, sha256, taken
from drills.evidence.keeper import Keeper, is_over
from drills.evidence.ledger import runs_without_entry
from drills.evidence.start import StartRecord, config_json, draft_of, summary_of
from drills.files import write_atomically
from drills.history import line as history
from drills.history import store as history_file
from drills.model.record import RunRecord, value_of
from drills.objectives import verdicts
from drills.record import ORIGIN_NAME, RECORD_NAME, Journal, load, to_json
from drills.run import raw
from drills.run.plan import remove_messages
from reports import allure_files, allure_history, allure_render, words, write


@dataclass(frozen=True, slots=True)
class Concluded:
    """A run with its reports and its seal. `lines` say what could not be made; `bundle` is None where it is not sealed."""

    record: RunRecord
    bundle: Bundle | None
    lines: tuple[str, ...] = ()


def lines_of(done: Concluded) -> tuple[str, ...]:
    """Return what could not be made, and where the evidence is and what it is worth."""
    place = done.record.evidence
    if place is None or done.bundle is None:
        return done.lines
    where = words.show_path(done.bundle.folder)
    kept = f", and in {place.store}" if place.store else ""
    signed = f"signed by {place.key[:16]}" if place.key else "not signed"
    return (
        *done.lines,
        f"evidence: {where}{kept} (number {place.sequence} of {place.chain}, level {place.level}, {signed})",
    )


def begin(keeper: Keeper, config: Config, opening: RunRecord, folder: Path) -> tuple[RunRecord, Begun]:
    """Write the start record of a run; its opening record with its place in the chain. Raises DrillError."""
    every = config.target.drill_every
    opening = dataclasses.replace(opening, initiator=initiator_of(os.environ, _identity(config)))
    draft = draft_of(
        opening,
        scenario=value_of(opening.settings, "--scenario"),
        drill_every_seconds=every.total_seconds() if every else None,
        config=sha256(config_json(opening.settings)),
    )
    begun = keeper.begin(draft, folder)
    place = summary_of(begun.record, begun.digest, config.evidence.store or "")
    return dataclasses.replace(opening, evidence=place), begun


def _identity(config: Config) -> str:
    """Return who acts in AWS, as STS says it; "" where no account is used, and why where it is not known."""
    if not isinstance(config.profile, AwsProfile):
        return ""
    from botocore.exceptions import BotoCoreError, ClientError  # which a run in the sandbox never needs here

    from drills.aws import sides

    try:
        return str(sides.open_source(config).sts.get_caller_identity()["Arn"])
    except (BotoCoreError, ClientError, DrillError) as error:
        return f"not known: {' '.join(str(error).split())}"  # which the guards will name


def conclude(folder: Path, keeper: Keeper, config: Config, *, allure: bool, pdf: bool = True) -> Concluded:
    """Write the reports of a run that has ended, then seal it: nothing changes a file after that.

    Allure's page and the PDF are made where they are asked for.
    """
    journal = Journal.open(folder)
    journal.resume("write the reports")
    lines = []
    if allure and not journal.record.interrupted_by and (folder / "allure-results").is_dir():
        judged = verdicts.reported(journal.record)
        allure_files.write(folder / "allure-results", judged)
        said = allure_render.render(
            folder / "allure-results", folder / "allure-report", allure_history.of(judged, folder)
        )
        lines += [] if (folder / "allure-report" / "index.html").exists() else [said]
    journal.end()
    return _reported_and_sealed(folder, keeper, config, lines, pdf=pdf)


def _reported_and_sealed(
    folder: Path, keeper: Keeper, config: Config, lines: list[str], *, pdf: bool = True
) -> Concluded:
    _note_runs_without_entry(folder, keeper)
    lines += write.write_all(folder, render_allure=False, with_pdf=pdf)
    (folder / ORIGIN_NAME).unlink(missing_ok=True)
    record, bundle = load(folder), None
    if record.evidence:
        try:
            bundle = keeper.seal_run(folder, record.evidence, record.run_id)
        except (DrillError, OSError) as error:
            lines += _note_unsealed(folder, config, error)
    record = load(folder)
    return Concluded(record, bundle, (*filter(None, lines), *ended.tell(folder, record, config)))


def _note_runs_without_entry(folder: Path, keeper: Keeper) -> None:
    """Say in the report which runs its numbers over time count that have no entry in the chain: nothing shows these.

    Where there is a store, entries of other machines are there and not in this folder: then it is not known.
    """
    record = load(folder)
    entries = keeper.runs()
    if record.history is None or record.evidence is None or keeper.store or record.run_id not in entries:
        return
    told = runs_without_entry(record.evidence.chain, entries, [each.run_id for each in record.history.points])
    if told and told not in record.history.problems:
        journal = Journal.open(folder)
        journal.update(history=dataclasses.replace(record.history, problems=(*record.history.problems, told)))


def _note_unsealed(folder: Path, config: Config, error: Exception) -> list[str]:
    """Give the run exit code 14, behind any that it has; its reports and the history say so too."""
    journal = Journal.open(folder)
    what = " ".join(str(error).split())
    advice = f"drills evidence seal {folder}{_config_option(config)}"
    journal.failure(f"expected to seal the run's evidence, found: {what}: {advice}", NOT_SEALED)
    codes = verdicts.exit_codes(journal.record)
    journal.update(code=codes[0], all_codes=codes)
    if journal.record.history and codes[0] != USAGE:
        every = config.target.drill_every
        line = history.line_of(journal.record, every.total_seconds() if every else None)
        history_file.append(config.history or history_file.DEFAULT, line)
    return write.write_all(folder, render_allure=False)


def _config_option(config: Config) -> str:
    """Return the option that names the configuration, where it is not the one of the working directory."""
    ours = config.file is None or config.file.absolute() == Path("drill.toml").absolute()
    return "" if ours else f" --config {shlex.quote(str(config.file))}"


def conclude_abandoned(folder: Path, keeper: Keeper, config: Config, sealed_by: str) -> Concluded:
    """Write the reports of a run whose processes are all gone, and seal it; its record says that, and who sealed it."""
    path = folder / RECORD_NAME
    last_sign = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    ended = end_abandoned(load(folder), last_sign, sealed_by)
    ended = dataclasses.replace(ended, aws_calls=ended.aws_calls or raw.count_calls(folder))
    with contextlib.suppress(OSError):
        raw.write(folder)
    write_atomically(path, to_json(ended))
    remove_messages(folder)
    for name in raw.NOTED:
        (folder / name).unlink(missing_ok=True)
    return _reported_and_sealed(folder, keeper, config, [])


def seal_abandoned(keeper: Keeper, config: Config, out: Path, sealed_by: str) -> Iterator[Concluded]:
    """Seal each run of the chain that was begun, has no bundle and runs no more; `out` has the folders of runs.

    One whose folder is gone may run on another machine: it is left alone as long as a run may take.
    """
    for start in keeper.abandoned():
        folder = out / start.run_id
        with taken(keeper.path_of(start)) as mine:
            if not mine or keeper.is_sealed(start):  # by another run meanwhile
                continue
            if not (folder / RECORD_NAME).exists():
                if not is_over(start, keeper.clock.now(), config.limits.total_seconds):
                    continue
                _lay_out(folder, keeper, start, config)
            yield conclude_abandoned(folder, keeper, config, sealed_by)


def _lay_out(folder: Path, keeper: Keeper, start: StartRecord, config: Config) -> None:
    """Make the folder of a run of which only the start record is left."""
    record = record_of(start, sha256(keeper.path_of(start).read_bytes()), config.evidence.store or "")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / RECORD_NAME, to_json(record))
    began = start.started_at.timestamp()
    os.utime(folder / RECORD_NAME, (began, began))  # what it was last heard of
