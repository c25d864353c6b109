"""A number that stands in several places of a report is the same in all of them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from drills.buckets import objects
from drills.model.finding import CheckResult, NotChecked, Verdict
from drills.model.instance import BUCKET, FILE_SYSTEM, TABLE, VOLUME
from drills.model.record import RunRecord
from drills.record import from_json
from drills.recovery.file_system import settings as file_system
from drills.recovery.volume import settings as volume
from reports import html, markdown, words
from reports.view import gaps, removal
from reports.view.build import report
from reports.view.first_page import untested
from reports.view.parts import Block, Facts, Lines, Table
from tests.reports.test_html import visible
from tests.support.example_record import failing_drill, green_drill, interrupted_drill, running_drill

FORMER = from_json((Path(__file__).parents[1] / "support/former_record.json").read_text(encoding="utf-8"))


def repeated() -> RunRecord:
    """A run whose verdicts repeat its checks, with verdicts of their own beside them and a thing that the run left out."""
    record = green_drill()
    same = [Verdict(each.name, each.outcome, each.sentence, each.requirement) for each in words.recovery_checks(record)]
    own = Verdict("usable within 15 m", "not verified", "RTA was not measured", exit_code=10)
    left = (NotChecked("cut-over: configuration: proxies", "needs rds:DescribeDBProxies"),)
    return dataclasses.replace(
        record, verdicts=(*record.verdicts, *same, own), not_checked=left, missing=("The rows match",)
    )


MANY = dataclasses.replace(green_drill(), partial=True, missing=tuple(f"Scenario {n}" for n in range(9)))
RECORDS = {
    "partial": MANY,
    "green": green_drill(),
    "failing": failing_drill(),
    "interrupted": interrupted_drill(),
    "running": running_drill(),
    "former": FORMER,
    "repeated": repeated(),
}


def table_of(block: Block, heading: str) -> list[str]:
    """The first cells of the table that is folded behind this heading, and of its headings."""
    found = next((each for each in block.folded if each.heading.startswith(heading)), None)
    return [row.cells[0] for part in (found.parts if found else ()) if isinstance(part, Table) for row in part.rows]


def rows(block: Block) -> dict[str, str]:
    """The facts of a block's lead."""
    return {name: value for part in block.lead if isinstance(part, Facts) for name, value in part.rows}


@pytest.mark.parametrize("name", RECORDS)
def test_every_block_says_the_same_number(name: str) -> None:
    """What was not verified, not compared, not tested, tried and made is counted alike on page one and in each block."""
    record = RECORDS[name]
    made = report(record)
    blocks = {each.number: each for each in made.blocks}
    scope, unverified = dict(report(record).page.answers), gaps.gaps(record)
    count = sum(map(len, unverified.values()))

    assert scope["checks"] == rows(blocks[6])["checks"]
    assert scope["promises"] == rows(blocks[6])["promises"]
    stated = re.search(r"(\d+) not verified", scope["checks"])
    assert (int(stated[1]) if stated else 0) == len(unverified.get("checks not verified", ()))
    verdicts = next((each.heading for each in blocks[6].folded if each.heading.startswith("Further verdicts")), "")
    stated = re.search(r"(\d+) not verified", verdicts)
    assert (int(stated[1]) if stated else 0) == len(unverified.get("further verdicts not verified", ()))
    stated = re.search(r"(\d+) things?", rows(blocks[6])["compared"])
    if words.recovery_checks(record):
        assert (int(stated[1]) if stated else 0) == len(unverified.get("things not compared, or not exactly", ()))
    listed = table_of(blocks[8], "Not checked")
    assert len(set(listed)) == len(listed) == count + len(unverified)
    assert blocks[8].result.endswith(f"not checked: {count}")
    for text in (visible(html.render(record)), markdown.render(record)):
        assert set(re.findall(r"[Nn]ot checked: (\d+)", text)) == {str(count)}


@pytest.mark.parametrize("name", RECORDS)
def test_what_was_not_tested_is_counted_one_by_one(name: str) -> None:
    """A line may stand for many promises of one reason; the number beside it counts each."""
    record = RECORDS[name]
    scope = report(record).blocks[1]
    listed = next((part.items for part in scope.lead if isinstance(part, Lines) and part.heading), ())
    shared = r"(\d+) (?:promises: skipped|scenarios?: expected)"
    number = sum(int(found[1]) if (found := re.match(shared, each)) else 1 for each in listed)

    assert list(listed) == untested(record)
    assert scope.result.endswith(f"not tested: {number}" if number else "all of it tested")


