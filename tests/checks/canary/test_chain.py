"""What is read of a canary, and how its chain is judged: each sentence says which row, and what was expected of it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.checks.base.copy_code import CopyCode
from drills.checks.canary import chain
from drills.checks.canary.chain import CanaryState, Checkpoint
from drills.model.finding import Finding
from tests.checks.canary.test_canary import START, Row
from tests.checks.canary.test_canary import chain as rows_of

BEATS = "select seq, beat_at, previous, digest from drill_canary.beat order by seq"
PRUNED = "select seq, digest from drill_canary.checkpoint order by seq desc limit 1"
WHOLE = CanaryState(5, 5, START, "d" * 64)


class Server:
    """Answers a canary's queries from what lies in its tables, by their names; a table that is not there has no answer."""

    def __init__(self, tables: Mapping[str, Sequence[tuple[Any, ...]]]) -> None:
        """A server on which only these tables are the canary's."""
        self.tables = tables
        self.cursors: list[str] = []
        self.itersize = 100  # psycopg's default
        self.found: Sequence[tuple[Any, ...]] = ()

    def execute(self, query: bytes | str, values: Sequence[str] | None = None, **_: object) -> Server:
        """Run one of the queries that are known; another one is a fault of the test or of the code."""
        text = query.decode() if isinstance(query, bytes) else query
        if values is not None:
            assert text == chain._PRESENT
            (name,) = values
            self.found = [(name in self.tables,)] if name != "drill_canary.beat" or self.tables else []
        else:
            self.found = self.tables[{BEATS: "drill_canary.beat", PRUNED: "drill_canary.checkpoint"}[text]]
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first row."""
        return self.found[0] if self.found else None

    def cursor(self, *, name: str) -> Server:
        """A cursor of the server's, which does not read all rows at once."""
        self.cursors.append(name)
        return self

    def __enter__(self) -> Server:
        """The cursor itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing has to be closed."""

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """All rows."""
        return iter(self.found)


def observe(expected: CanaryState | None = None, **tables: Sequence[tuple[Any, ...]]) -> CanaryState | None:
    """What is observed of a server with these tables in the canary's schema."""
    server: Any = Server({f"drill_canary.{name}": rows for name, rows in tables.items()})
    found = chain.observe(server, expected=expected)
    assert server.cursors == (["canary"] if "beat" in tables else [])
    assert server.itersize == (10_000 if "beat" in tables else 100)
    return found


def test_a_canary_is_read_with_its_checkpoint_and_the_row_of_the_source() -> None:
    """A canary without a table is none, an empty one neither; the digest of the source's newest row is looked for."""
    rows = rows_of(5)
    assert observe() is None
    assert observe(checkpoint=[(2, "x")]) is None
    assert observe(beat=[]) is None

    whole = observe(beat=rows)
    assert whole == CanaryState(5, 5, rows[-1][1], rows[-1][3], oldest_seq=1)
    source = CanaryState(4, 4, rows[3][1], rows[3][3])
    pruned = observe(source, beat=rows[2:], checkpoint=[(2, rows[1][3])])
    assert pruned == CanaryState(3, 5, rows[-1][1], rows[-1][3], oldest_seq=3, expected_digest=rows[3][3], pruned_to=2)
    unpruned = observe(source, beat=rows, checkpoint=[])
    assert unpruned == dataclasses.replace(whole, expected_digest=rows[3][3])


def test_a_checkpoint_is_the_last_row_that_was_removed() -> None:
    """None where no table of that name is the canary's own."""
    connection: Any = Server({"drill_canary.checkpoint": [(7, "e" * 64)]})
    assert chain.read_checkpoint(connection) == Checkpoint(7, "e" * 64)
    for tables in ({"drill_canary.checkpoint": ()}, {"drill_canary.beat": ()}, {}):
        other: Any = Server(tables)
        assert chain.read_checkpoint(other) is None


@pytest.mark.parametrize("name", ["drill_canary.beat", "drill_canary.checkpoint"])
def test_a_canary_whose_query_would_run_code_is_not_read(name: str) -> None:
    """Both of its tables are asked for; one of another name, or code of another object, does not concern it."""
    assert chain.unsafe(CopyCode({name: "its rule calls f()"})) == "its rule calls f()"
    assert chain.unsafe(CopyCode({"public.t": "no"}, {("pg_class", 1): "no"})) == ""


def harmed(at: int, **parts: Any) -> tuple[str, CanaryState | None]:
    """What is said of a chain of five whose row `at` has other parts."""
    rows = rows_of(5)
    given: dict[str, Any] = dict(zip(("seq", "at", "previous", "digest"), rows[at - 1], strict=True)) | parts
    rows[at - 1] = (given["seq"], given["at"], given["previous"], given["digest"])
    state = chain.verify_chain(rows)
    return (state.broken if state else "nothing"), state


