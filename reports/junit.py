"""junit.xml: a test case for each promise, for CI servers; made from the record, and never green when the run was not.

A missed objective and a failed verification are a `failure` with its kind as its type, what could not run is an `error`.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator

from drills.history.line import OUTCOMES, became
from drills.model.record import Promise, RunRecord
from drills.printable import printable_lines
from reports import outcomes, reasons, words

THE_RUN = "the run"


def render(record: RunRecord) -> str:
    """The file as text, ending in a newline."""
    cases = [*(_case(record, promise) for promise in record.promises), *_of_the_run(record)]
    if record.code not in (0, None) and not any(each.find("failure") is not None or _broken(each) for each in cases):
        cases.append(_run_case(record, became(record), reasons.headline(record)))
    suite = ET.Element(
        "testsuite",
        name=_text(words.title(record)),
        tests=str(len(cases)),
        failures=str(sum(each.find("failure") is not None for each in cases)),
        errors=str(sum(_broken(each) for each in cases)),
        skipped=str(sum(each.find("skipped") is not None for each in cases)),
        time=f"{record.wall_seconds or 0.0:.3f}",
        timestamp=record.started_at.isoformat(timespec="seconds"),
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in _facts(record):
        ET.SubElement(properties, "property", name=name, value=_text(value))
    suite.extend(cases)
    whole = ET.Element("testsuites")
    whole.append(suite)
    ET.indent(whole)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(whole, encoding="unicode") + "\n"


def _facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    yield from (("run", record.run_id), ("profile", record.profile), ("outcome", became(record)))
    for stamp in words.stamps(record):
        yield "stamp", stamp
    yield "exit_codes", " ".join(str(code) for code in record.all_codes)
    for view in words.objective_views(record):
        for name, seconds in ((view.actual_name, view.actual), (view.objective_name, view.objective)):
            yield f"{name.lower()}_seconds", words.NOT_MEASURED if seconds is None else f"{seconds:.3f}"


def _text(text: str) -> str:
    return printable_lines(text)  # XML 1.0 has no place for control characters ("2.2 Characters")


def _broken(case: ET.Element) -> bool:
    return case.find("error") is not None


def _case(record: RunRecord, promise: Promise) -> ET.Element:
    case = ET.Element(
        "testcase", classname=_text(promise.feature), name=_text(promise.name), time=f"{promise.seconds:.3f}"
    )
    kind = outcomes.kind_of(record, promise)
    element = {"failed": "failure", "broken": "error", "skipped": "skipped"}.get(promise.outcome)
    if element is not None:
        _say(case, element, kind, promise.reason)
    return case


def _say(case: ET.Element, element: str, kind: str, sentence: str) -> None:
    said = ET.SubElement(case, element, type=kind, message=_text(sentence))
    said.text = _text(sentence)


def _of_the_run(record: RunRecord) -> Iterator[ET.Element]:
    """What is about the run as a whole and no promise of it: why it could not go on, and that it was stopped."""
    for failure in record.failures:
        yield _run_case(record, OUTCOMES.get(failure.exit_code, "could not run"), failure.sentence)
    if record.interrupted_by and not record.failures:
        yield _run_case(record, "could not run", reasons.headline(record))


def _run_case(record: RunRecord, kind: str, sentence: str) -> ET.Element:
    case = ET.Element("testcase", classname=_text(record.profile), name=THE_RUN, time="0.000")
    _say(case, "failure" if kind in ("objective missed", "verification failed") else "error", kind, sentence)
    return case
