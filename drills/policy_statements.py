"""Reads the statements of IAM, KMS key and backup vault policies: effect, principals, actions and resources. Pure.

The elements and their forms are those of the IAM user guide, "IAM JSON policy elements reference"
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html): an element holds one value or a list,
`*` stands for any characters and `?` for one. NotPrincipal, NotAction and NotResource are not read: a statement that
has one of them names nothing here.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy. `principals` holds names by kind ("AWS", "Service"); `*` alone is `*` of each kind.

    `condition` is its Condition as it stands there, empty where it has none.
    """

    effect: str
    principals: Mapping[str, tuple[str, ...]]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditional: bool
    condition: Mapping[str, Any]

    def names_principal(self, kind: str, *names: str) -> bool:
        """Whether one of these principals is named literally; pass `*` to ask for everybody."""
        return any(name in names for name in self.principals.get(kind, ()))

    def covers_action(self, action: str) -> bool:
        """Whether an action such as `kms:Decrypt` is meant; upper and lower case are the same."""
        return any(matches(action.lower(), pattern.lower()) for pattern in self.actions)

    def covers_resource(self, arn: str) -> bool:
        """Whether a resource is meant."""
        return any(matches(arn, pattern) for pattern in self.resources)

    def lets(self, account: str, action: str) -> bool:
        """Whether it allows an action to an account of itself: as Allow, without a Condition, which is not evaluated."""
        names = ("*", account, f"arn:aws:iam::{account}:root")
        allowed = self.effect == "Allow" and not self.conditional
        return allowed and self.names_principal("AWS", *names) and self.covers_action(action)


def parse_policy(text: str) -> tuple[Statement, ...]:
    """Return the statements of a policy document given as JSON. ValueError for text that is no policy."""
    document = json.loads(text)
    found = document.get("Statement") if isinstance(document, dict) else None
    found = [found] if isinstance(found, dict) else found
    if not isinstance(found, list) or not all(isinstance(each, dict) and "Effect" in each for each in found):
        raise ValueError("it needs a Statement with an Effect")
    return read_statements(document)


def read_statements(document: Any, effect: str | None = None) -> tuple[Statement, ...]:
    """Return the statements of a parsed policy document, those of one effect or all; none for what is no policy."""
    members = as_list(document.get("Statement")) if isinstance(document, Mapping) else []
    statements = (_statement(each) for each in members if isinstance(each, Mapping))
    return tuple(each for each in statements if effect in (None, each.effect))


def _statement(raw: Mapping[str, Any]) -> Statement:
    return Statement(
        str(raw.get("Effect")),
        _principals(raw.get("Principal")),
        _texts(raw.get("Action")),
        _texts(raw.get("Resource")),
        "Condition" in raw,
        raw.get("Condition") or {},
    )


def _principals(raw: Any) -> dict[str, tuple[str, ...]]:
    if raw == "*":
        return {"AWS": ("*",), "Service": ("*",)}
    return {str(kind): _texts(names) for kind, names in raw.items()} if isinstance(raw, Mapping) else {}


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(each) for each in as_list(value))


def as_list(value: Any) -> list[Any]:
    """Return the values of an element, which holds one or a list; none where it is missing."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def matches(value: str, pattern: str) -> bool:
    """Whether a value is meant by a pattern, upper and lower case apart."""
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))
