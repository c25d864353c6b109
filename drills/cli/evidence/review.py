"""`drills evidence review`: what a person decided about a run, added to its chain and signed."""

from __future__ import annotations

import argparse
import dataclasses
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from drills import __version__
from drills.cli.common import CONFIG_OPTIONS, Command
from drills.cli.evidence.configured import NotConfigured, config_of, evidence_of_all
from drills.cli.evidence.signing import signer_of
from drills.clock import SystemClock
from drills.config.evidence import EvidenceConfig, is_bucket
from drills.config.load import Config
from drills.errors import VERIFICATION_FAILED, ConfigError, DrillError
from drills.evidence.bundle import sealed_files, write_files
from drills.evidence.chain import Chain, Sealed, sequence_of
from drills.evidence.chain_check import unsigned_entries
from drills.evidence.check import REVIEWS, STARTS, check_bundle
from drills.evidence.folder import alone, has_signature, read_chain
from drills.evidence.keeper import open_keeper, store_of
from drills.evidence.keys import PublicKey, load_public_key, read_public_key
from drills.evidence.numbers import SharedChain
from drills.evidence.opening import open_store, seal_with
from drills.evidence.review import (
    REVIEW_VERSION,
    Correction,
    ReviewRecord,
    findings_of,
    not_corrected,
    review_json,
    why_no_retest,
)
from drills.evidence.seal import Seal
from drills.evidence.sums import SIGNATURE, SUMS
from drills.history.line import outcome_of, verdict_of, why_not_counted
from drills.model.record import RunRecord
from drills.printable import printable
from reports.words import show_instant

