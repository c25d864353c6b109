"""Verifications of one copy after another, each within a budget that is too short for all, prove everything in turn."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from drills.checks import in_turn, manifest, suite
from drills.checks.base.budget import OUT_OF_TIME, Budget
from drills.checks.base.session import SingleDatabase
from drills.checks.comparison import Comparison
from drills.checks.content import key_parts, read
from drills.checks.content.shares import Share
from drills.checks.content.tables import tables
from drills.checks.in_turn import InTurn
from drills.checks.judging import Judge
from drills.checks.observed import adapter_of
from drills.checks.registry import CHECKS
from drills.model.coverage import Coverage, Known
from drills.model.finding import CheckResult
from drills.model.policy import TablePolicy
from drills.sandbox.postgres.cluster import Cluster
from drills.turns import wording
from drills.turns.known import after
from tests.support.clock import HandClock
from tests.support.cluster import default, state

__all__ = ["default", "state"]
pytestmark = pytest.mark.postgres

TABLES = """
create table vast (id bigint primary key, pad text);
insert into vast select g * 3, repeat('x', 200) from generate_series(1, 12000) g;
create table worded (id text primary key, pad text);
insert into worded select g::text, repeat('y', 500) from generate_series(1, 2500) g;
create table other (id int primary key, pad text);
insert into other select g, repeat('z', 500) from generate_series(1, 1500) g;
do $$ begin for i in 1..9 loop
    execute format('create table small_%s as select g as id from generate_series(1, 50) g', i);
end loop; end $$;
"""
BYTES_A_SECOND = 1e6
SECONDS = 2.0


class Copies:
    """A server that is source and copies in one, whose reading takes as long by a hand clock as its bytes say."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.clock, self.known = cluster, HandClock(), Known()
        self.connect = SingleDatabase(cluster.connect, "postgres")
        self.began = list[str]()
        self.policies: dict[str, TablePolicy] = {}
        self.execute(TABLES)
        self.manifest = manifest.take(self.connect)

    def execute(self, sql: str) -> None:
        """Run statements as the superuser."""
        with self.cluster.connect() as session:
            session.execute(sql.encode())

    def verify(self, seconds: float = SECONDS, workers: int = 1) -> tuple[CheckResult, Coverage]:
        """The result of one more drill, and what all of them have proved by then."""
        self.began.clear()
        self.clock.sleep(86_400)
        turns = InTurn(self.known, self.clock.now())
        comparison = Comparison(self.connect, self.manifest, self.clock, self.policies, workers=workers, turns=turns)
        comparison = dataclasses.replace(comparison, budget=Budget.starting(seconds, self.clock))
        found = suite.remaining(comparison, {each.name for each in CHECKS} - {"content"})
        assert turns.seen
        kind = adapter_of(type(turns.seen))  # as a replay reads it again
        seen = kind.validate_python(kind.dump_python(turns.seen, mode="json"))
        run_id = f"run-{self.clock.slept // 86_400:.0f}"
        coverage = in_turn.coverage(Judge(self.manifest, self.policies), seen, turns.contents, run_id)
        self.known = after(self.known, coverage.learned)
        return found[0], coverage

    def reads(self, job: Any, noting: Any) -> None:
        """Let time pass for a job, and note it."""
        if isinstance(job, key_parts.KeyPart):
            share = key_parts.parts_of(job.known)[job.number].share
            names, size = [f"{job.table.name}.{job.number}"], noting.turn.sizes[job.table.name] * share
        elif isinstance(job, Share):
            names, size = [], noting.turn.sizes[job.of.table.name] / len(job.of.pieces)
        else:
            names = [str(table.name) for table, _ in job]
            size = sum(noting.turn.sizes[name] for name in names)
        if noting.options.budget.left():
            self.began += [name.removeprefix("public.") for name in names]
        self.clock.sleep(size / BYTES_A_SECOND)


@pytest.fixture
def copies(default: Cluster, monkeypatch: pytest.MonkeyPatch) -> Copies:
    """Copies of a source with a table larger than the budget, one of its size, and small ones."""
    made, real = Copies(default), read._do

    def timed(connection: Any, job: Any, noting: Any) -> bool:
        made.reads(job, noting)
        return real(connection, job, noting)

    monkeypatch.setattr(read, "_do", timed)
    return made


