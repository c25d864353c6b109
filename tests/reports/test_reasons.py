"""What went wrong stands on top of every report, and the headline names the first object."""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path

import pytest

from drills.model.finding import Finding, Verdict
from drills.model.instance import BUCKET, FILE_SYSTEM, TABLE, VOLUME
from drills.model.record import Failure, Promise, RunRecord, Setting
from drills.screen import Screen
from reports import allure_files, html, markdown, reasons, terminal, words
from reports.view import failures
from tests.support.example_record import failing_drill, green_drill


def ended(record: RunRecord, tmp_path: Path) -> str:
    """The end of a run on a terminal's page."""
    out = io.StringIO()
    terminal.summary(record, tmp_path, Screen(file=out, width=80))
    return out.getvalue()


def test_the_headline_names_the_first_object() -> None:
    """A failed verification is headed by the first two objects that differ, and by how many others do."""
    record = failing_drill()
    first, second, *others = dict.fromkeys(each.object for each in reasons.errors_found(record))
    assert reasons.headline(record).startswith(
        f"Verification failed: {first}, {second} and {len(others)} other objects differ;"
    )
    assert reasons.headline(green_drill()) == "Passed: all promises held"


@pytest.mark.parametrize(
    ("objects", "told"),
    [
        (("a",), "a differs"),
        (("a", "a"), "a differs"),
        (("a", "b"), "a and b differ"),
        (("a", "b", "c"), "a, b and 1 other object differ"),
        (("a", "b", "c", "a", "d"), "a, b and 2 other objects differ"),
    ],
)
def test_the_headline_counts_objects_and_not_findings(objects: tuple[str, ...], told: str) -> None:
    """An object with two findings is one, and one other object is named rather than counted."""
    record = failing_drill()
    found = tuple(Finding("catalog", "error", each, "x", "y", "differs") for each in objects)
    checks = (dataclasses.replace(record.restorations[0].checks[0], findings=found),)
    recovery = dataclasses.replace(record.restorations[0], checks=checks)
    record = dataclasses.replace(record, restorations=(recovery,), all_codes=(11,))

    assert reasons.headline(record) == f"Verification failed: {told}"


def test_what_could_not_run_is_headed_by_its_reason() -> None:
    """Three green objectives under "could not run" have the reason beside them: a failure, a broken promise, or a check."""
    green = dataclasses.replace(green_drill(), code=12, all_codes=(12,))
    stopped = dataclasses.replace(green, failures=(Failure("the disk is full", 12),))
    broken = dataclasses.replace(
        green, promises=(Promise("x", "f", "The rehearsal is found", "broken", reason="no grant"),)
    )
    assert reasons.headline(stopped) == "The drill could not go on: the disk is full"
    assert reasons.headline(broken) == "1 promise could not be tried: The rehearsal is found: no grant"


def test_a_long_reason_keeps_what_to_type() -> None:
    """Its middle is left out, at words, and no more of it than has to be; what has no words is cut all the same."""
    start, remedy = (
        'expected access to the vault "bunker"',
        "ask the approvers, or raise targets.orders.vault_access.approval",
    )
    long = f"{start}, found: {'a word that a server said at length ' * 20}: {remedy}"
    for text, begins, ends in ((long, start, remedy), ("x" * 999, "xxx", "xxx")):
        stopped = dataclasses.replace(green_drill(), code=12, all_codes=(12,), failures=(Failure(text, 12),))
        (said,) = reasons.reasons(stopped)
        assert said.startswith(begins)
        assert said.endswith(ends)
        assert reasons.LONGEST - 20 <= len(said) <= reasons.LONGEST
        assert " … " in said
        assert said in reasons.headline(stopped)


def test_a_reason_stands_once_among_the_promises(tmp_path: Path) -> None:
    """Of six scenarios that one sentence has kept from being tried, the first has it, and the others name their kind."""
    why = 'targets.orders: expected a vault that AWS Backup has, found none called so: vault = "vualt"'
    promises = tuple(Promise(f"x{n}", "f", f"Promise {n}", "broken", reason=why) for n in range(6))
    record = dataclasses.replace(green_drill(), code=12, all_codes=(12,), promises=promises)

    table = ended(record, tmp_path).partition(" promises could not be tried")[0]
    said = " ".join(table.split())
    assert (said.count("could not run: targets.orders:"), said.count("could not run: as above")) == (1, 5)


def test_a_run_that_ran_is_not_said_not_to_have_run() -> None:
    """Where a verdict was not reached, headline and exit code name it, and say no more than that."""
    rto = Verdict("rto", "not verified", "RTA was not measured: the copy was never usable", exit_code=10)
    record = dataclasses.replace(green_drill(), code=12, all_codes=(12,), verdicts=(rto,))

    assert reasons.headline(record) == f"Not verified: rto: {rto.sentence}"
    assert words.exit_lines(record) == ["12: not verified: rto"]


def test_planted_damage_is_not_to_be_repaired() -> None:
    """What a run with `--damage` finds is wanted, so that no report advises to run queries on the source or to distrust backups."""
    record = failing_drill()
    damaged = dataclasses.replace(record, settings=(*record.settings, Setting("--damage", "row", "command line")))
    found = reasons.errors_found(damaged)
    told = [each.todo for each in failures.finding_views(damaged, found)]

    assert "damaged on purpose (--damage row)" in told[0]
    assert set(told[1:]) == {"as above"}
    assert "damaged on purpose" not in str(failures.finding_views(record, found))


