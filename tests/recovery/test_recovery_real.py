"""The timeline of a recovery in the sandbox: late names, refused connections, slow reads and AWS's clock, really.

How long each part takes at least is configured; how long at most depends on this machine, and tests/objectives/test_timeline.py
holds that on a clock of its own.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from drills.checks.base.session import Connection, Connector
from drills.config.objectives import NamedQuery
from drills.model.record import ResumedFrom, RunRecord
from drills.objectives import timeline
from drills.record import load
from drills.recovery.connect import Endpoint, Resolver, connector
from drills.recovery.drill import CHOOSING, Drill
from drills.recovery.restore import restore
from drills.run import resume
from drills.run.context import late_name_resolver
from tests.support.drill import Staged
from tests.support.rds import create
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]

LATE, REFUSED, SLOW, FLAPPED, AHEAD = 1.5, 1.0, 1.2, 0.8, 90.0  # seconds
POLL = 0.15  # longer than it stays available before it flaps, so that nobody gets in between
QUERIES = (
    NamedQuery.model_validate(
        {"name": "orders", "sql": "select status, count(*) from shop.orders group by 1", "target": "1s"}
    ),
    NamedQuery(name="customer -- 1", sql="select * from shop.customer where id = 1"),
)


@dataclass(frozen=True)
class Slowed:
    """A connector that makes the first read of the owner's queries slow, once the copy is entered for it."""

    staged: Staged
    instance: str

    def __call__(self, endpoint: Endpoint, resolve: Resolver | None) -> Connector:
        """As the engine connects, with a fault armed in between."""
        connect, first = connector(endpoint, resolve), itertools.count()

        def slowly(database: str) -> Connection:
            opened = connect(database)
            if database != "postgres" and next(first) == 1:
                # two settings and the query are answered after this; the connection before asks for the rights of the login
                self.staged.sandbox.control.arm("slow-reads", name=self.instance, times=3, seconds=SLOW)
            return opened

        return slowly


@pytest.fixture(scope="module")
def recovered(staged: Staged, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunRecord]:
    """One recovery in which much is late, and AWS's clock ahead."""
    folder, control = tmp_path_factory.mktemp("recovered"), staged.sandbox.control
    changes = {"queries": QUERIES, "hydrate": True, "blocking": {"large objects": True, "canary": False}}
    with staged.drill(folder, changes=changes) as running:
        name = f"drill-{running.record.run_id}-recovery"
        setup = dataclasses.replace(
            running.setup,
            resolve=late_name_resolver(control),
            connector=Slowed(staged, name),
            uses_demo_data=True,
            poll_seconds=POLL,
        )
        control.arm("clock-skew", seconds=AHEAD, times=None)
        control.arm("flapping", seconds=FLAPPED)
        control.arm("late-name", name=name, seconds=LATE)
        control.arm("connection-refused", name=name, seconds=REFUSED)
        try:
            drill = Drill(setup, staged.stored, staged.key)
            drill.recover()
            struck = {fault["kind"]: fault["struck"] for fault in control.faults()}
        finally:
            control.clear_faults()
        assert struck["flapping"] == struck["late-name"] == struck["connection-refused"] == 1, struck
        assert struck["slow-reads"] == 3
        drill.clean_up()
        setup.journal.end()
        yield load(folder)


def test_each_part_takes_as_long_as_it_was_told(recovered: RunRecord) -> None:
    """A late name in the phase of the name, a slow first read in the cold phase, flapping before the password is set."""
    took = {phase.name: phase.seconds or 0.0 for phase in recovered.phases}
    (orders, customer) = recovered.restorations[0].queries
    statuses = [change.status for change in recovered.restorations[0].statuses]

    assert took["resolve the DNS name"] >= LATE - 0.01
    assert took["restore"] + took["set the password"] >= FLAPPED
    assert statuses.count("available") >= 2  # left once, and reached again
    assert statuses[-1] == "available"
    assert took["run the owner's queries, cold"] >= 3 * SLOW - 0.05
    assert orders.cold is not None
    assert orders.warm is not None
    assert orders.cold >= SLOW - 0.01 > orders.warm
    assert (orders.database, customer.reason) == ("orders", "")


def test_rta_has_everything_in_it_up_to_the_last_blocking_check(recovered: RunRecord) -> None:
    """Contiguous phases, RTA their sum; the canary and the content come after, as the target says."""
    counted = [phase for phase in recovered.phases if phase.clock == "rta"]
    rta = next(each for each in recovered.measurements if each.name == "RTA")
    checks = {check.name: check for check in recovered.restorations[0].checks}

    assert rta.seconds == pytest.approx(sum(phase.seconds or 0.0 for phase in counted))
    assert counted[-1].name == "run the blocking checks"
    assert all(a.end_seconds == b.start_seconds for a, b in itertools.pairwise(recovered.phases))
    blocking = {name for name, check in checks.items() if check.blocking}
    assert blocking == {"connection", "queries", "catalog", "sequences", "invariants", "large objects"}
    assert {checks[name].outcome for name in (*blocking - {"invariants"}, "canary", "content")} == {"met"}


