"""Writes every report of a run from its record: summary.md, report.html and .pdf, junit.xml, exports, Allure's, `latest`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from jinja2 import TemplateError

from drills.errors import USAGE, ConfigError, DrillError
from drills.files import half_of, whole_or_gone, write_atomically
from drills.model.record import RunRecord
from drills.objectives import verdicts
from drills.record import RECORD_NAME, load, to_json
from reports import allure_files, allure_history, allure_render, html, junit, markdown, pdf, redact, words
from reports.export import files as exports

LATEST = "latest"
NOT_WRITTEN = "could not be written"


def write_all(folder: Path, *, render_allure: bool, with_pdf: bool = True) -> list[str]:
    """Make the reports of the run in `folder` and return the lines to print.

    Reads drill.json and, for Allure, the results that pytest wrote. Never raises for a rendering problem: the line says
    what could not be made and how to make it later. Raises ConfigError when the folder holds no readable run record.
    The record of a run that passed gets its exit code last. Reads GITHUB_STEP_SUMMARY.
    """
    held = load(folder)
    record = verdicts.reported(held)
    lines = [*_of_record(folder, record), _pdf(folder, record, changed=record != held) if with_pdf else ""]
    if record.code != USAGE:  # a run that was refused is none, and no evidence
        lines.append(_attempt("the exports", folder, lambda: exports.write(folder, record)))
    results = folder / "allure-results"
    if results.is_dir():
        lines.append(_attempt("Allure's own files", folder, lambda: allure_files.write(results, record)))
        if render_allure:
            history = allure_history.of(record, folder)
            lines.append(allure_render.render(results, folder / "allure-report", history))
    if record.code != USAGE:  # a run that was refused is none
        lines.append(_attempt("the link to the latest run", folder, lambda: point_latest(folder)))
    lines.append(_attempt("the step summary", folder, lambda: append_step_summary(markdown.render(record))))
    if record != held:
        write_atomically(folder / RECORD_NAME, to_json(record))
    return [line for line in lines if line]


def write_redacted(folder: Path, into: Path) -> list[str]:
    """Make the reports of the run in `folder` from its record with the profile `external` masked, and return lines to print.

    They lie in `into`, with the masked record beside them. Raises ConfigError for a folder that holds a record which is not
    masked. Nothing that pytest or AWS wrote goes there: Allure's results, logs and raw answers are not masked.
    """
    record = redact.external(verdicts.reported(load(folder)))
    if (into / RECORD_NAME).exists() and not words.is_redacted(load(into)):
        raise ConfigError(
            f"expected a folder for masked reports, found a run's own folder at {into}: name another with -o"
        )
    into.mkdir(parents=True, exist_ok=True)
    write_atomically(into / RECORD_NAME, to_json(record))
    return [line for line in (*_of_record(into, record), _pdf(into, record, changed=False)) if line]


def _of_record(folder: Path, record: RunRecord) -> list[str]:
    """Write the reports that are made from nothing but the record, and take no time."""
    return [
        _attempt("summary.md", folder, lambda: write_atomically(folder / "summary.md", markdown.render(record))),
        _attempt("junit.xml", folder, lambda: write_atomically(folder / "junit.xml", junit.render(record))),
        _attempt("report.html", folder, lambda: write_atomically(folder / "report.html", html.render(record))),
    ]


def _pdf(folder: Path, record: RunRecord, *, changed: bool) -> str:
    """Write report.pdf, with the record attached as it lies there, or as it is about to be written where it has `changed`."""
    if not pdf.is_available():  # an extra: `drills report` says how to get it
        return ""
    path = folder / RECORD_NAME
    attached = to_json(record).encode("utf-8") if changed else path.read_bytes()
    return _attempt("report.pdf", folder, lambda: write_atomically(folder / "report.pdf", pdf.render(record, attached)))


def _attempt(what: str, folder: Path, work: Callable[[], None]) -> str:
    """Do the work; an empty line when it went well, else the sentence that says what to do."""
    try:
        work()
    except (OSError, ValueError, LookupError, TypeError, AttributeError, TemplateError, DrillError) as error:
        later = allure_render.later(folder)
        return f"{what} {NOT_WRITTEN} ({error}); the run record is whole, so it can be made later: {later}"
    return ""


def point_latest(folder: Path) -> None:
    """Let `latest` beside the run's folder lead to it: a symlink, or where there are none a file with its name."""
    run = folder.resolve()  # `latest` itself may be given: it must not come to lead to itself
    link = run.parent / LATEST
    if run == link:  # a run that was copied to a folder of that name
        return
    half = half_of(link)
    with whole_or_gone(half):
        try:
            half.symlink_to(run.name, target_is_directory=True)
        except (OSError, NotImplementedError):
            half.write_text(run.name + "\n", encoding="utf-8")
        half.replace(link)


def append_step_summary(summary: str) -> None:
    """Append Markdown to the page of a job of GitHub's, where this is one. Raises OSError."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        with Path(path).open("a", encoding="utf-8") as out:
            out.write(summary + "\n")
