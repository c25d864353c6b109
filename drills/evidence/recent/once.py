"""That a target is drilled once in a period, however often a scheduler fires. Pure: the chain was read before.

What counts is in the chain. The period of a run is that of the instant at which it began, in a time zone that is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from drills.config.counted import differences
from drills.errors import LEFT_BEHIND, NOT_SEALED, OBJECTIVE_MISSED, VERIFICATION_FAILED
from drills.evidence.chain import Chain, Sealed, Started
from drills.evidence.start import parse_name
from drills.history.line import became, why_no_drill
from drills.model.period import Period
from drills.model.record import Setting

# A run with one of these says something of the recovery; one that could not run (12) is made again.
DONE = frozenset({0, OBJECTIVE_MISSED, VERIFICATION_FAILED, LEFT_BEHIND, NOT_SEALED})
_NAMED = re.compile(r"target .+ is drilled once in .+: run (\S+) \(number \d+ of (\S+)\) (.+)")
_GOES_ON = "goes on, or ended on another machine a short while ago"
_BEGAN = re.compile(r"\d{8}-\d{6}")


class AlreadyDrilled(Exception):
    """The period has its drill: one sentence with the run that counts, and the code that it ended with; 0 while it goes on.

    No fault: the run that was asked for is not begun.
    """

    def __init__(self, sentence: str, code: int = 0) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class Once:
    """A run that is made only where its period has none. `limit_seconds` is how long a run may take that nobody hears of."""

    period: Period
    now: datetime
    limit_seconds: float

    def refuse(self, chain: Chain, settings: Sequence[Setting]) -> None:
        """Raise AlreadyDrilled where the chain has a run by the same configuration that counts, or that goes on."""
        for drilled in self.counting(chain, settings):
            raise drilled

    def may_hold(self, name: str) -> bool:
        """Return whether the entry of that name may be of the period: the id of a run begins with the instant, in UTC."""
        run = (parse_name(name) or (0, ""))[1]
        if not _BEGAN.match(run):
            return True
        try:
            return self.period.holds(datetime.strptime(run[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC))
        except ValueError:
            return True

    def counting(self, chain: Chain, settings: Sequence[Setting]) -> Iterator[AlreadyDrilled]:
        """Yield what is to be said of each run that counts, the newest first."""
        bundles = {each.name: each for each in chain.bundles}
        for started in reversed(chain.starts):
            record, bundle = started.record, bundles.get(started.name)
            if not self.period.holds(record.started_at) or differences(settings, record.settings):
                continue
            if bundle and _is_done(bundle):
                ended = f"ended with: {became(bundle.record)}"
                yield AlreadyDrilled(self._sentence(started, ended), bundle.record.code or 0)
            elif bundle is None and self._goes_on(started):
                yield AlreadyDrilled(self._sentence(started, _GOES_ON))

    def _goes_on(self, started: Started) -> bool:
        if any(each.name == "--damage" for each in started.record.settings):
            return False  # it counts nowhere
        age = (self.now - started.record.started_at).total_seconds()
        return started.running or age <= self.limit_seconds

    def _sentence(self, started: Started, became: str) -> str:
        record = started.record
        return (
            f"target {record.target} is drilled once in {self.period.name}: run {record.run_id} (number {record.sequence} of "
            f"{record.chain}) {became}, so that no other is begun; leave --once-per out to drill all the same"
        )


def _is_done(bundle: Sealed) -> bool:
    return bundle.record.code in DONE and not why_no_drill(bundle.record)


def run_named_in(sentence: str) -> tuple[str, str]:
    """Return the chain and the run that the sentence of AlreadyDrilled names; two empty strings for another sentence."""
    found = _NAMED.fullmatch(sentence)
    return (found[2], found[1]) if found else ("", "")


def says_it_goes_on(sentence: str) -> bool:
    """Return whether the sentence of AlreadyDrilled is of a run that has no verdict yet."""
    found = _NAMED.fullmatch(sentence)
    return bool(found and found[3].startswith(_GOES_ON))