@pytest.mark.parametrize("name", RECORDS)
def test_both_times_of_the_clean_up_are_told_apart(name: str) -> None:
    """Block 12 has the time that removing took, and that of the phase in block 4, of which it is a part."""
    record = RECORDS[name]
    facts, timeline = rows(report(record).blocks[11]), report(record).blocks[3]
    phases = [part for fold in timeline.folded for part in fold.parts if isinstance(part, Table)]
    cleaning = [row.cells[-1] for part in phases[:1] for row in part.rows if row.cells[1] == removal.CLEAN_UP]

    assert facts["removal took"] == words.seconds_or(record.clean_up_seconds or None, "not recorded")
    assert ("phase of the clean-up" in facts) == bool(cleaning)
    if len(cleaning) == 1:
        assert facts["phase of the clean-up"].startswith(f"{cleaning[0]}:")


def test_a_setting_that_could_not_be_compared_is_not_called_met() -> None:
    """What the cut-over could not read is listed with its reason, and block 7 says met of what was compared alone."""
    verdict = Verdict("cut-over: configuration", "met", "73 settings compared; not compared: proxies: needs a right")
    record = dataclasses.replace(repeated(), verdicts=(verdict,))
    told = rows(report(record).blocks[6])["AWS configuration beside the source's"]

    assert told == f"met in what was compared: {verdict.sentence}"
    assert "cut-over: configuration: proxies" in table_of(report(record).blocks[7], "Not checked")
    whole = dataclasses.replace(record, not_checked=())
    assert rows(report(whole).blocks[6])["AWS configuration beside the source's"].startswith("met: ")


@pytest.mark.parametrize("name", RECORDS)
def test_page_one_counts_what_was_not_compared(name: str) -> None:
    """Who reads page one alone learns how many things no check compared, the first of them, and that block 8 has them."""
    record = RECORDS[name]
    number = len(gaps.things_not_compared(record))
    told = [line for line in report(record).page.untested if "(block 8 has the reasons): " in line]

    assert [line.split()[0] for line in told] == ([str(number)] if number else [])


def of_kind(kind: str, *results: CheckResult) -> RunRecord:
    """The green run as one of another kind, with these results of its copy alone, and of whose restore nothing is expected."""
    record = green_drill()
    assert record.target is not None
    restorations = tuple(dataclasses.replace(each, checks=results, expectation="none") for each in record.restorations)
    verdicts = tuple(Verdict(each.name, each.outcome, each.sentence, each.requirement) for each in results)
    target = dataclasses.replace(record.target, kind=kind)
    return dataclasses.replace(record, target=target, restorations=restorations, verdicts=verdicts, not_checked=())


def block_six(record: RunRecord) -> Block:
    """What was compared, with what, and how it came out."""
    return next(each for each in report(record).blocks if each.number == 6)


SETTINGS = CheckResult("settings", "met", "9 settings compared with the source", compared=9)
READ = CheckResult("objects", "met", "3 objects restored, 3 expected", compared=3)
UNREAD = {
    "": CheckResult("content", "not verified", "no manifest"),
    TABLE: CheckResult("items", "not verified", "no manifest"),
    VOLUME: volume.contents(),
    FILE_SYSTEM: file_system.contents(),
    BUCKET: objects.judge(objects.ObjectsSeen(None, expected=None)),
}


@pytest.mark.parametrize("kind", UNREAD)
@pytest.mark.parametrize("checked", [True, False])
def test_a_copy_whose_content_nobody_compared_is_not_compared_in_full(kind: str, *, checked: bool) -> None:
    """Of no kind, whether a check says so or none was made: block 6 and page one say the same."""
    record = of_kind(kind, SETTINGS, *([UNREAD[kind]] if checked else []))
    told = "1 check not verified" if checked else "its content not compared"

    assert rows(block_six(record))["compared"] == f"not in full: {told} (block 8)"
    assert dict(report(record).page.answers)["all compared"].startswith(f"no: {told}; ")
    assert "in full |" not in markdown.render(record).replace("not in full", "")


def test_a_copy_of_which_all_was_compared_is_compared_in_full() -> None:
    """Of a bucket each object was read, which the report says beside what it was compared with."""
    told = rows(block_six(of_kind(BUCKET, SETTINGS, READ)))

    assert told["compared"] == "in full"
    assert "its objects with those that it had when it was backed up" in told["compared with"]
    unread = of_kind(BUCKET, SETTINGS, UNREAD[BUCKET])
    assert rows(block_six(unread))["compared with"].endswith("its contents with nothing")
