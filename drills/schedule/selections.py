"""Tells whether a selection of a backup plan includes a resource, and by what. Pure.

As the AWS Backup API reference has it (BackupSelection, Conditions): ARNs are joined by OR, `ListOfTags` by OR,
`Conditions` by AND, and `NotResources` takes away. A selection without ARNs and listed tags includes everything that its
conditions admit.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any, Literal

SelectedBy = Literal["ARN", "tag", "everything"]
TAG_PREFIX = "aws:ResourceTag/"  # of a ConditionKey


def selected_by(selection: Mapping[str, Any], arn: str, tags: Mapping[str, str]) -> SelectedBy | None:
    """Return by what the selection includes the resource, None where it does not.

    A pattern for instances of any name is not "ARN": it includes a renamed instance too.
    """
    arns, listed = selection.get("Resources") or [], selection.get("ListOfTags") or []
    if _any_like(arn, selection.get("NotResources") or []) or not _meets(selection.get("Conditions") or {}, tags):
        return None
    if any(tags.get(each["ConditionKey"]) == each["ConditionValue"] for each in listed):
        return "tag"
    if _any_like(arn, arns):
        wide = any(_like(arn, each) and _any_instance(each) for each in arns)
        return "ARN" if not wide else "tag" if selection.get("Conditions") else "everything"
    if arns or listed:
        return None
    return "tag" if selection.get("Conditions") else "everything"


def names_the_type(selection: Mapping[str, Any], arn: str) -> bool:
    """Return whether a selection has an ARN or a pattern of more than "*" that means the resource, and no tag alone."""
    return _any_like(arn, [each for each in selection.get("Resources") or [] if each != "*"])


def _any_instance(pattern: str) -> bool:
    """Return whether a pattern includes what is of any name, so that a renamed or restored one stays included."""
    return pattern == "*" or pattern.endswith((":db:*", ":cluster:*", ":*", ":table/*", ":volume/*", ":file-system/*"))


def _any_like(value: str, patterns: Iterable[str]) -> bool:
    return any(_like(value, pattern) for pattern in patterns)


def _like(value: str, pattern: str) -> bool:
    """Return whether the value matches; `*` stands for any characters, and nothing else is special."""
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]").replace("?", "[?]"))


def _meets(conditions: Mapping[str, Any], tags: Mapping[str, str]) -> bool:
    """Return whether all conditions hold; a missing tag equals nothing and is like nothing."""
    for operator, wanted in conditions.items():
        for each in wanted or ():
            value = tags.get(str(each["ConditionKey"]).removeprefix(TAG_PREFIX))
            right = each["ConditionValue"]
            same = value == right if operator.endswith("Equals") else value is not None and _like(value, right)
            if same == ("Not" in operator):
                return False
    return True
