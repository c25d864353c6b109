"""Gherkin in Allure's results, tried with pytest sessions of their own."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import CHECKOUT

FEATURE = """
@drill
Feature: A lost database comes back
  The owner accepts to wait half an hour.

  Background:
    Given the restored copy

  Scenario: All steps hold
    The first promise.
    Then these tables hold the same rows
      | table    | rows  |
      | a "b", c | 2,000 |
    And the text is
      \"\"\"
      create table t();
      \"\"\"

  Scenario: A step fails
    Then it differs
    And nothing else differs

  Scenario: A step breaks
    When the connection breaks
    Then nothing else differs

  Scenario: A step skips
    When the extension is absent
    Then nothing else differs

  Scenario: A step is not written
    Then a step that nobody wrote
    And nothing else differs

  @cutover
  Scenario: A tag is not allowed
    The service is stopped first.
    Then nothing else differs

  Scenario Outline: The <what> of the copy are compared
    Then the "<what>" are equal
    Examples:
      | what      |
      | sequences |
      | grants    |
"""

CONFTEST = """
import allure
import pytest
from pytest_bdd import given, parsers, then, when

pytest_plugins = ["reports.allure_bridge"]

@pytest.fixture(scope="session")
def scratch_instance(pytestconfig):
    yield "postgresql://app:@@WORD@@@localhost/orders"

@given("the restored copy")
def copy(scratch_instance, tmp_path):
    print("connecting with password=@@WORD@@")
    with allure.step("connect with password=@@WORD@@"):
        allure.attach("dsn postgresql://app:@@WORD@@@localhost/orders", "log", allure.attachment_type.TEXT)
    file = tmp_path / "x.txt"
    file.write_text("passwd: @@WORD@@")
    allure.attach.file(str(file), "file", allure.attachment_type.TEXT)
    allure.attach(bytes([0xff, 0xfe, 0x00, 0x01]), "binary", allure.attachment_type.PNG)
    allure.dynamic.parameter("dsn", "postgresql://app:@@WORD@@@localhost/orders", excluded=True)

@then("these tables hold the same rows")
def tables(datatable):
    pass

@then("the text is")
def text(docstring):
    pass

@then("it differs")
def differs(pytestconfig):
    assert False, f"in {pytestconfig.rootpath}/x: password=@@WORD@@ differs"

@then("nothing else differs")
def nothing():
    pass

@when("the connection breaks")
def breaks():
    raise RuntimeError("no connection to postgresql://app:@@WORD@@@localhost/orders")

@when("the extension is absent")
def absent():
    pytest.skip("amcheck is not there")

@then(parsers.parse('the "{what}" are equal'))
def equal(what):
    pass

def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("cutover"):
            item.add_marker(pytest.mark.skip(reason="the profile sandbox does not allow @cutover"))
"""


class Session:
    """A pytest session in a project of its own: what it wrote, and the password that its steps throw about."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.word = secrets.token_hex(8)
        root = CHECKOUT
        (folder / "pytest.ini").write_text(
            "[pytest]\nbdd_features_base_dir = features\nmarkers =\n    cutover: x\n    drill: x\n"
            f"pythonpath = {root}\nfilterwarnings = error\n",
            encoding="utf-8",
        )
        (folder / "conftest.py").write_text(CONFTEST.replace("@@WORD@@", self.word), encoding="utf-8")
        (folder / "features").mkdir()
        (folder / "features" / "a.feature").write_text(FEATURE, encoding="utf-8")
        binding = "from pytest_bdd import scenarios\nscenarios('.')\ndef test_plain(): pass\n"
        (folder / "test_features.py").write_text(binding, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "--tb=short", "-p", "no:allure_pytest_bdd", *arguments]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
        self.said = ended.stdout + ended.stderr

    def results(self) -> dict[str, dict[str, Any]]:
        """The results by title."""
        found = [json.loads(file.read_text("utf-8")) for file in (self.folder / "results").glob("*-result.json")]
        return {each["name"]: each for each in found}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """One session with results, for all tests that look at them."""
    return Session(tmp_path_factory.mktemp("bridge"), "--alluredir", "results")


