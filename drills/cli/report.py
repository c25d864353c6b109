"""`drills report`: makes the reports of a run again, from its record; `drills report controls` shows a period to an auditor."""

from __future__ import annotations

import argparse
from pathlib import Path

from drills.cli.audit import controls as report_controls
from drills.cli.common import CONFIG_OPTIONS, Command, run_folder
from drills.errors import ConfigError
from drills.evidence.check import STARTS
from drills.evidence.sums import SUMS
from reports import pdf, redact, words, write

LATEST = "reports/out/latest"
EXAMPLE = """\
examples:
  drills report reports/out/latest
  drills report reports/out/latest --redact external -o for-others     account ids, hosts and resource ids masked
  drills report controls --period 2026-Q4                      drills expected, done, failed and missed
  drills report controls --period 2026-Q4 --by control -o q4.html
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `drills report`."""
    parser.add_argument(
        "run",
        nargs="?",
        help=f'folder of the run (default: the latest), or "{report_controls.NAME}" for the controls of a period',
    )
    parser.add_argument(
        "--redact",
        choices=redact.PROFILES,
        help="write reports with account ids, host names and the ids of resources masked, into a folder of their own",
    )
    report_controls.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Write the reports anew and print their paths, or show the matrix of a period."""
    if Path(options.run or LATEST).name == report_controls.NAME and not Path(options.run).is_dir():
        return report_controls.run(options)
    for name in report_controls.OPTIONS:
        if getattr(options, name) and not (name == "output" and options.redact):
            raise ConfigError(
                f"--{name}: expected it with `drills report {report_controls.NAME} --period …`, found the report of a run"
            )
    folder = run_folder(options.run or LATEST)
    into = folder
    if options.redact:
        into = Path(options.output) if options.output else folder / options.redact
    _refuse_sealed(into)
    if options.redact:
        lines = write.write_redacted(folder, into)
        folder = into
    else:
        lines = write.write_all(folder, render_allure=True)
    for line in lines:
        print(line)
    if not pdf.is_available():
        print(pdf.HOW_TO_GET)
    print(f"reports of the run are in {words.show_path(folder)}")
    return 0


def _refuse_sealed(into: Path) -> None:
    """Refuse to write into evidence, which would no longer verify, and into what is no folder. Raises ConfigError."""
    if into.exists() and not into.is_dir():
        raise ConfigError(f"expected a folder to write the reports into, found the file {into}: name another with -o")
    whole = into.absolute()
    if (whole / STARTS).is_dir() or any((each / SUMS).exists() for each in (whole, *whole.parents)):
        raise ConfigError(
            f"expected a folder that is no evidence, found that {into} is sealed: nothing is written into it; make the reports "
            "from the run's own folder below reports/out/, or masked ones elsewhere with --redact external -o FOLDER"
        )


COMMAND = Command(EXAMPLE, add_arguments, run, parents=(CONFIG_OPTIONS,), paths=("run", "output", "evidence", "config"))
