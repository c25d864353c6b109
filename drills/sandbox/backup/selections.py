"""Validates the selections of a backup plan (AWS Backup API reference, BackupSelection and Conditions)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from moto.backup.exceptions import InvalidParameterValueException

from drills.sandbox.backup.validation import require_members
from drills.schedule.selections import TAG_PREFIX

_NAME = re.compile(r"[a-zA-Z0-9._-]{1,50}")
_OPERATORS = ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike")
_MAX_ARNS, _MAX_WILDCARDS = 500, 30


def read_selection(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a selection as it is stored; raise AWS's error for one that is not valid."""
    require_members(request, "SelectionName", "IamRoleArn")
    if not _NAME.fullmatch(request["SelectionName"]):
        raise InvalidParameterValueException(f"The selection's name {request['SelectionName']!r} is not valid.")
    for name in ("Resources", "NotResources"):
        _check_arns(name, request.get(name) or [])
    for tag in request.get("ListOfTags") or []:
        require_members(tag, "ConditionType", "ConditionKey", "ConditionValue")
        if tag["ConditionType"] != "STRINGEQUALS":
            raise InvalidParameterValueException(f"ConditionType is STRINGEQUALS, not {tag['ConditionType']}.")
    for operator, conditions in (request.get("Conditions") or {}).items():
        if operator not in _OPERATORS:
            raise InvalidParameterValueException(f"Conditions are {', '.join(_OPERATORS)}, not {operator}.")
        for condition in conditions:
            require_members(condition, "ConditionKey", "ConditionValue")
            if not condition["ConditionKey"].startswith(TAG_PREFIX):
                raise InvalidParameterValueException(f"A ConditionKey is {TAG_PREFIX}NAME.")
    return dict(request)


def _check_arns(name: str, arns: list[str]) -> None:
    with_wildcard = sum("*" in arn for arn in arns)
    if len(arns) > _MAX_ARNS or with_wildcard > _MAX_WILDCARDS:
        raise InvalidParameterValueException(
            f"{name} takes at most {_MAX_ARNS} ARNs, of which {_MAX_WILDCARDS} with wildcards."
        )
    for arn in arns:
        if "*" in arn and not arn.endswith("*"):
            raise InvalidParameterValueException(f"The wildcard of {arn} in {name} must be at its end.")
        if not arn.startswith("arn:") and arn != "*":
            raise InvalidParameterValueException(f"Invalid ARN in {name}: {arn}")
