"""Page one and the fourteen blocks: the same in HTML, Markdown and PDF."""

from __future__ import annotations

import dataclasses
import json
import re
import xml.etree.ElementTree as ET

import pytest
import typst

from drills.model.evidence import EvidenceSummary, PlanReferences
from drills.model.finding import Finding
from drills.model.instance import Resource
from drills.model.record import RunRecord
from reports import controls, html, markdown, pdf, words
from reports.view.build import report
from reports.view.failures import failures
from reports.view.parts import NOT_SUPPLIED, Block, Facts, Lines, Table, as_data
from tests.reports.test_html import visible
from tests.support.example_history import drill_with_history
from tests.support.example_record import failing_drill, green_drill, interrupted_drill, running_drill

ALL = [green_drill(), failing_drill(), interrupted_drill(), running_drill(), drill_with_history(15)]
IDS = ["green", "failing", "interrupted", "running", "history"]
KEYS = (
    *("identity", "scope", "point", "timeline", "results", "integrity", "security", "exceptions", "findings", "trend"),
    *("controls", "clean-up", "sign-off", "verification"),
)
PLAN = PlanReferences("BCP-07 v3", "BIA-4", "TT-1", "Ann", "2026-04-17", "Bob", "Cyd", ("DR-1", "DR-2"))


def plain(text: str) -> str:
    """Text without places to wrap at and without doubled blanks."""
    return " ".join(text.replace("\u200b", "").split())


def headings(record: RunRecord) -> list[str]:
    """The headings that typst sets, as text."""

    def text_of(body: object) -> str:
        if isinstance(body, dict):
            own = str(body.get("text", "")) if isinstance(body.get("text"), str) else ""
            inner = [body[key] for key in ("body", "child") if key in body] + list(body.get("children", []))
            return own + "".join(text_of(each) for each in inner) + (" " if body.get("func") == "space" else "")
        return ""

    found = typst.query(
        str(pdf.TEMPLATE), "heading", root=str(pdf.TEMPLATE.parent), sys_inputs=pdf.inputs(record, b"{}")
    )
    return [plain(text_of(each.get("body"))) for each in json.loads(found)]


def rows(block: Block) -> dict[str, str]:
    """The facts of a block's lead."""
    return {name: value for part in block.lead if isinstance(part, Facts) for name, value in part.rows}


@pytest.mark.parametrize("record", ALL, ids=IDS)
def test_every_block_is_in_all_three_forms(record: RunRecord) -> None:
    """Fourteen blocks in their order, each with its name and its result, in the page, the summary and the PDF."""
    blocks = report(record).blocks
    page = visible(html.render(record))
    summary = markdown.render(record)
    set_by_typst = headings(record)

    assert tuple(block.key for block in blocks) == KEYS
    assert [block.number for block in blocks] == list(range(1, 15))
    for block in blocks:
        name = f"{block.number} {block.name}"
        assert block.result
        assert name in page
        assert f"<summary>{name}: " in summary
        assert name in set_by_typst
        for fold in block.folded:
            assert any(each.startswith(f"{name}: ") for each in set_by_typst)
            assert fold.heading.split(":")[0] in summary


@pytest.mark.parametrize("record", ALL, ids=IDS)
def test_page_one_stands_before_anything_folded(record: RunRecord) -> None:
    """Verdict, objectives, scope, gaps, exceptions and signatures come before the first block, and none of them is folded."""
    page = html.render(record)
    first, _, rest = page.partition('<section class="block"')

    for name in ("objectives", "answers", "sealing", "untested", "exceptional"):
        assert f'id="{name}"' in first
        assert f'id="{name}"' not in rest
    assert '<details class="fold">' not in first
    assert page.index('class="page-one') < page.index("<details") or "<details" not in first
    summary = markdown.render(record).partition("<details>")[0]
    for name in ("Objectives", "In short", "Signatures", "Expected and not tested", "Exceptions"):
        assert f"## {name}\n" in summary


