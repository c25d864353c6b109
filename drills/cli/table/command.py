"""`drills table`: fingerprints a DynamoDB table, and compares one with a manifest, by reading alone."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.remedies import explain
from drills.cli.common import TARGET_OPTIONS, Command, check_output, help_texts, target_options, text_of_manifest
from drills.cli.target import open_target
from drills.clock import SystemClock
from drills.config.load import only_target
from drills.errors import COULD_NOT_RUN, VERIFICATION_FAILED, DrillError
from drills.files import write_atomically
from drills.model.finding import CheckResult
from drills.plural import counted
from drills.printable import printable, to_json
from drills.tables import manifest
from drills.tables.read import SEGMENTS, USUAL_CAPACITY, ReadOptions, take_manifest
from drills.tables.verify import verify

EXAMPLE = """\
examples:
  drills table manifest orders --profile aws -o orders.json     what the table contains: of every item a digest, of none its values
  drills table verify orders-restored --against orders.json     every item and every setting of a copy beside it
  drills table manifest orders --capacity 50 -o orders.json     at no more than 50 read units a second
Nothing is changed. The table is read in the account and region of --profile; verify reads where the target's copies are restored.
A scan is no snapshot: take the manifest while nobody writes, or know that what is written meanwhile may be missing from it.
"""
EXIT_CODES = """\
exit codes: 0 written, or every item and every setting that a restore brings back is as it was; 11 they differ; 12 the table could
not be read, or not all of it; 2 wrong usage or configuration"""


def add_arguments(table: argparse.ArgumentParser) -> None:
    """Add the parts of `drills table`."""
    parts = table.add_subparsers(dest="part", metavar="PART", required=True)
    shared = [target_options(argparse.SUPPRESS)]
    take = parts.add_parser("manifest", parents=shared, **help_texts("fingerprint a table", EXAMPLE, EXIT_CODES))
    take.add_argument("-o", "--output", metavar="FILE", help="where it is kept (default, and -: print it)")
    against = parts.add_parser(
        "verify", parents=shared, **help_texts("compare a table with a manifest", EXAMPLE, EXIT_CODES)
    )
    against.add_argument("--against", metavar="FILE", required=True, help="the manifest")
    against.add_argument("--json", action="store_true", help="print the results as JSON")
    for part in (take, against):
        part.add_argument("table", metavar="TABLE", help="name of the table")
        part.add_argument(
            "--capacity",
            metavar="UNITS",
            type=_units,
            help=f"read units a second, at most (default: a quarter of what is provisioned, else {USUAL_CAPACITY:g})",
        )
        part.add_argument(
            "--segments", metavar="N", type=_segments, default=SEGMENTS, help=f"read side by side (default: {SEGMENTS})"
        )
        part.add_argument(
            "--eventually-consistent",
            action="store_true",
            help="for half of the read units; what was just written may be missing",
        )


def _units(text: str) -> float:
    try:
        units = float(text)
    except ValueError:
        units = 0.0
    if not 0 < units < float("inf"):
        raise argparse.ArgumentTypeError(f"expected read units a second, more than 0, found {text!r}")
    return units


def _segments(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 64):
        raise argparse.ArgumentTypeError(f"expected 1 to 64 segments, found {text!r}")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Take a manifest, or compare; the exit code. DrillError, one sentence, where the table could not be read."""
    how = ReadOptions(not options.eventually_consistent, options.segments, options.capacity)
    expected = _expected(options.against) if options.part == "verify" else None
    if expected is None:
        check_output(options.output)
    reached = open_target(argparse.Namespace(**vars(options) | {"target": _target(options)}), tables=True)
    side = reached.clients if expected is None else reached.restore
    client = side.client("dynamodb")
    try:
        if expected is None:
            return _write(take_manifest(client, options.table, how, SystemClock()), options.output)
        results = verify(client, options.table, expected, how, SystemClock())
    except (ClientError, BotoCoreError) as error:
        where = f"account {side.account}, region {side.region}"
        raise DrillError(
            f"expected to read the table {options.table} ({where}), found: "
            f"{explain(error, 'the rights that are needed are in docs/dynamodb.md')}"
        ) from error
    return _show(results, as_json=options.json)


def _target(options: argparse.Namespace) -> str | None:
    """Return the target that is meant: the one that is named, or that is of this table, or the only one of any; else None."""
    path = Path(options.config) if options.config else None
    of_it = only_target(path, lambda each: each.table == options.table)
    return options.target or of_it or only_target(path, lambda each: each.table is not None)


def _expected(path: str) -> manifest.TableManifest:
    return manifest.from_json(text_of_manifest("--against", path, "drills table manifest"), path)


def _write(taken: manifest.TableManifest, output: str | None) -> int:
    if output in (None, "-"):
        sys.stdout.write(manifest.to_json(taken))
        return 0
    write_atomically(Path(str(output)), manifest.to_json(taken))
    told = f"{output}: table {taken.table}, {counted(taken.items.count, 'item')}, digest {taken.items.digest}"
    told += f"; not read: {', '.join(taken.unread)}" if taken.unread else ""
    print(printable(told), file=sys.stderr)
    return 0


def _show(results: Sequence[CheckResult], *, as_json: bool) -> int:
    if as_json:
        print(to_json([dataclasses.asdict(each) for each in results]))
    else:
        for result in results:
            print(printable(f"{result.name}: {result.outcome}: {result.sentence}"))
            for finding in result.findings:
                print(printable(f"  {finding.severity}: {finding.message}"))
    outcomes = {each.outcome for each in results}
    return VERIFICATION_FAILED if "missed" in outcomes else COULD_NOT_RUN if "not verified" in outcomes else 0


COMMAND = Command(
    EXAMPLE, add_arguments, run, EXIT_CODES, parents=(TARGET_OPTIONS,), paths=("config", "output", "against")
)
