"""Promises of a run: which scenarios are collected, in which order, and how each ended, kept in the run record."""

from __future__ import annotations

from collections.abc import Container, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pytest_bdd.scenario import scenario_wrapper_template_registry

from drills.config.load import Config
from drills.model.record import Promise, PromiseOutcome
from drills.record import Journal
from drills.run import context, cutover

NEEDS_LEAVE = ("damages_backup", "cuts_over")
# Which scenarios are no part of a run: those of another recovery point than it drills (`sample` of the target).
OTHER_POINT = {True: "chosen_point", False: "newest_point"}
# Restores of their own, which would come between the phases that are measured.
AFTERWARDS = ("damages_backup", "moment")
CUTS_OVER = "cuts_over"
JOURNAL: pytest.StashKey[Journal] = pytest.StashKey()
LEFT_OUT: pytest.StashKey[int] = pytest.StashKey()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about another recovery point, skip what the profile does not allow; restore anything else after
    the recovery, then replace the source, at which nobody looks any more, and clean up after all.
    """
    folder = config.getoption("--drill-run")
    if folder is None:
        return
    effective = context.read(folder).effective()
    other = OTHER_POINT[effective.target.sample.kind == "newest"]
    items[:] = [item for item in items if other not in item.keywords]
    for tag, reason in _left_out(folder, effective):
        for item in items:
            if tag in item.keywords:
                item.add_marker(pytest.mark.skip(reason=reason))
    items.sort(key=lambda item: _turn(item.keywords))


def _left_out(folder: Path, effective: Config) -> Iterator[tuple[str, str]]:
    """The tags of what is no part of this run, each with the reason."""
    profile, allowed = context.leave_of(folder)
    for tag in NEEDS_LEAVE:
        if tag not in allowed:
            yield tag, f"profile {profile!r} does not allow {tag!r}"
    if not context.promises_posture(folder):
        yield "posture", "the target does not ask for it: posture.promised in drill.toml"
    if reason := cutover.left_out(effective):
        yield CUTS_OVER, reason


def _turn(tags: Container[str]) -> tuple[bool, bool, bool]:
    return "cleanup" in tags, CUTS_OVER in tags, any(tag in tags for tag in AFTERWARDS)


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """A run of which scenarios were filtered out is partial; `-k` and `-m` are told here one after the other."""
    if items and (folder := items[0].config.getoption("--drill-run")):
        stash = items[0].session.stash
        stash[LEFT_OUT] = stash.get(LEFT_OUT, 0) + len(items)
        reason = f"scenarios that the caller left out: {stash[LEFT_OUT]}"
        journal_of(items[0].session, folder).update(partial=True, partial_reason=reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note how a scenario ended: an assertion failed, or something kept it from being judged."""
    report = yield
    folder: Path | None = item.config.getoption("--drill-run")
    promise = _promise(item, call, report)
    if folder is not None and promise is not None:
        journal = journal_of(item.session, folder)
        others = [old for old in journal.record.promises if old.id != promise.id]
        journal.update(promises=(*others, promise))
    return report


def journal_of(session: pytest.Session, folder: Path) -> Journal:
    """The one journal of this process: two open ones would undo each other's work."""
    if JOURNAL not in session.stash:
        session.stash[JOURNAL] = Journal.open(folder)
    return session.stash[JOURNAL]


def _promise(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> Promise | None:
    """The promise that this report says something final about, None for the uneventful parts of a test."""
    if report.when != "call" and report.outcome == "passed":
        return None
    template = scenario_wrapper_template_registry.get(item.obj) if isinstance(item, pytest.Function) else None
    return Promise(
        id=item.nodeid,
        feature=template.feature.name if template else "",
        name=template.name if template else item.name,
        outcome=_outcome(call, report),
        seconds=round(report.duration, 3),
        reason=_reason(call, report),
        tags=tuple(sorted(template.tags | template.feature.tags)) if template else (),
    )


def _outcome(call: pytest.CallInfo[Any], report: pytest.TestReport) -> PromiseOutcome:
    if report.outcome == "skipped":
        return "skipped"
    if report.outcome == "passed":
        return "passed"
    return "failed" if call.excinfo and call.excinfo.errisinstance(AssertionError) else "broken"


def _reason(call: pytest.CallInfo[Any], report: pytest.TestReport) -> str:
    if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(call.excinfo.value).split("\nassert ")[0] if call.excinfo else ""
