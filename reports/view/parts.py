"""The parts that a report is made of. HTML, Markdown and PDF each know how to show every one, and add nothing of their own.

All are frozen. Text is plain: whoever shows it escapes it. `kind` tells the parts apart where templates show them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, cast, get_args

from reports.view.svg import Form

NOT_SUPPLIED = "not supplied"
NOT_RECORDED = "not recorded"
ColumnKind = Literal["text", "name", "number", "outcome", "value"]
Tone = Literal["good", "bad", "open"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. "name" is a name that may be wrapped at its joints, "value" one that is compared by eye."""

    name: str
    kind: ColumnKind = "text"


@dataclass(frozen=True, slots=True)
class Row:
    """A row; `head` is a heading over the rows that follow, `counted` one that counts against the RTO, `foot` a total."""

    cells: tuple[str, ...]
    mark: Literal["", "head", "counted", "foot"] = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its caption. The first cell of a row names it."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and their values."""

    kind: ClassVar[str] = "facts"
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """Sentences; `tone` "warning" for what a reader must not miss, "quiet" for what explains."""

    kind: ClassVar[str] = "lines"
    items: tuple[str, ...]
    tone: Literal["plain", "warning", "quiet"] = "plain"
    heading: str = ""


@dataclass(frozen=True, slots=True)
class FindingView:
    """A difference: the object, what was expected, what was found, what it means and what to do next; "" is left out."""

    severity: str
    object: str
    expected: str = ""
    found: str = ""
    meaning: str = ""
    todo: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """Differences one below the other; `wanted` of a copy that was damaged on purpose."""

    kind: ClassVar[str] = "findings"
    caption: str
    items: tuple[FindingView, ...]
    wanted: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing as SVG: `wide` and `narrow` take their colours from the page, `alone` has its own and white paper."""

    kind: ClassVar[str] = "drawing"
    told: str
    wide: str
    narrow: str
    alone: str
    key: tuple[tuple[str, str], ...] = ()  # what its marks mean: the mark's name, and the words for it


Part = Table | Facts | Lines | Findings | Drawing


@dataclass(frozen=True, slots=True)
class Folded:
    """Parts behind a heading that says their result."""

    heading: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One of the fourteen blocks: `result` says in a sentence how it came out, `lead` is always seen, the rest folded."""

    number: int
    key: str
    name: str
    result: str
    lead: tuple[Part, ...] = ()
    folded: tuple[Folded, ...] = ()
    tone: Tone | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """An objective beside its actual, as a drawing and in words."""

    name: str
    actual: str
    against: str
    judgement: str
    margin: str
    sentence: str
    risk: str
    drawing: Drawing


@dataclass(frozen=True, slots=True)
class FirstPage:
    """What must be understood without anything else of the report."""

    headline: str
    tone: str
    kicker: tuple[str, ...]
    stamps: tuple[str, ...]
    codes: tuple[str, ...]
    failures: tuple[FindingView, ...]
    more_failures: tuple[str, ...]
    bars: tuple[Bar, ...]
    beside_bars: tuple[str, ...]
    answers: tuple[tuple[str, str], ...]
    untested: tuple[str, ...]
    exceptions: tuple[str, ...]
    sealing: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A run's report, whole."""

    title: str
    run_id: str
    page: FirstPage
    blocks: tuple[Block, ...] = field(default=())
    footer: str = ""


def facts(*rows: tuple[str, str]) -> Facts:
    """Names and values, without those that have none."""
    return Facts(tuple((name, value) for name, value in rows if value))


def supplied(value: str) -> str:
    """The value, or the words for a slot that nobody filled."""
    return value or NOT_SUPPLIED


def as_data(value: Any) -> Any:
    """The report as plain lists and dictionaries, each part with its `kind`, for a template that knows no Python."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        made = {each.name: as_data(getattr(value, each.name)) for each in dataclasses.fields(value)}
        kind = getattr(type(value), "kind", "")
        return {"kind": kind, **made} if isinstance(kind, str) and kind else made
    return [as_data(each) for each in value] if isinstance(value, tuple) else value


def drawing(told: str, draw: Callable[[Form], str], key: tuple[tuple[str, str], ...] = ()) -> Drawing:
    """A drawing in its three forms."""
    return Drawing(told, draw("wide"), draw("narrow"), draw("alone"), key)


def table(caption: str, columns: str, rows: Iterable[Sequence[str] | Row]) -> Table:
    """A table whose columns are written in one line: "Check, Outcome:outcome, Compared:number"."""
    made = [each.strip().partition(":") for each in columns.split(",")]
    kinds = tuple(Column(name, _kind(kind)) for name, _, kind in made)
    return Table(caption, kinds, tuple(each if isinstance(each, Row) else Row(tuple(each)) for each in rows))


def _kind(text: str) -> ColumnKind:
    found = next((each for each in get_args(ColumnKind) if each == text), "text")
    return cast("ColumnKind", found)
