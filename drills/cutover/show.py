"""Formats a cut-over for people, from its journal alone. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from drills.cutover import timing
from drills.cutover.model import OPEN_WRITES, Opening, State, address_changes
from drills.cutover.plan import calls, steps, title
from drills.history import wording
from drills.plural import counted

_READS = "beside these, it reads only"
_LISTS = {
    "accepted_sessions": "session that was accepted",
    "differences": "differs",
    "not_compared": "not compared",
    "acts_on_the_world": "acts on other systems",
    "warnings": "warning",
    "left_to_do": "left to do",
}
_VALUES = {
    "compared_with": "compared with",
    "renamed": "the source's name now",
    "address": "address",
    "aside": "the restored instance's name now",
    "latest_restorable_time": "LatestRestorableTime",
    "final_snapshot": "final snapshot",
    "old_idle": "sessions of the old instance",
    "switched_to": "the application was led to",
}


def show_instant(at: datetime) -> str:
    """Return an instant with its hundredths: phases of a rehearsal are short."""
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 10000:02} UTC"


def plan_lines(opening: Opening) -> Iterator[str]:
    """Yield the steps and calls that a cut-over would make."""
    chosen = opening.chosen
    data = f", data up to {show_instant(chosen.data_time)}" if chosen.data_time else ""
    what = chosen.snapshot_id or chosen.arn or "a moment"
    yield f"cut-over of {opening.instance} (target {opening.target}, profile {opening.profile})"
    yield f"  starting position: the source is {_POSITIONS[opening.position]}"
    yield f"  recovery point: {what} by {_WAYS[chosen.way]}{data}"
    yield f"  configuration: from {opening.wanted_from}"
    yield f"  services: {', '.join(f'{each.name} ({each.desired})' for each in opening.services)}"
    yield f"  the public address answers {opening.public_status or 'nothing'} now"
    yield ""
    for number, step in enumerate(steps(opening), 1):
        yield f"{number:3}. {step.title}"
        for call in calls(opening, step.key):
            yield f"       {call}"
    yield ""
    yield f"This was the plan: {_READS}, and nothing was changed."


_POSITIONS = {
    "healthy": "healthy, and its data are wrong",
    "stuck": "there, and cannot be modified",
    "gone": "gone",
}
_WAYS = {"snapshot": "RDS", "moment": "RDS, point-in-time", "job": "a restore job of AWS Backup"}


def situation(state: State) -> str:
    """Return where the service, the source and the restored instance are, in one line."""
    opening, done = state.opening, _steps_done(state)
    parts = [_service_now(state)]
    if opening.position == "healthy":
        back = state.mode == "back" and "rename-back" in state.done
        name = opening.renamed if "rename" in done and not back else opening.instance
        shut = "shut-off-source" in done and not (state.mode == "back" and "open-source" in state.done)
        parts.append(f"the source is called {name}" + (" and admits the drill host alone" if shut else ""))
    elif opening.position == "stuck":
        parts.append(f"the source {opening.instance} is as it was")
    else:
        parts.append("the source is gone")
    if "restore" in done:
        aside = state.mode == "back" and "move-aside" in state.done
        parts.append(f"the restored instance is called {opening.aside if aside else opening.restored}")
    elif state.begun == "restore":
        parts.append("the restore may have been asked for")
    else:
        parts.append("nothing is restored yet")
    opened = state.writes_opened_at
    parts.append(f"writes were opened at {show_instant(opened)}" if opened else "writes are not open")
    return "; ".join(parts)


def _steps_done(state: State) -> set[str]:
    return {each.step for each in state.entries if each.event == "done"}


def _service_now(state: State) -> str:
    """Return whether the services run, by the last step of the journal that has stopped or started them."""
    now = "the services are as they were"
    for each in state.entries:
        if each.step in ("stop-tasks", "stop-again"):
            now = {"begin": "the services are being stopped", "done": "the services are stopped"}.get(each.event, now)
        elif each.step == "start-tasks":
            now = {"begin": "the services are being started", "done": "the services run"}.get(each.event, now)
    return now


def given_options(
    *,
    config: str | None = None,
    profile: str | None = None,
    target: str | None = None,
    endpoint_url: str | None = None,
    confirm: str | None = None,
) -> tuple[str, ...]:
    """Return those options that were given, as words of a command line. Pure.

    What a person acknowledges for one command, such as --accept-sessions, is not among them.
    """
    options = {
        "--config": config,
        "--profile": profile,
        "--target": target,
        "--endpoint-url": endpoint_url,
        "--confirm": confirm,
    }
    return tuple(word for name, value in options.items() if value is not None for word in (name, value))


def next_command(action: str, cutover_id: str, given: Sequence[str] = (), *more: str) -> str:
    """Return `drills cutover ACTION ID` with what was given, for a shell. Pure."""
    return shlex.join(["drills", "cutover", action, cutover_id, *more, *given])


def next_commands(state: State, given: Sequence[str] = ()) -> list[str]:
    """Return the commands to type next: to resume, or to roll back; `given` are the options that were given."""
    resume = f"next: remove the cause, then: {next_command('resume', state.opening.id, given)}"
    return [resume] if state.mode == "back" else [resume, f"or back: {rollback_command(state, given)}"]


def rollback_command(state: State, given: Sequence[str] = ()) -> str:
    """Return the command that rolls back; where writes were opened, with the permission to lose what was written since."""
    opened = state.writes_opened_at
    discard = ("--discard-writes-since", f"{opened:%Y-%m-%dT%H:%M:%SZ}") if opened else ()
    return next_command("rollback", state.opening.id, given, *discard)


def report_lines(state: State) -> Iterator[str]:
    """Yield the report: who did what and when, the facts, and the answers of the public address."""
    opening = state.opening
    outcome = "not ended" if not state.ended else "rolled back" if state.mode == "back" else "done"
    yield f"cut-over {opening.id} of {opening.instance}: {outcome}"
    if opening.promised.simulated:
        yield f"  {wording.SIMULATED}"
    yield f"  now: {situation(state)}"
    yield f"  configuration: from {opening.wanted_from}"
    yield ""
    yield from _timeline(state)
    yield ""
    yield from timing.lines(timing.timing_of(state))
    yield ""
    yield from _fact_lines(state)
    yield f"the public address {opening.public_url} answered:"
    for at, answer in address_changes(state.entries):
        yield f"  {answer} from {show_instant(at)}"


def _timeline(state: State) -> Iterator[str]:
    began: dict[str, datetime] = {}
    who = ""
    for entry in state.entries:
        if entry.who != who:
            yield f"by {entry.who}:"
            who = entry.who
        if entry.event == "begin":
            began[entry.step] = entry.at
            if entry.step == OPEN_WRITES:
                yield f"  {show_instant(entry.at)}  writes opened"
        elif entry.event in ("done", "failed"):
            seconds = (entry.at - began.get(entry.step, entry.at)).total_seconds()
            sentence = f": {entry.facts['sentence']}" if entry.event == "failed" else ""
            yield f"  {show_instant(entry.at)}  {entry.event}: {title(entry.step, state.opening)} ({seconds:.1f} s){sentence}"
        else:
            yield f"  {show_instant(entry.at)}  {entry.event}"


def comparison_lines(state: State) -> Iterator[str]:
    """Yield the comparison with the old instance: what differs, and what could not be compared."""
    facts = state.facts
    if "compared" not in facts:
        yield f"not compared: {state.failed or 'the cut-over has not come that far'}"
        return
    yield f"{counted(facts['compared'], 'setting')} compared with {facts['compared_with']}"
    for name in ("differences", "not_compared"):
        for each in facts.get(name) or ():
            yield f"{_LISTS[name]}: {each}"


def _fact_lines(state: State) -> Iterator[str]:
    for name, label in _VALUES.items():
        if state.facts.get(name):
            yield f"{label}: {state.facts[name]}"
    for name, outcome in dict(state.facts.get("checks") or {}).items():
        yield f"check {name}: {outcome}"
    for name, label in _LISTS.items():
        for each in state.facts.get(name) or ():
            yield f"{label}: {each}"


def facts_json(state: State) -> dict[str, Any]:
    """Return the same as JSON."""
    opened = state.writes_opened_at
    return {
        "id": state.opening.id,
        "instance": state.opening.instance,
        "position": state.opening.position,
        "mode": state.mode,
        "ended": state.ended,
        "now": situation(state),
        "configuration_from": state.opening.wanted_from,
        "writes_opened_at": opened.isoformat() if opened else None,
        "simulated": state.opening.promised.simulated,
        "service": _service_facts(state),
        "facts": state.facts,
        "steps": [
            {"step": each.step, "event": each.event, "at": each.at.isoformat(), "who": each.who}
            for each in state.entries
        ],
        "public_address": [{"answer": answer, "from": at.isoformat()} for at, answer in address_changes(state.entries)],
    }


def _service_facts(state: State) -> dict[str, Any]:
    """Return when the service answered, the duration of the recovery, and of the outages."""
    found = timing.timing_of(state)
    return {
        "answers_at": found.answers_at.isoformat() if found.answers_at else None,
        "rta_seconds": found.rta.seconds,
        "rto": {"outcome": found.verdict.outcome, "sentence": found.verdict.sentence},
        "cut_over_seconds": found.cut_over_seconds,
        "away_seconds": timing.outage_seconds(found.outages),
        "away": [
            {"from": each.from_at.isoformat(), "to": each.to_at.isoformat() if each.to_at else None}
            for each in found.outages
        ],
    }
