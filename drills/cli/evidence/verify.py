"""`drills evidence verify`: whether a bundle, or a chain of them, is as it was sealed. Reads files and nothing else."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drills.cli.common import Command
from drills.errors import VERIFICATION_FAILED, ConfigError
from drills.evidence.check import STARTS, Problem, check_bundle, check_stamp
from drills.evidence.keys import PublicKey, read_public_key
from drills.evidence.sums import SIGNATURE, SUMS
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
    if (folder / SUMS).exists():
        problems, bundles = check_bundle(folder, key), [folder]
    elif (folder / STARTS).is_dir():
        from drills.evidence.folder import verify_chain  # loads what reads run records, half of the time of a bundle

        problems, bundles = verify_chain(folder, key), sorted(each.parent for each in folder.glob(f"*/{SUMS}"))
    else:
        raise ConfigError(
            f"expected a bundle or a chain in {folder}, found neither {SUMS} nor {STARTS}/: name another folder"
        )
    signatures = [*sorted((folder / STARTS).glob("*.json.sig")), *(each / SIGNATURE for each in bundles)]
    told = _stamps(folder, signatures, Path(options.tsa_ca) if options.tsa_ca else None)
    problems = (*problems, *(each for each in told if isinstance(each, Problem)))
    code = VERIFICATION_FAILED if problems else 0
    if options.json:
        print(to_json(_facts(code, key, bundles, problems)))
        return code
    for problem in problems:
        print(printable(f"{problem.kind}: {problem.sentence}"))
    for line in (_summary(bundles, problems, key), *(each for each in told if isinstance(each, str))):
        print(printable(line))
    return code


def _facts(code: int, key: PublicKey | None, bundles: list[Path], problems: Sequence[Problem]) -> dict[str, Any]:
    return {
        "exit_code": code,
        "key": key.fingerprint if key else None,
        "bundles": [str(bundle) for bundle in bundles],
        "problems": [dataclasses.asdict(each) for each in problems],
    }


def _stamps(folder: Path, signatures: list[Path], authority: Path | None) -> list[Problem | str]:
    """Return of each time stamp a sentence with its time, or the problem; one sentence where none was verified."""
    stamped = [each for each in signatures if each.with_name(f"{each.name}.tsr").is_file()]
    if not authority:
        some = f"{len(stamped)} time stamp{'' if len(stamped) == 1 else 's'}"
        return [f"{some} not verified: --tsa-ca takes the certificates of the authority"] if stamped else []
    told: list[Problem | str] = []
    for signature in stamped:
        name, found = str(signature.relative_to(folder)), check_stamp(signature, authority)
        if isinstance(found, Problem):
            sentence = f"{name.removesuffix(signature.name)}{found.sentence}"
            told.append(dataclasses.replace(found, file=f"{name}.tsr", sentence=sentence))
        elif found:
            told.append(f"{name}: was there at {found:%Y-%m-%d %H:%M:%S} UTC, by its time stamp")
    return told


def _summary(bundles: list[Path], problems: Sequence[Problem], key: PublicKey | None) -> str:
    what = f"{len(bundles)} bundle{'' if len(bundles) == 1 else 's'}"
    if problems:
        return f"{what}: {len(problems)} thing{'' if len(problems) == 1 else 's'} not as sealed"
    if key:
        return f"{what}: all as it was signed with {key.name}, fingerprint {key.fingerprint}"
    return f"{what}: all as the sums say; no signature was verified, so that anybody can have made them"


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES)
