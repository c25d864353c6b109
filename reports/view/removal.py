"""What became of the things that the run made in AWS, in words. Pure.

What a run had in the sandbox when that ended was not seen to go: it is told apart from what AWS no longer listed.
"""

from __future__ import annotations

from drills.model.instance import COPIES, WITH_SANDBOX, Resource, in_order_of_removal
from drills.model.record import RunRecord
from reports import words

CLEAN_UP = "clean up"  # the phase


def clean_up_lines(record: RunRecord) -> tuple[str, str]:
    """How long removing took by itself, and how long the phase was that it is a part of; "" for what is not known."""
    phase = sum(each.seconds or 0.0 for each in record.phases if each.name == CLEAN_UP)
    whole = f"{words.seconds_or(phase)}: the removal, and the end of the processes of the run" if phase else ""
    return words.seconds_or(record.clean_up_seconds or None, "not recorded"), whole


def still_there(record: RunRecord) -> list[str]:
    """Names of what the run made, or meant to make, and has not seen gone, without what is kept on purpose."""
    return [f"{each.kind} {each.id}" for each in in_order_of_removal(record.resources) if each.is_left]


def kept(record: RunRecord) -> list[str]:
    """Names of what a cut-over or an incident has left on purpose; its note says what to type to remove it."""
    return [f"{each.kind} {each.id}" for each in record.resources if each.state == "kept"]


def kept_lines(record: RunRecord) -> list[str]:
    """A sentence for each thing that is kept on purpose, with its command."""
    return [f"kept: {each.kind} {each.id}: {each.note}" for each in record.resources if each.state == "kept"]


def went_with_sandbox(resource: Resource) -> bool:
    """Whether the thing ended with its sandbox, so that nobody asked AWS for it again."""
    return resource.state == "gone" and resource.note == WITH_SANDBOX


def gone_counts(record: RunRecord) -> str:
    """How many things were seen to be gone, and how many went with the sandbox; "" where none is gone."""
    gone = [each for each in record.resources if each.state == "gone"]
    ended = sum(map(went_with_sandbox, gone))
    parts = [
        f"{len(gone) - ended} seen to be gone" if len(gone) > ended else "",
        f"{ended} {WITH_SANDBOX}" if ended else "",
    ]
    return ", ".join(filter(None, parts))


def clean_up_sentence(record: RunRecord) -> str:
    """What became of what the run made, in one sentence."""
    left, staying = still_there(record), kept(record)
    if not record.resources:
        return "The run made nothing"
    if left:
        return f"Still there, or not seen to be gone: {', '.join(left)}"
    if staying:
        return f"All but what is kept on purpose was seen to be gone: {', '.join(staying)}"
    if not any(map(went_with_sandbox, record.resources)):
        return "All of it was seen to be gone"
    if all(map(went_with_sandbox, record.resources)):
        return f"All of it {WITH_SANDBOX}, which has ended"
    return f"Nothing is left: {gone_counts(record)}, which has ended"


def gone_cell(resource: Resource) -> str:
    """When AWS no longer listed a thing, as a cell of the table of resources; no instant for what nobody asked for."""
    if went_with_sandbox(resource):
        return "with the sandbox"
    return f"{resource.gone_at:%H:%M:%S}" if resource.gone_at else "–"


def of_the_copy(record: RunRecord) -> str:
    """What happened to the restored copy, in one sentence, and to whatever else the run made."""
    found = words.recovery(record)
    if found is None or not found.instance_id:
        return f"No copy was restored. {clean_up_sentence(record)}."
    copy = next((each for each in record.resources if each.kind in COPIES and each.id == found.instance_id), None)
    if copy is None:
        whose = (
            "AWS Backup made it, and deletes it when the result is posted" if record.restore_test else "Not recorded"
        )
        return f"{whose}. {clean_up_sentence(record)}."
    return f"{_of_copy(record, copy)}. All that the run made: {_lower(clean_up_sentence(record))}."


def _of_copy(record: RunRecord, copy: Resource) -> str:
    if went_with_sandbox(copy):
        return f"Not removed by itself: {copy.kind} {copy.id} {WITH_SANDBOX}"
    if copy.state == "gone":
        seen = f"AWS no longer listed {copy.kind} {copy.id} at {words.show_instant(copy.gone_at)}"
        return f"Removed: {seen}"
    if words.is_running(record):
        return f"In use: the run has not ended ({copy.kind} {copy.id})"
    note = f" ({copy.note})" if copy.note else ""
    if copy.state == "kept":
        return f"Kept on purpose: {copy.kind} {copy.id}{note}"
    return f"Not removed: {copy.kind} {copy.id} is {copy.state}{note}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
