"""`drills evidence verify`: whether a bundle, or a chain of them, is as it was sealed. Reads files and nothing else."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drills.cli.common import Command
from drills.cli.evidence.near import no_evidence
from drills.errors import VERIFICATION_FAILED, ConfigError, DrillError
from drills.evidence.check import (
    REVIEWS,
    STARTS,
    Problem,
    check_bundle,
    check_stamp,
    is_chain,
    note_of_commands,
    note_of_place,
)
from drills.evidence.keys import PublicKey, read_public_key
from drills.evidence.newest import Entry, compared, entries_of, entry_of_bundle, said
from drills.evidence.sums import SIGNATURE, STAMP, SUMS
from drills.evidence.timestamp import read_certificates
from drills.files import refuse_unreadable
from drills.printable import printable, to_json

EXAMPLE = """\
examples:
  drills evidence verify reports/evidence/sandbox-myappdbprod --key drill.pub.pem          a chain, with its bundles
  drills evidence verify reports/evidence/sandbox-myappdbprod/0042-20261123-141503-a1b2 --key drill.pub.pem
  drills evidence verify BUNDLE --key drill.pub.pem --tsa-ca tsa-ca.pem                    the time stamp too
  drills evidence verify CHAIN --key drill.pub.pem --newest DIGEST       that nothing was removed behind the entry you know
The key comes from who made the evidence, and never from the evidence. docs/evidence.md has the same in shell commands.
"""
SHOWN = 3  # names in a sentence
THIS = "drills evidence verify"
EXIT_CODES = "exit codes: 0 all is as it was sealed; 11 something is not; 12 it could not be read; 2 wrong usage"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `drills evidence verify`."""
    parser.add_argument("folder", metavar="DIR", help="a bundle, or the chain of a target's runs")
    parser.add_argument("--key", metavar="PUB", help="the public key (PEM)")
    parser.add_argument("--unsigned", action="store_true", help="verify the sums alone: finds damage, and no forgery")
    parser.add_argument(
        "--reviewer-key",
        metavar="PUB",
        action="append",
        default=[],
        help="the public key (PEM) of a reviewer who signs with a key of their own; can be given again",
    )
    parser.add_argument(
        "--newest",
        metavar="DIGEST",
        help="the digest of the newest entry as it was told to you: 11 where the evidence has it no more",
    )
    parser.add_argument("--tsa-ca", metavar="FILE", help="certificates (PEM) of the time stamps' authority")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    """Print what does not verify; 11 where anything does not. Raises DrillError where it cannot be read."""
    if bool(options.key) == options.unsigned:
        found = "both" if options.key else "neither"
        raise ConfigError(f"expected --key PUB or --unsigned, found {found}: the key comes from who made the evidence")
    folder = Path(options.folder)
    refuse_unreadable(folder)
    if not folder.is_dir():
        raise no_evidence(folder)
    told = _digest(options.newest)
    key = read_public_key(Path(options.key)) if options.key else None
    reviewers = [read_public_key(Path(each)) for each in options.reviewer_key]
    if reviewers and not key:
        raise ConfigError("--reviewer-key: expected --key beside it, found --unsigned, which verifies no signature")
    authority = Path(options.tsa_ca) if options.tsa_ca else None
    if authority:
        read_certificates(authority)  # refused before anything is said to be whole
    seen = _verified(folder, key, reviewers)
    seen = seen.adding(_stamps(folder, _signatures(folder, seen.bundles), authority))
    if told and seen.alone and told not in (entry.digest for entry in seen.entries):
        raise DrillError(
            f"--newest: expected a chain, found the bundle {seen.entries[-1].name} alone, with another digest: it does not show "
            "whether an entry was removed or the chain has grown: give the folder of the chain"
        )
    if told:
        seen = seen.adding([compared(told, seen.entries)])
    code = VERIFICATION_FAILED if seen.problems else 0
    if options.json:
        print(to_json(_facts(code, key, seen)))
    else:
        _show(seen, key)
    return code


def _show(seen: _Verified, key: PublicKey | None) -> None:
    for problem in seen.problems:
        print(printable(f"{problem.kind}: {problem.sentence}"))
    print(printable(_summary(seen.bundles, seen.problems, key)))
    if seen.entries:
        print(printable(said(seen.entries[-1], alone=seen.alone)))
    for note in seen.notes:
        print(printable(f"note: {note}"))