def test_a_failed_run_begins_with_what_failed() -> None:
    """The first finding stands before the objectives, with what was expected, what was found, and what to do."""
    record = failing_drill()
    first = failures(record)[0]
    assert first.todo
    for text in (visible(html.render(record)), plain(markdown.render(record).replace("\\", ""))):
        start = text[: text.index("Objectives")]
        for said in (first.object, first.expected, first.found, first.todo):
            assert said in start


def test_what_failed_is_said_once() -> None:
    """A promise that failed for a reason which a finding has said is not told again; one with a reason of its own is."""
    record = failing_drill()
    finding = words.findings(record)[0]
    same = dataclasses.replace(record.promises[0], name="said before", outcome="failed", reason=f"x: {finding.message}")
    own = dataclasses.replace(same, name="new", reason="the disk was full, and nobody had said so")
    told = [each.object for each in failures(dataclasses.replace(record, promises=(same, own)))]

    assert "promise: new" in told
    assert "promise: said before" not in told


def test_what_failed_names_objectives_leftovers_and_open_verdicts() -> None:
    """Beside differences: a missed objective, what is still there, and a required verdict that was not reached."""
    told = {(each.severity, each.object) for each in failures(failing_drill())}

    assert ("objective missed", "RTA against RTO") in told
    assert ("not verified", "rpo") in told
    assert any(severity == "left behind" for severity, _ in told)
    assert failures(green_drill()) == []
    assert failures(running_drill()) == []


NOTE = "kept on purpose; to remove it: aws rds delete-db-instance --db-instance-identifier orders-aside"
KEPT = Resource("db-instance", "orders-aside", "kept", note=NOTE)


def test_what_a_cut_over_keeps_is_told_with_its_command_and_is_no_failure() -> None:
    """Nobody reads that all is gone while a copy of the data stands; once more than its name, on page one and in the block."""
    whole = report(dataclasses.replace(green_drill(), resources=(*green_drill().resources, KEPT)))
    block, page = whole.blocks[11], dict(whole.page.answers)

    assert block.result == "All but what is kept on purpose was seen to be gone: db-instance orders-aside"
    assert any(isinstance(part, Lines) and NOTE in part.items[0] for part in block.lead)
    assert (page["left behind"], page["kept on purpose"]) == ("nothing", "db-instance orders-aside")
    assert failures(dataclasses.replace(green_drill(), resources=(KEPT,))) == []


def test_what_a_service_may_use_is_not_to_be_deleted() -> None:
    """A cut-over that was not rolled back has left the instance that bears the name of production."""
    serves = dataclasses.replace(KEPT, id="orders-prod", state="in use", note="drills cutover rollback X")
    (found,) = failures(dataclasses.replace(green_drill(), resources=(serves,)))

    assert found.todo == "Do not delete it: a service may use it. Roll the cut-over back."
    assert found.found == "in use: drills cutover rollback X"


@pytest.mark.parametrize("record", ALL, ids=IDS)
def test_empty_slots_say_that_nothing_was_supplied(record: RunRecord) -> None:
    """What only people can say stands there as a slot; what drill.toml says stands there word for word."""
    empty, filled = (
        report(record),
        report(dataclasses.replace(record, plan=PLAN, trigger="retest of 20260101-000000-abcd")),
    )

    def slots(of: tuple[Block, ...]) -> str:
        scope, signed, actions = (rows(of[number - 1]) for number in (2, 13, 9))
        named = ("contingency plan", "business impact analysis", "owner of the objectives", "objectives approved")
        told = [scope[name] for name in named] + [signed["reviewed by"], signed["approved by"]]
        return "|".join([*told, signed["tabletop exercise"], actions["tickets"]])

    assert slots(empty.blocks) == "|".join([NOT_SUPPLIED] * 8)
    for each in ("BCP-07 v3", "BIA-4", "TT-1", "Ann", "2026-04-17", "Bob", "Cyd", "DR-1, DR-2"):
        assert each in slots(filled.blocks)
    assert "not signed" in slots(filled.blocks)
    assert rows(filled.blocks[8])["retest of"] == "20260101-000000-abcd"


