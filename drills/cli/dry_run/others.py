"""What the drill of a table or a volume would do: the restore job that it asks AWS Backup for, and what its policy allows it."""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import Any

from drills.aws.guarded.names import ScratchName
from drills.aws.guarded.permits import is_read
from drills.cli.common import CHECKOUT
from drills.config.load import Config
from drills.model.instance import TABLE, VOLUME, OtherKind
from drills.model.price import Price
from drills.objectives import cost
from drills.recovery.table import restore as tables
from drills.recovery.volume import points as volumes

RUN = "RUN-ID"  # stands for the id that the run will have
JOB = "JOB-ID"  # and for that of the restore job
IAM = CHECKOUT / "infra" / "iam"


def name_of(kind: OtherKind) -> ScratchName:
    """Return the name of the copy: what has none of its own is called after the job that makes it."""
    return ScratchName(RUN, "recovery" if kind.record == TABLE else JOB)


def request(effective: Config) -> dict[str, Any]:
    """Return the request StartRestoreJob of the run; in words what only the recovery point tells."""
    target, kind = effective.target, _kind(effective)
    token = str(ScratchName(RUN, "recovery"))
    return {
        "RecoveryPointArn": f"that of the {target.sample.text} recovery point of {target.instance} in {target.vault}",
        "IamRoleArn": target.restore.backup_role_arn or "a role of the sandbox",
        "Metadata": _metadata(kind),
        "IdempotencyToken": token,
    }


def _metadata(kind: OtherKind) -> dict[str, str]:
    if kind.record == VOLUME:
        return dict.fromkeys(volumes.METADATA, "as the recovery point tells, else as the source has it")
    told = dict.fromkeys(tables.PASSED_ON, "as the recovery point tells, where it does")
    return {**told, tables.COPIES.named_by: str(name_of(kind))}


def price(effective: Config) -> Price:
    """Return what the copy costs, which no table of prices here says."""
    return dataclasses.replace(cost.price_of(()), unknown=(cost.UNPRICED[_kind(effective).makes],))


@functools.cache
def calls(kind: OtherKind) -> tuple[str, ...]:
    """Return the calls that the kind's policy allows, which are those that its drill makes (tests/support/calls.json)."""
    policy = json.loads((IAM / f"{kind.tag}.json").read_text(encoding="utf-8"))
    allowed = (each["Action"] for each in policy["Statement"] if each["Effect"] == "Allow")
    return tuple(sorted({action for actions in allowed for action in actions if not action.startswith("iam:")}))


def by_service(kind: OtherKind, *, reads: bool) -> dict[str, tuple[str, ...]]:
    """Return the calls that read, or those that change something, by service."""
    found: dict[str, tuple[str, ...]] = {}
    for service, _, name in (each.partition(":") for each in calls(kind) if is_read(each) == reads):
        found[service] = (*found.get(service, ()), name)
    return found


def _kind(effective: Config) -> OtherKind:
    kind = effective.target.other
    assert kind is not None  # asked of what is no database alone
    return kind
