"""A part of the fault corpus, and that what judges it cannot flatter itself; `tox -e faults` runs all of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from drills.model.finding import CheckResult, Finding, NotChecked, Severity
from drills.sandbox.postgres.binaries import find, readable, server_user
from tests.faults import corpus, matrix, peers, run, trials, verdicts
from tests.faults.lab import Lab
from tests.faults.matrix import Served
from tests.faults.model import Case, Observation, PeerVerdict, SqlCase, Trial
from tests.support.cluster import module_state

__all__ = ["module_state"]

# One of each kind, tried in every run of the tests
USUAL = {"L03", "L20", "L30", "L61", "P02", "P07", "P22", "C05", "S02", "N00", "N03", "N08", "N15", "N17", "N20"}
# One or two of each kind; what is left out here differs from these in its object alone.
CHOSEN = (
    "L01", "L03", "L06", "L08", "L11", "L16", "L20", "L30", "L38b", "L48b", "L59", "L61", "L67", "P02", "P03", "P05", "P07", "P10",
    "P15", "P20b", "P22", "P25", "C05", "S02",
)  # fmt: skip


def named(cases: tuple[Case, ...]) -> list[object]:
    """The cases as parameters, each with its name as the test's id; those that are not usual are of the full product."""
    return [
        pytest.param(case, id=f"{case.id}-{case.name}", marks=[] if case.id in USUAL else [pytest.mark.matrix])
        for case in cases
    ]


@pytest.fixture(scope="module")
def lab(module_state: Path) -> Iterator[Lab]:
    """A lab on the preferred PostgreSQL."""
    opened = Lab(module_state, readable(find()[0], server_user(), module_state))
    opened.open()
    yield opened
    opened.source.kill()


def tried(lab: Lab, case: Case) -> Trial:
    """The trial of a case; skipped where the server lacks what it needs."""
    if lack := corpus.lacking(case, lab.abilities):
        pytest.skip(f"needs {lack}")
    return trials.carry_out(lab, case)


@pytest.mark.postgres
@pytest.mark.parametrize("case", named(tuple(case for case in corpus.FAULTS if case.id in CHOSEN)))
def test_a_fault_is_found_by_name(lab: Lab, case: Case) -> None:
    """A copy that was harmed is told from its manifest by a finding that names what was harmed."""
    trial = tried(lab, case)

    assert verdicts.is_material(trial), "the harm changed nothing"
    assert verdicts.is_found(trial), run.describe(trial)


@pytest.mark.postgres
@pytest.mark.parametrize("case", named(corpus.HARMLESS))
def test_a_harmless_difference_gives_no_finding(lab: Lab, case: Case) -> None:
    """An honest copy is accused of nothing, whatever it looks like inside."""
    trial = tried(lab, case)

    assert not verdicts.is_false_alarm(trial), run.describe(trial)


def test_the_corpus_is_as_large_as_the_catalogue() -> None:
    """At least 95 faults, each with an id and a name of its own, an expected check and the name of what is harmed."""
    ids = [case.id for case in corpus.CASES]

    assert len(corpus.FAULTS) >= 95
    assert len(set(ids)) == len(ids)
    assert len({case.name for case in corpus.CASES}) == len(ids)
    assert all(case.found_by and case.names and case.damage for case in corpus.FAULTS)
    assert not [case.id for case in corpus.HARMLESS if case.found_by or case.names]
    assert set(CHOSEN) <= {case.id for case in corpus.FAULTS}
    assert set(CHOSEN).union(case.id for case in corpus.HARMLESS) >= USUAL


def test_the_document_tells_of_every_case() -> None:
    """docs/detection.md has a line for each case of the corpus: it was made after the last one was added."""
    text = run.DOCUMENT.read_text(encoding="utf-8")

    assert not [case.id for case in corpus.CASES if f"{case.id} {case.name}" not in text]


FAULT = SqlCase(
    id="X1", name="row-lost", damage="a row is gone", statements=("delete",), probe="select", found_by=("content",),
    names=r"lab\.item",
)  # fmt: skip
CONTROL = SqlCase(id="X2", name="same", damage="nothing", statements=(), probe="", harmless=True, listed="cache")
CHANGED = Observation("4,000", "3,999")


