"""By whom a run was carried out, and whose word that is. Pure."""

from __future__ import annotations

from drills.model.record import RunRecord
from reports.view.parts import NOT_RECORDED

ARN = "arn:"


def by_whom(record: RunRecord) -> str:
    """The caller as AWS names it, and what the machine and the CI server said of themselves, which nobody checked."""
    who = record.initiator
    user = f"{who.user} on {who.host}" if who.user and who.host else who.user or who.host
    parts = [user, f"started by {who.actor}" if who.actor else "", f"in {who.job}" if who.job else ""]
    declared = ", ".join(filter(None, parts))
    known = aws_caller(record)
    told = [
        f"{known}, as AWS says" if known else "",
        f"{declared} (self-declared, checked by nobody)" if declared else "",
    ]
    if who.arn and not known:
        told.append(f"in AWS {who.arn}")
    return "; ".join(filter(None, told)) or NOT_RECORDED


def aws_caller(record: RunRecord) -> str:
    """The ARN that sts:GetCallerIdentity gave, "" where it gave none."""
    return record.initiator.arn if record.initiator.arn.startswith(ARN) else ""
