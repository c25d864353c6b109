"""report.html."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from drills.model.finding import Finding
from drills.model.record import RunRecord
from reports import controls, html, reasons, words
from reports.view import gaps, removal
from tests.support.example_record import failing_drill, green_drill, interrupted_drill, running_drill

ALL = [green_drill(), failing_drill(), interrupted_drill(), running_drill()]
VOID = {"meta", "br", "wbr", "link", "img", "hr", "input"}


class Outline(HTMLParser):
    """Collects headings, ids, references and text, and checks that every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.sources: list[str] = []
        self.tables: list[bool] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what begins."""
        known = {name: value or "" for name, value in attrs}
        self.ids += [known["id"]] if "id" in known else []
        self.labels += known.get("aria-labelledby", "").split()
        self.sources += [known[name] for name in ("src", "href") if name in known]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "table":
            self.tables.append(False)
        if tag == "caption":
            self.tables[-1] = True
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that closes itself, as in SVG."""

    def handle_endtag(self, tag: str) -> None:
        """Every end belongs to the last beginning."""
        assert self.open.pop() == tag


def visible(page: str) -> str:
    """The text of the page without markup and style."""
    body = re.sub(r"<style>.*?</style>|<wbr>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


@pytest.mark.parametrize("record", ALL, ids=["green", "failing", "interrupted", "running"])
def test_page_is_well_formed_and_accessible(record: RunRecord) -> None:
    """Elements are closed, headings leave no level out, ids are unique, labels lead somewhere, tables have captions."""
    outline = Outline(html.render(record))
    assert outline.open == []
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(outline.headings))
    assert [name for name, count in Counter(outline.ids).items() if count > 1] == []
    assert set(outline.labels) <= set(outline.ids)
    assert all(outline.tables)


@pytest.mark.parametrize("record", ALL, ids=["green", "failing", "interrupted", "running"])
def test_page_needs_no_network(record: RunRecord) -> None:
    """Nothing is loaded from anywhere, and there is no script."""
    page = html.render(record)
    assert set(Outline(page).sources) <= {"#full"}
    assert "<script" not in page
    assert "url(" not in page
    assert "@import" not in page


@pytest.mark.parametrize("record", ALL, ids=["green", "failing", "interrupted", "running"])
def test_page_bears_headline_stamps_and_codes(record: RunRecord) -> None:
    """The verdict, every stamp (at top and bottom) and every exit code in words stand on the page."""
    text = visible(html.render(record))
    assert reasons.headline(record) in text
    assert all(text.count(stamp) == 2 for stamp in words.stamps(record))
    assert all(f"exit code {line}" in text for line in words.exit_lines(record))


def test_simulated_stamp_is_missing_only_on_aws() -> None:
    """The stamp follows the record and nothing else."""
    assert words.SIMULATED in html.render(green_drill())
    assert words.SIMULATED not in html.render(failing_drill())


def test_page_names_findings_gaps_reasons_and_leftovers() -> None:
    """Objects with findings, what was not checked, why a promise was skipped or failed, and what is still there."""
    record = failing_drill()
    page = html.render(record)
    text = visible(page).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace("&#34;", '"')
    for finding in words.findings(record):
        assert finding.object in text
        assert finding.message in text
    for gap in (each for left in gaps.gaps(record).values() for each in left):
        assert gap.what in text
        assert gap.reason in text
    for promise in record.promises:
        assert promise.name in text
        assert promise.reason in text
    for name in removal.still_there(record):
        assert name in text
    for item in controls.NOT_EVIDENCED:
        assert item.what in text
    assert page.count('<details class="query">') == 2  # on page one, and in its block


def test_page_shows_the_rest_of_the_record() -> None:
    """Recovery point with the source of its data time, refused points, statuses, settings with origin, rehearsals."""
    text = visible(html.render(green_drill()))
    for expected in (
        "SnapshotDatabaseTime",
        "made by the drill itself",
        "status EXPIRED: only COMPLETED points can be restored",
        "master password",
        "db.t4g.medium (the source has db.m6g.large)",
        "--postgres",
        "one row of shop.customer removed from the stored snapshot",
        "1,999 rows",
        "Slowest phase of the recovery: restore, 9.7 s",
        "a manifest taken on the source at the time of the backup",
    ):
        assert expected in text, expected


