"""The differences that the owner of a target acknowledges: `[[targets.NAME.acknowledged]]`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator

from drills.config.table import Table
from drills.config.values import Name, did_you_mean, one_of, refuse
from drills.model.instance import OtherKind
from drills.model.policy import CHECKS, POSTURE, POSTURE_OF


def _by_next_year(raw: Any) -> date:
    day = raw.date() if isinstance(raw, datetime) else raw
    if not isinstance(day, date):
        raise refuse("a day such as 2027-01-31, without quotes", raw)
    latest = datetime.now(UTC).date() + timedelta(days=366)
    if day > latest:
        raise refuse(f"a day at most a year from today, so not after {latest}", day)
    return day


def _known_check(name: str) -> str:
    known = tuple(dict.fromkeys((*CHECKS, *POSTURE, *(each for names in POSTURE_OF.values() for each in names))))
    if name not in known:
        raise refuse(f"a check out of {one_of(known)}{did_you_mean(name, known)}", name)
    return name


class KnownDifference(Table):
    """A difference that the owner acknowledges until a day; see drills/model/acknowledgement.py."""

    check: Annotated[Name, AfterValidator(_known_check)]
    object: Name
    found: str
    reason: Name
    author: Name
    until: Annotated[date, BeforeValidator(_by_next_year)]
    severity: Literal["warning", "error"] = "warning"

    @property
    def name(self) -> str:
        """Return the name by which the settings of a run list it."""
        return f"{self.check}: {self.object}"


def refuse_unjudged(entries: Iterable[KnownDifference], other: OtherKind | None) -> None:
    """Refuse an acknowledgement of what is never judged of such a target; `other` is None of a database."""
    known = POSTURE_OF[other.key] if other else (*CHECKS, *POSTURE)
    for each in entries:
        if each.check not in known:
            what = other.in_words if other else "a database"
            raise refuse(f"a check out of {one_of(known)}, which are those of {what}", each.check)
