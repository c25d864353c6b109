"""`drills gate`: whether each target was drilled well enough, and recently enough, to let a release pass."""

from __future__ import annotations

import argparse
import dataclasses
import os
import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from drills.cli.common import CONFIG_OPTIONS, Command
from drills.cli.evidence.configured import max_age_of
from drills.cli.evidence.fetched import fetch
from drills.cli.outputs import missed
from drills.cli.outputs.missed import Missed
from drills.clock import SystemClock
from drills.config import load as configuration
from drills.config.load import Config
from drills.errors import COULD_NOT_RUN, OBJECTIVE_MISSED, VERIFICATION_FAILED, ConfigError, NotSealed
from drills.evidence import ledger
from drills.evidence.chain_check import signed_part, verify_chain
from drills.evidence.check import Problem, is_chain
from drills.evidence.folder import read_chain
from drills.evidence.keeper import store_of
from drills.evidence.keys import PublicKey, read_public_key
from drills.evidence.numbers import SharedChain
from drills.evidence.opening import configured_key
from drills.evidence.recent.gate import Judgement, Wanted, judge, judge_none
from drills.evidence.start import chain_name
from drills.history import store as history_file
from drills.model.record import Setting
from drills.printable import printable, to_json
from drills.redaction import redact_seed

EXAMPLE = """\
examples:
  drills gate --max-age 35d --require-signed --key drill.pub.pem                   every target of drill.toml
  drills gate --max-age 35d --require-signed --key drill.pub.pem --profile aws --target myappdbprod
  drills gate --max-age 35d --require-signed --key drill.pub.pem --fetch           on a machine without evidence of its own
  drills gate --max-age 35d --require-signed --key drill.pub.pem --json
  drills gate --max-age 35d --require-signed --key drill.pub.pem evidence          a copy of the evidence, in evidence/
"""
EXIT_CODES = """\
exit codes: 0 each target has a drill that passed, is young enough, signed, and made by the configuration of today; 11 the
evidence does not verify, is signed by another key, or a later drill failed verification; 10 a later drill missed an objective;
12 there is no such drill: none, too old, or made by another configuration; 2 wrong usage or configuration"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `drills gate`."""
    parser.add_argument(
        "folder",
        nargs="?",
        metavar="FOLDER",
        help="a copy of the evidence, a folder of chains or one chain (default: folder of [evidence]); a store is not asked then",
    )
    parser.add_argument("--max-age", metavar="DURATION", required=True, help='how old the drill may be, such as "35d"')
    parser.add_argument("--require-signed", action="store_true", help="refuse to judge where no public key is known")
    parser.add_argument("--key", metavar="PUB", help="the accepted public key (default: public_key of [evidence])")
    parser.add_argument(
        "--reviewer-key",
        metavar="PUB",
        action="append",
        default=[],
        help="the public key of a reviewer, can be repeated",
    )
    parser.add_argument(
        "--target", metavar="NAME", action="append", default=[], help="this target, can be repeated (default: all)"
    )
    parser.add_argument("--profile", metavar="NAME", help="profile of the configuration, whose drills are asked for")
    parser.add_argument("--scenario", metavar="NAME", help="drills of this scenario of the target")
    parser.add_argument("--seed", metavar="FILE-or-URL", help="sandbox: drills of this seed, compared by its name")
    parser.add_argument(
        "--fetch", action="store_true", help="first fetch what the folder lacks of the chains from store of [evidence]"
    )
    parser.add_argument(
        "--notify", action="store_true", help="tell whom [notices] names of each target that does not pass"
    )
    parser.add_argument("--json", action="store_true", help="print facts as JSON")


def run(options: argparse.Namespace) -> int:
    """Print a line for each target; the worst code of any. Raises ConfigError, DrillError."""
    max_age = max_age_of(options.max_age)
    file = Path(options.config) if options.config else None
    names = tuple(dict.fromkeys(options.target)) or configuration.expected_targets_of(file)
    configs = [
        configuration.load(file, profile=options.profile, target=name, environment=os.environ, tables=True)
        for name in names
    ]
    keys = _Keys(
        read_public_key(Path(options.key)) if options.key else None,
        [read_public_key(Path(each)) for each in options.reviewer_key],
        options.require_signed,
    )
    if options.fetch:
        fetch(options.folder, configs)
    now = SystemClock().now()
    judged = [_judge(config, keys, options, max_age, now) for config in configs]
    if options.notify:
        _notify(judged, file)
    if options.json:
        print(to_json([_facts(each) for each in judged]))
    else:
        for each in judged:
            print(printable(each.sentence()))
    codes = {each.code for each in judged}
    return next((code for code in (VERIFICATION_FAILED, OBJECTIVE_MISSED, COULD_NOT_RUN) if code in codes), 0)


def _notify(judged: Sequence[Judgement], file: Path | None) -> None:
    """Tell of each target that does not pass."""
    found = [Missed(each.profile, each.target, each.code, each.sentence()) for each in judged if each.code]
    missed.tell(found, file)