def test_drills_at_a_small_budget_prove_everything_in_the_number_that_was_said(copies: Copies) -> None:
    """Small tables first until there is a rate, then the largest that is unproved, a vast one by its parts."""
    result, coverage = copies.verify()
    assert result.outcome == "not verified"
    assert OUT_OF_TIME in result.sentence
    assert copies.began[:9] == [f"small_{each}" for each in range(1, 10)]
    assert not coverage.is_full_proof
    assert wording.NO_FULL_PROOF in wording.this_run(coverage)
    said = coverage.outlook.drills
    assert said is not None
    assert said > 1

    proved = [{name for group in coverage.whole for name in group.tables}]
    for number in range(said):
        assert coverage.unproved
        assert coverage.outlook.drills is not None
        assert 0 < coverage.outlook.drills <= said - number
        unproved = set(coverage.unproved)
        result, coverage = copies.verify()
        assert copies.began[0].partition(".")[0] in {name.removeprefix("public.") for name in unproved}
        assert (result.outcome, result.findings) == ("not verified", ())
        proved.append({name for names in coverage.learned.whole.values() for name in names})
        if not coverage.unproved:
            break
    assert (coverage.unproved, coverage.outlook.drills) == ((), 0)
    (parts,) = coverage.by_parts
    assert (parts.table, parts.parts, parts.proved) == ("public.vast", 32, 32)
    assert parts.oldest.run_id != parts.newest.run_id
    assert "public.vast" not in {name for group in coverage.whole for name in group.tables}
    assert not coverage.is_full_proof
    assert any("public.worded" in each for each in proved)

    oldest = coverage.whole[0]
    assert oldest.proof.at <= parts.oldest.at
    copies.verify()  # the next round begins with what was proved longest ago
    assert f"public.{copies.began[0]}" in oldest.tables


def test_a_part_that_differs_is_found_in_whichever_drill_reads_it(copies: Copies) -> None:
    """A row that is lost, changed or added in a part is an error of that drill, with the keys of the part; others are proved."""
    copies.verify()
    _, before = copies.verify()
    copies.execute("delete from vast where id = 600; update vast set pad = 'q' where id = 18000")
    copies.execute("insert into vast values (7000000000000000000, 'added')")
    faults = []
    for _ in range(10):
        result, coverage = copies.verify()
        faults += [(each.object, each.found) for each in result.findings]
        assert (result.outcome == "missed") == bool(result.findings)
    (parts,) = coverage.by_parts
    differing = {each.message.partition("(")[2].partition(" of")[0] for each in result.findings}
    assert parts.proved < 32
    assert "public.vast" in coverage.unproved
    assert {name for name, _ in faults} == {"public.vast"}
    assert differing  # parts that were never proved come first each time
    assert before.learned.by_key or copies.known.of("postgres", "public.vast").keys


def test_a_budget_that_is_long_enough_reads_everything_whole(copies: Copies) -> None:
    """All is compared, with one connection and with two; the next drill has nothing that is due."""
    for workers in (1, 2):
        result, coverage = copies.verify(3600.0, workers)
        assert (result.outcome, result.not_checked) == ("met", ())
        assert coverage.is_full_proof
        assert (coverage.unproved, coverage.by_parts, coverage.outlook.drills) == ((), (), 0)
        assert [len(group.tables) for group in coverage.whole] == [12]


def test_what_cannot_be_divided_is_named_with_what_it_takes(copies: Copies) -> None:
    """A table with a key of words that takes longer than the budget is never proved, blocks nothing, and is said to be left."""
    copies.policies = {"public.other": TablePolicy("at least", percent=50.0)}
    for _ in range(6):
        _, coverage = copies.verify(0.8)
    assert coverage.unproved == ("public.other", "public.worded")
    assert coverage.outlook.drills is None
    assert [name for name, _ in coverage.outlook.too_large] == ["public.other", "public.worded"]
    assert "never everything: public.other: it can only be compared whole" in wording.outlook(coverage)
    assert [each.proved for each in coverage.by_parts] == [32]


FAR = """
create table far (id bigint primary key);
insert into far select g from generate_series(-40, 40) g;
insert into far values (-9223372036854775808), (-70368744177665), (-70368744177664), (70368744177664), (70368744177665),
    (9223372036854775807);
create table near (id smallint primary key);
insert into near select g from generate_series(5, 300, 7) g;
"""


def test_the_parts_of_a_table_have_each_of_its_rows_once(default: Cluster) -> None:
    """Keys beyond the largest that is summed, and beyond the outermost ranges, are in one part each, by the index of the key."""
    with default.connect() as session:
        session.execute(FAR.encode())
    taken = manifest.take(SingleDatabase(default.connect, "postgres")).databases["postgres"].contents
    with default.connect() as session:
        listed = {str(each.name): each for each in tables(session)}
        session.execute("insert into far values (-100), (100); insert into near values (1), (999)")
        for name, rows in (("public.far", 89), ("public.near", 45)):
            known = taken.tables[name]
            assert known.ranges
            turn = key_parts.Turn((), {})
            parts = [
                key_parts.KeyPart(listed[name], TablePolicy("exact"), known, known.ranges, number, turn)
                for number in range(32)
            ]
            for setting in ("enable_seqscan = off", "enable_bitmapscan = off", "enable_indexonlyscan = off"):
                session.execute(f"set {setting}".encode())
            counts = [
                (
                    session.execute(f"select count(*) from {name} as r where {part.condition}".encode()).fetchone()
                    or (0,)
                )[0]
                for part in parts
            ]
            assert sum(counts) == rows
            plan = session.execute(f"explain select * from {name} as r where {parts[2].condition}".encode()).fetchall()
            assert "Index Scan" in str(plan)
