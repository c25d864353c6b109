"""Which resources a selection of a backup plan means: by ARN, by tags, without the excluded ones. Pure.

As the API reference has it (BackupSelection, Conditions): ARNs are joined by OR, `ListOfTags` by OR, `Conditions` by
AND, and `NotResources` takes away. A resource that an ARN or a listed tag names is in; `Conditions` narrow that.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from typing import Any

from moto.backup.exceptions import InvalidParameterValueException

from drills.sandbox.backup.base import required

_NAME = re.compile(r"[a-zA-Z0-9._-]{1,50}")
_PREFIX = "aws:ResourceTag/"
_OPERATORS = ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike")
_PLAIN, _WITH_WILDCARDS = 500, 30  # the most ARNs of a list


def read_selection(given: Mapping[str, Any]) -> dict[str, Any]:
    """A selection as it is kept; AWS's errors for what cannot be."""
    required(given, "SelectionName", "IamRoleArn")
    if not _NAME.fullmatch(given["SelectionName"]):
        raise InvalidParameterValueException(f"The selection's name {given['SelectionName']!r} is not valid.")
    for name in ("Resources", "NotResources"):
        _check_arns(name, given.get(name) or [])
    for tag in given.get("ListOfTags") or []:
        required(tag, "ConditionType", "ConditionKey", "ConditionValue")
        if tag["ConditionType"] != "STRINGEQUALS":
            raise InvalidParameterValueException(f"ConditionType is STRINGEQUALS, not {tag['ConditionType']}.")
    for operator, conditions in (given.get("Conditions") or {}).items():
        if operator not in _OPERATORS:
            raise InvalidParameterValueException(f"Conditions are {', '.join(_OPERATORS)}, not {operator}.")
        for condition in conditions:
            required(condition, "ConditionKey", "ConditionValue")
            if not condition["ConditionKey"].startswith(_PREFIX):
                raise InvalidParameterValueException(f"A ConditionKey is {_PREFIX}NAME.")
    return dict(given)


def _check_arns(name: str, arns: list[str]) -> None:
    wild = sum("*" in arn for arn in arns)
    if len(arns) > _PLAIN or wild > _WITH_WILDCARDS:
        raise InvalidParameterValueException(
            f"{name} takes at most {_PLAIN} ARNs, of which {_WITH_WILDCARDS} with wildcards."
        )
    for arn in arns:
        if "*" in arn and not arn.endswith("*"):
            raise InvalidParameterValueException(f"The wildcard of {arn} in {name} must be at its end.")
        if not arn.startswith("arn:") and arn != "*":
            raise InvalidParameterValueException(f"Invalid ARN in {name}: {arn}")


def selects(selection: Mapping[str, Any], arn: str, tags: Mapping[str, str]) -> bool:
    """Whether a selection means the resource with this ARN and these tags."""
    resources, listed = selection.get("Resources") or [], selection.get("ListOfTags") or []
    named = _any(arn, resources) or any(tags.get(tag["ConditionKey"]) == tag["ConditionValue"] for tag in listed)
    everything = not resources and not listed
    return (named or everything) and not _any(arn, selection.get("NotResources") or []) and _meets(selection, tags)


def _any(arn: str, patterns: Iterable[str]) -> bool:
    return any(_like(arn, pattern) for pattern in patterns)


def _like(value: str, pattern: str) -> bool:
    """`*` stands for anything; nothing else is special."""
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]").replace("?", "[?]"))


def _meets(selection: Mapping[str, Any], tags: Mapping[str, str]) -> bool:
    """All conditions hold; a tag that is not there equals nothing and is like nothing."""
    for operator, conditions in (selection.get("Conditions") or {}).items():
        for condition in conditions:
            value = tags.get(condition["ConditionKey"].removeprefix(_PREFIX))
            wanted = condition["ConditionValue"]
            same = value == wanted if operator.endswith("Equals") else value is not None and _like(value, wanted)
            if same == ("Not" in operator):
                return False
    return True
