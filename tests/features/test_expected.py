"""The list of the shipped scenarios, and what a run is expected to hold by it."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from drills.config.load import Config
from drills.model.point import parse_point_selector
from drills.run.context import RunOptions
from steps import expected
from tests.support.paths import CHECKOUT

OWN = "Feature: Orders\n  Scenario: One\n    Given the protected database of the target\n"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the shipped features."""
    return Path(shutil.copytree(CHECKOUT / "features", tmp_path / "features"))


def effective(sample: str = "newest") -> Config:
    """The shipped configuration, drilling that recovery point."""
    config = RunOptions(config_file=str(CHECKOUT / "drill.toml")).effective()
    target = config.target.model_copy(update={"sample": parse_point_selector(sample)})
    return dataclasses.replace(config, target=target)


def test_the_list_is_that_of_the_features() -> None:
    """A scenario that is written, changed or removed is a change of the list as well: `python -m steps.expected`."""
    assert expected.INDEX.read_text(encoding="utf-8") == expected.as_json(expected.read([CHECKOUT / "features"]))
    assert expected.changes() == ()


def test_a_run_expects_the_scenarios_about_its_recovery_point() -> None:
    """A run of the newest recovery point and one of another have each their own, and share the rest."""
    newest, oldest = (
        {each.feature for each in expected.of_run(effective(which), ())} for which in ("newest", "oldest")
    )

    assert newest - oldest >= {
        "The database is recovered from its newest recovery point",
        "A damaged backup does not pass",
    }
    assert oldest - newest == {"The oldest backup that is kept, or another that was chosen, can be restored"}


def test_features_of_ones_own_are_expected_too(tmp_path: Path) -> None:
    """Their scenarios are counted as the shipped ones are."""
    (tmp_path / "orders.feature").write_text(OWN)

    assert ("Orders", "One") in {(each.feature, each.name) for each in expected.of_run(effective(), [tmp_path])}


def test_scenarios_that_only_read_recover_nothing() -> None:
    """Posture and schedule are judged without a restore; whatever looks at a copy belongs to a recovery."""
    recovers = {each.feature: each.recovers for each in expected.of_run(effective(), ())}

    assert not recovers["The backups that a recovery needs are in place"]
    assert not recovers["The backup schedule meets the recovery point objective"]
    assert recovers["The database is recovered from its newest recovery point"]
    assert recovers["The service moves to a restored database, and back"]


def test_a_feature_that_was_removed_is_noticed(copied: Path) -> None:
    """The folder that was emptied is not what says what had been in it."""
    (copied / "verification" / "damaged_backup.feature").unlink()

    assert expected.changes(copied) == ("Verification detects everything that is missing from a damaged backup",)
    for path in copied.rglob("*.feature"):
        path.unlink()
    assert len(expected.changes(copied)) == len(expected.shipped())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('    Then the "invariants" check finds no difference\n', "    Then the name of the copy resolves\n"),
        ("    And its recovery point has been restored to a scratch instance\n", ""),
    ],
    ids=["step", "background"],
)
def test_a_scenario_whose_steps_were_changed_is_noticed(copied: Path, old: str, new: str) -> None:
    """A scenario that keeps its name and loses what it asserts is not the shipped one any more."""
    path = copied / "verification" / "invariants.feature"
    text = path.read_text()
    path.write_text(text.replace(old.removeprefix("    "), new, 1))
    assert path.read_text() != text

    assert "Every invariant of the data's owner holds" in expected.changes(copied)


def test_lines_that_say_nothing_change_nothing(copied: Path) -> None:
    """Comments, blank lines and where a table stands are no part of a scenario."""
    path = copied / "verification" / "damaged_backup.feature"
    path.write_text("# a comment\n\n" + path.read_text().replace("      | damage ", "\n        | damage "))

    assert expected.changes(copied) == ()
