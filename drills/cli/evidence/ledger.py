"""`drills ledger`: the chains of all runs, and the check that drills go on, for any scheduler."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from drills.cli.common import CONFIG_OPTIONS, Command, enter_project, help_texts
from drills.cli.evidence.configured import max_age_of
from drills.cli.evidence.fetched import fetch
from drills.cli.evidence.known_runs import known_runs, runs_by_now
from drills.cli.outputs import missed
from drills.cli.outputs.missed import Missed
from drills.clock import SystemClock
from drills.config import load as configuration
from drills.config.evidence import EvidenceConfig
from drills.config.file import ConfigFile
from drills.config.load import Config
from drills.config.target import Target
from drills.durations import show_duration
from drills.errors import COULD_NOT_RUN, VERIFICATION_FAILED, ConfigError
from drills.evidence import ledger
from drills.evidence.chain import Chain, Sealed
from drills.evidence.chain_check import signed_part, verify_chain
from drills.evidence.check import Problem, is_chain
from drills.evidence.folder import has_signature, read_chain
from drills.evidence.keys import PublicKey, read_public_key
from drills.evidence.ledger import Disagreement, LedgerLine
from drills.evidence.opening import configured_key
from drills.evidence.start import chain_name
from drills.history.wording import runs
from drills.model.history import HistoryLine
from drills.printable import printable, to_json
from drills.screen import Screen

EXAMPLE = """\
examples:
  drills ledger list                                        every run, by chain; gaps stand in their place
  drills ledger check --max-age 35d --key drill.pub.pem     from cron: says nothing and ends with 0 while drills go on
  drills ledger check --max-age 35d --target myappdbprod --profile aws
  drills ledger check --max-age 35d --fetch                 on a machine without evidence of its own: from the store
  drills ledger list /mnt/evidence                          what somebody handed over: no drill.toml, and no history
"""
EXIT_CODES = """\
exit codes: 0 drills go on; 11 a chain does not verify or lacks runs that the history has; 12 the last success is too old or there
is none, or a drill was expected and never came; 2 wrong usage or configuration"""


@dataclass(frozen=True, slots=True)
class _Ledger:
    """A chain that was found, and what of it does not verify; `unsigned` are results that do not count, as there is a key."""

    folder: Path
    chain: Chain
    problems: tuple[Problem, ...]
    unsigned: tuple[Sealed, ...] = ()

    def is_of(self, profile: str | None, target: str | None) -> bool:
        last = self.chain.starts[-1].record if self.chain.starts else None
        return last is not None and profile in (None, last.profile) and target in (None, last.target)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the parts of `drills ledger`."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
    shown = parts.add_parser("list", parents=(CONFIG_OPTIONS,), **help_texts("list every run", EXAMPLE, EXIT_CODES))
    shown.add_argument("--json", action="store_true", help="print facts as JSON")
    check = parts.add_parser(
        "check",
        parents=(CONFIG_OPTIONS,),
        **help_texts("end with another code than 0 unless drills go on", EXAMPLE, EXIT_CODES),
    )
    check.add_argument(
        "--max-age", metavar="DURATION", required=True, help='how old the last success may be, such as "35d"'
    )
    check.add_argument("--key", metavar="PUB", help="the public key (default: public_key of [evidence])")
    check.add_argument(
        "--reviewer-key",
        metavar="PUB",
        action="append",
        default=[],
        help="the public key of a reviewer who signs with a key of their own (default: reviewer_keys of [evidence])",
    )
    check.add_argument(
        "--fetch", action="store_true", help="first fetch what the folder lacks of the chains from store of [evidence]"
    )
    check.add_argument("--json", action="store_true", help="print facts as JSON")
    for each in (shown, check):
        each.add_argument(
            "folder",
            nargs="?",
            metavar="FOLDER",
            help="a folder of chains, or one chain (default: folder of [evidence])",
        )
        each.add_argument("--target", metavar="NAME", help="the runs of this target alone")
        each.add_argument("--profile", metavar="NAME", help="the runs with this profile alone")


def run(options: argparse.Namespace) -> int:
    """List or check. Raises ConfigError."""
    if options.folder is None:
        if options.config is None and not Path("drill.toml").is_file():
            raise ConfigError(
                f"expected the folder of the evidence, or a {configuration.DEFAULT_FILE} in {Path.cwd()}, found neither: type "
                f"drills ledger {options.part} FOLDER, or name the configuration with --config FILE"
            )
        enter_project(options, ("config", "key", "reviewer_key"))
    return _list(options) if options.part == "list" else _check(options)


def _path(options: argparse.Namespace) -> Path | None:
    return Path(options.config) if options.config else None


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the chains are: a folder that was given, by itself, or what drill.toml names, with the history of the same project."""

    roots: tuple[Path, ...]
    evidence: Mapping[str, EvidenceConfig]
    targets: Mapping[str, Target]
    history: tuple[HistoryLine, ...] = ()
    later: Callable[[], tuple[HistoryLine, ...]] = tuple

    def folders(self) -> list[Path]:
        """Return the folder of every chain."""
        found = [[root] if is_chain(root) else _chains_in(root) for root in self.roots]
        return [folder for each in found for folder in each]

    def against_history(self, chain: Chain) -> Disagreement:
        """Compare a chain with the history."""
        own = self.evidence.get(chain.starts[-1].record.profile if chain.starts else "", EvidenceConfig())
        return ledger.against_history(chain, self.history, own.begins_with, shared=bool(own.store), later=self.later)


