"""What drills of a target that is compared within a budget have proved over time: each table, the longest ago first. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drills.model.coverage import Coverage, ProvedByParts
from drills.model.record import RunRecord
from drills.turns import wording
from reports.view.parts import Folded, Lines, Table, table

ONE_BY_ONE = 60  # tables; of more those that one run was the last to prove share rows
IN_A_ROW = 500  # characters of names: typst sets no cell of thousands of words, and a name has many places to wrap at
NEVER = "never"


def lead(record: RunRecord) -> tuple[tuple[str, str], ...]:
    """What this run has compared, and what all drills of the target have."""
    found = record.coverage
    if found is None:
        return ()
    over_time = "; ".join(filter(None, (wording.outlook(found), wording.longest_ago(found))))
    return ("tables in this run", wording.this_run(found)), ("tables over time", over_time)


def folded(record: RunRecord) -> tuple[Folded, ...]:
    """When each table was last proved whole, and by which run."""
    found = record.coverage
    if found is None:
        return ()
    made = _one_by_one(found) if found.tables <= ONE_BY_ONE else _by_run(found)
    return (
        Folded(f"When each table was last proved whole: {_said(found)}", (Lines((wording.OVER_TIME,), "quiet"), made)),
    )


def _said(found: Coverage) -> str:
    never = found.tables - sum(len(each.tables) for each in found.whole)
    return f"{never:,} of {found.tables:,} never" if never else wording.longest_ago(found) or "each of them was"


def _never(found: Coverage) -> list[str]:
    """The tables that no run has proved whole: those that are unproved, then those that parts have proved."""
    whole = {name for each in found.whole for name in each.tables}
    parts = [each.table for each in found.by_parts]
    return [name for name in dict.fromkeys((*found.unproved, *parts)) if name not in whole]


def _one_by_one(found: Coverage) -> Table:
    parts = {each.table: each for each in found.by_parts}
    rows = [(name, NEVER, "–", _parts(parts.get(name))) for name in _never(found)]
    rows += [
        (name, wording.day(each.proof.at), each.proof.run_id, _parts(parts.get(name)))
        for each in found.whole
        for name in each.tables
    ]
    return table(_CAPTION, "Table:name, Last proved whole, By run:value, By parts since", rows)


def _parts(each: ProvedByParts | None) -> str:
    return wording.by_parts(each) if each else "–"


def _by_run(found: Coverage) -> Table:
    rows = [(NEVER, "–", f"{len(names):,}", ", ".join(names)) for names in _portions(_never(found))]
    rows += [
        (wording.day(each.proof.at), each.proof.run_id, f"{len(names):,}", ", ".join(names))
        for each in found.whole
        for names in _portions(each.tables)
    ]
    rows += [
        ("by parts since", each.newest.run_id, "1", f"{each.table}: {wording.by_parts(each)}")
        for each in found.by_parts
    ]
    return table(_CAPTION, "Last proved whole, By run:value, Tables:number, Which", rows)


_CAPTION = "The longest ago first. A table by parts was proved range by range of its key, on copies of several drills."


def _portions(names: Sequence[str]) -> Iterator[list[str]]:
    """Yield the names in their order, as many at a time as share a row."""
    row: list[str] = []
    length = 0
    for name in names:
        if row and length + len(name) > IN_A_ROW:
            yield row
            row, length = [], 0
        row.append(name)
        length += len(name)
    if row:
        yield row