def test_the_first_row_that_is_wrong_is_named() -> None:
    """What follows from it is not told again; the rows are counted to the end."""
    assert harmed(3, digest="0" * 64)[0] == "row 3 has been altered"
    assert harmed(3, previous="0" * 64)[0] == "row 3 does not follow from row 2"
    assert harmed(3, seq=9)[0] == "row 2 is followed by row 9"
    assert harmed(1, seq=2)[0] == "row 2 is the first, and no checkpoint says that those before it were pruned"
    assert harmed(1, previous="0" * 64)[0] == "row 1 does not follow from row 0"
    broken, state = harmed(4, digest="0" * 64)
    assert (broken, state and state.rows, state and state.newest_seq) == ("row 4 has been altered", 5, 5)
    behind = chain.verify_chain(rows_of(5)[3:], checkpoint=Checkpoint(1, "x"))
    assert behind is not None
    assert behind.broken == "row 1 is followed by row 4"
    assert chain.verify_chain([]) is None


def clocked(*seconds: float) -> CanaryState:
    """A whole chain whose rows have these instants."""
    rows: list[Row] = []
    for seq, second in enumerate(seconds, 1):
        at, previous = START + timedelta(seconds=second), rows[-1][3] if rows else ""
        rows.append((seq, at, previous, chain.digest_of(previous, seq, at)))
    state = chain.verify_chain(rows)
    assert state is not None
    return state


def test_the_largest_step_back_of_the_clock_is_told() -> None:
    """With the row at which it happened; a clock that stands still has not gone back."""
    assert clocked(10, 9, 20, 14, 30, 29).went_back == "by 6.0 s at row 4"
    assert clocked(1, 1, 2).went_back == ""
    assert clocked(1, 0.5).went_back == "by 0.5 s at row 2"


def finding(expected: str, found: str, message: str, severity: Any = "error") -> Finding:
    """A finding of the canary."""
    query = "select min(seq), max(seq), max(beat_at) from drill_canary.beat"
    return Finding("canary", severity, "drill_canary.beat", expected, found, message, query)


BACK = dataclasses.replace(WHOLE, went_back="by 6 s at row 4")
CLOCK = finding(
    "a clock that goes on", "by 6 s at row 4",
    "the source's clock went back by 6 s at row 4: the measured data loss relies on that clock", "warning",
)  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "found", "findings"),
    [
        (None, None, ()),
        (WHOLE, None, (finding("row 5", "no canary", "the canary is missing from the copy"),)),
        (None, WHOLE, ()),
        (WHOLE, WHOLE, ()),
        (WHOLE, dataclasses.replace(WHOLE, newest_seq=6, newest_digest="e" * 64), ()),
        (WHOLE, dataclasses.replace(WHOLE, expected_digest="d" * 64), ()),
        (
            None, dataclasses.replace(BACK, broken="row 3 has been altered"),
            (finding("a whole chain", "row 3 has been altered", "the canary's chain is broken: row 3 has been altered"),),
        ),
        (
            WHOLE, dataclasses.replace(WHOLE, newest_seq=4),
            (finding("row 5", "row 4", "the canary ends at row 4, expected at least row 5"),),
        ),
        (
            WHOLE, dataclasses.replace(BACK, newest_seq=6, expected_digest="e" * 64),
            (finding(
                "digest dddddddddddddddd", "digest eeeeeeeeeeeeeeee",
                "row 5 of the canary is not the source's: this may be another source's copy",
            ),),
        ),
        (None, BACK, (CLOCK,)),
        (WHOLE, BACK, (CLOCK,)),
    ],
    ids=[
        "none", "missing", "not expected", "the same", "further", "proven", "broken", "behind", "another's", "clock",
        "clock of the expected",
    ],
)  # fmt: skip
def test_a_canary_is_judged_by_the_source_s(
    expected: CanaryState | None, found: CanaryState | None, findings: tuple[Finding, ...]
) -> None:
    """Missing, broken, behind, another source's, or whole: one finding, the gravest; a clock that went back is a warning."""
    assert chain.judge(expected, found) == findings


ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "Europe/London", "Asia/Singapore", "America/St_Johns", "Australia/Lord_Howe"]
)


@given(st.integers(min_value=0, max_value=2**51), ZONES)
def test_a_digest_is_that_of_the_instant_and_not_of_its_time_zone(microseconds: int, zone: str) -> None:
    """The writer's SQL hashes the microseconds since 1970 (drills/checks/canary/writer.py), whatever zone a session shows."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)

    expected = hashlib.sha256(f"abc|7|{microseconds}".encode()).hexdigest()
    assert chain.digest_of("abc", 7, at) == expected
    assert chain.digest_of("abc", 7, at.astimezone(ZoneInfo(zone))) == expected


def test_the_hour_that_a_zone_has_twice_is_no_step_back() -> None:
    """Summer time ends on 25 October 2026 at 01:00 UTC: the wall clock of Berlin goes back, and the source's does not."""
    rows: list[Row] = []
    for seq, minute in enumerate((50, 70), 1):
        at = datetime(2026, 10, 25, tzinfo=UTC) + timedelta(minutes=minute)
        previous = rows[-1][3] if rows else ""
        rows.append((seq, at.astimezone(ZoneInfo("Europe/Berlin")), previous, chain.digest_of(previous, seq, at)))

    state = chain.verify_chain(rows)
    assert state is not None
    assert (state.broken, state.went_back) == ("", "")
    assert state.newest_at.tzinfo is UTC
