"""What a cut-over's journal is shown as: where everything is, what was found, and nothing that did not happen."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from drills.cutover import show
from drills.cutover.model import Opening, RestoreChoice, State, replay_journal
from drills.history import wording
from tests.support.moves import NOON, OPENING, entries_of, journal


def state(stop: str = "", *, back: bool = False, **changes: Any) -> State:
    """A cut-over that was done up to a step, of an opening with changes."""
    return replay_journal(entries_of(replace(OPENING, **changes), stop, back=back))


@pytest.mark.parametrize(
    ("shown", "parts"),
    [
        pytest.param(
            state("suspend-scaling"),
            ("the services are as they were", "the source is called orders-prod", "nothing is restored yet"),
            id="begun",
        ),
        pytest.param(
            state("restore"),
            (
                "the services are stopped",
                "the source is called orders-prod-old and admits the drill host alone",
                "the restore may have been asked for",
            ),
            id="while it restores",
        ),
        pytest.param(
            state(),
            ("the services run", "the restored instance is called orders-prod", "writes were opened at"),
            id="done",
        ),
        pytest.param(
            state(back=True),
            ("the source is called orders-prod;", "the restored instance is called orders-prod-aside-abcd"),
            id="taken back",
        ),
        pytest.param(
            state("restore", position="stuck", renamed=""), ("the source orders-prod is as it was",), id="stuck"
        ),
        pytest.param(
            state("restore", position="gone", renamed="", source_resource_id=""), ("the source is gone",), id="gone"
        ),
    ],
)
def test_where_everything_is(shown: State, parts: tuple[str, ...]) -> None:
    """The service, the source under its name of now, the restored instance, and whether writes are open, in one line."""
    told = show.situation(shown)

    assert "\n" not in told
    assert [part for part in parts if part not in f"{told};"] == []
    assert told.count("; ") == 3
    assert ("writes are not open" in told) == (shown.writes_opened_at is None)


def test_a_report_says_each_step_with_its_time_and_what_it_found() -> None:
    """Who did it, the facts, each list by its label, and each answer of the public address once."""
    compared = {"compared": 70, "compared_with": "the old instance", "differences": ["iops"], "not_compared": ["tags"]}
    shown = journal(compare=compared, verify={"admits_while_verified": [], "checks": {"content": "met"}})
    lines = list(show.report_lines(shown))

    assert lines[0] == f"cut-over {OPENING.id} of orders-prod: done"
    assert "by drill:" in lines
    assert sum(" done: " in line for line in lines) == sum(each.event == "done" for each in shown.entries)
    assert {"differs: iops", "not compared: tags", "check content: met", "compared with: the old instance"} <= set(
        lines
    )
    assert [line.split(" from ")[0] for line in lines if line.startswith("  ") and " from 2026" in line] == [
        *("  200", "  503", "  200"),
    ]


@pytest.mark.parametrize(
    ("shown", "word"),
    [
        pytest.param(state("restore"), "not ended", id="stopped"),
        pytest.param(state(), "done", id="done"),
        pytest.param(state(back=True), "rolled back", id="back"),
    ],
)
def test_an_outcome_is_never_said_before_it_is_one(shown: State, word: str) -> None:
    """In the text and in JSON alike, which is one that can be written."""
    facts = show.facts_json(shown)

    assert next(show.report_lines(shown)).endswith(f": {word}")
    assert facts["ended"] == (word != "not ended")
    assert facts["writes_opened_at"] == (shown.writes_opened_at.isoformat() if shown.writes_opened_at else None)
    assert len(json.loads(json.dumps(facts))["steps"]) == len(shown.entries)


def test_a_simulated_one_is_stamped() -> None:
    """In the report, and as a fact."""
    promised = replace(OPENING.promised, simulated=True)
    shown = state(promised=promised)

    assert any(wording.SIMULATED in line for line in show.report_lines(shown))
    assert show.facts_json(shown)["simulated"] is True
    assert not any(
        wording.SIMULATED in line for line in show.report_lines(state(promised=replace(promised, simulated=False)))
    )


def test_what_was_not_compared_is_no_comparison() -> None:
    """Before that step there is none, and it says why; after it each difference and each gap has a line."""
    compared = {"compared": 70, "compared_with": "the old instance", "differences": ["iops"], "not_compared": ["tags"]}

    begun = state("restore")

    assert list(show.comparison_lines(replace(begun, failed=""))) == [
        "not compared: the cut-over has not come that far"
    ]
    assert list(show.comparison_lines(begun)) == [f"not compared: {begun.failed}"]
    assert begun.failed
    assert list(show.comparison_lines(journal(compare=compared))) == [
        *("70 settings compared with the old instance", "differs: iops", "not compared: tags"),
    ]


@pytest.mark.parametrize(
    ("opening", "said"),
    [
        (OPENING, "recovery point: awsbackup:job-1 by RDS"),
        (
            replace(OPENING, chosen=RestoreChoice("moment", moment=NOON, data_time=NOON, source_resource_id="db-A")),
            "recovery point: a moment by RDS, point-in-time, data up to 2026-11-28 12:00:00.00 UTC",
        ),
        (replace(OPENING, public_status=503), "the public address answers 503 now"),
        (OPENING, "the public address answers nothing now"),
    ],
)
def test_a_plan_says_where_it_begins_and_that_nothing_was_changed(opening: Opening, said: str) -> None:
    """The point, the way, and each step by its number with its calls."""
    lines = list(show.plan_lines(opening))
    numbers = [int(line.split(".")[0]) for line in lines if line[:3].strip().isdigit()]

    assert f"  {said}" in lines
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 10
    assert lines[-1].endswith("and nothing was changed.")


def test_a_rollback_has_no_way_back_of_its_own() -> None:
    """What is typed next goes on; forward there are two ways, and without writes none of them loses any."""
    assert len(show.next_commands(state(back=True))) == 1
    forward = show.next_commands(state("restore"))
    assert [each.split(": ")[0] for each in forward] == ["next", "or back"]
    assert "--discard-writes-since" not in forward[1]
