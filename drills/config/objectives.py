"""The owner's queries, declared times that no drill measures, and how often how much of a drill is due."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from drills.config.table import Table
from drills.config.values import Duration, Name, PathText, Span, refuse
from drills.model.period import PeriodKind
from drills.objectives.recovery_time import DeclaredTime

# of the comparison of the content in tier "sample", unless the target sets another
SAMPLE_BUDGET = timedelta(minutes=5)


class Allowances(Table):
    """Declared time for what a drill cannot measure. Detection and decision lie before the declaration of a disaster."""

    detection: Duration = timedelta()
    decision: Duration = timedelta()
    cut_over: Duration = timedelta()

    def declared(self, clock: Literal["declaration", "disruption"]) -> DeclaredTime:
        """Return the allowances in seconds; `clock` decides which of them count."""
        return DeclaredTime(
            clock, self.detection.total_seconds(), self.decision.total_seconds(), self.cut_over.total_seconds()
        )


class Scenario(Table):
    """What is lost, with objectives and eligible kinds of recovery point of its own; empty `points`: every kind."""

    name: Literal["instance loss", "logical corruption", "account or region loss"]
    rto: Span | None = None
    rpo: Span | None = None
    points: Annotated[
        tuple[Literal["awsbackup", "manual", "automated", "continuous", "copy"], ...], Field(strict=False)
    ] = ()


class NamedQuery(Table):
    """One of the owner's queries: usable is a copy that answers it within `target`. `sample`: of the sample application."""

    name: Name
    sql: Name | None = None
    file: PathText | None = None
    target: Span | None = None
    database: Name | None = None
    sample: bool = False

    @model_validator(mode="after")
    def _one_text(self) -> NamedQuery:
        if bool(self.sql) == bool(self.file):
            raise refuse("either sql or file", "both" if self.sql else "neither")
        self.text()
        return self

    def text(self) -> str:
        """Return the query, without a closing semicolon; refused where its file cannot be read or holds none."""
        if self.sql is not None:
            return self.sql.rstrip("; \n")
        try:
            text = Path(str(self.file)).read_text(encoding="utf-8").strip().rstrip("; \n")
        except (OSError, UnicodeError):
            raise refuse("a file with a query in UTF-8", self.file) from None
        if not text:
            raise refuse("a file with a query, found an empty one", self.file)
        return text


class TiersTable(Table):
    """In which period a run of the tier is due once; None: such a run is made where `tier` says so, or the command line."""

    sample: PeriodKind | None = None
    full: PeriodKind | None = None
