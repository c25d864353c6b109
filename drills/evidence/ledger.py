"""The ledger of a chain: its runs by number, with what became of them, and whether the last success is young enough. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from drills.durations import show_duration
from drills.errors import COULD_NOT_RUN, VERIFICATION_FAILED
from drills.evidence.chain import Chain, Sealed, Started, sequence_of
from drills.evidence.check import Problem
from drills.history.line import line_of, outcome_of, why_not_counted
from drills.history.wording import interruption
from drills.model.record import RunRecord

AHEAD = timedelta(minutes=5)  # that two machines' clocks may differ
SHOWN = 3  # problems in a sentence; `drills evidence verify` has all


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One number of a chain. `outcome` is the run's, or "aborted", "running", "no result", "no start" and "gap".

    `to` is the last number of a gap, else the number itself. `bundle` is the digest of SHA256SUMS.
    """

    sequence: int
    to: int
    run_id: str = ""
    started_at: datetime | None = None
    outcome: str = "gap"
    not_counted: str = ""
    level: str = ""
    rta_seconds: float | None = None
    rpa_seconds: float | None = None
    reviews: tuple[str, ...] = ()
    bundle: str = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Why a chain is no evidence that drills go on: a sentence and the exit code that it gives."""

    code: int
    sentence: str


def lines_of(chain: Chain) -> tuple[LedgerLine, ...]:
    """Return a line for each run of the chain and for each gap, in the order of the numbers."""
    starts = {each.name: each for each in chain.starts}
    bundles = {each.name: each for each in chain.bundles}
    found = [LedgerLine(first, last) for first, last in chain.gaps()]
    found += [_line(chain, name, starts.get(name), bundles.get(name)) for name in chain.names()]
    return tuple(sorted(found, key=lambda line: (line.sequence, line.run_id)))


def _line(chain: Chain, name: str, started: Started | None, bundle: Sealed | None) -> LedgerLine:
    sequence = sequence_of(name)
    if bundle is None:
        assert started
        outcome = "running" if started.running else "no result"
        record = started.record
        return LedgerLine(sequence, sequence, record.run_id, record.started_at, outcome, level=record.level)
    run = bundle.record
    line = line_of(run)
    reviews = [each.record for each in chain.reviews if each.record.sequence == sequence]
    return LedgerLine(
        sequence,
        sequence,
        run.run_id,
        run.started_at,
        _outcome(run) if started else "no start",
        interruption(why_not_counted(run), run.aborted_in),
        run.evidence.level if run.evidence else "",
        line.rta_seconds,
        line.rpa_seconds,
        tuple(f"{each.verdict} by {each.reviewer} ({each.role})" for each in reviews),
        bundle.digest,
    )


def _outcome(run: RunRecord) -> str:
    return "aborted" if run.interrupted_by else outcome_of(run)


def last_success(chain: Chain, now: datetime) -> datetime | None:
    """Return when the last run that passed and counts as a drill had ended; one in the future is none."""
    ends = [each.record.ended_at or each.record.started_at for each in chain.bundles if _succeeded(each)]
    return max((end for end in ends if end <= now + AHEAD), default=None)


def _succeeded(bundle: Sealed) -> bool:
    return bundle.record.code == 0 and not why_not_counted(bundle.record)


def alarms(
    chain: Chain, problems: Sequence[Problem], now: datetime, max_age: timedelta, drill_every: timedelta | None
) -> Iterator[Alarm]:
    """Yield why the chain does not show that drills go on; nothing where it does.

    `drill_every` is how often a drill was declared to be due: a run that counts as a drill, or one that runs now, has come.
    """
    if problems:
        more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        told = "; ".join(each.sentence for each in problems[:SHOWN])
        yield Alarm(VERIFICATION_FAILED, f"{chain.name} does not verify: {told}{more}")
    success = last_success(chain, now)
    if success is None:
        yield Alarm(COULD_NOT_RUN, f"{chain.name}: expected a drill that passed, found none")
    elif now - success > max_age:
        age, limit = _show(now - success), _show(max_age)
        yield Alarm(
            COULD_NOT_RUN, f"{chain.name}: expected a success at most {limit} old, found the last one {age} ago"
        )
    last = last_drill(chain, now)
    if drill_every and (last is None or now - last > drill_every):
        found = "none came" if last is None else f"the last one began {_show(now - last)} ago"
        yield Alarm(COULD_NOT_RUN, f"{chain.name}: expected a drill every {_show(drill_every)}, found that {found}")


def last_drill(chain: Chain, now: datetime) -> datetime | None:
    """Return when the last drill began that counts, whatever its verdict, or that runs now."""
    judged = [each.record.started_at for each in chain.bundles if not why_not_counted(each.record)]
    running = [each.record.started_at for each in chain.starts if each.running]
    return max((each for each in (*judged, *running) if each <= now + AHEAD), default=None)


def declared_interval(chain: Chain) -> timedelta | None:
    """Return how often a drill was due by the newest start record, None where that says nothing."""
    seconds = chain.starts[-1].record.drill_every_seconds if chain.starts else None
    return timedelta(seconds=seconds) if seconds else None


def _show(duration: timedelta) -> str:
    return show_duration(duration.total_seconds())
