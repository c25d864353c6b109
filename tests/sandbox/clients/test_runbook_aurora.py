"""The runbook of an Aurora cluster, typed word for word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.clients import runbook_aurora
from tests.sandbox.clients.runbook_page import members, page, shown
from tests.sandbox.clients.runbook_stack import Told
from tests.support.sandbox import end_sandbox, start_sandbox

# what no two clusters share, and what the runbook does not ask for, so that a restore resets it (RDS API reference)
OF_THE_CLUSTER = {"DbClusterResourceId", "ClusterCreateTime", "EarliestRestorableTime", "LatestRestorableTime"}
RESET = {"DeletionProtection"}


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[Told]]]:
    """The runbook, run once in a sandbox of its own, and the folder that it was run in."""
    running, folder = start_sandbox(), tmp_path_factory.mktemp("runbook")
    try:
        yield folder, runbook_aurora.run(running, folder)
    finally:
        end_sandbox(running)


def test_the_page_shows_the_commands_of_the_runbook() -> None:
    """docs/runbook-aurora.md has every command that is tested, in the same order, and no other."""
    there = shown(runbook_aurora.PAGE.read_text(encoding="utf-8"))
    assert [command for command, _ in there] == [step.command for step in runbook_aurora.STEPS]


@pytest.mark.postgres
@pytest.mark.sandbox
def test_each_command_does_what_the_page_says(replay: tuple[Path, list[Told]]) -> None:
    """Every command succeeds, what was lost is back, and left and right differ in what a restore makes anew or resets alone."""
    folder, told = replay
    wrong = {each.step.command: each.text for each in told if each.status != each.step.command.startswith("diff ")}
    answers = {each.step.command: each.text for each in told}
    left, right = (json.loads((folder / name).read_text())["DBClusters"][0] for name in ("left.json", "right.json"))

    assert wrong == {}
    assert answers["psql -h $PGHOST -p $PGPORT -d app -c 'DELETE FROM entry WHERE id > 500'"].strip() == "DELETE 500"
    assert told[-1].text.strip() == str(runbook_aurora.ROWS)
    assert (left["DeletionProtection"], right["DeletionProtection"]) == (True, False)
    assert set(re.findall(r'^[<>]\s+"(\w+)":', answers["diff left.json right.json"], re.MULTILINE)) <= (
        OF_THE_CLUSTER | RESET
    )
    assert [each["DBInstanceIdentifier"] for each in right["DBClusterMembers"]] == ["ledgerprod-writer"]
    here = shown(page(told, runbook_aurora.SECTIONS, runbook_aurora.OPENING))
    there = shown(runbook_aurora.PAGE.read_text(encoding="utf-8"))
    assert [(command, members(output)) for command, output in there] == [
        (command, members(output)) for command, output in here
    ]
