"""What ran is counted against what was expected."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from drills.model.record import ExpectedPromise, Promise, RunRecord
from drills.objectives import completeness
from tests.support.example_record import green_drill

NAMES = st.lists(st.sampled_from("abcdef"), max_size=12)


def record(expected: list[str], ran: list[str], left_out: list[str] | None = None) -> RunRecord:
    """A record of scenarios by name; those in `left_out` were skipped by something other than the suite."""
    promises = [Promise(f"{n}", "F", name, "passed") for n, name in enumerate(ran)]
    promises += [Promise(f"x{n}", "F", name, "skipped", left_out=True) for n, name in enumerate(left_out or [])]
    return dataclasses.replace(
        green_drill(), expected=tuple(ExpectedPromise("F", name) for name in expected), promises=tuple(promises)
    )


@given(NAMES, NAMES)
def test_what_is_expected_and_did_not_run_is_missing_as_often(expected: list[str], ran: list[str]) -> None:
    """As multisets: missing and ran together cover the expected ones, and nothing is missing that ran often enough."""
    missing = list(completeness.missing_scenarios(record(expected, ran)))

    for name in "abcdef":
        assert missing.count(name) == max(0, expected.count(name) - ran.count(name))


def test_a_scenario_that_a_plugin_skipped_did_not_run() -> None:
    """It stands among the promises, and counts as missing all the same."""
    assert completeness.missing_scenarios(record(["a", "b"], ["a"], ["b"])) == ("b",)


def test_a_record_of_before_expects_nothing() -> None:
    """Records that do not say what was expected are not found incomplete."""
    assert completeness.missing_scenarios(record([], ["a"])) == ()
    assert completeness.missing_verdicts(dataclasses.replace(record([], ["a"]), verdicts=())) == ()


def test_a_recovery_without_a_verdict_on_a_check_is_incomplete() -> None:
    """Each check of the suite and both objectives are judged in a recovery, or named."""
    assert completeness.missing_verdicts(dataclasses.replace(record(["a"], ["a"]), verdicts=())) == tuple(
        f"the verdict on {name}" for name in completeness.VERDICTS
    )
    assert {"rto", "rpo", "content"} <= set(completeness.VERDICTS)


def test_the_reason_names_the_first_and_counts_the_rest() -> None:
    """A stamp has room for a few names; the record has all."""
    expected = tuple(ExpectedPromise("F", name) for name in "abcdef")

    assert completeness.reason(("a", "b"), expected) == "2 of 6 scenarios did not run: a; b"
    assert completeness.reason(tuple("abc"), expected) == "3 of 6 scenarios did not run: a; b; c"
    assert completeness.reason(tuple("abcde"), expected) == "5 of 6 scenarios did not run: a; b; c and 2 more"


def test_a_run_that_recovered_nothing_lacks_no_verdict() -> None:
    """A rehearsal alone is judged by nothing that a recovery is judged by."""
    recovered = dataclasses.replace(record(["a"], ["a"]), verdicts=())
    rehearsed = tuple(dataclasses.replace(each, purpose="rehearsal") for each in recovered.restorations)

    assert completeness.missing_verdicts(dataclasses.replace(recovered, restorations=rehearsed)) == ()
    assert completeness.missing_verdicts(dataclasses.replace(recovered, restorations=())) == ()


@given(st.sets(st.sampled_from("abc")), st.sets(st.sampled_from("abc")))
def test_a_choice_recovers_where_it_holds_a_scenario_that_does(chosen: set[str], recovering: set[str]) -> None:
    """The feature and the name count, and one of them is enough."""
    expected = [ExpectedPromise("F", name, recovers=name in recovering) for name in "abc"]

    assert completeness.recovers([("F", name) for name in chosen], expected) == bool(chosen & recovering)
    assert not completeness.recovers([("G", name) for name in chosen], expected)