@pytest.mark.parametrize("kind", [TABLE, VOLUME, FILE_SYSTEM, BUCKET])
def test_what_is_no_database_gets_no_advice_of_one(kind: str) -> None:
    """It has no schema and no query: a tag that no restore brings back is set up by hand, and no manifest of a database helps."""
    record = failing_drill()
    assert record.target is not None
    other = dataclasses.replace(record, target=dataclasses.replace(record.target, kind=kind))
    tag = Finding("settings", "warning", "tag.team", "files", "not there", "tag.team is not there")
    found = [
        tag,
        *(Finding(name, "error", name, "a", "b", "differs") for name in ("settings", "lineage", "items", "objects")),
    ]
    told = [each.todo for each in failures.finding_views(other, found)]

    assert "set it up by hand" in told[0]
    assert all(told)
    assert "as above" not in told
    assert not re.search(r"\(drills (manifest|verify)\)|query", " ".join(told))
    assert "drills manifest" in failures.finding_views(record, [tag])[0].todo


def test_the_summary_has_the_query_that_an_advice_names() -> None:
    """Block 9 of summary.md holds each query with its line breaks, so that a comment in it ends where it should."""
    record = failing_drill()
    found = dataclasses.replace(reasons.errors_found(record)[0], query="-- which rows\nselect 1 where 1 < 2\n\n-- end")
    checks = (dataclasses.replace(record.restorations[0].checks[0], findings=(found,)),)
    recovery = dataclasses.replace(record.restorations[0], checks=checks)
    page, _, blocks = markdown.render(dataclasses.replace(record, restorations=(recovery,))).partition("<details>")

    assert "<pre>-- which rows\nselect 1 where 1 &lt; 2\n\n-- end</pre>" in blocks
    assert "<pre>" not in page


def test_each_reason_stands_before_the_objectives(tmp_path: Path) -> None:
    """Each failed or broken promise and each error finding has a sentence above the objectives, and in Allure's environment."""
    record = failing_drill()
    why = reasons.reasons(record)
    assert [promise for promise in record.promises if promise.outcome in ("failed", "broken")]
    for promise in record.promises:
        assert any(promise.name in each for each in why) == (promise.outcome in ("failed", "broken"))
    for finding in reasons.errors_found(record):
        assert any(each.startswith(f"{finding.object}: expected") for each in why)
    page, summary = html.render(record), markdown.render(record).replace("\\", "")
    failed = failures.failures(record)
    first = page[page.index('id="failures"') : page.index('id="objectives"')].replace("<wbr>", "")
    assert first.count('class="finding') + first.count("<li>") == len(failed)
    assert summary.index("## What failed") < summary.index("## Objectives")
    for finding in reasons.errors_found(record):
        assert finding.object in first
        assert finding.object in summary[: summary.index("## Objectives")]
    assert "reason_1=" in allure_files.environment_properties(record)


def test_the_end_fits_a_screen(tmp_path: Path) -> None:
    """From the headline on no more than 24 lines of 80 columns are printed, however many findings and promises there are."""
    record = failing_drill()
    many = tuple(Promise(f"x{n}", "f", f"Promise {n}", "failed", reason=f"reason {n}") for n in range(40))
    text = ended(dataclasses.replace(record, promises=many), tmp_path)
    end = text[text.index("Verification failed") :]
    assert len(end.splitlines()) <= 24
    assert "more in report.html" in end


def test_skipped_promises_of_one_reason_are_one_line(tmp_path: Path) -> None:
    """Five promises that are skipped for the same reason are counted in a line with it."""
    skipped = tuple(Promise(f"x{n}", "f", f"Promise {n}", "skipped", reason="about the sample") for n in range(5))
    text = ended(dataclasses.replace(green_drill(), promises=skipped), tmp_path)
    assert text.count("about the sample") == 1
    assert "5 promises: about the sample" in text


def test_a_run_that_was_damaged_on_purpose_is_stamped(tmp_path: Path) -> None:
    """`--damage` stands in every report."""
    record = failing_drill()
    damaged = dataclasses.replace(record, settings=(*record.settings, Setting("--damage", "row", "command line")))
    reports = [
        html.render(damaged),
        markdown.render(damaged),
        ended(damaged, tmp_path),
        allure_files.environment_properties(damaged),
    ]
    for text in reports:
        assert "DAMAGED ON PURPOSE" in text


def test_wanted_findings_are_called_wanted() -> None:
    """The findings of the rehearsal say in words that they are wanted, in print too."""
    page = html.render(green_drill())
    assert '<p class="object">wanted <span' in page
    assert 'class="finding wanted"' in page


def test_an_acknowledged_difference_is_shown_with_its_mark(tmp_path: Path) -> None:
    """Wherever a report shows the difference it says until when, by whom and why it is acknowledged; it is no reason."""
    record = green_drill()
    mark = "acknowledged until 2026-12-31 by Ada: old tool"
    known = Finding("catalog", "warning", "table shop.a", "owner app", "owner old", "it differs", acknowledged=mark)
    checks = (dataclasses.replace(record.restorations[0].checks[0], findings=(known,)),)
    record = dataclasses.replace(
        record, restorations=(dataclasses.replace(record.restorations[0], checks=checks), *record.restorations[1:])
    )

    assert reasons.reasons(record) == []
    for shown in (html.render(record), markdown.render(record), " ".join(ended(record, tmp_path).split())):
        assert f"({mark})" in shown