def test_failures_stand_before_everything_but_the_verdict() -> None:
    """What went wrong is said right after the verdict."""
    text = visible(html.render(interrupted_drill()))
    assert text.index("What failed") < text.index("Objectives")
    assert "SIGTERM came after 4.1 s" in text


def test_record_cannot_become_markup() -> None:
    """A name from a database is text, whatever stands in it."""
    record = failing_drill()
    evil = "<script>alert(1)</script>'\""
    recovery = record.restorations[0]
    check = dataclasses.replace(
        recovery.checks[0],
        name=evil,
        outcome="missed",
        findings=(Finding(evil, "error", evil, evil, evil, evil, evil),),
    )
    changed = dataclasses.replace(
        record,
        run_id=evil,
        restorations=(dataclasses.replace(recovery, checks=(check,), damage=(evil,)),),
        phases=tuple(dataclasses.replace(phase, name=evil, note=evil) for phase in record.phases),
    )
    page = html.render(changed)
    assert "<script" not in page
    Outline(page)


def test_long_names_wrap_at_their_joints_only() -> None:
    """A long name may be broken after a dot, a colon, a dash or an underscore, a short one not; both stay text."""
    assert html.breakable("see arn:aws:rds:snapshot:x") == "see arn:<wbr>aws:<wbr>rds:<wbr>snapshot:<wbr>x"
    assert html.breakable("a_<b>") == "a_&lt;b&gt;"
    assert html.breakable("2026-11-29 12:10:05 UTC") == "2026-11-29 12:10:05 UTC"


def test_what_was_made_for_a_rehearsal_stands_apart() -> None:
    """Resources of the recovery and of the rehearsal have headings of their own, and the place is said once."""
    green = green_drill()
    again = dataclasses.replace(green.resources[-1], id=green.restorations[1].instance_id)
    text = visible(html.render(dataclasses.replace(green, resources=(*green.resources, again))))
    section = text[text.index("12 Clean-up") :]
    assert section.index("For the recovery") < section.index("For the rehearsal of a failure") < section.index(again.id)
    assert section.count("account 123456789012, region eu-central-1") == 2  # as a fact, and over the table


def test_not_verified_is_never_shown_as_passed() -> None:
    """The marks of a check that was not verified are its own."""
    page = html.render(green_drill())
    row = re.search(r"<th scope=\"row\" class=\"text\">amcheck</th>.*?</tr>", page, re.DOTALL)
    assert row
    assert 'class="outcome not-verified"' in row[0]
    assert "passed" not in row[0]
    assert "met<" not in row[0]


def test_bare_record_can_be_shown() -> None:
    """A run that ended before anything was known has its page too."""
    record = green_drill()
    bare = RunRecord(1, record.run_id, "aws", False, record.started_at, "0")
    text = visible(html.render(bare))
    assert "No recovery point was taken." in text
    assert "The run made nothing." in text


def test_a_narrow_page_shows_the_times_of_the_phases() -> None:
    """The cells of a phase carry the names of their columns, so that a narrow page shows them below it, without a scroll."""
    page = html.render(failing_drill())
    table = page.partition("<caption>Phases, in order")[2].partition("</table>")[0]

    assert '<table class="cards">\n<caption>Phases, in order' in page
    assert {'"Began"', '"Ended"', '"Took"'} <= set(re.findall(r'data-label=("\w+")', table))
    assert not re.findall(r"<td(?![^>]*data-label)[^>]*>[^<]", page)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("-6928774616630018025", "-6928774616630018025"),
        ("run (--damage row)", 'run <span class="whole">(--damage</span> row)'),
        ("arn:aws:rds:eu-central-1", "arn:<wbr>aws:<wbr>rds:<wbr>eu-<wbr>central-<wbr>1"),
        ("<b>--x</b>", '<span class="whole">&lt;b&gt;--x&lt;/b&gt;</span>'),
    ],
)
def test_text_is_wrapped_where_nothing_is_torn_apart(text: str, shown: str) -> None:
    """A name is wrapped behind its joints; a number keeps its sign and an option its dashes."""
    assert html.breakable(text) == shown
