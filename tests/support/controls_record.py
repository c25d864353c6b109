"""Run records of a profile `aws`, judged by every check: what the controls and the exports are tried with."""

from __future__ import annotations

import dataclasses

from drills.errors import OBJECTIVE_MISSED, VERIFICATION_FAILED
from drills.model.finding import Outcome, Verdict
from drills.model.policy import DECLARATIONS
from drills.model.record import Promise, RunRecord, Setting, TargetSummary
from tests.support.example_record import at, green_drill, recovery_point, resources

ACCOUNT, REGION = "123456789012", "eu-central-1"
OBJECTIVES = ("rto", "rpo", "rpo by policy", "cut-over", "cut-over: undone", "moment")
NAMES = tuple(dict.fromkeys((*OBJECTIVES, *(each.name for each in DECLARATIONS))))
CODES = {"rto": OBJECTIVE_MISSED, "rpo": OBJECTIVE_MISSED, "rpo by policy": OBJECTIVE_MISSED}


def verdict(name: str, outcome: Outcome = "met") -> Verdict:
    """A verdict with the exit code that it has in a run."""
    return Verdict(name, outcome, f"{name} was {outcome}", exit_code=CODES.get(name, VERIFICATION_FAILED))


def real_drill(run_id: str = "20261123-141503-a1b2") -> RunRecord:
    """A drill on AWS in which all that can be judged was judged, and held; point and copy lie where the source does."""
    green = green_drill()
    settings = [each for each in green.settings if each.name not in ("target.sample", "--scenario", "--damage")]
    return dataclasses.replace(
        green,
        run_id=run_id,
        profile="aws",
        simulated=False,
        commit="0123456789abcdef0123456789abcdef01234567",
        target=TargetSummary("orders", "myappdbprod", "drill-vault", "16.9", account=ACCOUNT, region=REGION),
        settings=(
            *settings,
            Setting("target.sample", "random:7", "drill.toml"),
            Setting("--scenario", "account or region loss", "command line"),
        ),
        verdicts=tuple(verdict(name) for name in NAMES),
        promises=(*green.promises, Promise("p::0", "Posture", "A plan is there", "passed", tags=("posture",))),
        resources=tuple(dataclasses.replace(each, account=ACCOUNT, region=REGION) for each in resources()),
        ended_at=at(60),
    )


def copied(record: RunRecord, *, account: str = ACCOUNT, region: str = REGION) -> RunRecord:
    """The drill with a recovery point that was copied to an account and a region, and restored there."""
    point = recovery_point()
    arn = point.arn.replace(ACCOUNT, account).replace(REGION, region)
    point = dataclasses.replace(point, kind="copy", arn=arn)
    return dataclasses.replace(
        record,
        restorations=tuple(dataclasses.replace(each, point=point) for each in record.restorations),
        resources=tuple(dataclasses.replace(each, account=account, region=region) for each in record.resources),
    )


def from_afar(record: RunRecord) -> RunRecord:
    """The drill with a recovery point that was copied to another account and region, and restored there."""
    return copied(record, account="210987654321", region="eu-west-1")


def judged(record: RunRecord, *codes: int, **outcomes: Outcome) -> RunRecord:
    """The drill with other outcomes of some verdicts ("_" for a space in their names), and these exit codes."""
    changed = {name.replace("_", " "): outcome for name, outcome in outcomes.items()}
    assert changed.keys() <= {each.name for each in record.verdicts}
    verdicts = tuple(verdict(each.name, changed.get(each.name, each.outcome)) for each in record.verdicts)
    return dataclasses.replace(record, verdicts=verdicts, code=(codes or (0,))[0], all_codes=codes or (0,))