@dataclasses.dataclass(frozen=True, slots=True)
class _Keys:
    """The key and the reviewers' keys that were given, and whether a key has to be known."""

    given: PublicKey | None
    reviewers: Sequence[PublicKey]
    required: bool

    def of(self, config: Config) -> PublicKey | None:
        """Return the accepted key of a configuration. Raises ConfigError where there has to be one."""
        key = self.given or configured_key(config.evidence)
        if key is None and self.required:
            raise ConfigError(
                "--require-signed: expected the accepted public key, found neither --key nor public_key of [evidence]: name it "
                "with --key PUB"
            )
        return key

    def reviewers_of(self, config: Config) -> Sequence[PublicKey]:
        return self.reviewers or [read_public_key(Path(each)) for each in config.evidence.reviewer_keys]


def _judge(config: Config, keys: _Keys, options: argparse.Namespace, max_age: timedelta, now: datetime) -> Judgement:
    key, folder = keys.of(config), _chain_folder(config, options.folder)
    wanted = Wanted(
        config.profile_name,
        config.target_name,
        config.simulated,
        (*config.settings, *_given(options)),
        max_age,
        key.fingerprint if key else "",
        _again(config, options),
        _verify(folder, options.key or config.evidence.public_key if key else None),
    )
    kept = history_file.read(config.history or history_file.DEFAULT)[0] if options.folder is None else ()
    if not is_chain(folder):
        lost = ledger.chains_of(kept).get(folder.name)
        return _behind(config, options, frozenset(), judge_none(wanted, now, str(folder), lost[2] if lost else 0))
    read = read_chain(folder)
    problems = verify_chain(folder, key, keys.reviewers_of(config), read)
    chain, unsigned = signed_part(folder, read[0], key)
    if options.folder is None:
        wrong = ledger.against_history(
            read[0], kept, config.evidence.begins_with, shared=bool(config.evidence.store)
        ).wrong
        problems = (*problems, *(Problem("chain", str(folder), each) for each in wrong))
    return _behind(config, options, frozenset(read[0].names()), judge(chain, problems, wanted, now, unsigned))


def _chain_folder(config: Config, given: str | None) -> Path:
    """Return where the chain of a target has to be; a FOLDER that is a chain by itself is taken as it is."""
    if given and is_chain(Path(given)):
        return Path(given)
    return Path(given or config.evidence.folder) / chain_name(config.profile_name, config.target_name)


def _behind(config: Config, options: argparse.Namespace, here: frozenset[str], judged: Judgement) -> Judgement:
    """Return the judgement, or that the store has an entry that is not here, which may be a drill that failed."""
    if options.folder is not None or judged.code == VERIFICATION_FAILED or not (store := store_of(config)):
        return judged
    shared = SharedChain(store, judged.chain)
    try:
        newest = shared.newest()
    except NotSealed as error:
        found, remedy = (
            f"that the store does not answer: {error}",
            "try again, or name a copy of the evidence as FOLDER",
        )
    else:
        if not newest or newest in here:
            return judged
        found = f"that {shared.url} has {newest}, which is not here"
        remedy = f"add --fetch, or fetch it into {config.evidence.folder} yourself"
    return dataclasses.replace(
        judged, code=COULD_NOT_RUN, expected="the newest entry of the chain", found=found, remedy=remedy
    )


def _given(options: argparse.Namespace) -> list[Setting]:
    """Return the options that are no setting of drill.toml as a run records them."""
    told = (("--scenario", options.scenario), ("--seed", redact_seed(options.seed) if options.seed else None))
    return [Setting(name, value, "command line") for name, value in told if value]


def _verify(folder: Path, key: str | None) -> str:
    return shlex.join(["drills", "evidence", "verify", str(folder), *(["--key", key] if key else ["--unsigned"])])


def _again(config: Config, options: argparse.Namespace) -> str:
    """Return the command that drills once more; of what no drill passes whole, that none does, and where that is told."""
    if (kind := config.target.other) and kind.is_unread:
        return f"no drill of {kind.in_words} passes, since none reads its contents ({kind.page}): ask for the others with --target"
    words = ["drills", "run", "--profile", config.profile_name, "--target", config.target_name]
    words += ["--config", options.config] if options.config else []
    words += ["--scenario", options.scenario] if options.scenario else []
    words += ["--seed", redact_seed(options.seed)] if options.seed else []
    return shlex.join(words)


def _facts(judged: Judgement) -> dict[str, object]:
    return dataclasses.asdict(judged) | {"passes": judged.code == 0, "sentence": judged.sentence()}


COMMAND = Command(
    EXAMPLE,
    add_arguments,
    run,
    EXIT_CODES,
    parents=(CONFIG_OPTIONS,),
    paths=("config", "folder", "key", "reviewer_key", "seed"),
)
