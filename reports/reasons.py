"""What went wrong, in a sentence each, and the headline that names the first object: they stand on top of every report. Pure."""

from __future__ import annotations

from drills import errors
from drills.model.finding import Finding
from drills.model.record import RunRecord
from reports import outcomes, words

LONGEST = 300  # characters of a sentence: a reason can hold what a server said at length
_CUT = " … "


def reasons(record: RunRecord) -> list[str]:
    """Why the run did not pass: what could not go on, each finding that is an error, each promise that failed or broke.

    A promise whose reason was said already, by a finding or by a promise before it, is named with its kind alone.
    """
    said = [failure.sentence for failure in record.failures]
    said += [_finding_text(finding) for finding in errors_found(record)]
    told = set(said)
    for promise in record.promises:
        if promise.outcome not in ("failed", "broken"):
            continue
        known = not promise.reason or promise.reason in told
        told.add(promise.reason)
        reason = outcomes.kind_of(record, promise) if known else outcomes.reason_of(record, promise)
        said.append(f"promise {promise.outcome}: {promise.name}: {reason}")
    return [_short(each) for each in dict.fromkeys(said)]


def errors_found(record: RunRecord) -> list[Finding]:
    """The findings of the recovery that are errors; the rehearsal's are wanted, and acknowledged ones fail nothing."""
    return [each for each in words.findings(record) if each.severity == "error" and not each.acknowledged]


def _finding_text(finding: Finding) -> str:
    return f"{finding.object}: expected {finding.expected}, found {finding.found}"


def _short(text: str) -> str:
    """Return a sentence without its middle where it is too long: what it is about stands first, and what to type last."""
    flat = " ".join(text.split())
    if len(flat) <= LONGEST:
        return flat
    half = (LONGEST - len(_CUT)) // 2
    first, last = flat[:half], flat[-half:]
    return f"{first.rpartition(' ')[0] or first}{_CUT}{last.partition(' ')[2] or last}"


def headline(record: RunRecord) -> str:
    """The verdict in one sentence, with the first object that differs, or the first reason why the run could not go on."""
    plain = words.headline(record)
    if words.tone(record) != "bad":
        return plain
    parts = []
    codes = record.all_codes or (record.code,)
    for code in codes:
        text = words.code_words(record, code or 0)
        if code == errors.VERIFICATION_FAILED and (found := errors_found(record)):
            text = f"verification failed: {_differ(list(dict.fromkeys(each.object for each in found)))}"
        elif code == errors.COULD_NOT_RUN and code == codes[0] and (why := _why_not(record)):
            text = f"{text}: {why}"
        parts.append(text)
    told = "; ".join(parts)
    return told[:1].upper() + told[1:]


def _differ(objects: list[str]) -> str:
    """The objects that differ: two by name, and how many others."""
    if len(objects) == 1:
        return f"{objects[0]} differs"
    others = len(objects) - 2
    if not others:
        return f"{objects[0]} and {objects[1]} differ"
    return f"{objects[0]}, {objects[1]} and {others} other object{'s' if others > 1 else ''} differ"


def _why_not(record: RunRecord) -> str:
    """The first reason for exit code 12: what could not go on, what was required and is not verified, or what broke."""
    found = [each.sentence for each in record.failures if each.exit_code == errors.COULD_NOT_RUN]
    found += [each.sentence for each in record.unverified]
    found += [f"{each.name}: {each.reason}" for each in record.promises if each.outcome == "broken"]
    return _short(found[0]).rstrip(".") if found else ""
