"""The files beside Allure's results."""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
from pathlib import Path

import pytest

from drills.model.record import RunRecord, Setting
from drills.objectives.data_loss import NewestData, Reference, by_data, measure
from drills.objectives.recovery_time import measure_rta
from drills.objectives.verdicts import judge
from reports import allure_files, words
from tests.support.example_record import START, failing_drill, green_drill

LOST = Reference(START)


def category(message: str, status: str) -> str:
    """The first category that takes a result in, as Allure chooses it."""
    for each in allure_files.CATEGORIES:
        if status in each["matchedStatuses"] and re.search(each.get("messageRegex", ""), message):
            return str(each["name"])
    return ""


@pytest.mark.parametrize(
    ("message", "status", "expected"),
    [
        (judge(measure_rta(failing_drill().phases), 1800.0, "RTO").sentence, "failed", "Objective missed"),
        (
            judge(measure(by_data(NewestData(None, ""), LOST), LOST), 60.0, "RPO").sentence,
            "failed",
            "Not verified",
        ),
        ("drills.errors.NoRecoveryPoint: none of 3 points can be restored", "broken", "Objective missed"),
        ("drills.errors.CheckUnavailable: amcheck is absent", "broken", "Not verified"),
        ("1 finding: column shop.t.c: expected default 1, found no default", "failed", "Verification failed"),
        ("RuntimeError: connection lost", "broken", "Could not run"),
        ("the profile sandbox does not allow @cutover", "skipped", "Precondition absent"),
    ],
)
def test_results_fall_into_the_category_of_their_sentence(message: str, status: str, expected: str) -> None:
    """The sentences of verdicts and errors lead to the category that an owner looks for."""
    assert category(f"AssertionError: {message}", status) == expected


def test_expressions_are_understood_by_javascript_and_java() -> None:
    """No inline flags, which JavaScript refuses, and whole messages, which Allure 2 asks for."""
    for each in allure_files.CATEGORIES:
        expression = each.get("messageRegex", ".*x.*")
        assert "(?" not in expression
        assert expression.startswith(".*")
        assert expression.endswith(".*")


def test_three_files_are_written(tmp_path: Path) -> None:
    """environment.properties, executor.json and categories.json hold what the record says."""
    allure_files.write(tmp_path, green_drill())
    properties = dict(
        line.split("=", 1) for line in (tmp_path / "environment.properties").read_text("utf-8").splitlines()
    )
    assert properties["note"] == words.SIMULATED
    assert properties["postgresql"] == "16.9"
    assert properties["setting_rto"] == "30 m (from drill.toml)"
    assert properties["recovery_point"].startswith("arn:aws:rds:")
    assert properties["version"] == "0.1.0 (commit 3f2a9c1)"
    assert words.SIMULATED in json.loads((tmp_path / "executor.json").read_text("utf-8"))["reportName"]
    assert json.loads((tmp_path / "categories.json").read_text("utf-8")) == list(allure_files.CATEGORIES)


@pytest.mark.parametrize("record", [green_drill(), failing_drill()], ids=["green", "failing"])
def test_the_rows_that_allure_does_not_fold_say_verdict_objectives_and_evidence(record: RunRecord) -> None:
    """Allure shows the executor and seven more, and folds what follows: settings are behind the answers of page one."""
    lines = allure_files.environment_properties(record).splitlines()
    names = [line.partition("=")[0] for line in lines]

    assert names[0] == "verdict"
    assert {"RTA", "RPA", "evidence_level"} <= set(names[:7])
    assert ("reason_1" in names[:7]) == (record.code != 0)
    assert names.index("what_was_restored") < names.index("setting_rto")
    assert len(names) == len(set(names))


def test_the_title_names_each_stamp_and_has_room_for_no_more() -> None:
    """A title of three lines pushes Allure's ring of outcomes out of shape; the note has the stamps whole."""
    record = dataclasses.replace(green_drill(), partial=True, partial_reason="filtered with -k recovery")
    title = allure_files.executor(record, {})["reportName"]

    assert title.endswith(f"; {words.SIMULATED}; PARTIAL")


def test_settings_are_cleared_of_passwords() -> None:
    """A seed's URL stands there without its password, and on one line."""
    word = secrets.token_hex(8)
    setting = Setting("seed", f"postgresql://app:{word}@db/orders\nnext", "--seed")
    text = allure_files.environment_properties(dataclasses.replace(green_drill(), settings=(setting,)))
    assert word not in text
    assert "setting_seed=postgresql://app:****@db/orders next (from --seed)\n" in text


def test_executor_is_github() -> None:
    """In GitHub Actions the executor leads to the run."""
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_RUN_ID": "77",
        "GITHUB_RUN_NUMBER": "12",
        "GITHUB_WORKFLOW": "drill",
    }
    told = allure_files.executor(green_drill(), environ)
    assert (told["type"], told["buildName"], told["buildOrder"]) == ("github", "drill #12", 12)
    assert told["buildUrl"] == "https://github.example/o/r/actions/runs/77"


def test_executor_is_gitlab() -> None:
    """In GitLab CI the executor leads to the job."""
    environ = {
        "GITLAB_CI": "true",
        "CI_JOB_URL": "https://gitlab.example/j/1",
        "CI_JOB_NAME": "drill",
        "CI_PIPELINE_IID": "5",
    }
    told = allure_files.executor(green_drill(), environ)
    assert (told["type"], told["buildName"], told["buildUrl"]) == ("gitlab", "drill #5", "https://gitlab.example/j/1")


def test_executor_is_this_machine() -> None:
    """Elsewhere the run itself is named, and nothing of the machine."""
    told = allure_files.executor(green_drill(), {})
    assert set(told) == {"reportName", "name", "type", "buildName"}
    assert told["buildName"] == green_drill().run_id
