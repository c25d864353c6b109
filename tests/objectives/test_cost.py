"""The price of a run: sums of what is known, and never 0 for what is not."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.model.engine import ENROLLED, NOT_ENROLLED, EngineSupport
from drills.model.incident import Incident
from drills.model.instance import NEVER_MADE, WITH_SANDBOX, Resource
from drills.model.price import Billed, Part, UnitKind, UnitPrice
from drills.model.record import Restoration
from drills.objectives import cost
from drills.objectives.cost import (
    Cost,
    about,
    copies_of,
    cost_of,
    price_of,
    prices,
    sentence,
    support_charged,
    told,
    with_asked,
)
from tests.support.example_record import green_drill

TABLE = {
    "date": "2026-01-01",
    "r": {
        "hour": {"c": "0.10"},
        "gib_month": {"gp3": "0.73", "EBS gp3": "0.0730"},
        "iops_month": {"EBS gp3": "0.0073"},
        "acu_hour": {"Aurora Serverless v2": "0.12"},
        "extended_support": {"year_3": "0.2"},
    },
    "vcpus": {"c": 4},
}
instances = st.builds(
    Billed,
    st.sampled_from(["r", "x", ""]),
    st.sampled_from(["c", "d", ""]),
    st.floats(0, 1e6),
    st.sampled_from(["gp3", "io9"]),
    st.none() | st.floats(0, 1e5),
    st.sampled_from([None, "year_3", "years_1_and_2", "unknown"]),
)
charged = st.builds(
    Part,
    st.sampled_from(get_args(UnitKind)),
    st.sampled_from(["EBS gp3", "EBS io9"]),
    st.none() | st.floats(0, 1e5),
)
volumes = st.builds(
    Billed,
    st.sampled_from(["r", "x", ""]),
    st.just(""),
    st.floats(0, 1e6),
    kind=st.just("ebs-volume"),
    parts=st.lists(charged, max_size=3).map(tuple),
)
clusters = st.builds(
    lambda copy, of_class, capacity: cost.of_aurora(dataclasses.replace(copy, instance_class=of_class), capacity),
    instances,
    st.sampled_from(["c", "db.serverless", ""]),
    st.none() | st.floats(0, 256),
)
copies = instances | volumes | clusters


def test_an_hour_a_month_and_a_processor() -> None:
    """By hand: 0.10 for an hour, 100 GiB at 0.73 for one hour of 730, four processors at 0.2."""
    whole = Billed("r", "c", 3600, "gp3", 100, "year_3")

    assert cost_of([whole], TABLE) == Cost(Decimal("0.10") + Decimal("0.1") + Decimal("0.8"))
    assert cost_of([dataclasses.replace(whole, seconds=1, storage_gib=None, extended_support=None)], TABLE).known == (
        Decimal("0.10") / 6
    )  # at least ten minutes
    assert cost_of([dataclasses.replace(whole, seconds=7200)], TABLE) == Cost(Decimal("2.0"))
    without = {name: value for name, value in TABLE.items() if name != "vcpus"}
    assert cost_of([whole], without) == Cost(Decimal("0.2"), ("Extended Support of c in r",))


@given(st.lists(copies, max_size=4), st.lists(copies, max_size=4))
def test_costs_add_up(one: list[Billed], other: list[Billed]) -> None:
    """What two lists cost is what one cost and the other; what one does not know, nobody knows."""
    first, second, both = cost_of(one, TABLE), cost_of(other, TABLE), cost_of(one + other, TABLE)

    known = [each.known for each in (first, second) if each.known is not None]
    assert (both.known is None) == (not known)
    assert both.known is None or abs(both.known - sum(known, Decimal(0))) < Decimal("1e-15")
    assert set(both.unknown) == {*first.unknown, *second.unknown}


@given(instances)
def test_what_the_table_does_not_have_is_unknown_and_never_nothing(copy: Billed) -> None:
    """Of each part: a price, or its name among the unknown."""
    found = cost_of([copy], TABLE)
    priced = (copy.region, copy.instance_class) == ("r", "c")
    stored = copy.storage_gib is not None and (copy.region, copy.storage_type) == ("r", "gp3")

    assert (found.known is None) == (not priced and not stored)
    assert any(copy.instance_class in each and "price of" in each for each in found.unknown) or priced
    assert any("storage" in each for each in found.unknown) == (not stored)
    assert not priced or (found.known or 0) > 0


@given(volumes)
def test_each_part_of_what_is_no_instance_has_a_price_or_is_named(copy: Billed) -> None:
    """A part of which neither the amount nor the price is known is unknown and never nothing; without parts the whole copy is."""
    found = cost_of([copy], TABLE)
    priced = ("gib_month", "iops_month")
    known = [
        each
        for each in copy.parts
        if copy.region == "r" and each.amount is not None and each.name == "EBS gp3" and each.kind in priced
    ]

    assert (found.known is None) == (not known)
    assert bool(found.unknown) == (len(known) < len(copy.parts) or not copy.parts)
    for each in copy.parts:
        assert each in known or any(each.name in why for why in found.unknown)


@given(copies, st.floats(0, 1e6))
def test_more_time_never_costs_less(copy: Billed, more: float) -> None:
    """Of instances and of what is billed by parts, with the least that AWS bills; and what is not known stays so."""
    shorter, longer = cost_of([copy], TABLE), cost_of([dataclasses.replace(copy, seconds=copy.seconds + more)], TABLE)

    assert longer.unknown == shorter.unknown
    assert (longer.known is None) == (shorter.known is None)
    assert (longer.known or 0) >= (shorter.known or 0)


def test_a_volume_is_billed_by_its_parts_for_at_least_a_minute() -> None:
    """By hand: 100 GiB at 0.0730 and 1,000 IOPS at 0.0073 for 73 hours of 730, and a second as a minute."""
    parts = (Part("gib_month", "EBS gp3", 100), Part("iops_month", "EBS gp3", 1000))
    volume = Billed("r", "", 73 * 3600, kind="ebs-volume", parts=parts)

    assert cost_of([volume], TABLE) == Cost(Decimal("0.73") + Decimal("0.73"))
    second, minute = (cost_of([dataclasses.replace(volume, seconds=each)], TABLE) for each in (1, 60))
    assert second == minute
    assert (minute.known or 0) > 0
    unknown = dataclasses.replace(volume, parts=(Part("gib_month", "EBS gp3", None), Part("mibps_month", "EBS gp3", 5)))
    assert cost_of([unknown], TABLE) == Cost(
        None, ("EBS gp3 storage, of which it is not known how much there is", "the price of throughput of EBS gp3 in r")
    )
    assert cost_of([dataclasses.replace(volume, parts=())], TABLE).unknown == (cost.UNPRICED["ebs-volume"],)


def test_a_table_is_billed_once_for_its_restore_and_by_begun_hours_for_its_capacity() -> None:
    """By hand: 10 GiB at 0.15 once, 2 million reads at 0.125, 5 units of capacity at 0.1 for each of two begun hours."""
    table = {"r": {"gib": {"t": "0.15"}, "million_reads": {"t": "0.125"}, "rcu_hour": {"t": "0.1"}}}
    restored, reads, capacity = Part("gib", "t", 10), Part("million_reads", "t", 2), Part("rcu_hour", "t", 5)

    def costs(seconds: float, *parts: Part) -> Decimal | None:
        return cost_of([Billed("r", "", seconds, kind="dynamodb-table", parts=parts)], table).known

    assert costs(0, restored) == costs(1e6, restored) == Decimal("1.5")
    assert costs(0, reads) == costs(1e6, reads) == Decimal("0.25")
    assert [costs(each, capacity) for each in (1, 3600, 3601)] == [Decimal("0.5"), Decimal("0.5"), Decimal("1.0")]


def test_serverless_is_billed_by_its_capacity_and_no_class() -> None:
    """By hand: 4 ACUs at 0.12 for two hours; storage and I/O of Aurora are named, and of I/O-Optimized the storage alone."""
    serverless = Billed("r", "db.serverless", 7200, "aurora", None)
    storage, requests = (
        "the storage, whose size is not known here",
        "I/O requests of Aurora, of which it is not known how much there is",
    )

    assert cost_of([cost.of_aurora(serverless, 4)], TABLE) == Cost(Decimal("0.96"), (storage, requests))
    unknown = "ACUs of Aurora Serverless v2, of which it is not known how much there is"
    assert cost_of([cost.of_aurora(serverless)], TABLE) == Cost(None, (storage, unknown, requests))
    optimized = cost.of_aurora(dataclasses.replace(serverless, instance_class="c", storage_type="aurora-iopt1"))
    assert cost_of([optimized], TABLE).unknown == ("the price of c of Aurora I/O-Optimized in r", storage)


@given(st.decimals(0, 10**6, allow_nan=False, allow_infinity=False, places=8))
def test_what_is_more_than_nothing_is_not_shown_as_nothing(amount: Decimal) -> None:
    """However little it is."""
    assert (about(amount) == "about $0.00") == (amount == 0)
    assert about(amount).startswith("less than") == (0 < amount < Decimal("0.0001"))


def test_every_price_of_the_table_is_one() -> None:
    """Numbers above 0, and a class with a price has its processors."""
    table = prices()
    regions = {name: each for name, each in table.items() if name not in ("date", "vcpus")}
    for region in regions.values():
        assert set(region) <= {"extended_support", *get_args(UnitKind)}
        assert all(Decimal(price) > 0 for part in region.values() for price in part.values())
        assert set(region.get("hour", ())) <= set(table["vcpus"])


def test_a_simulated_run_would_cost() -> None:
    """It never costs; a region or class that is not in the table is said as unknown."""
    record = green_drill()
    (copy,) = copies_of(record)[:1]
    known = cost_of([dataclasses.replace(copy, region="us-east-1", instance_class="db.t4g.medium")], prices())

    assert copy.seconds > 0
    assert sentence(known, simulated=True, date=prices()["date"]).startswith("would cost about $0.")
    assert sentence(known, simulated=False, date=prices()["date"]).startswith("cost about $0.")
    assert "without the storage" in sentence(known, simulated=True, date=prices()["date"])
    there = sentence(cost_of(copies_of(record), prices()), simulated=True, date=prices()["date"])
    assert there.startswith(f"unknown by the prices of {prices()['date']}: the price of db.")
    assert "$" not in there
    assert sentence(Cost(None), simulated=True, date=prices()["date"]) == "no copy was made"
    assert cost.LEAST_SECONDS == 600


def test_the_storage_of_a_copy_is_counted_where_it_is_known() -> None:
    """Its size and type are those of the instance that was restored; one that was never seen available has none."""
    record = green_drill()
    (first, *others) = record.restorations
    seen = dataclasses.replace(first, storage_type="gp3", storage_gib=100)
    (copy, *_) = copies_of(dataclasses.replace(record, restorations=(seen, *others)))

    assert (copy.instance_id, copy.storage_type, copy.storage_gib) == (first.instance_id, "gp3", 100)
    assert copies_of(dataclasses.replace(record, restorations=()))[0].storage_gib is None


def test_a_copy_whose_request_got_no_answer_is_counted_and_one_that_was_refused_is_not() -> None:
    """Nobody knows when the first was made: from the beginning of the run, so that it is no less than AWS bills."""
    record = green_drill()
    (copy,) = [each for each in record.resources if each.kind == "db-instance"][:1]
    lost = dataclasses.replace(copy, made_at=None)
    refused = dataclasses.replace(copy, made_at=None, note=f"refused by AWS, {NEVER_MADE}")
    assert copy.gone_at is not None

    (counted,) = copies_of(dataclasses.replace(record, resources=(lost,)))
    assert counted.seconds == (copy.gone_at - record.started_at).total_seconds()
    assert copies_of(dataclasses.replace(record, resources=(refused,))) == ()


BEGAN = datetime(2026, 11, 23, 12, tzinfo=UTC)
ENDED = BEGAN + timedelta(hours=2)


def resource(id: str, **changes: Any) -> Resource:
    """An instance that a run made at noon and that was gone an hour later."""
    base: dict[str, Any] = {"region": "r", "made_at": BEGAN, "gone_at": BEGAN + timedelta(hours=1)}
    return Resource(**{"kind": "db-instance", "id": id, "state": "gone"} | base | changes)


def test_a_copy_is_billed_from_its_request_until_it_was_gone() -> None:
    """Or until the run's end while it is there; no group, nothing that a cut-over keeps and nothing that was never made."""
    engine = EngineSupport("13.1", ENROLLED, "because", BEGAN - timedelta(days=1))
    restored = Restoration("recovery", None, "copy", "c", storage_type="gp3", storage_gib=100, engine=engine)
    resources = (
        resource("of a cut-over", state="in use"),
        resource("kept", state="kept"),
        resource("never made", made_at=None, note=f"refused by AWS, {NEVER_MADE}"),
        resource("not answered", made_at=None),
        resource("made, whatever its note says", note=NEVER_MADE),
        resource("group", kind="security-group"),
        resource("never seen"),
        resource("copy"),
        resource("left", state="left", gone_at=None),
        resource("by a clock that went back", gone_at=BEGAN - timedelta(seconds=9)),
    )
    record = dataclasses.replace(green_drill(), restorations=(restored,), resources=resources)
    record = dataclasses.replace(record, started_at=BEGAN - timedelta(hours=3), ended_at=ENDED)

    assert copies_of(record) == (
        Billed("r", "", 4 * 3600.0, instance_id="not answered"),
        Billed("r", "", 3600.0, instance_id="made, whatever its note says"),
        Billed("r", "", 3600.0, instance_id="never seen"),
        Billed("r", "c", 3600.0, "gp3", 100, "years_1_and_2", "copy"),
        Billed("r", "", 7200.0, instance_id="left"),
        Billed("r", "", 0.0, instance_id="by a clock that went back"),
    )
    unended = copies_of(dataclasses.replace(record, ended_at=None))
    assert [each.instance_id for each in unended] == [
        *("not answered", "made, whatever its note says", "never seen", "copy", "by a clock that went back"),
    ]


