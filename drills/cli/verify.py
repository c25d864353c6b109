"""`drills verify`: compares a database with a manifest."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drills.checks import manifest
from drills.checks.base.session import Connector, SingleDatabase
from drills.checks.comparison import WORKERS
from drills.checks.manifest import Manifest
from drills.checks.owner.invariants import load
from drills.checks.resumed import ProvedFile, identify
from drills.checks.verify import Conditions, exit_code, verify
from drills.cli.common import CONFIG_OPTIONS, Command
from drills.cli.database import add_dsn, add_policy_option, add_workers, parse_dsn, policies_of, workers_of
from drills.clock import SystemClock
from drills.durations import parse_duration
from drills.errors import ConfigError
from drills.model.acknowledgement import Acknowledgement
from drills.model.finding import CheckResult
from drills.objectives import acknowledged
from drills.printable import printable, to_json

if TYPE_CHECKING:
    from drills.cli.manifest.turns import Turns

EXAMPLE = """\
examples:
  drills verify postgresql://reader@copy.example.com/orders --against orders.json
  drills verify "host=localhost dbname=orders_copy" --against orders.json --scratch --json
  drills verify dbname=orders_copy --against orders.json --public-key drill.pub.pem
  drills verify dbname=orders_copy --against orders.json --budget 30m --resume orders_copy.proved
  drills verify dbname=orders_copy --against orders.json --budget 30m --turns orders.turns
  drills verify dbname=orders_copy --against orders.json --policy 'public.orders=up to created_at'
