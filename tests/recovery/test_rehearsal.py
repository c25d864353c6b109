"""A rehearsal holds only if what was taken away was named."""

from __future__ import annotations

import pytest

from drills.model.finding import CheckResult, Finding, Severity
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.recovery.rehearsal import DAMAGE_KINDS, DamagedCopy, undetected_damage
from tests.recovery.test_disaster import point
from tests.support.clock import NOON


def restoration(*named: tuple[str, Severity]) -> Restoration:
    """A damaged copy in which a check found these objects."""
    findings = tuple(Finding("content", severity, name, "", "", "") for name, severity in named)
    return Restoration("rehearsal", None, "drill-1", checks=(CheckResult("content", "missed", "", findings=findings),))


POINT: RecoveryPoint = point(1, NOON)
COPY = DamagedCopy(POINT, "drill-1-damaged", (("row", "shop.orders"), ("grant", "shop.customers")))


@pytest.mark.parametrize(
    ("named", "missed"),
    [
        ([("shop.orders", "error"), ("shop.customers", "error"), ("shop.other", "error")], ()),
        ([("shop.orders", "error")], ("shop.customers",)),
        ([("shop.orders", "error"), ("shop.customers", "warning")], ("shop.customers",)),
        ([("shop.orders_2026", "error"), ("customers", "error")], ("shop.orders", "shop.customers")),
        ([], ("shop.orders", "shop.customers")),
    ],
)
def test_a_damage_counts_as_named_by_an_error_on_that_very_object(
    named: list[tuple[str, Severity]], missed: tuple[str, ...]
) -> None:
    """A warning, a similar name or a finding on something else overlooks it."""
    assert undetected_damage(restoration(*named), COPY) == missed


def test_each_thing_that_gherkin_can_take_away_is_known_to_the_sandbox() -> None:
    """The words of the features and the kinds of the sandbox's damage are one list."""
    from drills.sandbox.seeds import damage

    assert set(DAMAGE_KINDS.values()) <= set(damage.KINDS)
