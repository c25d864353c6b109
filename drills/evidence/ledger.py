"""The ledger of a chain: its runs by number, with what became of them, and whether the last success is young enough. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from drills.durations import parse_duration, show_duration, write_duration
from drills.errors import COULD_NOT_RUN, VERIFICATION_FAILED
from drills.evidence.chain import Chain, Sealed, Started, sequence_of
from drills.evidence.check import Problem
from drills.evidence.start import chain_name, parse_name
from drills.history.line import became, line_of, says_validations_are_drills, why_no_drill, why_not_counted
from drills.history.store import NOT_ADDED
from drills.history.trend import grace_seconds
from drills.history.wording import runs
from drills.model.history import HistoryLine
from drills.model.incident import TRIGGER as INCIDENT
from drills.model.record import RunRecord

AHEAD = timedelta(minutes=5)  # that two machines' clocks may differ
UNSIGNED = "and is not signed: anybody can have made what is from before there was a key"
SHOWN = 3  # of several things in a sentence; `drills evidence verify` has all problems


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One number of a chain. `outcome` is the run's, or "aborted", "running", "no result", "no start" and "gap".

    `to` is the last number of a gap, else the number itself. `kind` is what the run was: a validation is that of a restore test.
    `bundle` is the digest of SHA256SUMS.
    """

    sequence: int
    to: int
    run_id: str = ""
    started_at: datetime | None = None
    outcome: str = "gap"
    kind: Literal["drill", "validation", "incident"] = "drill"
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
    reviews = [(each.record, "" if each.signed else ", not signed") for each in chain.reviews]
    return LedgerLine(
        sequence,
        sequence,
        run.run_id,
        run.started_at,
        _outcome(run) if started else "no start",
        "incident" if run.incident else "validation" if run.restore_test else "drill",
        why_no_drill(run),
        run.evidence.level if run.evidence else "",
        line.rta_seconds,
        line.rpa_seconds,
        tuple(
            f"{each.verdict} by {each.reviewer} ({each.role}){sign}"
            for each, sign in reviews
            if each.sequence == sequence
        ),
        bundle.digest,
    )


def _outcome(run: RunRecord) -> str:
    return "aborted" if run.interrupted_by else became(run)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Which runs the history and the chain of their target do not both know, as sentences.

    `wrong` are alarms, `stated` what somebody has explained or nobody can know.
    """

    wrong: tuple[str, ...] = ()
    stated: tuple[str, ...] = ()


def against_history(
    chain: Chain,
    history: Sequence[HistoryLine],
    begins_with: Collection[str] = (),
    *,
    shared: bool = False,
    later: Callable[[], Sequence[HistoryLine]] = tuple,
) -> Disagreement:
    """Compare a chain with the history, which counts runs whether or not they have an entry.

    The history was read before the chain. A run is added to it before it is sealed: of one that ended between the two it is only
    known `later`, which reads the history again.

    A run of the history that has none was removed, or lies in another chain: the numbers over time count it, and nothing shows it.
    Where the first entry's run is named in `begins_with`, the runs before it are explained. A bundle whose run was added to the
    history and is not in it was removed there, unless it is older than the history, or `shared`: other machines add to the chain.
    """
    lines = [each for each in history if chain_name(each.key.profile, each.key.target) == chain.name]
    if not lines:
        return Disagreement()
    known = {parsed[1] for name in chain.names() if (parsed := parse_name(name))}
    lost = [each for each in lines if each.run_id not in known]
    first = chain.starts[0].record if chain.starts else None
    before = [each for each in lost if first and each.started_at < first.started_at]
    wrong, stated = [], []
    if first and before and first.run_id in begins_with:
        stated.append(
            f"{_runs(before)} in the history from before the chain was begun anew with {first.run_id}, as begins_with of "
            "[evidence] says: this chain has no evidence of them"
        )
        lost = [each for each in lost if each not in before]
    if lost:
        remedy = (
            f', or begins_with = ["{first.run_id}"] in [evidence] where it was begun anew'
            if lost == before and first
            else ""
        )
        wrong.append(
            f"expected an entry for each run of the target that the history has, found none of {_runs(lost)}: they were removed, "
            f"or stand in another copy or the store: fetch them{remedy}"
        )
    untold = _untold(chain, lines, later)
    if untold and shared:
        stated.append(
            f"{_runs(untold)} of the chain that the history of this machine does not have: other machines have their own"
        )
    elif untold:
        wrong.append(
            f"expected each run of the chain in the history, to which it was added, found none of {_runs(untold)}: the numbers "
            "over time leave them out; take the history from another copy"
        )
    return Disagreement(tuple(wrong), tuple(stated))


def _untold(
    chain: Chain, lines: Sequence[HistoryLine], later: Callable[[], Sequence[HistoryLine]]
) -> Sequence[HistoryLine]:
    """Return the runs of the chain that were added to the history, are not older than it, and are not in it."""
    oldest, told = lines[0].started_at, {each.run_id for each in lines}
    added = [each.record for each in chain.bundles if _was_added(each.record) and each.record.started_at >= oldest]
    if not told.issuperset(each.run_id for each in added):
        told |= {each.run_id for each in later()}
    return [line_of(each) for each in added if each.run_id not in told]


def _was_added(record: RunRecord) -> bool:
    return record.history is not None and not any(each.startswith(NOT_ADDED) for each in record.history.problems)


def runs_without_entry(chain: str, entries: Collection[str], counted: Sequence[str]) -> str:
    """Return a sentence on the runs that the numbers over time count and that have no entry in the chain; "" where all have one."""
    without = [each for each in counted if each not in entries]
    if not without:
        return ""
    more = f" and {len(without) - SHOWN} more" if len(without) > SHOWN else ""
    return (
        f"{len(without)} of the {len(counted)} runs that are counted over time have no entry in the chain {chain}, so that nothing "
        f"shows them: {', '.join(without[-SHOWN:])}{more}"
    )


def chains_of(history: Sequence[HistoryLine]) -> Mapping[str, tuple[str, str, int]]:
    """Return profile, target and number of runs of each chain that the history has runs of, by the chain's name."""
    counted = Counter((each.key.profile, each.key.target) for each in history if each.key.target)
    return {chain_name(*names): (*names, count) for names, count in counted.items()}


