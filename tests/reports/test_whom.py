"""By whom a run was carried out, in words and with whose word it is."""

from __future__ import annotations

import dataclasses

import pytest

from drills.model.evidence import Initiator
from drills.record import to_json
from reports import html, markdown
from reports.redact import external
from reports.view.build import report
from reports.view.parts import Facts
from reports.view.whom import by_whom
from tests.support.example_record import green_drill

ARN = "arn:aws:sts::123456789012:assumed-role/drill/ann"
CI = Initiator(user="runner", host="ci-7", actor="octocat", job="https://github.example/shop/drills/actions/runs/4711")


@pytest.mark.parametrize(
    ("initiator", "told"),
    [
        (Initiator(), "not recorded"),
        (Initiator(arn=ARN), f"{ARN}, as AWS says"),
        (Initiator(user="ann", host="laptop"), "ann on laptop (self-declared, checked by nobody)"),
        (CI, f"runner on ci-7, started by octocat, in {CI.job} (self-declared, checked by nobody)"),
        (
            Initiator(arn="not known: ExpiredToken", user="ann"),
            "ann (self-declared, checked by nobody); in AWS not known: ExpiredToken",
        ),
    ],
    ids=["nothing", "AWS", "a person", "CI", "refused"],
)
def test_who_carried_out_the_run_is_said_with_whose_word_it_is(initiator: Initiator, told: str) -> None:
    """Only what AWS says of its caller is called AWS's; a name that the machine gave itself is called self-declared."""
    record = dataclasses.replace(green_drill(), initiator=initiator)
    made = report(record)
    identity = {name: value for part in made.blocks[0].lead if isinstance(part, Facts) for name, value in part.rows}

    assert by_whom(record) == told
    assert identity["by whom"] == told
    assert dict(made.page.answers)["by whom"] == f"{told}; trigger: not supplied"
    assert "by whom" in html.render(record)
    assert f"| by whom | {markdown.cell(told)}; trigger: not supplied |" in markdown.render(record)


def test_a_report_for_outsiders_names_no_person_and_no_machine() -> None:
    """User, actor, session and host are masked; a role stays, and a word that is a user's name too stays elsewhere."""
    who = dataclasses.replace(CI, arn=ARN, user="orders", actor="octocat")
    masked = external(dataclasses.replace(green_drill(), initiator=who))
    text = to_json(masked)

    assert not [each for each in ("octocat", "ci-7", "/ann", "github.example") if each in text]
    assert "assumed-role/drill/" in text
    assert masked.target is not None
    assert masked.target.name == "orders"
    assert len({masked.initiator.user, masked.initiator.actor}) == 2
