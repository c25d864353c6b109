"""The order in which tables are compared within a budget, and after how many drills all of them will have been."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.model.coverage import Known, Learned, Measured, Proof, ProvedKeys, Speed, TableKnown
from drills.turns.known import after, proof_of, proved_keys, together
from drills.turns.plan import Budgeted, Part, Table, outlook, plan

DAY = datetime(2026, 11, 1, tzinfo=UTC)
RATE = 1e6
MEASURED = Known(rate=RATE)


def proof(day: int) -> Proof:
    """The run of a day."""
    return Proof(f"run-{day}", DAY + timedelta(days=day))


def parts(number: int = 4) -> tuple[Part, ...]:
    """Parts of equal size, of 100 keys each."""
    return tuple(Part(each, each * 100, each * 100 + 100, 1 / number) for each in range(number))


def table(name: str, seconds: float, known: TableKnown | None = None, divided: int = 0) -> Table:
    """A table that takes so many seconds, and can be divided into so many parts."""
    return Table("db", name, round(seconds * RATE), parts(divided) if divided else (), False, known or TableKnown())


def names(units: tuple[object, ...]) -> list[str]:
    """Tables and numbers of parts, in order."""
    return [f"{each.table}.{each.part}" if each.part is not None else each.table for each in units]  # type: ignore[attr-defined]


# -- the order ----------------------------------------------------------------------------------------------------------


def test_what_was_never_proved_comes_first_then_what_was_longest_ago() -> None:
    """Of one age the largest comes first, and what no longer fits waits for the next drill."""
    tables = [
        table("new", 1, TableKnown(proof(9))),
        table("old", 1, TableKnown(proof(1))),
        table("little", 0.5),
        table("much", 2),
    ]
    found = plan(tables, RATE, Budgeted(5, 1))

    assert (names(found.now), names(found.later)) == (["much", "little", "old"], ["new"])


def test_smaller_tables_fill_what_is_left_of_the_budget() -> None:
    """A table that does not fit is passed over in this drill and is first in the next one."""
    tables = [table("a", 6), table("b", 5), table("c", 1)]
    found = plan(tables, RATE, Budgeted(10, 1))

    assert (names(found.now), names(found.later)) == (["a", "c"], ["b"])


def test_until_a_rate_was_measured_the_smallest_come_first() -> None:
    """The first drill measures with what it can end; nothing takes its whole budget and is cut off."""
    assert names(plan([table("b", 50), table("a", 1)], None, Budgeted(10, 1)).now) == ["a", "b"]


def test_a_table_larger_than_the_budget_is_divided_and_blocks_no_other() -> None:
    """Its parts are units like tables; one without parts is tried last, when there is time left."""
    tables = [table("vast", 12, divided=32), table("whole", 40), table("small", 1)]
    found = plan(tables, RATE, Budgeted(10, 1))

    assert names(found.now)[0] == "small"
    assert {each.table for each in found.now} == {"vast", "small"}
    assert names(found.later)[-1] == "whole"


def test_a_table_that_fits_is_left_whole_where_that_takes_no_more_drills() -> None:
    """Whole is worth more than by parts; divided it is where it fills drills that would else be left half empty."""
    one = [table("t", 6, divided=32)]
    assert names(plan(one, RATE, Budgeted(10, 1)).now) == ["t"]
    many = [table(f"t{each}", 5, divided=32) for each in range(6)]
    known = [
        Table(each.database, each.name, each.size, each.parts, False, TableKnown(speed_by_key=Speed(each.size, 5)))
        for each in many
    ]
    assert any(each.part is not None for each in plan(known, RATE, Budgeted(10, 1)).now)


def test_what_was_cut_off_is_not_tried_first_again() -> None:
    """Its size foretold less time than it took: it counts with at least what it was given, and no drill is lost to it twice."""
    cut = TableKnown(speed=Speed(1_000_000, 9.0, cut=True))
    assert names(plan([table("a", 1, cut), table("b", 1)], RATE, Budgeted(10, 1)).now) == ["b"]
    assert names(plan([table("a", 1, cut), table("b", 1)], RATE, Budgeted(20, 1)).now) == ["a", "b"]


# -- what is known ------------------------------------------------------------------------------------------------------


def test_keys_that_are_proved_again_take_the_place_of_the_old_ones() -> None:
    """Ranges never lie over each other, and neighbours of one run are one."""
    first = proved_keys((), [(0, 100), (100, 200), (300, 400)], proof(1))
    assert [(each.low, each.high) for each in first] == [(0, 200), (300, 400)]

    second = proved_keys(first, [(50, 350)], proof(2))
    assert second == (ProvedKeys(0, 50, proof(1)), ProvedKeys(50, 350, proof(2)), ProvedKeys(350, 400, proof(1)))
    assert proof_of(second, 60, 340) == proof(2)
    assert proof_of(second, 0, 400) == proof(1)
    assert proof_of(second, 0, 401) is None


keys = st.tuples(st.integers(0, 60), st.integers(1, 30)).map(lambda each: (each[0], each[0] + each[1]))


@given(st.lists(st.lists(keys, max_size=4), max_size=6), st.integers(0, 89), st.integers(1, 20))
def test_ranges_are_proved_where_each_key_is(runs: list[list[tuple[int, int]]], low: int, width: int) -> None:
    """A part counts as proved when every key of it was, however ranges of other manifests lay; its age is its oldest key's."""
    found: tuple[ProvedKeys, ...] = ()
    of_key: dict[int, Proof] = {}
    for day, now in enumerate(runs):
        found = proved_keys(found, now, proof(day))
        for first, end in now:
            of_key |= dict.fromkeys(range(first, end), proof(day))
    wanted = [of_key.get(key) for key in range(low, low + width)]
    expected = None if None in wanted else min((each for each in wanted if each), key=lambda each: each.at)

    assert proof_of(found, low, low + width) == expected