def test_what_is_no_database_is_billed_by_what_aws_described() -> None:
    """From its request until it was gone; of one that was never seen nothing is known, and what was never made is not billed."""
    parts = (Part("gib_month", "EBS gp3", 100),)
    restored = Restoration("recovery", None, "copy", charged=parts)
    resources = tuple(
        resource(name, kind="ebs-volume", **changes)
        for name, changes in {
            "copy": {},
            "not seen": {},
            "never made": {"made_at": None, "note": f"refused by AWS, {NEVER_MADE}"},
            "left": {"state": "left", "gone_at": None},
        }.items()
    )
    record = dataclasses.replace(green_drill(), restorations=(restored,), resources=resources, ended_at=ENDED)

    assert copies_of(record) == (
        Billed("r", "", 3600.0, instance_id="copy", kind="ebs-volume", parts=parts),
        Billed("r", "", 3600.0, instance_id="not seen", kind="ebs-volume"),
        Billed("r", "", 7200.0, instance_id="left", kind="ebs-volume"),
    )


def test_the_support_of_a_copy_is_that_of_its_request() -> None:
    """A copy that is asked for on the last day of standard support is not charged for what begins meanwhile."""
    engine = EngineSupport("13.1", ENROLLED, "because", BEGAN)
    restored = Restoration("recovery", None, "copy", "c", engine=engine)
    record = dataclasses.replace(green_drill(), restorations=(restored,), resources=(resource("copy"),))
    assert copies_of(record) == (Billed("r", "c", 3600.0, instance_id="copy"),)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "about $0.00"),
        ("0.00000003", "less than $0.0001"),
        ("0.0001", "about $0.0001"),
        ("0.00016", "about $0.0002"),
        ("0.0099", "about $0.0099"),
        ("0.01", "about $0.01"),
        ("1.005", "about $1.00"),
        ("12.346", "about $12.35"),
    ],
)
def test_an_amount_has_as_many_places_as_it_needs(amount: str, shown: str) -> None:
    """Two from a cent on, four below; what is less than four can show is said to be less, and not that much."""
    assert about(Decimal(amount)) == shown
    assert f"would cost {shown} by" in sentence(Cost(Decimal(amount)), simulated=True, date="D")


