"""`drills posture`: judges whether the backups that a recovery needs are there, by reading alone."""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from drills.aws import settings
from drills.aws.remedies import explain
from drills.cli.common import TARGET_OPTIONS, Command, folder_to_write
from drills.cli.findings import show_findings
from drills.cli.target import OpenTarget, open_target, read_options
from drills.config.load import fleet_targets_of
from drills.errors import ConfigError, DrillError
from drills.model.finding import CheckResult
from drills.objectives import acknowledged
from drills.plural import counted
from drills.posture import judge
from drills.posture.facts import PostureFacts
from drills.posture.kinds.all_kinds import kind_of
from drills.posture.read import store_and_read
from drills.printable import to_json
from drills.screen import Screen, printable

EXAMPLE = """\
examples:
  drills posture --profile aws                      judge the target of drill.toml
  drills posture --target myappdbprod --json        the same as facts, for a monitor
  drills posture --all --json                       every target of drill.toml, of whatever kind, each day
  eval "$(drills sandbox up --sample)"; drills posture       judge the sample of a sandbox
Nothing is changed in AWS. The target's configuration is kept in the folder --store, for the day on which it is gone.
"""
EXIT_CODES = """\
exit codes: 0 everything is as it should be; 10 the RPO is missed; 11 the protection is not as it should be; 12 something
could not be read; 2 wrong usage or configuration"""
_OUTCOMES = {"met": "green", "missed": "bold red"}


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the options of `drills posture`."""
    command.add_argument("--store", metavar="FOLDER", help="where the configuration is kept (default: posture)")
    command.add_argument("--json", action="store_true", help="print the results as JSON")
    command.add_argument("--all", action="store_true", help="judge every target but those that are meant by name alone")


@dataclass(frozen=True, slots=True)
class _Judged:
    """One target: the exit codes that hold, the first one first, and what is printed as JSON."""

    codes: tuple[int, ...]
    facts: dict[str, Any]


def run(options: argparse.Namespace) -> int:
    """Judge the target, or each one; the exit code. DrillError, one sentence, where nothing could be read."""
    store = Path(settings.FOLDER) if options.store is None else folder_to_write("--store", options.store)
    if options.all:
        return _run_all(options, store)
    judged = _judge(options, store)
    if options.json:
        print(to_json(judged.facts))
    return judged.facts["exit_code"]  # type: ignore[no-any-return]  # a code


def _run_all(options: argparse.Namespace, store: Path) -> int:
    """Judge each target that is meant without being named; one that cannot be read keeps no other from being judged."""
    if options.target:
        raise ConfigError(f"--all: expected no --target beside it, found {options.target}: it judges every target")
    found: dict[str, _Judged] = {}
    names = fleet_targets_of(Path(options.config) if options.config else None)
    for name in names:
        try:
            found[name] = _judge(argparse.Namespace(**{**vars(options), "target": name}), store)
        except DrillError as error:
            code = error.exit_code
            facts = {"target": name, "exit_code": code, "all_codes": [code], "error": str(error)}
            found[name] = _Judged((code,), facts)
            if not options.json:
                print(printable(f"{name}: {error}"))
        if not options.json:
            print()
    codes = judge.in_order({code for each in found.values() for code in each.codes})
    code = codes[0] if codes else 0
    if options.json:
        print(to_json({"exit_code": code, "all_codes": codes, "targets": [each.facts for each in found.values()]}))
    else:
        wrong = ", ".join(f"{name} {each.codes[0]}" for name, each in found.items() if each.codes)
        sound = sum(not each.codes for each in found.values())
        print(
            printable(f"{counted(len(found), 'target')}: {sound} as they should be" + (f"; {wrong}" if wrong else ""))
        )
    return code


def _judge(options: argparse.Namespace, store: Path) -> _Judged:
    """Judge the target that the options name, and show it unless JSON is asked for."""
    kind_of(read_options(options, tables=True).target)  # one whose posture nobody judges is refused before AWS is asked
    reached = open_target(options, tables=True)
    try:
        facts = store_and_read(reached.clients, reached.restore, reached.config.target, store, reached.now)
    except (ClientError, BotoCoreError) as error:
        raise DrillError(
            f"expected to read the {kind_of(reached.config.target).subject.word} {reached.config.target.instance}, found: "
            f"{explain(error, 'the rights that are needed are in docs/posture.md')}"
        ) from error
    known = reached.config.target.known_differences(), reached.now.date()
    judged = judge.judge(facts)
    results = acknowledged.acknowledge(judged, *known)
    codes = judge.exit_codes(results)
    if not options.json:
        show(reached, results, Screen())
        for remark in acknowledged.remarks(judged, *known):
            print(printable(remark))
    return _Judged(codes, _facts(reached, facts, results, codes))


def _facts(
    reached: OpenTarget, facts: PostureFacts, results: Sequence[CheckResult], codes: Sequence[int]
) -> dict[str, Any]:
    return {
        "target": reached.config.target_name,
        "instance": facts.instance_id,
        "kind": facts.subject.word,
        "dbi_resource_id": facts.resource_id,
        "account": facts.account,
        "region": facts.region,
        "profile": reached.config.profile_name,
        "simulated": reached.config.simulated,
        "judged_at": facts.now.isoformat(),
        "exit_code": codes[0] if codes else 0,
        "all_codes": list(codes),
        "results": [dataclasses.asdict(result) for result in results],
    }


def show(reached: OpenTarget, results: Sequence[CheckResult], console: Console) -> None:
    """Print the results, then the findings with what to type, then what could not be read."""
    target = reached.config.target
    where = f"{kind_of(target).subject.word} {target.instance} in account {reached.clients.account}, {reached.clients.region}"
    console.print(printable(where))
    results = [shorten(result, reached.clients.account, reached.clients.region) for result in results]
    if reached.config.simulated:
        console.print("SIMULATED: says nothing about recovery on AWS", style="yellow")
    table = Table(box=None, pad_edge=False)
    for heading in ("", "outcome", "what was seen"):
        table.add_column(heading, overflow="fold")
    for result in results:
        quiet = result.requirement != "required" and result.outcome == "not verified"
        outcome = "nothing to judge" if quiet and not result.not_checked else result.outcome
        table.add_row(
            printable(result.name),
            Text(outcome, style="dim" if quiet else _OUTCOMES.get(result.outcome, "yellow")),
            printable(result.sentence),
        )
    console.print(table)
    show_findings(console, results)
    unread = [each for result in results for each in result.not_checked]
    if unread:
        console.print("\nnot verified:")
        for each in unread:
            console.print(printable(f"  {each.what}: {each.reason}"), soft_wrap=True)


def short_names(text: str, account: str, region: str) -> str:
    """Return a text in which what is of the account and region that were named has the last part of its ARN alone. Pure.

    The ARN of an instance or a recovery point alone is wider than most terminals.
    """
    here = rf"\barn:aws[\w-]*:(?:rds|backup|kms|dynamodb|ec2|elasticfilesystem):{re.escape(region)}:(?:{re.escape(account)})?:"
    kinds = "db|cluster|snapshot|cluster-snapshot|backup-vault|backup-plan|recovery-point|table|volume|file-system"
    return re.sub(rf"{here}(?:(?:{kinds})[:/])?", "", text)


def shorten(result: CheckResult, account: str, region: str) -> CheckResult:
    """Return a result with short names wherever nothing is to be typed: the remedy keeps the whole ARNs."""

    def short(text: str) -> str:
        return short_names(text, account, region)

    findings = (
        dataclasses.replace(each, object=short(each.object), expected=short(each.expected), found=short(each.found))
        for each in result.findings
    )
    unread = (
        dataclasses.replace(each, what=short(each.what), reason=short(each.reason)) for each in result.not_checked
    )
    return dataclasses.replace(
        result, sentence=short(result.sentence), findings=tuple(findings), not_checked=tuple(unread)
    )


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES, parents=(TARGET_OPTIONS,), paths=("config", "store"))
