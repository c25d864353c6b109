"""`[targets.NAME.plan]`: what the owner's contingency plan says of the target, for the report and the evidence."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from drills.config.table import Table
from drills.config.values import Name
from drills.model.evidence import PlanReferences


def _text_or_date(raw: Any) -> Any:
    """Return a date of TOML, which stands without quotes, as text."""
    return raw.isoformat() if isinstance(raw, date) else raw


class PlanConfig(Table):
    """References to documents and people outside of this suite, shown word for word; one that is absent is "not supplied"."""

    version: Name | None = None
    business_impact: Name | None = None
    tabletop: Name | None = None
    objectives_owner: Name | None = None
    objectives_approved: Annotated[Name | None, BeforeValidator(_text_or_date)] = None
    reviewer: Name | None = None
    approver: Name | None = None
    tickets: Annotated[tuple[Name, ...], Field(strict=False)] = ()

    def references(self) -> PlanReferences:
        """Return the references as the run record holds them."""
        given = {name: value for name, value in dict(self).items() if value is not None}
        return PlanReferences(**given)