def _chains_in(root: Path) -> list[Path]:
    """Return the chains in a folder. Raises Unreadable for one in it that may be one; what a file system keeps there is none."""
    return sorted(filter(is_chain, (each for each in root.glob("*") if each.name != "lost+found")))


def _source(options: argparse.Namespace) -> _Source:
    if options.folder is not None:
        root = Path(options.folder).absolute()
        source = _Source((root,), {}, {})
        if not source.folders():
            raise ConfigError(
                f"expected a folder of chains, or a chain, found none in {root}: name the folder of the evidence"
            )
        return source
    file = ConfigFile.read(_path(options))
    evidence = file.evidence()
    roots = tuple(dict.fromkeys(Path(each.folder).absolute() for each in evidence.values()))
    history = configuration.history_of(_path(options))
    return _Source(roots, evidence, file.targets(), known_runs(history), lambda: runs_by_now(history))


def _of_no_chain(
    source: _Source, found: Sequence[_Ledger], options: argparse.Namespace
) -> list[tuple[tuple[str, str], str]]:
    """Return profile, target and a sentence for each chain of which the history has runs, and which is not there."""
    there = {each.chain.name for each in found}
    wanted_profile, wanted = _profile(options), options.target
    return [
        (
            (profile, target),
            f"{name}: expected the chain of the {runs(number)} that the history has of target {target} with "
            f"profile {profile}, found none in {', '.join(map(str, source.roots))}: removed, or in another copy or the store",
        )
        for name, (profile, target, number) in ledger.chains_of(source.history).items()
        if name not in there and wanted_profile in (None, profile) and wanted in (None, target)
    ]


def _chosen(found: Sequence[_Ledger], options: argparse.Namespace) -> list[_Ledger]:
    return [each for each in found if not each.chain.starts or each.is_of(_profile(options), options.target)]


def _profile(options: argparse.Namespace) -> str | None:
    return options.profile or os.environ.get(configuration.PROFILE_VARIABLE) or None


# -- list -------------------------------------------------------------------------------------------------------------


def _list(options: argparse.Namespace) -> int:
    source = _source(options)
    found = [_Ledger(folder, *read_chain(folder)) for folder in source.folders()]
    chains = _chosen(found, options)
    if options.json:
        print(to_json([_facts(each, source.against_history(each.chain)) for each in chains]))
        return 0
    console = Screen()
    if not chains:
        _say(console, _nothing_of(options, found, source))
    for each in chains:
        _show(console, each, source.against_history(each.chain), operator=options.folder is None)
    for _, sentence in _of_no_chain(source, found, options):
        _say(console, sentence, "red")
    return 0