END = datetime(2026, 2, 28, tzinfo=UTC)


def enrolled(until: datetime | None) -> EngineSupport:
    """A copy that is enrolled, of a version whose standard support ends then."""
    return EngineSupport("13.1", ENROLLED, "because", until)


def test_extended_support_is_charged_after_standard_support_and_only_where_enrolled() -> None:
    """At the price of the third year two years later; what has no end that is known is said as not known."""
    day = timedelta(days=1)

    assert support_charged(None, END + day) is None
    assert support_charged(EngineSupport("13.1", NOT_ENROLLED, "because", END), END + day) is None
    assert support_charged(enrolled(END), END) is None
    assert support_charged(enrolled(END), END + day) == "years_1_and_2"
    assert support_charged(enrolled(END), END.replace(year=2028) - day) == "years_1_and_2"
    assert support_charged(enrolled(END), END.replace(year=2028)) == "year_3"
    leap = enrolled(datetime(2024, 2, 29, tzinfo=UTC))
    assert support_charged(leap, datetime(2026, 2, 28, tzinfo=UTC)) == "year_3"
    assert support_charged(leap, datetime(2026, 2, 27, 23, tzinfo=UTC)) == "years_1_and_2"
    assert support_charged(enrolled(None), END) == "unknown"
    assert "it is not known whether" in cost_of([Billed("r", "c", 1, "", 0, "unknown")], TABLE).unknown[1]


