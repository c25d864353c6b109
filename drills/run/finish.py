"""The end of a run, whatever happened before: what is left in AWS is removed, the record is closed.

`python -m drills.run.finish clean FOLDER` runs while the local AWS still answers; `python -m drills.run.finish close FOLDER`
runs when everything else has ended. Both are started by the supervisor, also after a signal.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drills import errors
from drills.aws.cleanup import removal_command
from drills.aws.scratch import mark_gone, remaining_resources
from drills.errors import DrillError
from drills.files import write_atomically
from drills.history import coverage, forecasts
from drills.history import line as history
from drills.history import store as history_file
from drills.model.forecast import ScoredForecast
from drills.model.history import Trend
from drills.model.instance import WITH_SANDBOX, ResourceState
from drills.model.record import RunRecord
from drills.objectives import verdicts
from drills.record import Journal
from drills.recovery.restore import remove_resources
from drills.redaction import clean_error
from drills.run import completeness, context, cutover, price, raw
from drills.run.plan import CONTEXT_NAME, Outcome, read_outcome

# one object a call: at, service, region, operation, parameters, status, error, seconds, fault, answer; `same_as` instead
# of an answer is the position, from 0, of the call that was answered the same
CALLS_NAME = "calls.json"
UNWRITTEN = errors.COULD_NOT_RUN  # status of the clean-up: nothing is left, and the record does not say so


def main(arguments: Sequence[str]) -> int:
    """Carry out one half of the end."""
    what, folder = arguments[0], Path(arguments[1])
    journal = Journal.open(folder)
    try:
        if what == "clean":
            return clean(folder, journal)
        close(folder, journal)
    except Exception as error:
        clean_error(error)  # the traceback stands in a log of the run
        raise
    return 0


def clean(folder: Path, journal: Journal) -> int:
    """Remove what the record still names; in the sandbox as on AWS, so that the way out is always exercised.

    Return 0; where what became of it could not be written down LEFT_BEHIND, or UNWRITTEN when nothing is left.
    """
    journal.go_on()
    _clean(folder, journal)
    if journal.missed:
        journal.append("notes", f"not all of the clean-up could be written down: {journal.missed}")
    if not journal.behind:
        return 0
    return errors.LEFT_BEHIND if remaining_resources(journal.record.resources) else UNWRITTEN


def _clean(folder: Path, journal: Journal) -> None:
    outcome = read_outcome(folder)
    _note_error(journal, outcome)
    if outcome.died:
        _note_gone_with_sandbox(journal)
        return
    try:
        if context.local_aws_of(folder) is None and (folder / cutover.FOLDER).is_dir():
            _put_back(folder, journal)
        if remaining_resources(journal.record.resources):
            _remove(folder, journal)
    finally:
        _keep_calls(folder, journal)


def _put_back(folder: Path, journal: Journal) -> None:
    """Lead a service back that the run has moved, whatever ended the run; the sandbox's own ends with it."""
    try:
        cutover.open_cutover(folder, journal).undo_at_end()
    except (DrillError, ClientError, BotoCoreError, OSError) as error:
        sentence = (
            f"expected to lead the service back, found: {' '.join(str(error).split())}: {cutover.command_back(folder)}"
        )
        journal.failure(sentence, errors.LEFT_BEHIND)


def _remove(folder: Path, journal: Journal) -> None:
    journal.enter("clean up", note="what the drill itself had not removed")
    try:
        left = remove_resources(context.open_setup(folder, journal, "clean"))
    except (DrillError, ClientError, BotoCoreError, OSError) as error:
        if context.local_aws_of(folder) is None:
            remaining = remaining_resources(journal.record.resources)
            names = "; ".join(f"{each.kind} {each.id}, {removal_command(each)}" for each in remaining)
            sentence = (
                f"expected to remove what the run made, found: {' '.join(str(error).split())}: drills sweep removes it when its "
                f"time is over; to remove it now: {names}"
            )
            journal.failure(sentence, errors.LEFT_BEHIND)
            return
        _note_gone_with_sandbox(journal)
        return
    if left:
        each = "; ".join(f"{resource.kind} {resource.id}, {resource.note}" for resource in left)
        journal.failure(f"expected nothing that the run made to be left, found {len(left)}: {each}", errors.LEFT_BEHIND)


