"""Which action a load balancer takes for a request: pure, over the listener as moto keeps it.

Elastic Load Balancing API reference, Rule, RuleCondition and Action. Rules go by priority, the default action last.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    """What a rule looks at. `host` has no port."""

    method: str
    host: str
    path: str


def action_for(rules: Iterable[tuple[Any, Sequence[Mapping[str, Any]], Sequence[Any]]], asked: Asked) -> Any | None:
    """The action that ends the request, out of (priority, conditions, actions); None when no rule has one.

    A condition of a kind that is not told here never holds: source-ip, query-string and http-header.
    """
    for _, conditions, actions in sorted(rules, key=lambda rule: _order(rule[0])):
        if all(_holds(each, asked) for each in conditions):
            ends = [each for each in actions if not str(each.type).startswith("authenticate")]
            return ends[-1] if ends else None
    return None


def _order(priority: Any) -> float:
    return float("inf") if priority == "default" else float(priority)


def _holds(condition: Mapping[str, Any], asked: Asked) -> bool:
    match condition.get("Field"):
        case "path-pattern":
            return _matches(asked.path.split("?", 1)[0], _values(condition, "PathPatternConfig"))
        case "host-header":
            return _matches(asked.host.lower(), [each.lower() for each in _values(condition, "HostHeaderConfig")])
        case "http-request-method":
            return asked.method in _values(condition, "HttpRequestMethodConfig")
    return False


def _values(condition: Mapping[str, Any], config: str) -> list[str]:
    return list(condition.get("Values") or (condition.get(config) or {}).get("Values") or ())


def _matches(text: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(text, each.replace("[", "[[]")) for each in patterns)


def groups_of(action: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The target groups of a forward action with their weights."""
    config = action.get("ForwardConfig") or {}
    groups = [(each["TargetGroupArn"], int(each.get("Weight", 1))) for each in config.get("TargetGroups") or ()]
    return groups or [(str(action.get("TargetGroupArn")), 1)]


def turn(groups: Sequence[tuple[str, int]], number: int) -> str | None:
    """The group whose turn it is for the `number`th request; None when no group has any weight."""
    left = number % total if (total := sum(weight for _, weight in groups)) else 0
    for arn, weight in groups:
        if left < weight:
            return arn
        left -= weight
    return None


def location(redirect: Mapping[str, Any], asked: Asked, port: int, query: str) -> str:
    """Where a redirect action leads; #{protocol}, #{host}, #{port}, #{path} and #{query} are the request's."""
    mine = {"#{protocol}": "HTTP", "#{host}": asked.host, "#{port}": str(port), "#{query}": query}
    mine["#{path}"] = asked.path.split("?", 1)[0].lstrip("/")

    def filled(name: str, default: str) -> str:
        text = str(redirect.get(name) or default)
        for word, value in mine.items():
            text = text.replace(word, value)
        return text

    where = f"{filled('Protocol', '#{protocol}').lower()}://{filled('Host', '#{host}')}:{filled('Port', '#{port}')}"
    asks = filled("Query", "#{query}")
    return f"{where}{filled('Path', '/#{path}')}{'?' if asks else ''}{asks}"
