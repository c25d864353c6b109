"""The request by which AWS Backup restores what is no database. Pure: the guard sends it, and preflight foresees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drills.aws.guarded.names import ScratchName

RESTORE_JOB = "StartRestoreJob"


def named(metadata: Mapping[str, str], named_by: str, name: ScratchName) -> dict[str, str]:
    """Return the metadata of a restore with `name` as their member `named_by`, which they may have in another case already."""
    given = {key: value for key, value in metadata.items() if key.lower() != named_by.lower()}
    return {**given, named_by: str(name)}


def restore_job(point_arn: str, role_arn: str, metadata: Mapping[str, str], token: ScratchName) -> dict[str, Any]:
    """Return the members of StartRestoreJob. The same token begins no second job (AWS Backup API reference, IdempotencyToken)."""
    return {
        "RecoveryPointArn": point_arn,
        "IamRoleArn": role_arn,
        "Metadata": dict(metadata),
        "IdempotencyToken": str(token),
    }