def _note_gone_with_sandbox(journal: Journal, *states: ResourceState) -> None:
    """Mark as gone what was made in a sandbox that has ended; what it left on this machine is swept by the supervisor.

    `states` are those of the resources that are meant, of every one where none is given.
    """
    for resource in journal.record.resources:
        if resource.state == "gone" or (states and resource.state not in states):
            continue
        journal.resource(dataclasses.replace(mark_gone(resource, journal.clock), note=WITH_SANDBOX))


def note_removed(journal: Journal) -> None:
    """Mark as gone what a clean-up has removed that could not write it down."""
    for resource in remaining_resources(journal.record.resources):
        note = "seen to be gone by a clean-up that could not write down when"
        journal.resource(dataclasses.replace(resource, state="gone", note=note))


def _note_error(journal: Journal, outcome: Outcome) -> None:
    """Record the error that the supervisor has noted, once."""
    sentence = " ".join(outcome.error.split())
    if sentence and all(failure.sentence != sentence for failure in journal.record.failures):
        journal.failure(sentence, outcome.exit_code or errors.COULD_NOT_RUN)


def _keep_calls(folder: Path, journal: Journal) -> None:
    """Keep the sandbox's log of the run's AWS calls, whose secrets it has redacted; it ends with the sandbox."""
    if context.local_aws_of(folder) is None:
        return
    try:
        calls = context.open_control(folder).calls()
        write_atomically(folder / CALLS_NAME, json.dumps(without_repeated_answers(calls), indent=1) + "\n")
    except (DrillError, OSError) as error:
        journal.append("notes", f"the log of the AWS calls could not be kept: {error}")


