"""`drills evidence review`: what a person decided about a run, added to its chain and signed."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drills import __version__
from drills.cli.common import CONFIG_OPTIONS, Command
from drills.cli.evidence.signing import signer_of
from drills.clock import SystemClock
from drills.config import load as configuration
from drills.config.load import Config
from drills.errors import VERIFICATION_FAILED, ConfigError
from drills.evidence.bundle import write_sealed
from drills.evidence.chain import Chain, Sealed, sequence_of
from drills.evidence.check import STARTS, check_bundle
from drills.evidence.folder import REVIEWS, alone, read_chain
from drills.evidence.keeper import open_keeper, store_of
from drills.evidence.keys import load_public_key
from drills.evidence.review import (
    REVIEW_VERSION,
    Correction,
    ReviewRecord,
    findings_of,
    not_corrected,
    review_json,
)
from drills.evidence.seal import Seal
from drills.evidence.sums import SIGNATURE, SUMS
from drills.printable import printable

EXAMPLE = """\
examples:
  drills evidence review reports/evidence/aws-orders --verdict accepted --name 'A. Weber' --role 'head of operations' \\
      --plan-version 2026-10 --key drill.pem                                    the newest bundle of the chain
  drills evidence review BUNDLE --verdict rejected --name 'A. Weber' --role 'head of operations' --key drill.pem \\
      --finding rto --action 'larger instance class' --ticket OPS-123 --retest 20261124-090000-c3d4
