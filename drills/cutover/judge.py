"""What the promises of features/cutover/ are judged by: the journal of a cut-over, and what was seen after it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from drills.cutover.model import State, door_of
from drills.cutover.plan import title
from drills.cutover.show import instant
from drills.model.finding import CheckResult

NAME = "cut-over"
CLOSED, CONFIGURED, IDLE, BACK = (f"{NAME}: {what}" for what in ("closed", "configuration", "old instance", "undone"))
_AWAY_ONCE = ["200", "503", "200"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was there after a rollback: the names of both instances, and what the address answered.

    `source` and `restored` are "" for an instance that is gone; `marker` is what the source's own data would show.
    """

    source: str
    restored: str
    status: int
    body: str
    marker: str


def moved(state: State | None, why: str, openings: Sequence[str]) -> tuple[CheckResult, ...]:
    """The promises about the move. `state` is None where nothing was begun, `why` says why it did not come to its end.

    `openings` are the ways in and out that the verification-only group has beside the drill's own.
    """
    judges: dict[str, Callable[[State], CheckResult | None]] = {
        NAME: _away_once,
        CLOSED: lambda found: _closed(found, openings),
        CONFIGURED: _configured,
        IDLE: _idle,
    }
    return tuple(
        (judge(state) if state else None) or _missed(name, stopped(state, why)) for name, judge in judges.items()
    )


def is_undone(state: State) -> bool:
    """Whether a rollback has come to its end."""
    return state.mode == "back" and state.ended


def stopped(state: State | None, why: str) -> str:
    """Where and why a cut-over did not go on, in a sentence."""
    if state is None or not state.failed:
        return f"the cut-over was not carried out: {why}"
    return f"the cut-over stopped where it was to {title(state.begun, state.opening)}: {state.failed}"


def _missed(name: str, sentence: str) -> CheckResult:
    return CheckResult(name, "missed", sentence, compared=1)


def _met(name: str, sentence: str, compared: int = 1) -> CheckResult:
    return CheckResult(name, "met", sentence, compared=compared)


def _away_once(state: State) -> CheckResult | None:
    """200, 503, 200, with the restored data in what is answered at the end."""
    if "address-open" not in state.done:
        return None
    changes = door_of(state.entries)
    told = ", ".join(f"{answer} from {instant(at)}" for at, answer in changes)
    if [answer for _, answer in changes] != _AWAY_ONCE:
        return _missed(NAME, f"expected the address to answer {', '.join(_AWAY_ONCE)}, found {told}")
    if not state.done["address-open"].get("marker_seen"):
        return CheckResult(NAME, "not verified", "whose data are served is not told: set cutover.marker in drill.toml")
    away = (changes[2][0] - changes[1][0]).total_seconds()
    return _met(NAME, f"away once, for {away:.1f} s, then with the restored data: {told}", 3)


def _closed(state: State, openings: Sequence[str]) -> CheckResult | None:
    """Whoever but the drill could have written to it before it was opened."""
    if "restore" not in state.done:
        return None
    admitted = state.facts.get("admits_while_verified")
    if openings:
        return _missed(CLOSED, f"expected its verification group to be shut, found {'; '.join(openings)}")
    if admitted is not None and admitted != [state.group]:
        return _missed(CLOSED, f"expected it to admit {state.group} alone until it is opened, found {admitted}")
    opened = state.writes_opened_at
    if opened is None:
        return _met(CLOSED, f"it admits the drill's host alone ({state.group}), and was never opened")
    before = [each for each in state.entries if each.event == "done" and each.step == "verify" and each.at <= opened]
    if not before:
        return _missed(CLOSED, f"expected its data to be verified before it was opened at {instant(opened)}")
    return _met(CLOSED, f"it admitted the drill's host alone ({state.group}) until it was opened at {instant(opened)}")


def _configured(state: State) -> CheckResult | None:
    """The comparison, which has stopped the cut-over where a setting differs without a reason."""
    if "compare" not in state.done:
        return None
    found = state.done["compare"]
    compared, differences = int(found["compared"]), list(found["differences"])
    unread = list(found["not_compared"])
    if not compared:
        return CheckResult(CONFIGURED, "not verified", f"nothing was compared: {'; '.join(unread)}")
    sentence = f"{compared} settings compared with those of {found['compared_with']}"
    sentence += f"; {len(differences)} with a reason or to look at" if differences else ""
    sentence += f"; not compared: {'; '.join(unread)}" if unread else ""
    return _met(CONFIGURED, sentence, compared)


def _idle(state: State) -> CheckResult | None:
    """Who is connected to the old instance once the service runs on the restored one."""
    if state.opening.position == "healthy" and "old-idle" not in state.done:
        return None
    found = state.done.get("old-idle", {})
    if found.get("old_idle") or not state.opening.renamed:
        return CheckResult(IDLE, "not verified", str(found.get("old_idle") or "there is no old instance to ask"))
    connected = list(found.get("accepted_sessions") or ())
    if connected:
        return _missed(
            IDLE, f"expected nobody to be connected to {state.opening.renamed}, found {'; '.join(connected)}"
        )
    return _met(IDLE, f"nobody is connected to {state.opening.renamed}")


def undone(state: State | None, why: str, seen: Seen | None) -> CheckResult:
    """The old instance has its name again and is served, and neither instance was deleted."""
    if state is None:
        return CheckResult(BACK, "not verified", f"there was nothing to undo: {why}")
    if not is_undone(state) or seen is None:
        return _missed(BACK, f"the move was not undone: {stopped(state, why)}")
    opening = state.opening
    wrong = _after(seen, opening.instance, {opening.aside} if state.restored_resource_id else {""})
    if wrong:
        return _missed(BACK, f"expected {opening.instance} back as it was, found {'; '.join(wrong)}")
    kept = f", and the restored one is kept as {seen.restored}" if seen.restored else ""
    return _met(BACK, f"{opening.instance} has its name again and is served{kept}", 3)


def _after(seen: Seen, instance: str, aside: Collection[str]) -> list[str]:
    wrong = []
    if seen.source != instance:
        wrong.append(f"the old instance under the name {seen.source}" if seen.source else "the old instance gone")
    if seen.restored not in aside:
        wrong.append(f"the restored instance as {seen.restored}" if seen.restored else "the restored instance gone")
    if seen.status != 200 or seen.marker not in seen.body:
        wrong.append(
            f"{seen.status or 'no answer'} at the address" + (" without its data" if seen.status == 200 else "")
        )
    return wrong