def without_repeated_answers(calls: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the calls without repeated answers, which a poller gets again and again."""
    first: dict[str, int] = {}
    found = []
    for position, call in enumerate(calls):
        again = first.setdefault(json.dumps([call["operation"], call.get("answer")], sort_keys=True), position)
        kept = {key: value for key, value in call.items() if again == position or key != "answer"}
        found.append(kept if again == position else kept | {"same_as": again})
    return found


def close(folder: Path, journal: Journal) -> None:
    """Note how pytest ended and what the supervisor could not end, judge, and end the record."""
    outcome = read_outcome(folder)
    _note_error(journal, outcome)
    if outcome.statuses.get("clean") == UNWRITTEN:
        note_removed(journal)
    if outcome.left:
        left = ", ".join(outcome.left)
        journal.failure(f"expected nothing of the run to be left on this machine, found {left}", errors.LEFT_BEHIND)
    if context.local_aws_of(folder) is not None:
        _note_gone_with_sandbox(journal, "in use", "kept")
    if outcome.interrupted_by and not journal.record.interrupted_by:
        journal.interrupt(outcome.interrupted_by)
    status = outcome.statuses.get("features")
    journal.update(pytest_status=status)
    _note_nothing_run(journal, status)
    completeness.count(journal, status)
    _note_unexplained_ends(journal, outcome)
    if verdicts.exit_codes(journal.record) == (0,):
        completeness.count_verdicts(journal)
    codes = verdicts.exit_codes(journal.record)
    journal.end()
    journal.update(forecast=_score_forecast(folder, journal.record), price=price.at_end(journal.record))
    judged = dataclasses.replace(journal.record, code=codes[0], all_codes=codes)
    held = verdicts.hold_until_reported(journal.record, codes)
    trend = _add_to_history(folder, journal, judged)
    journal.update(code=held.code, all_codes=held.all_codes, failures=held.failures, history=trend)
    write_raw(folder, journal)
    with contextlib.suppress(OSError):
        (folder / CONTEXT_NAME).unlink()


def end_of_one(journal: Journal) -> None:
    """End the record of a command that checks one copy and is no run, with what it has noted and its exit codes."""
    write_raw(journal.folder, journal)
    codes = verdicts.exit_codes(journal.record)
    journal.end()
    held = verdicts.hold_until_reported(journal.record, codes)
    journal.update(code=held.code, all_codes=held.all_codes, failures=held.failures)


def write_raw(folder: Path, journal: Journal) -> None:
    """Write down what the run has noted for its evidence; what cannot be written does not end the run."""
    journal.update(aws_calls=raw.count_calls(folder))
    try:
        raw.write(folder)
    except OSError as error:
        journal.append("notes", f"what the run noted for its evidence could not be written: {error.strerror}")
        return
    for name in raw.NOTED:
        (folder / name).unlink(missing_ok=True)


def _score_forecast(folder: Path, record: RunRecord) -> ScoredForecast | None:
    """Return how the newest forecast of preflight before the run came true; None where no history is kept."""
    try:
        kept = context.read(folder).history
    except (DrillError, OSError):
        return None
    return forecasts.score(record, forecasts.read(forecasts.file_beside(Path(kept)))) if kept else None


def _add_to_history(folder: Path, journal: Journal, judged: RunRecord) -> Trend | None:
    """Return the run added to the history, and the trend that it is part of; None where none is kept, or the run was refused."""
    if judged.code == errors.USAGE:
        return None
    try:
        choices = context.read(folder)
        every = choices.effective().target.drill_every if choices.history else None
    except (DrillError, OSError):
        return None  # the error of the configuration was reported when the run began
    if not choices.history:
        return None
    line = history.line_of(judged, every.total_seconds() if every else None)
    if problem := coverage.keep(Path(choices.history), judged, journal.clock):
        journal.append("notes", problem)
    return history_file.add(Path(choices.history), line, journal.clock)


def _note_nothing_run(journal: Journal, status: int | None) -> None:
    if status is not None and not journal.record.promises and not journal.record.interrupted_by:
        sentence = (
            f"nothing was run: expected the features, found that pytest {_how('features', status)}: see features.log"
        )
        journal.failure(sentence, errors.COULD_NOT_RUN)


def _note_unexplained_ends(journal: Journal, outcome: Outcome) -> None:
    """Record a failure for each command that ended badly without one: no exit code goes unexplained."""
    if journal.record.interrupted_by:
        return
    features, clean = outcome.statuses.get("features"), outcome.statuses.get("clean")
    if clean and not outcome.died:
        code = errors.LEFT_BEHIND if remaining_resources(journal.record.resources) else errors.COULD_NOT_RUN
        unwritten = clean in (UNWRITTEN, errors.LEFT_BEHIND)
        found = "it could not be: make room on the disk" if unwritten else f"it {_how('clean', clean)}: see clean.log"
        expected = "what the clean-up has removed to be written down" if unwritten else "the clean-up to end well"
        journal.failure(f"expected {expected}, found that {found}", code)
    if features not in (None, 0, 1) and journal.record.promises and not outcome.error:
        sentence = f"expected pytest to run all features, found that it {_how('features', features)}: see features.log"
        journal.failure(sentence, errors.COULD_NOT_RUN)
    for name in ("stage", "guard"):
        status = outcome.statuses.get(name)
        if status and not journal.record.failures:
            sentence = f"expected the run's {name} to end well, found that it {_how(name, status)}: see {name}.log"
            journal.failure(sentence, errors.COULD_NOT_RUN)


# pytest documentation, "Exit codes"
_PYTEST = {2: "was interrupted", 3: "met an error of its own", 4: "did not take its arguments", 5: "found no scenario"}


def _how(name: str, status: int) -> str:
    """Return how a command ended: by which signal, or with which status."""
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with {status}" + (f" (it {_PYTEST[status]})" if name == "features" and status in _PYTEST else "")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
