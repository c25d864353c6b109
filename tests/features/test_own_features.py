"""Features and steps of the owner's own: what is refused before a run, and the catalogue of steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from drills.cli import main as cli
from drills.cli.steps import as_markdown
from steps import catalogue, own
from tests.support.paths import CHECKOUT

FEATURE = """\
@shop
Feature: Orders
  Scenario: The order book is not empty
    Then {step}
"""
STEP = """\
from pytest_bdd import then

@then("every order has a customer")
def every_order_has_a_customer(restored_copy):
    \"\"\"Count orders without a customer.\"\"\"
"""


ONCE = "Feature: Orders\n  Scenario: One\n    Given the protected database of the target\n"
TWICE = ONCE + ONCE.partition("\n")[2]
TAKEN = """\
from pytest_bdd import parsers, then

@then(parsers.parse('the "{name}" check finds no difference'))
def nothing(name):
    \"\"\"Look at nothing.\"\"\"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for a feature of one's own, in a project of its own."""
    (tmp_path / "drill.toml").touch()
    (tmp_path / "features").mkdir()
    return tmp_path


def write(folder: Path, step: str) -> None:
    """Write the feature with one step."""
    (folder / "features" / "orders.feature").write_text(FEATURE.format(step=step))


def refused(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """The one sentence with which a run is refused; nothing was made."""
    assert cli.main(["run", *options]) == 2
    assert not (folder / "reports").exists()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_a_step_that_nobody_defines_is_refused_with_its_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """File, line, the step and the closest one are named before anything is started."""
    monkeypatch.chdir(folder)
    write(folder, 'the table "shop.orders" has at most 10 rows')

    said = refused(folder, capsys, "--features", "features")

    assert "orders.feature:4: expected a step that is defined, found `Then the table" in said
    assert "did you mean `the table" in said


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ('the "contents" check finds no difference', 'found "contents"; did you mean "content"?'),
        ('the newest "a" in the table "b.c" is at most "a day" older than the disaster', "'a day' is no duration"),
        ('the copy is usable within "soon"', "'soon' is no duration"),
    ],
)
def test_a_step_that_could_never_hold_is_refused_with_its_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], step: str, expected: str
) -> None:
    """A check that there is none of and a duration that is none would be found after the restore, which is paid for."""
    monkeypatch.chdir(folder)
    write(folder, step)

    said = refused(folder, capsys, "--features", "features")

    assert "orders.feature:4: " in said
    assert expected in said


@pytest.mark.parametrize(
    ("name", "text", "options", "expected"),
    [
        (
            "features/orders.feature",
            "Scenario without a feature",
            ["--features", "features"],
            "expected a feature in Gherkin",
        ),
        ("features/notes.txt", "", ["--features", "features"], "expected a folder with .feature files"),
        ("features/notes.txt", "", ["--features", "none"], "expected a folder with .feature files"),
        ("features/notes.txt", "", ["--features", ""], "--features: expected a value (features of your own"),
        ("features/empty.feature", "", ["--features", "features"], "empty.feature: expected scenarios, found none"),
        ("features/a.feature", "Feature: nothing", ["--features", "features"], "expected scenarios, found none"),
        (
            "features/a.feature",
            TWICE,
            ["--features", "features"],
            "a.feature:4: expected another name than that of line 2",
        ),
        ("features/a.feature", "Feature: a\n  Scenario: b", ["--features", "features"], "a.feature:2: expected steps"),
        (
            "features/a.feature",
            f"@xfail\n{ONCE}",
            ["--features", "features"],
            "a.feature:1: expected another tag than @xfail",
        ),
        (
            "features/a.feature",
            f"@JIRA:12\n{ONCE}",
            ["--features", "features"],
            "a.feature:1: expected a tag of letters",
        ),
        ("steps.py", "import sys; sys.exit(0)", ["--steps", "steps.py"], "found SystemExit"),
        ("steps.py", TAKEN, ["--steps", "steps.py"], "expected steps beside the shipped ones, found"),
        ("steps.py", "import nothing_like_this", ["--steps", "steps.py"], "found ModuleNotFoundError"),
        ("steps.py", "def (", ["--steps", "steps.py"], "found SyntaxError"),
        ("steps.py", "", ["--steps", "other.py"], "expected a Python file with steps"),
    ],
)
def test_what_cannot_run_is_refused_in_one_sentence(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    text: str,
    options: list[str],
    expected: str,
) -> None:
    """A folder without features, a feature that is none, a module that does not load: exit code 2."""
    monkeypatch.chdir(folder)
    (folder / name).write_text(text)

    assert expected in refused(folder, capsys, *options)


def test_a_step_of_ones_own_is_known(folder: Path) -> None:
    """A feature may use the steps of the modules that are named with it, and no others."""
    write(folder, "every order has a customer")
    (folder / "steps.py").write_text(STEP)

    own.check([folder / "features"], [folder / "steps.py"])
    assert catalogue.steps([own.load(folder / "steps.py")])[-1].meaning == "Count orders without a customer."


def test_the_page_of_the_steps_is_the_catalogue() -> None:
    """docs/steps.md is what `drills steps --markdown` prints."""
    assert (CHECKOUT / "docs/steps.md").read_text(encoding="utf-8") == as_markdown(catalogue.steps())


def test_each_step_has_a_meaning_and_an_example_that_is_one() -> None:
    """Each example is a line that its own step takes."""
    for entry in catalogue.steps():
        assert entry.meaning.endswith("."), entry.pattern
        assert entry.parser.is_matching(entry.example), entry.pattern