def test_what_is_known_does_not_hang_on_the_order_of_lines() -> None:
    """Files of several machines are joined line by line; the newest proof counts, and a whole one outdates parts."""
    one = Learned("run-1", proof(1).at, {"db": ("t", "u")}, {"db": {"v": ((0, 100),)}}, Measured(2.0, 0.25))
    two = Learned("run-2", proof(2).at, {"db": ("t",)}, {"db": {"v": ((100, 200),)}})
    three = Learned("run-3", proof(3).at, {"db": ("v",)}, {}, Measured(None, None, {"db": {"t": Speed(10, 1.0)}}))
    found = together([three, one, two])

    assert found == together([one, two, three]) == after(after(after(Known(), one), two), three)
    assert (found.rate, found.overhead) == (2.0, 0.25)
    assert (found.of("db", "t").whole, found.of("db", "u").whole) == (proof(2), proof(1))
    assert found.of("db", "t").speed == Speed(10, 1.0)
    assert found.of("db", "v") == TableKnown(proof(3))
    assert found.of("other", "t") == TableKnown()


@pytest.mark.parametrize(
    ("known", "last"),
    [
        (TableKnown(), None),
        (TableKnown(proof(3)), 3),
        (TableKnown(None, (ProvedKeys(0, 300, proof(1)),)), None),
        (TableKnown(None, (ProvedKeys(0, 300, proof(2)), ProvedKeys(300, 400, proof(5)))), 2),
        (TableKnown(proof(1), (ProvedKeys(0, 300, proof(4)),)), 1),
        (TableKnown(proof(1), (ProvedKeys(0, 400, proof(4)),)), 4),
    ],
)
def test_a_table_is_as_old_as_the_part_that_was_proved_longest_ago(known: TableKnown, last: int | None) -> None:
    """Parts alone prove it when they are all there; a whole proof stands behind each part."""
    assert table("t", 1, known, divided=4).last() == (None if last is None else proof(last).at)


# -- when everything will have been proved --------------------------------------------------------------------------------

ages = st.sampled_from([None, 1, 2, 3]).map(lambda day: TableKnown(proof(day)) if day else TableKnown())
tables_of_any_size = st.lists(st.tuples(st.floats(0.001, 40), ages, st.sampled_from([0, 0, 8, 32])), max_size=12).map(
    lambda found: [table(f"t{at}", seconds, known, divided) for at, (seconds, known, divided) in enumerate(found)]
)
budgets = st.builds(Budgeted, st.floats(0.01, 60), st.integers(1, 4))


@given(tables_of_any_size, budgets)
def test_it_is_never_said_that_nothing_is_left_while_something_is(tables: list[Table], budget: Budgeted) -> None:
    """No drill more means that everything was proved, and the other way round."""
    unproved = any(each.last() is None for each in tables)
    found = outlook(tables, MEASURED, budget)

    assert (found.drills == 0) == (not unproved)
    assert (found.drills is None) <= bool(found.too_large)
    assert found.cycle is None or found.cycle >= (found.drills or 0)


@given(tables_of_any_size, budgets, st.floats(1, 4), st.integers(0, 2))
def test_a_larger_budget_never_takes_more_drills(
    tables: list[Table], budget: Budgeted, times: float, further: int
) -> None:
    """Nor do more connections; what is proved at one budget is proved at each larger one."""
    larger = Budgeted(budget.seconds * times, budget.connections + further)
    one, other = outlook(tables, MEASURED, budget), outlook(tables, MEASURED, larger)

    for few, many in ((other.drills, one.drills), (other.cycle, one.cycle)):
        assert many is None or (few is not None and few <= many)


@given(tables_of_any_size, budgets)
def test_drills_that_read_as_planned_prove_everything_in_the_number_that_was_said(
    tables: list[Table], budget: Budgeted
) -> None:
    """Each drill reads what its plan says and nothing of what may follow; none is lost, and after the last nothing is left."""
    said = outlook(tables, MEASURED, budget).drills
    if said is None:
        return
    known = Known({"db": {each.name: each.known for each in tables}}, RATE)
    for number in range(said):
        found = plan(now := _known(tables, known), RATE, budget)
        left = outlook(now, known, budget).drills
        assert left is not None
        assert 0 < left <= said - number
        assert sum(unit.seconds for unit in found.now) <= budget.capacity + 1e-6
        known = after(known, _learned(found.now, now, 10 + number))
    assert outlook(_known(tables, known), known, budget).drills == 0


