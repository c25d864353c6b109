"""The rules of a listener: which action a load balancer takes for a request. Pure functions.

Elastic Load Balancing API reference, Rule, RuleCondition and Action. Rules go by priority, the default action last.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """The parts of a request that rules read. `host` has no port, `path` no query; `port` is the listener's."""

    method: str
    host: str
    path: str
    query: str = ""
    port: int = 80


def action_for(
    rules: Iterable[tuple[Any, Sequence[Mapping[str, Any]], Sequence[Any]]], request: HttpRequest
) -> Any | None:
    """Return the action for a request out of rules (priority, conditions, actions); None when no rule matches.

    A condition of another kind never holds: source-ip, query-string and http-header.
    """
    for _, conditions, actions in sorted(rules, key=lambda rule: _order(rule[0])):
        if all(_holds(each, request) for each in conditions):
            final = [each for each in actions if not str(each.type).startswith("authenticate")]
            return final[-1] if final else None
    return None


def _order(priority: Any) -> float:
    return float("inf") if priority == "default" else float(priority)


def _holds(condition: Mapping[str, Any], request: HttpRequest) -> bool:
    match condition.get("Field"):
        case "path-pattern":
            return _matches(request.path, _values(condition, "PathPatternConfig"))
        case "host-header":
            return _matches(request.host.lower(), [each.lower() for each in _values(condition, "HostHeaderConfig")])
        case "http-request-method":
            return request.method in _values(condition, "HttpRequestMethodConfig")
    return False


def _values(condition: Mapping[str, Any], config: str) -> list[str]:
    return list(condition.get("Values") or (condition.get(config) or {}).get("Values") or ())


def _matches(text: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(text, each.replace("[", "[[]")) for each in patterns)


def weighted_groups(action: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return the target groups of a forward action with their weights."""
    config = action.get("ForwardConfig") or {}
    groups = [(each["TargetGroupArn"], int(each.get("Weight", 1))) for each in config.get("TargetGroups") or ()]
    return groups or [(str(action.get("TargetGroupArn")), 1)]


def choose_group(groups: Sequence[tuple[str, int]], number: int) -> str | None:
    """Return the group for the `number`th request, in proportion to the weights; None when all weights are 0."""
    rest = number % total if (total := sum(weight for _, weight in groups)) else 0
    for arn, weight in groups:
        if rest < weight:
            return arn
        rest -= weight
    return None


def redirect_location(redirect: Mapping[str, Any], request: HttpRequest) -> str:
    """Return the URL of a redirect action; #{protocol}, #{host}, #{port}, #{path} and #{query} are the request's."""
    placeholders = {
        "#{protocol}": "HTTP",
        "#{host}": request.host,
        "#{port}": str(request.port),
        "#{query}": request.query,
    }
    placeholders["#{path}"] = request.path.lstrip("/")

    def filled(name: str, default: str) -> str:
        text = str(redirect.get(name) or default)
        for word, value in placeholders.items():
            text = text.replace(word, value)
        return text

    base = f"{filled('Protocol', '#{protocol}').lower()}://{filled('Host', '#{host}')}:{filled('Port', '#{port}')}"
    query_string = filled("Query", "#{query}")
    return f"{base}{filled('Path', '/#{path}')}{'?' if query_string else ''}{query_string}"
