"""Judges the scenarios of features/cutover/ by the journal of a cut-over, and by what was observed after it. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from drills.cutover.model import DATA_ADVICE, State, address_changes
from drills.cutover.plan import title
from drills.cutover.show import show_instant
from drills.model.finding import CheckResult, NotChecked
from drills.plural import counted

NAME = "cut-over"
CLOSED, CONFIGURED, IDLE, BACK = (f"{NAME}: {what}" for what in ("closed", "configuration", "old instance", "undone"))
FIRST = "The service moves to the restored database with one interruption"  # the promise that NAME judges
_BROKEN = f'it was not reached: it hangs on the promise "{FIRST}", which did not hold'
_NOTHING = f'there was nothing to undo: the promise "{FIRST}" did not hold, and says why'
_ONE_OUTAGE = ["200", "503", "200"]


@dataclass(frozen=True, slots=True)
class RollbackObservation:
    """The state after a rollback: the names of both instances, and the answer of the address.

    `source` and `restored` are "" for an instance that is gone; `marker` is the text that the source's own data give.
    """

    source: str
    restored: str
    status: int
    body: str
    marker: str


def judge_move(state: State | None, why: str, openings: Sequence[str]) -> tuple[CheckResult, ...]:
    """Judge the move. `state` is None where nothing was begun, `why` says why it did not come to its end.

    What was not reached hangs on the first promise, which has the reason; the others name that promise and are not verified.
    `openings` are the ways in and out that the verification-only group has beside the drill's own.
    """
    judges: dict[str, Callable[[State], CheckResult | None]] = {
        NAME: _one_outage,
        CLOSED: lambda found: _closed(found, openings),
        CONFIGURED: _configured,
        IDLE: _idle,
    }
    results: list[CheckResult] = []
    for name, judge in judges.items():
        hangs = name != NAME and results[0].sentence == stop_sentence(state, why)
        not_reached = CheckResult(name, "not verified", _BROKEN) if hangs else _missed(name, stop_sentence(state, why))
        results.append((judge(state) if state else None) or not_reached)
    return tuple(results)


def is_rolled_back(state: State) -> bool:
    """Return whether a rollback has come to its end."""
    return state.mode == "back" and state.ended


def stop_sentence(state: State | None, why: str) -> str:
    """Return where and why a cut-over did not go on, in a sentence."""
    if state is None or not state.failed:
        return f"the cut-over was not carried out: {why}"
    return f"the cut-over stopped where it was to {title(state.begun, state.opening)}: {state.failed.removesuffix(DATA_ADVICE)}"


def _missed(name: str, sentence: str) -> CheckResult:
    return CheckResult(name, "missed", sentence, compared=1)


def _met(name: str, sentence: str, compared: int = 1) -> CheckResult:
    return CheckResult(name, "met", sentence, compared=compared)


def _one_outage(state: State) -> CheckResult | None:
    """Judge that the address answered 200, 503, 200, at the end with the restored data."""
    if "address-open" not in state.done:
        return None
    changes = address_changes(state.entries)
    answers = ", ".join(f"{answer} from {show_instant(at)}" for at, answer in changes)
    if [answer for _, answer in changes] != _ONE_OUTAGE:
        return _missed(NAME, f"expected the address to answer {', '.join(_ONE_OUTAGE)}, found {answers}")
    if not state.done["address-open"].get("marker_seen"):
        return CheckResult(
            NAME, "not verified", "it is not known whose data are served: set cutover.marker in drill.toml"
        )
    away = (changes[2][0] - changes[1][0]).total_seconds()
    return _met(NAME, f"away once, for {away:.1f} s, then with the restored data: {answers}", 3)


def _closed(state: State, openings: Sequence[str]) -> CheckResult | None:
    """Judge that nobody but the drill could write to the restored instance before it was opened."""
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
        return _missed(CLOSED, f"expected its data to be verified before it was opened at {show_instant(opened)}")
    return _met(
        CLOSED, f"it admitted the drill's host alone ({state.group}) until it was opened at {show_instant(opened)}"
    )


def _configured(state: State) -> CheckResult | None:
    """Judge the comparison, which stops the cut-over where a setting differs without a reason."""
    if "compare" not in state.done:
        return None
    found = state.done["compare"]
    compared, differences = int(found["compared"]), list(found["differences"])
    unread = list(found["not_compared"])
    if not compared:
        return CheckResult(CONFIGURED, "not verified", f"nothing was compared: {'; '.join(unread)}")
    sentence = f"{counted(compared, 'setting')} compared with those of {found['compared_with']}"
    sentence += f"; {len(differences)} with a reason or to review" if differences else ""
    sentence += f"; not compared: {'; '.join(unread)}" if unread else ""
    left = tuple(NotChecked(what, reason) for what, _, reason in (each.partition(": ") for each in unread))
    return dataclasses.replace(_met(CONFIGURED, sentence, compared), not_checked=left)


def _idle(state: State) -> CheckResult | None:
    """Judge that nobody is connected to the old instance once the service runs on the restored one."""
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


def judge_rollback(state: State | None, why: str, observed: RollbackObservation | None) -> CheckResult:
    """Judge that the old instance has its name again and is served, and that neither instance was deleted."""
    if state is None:
        return CheckResult(BACK, "not verified", _NOTHING)
    if not is_rolled_back(state) or observed is None:
        return _missed(BACK, f"the move was not undone: {stop_sentence(state, why)}")
    opening = state.opening
    wrong = _deviations(observed, opening.instance, {opening.aside} if state.restored_resource_id else {""})
    if wrong:
        return _missed(BACK, f"expected {opening.instance} back as it was, found {'; '.join(wrong)}")
    kept = f", and the restored one is kept as {observed.restored}" if observed.restored else ""
    return _met(BACK, f"{opening.instance} has its name again and is served{kept}", 3)


def _deviations(observed: RollbackObservation, instance: str, aside: Collection[str]) -> list[str]:
    wrong = []
    if observed.source != instance:
        wrong.append(
            f"the old instance under the name {observed.source}" if observed.source else "the old instance gone"
        )
    if observed.restored not in aside:
        wrong.append(
            f"the restored instance as {observed.restored}" if observed.restored else "the restored instance gone"
        )
    if observed.status != 200 or observed.marker not in observed.body:
        wrong.append(
            f"{observed.status or 'no answer'} at the address" + (" without its data" if observed.status == 200 else "")
        )
    return wrong
