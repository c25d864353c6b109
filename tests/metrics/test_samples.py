"""The numbers of a run, from its record alone."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from drills.metrics.samples import FAMILIES, LAST_RUN, LAST_SUCCESS, labels_of, numbers_of
from drills.model.price import Price, RunPrice
from drills.model.record import RunRecord, Setting
from drills.model.timing import WorstCase
from tests.support.example_history import drill_with_history
from tests.support.example_record import failing_drill, green_drill, interrupted_drill, resources, running_drill


def values(record: RunRecord) -> dict[str, float]:
    """Each sample by its name and its own labels."""
    return {
        each.name + "".join(f" {value}" for _, value in each.labels): each.value for each in numbers_of(record).samples
    }


def on_aws(record: RunRecord) -> RunRecord:
    """The same run, as if made with the profile `aws`."""
    return dataclasses.replace(record, profile="aws", simulated=False)


def test_a_drill_that_passed_is_its_own_last_success() -> None:
    """Both instants are the end of the run, and every number that the record has is there."""
    record = dataclasses.replace(
        green_drill(), code=0, all_codes=(0,), worst_case=WorstCase(600.0, 900.0, "ten minutes")
    )
    assert record.ended_at
    found = values(record)

    assert found[LAST_RUN] == found[LAST_SUCCESS] == record.ended_at.timestamp()
    assert found["dr_drill_result passed"] == 1
    assert sum(value for name, value in found.items() if name.startswith("dr_drill_result")) == 1
    assert found["dr_drill_rto_seconds"] == 1800.0
    assert found["dr_drill_rpa_seconds"] == 4.8
    assert found["dr_drill_worst_case_rpo_seconds"] == 600.0
    assert found["dr_drill_phase_seconds restore"] == 9.7
    assert found["dr_drill_restored_bytes"] == 48_234_496
    assert found["dr_drill_orphans"] == 0
    assert {name.split(" ")[0] for name in found} <= set(FAMILIES)


def test_a_drill_that_failed_keeps_the_last_success_of_the_history() -> None:
    """A failure never moves it, and where none is known there is no such number."""
    record = drill_with_history(24)
    assert record.history
    assert record.ended_at
    passed = [each.at for each in record.history.points if each.outcome == "passed"]

    assert values(record)[LAST_SUCCESS] == max(passed).timestamp() < record.ended_at.timestamp()
    assert LAST_SUCCESS not in values(dataclasses.replace(record, history=None))
    assert values(record)["dr_drill_result verification failed"] == 1


def test_what_is_compared_over_months_comes_from_the_history() -> None:
    """A Prometheus forgets a monthly drill before the next one: the median, the interval and the warnings come along."""
    record = drill_with_history(24)
    assert record.history
    median = next(each for each in record.history.series if each.name == "RTA")
    found = values(record)

    assert found["dr_drill_rta_median_seconds"] == median.median
    assert found["dr_drill_rta_runs"] == median.n
    assert found["dr_drill_trend_warnings rta"] == len(median.warnings)
    assert values(failing_drill()).get("dr_drill_rta_median_seconds") is None


def test_what_was_not_measured_is_absent_and_never_zero() -> None:
    """A data loss of 0 seconds would be the best there can be."""
    record = dataclasses.replace(on_aws(green_drill()), measurements=(), worst_case=None)

    assert not {"dr_drill_rta_seconds", "dr_drill_rpa_seconds", "dr_drill_worst_case_rpo_seconds"} & set(values(record))


def test_what_is_known_of_the_cost_is_told_and_what_is_not_is_counted() -> None:
    """Nothing that is known is no cost of 0; a record of before the price was kept has neither number."""
    known = Price("0.0125", ("the storage", "Extended Support"), (), "2026-11-29")
    record = dataclasses.replace(green_drill(), price=RunPrice(used=known))
    unknown = dataclasses.replace(record, price=RunPrice(used=dataclasses.replace(known, usd=None)))

    assert (values(record)["dr_drill_cost_dollars"], values(record)["dr_drill_cost_unknown"]) == (0.0125, 2)
    assert values(unknown)["dr_drill_cost_unknown"] == 2
    assert "dr_drill_cost_dollars" not in values(unknown)
    assert not {"dr_drill_cost_dollars", "dr_drill_cost_unknown"} & set(values(dataclasses.replace(record, price=None)))


def test_what_is_left_is_counted() -> None:
    """An instance that was not seen to be gone is one."""
    record = dataclasses.replace(green_drill(), resources=resources("left"), code=13, all_codes=(13,))

    assert values(record)["dr_drill_orphans"] == 1
    assert values(record)["dr_drill_result left behind"] == 1


def test_a_simulated_run_cannot_be_taken_for_one_on_aws() -> None:
    """Its target is called SIMULATED, in the label that every query by target groups by, and two labels say it again."""
    simulated, real = dict(labels_of(green_drill())), dict(labels_of(on_aws(green_drill())))

    assert simulated["target"] == "SIMULATED orders"
    assert (simulated["simulated"], simulated["profile"]) == ("true", "sandbox")
    assert (real["target"], real["simulated"], real["profile"]) == ("orders", "false", "aws")


def test_a_run_that_counts_nowhere_has_no_numbers() -> None:
    """A partial run or a damaged backup would look like a drill and hide that none came; so would one that was refused."""
    partial = dataclasses.replace(green_drill(), partial=True, partial_reason="-k objective")
    damaged = dataclasses.replace(green_drill(), settings=(Setting("--damage", "row", "command line"),))
    refused = dataclasses.replace(green_drill(), code=2, all_codes=(2,))

    for record in (partial, damaged, refused, running_drill()):
        found = numbers_of(record)
        assert not found.samples
        assert found.not_written
    assert "-k objective" in numbers_of(partial).not_written


def test_a_drill_that_was_interrupted_is_told() -> None:
    """It is a drill that could not run: monitoring hears of it at once and not when the last success is too old."""
    found = values(interrupted_drill())

    assert found["dr_drill_result could not run"] == 1
    assert LAST_SUCCESS not in found


def test_phases_of_one_name_are_added_up() -> None:
    """One series for a phase, however often it came; one that is open has none."""
    record = green_drill()
    first = record.phases[0]
    again = dataclasses.replace(first, start_seconds=100.0, end_seconds=101.5)
    opened = dataclasses.replace(first, name="hydrate", ended_at=None, end_seconds=None)
    record = dataclasses.replace(record, phases=(*record.phases, again, opened))

    assert values(record)["dr_drill_phase_seconds start the sandbox"] == 2.1 + 1.5
    assert "dr_drill_phase_seconds hydrate" not in values(record)
    assert timedelta(seconds=1.5).total_seconds() == again.seconds
