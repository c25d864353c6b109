"""The members that every call which makes or removes a copy sends, with the value that each must have (None: any)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_RESTORE: Mapping[str, object] = {
    "PubliclyAccessible": False,
    "BackupRetentionPeriod": 0,
    "CopyTagsToSnapshot": False,
    "DeletionProtection": False,
    "MultiAZ": False,
    "EnableIAMDatabaseAuthentication": False,
    "EnableCloudwatchLogsExports": [],
    "AutoMinorVersionUpgrade": False,
    "EngineLifecycleSupport": None,
    "Tags": None,
    "TagSpecifications": None,
}
MUST: Mapping[str, Mapping[str, object]] = {
    "RestoreDBInstanceFromDBSnapshot": _RESTORE,
    "RestoreDBInstanceToPointInTime": _RESTORE,
    "CopyDBSnapshot": {"Tags": None, "CopyTags": False},
    "DeleteDBInstance": {"SkipFinalSnapshot": True, "DeleteAutomatedBackups": True},
}


def left_out(operation: str, params: Mapping[str, Any]) -> list[str]:
    """The members that a request does not send, or sends with another value; text is read as the wire has it."""
    wire = {"true": True, "false": False, "0": 0}
    found = []
    for member, value in MUST[operation].items():
        sent = params.get(member)
        sent = wire.get(sent, sent) if isinstance(sent, str) else sent
        if member not in params or (value is not None and sent != value and not (value == [] and not sent)):
            found.append(member)
    return sorted(found)
