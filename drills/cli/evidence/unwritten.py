"""The end of a run whose record and reports cannot be written: what is known is judged and shown, from memory alone."""

from __future__ import annotations

from pathlib import Path

from drills.errors import COULD_NOT_RUN, LEFT_BEHIND
from drills.model.record import RunRecord
from drills.objectives import verdicts
from drills.record import Journal
from drills.run.plan import Outcome


def judge(folder: Path, outcome: Outcome, error: OSError) -> RunRecord:
    """Return the record on disk, judged, with the failure that it could not be written; nothing is written."""
    from drills.run import finish  # loads boto3, as below

    journal = Journal.open(folder)
    journal.go_on()
    if outcome.statuses.get("clean") == finish.UNWRITTEN:
        finish.note_removed(journal)
    left = any(each.is_left for each in journal.record.resources)
    sentence = (
        f"expected to write the record and the reports of the run, found: {error.strerror or error}: make room, then "
        f"drills evidence seal {folder}"
    )
    journal.failure(sentence, LEFT_BEHIND if left else COULD_NOT_RUN)
    journal.end()
    codes = verdicts.exit_codes(journal.record)
    journal.update(code=codes[0], all_codes=codes)
    return journal.record


def lines_of(record: RunRecord) -> tuple[str, ...]:
    """Return a line for each thing that was not seen to be gone, with the command that removes it, in the order of removal.

    One line says that there is none, where the run made something.
    """
    from drills.aws.cleanup import removal_command
    from drills.aws.scratch import remaining_resources

    remaining = remaining_resources(record.resources)
    if record.resources and not remaining:
        return ("all that the run made was seen to be gone",)
    return tuple(f"not seen to be gone: {each.kind} {each.id}: {removal_command(each)}" for each in remaining)
