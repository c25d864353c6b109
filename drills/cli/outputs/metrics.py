"""`drills metrics`: the numbers of a run for monitoring, from its record: printed, or written where drill.toml says."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from drills.cli.common import CONFIG_OPTIONS, Command, run_folder
from drills.cli.evidence.configured import config_of
from drills.errors import COULD_NOT_RUN, ConfigError, DrillError
from drills.metrics.samples import Numbers, numbers_of
from drills.metrics.write import write
from drills.printable import printable, to_json
from drills.record import load

LATEST = "reports/out/latest"
EXAMPLE = """\
examples:
  drills metrics                                     of the latest run, in Prometheus' text format
  drills metrics reports/out/20261123-141503-a1b2 -o /var/lib/prometheus/node-exporter/drills.prom
  drills metrics --send                              to each place that [metrics] of drill.toml names
"""
EXIT_CODES = """\
exit codes: 0 written; 12 the run counts nowhere, so that it has no numbers, or a place did not take them; 2 wrong usage or
configuration"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `drills metrics`."""
    parser.add_argument("run", nargs="?", metavar="RUN", help="folder of the run (default: the latest)")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the text into this file, whole")
    parser.add_argument("--send", action="store_true", help="write to each place that [metrics] of drill.toml names")
    parser.add_argument("--json", action="store_true", help="print facts as JSON")


def run(options: argparse.Namespace) -> int:
    """Print, write or send the numbers of a run. Raises ConfigError, DrillError."""
    if sum((options.output is not None, options.send, options.json)) > 1:
        raise ConfigError("expected one of -o, --send and --json, found several: leave the others out")
    record = load(run_folder(options.run or LATEST))
    if options.send:
        config = config_of(Path(options.config) if options.config else None, record)
        written = write(record, config)
        if not written:
            raise ConfigError(
                "--send: expected a place in [metrics] of drill.toml, found none: set textfile, pushgateway, cloudwatch or "
                "traces, or leave --send out to "
                "print the numbers"
            )
        for each in written:
            print(printable(f"{each.place}: {each.problem or 'written'}"))
        return COULD_NOT_RUN if any(each.problem for each in written) else 0
    numbers = numbers_of(record)
    if numbers.not_written:
        raise DrillError(
            f"expected a run that counts, found that {record.run_id} has no numbers: {numbers.not_written}"
        )
    _show(numbers, options)
    return 0


def _show(numbers: Numbers, options: argparse.Namespace) -> None:
    from drills.metrics import text

    if options.json:
        labels = dict(numbers.labels)
        print(
            to_json(
                [
                    {"name": each.name, "labels": labels | dict(each.labels), "value": each.value}
                    for each in numbers.samples
                ]
            )
        )
    elif options.output is None:
        print(text.text_of(numbers), end="")
    else:
        try:
            text.write_textfile(Path(options.output), numbers)
        except OSError as error:
            raise ConfigError(
                f"-o: expected a file to write, found: {error.strerror}: {os.fspath(options.output)}"
            ) from error
        print(f"written: {options.output}")


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES, parents=(CONFIG_OPTIONS,), paths=("run", "output", "config"))