def _digest(given: str | None) -> str:
    """Return the digest in lower case, "" where none was given. Raises ConfigError."""
    if given is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", given):
        raise ConfigError(
            f'--newest: expected a digest, 64 hexadecimal digits, found "{given}": {THIS} prints the one of the newest entry'
        )
    return (given or "").lower()


@dataclass(frozen=True, slots=True)
class _Verified:
    """What was found of a bundle or a chain. `alone`: it is a bundle; `entries` are those of the chain, or the bundle itself."""

    problems: tuple[Problem, ...]
    bundles: list[Path]
    notes: tuple[str, ...]
    entries: tuple[Entry, ...]
    alone: bool

    def adding(self, more: Sequence[Problem | str | None]) -> _Verified:
        """Return it with more problems, and sentences as notes."""
        problems = (*self.problems, *(each for each in more if isinstance(each, Problem)))
        notes = (*self.notes, *(each for each in more if isinstance(each, str)))
        return dataclasses.replace(self, problems=problems, notes=notes)


def _verified(folder: Path, key: PublicKey | None, reviewers: Sequence[PublicKey]) -> _Verified:
    """Return the problems of a bundle or a chain, its bundles, and what a reader must know besides."""
    if (folder / SUMS).exists():
        told = tuple(filter(None, (note_of_place(folder), note_of_commands(folder, key))))
        problems = check_bundle(folder, key)
        entry = entry_of_bundle(folder, hashlib.sha256((folder / SUMS).read_bytes()).hexdigest())
        return _Verified(problems, [folder], told, (entry,), alone=True)
    if not is_chain(folder):
        raise no_evidence(folder)
    # they load what reads run records, half of a bundle's time
    from drills.evidence.chain_check import notes_of, verify_chain
    from drills.evidence.folder import read_chain

    chain, unread = read_chain(folder)
    bundles = sorted(each.parent for each in folder.glob(f"*/{SUMS}"))
    other = {each.name: note for each in bundles if (note := note_of_commands(each, key))}
    notes = [f"{_some(list(other))}: {next(iter(other.values()))}"] if other else []
    problems = verify_chain(folder, key, reviewers, (chain, unread))
    return _Verified(problems, bundles, (*notes_of(folder, chain), *notes), entries_of(chain), alone=False)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


def _signatures(folder: Path, bundles: Sequence[Path]) -> list[Path]:
    """Return where there is, or should be, a signature that can have a time stamp."""
    of_records = [path for part in (STARTS, REVIEWS) for path in sorted((folder / part).glob("*.json.sig"))]
    return [*of_records, *(each / SIGNATURE for each in bundles)]


def _facts(code: int, key: PublicKey | None, seen: _Verified) -> dict[str, Any]:
    newest = seen.entries[-1] if seen.entries else None
    return {
        "exit_code": code,
        "key": key.fingerprint if key else None,
        "bundles": [str(bundle) for bundle in seen.bundles],
        "newest": {name: getattr(newest, name) for name in ("number", "name", "digest", "digest_of")}
        if newest
        else None,
        "problems": [{name: getattr(each, name) for name in ("kind", "file", "sentence")} for each in seen.problems],
        "notes": list(seen.notes),
    }


def _stamps(folder: Path, signatures: list[Path], authority: Path | None) -> list[Problem | str]:
    """Return of each time stamp a sentence with its time, or the problem; one sentence for those that are not there."""
    stamped = [each for each in signatures if each.with_name(f"{each.name}.tsr").is_file()]
    if not authority:
        some = f"{len(stamped)} time stamp{'' if len(stamped) == 1 else 's'}"
        return [f"{some} not verified: --tsa-ca takes the certificates of the authority"] if stamped else []
    if not stamped:
        remedy = "leave --tsa-ca out for evidence that was sealed without, or take it from another copy"
        return [
            Problem("stamp", STAMP, f"expected a time stamp, since --tsa-ca asks for it, found no {STAMP}: {remedy}")
        ]
    told: list[Problem | str] = []
    if without := [str(each.relative_to(folder)) for each in signatures if each not in stamped]:
        told.append(f"{len(without)} of {len(signatures)} signatures without a time stamp: {_some(without)}")
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
        if plain := sum(not (each / SIGNATURE).exists() for each in bundles):
            what = f"{what}, {len(bundles) - plain} signed and {plain} not: those that are signed are"
            return f"{what} as they were signed with {key.name}, fingerprint {key.fingerprint}, the others as their sums say"
        return f"{what}: all as it was signed with {key.name}, fingerprint {key.fingerprint}"
    return f"{what}: all as the sums say; no signature was verified, so that anybody can have made them"


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES)
