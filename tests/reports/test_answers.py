"""Page one answers what an auditor asks, in the same words in the page, the summary and the PDF."""

from __future__ import annotations

import dataclasses
import io
from datetime import UTC, datetime

import pytest
from pypdf import PdfReader

from drills.model.incident import Incident
from drills.model.record import RunRecord, Setting
from drills.model.timing import Objectives
from drills.objectives import timeline
from drills.record import to_json
from reports import html, markdown, pdf
from reports.view import answers
from reports.view.build import report
from tests.reports.test_html import visible
from tests.support.example_record import failing_drill, green_drill, interrupted_drill, running_drill

RECORDS = {
    "green": green_drill(),
    "failing": failing_drill(),
    "interrupted": interrupted_drill(),
    "running": running_drill(),
}
NOTHING = Objectives(None, None)
UNPROMISED = dataclasses.replace(green_drill(), worst_case=None, objectives=NOTHING)
ASKED = (
    *("what was restored", "when", "by whom", "from which point", "compared with", "checks", "all compared"),
    *("objectives met", "promises", "what became of it", "left behind"),
)


def squeezed(text: str) -> str:
    """Text without blanks and places to wrap at, as a PDF gives lines back."""
    return "".join(text.replace("\u200b", "").split())


@pytest.mark.parametrize("name", RECORDS)
def test_each_question_has_its_answer_on_page_one_of_each_report(name: str) -> None:
    """Before the first block, word for word, and within the PDF's first sheets."""
    record = RECORDS[name]
    said = report(record).page.answers
    page = visible(html.render(record).partition('<section class="block"')[0])
    summary = markdown.render(record).partition("<details>")[0]
    read = PdfReader(io.BytesIO(pdf.render(record, to_json(record).encode())))
    sheets = squeezed("".join(sheet.extract_text() for sheet in read.pages[:2]))

    assert tuple(question for question, _ in said) == ASKED
    for question, answer in said:
        assert f"{question} {answer}" in page.replace("&amp;", "&")
        assert f"| {question} | {markdown.cell(answer)} |" in summary
        assert squeezed(answer) in sheets


def test_the_answers_name_source_copy_point_and_instants() -> None:
    """Who has only page one can find what was restored from where, and where it is."""
    told = dict(report(green_drill()).page.answers)

    assert told["what was restored"].startswith(
        "orders, databases orders, PostgreSQL 16.9, 46.0 MiB, of instance myappdbprod"
    )
    assert "db.t4g.medium, in account 123456789012, region eu-central-1" in told["what was restored"]
    assert "(awsbackup, vault drill-vault), whose data reach to 2026-" in told["from which point"]
    assert (
        told["all compared"]
        == "no: 1 check not verified, 2 things not compared, or not exactly; block 8 has the reasons"
    )


def test_a_report_of_a_cluster_calls_it_one() -> None:
    """Source, threat, recovery point, moments and statuses: the cluster and its writer, and the record's words for the rest."""
    green = green_drill()
    record = dataclasses.replace(
        green, settings=(*green.settings, Setting("target.cluster", "myappdbprod", "drill.toml"))
    )
    of_instance, of_cluster = markdown.render(green), markdown.render(record)

    for said in (
        "of {0} myappdbprod",
        "| source {0} | myappdbprod |",
        "| threat | the {0} and its storage are lost |",
        "| {0} | myappdbprod (db-",
    ):
        assert said.format("instance") in of_instance, said
        assert said.format("cluster") in of_cluster, said
        assert said.format("instance") not in of_cluster, said
    assert "the scratch instance (DBInstanceStatus)" in of_instance
    assert "the scratch cluster and its writer" in of_cluster
    sources = {each.source for each in timeline.moments(record) if each.name.startswith("status ")}
    assert sources == {"the cluster's Status, then its writer's DBInstanceStatus, when own clock first saw it"}


def test_a_copy_that_never_came_to_be_is_not_said_to_be_restored() -> None:
    """Whether the run was aborted before, goes on, or the copy failed; one that was there when the run was aborted is named."""
    whole = interrupted_drill()
    creating = dataclasses.replace(whole.restorations[0], statuses=whole.restorations[0].statuses[:1])
    killed = dataclasses.replace(
        whole, restorations=(creating,), interrupted_by="the command itself was killed", aborted_in="restore"
    )

    def answer(record: RunRecord) -> str:
        return dict(report(record).page.answers)["what was restored"]

    told = answer(killed)
    assert told.startswith("nothing yet: aborted in phase restore: the command was killed; of orders, ")
    assert told.endswith(f"as {creating.instance_id}")
    running = dataclasses.replace(killed, interrupted_by="", code=None, ended_at=None)
    assert answer(running).startswith("nothing yet: the run has not ended; of orders")
    failed = dataclasses.replace(killed, interrupted_by="", aborted_in="")
    assert answer(failed).startswith("nothing: the copy did not become available; of orders")
    assert answer(whole).startswith("orders, ")


@pytest.mark.parametrize(
    ("record", "answer"),
    [
        (green_drill(), "yes: "),
        (failing_drill(), "no: "),
        (interrupted_drill(), "not all judged: "),
        (UNPROMISED, "not judged: no objective is set"),
    ],
    ids=["met", "missed", "interrupted", "none"],
)
def test_whether_the_objectives_were_met_begins_with_yes_or_no(record: RunRecord, answer: str) -> None:
    """Never yes while one of them is not judged."""
    assert dict(report(record).page.answers)["objectives met"].startswith(answer)


def test_what_was_not_compared_is_named_a_few_and_counted() -> None:
    """Names with the number of the rest; nothing where everything was compared."""
    record = failing_drill()
    assert answers.not_compared(record) == (
        "2 things not compared, or not exactly (block 8 has the reasons): parity of the AWS configuration; "
        "content: table shop.event_2019"
    )
    many = tuple(dataclasses.replace(record.not_checked[0], what=f"thing {n}") for n in range(9))
    assert answers.not_compared(dataclasses.replace(record, not_checked=many)).endswith("thing 5; and 4 more")
    bare = dataclasses.replace(record, not_checked=(), restorations=())
    assert answers.not_compared(bare) == ""


def test_of_an_incident_page_one_says_where_the_copy_is() -> None:
    """Whoever opens the report next knows where to log in, where the password is, until when, and what an hour costs."""
    until = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
    kept = Incident("latest", 3600.0, until, until, "drill-x-login", "owner", ("sg-1",), hour="cost about $0.12")
    record = dataclasses.replace(green_drill(), incident=kept)
    found = dict(answers.answers(record))

    assert found["where it is"].endswith(
        "as owner with the password in the secret drill-x-login; in sg-1; until 2026-11-29 12:00:00 UTC at least; an hour of it: "
        "cost about $0.12"
    )
    assert "where it is" not in dict(answers.answers(dataclasses.replace(record, incident=Incident("latest", 3600.0))))
    assert answers.answers(dataclasses.replace(record, incident=None)) == answers.answers(green_drill())