def test_prices_of_aws_go_before_the_table() -> None:
    """Those of a region and a class that the table lacks as well, and the table itself stays as it is."""
    asked = (UnitPrice("r", "hour", "c", "0.2"), UnitPrice("x", "gib_month", "gp2", "7.3"))
    table = with_asked(TABLE, asked)

    assert cost_of([Billed("r", "c", 3600, "gp3", 100)], table).known == Decimal("0.3")
    assert cost_of([Billed("x", "d", 3600, "gp2", 1)], table).known == Decimal("0.01")
    assert TABLE["r"]["hour"] == {"c": "0.10"}  # type: ignore[index]


@given(st.lists(copies, max_size=3))
def test_a_price_in_a_record_says_what_it_was_worked_out_of(several: list[Billed]) -> None:
    """The copies, the day of the table, and a number only where something is known."""
    price = price_of(several)

    assert price.copies == tuple(several)
    assert price.prices_of == prices()["date"]
    assert price.usd is None  # neither region is in the table
    assert "$" not in told(price, simulated=False)


def test_the_source_of_the_prices_is_named() -> None:
    """AWS's list with its day where that gave one, else the table with its own."""
    asked = (UnitPrice("r", "hour", "c", "0.2", "2026-11-20T00:00:00Z"),)
    price = price_of([Billed("r", "c", 3600)], asked)

    assert price.usd == "0.2"
    assert told(price, simulated=False, asked=asked).startswith(
        f"cost about $0.20 by AWS's price list of 2026-11-20, else the table of {prices()['date']}, without the storage"
    )
    assert told(price, simulated=True).startswith("would cost about $0.20 by the prices of ")
    unknown = (Billed("", "c", 3600),)
    assert told(price_of(unknown, asked), simulated=True, asked=asked) == (
        f"unknown by AWS's price list of 2026-11-20, else the table of {prices()['date']}: "
        "the price of c in an unknown region; the storage, whose size is not known here"
    )


