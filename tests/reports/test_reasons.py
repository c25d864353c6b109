"""What went wrong stands on top of every report, and the headline names the first object."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

from drills.model.finding import Finding
from drills.model.record import Failure, Promise, RunRecord, Setting
from drills.screen import Screen
from reports import allure_files, html, markdown, reasons, terminal
from reports.view import failures
from tests.support.example_record import failing_drill, green_drill


def ended(record: RunRecord, tmp_path: Path) -> str:
    """The end of a run on a terminal's page."""
    out = io.StringIO()
    terminal.summary(record, tmp_path, Screen(file=out, width=80))
    return out.getvalue()


def test_the_headline_names_the_first_object() -> None:
    """A failed verification is headed by the first object that differs."""
    record = failing_drill()
    first = reasons.errors_found(record)[0]
    assert reasons.headline(record).startswith(f"Verification failed: {first.object} differs")
    assert reasons.headline(green_drill()) == "Passed: all promises held"


def test_what_could_not_run_is_headed_by_its_reason() -> None:
    """Three green objectives under "could not run" have the reason beside them: a failure, a broken promise, or a check."""
    green = dataclasses.replace(green_drill(), code=12, all_codes=(12,))
    stopped = dataclasses.replace(green, failures=(Failure("the disk is full", 12),))
    broken = dataclasses.replace(
        green, promises=(Promise("x", "f", "The rehearsal is found", "broken", reason="no grant"),)
    )
    assert reasons.headline(stopped).endswith("could not verify: the disk is full")
    assert reasons.headline(broken).endswith("could not verify: The rehearsal is found: no grant")


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
    assert "what_went_wrong_1=" in allure_files.environment_properties(record)


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