def steps(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and statuses of a result's steps."""
    return [(step["name"], step["status"]) for step in result.get("steps", [])]


def test_gherkin_steps_are_allure_steps(session: Session) -> None:
    """Each step has its own status; what was not reached is skipped; plain tests and skipped scenarios are kept."""
    results = session.results()
    assert "3 failed, 4 passed, 2 skipped" in session.said
    given = ("Given the restored copy", "passed")
    expected = {
        "All steps hold": (
            "passed",
            [given, ("Then these tables hold the same rows", "passed"), ("And the text is", "passed")],
        ),
        "A step fails": ("failed", [given, ("Then it differs", "failed"), ("And nothing else differs", "skipped")]),
        "A step breaks": (
            "broken",
            [given, ("When the connection breaks", "broken"), ("Then nothing else differs", "skipped")],
        ),
        "A step skips": (
            "skipped",
            [given, ("When the extension is absent", "skipped"), ("Then nothing else differs", "skipped")],
        ),
        "A step is not written": (
            "broken",
            [given, ("Then a step that nobody wrote", "broken"), ("And nothing else differs", "skipped")],
        ),
        "A tag is not allowed": ("skipped", []),
        "The sequences of the copy are compared": ("passed", [given, ('Then the "sequences" are equal', "passed")]),
        "The grants of the copy are compared": ("passed", [given, ('Then the "grants" are equal', "passed")]),
        "test_plain": ("passed", []),
    }
    assert {name: (each["status"], steps(each)) for name, each in results.items()} == expected


def test_scenarios_have_feature_and_description_even_when_skipped_by_tag(session: Session) -> None:
    """The words of the feature file describe the result, without a path; a skip keeps its reason."""
    results = session.results()
    skipped = results["A tag is not allowed"]
    assert skipped["description"] == "The service is stopped first.\n\nThe owner accepts to wait half an hour."
    assert "does not allow @cutover" in skipped["statusDetails"]["message"]
    for name, result in results.items():
        features = [label["value"] for label in result["labels"] if label["name"] == "feature"]
        assert features == ([] if name == "test_plain" else ["A lost database comes back"]), name


def test_tables_and_texts_are_attached_to_their_steps(session: Session) -> None:
    """A data table is a CSV attachment of its step, a doc string a text; binary attachments stay as they are."""
    done = session.results()["All steps hold"]
    _, table, text = done["steps"]
    folder = session.folder / "results"
    assert [(each["name"], each["type"]) for each in table["attachments"]] == [("Data table", "text/csv")]
    assert (folder / table["attachments"][0]["source"]).read_text("utf-8") == 'table,rows\n"a ""b"", c","2,000"\n'
    assert (folder / text["attachments"][0]["source"]).read_text("utf-8") == "create table t();"
    binary = next(each for each in done["steps"][0]["attachments"] if each["name"] == "binary")
    assert (folder / binary["source"]).read_bytes() == bytes([0xFF, 0xFE, 0x00, 0x01])


def test_fixtures_are_shown_without_step_registrations(session: Session) -> None:
    """Set-ups hold the project's own fixtures; outlines show each value as a parameter."""
    results = session.results()
    containers = [json.loads(file.read_text("utf-8")) for file in (session.folder / "results").glob("*-container.json")]
    names = {each["name"] for container in containers for each in container.get("befores", [])}
    assert "scratch_instance" in names
    assert not [name for name in names if "pytest_bdd" in name or "pytestbdd" in name]
    assert not names & {"pytestconfig", "journal"}
    assert "scratch_instance" in names
    parameters = {each["name"]: each["value"] for each in results["The grants of the copy are compared"]["parameters"]}
    assert parameters["what"] == "grants"
    assert "_pytest_bdd_example" not in parameters


def test_a_failure_begins_with_its_sentence(session: Session) -> None:
    """The class of a failed assertion is left out; that of an error says what broke, and stays."""
    results = session.results()
    assert results["A step fails"]["statusDetails"]["message"].startswith("in x: password=")
    assert results["A step breaks"]["statusDetails"]["message"].startswith("RuntimeError: ")
    (failed,) = [each for each in results["A step fails"]["steps"] if each["status"] == "failed"]
    assert failed["statusDetails"]["message"].startswith("in x: password=")


def test_no_password_and_no_path_gets_into_the_results(session: Session) -> None:
    """Passwords in messages, traces, steps, parameters, output and attachments are masked; paths begin at the root."""
    written = {file.name: file.read_bytes() for file in (session.folder / "results").iterdir()}
    assert [name for name, content in written.items() if session.word.encode() in content] == []
    assert any(b"postgresql://app:****@localhost/orders" in content for content in written.values())
    assert [name for name, content in written.items() if f"{session.folder}/".encode() in content] == []


def test_without_results_folder_it_does_nothing(tmp_path: Path) -> None:
    """A session without --alluredir ends in the same way."""
    session = Session(tmp_path)
    assert "3 failed, 4 passed, 2 skipped" in session.said
    assert not (tmp_path / "results").exists()