def listed(published: str) -> UnitPrice:
    """A price of AWS's list of that day."""
    return UnitPrice("r", "hour", "c", "0.2", published)


@pytest.mark.parametrize(
    ("found", "asked", "told_of_it"),
    [
        (Cost(None), (), "no copy was made"),
        (Cost(None, ("a", "b")), (), "unknown by the prices of D: a; b"),
        (Cost(None, ("a",)), (listed(""),), "unknown by AWS's price list, else the table of D: a"),
        (Cost(Decimal(5)), (), "cost about $5.00 by the prices of D"),
        (Cost(Decimal(5), ("a", "b")), (), "cost about $5.00 by the prices of D, without a; b"),
        (Cost(Decimal(5)), (listed(""),), "cost about $5.00 by AWS's price list, else the table of D"),
        (
            Cost(Decimal(5)),
            (listed("2026-11-20T00:00:00Z"), listed("2026-11-21T00:00:00Z"), listed("")),
            "cost about $5.00 by AWS's price list of 2026-11-21, else the table of D",
        ),
    ],
)
def test_a_cost_is_said_with_where_it_is_from_and_what_it_lacks(
    found: Cost, asked: tuple[UnitPrice, ...], told_of_it: str
) -> None:
    """And of a simulated run that it would cost so much; of nothing that is known no number is said."""
    assert sentence(found, simulated=False, date="D", asked=asked) == told_of_it
    assert sentence(found, simulated=True, date="D", asked=asked) == told_of_it.replace(
        "cost about", "would cost about"
    )


