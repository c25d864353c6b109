"""Known differences that their owner has acknowledged."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.model.acknowledgement import Acknowledgement
from drills.model.finding import CheckResult, Finding, Outcome
from drills.objectives.acknowledged import acknowledge, remarks

TODAY = date(2026, 11, 29)
FINDING = Finding("catalog", "error", "shop.orders.note", "a comment", "no comment", "the comment is lost")
OTHER = dataclasses.replace(FINDING, object="shop.orders.total", message="the column is lost")
RESULT = CheckResult("catalog", "missed", "the comment is lost", compared=7, findings=(FINDING,))
ENTRY = Acknowledgement(
    "catalog", FINDING.object, FINDING.found, "old tool", "Ada", TODAY + timedelta(days=9), severity="error"
)


def test_an_acknowledged_difference_fails_nothing_and_stays_in_the_report() -> None:
    """It is a marked warning, and the check is met where nothing else differs."""
    (result,) = acknowledge([RESULT], [ENTRY], TODAY)

    assert result.outcome == "met"
    assert result.sentence == "7 compared, no other difference; 1 known difference acknowledged"
    (finding,) = result.findings
    assert (finding.severity, finding.acknowledged) == ("warning", "acknowledged until 2026-12-08 by Ada: old tool")
    assert remarks([RESULT], [ENTRY], TODAY) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"until": TODAY - timedelta(days=1)}, "it ended on 2026-11-28; the difference counts again"),
        ({"found": "another comment"}, "something else is found there now: no comment; it counts"),
        ({"severity": "warning"}, 'it counts unless the entry says severity = "error"'),
        ({"object": "shop.gone"}, "nothing differs there any more: remove the entry"),
    ],
)
def test_an_entry_that_ended_changed_or_says_too_little_acknowledges_nothing(
    change: dict[str, object], words: str
) -> None:
    """The difference fails as before, and a sentence says why the entry did not help."""
    entry = dataclasses.replace(ENTRY, **change)  # type: ignore[arg-type]

    assert acknowledge([RESULT], [entry], TODAY) == (RESULT,)
    (remark,) = remarks([RESULT], [entry], TODAY)
    assert words in remark


def test_the_last_day_of_an_entry_still_counts() -> None:
    """`until` is the last day on which it holds."""
    entry = dataclasses.replace(ENTRY, until=TODAY)
    assert acknowledge([RESULT], [entry], TODAY)[0].outcome == "met"


def test_another_difference_of_the_same_check_still_fails() -> None:
    """The check stays missed, by the difference that nobody has acknowledged."""
    both = dataclasses.replace(RESULT, findings=(FINDING, OTHER))
    (result,) = acknowledge([both], [ENTRY], TODAY)
    assert (result.outcome, result.sentence) == ("missed", "the column is lost; 1 known difference acknowledged")


@pytest.mark.parametrize(
    ("known", "others", "sentence"),
    [
        (1, 1, "lost; 1 known difference acknowledged"),
        (2, 2, "lost and 1 more; 2 known differences acknowledged"),
        (3, 3, "lost and 2 more; 3 known differences acknowledged"),
    ],
)
def test_differences_are_counted(known: int, others: int, sentence: str) -> None:
    """The first that counts is told, the others and those that are known are numbers."""
    acknowledged = [dataclasses.replace(FINDING, object=f"a{each}") for each in range(known)]
    counting = [dataclasses.replace(OTHER, object=f"b{each}", message="lost") for each in range(others)]
    entries = [dataclasses.replace(ENTRY, object=each.object) for each in acknowledged]

    (result,) = acknowledge([dataclasses.replace(RESULT, findings=(*acknowledged, *counting))], entries, TODAY)

    assert result.sentence == sentence


def test_what_could_not_be_compared_does_not_pass_with_what_is_acknowledged() -> None:
    """With a part left unread the check is not verified, and not met."""
    (result,) = acknowledge([dataclasses.replace(RESULT, unverified=2)], [ENTRY], TODAY)
    assert (result.outcome, result.sentence) == ("not verified", "2 not compared; 1 known difference acknowledged")


def test_an_entry_of_a_check_that_did_not_run_is_passed_over() -> None:
    """Nothing can be said about it, so nothing is."""
    assert remarks([dataclasses.replace(RESULT, name="content", findings=())], [ENTRY], TODAY) == ()


objects = st.sampled_from(["a", "b", "c"])
findings = st.builds(
    lambda name, severity: dataclasses.replace(FINDING, object=name, severity=severity),
    objects,
    st.sampled_from(["error", "warning", "information"]),
)
entries = st.builds(
    lambda name, severity, days: dataclasses.replace(
        ENTRY, object=name, severity=severity, until=TODAY + timedelta(days=days)
    ),
    objects,
    st.sampled_from(["error", "warning"]),
    st.integers(-2, 2),
)


@given(st.lists(findings, min_size=1), st.lists(entries))
def test_no_finding_is_lost_and_no_unacknowledged_error_passes(
    found: list[Finding], known: list[Acknowledgement]
) -> None:
    """Every finding is still there, in its order; a check is met only where no error is left."""
    outcome: Outcome = "missed" if any(each.severity == "error" for each in found) else "met"
    (result,) = acknowledge([dataclasses.replace(RESULT, outcome=outcome, findings=tuple(found))], known, TODAY)

    assert [(each.object, each.found) for each in result.findings] == [(each.object, each.found) for each in found]
    assert (result.outcome == "missed") == any(each.severity == "error" for each in result.findings)
    for before, after in zip(found, result.findings, strict=True):
        covering = [e for e in known if e.object == before.object and e.until >= TODAY]
        graver = [e for e in covering if e.severity == "error"]
        assert bool(after.acknowledged) == bool(graver if before.severity == "error" else covering)
