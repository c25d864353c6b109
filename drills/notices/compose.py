"""What is told of a run, from its record, and of drills that never came. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drills import errors
from drills.durations import show_duration
from drills.history.line import verdict_of, why_not_counted
from drills.model.notice import Notice, NoticeKind
from drills.model.record import RunRecord, value_of
from drills.printable import printable

STAMP = "SIMULATED: "
MOST = 8  # sentences of a notice; the report has all
LONGEST = 400  # characters of one
KINDS: dict[int, NoticeKind] = {
    0: "success",
    errors.OBJECTIVE_MISSED: "objective missed",
    errors.LEFT_BEHIND: "clean-up incomplete",
}


def of_run(record: RunRecord) -> Notice | None:
    """Return what is told of a run; None for one that goes on, or of which nobody needs to hear.

    A success that counts nowhere is none, and of a backup that was damaged on purpose only what is left is told.
    """
    kinds = _kinds(record)
    if not kinds:
        return None
    target = record.target.name if record.target else ""
    scenario = value_of(record.settings, "--scenario")
    of = f"{target}, {scenario}" if scenario else target
    stamp = STAMP if record.simulated else ""
    what = "restore" if record.incident else "restore test" if record.restore_test else "drill"
    title = f"{stamp}{what} of {of} ({record.profile}): {verdict_of(record)}"
    if kinds == ("success",):
        title = "; ".join((title, *_actuals(record), f"run {record.run_id}"))
        lines: tuple[str, ...] = ()
    else:
        lines = tuple(_lines(record))
    return Notice(
        kinds=kinds,
        profile=record.profile,
        target=target,
        simulated=record.simulated,
        title=_short(title),
        lines=lines,
        signature=_signature(record, kinds),
        run_id=record.run_id,
    )


def of_missed(profile: str, target: str, simulated: bool, sentences: Sequence[str], codes: Sequence[int]) -> Notice:
    """Return what is told of a target whose drills do not go on; evidence that does not verify is a failure."""
    failed = errors.VERIFICATION_FAILED in codes
    kinds: tuple[NoticeKind, ...] = ("failure",) if failed else ("missed drill",)
    what = "the evidence of its drills does not verify" if failed else "no drill came, or none that passed"
    return Notice(
        kinds=kinds,
        profile=profile,
        target=target,
        simulated=simulated,
        title=_short(f"{STAMP if simulated else ''}drills of {target} ({profile}): {what}"),
        lines=tuple(_few([_short(each) for each in sentences])),
        signature=f"{kinds[0]} {sorted(set(codes))}",
    )


def _kinds(record: RunRecord) -> tuple[NoticeKind, ...]:
    if record.code is None:
        return ()
    codes = record.all_codes or (record.code,)
    found = dict.fromkeys(KINDS.get(code, "failure") for code in codes)
    if any(each.is_left for each in record.resources):
        found["clean-up incomplete"] = None
        found.pop("success", None)
    if value_of(record.settings, "--damage"):
        found = {kind: None for kind in found if kind == "clean-up incomplete"}
    if tuple(found) == ("success",) and why_not_counted(record):
        return ()
    return tuple(found)


def _signature(record: RunRecord, kinds: Sequence[NoticeKind]) -> str:
    """Return what makes two notices of a target the same: what failed and what is left, and no numbers of one run."""
    parts = [
        *sorted(kinds),
        *sorted(str(code) for code in record.all_codes),
        *sorted({each.name for each in record.verdicts if each.outcome == "missed"}),
        *sorted({each.name for each in record.unverified}),
        *sorted({f"{each.exit_code} {each.phase}" for each in record.failures}),
        *sorted(each.id for each in record.resources if each.is_left),
    ]
    return "; ".join(parts)


def _lines(record: RunRecord) -> Iterator[str]:
    left = [each for each in record.resources if each.is_left]
    sentences = [
        *(each.sentence for each in record.verdicts if each.outcome == "missed"),
        *(each.sentence for each in record.failures),
        *(f"not verified: {each.name}: {each.sentence}" for each in record.unverified),
        *(f"still there: {each.kind} {each.id} ({each.account} {each.region})".replace(" ( )", "") for each in left),
    ]
    yield from _few([_short(each) for each in dict.fromkeys(sentences)])
    if left:
        yield "what is still there costs money until it is removed: drills sweep"
    yield from _actuals(record)
    yield f"run {record.run_id}; its report: drills report reports/out/{record.run_id}"


def _few(sentences: list[str]) -> Iterator[str]:
    yield from sentences[:MOST]
    if len(sentences) > MOST:
        yield f"and {len(sentences) - MOST} more in the report"


def _actuals(record: RunRecord) -> Iterator[str]:
    objectives = {"RTA": ("RTO", record.objectives.rto_seconds), "RPA": ("RPO", record.objectives.rpo_seconds)}
    for each in record.measurements:
        if each.name in objectives and each.seconds is not None:
            name, seconds = objectives[each.name]
            promised = f" of the {name} of {show_duration(seconds)}" if seconds is not None else f", without an {name}"
            yield f"{each.name} {show_duration(each.seconds)}{promised}"


def _short(text: str) -> str:
    flat = printable(" ".join(text.split()))
    return flat if len(flat) <= LONGEST else f"{flat[: LONGEST - 1]}…"
