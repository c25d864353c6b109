"""`drills evidence verify`: whether a bundle, or a chain of them, is as it was sealed. Reads files and nothing else."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from drills.cli.common import Command
from drills.errors import VERIFICATION_FAILED, ConfigError
from drills.evidence.check import STARTS, Problem, check_bundle, check_signature, check_stamp
from drills.evidence.keys import PublicKey, read_public_key
from drills.evidence.sums import SIGNATURE, STAMP, SUMS
from drills.evidence.timestamp import stamped_at
from drills.printable import printable, to_json

EXAMPLE = """\
examples:
  drills evidence verify reports/evidence/sandbox-myappdbprod --key drill.pub.pem          a chain, with its bundles
  drills evidence verify reports/evidence/sandbox-myappdbprod/0042-20261123-141503-a1b2 --key drill.pub.pem
  drills evidence verify BUNDLE --key drill.pub.pem --tsa-ca tsa-ca.pem                    the time stamp too
The key comes from who made the evidence, and never from the evidence. VERIFY.md of a bundle has the same in shell commands.
"""
EXIT_CODES = "exit codes: 0 all is as it was sealed; 11 something is not; 12 it could not be read; 2 wrong usage"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `drills evidence verify`."""
    parser.add_argument("folder", metavar="DIR", help="a bundle, or the chain of a target's runs")
    parser.add_argument("--key", metavar="PUB", help="the public key (PEM)")
    parser.add_argument("--unsigned", action="store_true", help="verify the sums alone: finds damage, and no forgery")
    parser.add_argument("--tsa-ca", metavar="FILE", help="certificates (PEM) of the time stamps' authority")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    """Print what does not verify; 11 where anything does not. Raises DrillError where it cannot be read."""
    if bool(options.key) == options.unsigned:
        found = "both" if options.key else "neither"
        raise ConfigError(f"expected --key PUB or --unsigned, found {found}: the key comes from who made the evidence")
    folder = Path(options.folder)
    if not folder.is_dir():
        raise ConfigError(f"expected the folder of a bundle or of a chain, found {folder}: name the folder")
    key = read_public_key(Path(options.key)) if options.key else None
    authority = Path(options.tsa_ca) if options.tsa_ca else None
    bundles = [folder] if (folder / SUMS).exists() else _bundles(folder)
    problems = [each for bundle in bundles for each in _problems(bundle, folder, key, authority)]
    problems += _of_chain(folder, key)
    code = VERIFICATION_FAILED if problems else 0
    if options.json:
        facts = {
            "exit_code": code,
            "key": key.fingerprint if key else None,
            "bundles": [str(bundle) for bundle in bundles],
            "problems": [dataclasses.asdict(each) for each in problems],
        }
        print(to_json(facts))
        return code
    for problem in problems:
        print(printable(f"{problem.kind}: {problem.sentence}"))
    for line in _summary(bundles, problems, key, authority):
        print(printable(line))
    return code


def _bundles(folder: Path) -> list[Path]:
    found = sorted(path.parent for path in folder.glob(f"*/{SUMS}"))
    if not found and not (folder / STARTS).is_dir():
        raise ConfigError(
            f"expected a bundle or a chain in {folder}, found neither {SUMS} nor {STARTS}/: name another folder"
        )
    return found


def _problems(bundle: Path, root: Path, key: PublicKey | None, authority: Path | None) -> Iterator[Problem]:
    found = [*check_bundle(bundle, key), *(check_stamp(bundle, authority) if authority else ())]
    if bundle == root:
        yield from found
        return
    for each in found:
        yield dataclasses.replace(each, file=f"{bundle.name}/{each.file}", sentence=f"{bundle.name}: {each.sentence}")


def _of_chain(folder: Path, key: PublicKey | None) -> Iterator[Problem]:
    if key:
        for record in sorted((folder / STARTS).glob("*.json")):
            yield from check_signature(record, key)


def _summary(
    bundles: list[Path], problems: list[Problem], key: PublicKey | None, authority: Path | None
) -> Iterator[str]:
    what = f"{len(bundles)} bundle{'' if len(bundles) == 1 else 's'}"
    if problems:
        yield f"{what}: {len(problems)} thing{'' if len(problems) == 1 else 's'} not as sealed"
    elif key:
        yield f"{what}: all as it was signed with {key.name}, fingerprint {key.fingerprint}"
    else:
        yield f"{what}: all as the sums say; no signature was verified, so that anybody can have made them"
    for bundle in bundles:
        token, signature = bundle / STAMP, bundle / SIGNATURE
        if not token.is_file() or problems:
            continue
        if authority:
            at = stamped_at(token.read_bytes(), signature.read_bytes(), authority)
            yield f"{bundle.name}: signed before {at:%Y-%m-%d %H:%M:%S} UTC, by its time stamp"
        else:
            yield f"{bundle.name}: has a time stamp, which was not verified: --tsa-ca takes its authority's certificates"


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES)
