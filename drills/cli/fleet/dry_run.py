"""`drills run --all --dry-run`: what each run of the fleet would do, and what all of them would cost; starts and asks nothing."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from drills.cli.fleet.options import OF_FLEETS
from drills.cli.fleet.size import at_once
from drills.config.load import Config
from drills.durations import show_duration
from drills.errors import COULD_NOT_RUN, DrillError
from drills.model.policy import not_run_in
from drills.objectives import cost
from drills.run.price import estimate
from reports.words import counted
from steps.expected import shipped, tags_not_run_in


def run(
    options: argparse.Namespace,
    configs: Mapping[str, Config],
    one: Callable[[argparse.Namespace], int],
    left_out: tuple[str, ...] = (),
) -> int:
    """Say it, as text or as JSON; `one` is the dry run of a target. Exit code 12 where a run would be refused.

    `left_out` has a sentence for each database that was found and cannot be drilled.
    """
    told = [_of_target(options, name, one) for name in configs]
    begun = [configs[each["target"]] for each in told if _is_begun(each)]
    size = min(at_once(options, configs), len(begun))
    price = cost.price_of(copy for each in begun for copy in estimate(each).copies)
    fleet = {
        "targets": told,
        "parallel": size,
        "copies": len(price.copies),
        "price": asdict(price),
        "discovered": options.discover or "",
        "left_out": left_out,
        "longest_seconds": _longest([each.limits.total_seconds for each in begun], size),
    }
    print(json.dumps(fleet, indent=2) if options.json else _as_text(fleet))
    return COULD_NOT_RUN if any("refused" in each for each in told) else 0


def _of_target(options: argparse.Namespace, name: str, one: Callable[[argparse.Namespace], int]) -> dict[str, Any]:
    alone = {"target": name, "all": False, "json": True} | dict.fromkeys(OF_FLEETS)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            one(argparse.Namespace(**vars(options) | alone))
    except DrillError as error:
        return {"target": name, "refused": str(error)}
    facts: dict[str, Any] = json.loads(said.getvalue())
    return facts


def _is_begun(facts: Mapping[str, Any]) -> bool:
    """Return whether the fleet would begin the run: one that is refused, or had its drill in the period, makes no copy."""
    return "refused" not in facts and not facts["once"]


def _longest(limits: list[float], size: int) -> float:
    """Return how long the fleet may take at most: its runs one after another in the place that is free first."""
    places = [0.0] * size
    for each in limits:
        places[places.index(min(places))] += each
    return max(places, default=0.0)


def _as_text(fleet: dict[str, Any]) -> str:
    lines = []
    for each in fleet["targets"]:
        if why := each.get("refused"):
            lines.append(f"{each['target']} would not start: {why}")
            continue
        lines += [
            f"{each['target']} ({each['database']} {each['instance']}, profile {each['profile']})",
            f"  {counted(each['scenarios'], 'scenario')}{_skipped(each['tier'])} on the {each['sample']} recovery point, "
            f"{counted(each['copies'], 'copy', 'copies')}, at most "
            f"{show_duration(each['total_seconds'])}, cost {_amount(each['price']['usd'])}",
        ]
        lines += [f"  not begun, since {each['once']}"] if each["once"] else []
    number, begun = len(fleet["targets"]), sum(map(_is_begun, fleet["targets"]))
    of = f", {begun} of them begun" if begun != number else ""
    price = fleet["price"]
    otherwise = "unknown" if price["copies"] else "nothing, as no copy would be made"
    lines += [
        *(f"left out: {each}" for each in fleet["left_out"]),
        f"{counted(number, 'target')}{of}, {fleet['parallel']} at once, {counted(fleet['copies'], 'copy', 'copies')}, at most "
        f"{show_duration(fleet['longest_seconds'])}",
        f"cost of all, by the prices of {price['prices_of']}: {_amount(price['usd'], otherwise)}",
        *(f"  not known: {each}" for each in price["unknown"]),
        "`drills run --target NAME --dry-run` says what the run of one would read, change and delete.",
        "Nothing was started, made or changed; AWS was asked what it protects."
        if fleet["discovered"]
        else "Nothing was started, made, asked or changed.",
    ]
    return "\n".join(lines)


def _skipped(tier: str) -> str:
    """Return how many of the shipped scenarios are skipped, since the tier has no part in them."""
    tags = {*tags_not_run_in(tier)}
    if not tags:
        return ""
    return f", {sum(bool(tags & {*each.tags}) for each in shipped())} of them {not_run_in(tier)},"


def _amount(usd: str | None, otherwise: str = "unknown") -> str:
    return otherwise if usd is None else cost.about(Decimal(usd))