def _known(tables: list[Table], known: Known) -> list[Table]:
    return [Table(each.database, each.name, each.size, each.parts, False, known.of("db", each.name)) for each in tables]


def _learned(units: tuple[object, ...], tables: list[Table], day: int) -> Learned:
    by_name = {each.name: each for each in tables}
    keys: dict[str, list[tuple[int, int]]] = {}
    for unit in units:
        if unit.part is not None:  # type: ignore[attr-defined]
            part = by_name[unit.table].parts[unit.part]  # type: ignore[attr-defined]
            keys.setdefault(unit.table, []).append((part.low, part.high))  # type: ignore[attr-defined]
    whole = tuple(unit.table for unit in units if unit.part is None)  # type: ignore[attr-defined]
    return Learned(
        f"run-{day}", proof(day).at, {"db": whole}, {"db": {name: tuple(each) for name, each in keys.items()}}
    )


def test_what_no_drill_can_prove_is_said_as_such() -> None:
    """A table that cannot be divided and takes longer than the budget is never proved: it is named with what it takes."""
    found = outlook([table("vast", 60), table("small", 1)], MEASURED, Budgeted(10, 1))

    assert (found.drills, found.cycle) == (None, None)
    assert found.too_large == (
        ("vast", "it can only be compared whole, which takes about 1 m: raise content_budget, or --budget"),
    )
    assert outlook([table("small", 1)], Known(), Budgeted(10, 1)).assumed


def test_without_a_budget_one_drill_proves_everything() -> None:
    """Where a fuller drill has no limit, the next one is enough."""
    assert outlook([table("a", 1e6)], MEASURED, None).drills == 1
    assert outlook([table("a", 1e6, TableKnown(proof(1)))], MEASURED, None).drills == 0


def test_a_budget_that_is_gone_before_a_row_is_read_is_said_to_be() -> None:
    """What connecting and listing took is no time for rows, in the plan and in the count."""
    known = Known(rate=RATE, overhead=9.0)
    assert outlook([table("a", 0.5)], known, Budgeted.of(10, 1, known)).drills == 1
    assert outlook([table("a", 1)], known, Budgeted.of(10, 1, known)).drills is None
    found = outlook([table("a", 0.5)], known, Budgeted.of(9, 1, known))
    assert (found.drills, found.too_large) == (
        None,
        (("any table", "9.0 s are gone before a row is read: raise content_budget, or --budget"),),
    )
    assert names(plan([table("a", 0.5)], RATE, Budgeted.of(9, 1, known)).later) == ["a"]


# -- what a proof is worth ------------------------------------------------------------------------------------------------


def by(policy: str, day: int = 1) -> Learned:
    """A drill that has proved a table whole by a policy, "" for all of its rows."""
    return Learned(
        f"run-{day}", DAY + timedelta(days=day), {"db": ("t",)}, policies={"db": {"t": policy}} if policy else {}
    )


@pytest.mark.parametrize(
    ("proved", "asked", "holds"),
    [
        ("", "", True),
        ("", "at least 1 %", True),
        ("at least 1 %", "at least 1 %", True),
        ("at least 1 %", "", False),
        ("at least 1 %", "at least 99 %", False),
        ("up to at", "", False),
    ],
)
def test_a_proof_by_a_laxer_policy_is_none_for_a_stricter_one(proved: str, asked: str, *, holds: bool) -> None:
    """All rows stand for every policy, and what was counted or read up to a value only for the same one."""
    known = after(Known(), by(proved)).of("db", "t").under(asked)
    assert bool(known.whole) == holds


def test_parts_by_another_policy_begin_anew() -> None:
    """Keys that were compared up to a value and keys of which all rows were are never put together."""
    lax = Learned("run-1", DAY, by_key={"db": {"t": ((0, 10),)}}, policies={"db": {"t": "up to at"}})
    exact = Learned("run-2", DAY + timedelta(days=1), by_key={"db": {"t": ((10, 20),)}})
    known = together([lax, exact]).of("db", "t")
    assert [(each.low, each.high) for each in known.keys] == [(10, 20)]
    assert known.policy == ""


def test_what_differed_has_no_earlier_proof() -> None:
    """Nor that of its parts: it is unproved until a later drill finds it alike, whole or by all of its parts."""
    parts_before = Learned("run-1", DAY, {"db": ("t",)}, {"db": {"vast": ((0, 10),)}})
    differed = Learned(
        "run-2", DAY + timedelta(days=1), by_key={"db": {"vast": ((20, 30),)}}, differed={"db": ("t", "vast")}
    )
    known = after(after(Known(), parts_before), differed)
    assert known.of("db", "t").whole is None
    assert [(each.low, each.high) for each in known.of("db", "vast").keys] == [(20, 30)]
    assert after(known, by("", 3)).of("db", "t").whole
