"""Scenarios of a run: which are selected, and how backgrounds and outlines stand in the record and in each report."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_bdd.scenario import make_python_name
from rich.console import Console

from drills.clock import SystemClock
from drills.model.record import RunRecord
from drills.record import Journal, load
from drills.run import context
from drills.run.context import RunOptions
from reports import html, junit, markdown, terminal
from steps.promises import tags_of
from tests.features.test_gherkin import parsed
from tests.support.example_record import green_drill
from tests.support.paths import CHECKOUT

FEATURE = """\
@shop
Feature: Orders

  Background:
    Given an order book

  Scenario Outline: The <what> are complete
    Then there are "<count>" of them

    Examples:
      | what  | count |
      | lines | two   |

    @nightly
    Examples:
      | what      | count |
      | customers | none  |

  Scenario Outline: Totals are right
    Then there are "<count>" of them

    Examples:
      | count |
      | two   |
      | three |
"""
STEPS = """\
from pytest_bdd import given, parsers, then

@given("an order book", target_fixture="book")
def book():
    \"\"\"Open it.\"\"\"
    return {"two", "three"}

@then(parsers.parse('there are "{count}" of them'))
def there_are(book, count):
    \"\"\"Count them.\"\"\"
    assert count in book, f"expected {count}"
"""
MEDDLING = """\
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        if "[lines-two]" in item.name:
            item.add_marker(pytest.mark.skip(reason="not today"))
        if "[customers-none]" in item.name:
            item.add_marker(pytest.mark.xfail)

def pytest_runtest_setup(item):
    if "[two]" in item.name:
        pytest.skip("nor this one")
"""
NAMES = ["The lines are complete", "The customers are complete", "Totals are right (two)", "Totals are right (three)"]


class Session:
    """A pytest session of the features, tied to a run that restores nothing."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        record = RunRecord(1, "20261123-141503-a1b2", "sandbox", True, green_drill().started_at, "0")
        Journal.create(folder, record, origin=SystemClock().monotonic())
        (folder / "own").mkdir()
        (folder / "own" / "orders.feature").write_text(FEATURE)
        (folder / "own.py").write_text(STEPS)
        choices = RunOptions(features=(str(folder / "own"),), steps=(str(folder / "own.py"),))
        context.save(folder, choices)
        command = [sys.executable, "-m", "pytest", "features", f"--drill-run={folder}", "-p", "no:cacheprovider"]
        ended = subprocess.run(
            [*command, *arguments], cwd=CHECKOUT, capture_output=True, text=True, timeout=600, check=False
        )
        self.output = ended.stdout + ended.stderr

    @property
    def record(self) -> RunRecord:
        """The run's record as the session left it."""
        return load(self.folder)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A session of the feature of its own, the shipped ones filtered out."""
    folder = tmp_path_factory.mktemp("promises")
    return Session(folder, "-m", "shop", f"--alluredir={folder / 'results'}")


def test_each_example_of_an_outline_is_a_promise_of_its_own(session: Session) -> None:
    """Its name has the example's values in it, or behind it where the outline's name has none; ids differ."""
    promises = session.record.promises

    assert [promise.name for promise in promises] == NAMES
    assert len({promise.id for promise in promises}) == len(NAMES)
    assert {promise.feature for promise in promises} == {"Orders"}


def test_each_example_ends_by_itself(session: Session) -> None:
    """One that fails leaves the others passed, and the verdict of the owner's promise has the example's name."""
    record = session.record

    assert [promise.outcome for promise in record.promises] == ["passed", "failed", "passed", "passed"]
    assert record.promises[1].reason == "expected none"
    assert [(each.name, each.outcome) for each in record.verdicts] == list(
        zip(NAMES, ("met", "missed", "met", "met"), strict=True)
    )


def test_the_tags_of_an_example_are_those_of_its_table(session: Session) -> None:
    """A tag of one table of examples is no tag of the other's, and needs no registration."""
    assert [promise.tags for promise in session.record.promises] == [
        ("shop",),
        ("nightly", "shop"),
        ("shop",),
        ("shop",),
    ]


def test_each_report_names_the_examples_apart(session: Session) -> None:
    """HTML, JUnit, Markdown, the terminal and Allure show the four names, each once as a title."""
    record = session.record
    console = Console(record=True, width=80, file=io.StringIO())
    terminal.summary(record, session.folder, console)
    titles = [json.loads(path.read_text())["name"] for path in (session.folder / "results").glob("*-result.json")]
    texts = (html.render(record), junit.render(record), markdown.render(record), console.export_text())

    assert sorted(titles) == sorted(NAMES)
    assert [(name, n) for name in NAMES for n, text in enumerate(texts) if name not in text] == []


def test_a_plugin_that_skips_a_scenario_leaves_it_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A skip of the suite's or of the owner's own step is a promise that was looked at; one of anybody else is noted as
    left out, and xfail makes no failure a skip.
    """
    (tmp_path / "meddling.py").write_text(MEDDLING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    session = Session(tmp_path, "-m", "shop", "-p", "meddling")

    ended = [(each.outcome, each.left_out) for each in session.record.promises]

    assert ended == [("skipped", True), ("failed", False), ("skipped", True), ("passed", False)], session.output


def test_several_processes_are_refused(tmp_path: Path) -> None:
    """Each would restore a copy and write the one record: pytest-xdist is refused with a sentence."""
    session = Session(tmp_path, "-m", "shop", "-n", "2")

    assert "expected the scenarios of a run in one process, found -n of pytest-xdist" in session.output
    assert session.record.promises == ()


def test_a_filter_selects_examples_by_their_own_name(tmp_path: Path) -> None:
    """`-k` sees the name with the example's values in it, and the tags."""
    session = Session(tmp_path, "-k", "customers_are_complete or (totals and three) or (lines and nightly)")

    assert [each.name for each in session.record.promises] == [NAMES[1], NAMES[3]]


def test_the_name_of_a_folder_is_no_tag() -> None:
    """A checkout in a folder called "cleanup" has the order of any other: pytest's keywords hold the folders' names too."""
    item: Any = SimpleNamespace(
        keywords={"cleanup": True, "moment": True}, iter_markers=lambda: iter([pytest.mark.moment.mark])
    )

    assert tags_of(item) == {"moment"}


def test_the_order_of_a_run(tmp_path: Path) -> None:
    """The recovery's scenarios come first, then the other restores, the cut-over, and the clean-up last."""
    tags = {
        f"test_{make_python_name(name)}": template.tags | feature.tags
        for feature in parsed()
        for name, template in feature.scenarios.items()
    }
    output = Session(tmp_path, "--collect-only", "-q", "-m", "drill").output
    tests = [line.partition("::")[2] for line in output.splitlines() if "::" in line]
    turns = [
        next(
            (
                turn
                for turn, tag in enumerate(("cleanup", "cuts_over", "moment", "damages_backup"))
                if tag in tags[name]
            ),
            4,
        )
        for name in (test.partition("[")[0] for test in tests)
    ]

    assert tests[0] == "test_the_owners_queries_meet_their_response_time_targets"
    assert "test_the_objects_match_the_backup[schema, the owners and the grants-catalog]" in tests
    assert turns == [*[4] * turns.count(4), 3, *[2] * turns.count(2), *[1] * turns.count(1), 0]
    assert min(map(turns.count, (1, 2, 4))) > 1