def _show(console: Screen, each: _Ledger, history: Disagreement, *, operator: bool) -> None:
    """Show a chain; `operator`: to who runs the drills, and not to a reader of what was handed over."""
    _say(console, str(each.folder), "bold")
    console.print(_table(each.chain))
    for line in ledger.lines_of(each.chain):
        for review in line.reviews:  # wrapped at words, where a column of the table would be too narrow
            console.print(Text(printable(f"{_numbers(line)} {review}")))
        if line.not_counted:
            _say(console, f"{_numbers(line)} counts nowhere: {line.not_counted}", "dim")
        if line.outcome == "no result" and operator:
            seal = f"drills evidence seal reports/out/{line.run_id} seals what is known of it where that folder is"
            _say(console, f"{_numbers(line)} has no result: it goes on on another machine, or was ended, and {seal}")
    for problem in each.problems:
        _say(console, problem.sentence, "red")
    for sentence in history.wrong:
        _say(console, sentence, "red")
    for sentence in history.stated:
        _say(console, sentence, "dim")


def _say(console: Screen, text: str, style: str = "") -> None:
    console.print(Text(printable(text), style), soft_wrap=True)


def _nothing_of(options: argparse.Namespace, found: Sequence[_Ledger], source: _Source) -> str:
    if not found:
        return f"no run has left evidence yet in {', '.join(map(str, source.roots))}"
    named = (("profile", _profile(options)), ("target", options.target))
    which = " and ".join(f"{what} {name}" for what, name in named if name)
    return f"no run with {which} has left evidence yet; there are chains {', '.join(each.chain.name for each in found)}"


def _facts(found: _Ledger, history: Disagreement) -> dict[str, object]:
    lines = [dataclasses.asdict(line) for line in ledger.lines_of(found.chain)]
    for line in lines:
        line["started_at"] = line["started_at"].isoformat() if line["started_at"] else None
    return {
        "chain": found.chain.name,
        "folder": str(found.folder),
        "runs": lines,
        "unread": [each.sentence for each in found.problems],
        "against_history": list(history.wrong),
        "stated": list(history.stated),
    }


def _table(chain: Chain) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    for head in ("No", "Run", "Outcome", "Level", "RTA", "RPA"):  # the name of a run says when it began
        made.add_column(head, overflow="fold")  # what does not fit goes on in the next line: nothing is cut off
    for line in ledger.lines_of(chain):
        actuals = ["-" if each is None else show_duration(each) for each in (line.rta_seconds, line.rpa_seconds)]
        made.add_row(_numbers(line), line.run_id, Text(_outcome(line)), line.level, *actuals)
    return made


def _outcome(line: LedgerLine) -> str:
    return line.outcome if line.kind == "drill" else f"{line.outcome} ({line.kind})"


def _numbers(line: LedgerLine) -> str:
    return f"{line.sequence:04d}" + (f"-{line.to:04d}" if line.to > line.sequence else "")


# -- check ------------------------------------------------------------------------------------------------------------


def _check(options: argparse.Namespace) -> int:
    max_age = max_age_of(options.max_age)
    given = read_public_key(Path(options.key)) if options.key else None
    reviewers = [read_public_key(Path(each)) for each in options.reviewer_key]
    if options.fetch:
        fetch(options.folder, _configs(options))
    source = _source(options)
    found = []
    for folder in source.folders():
        chain, unread = read_chain(folder)
        configured, others = _configured_keys(source.evidence, chain)
        key = given or configured
        problems = verify_chain(folder, key, reviewers or others, (chain, unread))
        counted, unsigned = signed_part(folder, chain, key)
        found.append(_Ledger(folder, counted, problems, unsigned))
    chosen = _chosen(found, options)
    lost = [Missed(*of, VERIFICATION_FAILED, each) for of, each in _of_no_chain(source, found, options)]
    absent = _missing(found, source, options)
    if lost and not chosen and not _wanted(source, options):  # drills came, and their chain is gone
        absent = []
    alarms = [*absent, *_alarms(chosen, source, max_age), *lost]
    note = _note_of_others(chosen) if given else ""
    codes = {alarm.code for alarm in alarms}
    code = next((code for code in (VERIFICATION_FAILED, COULD_NOT_RUN) if code in codes), 0)
    if options.folder is None:  # what drill.toml names
        missed.tell(alarms, _path(options))
        missed.put_ages([each.chain for each in chosen if each.chain.starts and not each.problems], _path(options))
    if options.json:
        print(to_json(_facts_of_check([each.chain for each in chosen], alarms, note, code)))
    else:
        for sentence in [alarm.sentence for alarm in alarms] + [note] * bool(note):
            print(printable(sentence))
    return code


