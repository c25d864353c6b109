"""`drills report controls`: the runs of a period and the controls that they support, for an auditor."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from drills.clock import SystemClock
from drills.config import load as config
from drills.config.file import ConfigFile
from drills.errors import ConfigError
from drills.files import write_atomically
from drills.history import store as history_file
from drills.screen import Screen
from reports.audit import show
from reports.audit.matrix import Expected, matrix_of
from reports.audit.model import Matrix
from reports.audit.runs import read_all
from reports.audit.sections import By, headline
from reports.audit.span import Period, parse_period

NAME = "controls"
OPTIONS = ("period", "by", "target", "json", "output", "evidence")  # that only the matrix has
FORMATS: Mapping[str, Callable[[Matrix, By], str]] = {
    ".html": show.as_html,
    ".json": lambda matrix, _: show.as_json(matrix),
    ".md": show.as_markdown,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `drills report controls`."""
    group = parser.add_argument_group("of `drills report controls`")
    group.add_argument("--period", metavar="PERIOD", help="2026-Q4, 2026-11, 2026 or 2026-10-01..2026-12-31, in UTC")
    group.add_argument("--by", choices=("target", "control"), help="list each control too (default: target)")
    group.add_argument("--target", metavar="NAME", help="the runs of this target alone")
    group.add_argument("--json", action="store_true", help="print facts as JSON")
    group.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write a file that ends in .html, .md or .json; with --redact: the folder",
    )
    group.add_argument(
        "--evidence", metavar="FOLDER", help="where the chains of evidence lie (default: as drill.toml says)"
    )


def run(options: argparse.Namespace) -> int:
    """Print the matrix of a period, or write it to a file. Raises ConfigError."""
    if options.redact:
        raise ConfigError(
            f"--redact: expected it with the report of a run, found {NAME}: the matrix has no account ids and no endpoints"
        )
    period = _period(options.period)
    output = _output(options.output, options.json)
    file = Path(options.config) if options.config else None
    found = _matrix(options, period, file)
    by: By = options.by or "target"
    if output:
        try:
            write_atomically(output, FORMATS[output.suffix](found, by))
        except OSError as error:
            raise ConfigError(
                f"--output: expected a place that can be written, found {output}: {error.strerror}"
            ) from error
        print(f"{headline(found)}: {output}")
    elif options.json:
        print(show.as_json(found), end="")
    else:
        show.on_terminal(Screen(), found, by)
    return 0


def _matrix(options: argparse.Namespace, period: Period, file: Path | None) -> Matrix:
    configured = ConfigFile.read(file)
    evidence = _evidence(options.evidence, configured)
    history, problems = history_file.read(config.history_of(file) or history_file.DEFAULT)
    runs = read_all(evidence, history)
    targets = configured.targets()
    every = {name: each.drill_every.total_seconds() if each.drill_every else None for name, each in targets.items()}
    known = sorted({*every, *(each.target for each in runs.runs)} - {""})
    if options.target is not None and options.target not in known:
        raise ConfigError(
            f'--target: expected a target with runs or of drill.toml, found "{options.target}"; there are {", ".join(known)}'
        )
    found = type(runs)(runs.runs, (*runs.problems, *problems))
    return matrix_of(found, period, Expected(every), SystemClock().now(), options.target)


def _evidence(given: str | None, configured: ConfigFile) -> tuple[Path, ...]:
    """Return the folders with chains: the one that was given, else those of every profile."""
    if given is None:
        return tuple(dict.fromkeys(Path(each.folder) for each in configured.evidence().values()))
    if not Path(given).is_dir():
        raise ConfigError(f"--evidence: expected a folder with chains of evidence, found none at {given}")
    return (Path(given),)


def _period(text: str | None) -> Period:
    try:
        return parse_period(text or "")
    except ValueError as error:
        found = f'found "{text}"' if text else "found none"
        raise ConfigError(f"--period: expected {error}, {found}") from None


def _output(text: str | None, as_json: bool) -> Path | None:
    """Return the file to write, whose ending says in which format."""
    if text is None:
        return None
    path = Path(text)
    if path.suffix not in FORMATS:
        printed = "; leave --output out to see it here" if text == "-" else ""
        raise ConfigError(f'--output: expected a file that ends in .html, .md or .json, found "{text}"{printed}')
    if as_json and path.suffix != ".json":
        raise ConfigError(f'--output: expected a file that ends in .json beside --json, found "{text}"')
    return path
