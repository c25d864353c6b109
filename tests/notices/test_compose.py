"""What is told of a run, and of drills that never came."""

from __future__ import annotations

import dataclasses

import pytest

from drills.model.incident import Incident
from drills.model.notice import Notice
from drills.model.record import RunRecord, Setting
from drills.notices.compose import MOST, of_missed, of_run
from tests.support.example_record import failing_drill, green_drill, interrupted_drill, resources, running_drill


def told(record: RunRecord) -> Notice:
    """The notice of a run of which there is one."""
    notice = of_run(record)
    assert notice
    return notice


def passed() -> RunRecord:
    """A run on AWS that held every promise."""
    return dataclasses.replace(green_drill(), code=0, all_codes=(0,), profile="aws", simulated=False)


def with_codes(*codes: int) -> RunRecord:
    """A run with these exit codes."""
    return dataclasses.replace(passed(), code=codes[0], all_codes=codes)


def test_a_success_is_one_quiet_line() -> None:
    """What was measured and promised stands in it."""
    notice = told(passed())

    assert notice.quiet
    assert notice.lines == ()
    assert notice.title == (
        "drill of orders (aws): passed; RTA 11.5 s of the RTO of 30 m; RPA 4.8 s of the RPO of 5 m; run 20261123-141503-a1b2"
    )


def test_a_simulated_run_says_so_first() -> None:
    """In the title, which is all that some services show."""
    assert told(dataclasses.replace(passed(), profile="sandbox", simulated=True)).title.startswith(
        "SIMULATED: drill of orders (sandbox): passed"
    )


@pytest.mark.parametrize(
    ("codes", "kinds"),
    [
        ((10,), ("objective missed",)),
        ((11,), ("failure",)),
        ((12,), ("failure",)),
        ((14,), ("failure",)),
        ((2,), ("failure",)),
        ((13,), ("clean-up incomplete",)),
        ((11, 10, 13), ("failure", "objective missed", "clean-up incomplete")),
    ],
)
def test_each_exit_code_is_of_a_kind(codes: tuple[int, ...], kinds: tuple[str, ...]) -> None:
    """The gravest first; a run with several is each of them."""
    assert told(with_codes(*codes)).kinds == kinds


def test_a_failure_says_what_failed_and_where_its_report_is() -> None:
    """The sentences of the verdicts, what was measured, the run."""
    notice = told(failing_drill())

    assert notice.kinds == ("failure", "objective missed", "clean-up incomplete")
    assert "verification failed" in notice.title
    missed = [each.sentence for each in failing_drill().verdicts if each.outcome == "missed"]
    assert missed
    assert set(missed) <= set(notice.lines)
    assert (
        notice.lines[-1]
        == f"run {failing_drill().run_id}; its report: drills report reports/out/{failing_drill().run_id}"
    )


def test_what_is_left_is_named_with_what_to_type() -> None:
    """It costs money."""
    record = dataclasses.replace(with_codes(13), resources=resources("left"))
    lines = told(record).lines

    assert "still there: db-instance drill-20261123-141503-a1b2-r1 (123456789012 eu-central-1)" in lines
    assert "what is still there costs money until it is removed: drills sweep" in lines


def test_an_interrupted_run_is_a_failure_with_its_phase() -> None:
    """Nobody may be there who saw it end."""
    assert told(interrupted_drill()).kinds[0] == "failure"
    assert "interrupted by" in told(interrupted_drill()).title


def test_nobody_needs_to_hear_of_a_success_that_counts_nowhere() -> None:
    """A partial run that failed is told, with why it counts nowhere; one that goes on is not."""
    partial = {"partial": True, "partial_reason": "-k objective"}

    assert of_run(dataclasses.replace(passed(), partial=True, partial_reason="-k objective")) is None
    assert "-k objective" in told(dataclasses.replace(with_codes(13), **partial)).title  # type: ignore[arg-type]
    assert of_run(running_drill()) is None


def test_a_backup_that_was_damaged_on_purpose_alarms_nobody_but_of_what_is_left() -> None:
    """Its drill has to fail."""
    damaged = (Setting("--damage", "row", "command line"),)

    assert of_run(dataclasses.replace(with_codes(11), settings=damaged)) is None
    left = dataclasses.replace(with_codes(11, 13), settings=damaged, resources=resources("left"))
    assert told(left).kinds == ("clean-up incomplete",)


def test_a_signature_has_what_failed_and_no_numbers() -> None:
    """Another run that failed in the same way is a duplicate; another leftover, or another verdict, is none."""
    first = failing_drill()
    assert first.ended_at
    again = dataclasses.replace(first, run_id="20261124-141503-ffff", wall_seconds=99.0, measurements=())
    other = dataclasses.replace(first, verdicts=first.verdicts[:1])
    left = dataclasses.replace(first, resources=resources("left")[:-1])

    assert told(first).signature == told(again).signature
    assert len({told(each).signature for each in (first, other, left)}) == 3


def test_what_is_no_drill_is_not_called_one() -> None:
    """The restore of an incident is told when it failed: on the day of the disaster."""
    incident = Incident("latest", 14_400.0)

    notice = told(dataclasses.replace(with_codes(12), incident=incident))
    assert notice.title.startswith("restore of orders (aws): could not run")
    assert of_run(dataclasses.replace(passed(), incident=incident)) is None


def test_many_sentences_are_cut_and_counted() -> None:
    """A chat is no report."""
    verdict = next(each for each in failing_drill().verdicts if each.outcome == "missed")
    many = tuple(dataclasses.replace(verdict, name=f"v{n}", sentence=f"sentence {n} " + "x" * 900) for n in range(30))
    lines = told(dataclasses.replace(failing_drill(), verdicts=many)).lines

    assert len([each for each in lines if each.startswith("sentence")]) == MOST
    assert any("more in the report" in each for each in lines)
    assert all(len(each) <= 400 for each in lines)


def test_nothing_of_a_record_breaks_a_line() -> None:
    """A name of a target can hold what moves a terminal or begins a header of a mail."""
    record = passed()
    assert record.target
    odd = dataclasses.replace(record, target=dataclasses.replace(record.target, name="a\r\nBcc: x@y\x1b[2J"))

    assert told(odd).title.isprintable()


def test_a_missed_drill_has_its_sentences() -> None:
    """Evidence that does not verify is a failure."""
    missed = of_missed("aws", "orders", False, ["the last one began 40 d ago"], [12])
    forged = of_missed("aws", "orders", False, ["aws-orders does not verify"], [12, 11])

    assert (missed.kinds, forged.kinds) == (("missed drill",), ("failure",))
    assert missed.title == "drills of orders (aws): no drill came, or none that passed"
    assert missed.lines == ("the last one began 40 d ago",)
    assert of_missed("sandbox", "orders", True, [], [12]).title.startswith("SIMULATED: ")