EXAMPLE = """\
examples:
  drills evidence review reports/evidence/aws-orders --verdict accepted --name 'A. Weber' --role 'head of operations' \\
      --plan-version 2026-10 --key drill.pem                                    the newest bundle of the chain
  drills evidence review BUNDLE --verdict rejected --name 'A. Weber' --role 'head of operations' --key drill.pem \\
      --finding rto --action 'larger instance class' --ticket OPS-123 --retest 20261124-090000-c3d4
  drills evidence review BUNDLE --verdict accepted --name 'A. Weber' --role auditor --reviewer-key weber.pem \\
      --public-key drill.pub.pem                                   signed with a key of the reviewer's own
Each --finding is followed by its --action, and as an option by its --ticket and the --retest.
"""
EXIT_CODES = """\
exit codes: 0 the review is there; 11 the bundle or that of a retest does not verify; 12 it could not be written; 2 wrong usage,
or a run that did not pass, which has to be named to be accepted"""
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
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument(
        "--key", metavar="PEM", help="the chain's key, which signs the review (default: that of [evidence])"
    )
    keys.add_argument(
        "--reviewer-key", metavar="PEM", help="a key of the reviewer's own, which signs the review instead"
    )
    parser.add_argument(
        "--public-key",
        metavar="PUB",
        help="with --reviewer-key: the chain's public key (default: public_key of [evidence])",
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
    evidence, config = _configuration(options, bundle)
    seal = _seal(options, evidence, config)
    if seal.signer is None and ((folder / bundle.name / SIGNATURE).exists() or has_signature(folder)):
        raise ConfigError(
            f"expected a key to sign the review of {bundle.name} with, since its chain is signed, found none: name it with --key, "
            "or as key in [evidence]; a review that is not signed would leave the whole chain unverified"
        )
    for each in (bundle, *_retests(options, chain)):
        if not _verifies(folder / each.name, _chain_key(options, evidence, seal, _is_unsigned(folder, chain, each))):
            return VERIFICATION_FAILED
    print(printable(f"reviewed: {_said(bundle)}"), flush=True)
    if not name and options.verdict == "accepted":
        _refuse_unnamed(folder, bundle)
    corrections = _corrections(options.corrections or (), bundle, chain)
    store = store_of(config) if config else open_store(evidence, _no_clients)
    with alone(folder, SystemClock()):
        record = _record(options, read_chain(folder)[0], bundle, corrections, seal)
        path = folder / REVIEWS / f"{record.name}.json"
        files = sealed_files(path.name, review_json(record), seal)
        if store and not SharedChain(store, chain.name).claim_review(record.name, files):
            raise DrillError(
                f"expected {record.name} to be the next review of {bundle.name}, found that {store.url} has another one of that "
                "name: fetch it with drills ledger check --fetch, and review again; nothing was written here"
            )
        write_files(path, files)
    print(printable(f"{record.verdict}: {path} ({'signed' if seal.signer else 'not signed'})"))
    if options.reviewer_key:
        print(
            f"readers give the reviewer's public key, fingerprint {record.key}, to drills evidence verify --reviewer-key"
        )
    for finding in record.not_corrected:
        print(printable(f"no corrective action yet: {finding}"))
    return 0


def _said(bundle: Sealed) -> str:
    """Say which run it is, when it began, and what became of it."""
    run = bundle.record
    return (
        f"run {run.run_id}, number {sequence_of(bundle.name)}, begun {show_instant(run.started_at)}: {verdict_of(run)}"
    )


def _refuse_unnamed(folder: Path, bundle: Sealed) -> None:
    """Refuse to accept a run that did not pass where nobody named it. Raises ConfigError."""
    if outcome_of(bundle.record) != "passed" or why_not_counted(bundle.record):
        raise ConfigError(
            f"expected the newest run of the chain to have passed, found {_said(bundle)}: to accept that one all the same, name "
            f"its bundle, {shlex.quote(str(folder / bundle.name))}, in the place of the chain"
        )


def _retests(options: argparse.Namespace, chain: Chain) -> list[Sealed]:
    named = {each.get("retest") for each in options.corrections or ()}
    return [each for each in chain.bundles if each.record.run_id in named]


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


def _configuration(options: argparse.Namespace, bundle: Sealed) -> tuple[EvidenceConfig, Config | None]:
    """Return what holds for the run's evidence; no profile where drill.toml has it no more and the keys were given.

    A bucket needs the profile: the review is kept there as the bundle is.
    """
    path = Path(options.config) if options.config else None
    try:
        config = config_of(path, bundle.record)
    except NotConfigured:
        evidence = evidence_of_all(path)
        given = options.key or (options.reviewer_key and (options.public_key or evidence.public_key))
        if not given or is_bucket(evidence.store or ""):
            raise
        return evidence, None
    return config.evidence, config


def _no_clients() -> NoReturn:
    raise AssertionError("a bucket as store needs the run's profile")


def _seal(options: argparse.Namespace, evidence: EvidenceConfig, config: Config | None) -> Seal:
    if options.public_key and not options.reviewer_key:
        raise ConfigError(
            "--public-key: expected --reviewer-key beside it, found it alone: the chain's key has its own"
        )
    for option, key in (("--key", options.key), ("--reviewer-key", options.reviewer_key)):
        if key:
            return seal_with(signer_of(key, option), evidence)
    assert config  # which is not left out where no key was given
    return open_keeper(config, os.environ).seal


def _is_unsigned(folder: Path, chain: Chain, bundle: Sealed) -> bool:
    """Return whether the bundle is one from before there was a key, by its own word too."""
    if (folder / bundle.name / SIGNATURE).exists() or (bundle.record.evidence and bundle.record.evidence.key):
        return False
    return bundle.name in unsigned_entries(folder, chain) or not has_signature(folder)


def _chain_key(options: argparse.Namespace, evidence: EvidenceConfig, seal: Seal, unsigned: bool) -> PublicKey | None:
    """Return the key that the bundle is verified with: that of who signs the review, unless it is a reviewer's own."""
    if unsigned or not seal.signer:
        return None
    if not options.reviewer_key:
        return load_public_key(seal.signer.public_pem.encode(), options.key or evidence.key or "")
    if public := options.public_key or evidence.public_key:
        return read_public_key(Path(public))
    raise ConfigError(
        "--reviewer-key: expected the public key of the chain beside it, found none: name it with --public-key, or as "
        "public_key in [evidence]"
    )


def _verifies(bundle: Path, key: PublicKey | None) -> bool:
    """Say what of the bundle is not as it was sealed: nobody puts a name below that."""
    problems = check_bundle(bundle, key)
    for each in problems:
        print(printable(f"{each.kind}: {each.sentence}"))
    return not problems


def _corrections(given: Sequence[dict[str, str]], bundle: Sealed, chain: Chain) -> tuple[Correction, ...]:
    """Return the corrections; each is about a finding of the bundle, and was tested again by a later run of the chain."""
    findings = findings_of(bundle.record)
    later = {
        each.record.run_id: each.record for each in chain.bundles if sequence_of(each.name) > sequence_of(bundle.name)
    }
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
        if correction.retest:
            _refuse_no_retest(correction, bundle.record, later)
        found.append(correction)
    return tuple(found)


def _refuse_no_retest(correction: Correction, reviewed: RunRecord, later: Mapping[str, RunRecord]) -> None:
    """Refuse what is no later run, or does not show that the finding is mended. Raises ConfigError."""
    if correction.retest not in later:
        raise ConfigError(
            f"--retest: expected a later sealed run of the chain, found {correction.retest}; there are "
            f"{', '.join(later) or 'none'}"
        )
    if why := why_no_retest(correction.object, reviewed, later[correction.retest]):
        raise ConfigError(
            f"--retest: expected a run that passed what found {correction.object}, found of {correction.retest} that {why}: leave "
            "--retest out until a run has passed it"
        )


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


COMMAND = Command(
    EXAMPLE,
    add_arguments,
    run,
    EXIT_CODES,
    parents=(CONFIG_OPTIONS,),
    paths=("config", "folder", "key", "reviewer_key", "public_key"),
)
