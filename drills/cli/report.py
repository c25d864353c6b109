"""`drills report`: makes the reports of a run again, from its record; `controls` shows a period to an auditor, `merge` a fleet."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from drills.cli.audit import controls as report_controls
from drills.cli.common import CONFIG_OPTIONS, Command, folder_to_write, run_folder
from drills.cli.completion.words import offer
from drills.cli.fleet import merge
from drills.errors import COULD_NOT_RUN, ConfigError, DrillError
from drills.evidence.check import is_chain
from drills.evidence.sums import SUMS
from reports import pdf, redact, words, write

LATEST = "reports/out/latest"
EXAMPLE = """\
examples:
  drills report reports/out/latest
  drills report reports/out/latest --redact external -o for-others     account ids, hosts and resource ids masked
  drills report controls --period 2026-Q4                      drills expected, done, failed and missed
  drills report controls --period 2026-Q4 --by control -o q4.html
  drills report merge shard-1 shard-2 -o merged                one fleet out of what its shares left
"""

EXIT_CODES = """\
exit codes: 0 the reports are written, or the controls shown, whatever the run or the fleet came to; 12 not all of them could be
written; 2 wrong usage or configuration; of merge those of the fleet, as drills run --all has them"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `drills report`."""
    run = parser.add_argument(
        "run",
        nargs="?",
        help=f'folder of the run (default: the latest), or "{report_controls.NAME}" for the controls of a period, or '
        f'"{merge.NAME}" for a fleet',
    )
    offer(run, report_controls.NAME, merge.NAME)
    merge.add_arguments(parser)
    parser.add_argument(
        "--redact",
        choices=redact.PROFILES,
        help="write reports with account ids, host names and the ids of resources masked, into a folder of their own",
    )
    report_controls.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Write the reports anew and print their paths, show the matrix of a period, or join the shares of a fleet."""
    if Path(options.run or LATEST).name == merge.NAME and not Path(options.run).is_dir():
        return merge.run(options)
    if options.folders:
        raise ConfigError(
            f"expected one folder of a run, found also {options.folders[0]}: several are joined by {merge.NAME}"
        )
    if Path(options.run or LATEST).name == report_controls.NAME and not Path(options.run).is_dir():
        return report_controls.run(options)
    for name in report_controls.OPTIONS:
        if getattr(options, name) not in (None, False) and not (name == "output" and options.redact):
            raise ConfigError(
                f"--{name}: expected it with `drills report {report_controls.NAME} --period …`, found the report of a run"
            )
    folder = run_folder(options.run or LATEST)
    if merge.is_fleet(folder):
        return merge.show_again(folder)
    into = folder
    if options.redact:
        given = options.output
        into = folder / options.redact if given is None else folder_to_write("--output", given)
    try:
        _refuse_sealed(into)
        _try_to_write(into)
        lines = write.write_redacted(folder, into) if options.redact else write.write_all(folder, render_allure=True)
    except OSError as error:
        where = error.filename or into
        raise DrillError(
            f"expected to write the reports into {into}, found: {error.strerror}: {where}: type it as who may write there, "
            "or name another folder with --redact external -o FOLDER"
        ) from error
    for line in lines:
        print(line)
    if not pdf.is_available():
        print(pdf.HOW_TO_GET)
    if any(write.NOT_WRITTEN in line for line in lines):
        print(f"not all reports of the run could be written into {words.show_path(into)}")
        return COULD_NOT_RUN
    print(f"reports of the run are in {words.show_path(into)}")
    return 0


def _try_to_write(into: Path) -> None:
    """Raise OSError where nothing can be written into a folder that is there."""
    if into.is_dir():
        try:
            tempfile.TemporaryFile(dir=into).close()
        except OSError as error:  # which names a file that nobody asked for
            raise OSError(error.errno, error.strerror, str(into)) from error


def _refuse_sealed(into: Path) -> None:
    """Refuse to write into evidence, which would no longer verify, and into what is no folder. Raises ConfigError."""
    if into.exists() and not into.is_dir():
        raise ConfigError(f"expected a folder to write the reports into, found the file {into}: name another with -o")
    whole = into.absolute()
    if is_chain(whole) or any((each / SUMS).exists() for each in (whole, *whole.parents)):
        raise ConfigError(
            f"expected a folder that is no evidence, found that {into} is sealed: nothing is written into it; make the reports "
            "from the run's own folder below reports/out/, or masked ones elsewhere with --redact external -o FOLDER"
        )


COMMAND = Command(
    EXAMPLE,
    add_arguments,
    run,
    EXIT_CODES,
    parents=(CONFIG_OPTIONS,),
    paths=("run", "folders", "output", "evidence", "config"),
)
