"""What a manifest that is earlier than the copy's data can say: a difference may have been made on the source since. Pure.

Such a difference accuses nobody and passes nothing: it is "not verified", with both sides. What no change since explains stays a
difference: data that the server cannot read, a table whose owner says how it is compared, a sequence that fell back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from drills.checks.base.outcome import CheckOutcome
from drills.checks.catalog.check import Catalog
from drills.checks.content.check import Contents
from drills.checks.content.sequences import Sequences
from drills.model.finding import Finding, NotChecked
from drills.model.policy import TablePolicy

_POSITION = re.compile(r"last_value=(-?\d+), is_called=(true|false)")


def unexplained(outcome: CheckOutcome, earlier: str, stands: Callable[[Finding], bool]) -> CheckOutcome:
    """Return an outcome in which each error is not verified that does not stand by itself; `earlier` is a sentence's part."""
    doubtful = [each for each in outcome.findings if each.severity == "error" and not stands(each)]
    kept = tuple(each for each in outcome.findings if each not in doubtful)
    reasons = tuple(
        NotChecked(each.object, f"{each.message}; {earlier}, and it may have changed since") for each in doubtful
    )
    return CheckOutcome(outcome.compared, kept, (*outcome.unverified, *reasons), outcome.excluded)


def of_content(
    outcome: CheckOutcome, earlier: str, expected: Contents, found: Contents, policies: Mapping[str, TablePolicy]
) -> CheckOutcome:
    """Return the outcome of comparing tables: a policy that the owner wrote for a table holds, the usual one does not."""

    def stands(finding: Finding) -> bool:
        table = expected.tables.get(finding.object)
        named = {finding.object, table.root if table else ""}
        return finding.object in found.damaged or not named.isdisjoint(policies)

    return unexplained(outcome, earlier, stands)


def of_sequences(
    outcome: CheckOutcome, earlier: str, expected: Sequences, found: Sequences, catalog: Catalog
) -> CheckOutcome:
    """Return the outcome of comparing sequences: one that went on is right, and one that may count any way is not verified."""
    went_on, fell_back = [], set()
    for finding in outcome.findings:
        name = finding.object
        moved = _direction(expected.positions.get(name, ""), found.positions.get(name, ""), _definition(catalog, name))
        if moved == "on":
            went_on.append(finding)
        elif moved == "back" or name in found.damaged:
            fell_back.add(name)
    rest = CheckOutcome(
        outcome.compared,
        tuple(each for each in outcome.findings if each not in went_on),
        outcome.unverified,
        (*outcome.excluded, *(_gone_on(each, earlier) for each in went_on)),
    )
    return unexplained(rest, earlier, lambda finding: finding.object in fell_back)


def _gone_on(finding: Finding, earlier: str) -> NotChecked:
    reason = f"not behind the manifest's {finding.expected}: at {finding.found}; {earlier}"
    return NotChecked(f"sequence {finding.object}", reason)


def _definition(catalog: Catalog, name: str) -> Mapping[str, object]:
    found: Mapping[str, object] = json.loads(catalog.get("sequences", {}).get(name, "{}"))
    return found


def _direction(before: str, after: str, definition: Mapping[str, object]) -> str:
    """Return whether a sequence went "on" or "back"; "" where that cannot be told, as of one that begins anew at its end."""
    one, other = _POSITION.fullmatch(before), _POSITION.fullmatch(after)
    if not (one and other) or definition.get("cycle"):
        return ""
    sign = -1 if str(definition.get("increment", "1")).startswith("-") else 1
    distance = sign * (int(other[1]) - int(one[1]))
    called = (other[2] == "true") - (one[2] == "true")
    return "on" if (distance, called) > (0, 0) else "back"