A manifest that is compared up to a watermark has to be taken with the same --policy.
"""


def add_arguments(compare: argparse.ArgumentParser) -> None:
    """Add the options of `drills verify`."""
    add_dsn(compare, "the copy")
    compare.add_argument(
        "--target",
        metavar="NAME",
        help="target of the configuration whose acknowledged differences apply; nothing else of it is used",
    )
    compare.add_argument("--against", required=True, metavar="FILE", help="the manifest")
    compare.add_argument(
        "--public-key", metavar="PUB", help="refuse a manifest that this key has not signed (drills manifest --key)"
    )
    compare.add_argument(
        "--invariants", metavar="FOLDER", help="SQL files that select the rows which break what is always true"
    )
    add_policy_option(compare)
    compare.add_argument(
        "--expect-empty",
        action="store_true",
        help="a source without rows is right; else a comparison that compared no row is not verified",
    )
    compare.add_argument(
        "-v", "--verbose", action="store_true", help="below each difference the query that shows it, whole"
    )
    compare.add_argument("--json", action="store_true", help="print the results as JSON")
    compare.add_argument(
        "--scratch",
        action="store_true",
        help="the copy is there to be checked alone: amcheck may be created in it, and is rolled back",
    )
    add_workers(compare, WORKERS, "connections that read the rows at once: at best as many as the copy has processors")
    compare.add_argument(
        "--budget", metavar="DURATION", help="how long the rows may be compared; tables left then are not verified"
    )
    compare.add_argument(
        "--resume",
        metavar="FILE",
        help="keep in FILE what is proved of this copy, and go on with it after a lost connection or a full budget",
    )
    compare.add_argument(
        "--turns",
        metavar="FILE",
        help="keep in FILE what verifications of one copy after another have proved, and read first what it does not have",
    )
    compare.add_argument(
        "--trust-code",
        action="store_true",
        help="run functions of the copy with the login's rights, a superuser's too: only where you trust its owners",
    )


def run(options: argparse.Namespace) -> int:
    """Compare the two and print what differs; DrillError, one sentence, where it could not."""
    expected, key, digest = _read_expected(Path(options.against), options.public_key)
    rules = load(Path(options.invariants)) if options.invariants else ()
    known = known_differences(options), SystemClock().now().date()
    policies = policies_of(options.policy)
    database = parse_dsn(options.dsn)
    database.entered_name()
    connect: Connector = SingleDatabase(database.connect, expected.only) if expected.only else database.connect
    proved = ProvedFile(Path(options.resume), digest, identify(connect), SystemClock(), key) if options.resume else None
    turns = _turns_of(options.turns, expected)
    under = Conditions(
        options.trust_code,
        options.expect_empty,
        workers_of(options),
        _budget_of(options.budget),
        proved,
        turns.reading if turns else None,
    )
    try:
        found = verify(
            connect,
            expected,
            clock=SystemClock(),
            key=key,
            policies=policies,
            scratch=options.scratch,
            rules=rules,
            under=under,
        )
    finally:
        if proved:
            proved.save()
    covered = turns.keep(policies) if turns else None
    results = acknowledged.acknowledge(found, *known)
    code = exit_code(results)
    if options.json:
        beside = ({"resumed": proved.facts()} if proved else {}) | (covered.facts() if covered else {})
        print(to_json(_facts(expected, results, code) | beside))
    else:
        from drills.cli.findings import show_verification  # loads rich, which --json never needs

        show_verification(expected, results, queries=options.verbose)
        remarks = (*(proved.remarks() if proved else ()), *(covered.remarks() if covered else ()))
        for remark in (*remarks, *acknowledged.remarks(found, *known)):
            print(printable(remark))
    return code


def _turns_of(given: str | None, expected: Manifest) -> Turns | None:
    """Return what the file of --turns holds. ConfigError where it cannot be read."""
    if not given:
        return None
    from drills.cli.manifest.turns import Turns  # loads the record of a run, which nothing else here needs

    return Turns(Path(given), expected, SystemClock())


def _budget_of(given: str | None) -> float | None:
    """Return the seconds of --budget. ConfigError where it is no duration."""
    try:
        return parse_duration(given).total_seconds() if given else None
    except ValueError as error:
        raise ConfigError(f"--budget: {error}") from error


def _read_expected(path: Path, public_key: str | None) -> tuple[Manifest, bytes | None, str]:
    """Return the manifest, the key beside it and the digest of the file; on stderr, that nobody vouches for it. DrillError."""
    try:
        data = _read_sealed(path, Path(public_key)) if public_key else path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        text = [data.decode("utf-8")]
        del data  # of many tables it is large, and its text is given away for the same reason
        key = manifest.read_key(path)
        expected = manifest.load(text.pop(), str(path), key)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text"
        raise ConfigError(f"--against: expected a manifest, found {path}: {reason}") from error
    if key is None and not public_key:
        print(f"drills: {manifest.unauthenticated(path)}", file=sys.stderr)
    return expected, key, digest


def _read_sealed(manifest: Path, key: Path) -> bytes:
    from drills.evidence.keys import read_public_key
    from drills.evidence.manifests import read_sealed

    return read_sealed(manifest, read_public_key(key))


def known_differences(options: argparse.Namespace) -> tuple[Acknowledgement, ...]:
    """Return what the owner of --target has acknowledged; nothing without the option. ConfigError where there is no such target."""
    if not options.target:
        if options.config:
            raise ConfigError(
                "--config: expected --target NAME beside it, found none: say whose known differences apply"
            )
        return ()
    from drills.config.load import load as load_config  # takes longer to load than all checks

    path = Path(options.config) if options.config else None
    return load_config(path, profile=None, target=options.target, environment={}).target.known_differences()


def _facts(expected: Manifest, results: Sequence[CheckResult], code: int) -> dict[str, Any]:
    return {
        "manifest": {
            "taken_at": expected.taken_at.isoformat(),
            "databases": list(expected.databases),
            "server_version_num": expected.server_version_num,
            "system_identifier": expected.system_identifier,
        },
        "exit_code": code,
        "results": [dataclasses.asdict(result) for result in results],
    }


COMMAND = Command(EXAMPLE, add_arguments, run, parents=(CONFIG_OPTIONS,))