def _runs(lines: Sequence[HistoryLine]) -> str:
    """Say how many runs, and name the newest of them."""
    named = [f"{each.run_id} ({each.outcome})" for each in reversed(lines)]
    return f"{runs(len(lines))} ({first_few(named, ', ')})"


def last_success(chain: Chain, now: datetime) -> datetime | None:
    """Return when the last run that passed and counts as a drill had ended; one in the future is none."""
    last = _last_ended((each.record for each in chain.bundles if _is_success(each.record)), now)
    return _end(last) if last else None


def _is_success(record: RunRecord) -> bool:
    return record.code == 0 and not why_no_drill(record)


def _end(record: RunRecord) -> datetime:
    return record.ended_at or record.started_at


def _last_ended(records: Iterable[RunRecord], now: datetime) -> RunRecord | None:
    """Return the run that ended last, whatever number it has; one in the future has not."""
    return max((each for each in records if _end(each) <= now + AHEAD), key=_end, default=None)


def _last_validation(chain: Chain, now: datetime) -> str:
    """Return the last restore test that passed and is no drill, as the end of a sentence; "" where there is none."""
    passed = [each.record for each in chain.bundles if each.record.code == 0 and each.record.restore_test]
    last = _last_ended((each for each in passed if why_no_drill(each) and not why_not_counted(each)), now)
    return f"; a restore test was validated {_show(now - _end(last))} ago, and {why_no_drill(last)}" if last else ""


def alarms(
    chain: Chain,
    problems: Sequence[Problem],
    now: datetime,
    max_age: timedelta,
    drill_every: timedelta | None,
    unsigned: Sequence[Sealed] = (),
) -> Iterator[Alarm]:
    """Yield why the chain does not show that drills go on; nothing where it does.

    `drill_every` is how often a drill was declared to be due, to which a grace is added: a run that counts as a drill, or one
    that runs now, has come. The validation of a restore test is none, unless its drill.toml said so. `unsigned` are the results
    that were left out of the chain, since a key is asked for and they have no signature.
    """
    if problems:
        told = [f"{each.sentence}; {each.operator}".removesuffix("; ") for each in problems]
        yield Alarm(VERIFICATION_FAILED, f"{chain.name} does not verify: {first_few(told)}")
    success, beside = last_success(chain, now), _last_validation(chain, now)
    if success is None:
        yield Alarm(
            COULD_NOT_RUN, f"{chain.name}: expected a drill that passed, found none{_unsigned(unsigned, now)}{beside}"
        )
    elif now - success > max_age:
        age, limit = _show(now - success), exactly(max_age)
        yield Alarm(
            COULD_NOT_RUN, f"{chain.name}: expected a success at most {limit} old, found the last one {age} ago{beside}"
        )
    last = last_drill(chain, now)
    if drill_every and (last is None or now - last > drill_every + _grace(drill_every)):
        none = "none came that is signed" if unsigned else "none came"
        found = none if last is None else f"the last one began {_show(now - last)} ago"
        yield Alarm(COULD_NOT_RUN, f"{chain.name}: expected a drill every {exactly(drill_every)}, found that {found}")


def _unsigned(bundles: Sequence[Sealed], now: datetime) -> str:
    """Say of the last unsigned drill that passed why it is no success, as the end of a sentence; "" where there is none."""
    last = _last_ended((each.record for each in bundles if _is_success(each.record)), now)
    return f" that is signed: {last.run_id} passed {_show(now - _end(last))} ago, {UNSIGNED}" if last else ""


def last_drill(chain: Chain, now: datetime) -> datetime | None:
    """Return when the last drill began that counts, whatever its verdict, or that runs now."""
    judged = [each.record.started_at for each in chain.bundles if not why_no_drill(each.record)]
    running = [each.record.started_at for each in chain.starts if each.running and _announces_drill(each)]
    return max((each for each in (*judged, *running) if each <= now + AHEAD), default=None)


def _announces_drill(started: Started) -> bool:
    """Return whether a run that goes on is a drill: a validation and the restore of an incident announce no scenarios."""
    if started.record.trigger == INCIDENT:
        return False
    return bool(started.record.expected) or says_validations_are_drills(started.record.settings)


def _grace(every: timedelta) -> timedelta:
    return timedelta(seconds=grace_seconds(every.total_seconds()))


def declared_interval(chain: Chain) -> timedelta | None:
    """Return how often a drill was due by the newest start record, None where that says nothing."""
    seconds = chain.starts[-1].record.drill_every_seconds if chain.starts else None
    return timedelta(seconds=seconds) if seconds else None


def first_few(texts: Sequence[str], between: str = "; ") -> str:
    """Return the first of some texts, and how many more there are: "a; b; c and 2 more"."""
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return f"{between.join(texts[:SHOWN])}{more}"


def exactly(limit: timedelta) -> str:
    """Return a limit as short text that says no less than was given: "35 d", "1ms"."""
    shown = _show(limit)
    return shown if parse_duration(shown) == limit else write_duration(limit)


def _show(duration: timedelta) -> str:
    return show_duration(duration.total_seconds())