def result(check: str = "content", table: str = "lab.item", severity: Severity = "error") -> CheckResult:
    """A check's result with one finding."""
    finding = Finding(check, severity, table, "4,000 rows", "3,999 rows", f"{table} lost 1 of 4,000 rows")
    return CheckResult(check, "missed", finding.message, findings=(finding,))


@pytest.mark.parametrize(
    ("results", "found"),
    [
        ((result(),), True),
        ((result(severity="warning"),), True),
        ((result(table="lab.other"),), False),
        ((result(check="sequences"),), False),
        ((result(severity="information"),), False),
        ((), False),
    ],
)
def test_only_an_expected_finding_that_names_the_object_counts(results: tuple[CheckResult, ...], found: bool) -> None:
    """A finding of another check, of another object or for information alone does not find a fault."""
    assert verdicts.is_found(Trial(FAULT, CHANGED, results)) is found


def test_a_copy_that_does_not_start_is_found_only_by_its_reason() -> None:
    """The restore has to say what is wrong; that something failed is not enough."""
    case = dataclasses.replace(FAULT, found_by=("restore",), names="checkpoint record")

    assert verdicts.is_found(Trial(case, CHANGED, (), "could not locate a valid checkpoint record"))
    assert not verdicts.is_found(Trial(case, CHANGED, (), "no space left on device"))
    assert not verdicts.is_found(Trial(FAULT, CHANGED, (), "lab.item cannot be restored"))


def test_a_harmless_copy_is_accused_by_a_finding_by_silence_and_by_a_check_without_verdict() -> None:
    """What a restore always loses has to be listed, and nothing required may be left unverified."""
    listed = CheckResult("content", "met", "equal", not_checked=(NotChecked("lab.cache", "unlogged"),))
    unverified = CheckResult("catalog", "not verified", "needs a right")

    assert not verdicts.is_false_alarm(Trial(CONTROL, None, (listed,)))
    assert verdicts.is_false_alarm(Trial(CONTROL, None, ()))
    assert verdicts.is_false_alarm(Trial(CONTROL, None, (listed, unverified)))
    assert verdicts.is_false_alarm(Trial(CONTROL, None, (listed, result(severity="warning"))))
    assert verdicts.is_false_alarm(Trial(CONTROL, None, (), "it does not start"))


def test_the_matrix_prints_what_was_not_found_and_counts_no_fault_that_changed_nothing() -> None:
    """A fault that was missed stands in the document as such; one that changed nothing counts neither way."""
    verdicts_of_peers = {peers.COUNTS: PeerVerdict("found"), peers.CHECKSUMS: PeerVerdict("not applicable")}
    served = Served(
        "15.1",
        "system",
        [
            Trial(FAULT, CHANGED, (result(),), peers=verdicts_of_peers),
            Trial(dataclasses.replace(FAULT, id="X3", name="missed"), CHANGED, (), peers=verdicts_of_peers),
            Trial(dataclasses.replace(FAULT, id="X4", name="idle"), Observation("1", "1"), ()),
            Trial(CONTROL, None, (result(),), peers=verdicts_of_peers),
        ],
        [(dataclasses.replace(FAULT, id="X5", name="sorted"), "icu")],
        [],
    )
    text = matrix.document([served], date(2026, 1, 2), "a machine")

    assert matrix.totals(served)[matrix.OURS] == (1, 2)
    assert matrix.totals(served)[peers.COUNTS] == (2, 2)
    assert matrix.totals(served)[peers.CHECKSUMS] == (0, 0)
    assert matrix.false_alarms(served)[matrix.OURS] == 1
    assert "| found by this project | 1 of 2 (50%); 1 false |" in text
    assert "- X3 missed: a row is gone" in text
    assert "- X4 idle" in text
    assert "- X5 sorted: needs icu" in text
    assert "| X2 same | nothing | **accused** |" in text