def test_a_price_of_aws_leaves_the_others_of_its_region() -> None:
    """It takes the place of one price, of its kind and its name."""
    table = with_asked(TABLE, [UnitPrice("r", "hour", "d", "0.3")])

    assert table == TABLE | {"r": TABLE["r"] | {"hour": {"c": "0.10", "d": "0.3"}}}  # type: ignore[operator]


@pytest.mark.parametrize(
    ("copy", "unknown"),
    [
        (Billed("x", "c", 1, "gp3", 1), ("the price of c in x", "the price of gp3 storage in x")),
        (
            Billed("", "", 1, "", 1),
            (
                "the price of an unknown class in an unknown region",
                "the price of unknown storage in an unknown region",
            ),
        ),
        (Billed("r", "c", 1), ("the storage, whose size is not known here",)),
        (
            Billed("r", "c", 1, "gp3", 1, "unknown"),
            ("Extended Support, of which it is not known whether it is charged",),
        ),
        (Billed("r", "c", 1, "gp3", 1, "years_1_and_2"), ("Extended Support of c in r",)),
        (
            Billed("", "", 1, "gp3", None, "year_3"),
            (
                "the price of an unknown class in an unknown region",
                "the storage, whose size is not known here",
                "Extended Support of an unknown class in an unknown region",
            ),
        ),
        (Billed("r", "d", 1, "gp3", 1, "year_3"), ("the price of d in r", "Extended Support of d in r")),
    ],
)
def test_each_part_that_is_not_known_is_named(copy: Billed, unknown: tuple[str, ...]) -> None:
    """The instance, its storage and its support, each with its class and region where they are known; named once."""
    assert cost_of([copy, copy], TABLE).unknown == unknown


@pytest.mark.parametrize("state", ["in use", "kept", "gone"])
def test_what_a_cut_over_has_restored_is_no_copy_of_the_drill_and_named_as_not_in_its_price(state: Any) -> None:
    """On AWS it is in use or kept; in a sandbox it goes with that, under the source's name or beside it, and not as a copy does."""
    record = green_drill()
    note = WITH_SANDBOX if state == "gone" else "to remove it: …"
    moved = tuple(resource(id, state=state, note=note) for id in ("orders-prod-aside-2ee3", "orders-prod"))
    group = resource("sg-1", kind="security-group", state=state, note=note)
    own = resource(f"drill-{record.run_id}-r2", note=WITH_SANDBOX)  # a copy that the drill could not remove before
    volume = resource("vol-0123456789abcdef0", kind="ebs-volume", note=WITH_SANDBOX)
    without = dataclasses.replace(record, resources=(*record.resources, own, volume, group))
    found = cost.of_run(dataclasses.replace(without, resources=(*without.resources, *moved)))

    assert found.copies == copies_of(without)
    assert {own.id, volume.id} <= {each.instance_id for each in found.copies}
    assert found.unknown == (*cost.of_run(without).unknown, cost.OF_CUTOVER)


def test_the_copy_that_an_incident_keeps_is_of_no_cut_over() -> None:
    """It is kept on purpose too."""
    incident = Incident("latest", 3600.0)
    record = dataclasses.replace(green_drill(), incident=incident, resources=(resource("of it", state="kept"),))
    assert cost.of_run(record).unknown == ()
