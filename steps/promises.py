"""Promises of a run: select and order the scenarios, and note in the run record how each ended."""

from __future__ import annotations

import json
from collections.abc import Container, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pytest_bdd.parser import ScenarioTemplate
from pytest_bdd.scenario import make_python_name, scenario_wrapper_template_registry

from drills.config.load import Config
from drills.model.policy import not_run_in
from drills.model.record import Promise, PromiseOutcome
from drills.record import Journal
from drills.run import context, cutover
from drills.run.plan import SELECTION_NAME
from steps.expected import AFTERWARDS, CHECKOUT, CUTS_OVER, belongs, name_of_example, tags_not_run_in

NEEDS_LEAVE = ("damages_backup", CUTS_OVER)
EXAMPLE = "_pytest_bdd_example"  # the parameter in which pytest-bdd passes the values of an outline's example
JOURNAL: pytest.StashKey[Journal] = pytest.StashKey()
SKIPPED: pytest.StashKey[set[str]] = pytest.StashKey()  # the reasons with which this module skips scenarios


def pytest_configure(config: pytest.Config) -> None:
    """Refuse several processes: each would restore a copy of its own, and all would write one record."""
    if config.getoption("--drill-run") and (config.getoption("numprocesses", None) or hasattr(config, "workerinput")):
        raise pytest.UsageError(
            "expected the scenarios of a run in one process, found -n of pytest-xdist: leave it out"
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the scenarios about another recovery point, and skip those that the profile does not allow.

    The order is: the recovery and whatever only reads, the other restores, the cut-over (it replaces the source), the
    clean-up. Each example of an outline is selected by `-k` by its own name.
    """
    folder = config.getoption("--drill-run")
    if folder is None:
        return
    effective = context.read(folder).effective()
    items[:] = [item for item in items if belongs(tags_of(item), effective)]
    for item in items:
        if template := template_of(item):
            item.extra_keyword_matches.add(make_python_name(name_of(item, template)))
    config.stash[SKIPPED] = set()
    for tag, reason in _left_out(folder, effective):
        config.stash[SKIPPED].add(reason)
        for item in items:
            if tag in tags_of(item):
                item.add_marker(pytest.mark.skip(reason=reason))
    items.sort(key=lambda item: _turn(tags_of(item)))


def _left_out(folder: Path, effective: Config) -> Iterator[tuple[str, str]]:
    """Yield each tag whose scenarios are skipped in this run, with the reason."""
    if not effective.target.is_database:
        return
    profile, allowed = context.allowed_tags(folder)
    for tag in NEEDS_LEAVE:
        if tag not in allowed:
            yield tag, f"profile {profile!r} does not allow {tag!r}"
    tier = effective.target.tier
    yield from ((tag, not_run_in(tier)) for tag in tags_not_run_in(tier))
    if not context.judges_posture(folder):
        yield "posture", "not configured for the target: set posture.promised in drill.toml"
    reason = cutover.reason_left_out(effective)
    if not reason and CUTS_OVER in allowed:
        reason = cutover.reason_lacking(effective)
    if reason:
        yield CUTS_OVER, reason


def tags_of(item: pytest.Item) -> set[str]:
    """Return the tags of a scenario; pytest's keywords also hold the names of the folders that it lies in."""
    return {mark.name for mark in item.iter_markers()}


def _turn(tags: Container[str]) -> tuple[bool, bool, bool]:
    return "cleanup" in tags, CUTS_OVER in tags, any(tag in tags for tag in AFTERWARDS)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Write down which scenarios would run, where that is what was asked for."""
    folder = session.config.getoption("--drill-run")
    if folder is None or not (folder / SELECTION_NAME).exists():
        return
    named = ((template_of(item), item) for item in session.items)
    chosen = [(template.feature.name, name_of(item, template)) for template, item in named if template]
    option = session.config.option
    runs = not (option.collectonly or option.setuponly or option.setupplan)
    (folder / SELECTION_NAME).write_text(json.dumps({"chosen": chosen, "runs": runs}), encoding="utf-8")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run nothing where only the selection was asked for."""
    folder = session.config.getoption("--drill-run")
    return True if folder is not None and (folder / SELECTION_NAME).exists() else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note how a scenario ended: passed, an assertion failed, skipped, or broken by any other exception."""
    report = yield
    folder: Path | None = item.config.getoption("--drill-run")
    promise = _promise(item, call, report)
    if folder is not None and promise is not None:
        journal = journal_of(item.session, folder)
        others = [old for old in journal.record.promises if old.id != promise.id]
        journal.update(promises=(*others, promise))
    return report


def journal_of(session: pytest.Session, folder: Path) -> Journal:
    """Return the one journal of this process: two open ones would overwrite each other."""
    if JOURNAL not in session.stash:
        session.stash[JOURNAL] = Journal.open(folder)
    return session.stash[JOURNAL]


def _promise(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> Promise | None:
    """Return the promise that this report decides, None for a set-up or tear-down that passed."""
    if report.when != "call" and report.outcome == "passed":
        return None
    template = template_of(item)
    return Promise(
        id=item.nodeid,
        feature=template.feature.name if template else "",
        name=name_of(item, template) if template else item.name,
        outcome=_outcome(call),
        seconds=round(report.duration, 3),
        reason=_reason(call, report),
        tags=tuple(sorted(_tags(item, template))) if template else (),
        left_out=_outcome(call) == "skipped" and not _is_ours(item, report),
    )


def template_of(item: pytest.Item) -> ScenarioTemplate | None:
    """Return the scenario, or the outline, that a test was made from; None for a test in Python."""
    return scenario_wrapper_template_registry.get(item.obj) if isinstance(item, pytest.Function) else None


def name_of(item: pytest.Item, template: ScenarioTemplate) -> str:
    """Return the name of the scenario that a test was made from."""
    return name_of_example(template, _example(item))


def _example(item: pytest.Item) -> Mapping[str, str]:
    values: Mapping[str, str] = getattr(getattr(item, "callspec", None), "params", {}).get(EXAMPLE, {})
    return values


def _tags(item: pytest.Item, template: ScenarioTemplate) -> set[str]:
    """Return the tags of the scenario, its rule and its feature, and of the table that the example stands in."""
    values = _example(item)
    own = (examples.tags for examples in template.examples if any(values == each for each in examples.as_contexts()))
    return template.tags.union(template.feature.tags, template.rule.tags if template.rule else (), *own)


def _outcome(call: pytest.CallInfo[Any]) -> PromiseOutcome:
    """Return how a scenario ended, by what it raised: a mark of pytest's, such as xfail, makes no failure a skip."""
    if call.excinfo is None:
        return "passed"
    if call.excinfo.errisinstance(pytest.skip.Exception):
        return "skipped"
    return "failed" if call.excinfo.errisinstance(AssertionError) else "broken"


def _is_ours(item: pytest.Item, report: pytest.TestReport) -> bool:
    """Return whether a scenario was skipped by the suite, its configuration or the owner's steps, and by nothing else."""
    where = report.longrepr[0] if isinstance(report.longrepr, tuple) else ""
    folder = item.config.getoption("--drill-run")
    own = [Path(path) for path in context.read(folder).steps] if folder else []  # pytest by itself belongs to no run
    return (
        _reason_of_skip(report) in item.config.stash.get(SKIPPED, set())
        or Path(where).is_relative_to(CHECKOUT / "steps")
        or any(Path(where).absolute() == path.absolute() for path in own)
    )


def _reason_of_skip(report: pytest.TestReport) -> str:
    return str(report.longrepr[2]).removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""


def _reason(call: pytest.CallInfo[Any], report: pytest.TestReport) -> str:
    if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
        return _reason_of_skip(report)
    return str(call.excinfo.value).split("\nassert ")[0] if call.excinfo else ""