def _facts_of_check(chains: Sequence[Chain], alarms: Sequence[Missed], note: str, code: int) -> dict[str, object]:
    """Return what the check found. The age is that of the chain whose last success is the oldest; None where it proves nothing."""
    now = SystemClock().now()
    ends = {each.name: ledger.last_success(each, now) for each in chains}
    known = [end for end in ends.values() if end]
    whole = code != VERIFICATION_FAILED and bool(ends) and len(known) == len(ends)
    return {
        "code": code,
        "last_success_age_seconds": round((now - min(known)).total_seconds()) if whole else None,
        "chains": [{"chain": name, "last_success": end.isoformat() if end else None} for name, end in ends.items()],
        "alarms": [{"code": alarm.code, "sentence": alarm.sentence} for alarm in alarms],
        "note": note,
    }


def _configured_keys(evidence: Mapping[str, EvidenceConfig], chain: Chain) -> tuple[PublicKey | None, list[PublicKey]]:
    """Return the public key of the chain's profile, and those of its reviewers."""
    profile = chain.starts[-1].record.profile if chain.starts else ""
    configured = evidence.get(profile)
    if configured is None:
        return None, []
    return configured_key(configured), [read_public_key(Path(each)) for each in configured.reviewer_keys]


def _alarms(chains: Sequence[_Ledger], source: _Source, max_age: timedelta) -> list[Missed]:
    now = SystemClock().now()
    found: list[Missed] = []
    for each in chains:
        last = each.chain.starts[-1].record if each.chain.starts else None
        profile, name = (last.profile, last.target) if last else ("", "")
        every = source.targets[name].drill_every if name in source.targets else ledger.declared_interval(each.chain)
        alarms = ledger.alarms(each.chain, each.problems, now, max_age, every, each.unsigned)
        found += [Missed(profile, name, alarm.code, alarm.sentence) for alarm in alarms]
        wrong = source.against_history(each.chain).wrong
        found += [Missed(profile, name, VERIFICATION_FAILED, f"{each.chain.name}: {sentence}") for sentence in wrong]
    return found


def _note_of_others(chains: Sequence[_Ledger]) -> str:
    """Return how one chain alone is judged, where the key that was given is not that of all; "" where nothing is to be said."""
    signed = [each.chain for each in chains if has_signature(each.folder)]
    plain = [each.chain.name for each in chains if each.chain.starts and each.chain not in signed]
    if not signed or not plain:
        return ""
    last = signed[0].starts[-1].record
    return (
        f"{', '.join(plain)} {'is' if len(plain) == 1 else 'are'} not signed, and --key is held against every chain: to judge "
        f"one alone, name it with --profile and --target, such as --profile {last.profile} --target {last.target}"
    )


def _wanted(source: _Source, options: argparse.Namespace) -> list[str]:
    """Return the targets whose chain has to be there."""
    return [options.target] if options.target else [name for name, each in source.targets.items() if each.drill_every]


def _missing(chains: Sequence[_Ledger], source: _Source, options: argparse.Namespace) -> list[Missed]:
    """Return an alarm for each chain that should be there and is not: a simulated one never stands for it."""
    wanted, known = _wanted(source, options), ledger.chains_of(source.history)
    found = []
    for name in wanted:
        profile = _profile(options) if options.folder else _config(_path(options), options.profile, name).profile_name
        where = chain_name(profile, name) if profile else str(options.folder)
        told = f"{where}: expected a drill of target {name}, found that none ever came"
        if where not in known and not any(each.is_of(profile, name) for each in chains):
            found.append(Missed(profile or "", name, COULD_NOT_RUN, told))
    if not wanted and not _chosen(chains, options):
        profile = _profile(options) or ""
        which = f" with the profile {profile}" if profile else ""
        told = f"expected a chain of evidence{which}, found none: no drill ever came"
        found.append(Missed(profile, "", COULD_NOT_RUN, told))
    return found


def _configs(options: argparse.Namespace) -> Iterator[Config]:
    """Yield the configuration of each target, or of `--target` alone, with the profile in force."""
    path = _path(options)
    for target in [options.target] if options.target else ConfigFile.read(path).targets():
        yield _config(path, _profile(options), target)


def _config(path: Path | None, profile: str | None, target: str) -> Config:
    return configuration.load(path, profile=profile, target=target, environment=os.environ, tables=True)


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES)  # whether it enters the project depends on FOLDER
