"""What drills have proved of tables in turn, in words, the same in every report. Pure."""

from __future__ import annotations

from datetime import datetime

from drills.durations import show_duration
from drills.model.coverage import Coverage, Proof, ProvedByParts
from drills.plural import counted

NO_FULL_PROOF = "no full proof"
OVER_TIME = (
    "Each drill restores a copy of its own. What several have proved in turn says that the backups kept being right; no one copy "
    "was proved whole by it."
)


def compared(coverage: Coverage) -> str:
    """Say how many tables the run itself has compared whole, and of how many others parts."""
    whole = f"{coverage.whole_now:,} of {counted(coverage.tables, 'table')} compared whole by this run"
    if coverage.counted_now:
        whole += f", {coverage.counted_now:,} of them counted only, as their policies say"
    parts = sum(map(len, coverage.learned.by_key.values()))
    return f"{whole}, parts of {parts:,} more" if parts else whole


def this_run(coverage: Coverage) -> str:
    """Say what the run itself has compared, and that it is no full proof where something was left."""
    told = compared(coverage)
    return told if coverage.is_full_proof else f"{told}: {NO_FULL_PROOF}"


def short_of_proof(coverage: Coverage | None) -> str:
    """Say what a run within a budget has compared, where that is not everything; "" for any other run."""
    return this_run(coverage) if coverage and not coverage.is_full_proof else ""


def stamps(coverage: Coverage | None) -> list[str]:
    """Return what must stand on every page of a run that has not compared everything."""
    if coverage is None or coverage.is_full_proof:
        return []
    return [f"{NO_FULL_PROOF.upper()}: {compared(coverage)}; within a budget tables are compared in turn"]


def outlook(coverage: Coverage) -> str:
    """Say after how many more drills everything will have been proved, or that it will not."""
    found = coverage.outlook
    at = (
        f"at this budget ({show_duration(coverage.budget_seconds)})"
        if coverage.budget_seconds is not None
        else "at no budget"
    )
    guess = "; nothing was measured yet, so that this is a guess" if found.assumed else ""
    if found.drills is None:
        name, why = found.too_large[0]
        more = f", and {len(found.too_large) - 1:,} more" if len(found.too_large) > 1 else ""
        return f"{at} never everything: {name}: {why}{more}{guess}"
    if found.drills:
        left, more = counted(len(coverage.unproved), "table"), counted(found.drills, "more drill")
        return f"{at} everything will have been proved after {more}; unproved: {left}{guess}"
    if found.cycle is None:
        name, why = found.too_large[0]
        return f"everything was proved; {at} not all of it again: {name}: {why}{guess}"
    return f"everything was proved; {at} it takes {counted(found.cycle, 'drill')} to prove it anew{guess}"


def longest_ago(coverage: Coverage) -> str:
    """Say of which day the oldest proof that still counts is, "" where something was never proved."""
    if coverage.unproved:
        return ""
    parts = [each.oldest for each in coverage.by_parts if each.proved == each.parts]
    whole = [each.proof for each in coverage.whole]
    oldest = min((*whole, *parts), key=lambda each: each.at, default=None)
    return f"the longest ago on {day(oldest.at)}" if oldest else ""


def by_parts(each: ProvedByParts) -> str:
    """Say how much of a table was proved by parts, and by which runs."""
    when = day(each.oldest.at)
    if each.newest != each.oldest:
        when = f"{when} to {day(each.newest.at)}"
    of = "all" if each.proved == each.parts else f"{each.proved}"
    return f"{of} of {each.parts} parts, {when}"


def proof(found: Proof) -> str:
    """Say when and by which run something was proved."""
    return f"{day(found.at)}, run {found.run_id}"


def day(at: datetime) -> str:
    """Return an instant to the minute."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