def test_the_place_in_the_chain_is_shown() -> None:
    """Level, sequence, chain, key and digests stand on page one and in block 14; a run without evidence says so."""
    kept = EvidenceSummary("sandbox-orders", 42, "L1", "a" * 64, "b" * 64, "c" * 64, "s3://bucket/prefix")
    made = report(dataclasses.replace(green_drill(), evidence=kept))
    page, last = dict(made.page.sealing), rows(made.blocks[13])

    assert page["evidence level"].startswith("L1: signed")
    assert page["sequence"] == "no. 42 of chain sandbox-orders"
    assert page["signing key"] == "c" * 64
    assert last["previous entry"] == f"sha256 {'a' * 64}"
    assert last["start record"] == f"sha256 {'b' * 64}"
    assert last["stored in"] == "s3://bucket/prefix"
    bare = report(green_drill())
    assert "no evidence" in dict(bare.page.sealing)["evidence level"]
    assert bare.blocks[13].result == "Not sealed"


@pytest.mark.parametrize("record", ALL, ids=IDS)
def test_every_drawing_is_told_in_words(record: RunRecord) -> None:
    """Each drawing is an image with a title and a description of its own, in every form, and marks of a key are hidden."""
    for text in re.findall(r"<svg.*?</svg>", html.render(record) + json.dumps(as_data(report(record))), re.DOTALL):
        root = ET.fromstring(text.replace('\\"', '"').replace("\\n", "\n"))
        if root.get("aria-hidden") == "true":
            continue
        ids = {each.tag.rpartition("}")[2]: each.get("id") for each in root if each.text and each.get("id")}
        assert root.get("role") == "img"
        assert (root.get("aria-labelledby") or "").split() == [ids["title"], ids["desc"]]


def test_nothing_of_a_name_becomes_markup_in_any_form() -> None:
    """What a database calls its objects is text in a part, a heading and a drawing."""
    evil = "<img src=x onerror=alert(1)>&*[a](b)"
    record = failing_drill()
    recovery = record.restorations[0]
    found = Finding("content", "error", evil, evil, evil, evil, evil)
    check = dataclasses.replace(recovery.checks[0], name=evil, outcome="missed", findings=(found,))
    phases = tuple(dataclasses.replace(each, name=evil, note=evil) for each in record.phases)
    changed = dataclasses.replace(
        record, phases=phases, restorations=(dataclasses.replace(recovery, checks=(check,), damage=(evil,)),)
    )

    assert "<img" not in html.render(changed)
    assert "<img" not in markdown.render(changed)
    for block in report(changed).blocks:
        assert "<img" not in json.dumps([each["alone"] for each in as_data(block)["lead"] if "alone" in each])


def test_the_bundle_is_checked_in_the_order_in_which_each_step_proves_something() -> None:
    """The key comes from its owner before the signature is checked with it, and the signature before the digests it covers."""
    record = dataclasses.replace(green_drill(), evidence=EvidenceSummary("aws-orders", 4, level="L1", key="ab" * 32))
    steps = next(part.items for part in report(record).blocks[13].lead if isinstance(part, Lines))
    places = [
        next(n for n, each in enumerate(steps) if said in each) for said in ("its owner", "openssl", "sha256sum -c")
    ]

    assert places == sorted(places)


def test_controls_without_evidence_share_a_line_with_their_reason() -> None:
    """A table has what the run speaks of, for it or against it; every other control is named once, beside why not."""
    record = dataclasses.replace(green_drill(), simulated=False, profile="aws")
    for fold in report(record).blocks[10].folded:
        own = [each for each in controls.of(record) if fold.heading.startswith(f"{each.framework}:")]
        rows_shown = [row.cells[0] for part in fold.parts if isinstance(part, Table) for row in part.rows]
        lines = [line for part in fold.parts if isinstance(part, Lines) for line in part.items]
        silent = [each for each in own if not each.supported and not each.failed]

        assert rows_shown == [each.control for each in own if each not in silent]
        assert len(lines) == len({each.sentence for each in silent})
        assert all(any(each.control in line and line.endswith(each.sentence) for line in lines) for each in silent)
    assert report(record).blocks[10].folded
    assert report(green_drill()).blocks[10].folded == ()
