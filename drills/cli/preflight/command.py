"""`drills preflight`: whether a restore would be accepted now, and until when. By reading alone."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Any

from pydantic_core import to_jsonable_python

from drills.cli.common import TARGET_OPTIONS, Command
from drills.cli.preflight import show
from drills.cli.target import OpenTarget, open_target, read_options
from drills.config.load import SandboxProfile
from drills.history import forecasts
from drills.history import store as history
from drills.model.finding import CheckResult
from drills.model.forecast import Forecast
from drills.preflight import ends, judge
from drills.preflight.facts import PreflightFacts
from drills.preflight.kinds.all_kinds import kind_of
from drills.preflight.read import read
from drills.preflight.sides import Sides
from drills.printable import to_json
from drills.screen import Screen, printable

EXAMPLE = """\
examples:
  drills preflight --profile aws                    foresee a restore of the target of drill.toml
  drills preflight --target myappdbprod --json      the same as facts, for a monitor
  eval "$(drills sandbox up --sample)"; drills preflight     foresee that of the sample of a sandbox
Nothing is changed in AWS. What was foreseen is kept beside the history, so that the next drill scores it.
"""
EXIT_CODES = """\
exit codes: 0 nothing stands against a restore; 10 a date on which recoverability ends is near; 11 a restore would be
refused; 12 something could not be known; 2 wrong usage or configuration"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the options of `drills preflight`."""
    command.add_argument("--json", action="store_true", help="print the results as JSON")


def run(options: argparse.Namespace) -> int:
    """Foresee the restore of the target; the exit code."""
    target = read_options(options, tables=True).target
    if not target.is_database:
        kind_of(target)  # one whose restore nobody foresees is refused before AWS is asked
    reached = open_target(options, tables=True)
    config = reached.config
    locked = config.target.restore.lock and not isinstance(config.profile, SandboxProfile)  # as a run takes it
    sides = Sides(config.target_name, config.target, reached.clients, reached.restore, locked=locked)
    facts = read(sides, reached.now)
    results = judge.judge(facts)
    codes = judge.exit_codes(results)
    forecast = _forecast(reached, facts, results, codes)
    path = forecasts.file_beside(config.history or history.DEFAULT)
    problem = forecasts.append(path, forecast)
    if options.json:
        told = _facts(reached, facts, results, forecast) | {"kept": problem or str(path)}
        print(to_json(to_jsonable_python(told)))
    else:
        show.show(facts, results, forecast, Screen())
        print(printable(problem or f"kept in {path}, for the next drill to score"))
    return codes[0] if codes else 0


def _forecast(
    reached: OpenTarget, facts: PreflightFacts, results: Sequence[CheckResult], codes: Sequence[int]
) -> Forecast:
    return Forecast(
        at=facts.now,
        target=reached.config.target_name,
        simulated=reached.config.simulated,
        account=reached.clients.account,
        region=reached.clients.region,
        instance_id=facts.instance_id,
        dbi_resource_id=facts.dbi_resource_id,
        foreseen=judge.foreseen(results),
        reasons=judge.reasons(results),
        point=facts.restore.point.arn if facts.restore else "",
        all_codes=tuple(codes),
        vault=facts.vault,
    )


def _facts(
    reached: OpenTarget, facts: PreflightFacts, results: Sequence[CheckResult], forecast: Forecast
) -> dict[str, Any]:
    codes = forecast.all_codes
    return {
        "target": reached.config.target_name,
        "instance": facts.instance_id,
        "dbi_resource_id": facts.dbi_resource_id,
        "account": facts.account,
        "region": facts.region,
        "profile": reached.config.profile_name,
        "simulated": reached.config.simulated,
        "foreseen_at": facts.now.isoformat(),
        "foreseen": forecast.foreseen,
        "reasons": list(forecast.reasons),
        "request": dataclasses.asdict(facts.restore.request) if facts.restore else None,
        "then": dataclasses.asdict(facts.restore.writer) if facts.restore and facts.restore.writer else None,
        "copied_first": facts.restore.copied_first if facts.restore else None,
        "dates": [dataclasses.asdict(each) for each in ends.ends(facts)],
        "exit_code": codes[0] if codes else 0,
        "all_codes": list(codes),
        "results": [dataclasses.asdict(result) for result in results],
    }


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES, parents=(TARGET_OPTIONS,), paths=("config",))