Each --finding is followed by its --action, and as an option by its --ticket and the --retest.
"""
EXIT_CODES = (
    "exit codes: 0 the review is there; 11 the bundle does not verify; 12 it could not be written; 2 wrong usage"
)
_PARTS = ("action", "ticket", "retest")


class _Finding(argparse.Action):
    """Begins a correction with --finding, and gives it what --action, --ticket and --retest say until the next one."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: Any = None
    ) -> None:
        if not values.strip():
            parser.error(f"{option}: expected a value ({self.help}), found an empty one: leave it out, or say which")
        corrections: list[dict[str, str]] = list(namespace.corrections or [])
        if self.metavar == "OBJECT":
            corrections.append({"object": values})
        elif not corrections or self.const in corrections[-1]:
            parser.error(
                f"{option}: expected one behind each --finding, found {'another' if corrections else 'none before it'}"
            )
        else:
            corrections[-1] = {**corrections[-1], str(self.const): values}
        namespace.corrections = corrections


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `drills evidence review`."""
    parser.add_argument("folder", metavar="DIR", help="the bundle, or the chain: its newest bundle")
    parser.add_argument("--verdict", required=True, choices=("accepted", "rejected"), help="what was decided")
    parser.add_argument("--name", required=True, metavar="NAME", help="who decided it")
    parser.add_argument("--role", required=True, metavar="ROLE", help="in which role")
    parser.add_argument(
        "--plan-version", metavar="VERSION", help="the version of the contingency plan that was reviewed"
    )
    parser.add_argument(
        "--key",
        metavar="PEM",
        help="the key that signs the review (default: that of [evidence])",
    )
    add = parser.add_argument
    add(
        "--finding",
        dest="corrections",
        action=_Finding,
        metavar="OBJECT",
        help="a finding that something is done about",
    )
    add("--action", dest="corrections", action=_Finding, const="action", metavar="TEXT", help="what is done about it")
    add("--ticket", dest="corrections", action=_Finding, const="ticket", metavar="ID", help="where that is followed")
    add(
        "--retest",
        dest="corrections",
        action=_Finding,
        const="retest",
        metavar="RUN",
        help="the run that tested it again",
    )


def run(options: argparse.Namespace) -> int:
    """Write the review and say what has no corrective action yet. Raises DrillError."""
    _refuse_no_text(options)
    folder, name = _place(Path(options.folder))
    chain, _ = read_chain(folder)
    bundle = _bundle(chain, name)
    config = _configuration(options.config, bundle)
    seal = Seal(signer_of(options.key)) if options.key else open_keeper(config, os.environ).seal
    if seal.signer is None and (folder / bundle.name / SIGNATURE).exists():
        raise ConfigError(
            f"expected a key to sign the review of {bundle.name} with, which is signed, found none: name it with --key, or as key "
            "in [evidence]; a review that is not signed would leave the whole chain unverified"
        )
    if not _verifies(folder / bundle.name, seal):
        return VERIFICATION_FAILED
    corrections = _corrections(options.corrections or (), bundle, chain)
    with alone(folder, SystemClock()):
        record = _record(options, read_chain(folder)[0], bundle, corrections, seal)
        path = folder / REVIEWS / f"{record.name}.json"
        write_sealed(path, review_json(record), seal)
    if store := store_of(config):
        for each in sorted(path.parent.glob(f"{path.name}*")):
            store.put(f"{chain.name}/{REVIEWS}/{each.name}", each.read_bytes())
    print(printable(f"{record.verdict}: {path} ({'signed' if seal.signer else 'not signed'})"))
    for finding in record.not_corrected:
        print(printable(f"no corrective action yet: {finding}"))
    return 0


def _refuse_no_text(options: argparse.Namespace) -> None:
    """Refuse bytes that are no text: what cannot be read back would leave the whole chain unverified. Raises ConfigError."""
    parts = [("--name", options.name), ("--role", options.role), ("--plan-version", options.plan_version or "")]
    parts += [(f"--{name}", text) for each in options.corrections or () for name, text in each.items()]
    for option, text in parts:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ConfigError(f"{option}: expected text in UTF-8, found bytes that are none: type it again") from None


def _place(given: Path) -> tuple[Path, str]:
    """Return the folder of the chain and the name of the bundle, "" for its newest one."""
    if (given / STARTS).is_dir():
        return given, ""
    folder = given.absolute()
    if not (folder / SUMS).is_file() or not (folder.parent / STARTS).is_dir():
        raise ConfigError(
            f"expected a chain, or a bundle in its chain, found {given}: name one below reports/evidence/"
        )
    return folder.parent, folder.name


def _bundle(chain: Chain, name: str) -> Sealed:
    found = [each for each in chain.bundles if name in ("", each.name)]
    if not found:
        raise ConfigError(
            f"expected a bundle in {chain.name}, found none that can be read: drills evidence verify says why"
        )
    return found[-1]


def _configuration(path: str | None, bundle: Sealed) -> Config:
    record = bundle.record
    target = record.target.name if record.target else None
    return configuration.load(
        Path(path) if path else None, profile=record.profile, target=target, environment=os.environ
    )


def _verifies(bundle: Path, seal: Seal) -> bool:
    """Say what of the bundle is not as it was sealed: nobody puts a name below that."""
    key = load_public_key(seal.signer.public_pem.encode(), "the reviewer's key") if seal.signer else None
    problems = check_bundle(bundle, key)
    for each in problems:
        print(printable(f"{each.kind}: {each.sentence}"))
    return not problems


def _corrections(given: Sequence[dict[str, str]], bundle: Sealed, chain: Chain) -> tuple[Correction, ...]:
    """Return the corrections; each is about a finding of the bundle, and was tested again by a later run of the chain."""
    findings = findings_of(bundle.record)
    later = [each.record.run_id for each in chain.bundles if sequence_of(each.name) > sequence_of(bundle.name)]
    found = []
    for each in given:
        correction = Correction(each["object"], each.get("action", ""), each.get("ticket", ""), each.get("retest", ""))
        if correction.object not in findings:
            raise ConfigError(
                f"--finding: expected a finding of {bundle.name}, found {correction.object}; there are "
                f"{', '.join(findings) or 'none'}"
            )
        if not correction.action:
            raise ConfigError(f"--finding {correction.object}: expected --action behind it, found none")
        if correction.retest and correction.retest not in later:
            raise ConfigError(
                f"--retest: expected a later sealed run of the chain, found {correction.retest}; there are "
                f"{', '.join(later) or 'none'}"
            )
        found.append(correction)
    return tuple(found)


def _record(
    options: argparse.Namespace, chain: Chain, bundle: Sealed, corrections: tuple[Correction, ...], seal: Seal
) -> ReviewRecord:
    sequence = sequence_of(bundle.name)
    earlier = [each.record for each in chain.reviews if each.record.sequence == sequence]
    record = ReviewRecord(
        schema_version=REVIEW_VERSION,
        chain=chain.name,
        sequence=sequence,
        run_id=bundle.record.run_id,
        number=max((each.number for each in earlier), default=0) + 1,
        bundle=bundle.digest,
        reviewed_at=SystemClock().now(),
        verdict=options.verdict,
        reviewer=options.name,
        role=options.role,
        plan_version=options.plan_version or "",
        level=seal.level,
        key=seal.fingerprint,
        tool_version=__version__,
        corrections=corrections,
    )
    open_ones = not_corrected(findings_of(bundle.record), [*earlier, record])
    return dataclasses.replace(record, not_corrected=open_ones)


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES, parents=(CONFIG_OPTIONS,), paths=("config", "folder", "key"))