def test_every_moment_is_there_and_hydration_is_outside_rta(recovered: RunRecord) -> None:
    """From the declaration to the last thing removed, the GIN index of the sample among what was read."""
    names = [moment.name for moment in recovered.moments]
    found = recovered.restorations[0].hydration
    hydrate = next(phase for phase in recovered.phases if phase.name == "hydrate")

    expected = [timeline.DECLARATION, timeline.CHOSEN, timeline.ACCEPTED, timeline.ENDPOINT, timeline.RESOLVED]
    expected += [timeline.CONNECTED, timeline.COLD, timeline.WARM, timeline.PASSED, timeline.COMPARED]
    expected += [timeline.HYDRATED, timeline.CLEAN]
    assert [name for name in names if name != timeline.CREATED["instance"]] == expected
    assert hydrate.clock == ""
    assert found is not None
    assert found.relations > 20
    assert found.size_bytes > 1_000_000
    unread = {left.what for left in found.not_read}
    assert "index shop.customer_preferences_idx" not in unread  # a GIN
    assert not [left for left in found.not_read if left.what.startswith(("relation shop.", "database "))]


def test_how_far_aws_is_ahead_is_measured_and_said(recovered: RunRecord) -> None:
    """By the Date header of its answers; a minute and a half changes no duration and is in the notes."""
    offset = recovered.clock_offset

    assert offset is not None
    assert offset.low_seconds - 0.5 <= AHEAD <= offset.high_seconds + 0.5
    assert offset.answers > 5
    assert any("AWS's clock is 1 m 30 s ahead of this machine's" in note for note in recovered.notes)
    assert not any("jumped" in note for note in recovered.notes)


@pytest.fixture(scope="module")
def late() -> Iterator[RunningSandbox]:
    """A sandbox in which every new name is late."""
    running = start_sandbox(delays='{"creating": 0.1, "deleting": 0.1, "dns": 600}')
    yield running
    end_sandbox(running)


def test_a_profile_can_make_every_name_late(late: RunningSandbox) -> None:
    """From the first question on, once for each name, on the sandbox's clock."""
    made = create(late, "late")
    made.available()
    port = made.described()["Endpoint"]["Port"]

    assert not late.control.resolves(port)
    late.control.forward(300)
    assert not late.control.resolves(port)
    late.control.forward(300)
    assert late.control.resolves(port)
    assert late.control.resolves(port)


class Lost(Exception):
    """The machine is gone."""


def test_another_machine_goes_on_with_the_copy(staged: Staged, tmp_path: Path) -> None:
    """By the tags of the copy alone: it is checked, RTA counts from the first declaration, and nothing of either run is left."""
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    first = staged.setup(folders[0])
    first.journal.enter("begin")
    begun = Drill(first, staged.stored, staged.key)
    point = begun.choose()

    def lose(phase: str) -> None:
        if phase == "restore":
            raise Lost

    with pytest.raises(Lost):
        restore(first, point, begun._source, purpose="recovery", enter=lose)
    declared = first.journal.record.disaster
    assert declared is not None
    assert declared.declared_at is not None

    second = staged.setup(folders[1])
    second.journal.enter("begin")
    resume.adopt(second, first.journal.record.run_id, tmp_path / "nowhere")
    resume.record_things(second)
    drill = Drill(second, staged.stored, staged.key)
    restoration = drill.recover()
    left = drill.clean_up()

    record = second.journal.record
    rta = record.measurements[0]
    (chosen,) = (phase for phase in record.phases if phase.name == CHOOSING)
    assert record.resumed_from == ResumedFrom(
        first.journal.record.run_id, declared.declared_at, declared.at, point.arn, "the tags of the copy"
    )
    assert restoration.instance_id == f"drill-{record.owner}-recovery"
    assert {each.name: each.outcome for each in record.verdicts}["content"] == "met"
    assert rta.from_at == declared.declared_at
    assert rta.seconds is not None
    assert rta.seconds > (chosen.started_at - declared.declared_at).total_seconds() > 0
    assert (left, record.failures) == ((), ())
    assert {each.kind for each in record.resources} == {each.kind for each in first.journal.record.resources}
    assert {each.state for each in record.resources} == {"gone"}
