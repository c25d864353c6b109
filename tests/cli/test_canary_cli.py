"""`drills canary` on a real server: what it installs, how a beat begins, goes on and ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import conninfo

from drills.checks.canary import chain as check
from drills.checks.canary import writer
from drills.cli import main as cli
from drills.clock import SystemClock, wait_until
from drills.sandbox.postgres.cluster import PORT
from tests.support.checked import MASTER, Checked, checked
from tests.support.cluster import module_state
from tests.support.paths import CHECKOUT, DRILLS

__all__ = ["checked", "module_state"]
# one server is enough for the command line; what the rows are on each of them is in test_canary.py
pytestmark = [pytest.mark.postgres, pytest.mark.parametrize("checked", ["bundled-18"], indirect=True)]
WITHIN = 60.0  # seconds, on a machine that is busy


@dataclass(frozen=True)
class Place:
    """A database to beat in, as its owner reaches it."""

    checked: Checked
    name: str

    @property
    def dsn(self) -> str:
        """The owner's connection string."""
        parts = {"host": str(self.checked.cluster.run_dir), "port": PORT, "user": MASTER}
        return conninfo.make_conninfo(**parts, dbname=self.name, password=self.checked.password)  # type: ignore[arg-type]

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """Rows of a query of the owner's."""
        with self.checked.connect(self.name) as session:
            return session.execute(text.encode()).fetchall()

    def beats(self) -> int:
        """How many rows there are."""
        return int(self.query("select count(*) from drill_canary.beat")[0][0])

    def whole(self) -> bool:
        """Whether the chain can be proved."""
        with self.checked.snapshot(self.name) as connection:
            state = check.observe(connection)
        return state is not None and not state.broken


@pytest.fixture
def place(checked: Checked) -> Iterator[Place]:
    """A copy of the sample, without a canary at first; the role is gone afterwards."""
    with checked.copy() as name:
        yield Place(checked, name)
    with checked.cluster.connect() as session, contextlib.suppress(psycopg.errors.UndefinedObject):
        session.execute("drop role drill_canary")


@contextlib.contextmanager
def beating(place: Place, *options: str) -> Iterator[subprocess.Popen[str]]:
    """`drills canary beat` in a process of its own, which is ended in any case."""
    process = subprocess.Popen(
        [DRILLS, "canary", "beat", place.dsn, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def eventually(probe: Any, what: str) -> Any:
    """What `probe` returns once it is true."""
    return wait_until(probe, WITHIN, SystemClock(), every=0.05, what=what)


def test_the_role_can_beat_and_touch_nothing_else(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """It may log in, beat and prune; it cannot change a row, make a table or a role, or read the owner's tables."""
    assert cli.main(["canary", "install", place.dsn]) == 0
    assert cli.main(["canary", "install", place.dsn]) == 0  # again changes nothing
    assert "role drill_canary are in database" in capsys.readouterr().out
    with place.checked.cluster.connect(place.name) as session:
        session.execute("set session authorization drill_canary")
        writer.beat(session)
        writer.beat(session)
        assert writer.prune(session, timedelta(microseconds=1)) == 1
        for forbidden in (
            "update drill_canary.beat set beat_at = now()",
            "truncate drill_canary.beat",
            "create table drill_canary.mine ()",
            "create role another",
            "create schema another",
            "select * from shop.orders",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(forbidden.encode())
    (role,) = place.query(
        "select rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls from pg_roles "
        "where rolname = 'drill_canary'"
    )
    assert role == (True, False, False, False, False, False)
    assert place.query("select count(*) from pg_auth_members where member = 'drill_canary'::regrole") == [(0,)]
    assert place.whole()


def test_tables_that_everybody_may_read_are_told(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """PUBLIC cannot be kept from a role, so that whoever installs is told how much that is."""
    with place.checked.cluster.connect(place.name) as session:
        session.execute("create schema open_to_all; create table open_to_all.note (id int)")
        session.execute("grant usage on schema open_to_all to public; grant select on open_to_all.note to public")
    assert cli.main(["canary", "install", place.dsn]) == 0

    assert "elsewhere open to PUBLIC, and so to" in capsys.readouterr().out


def test_the_sql_is_printed_as_it_would_be_carried_out(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """`--print` changes nothing, and what it prints does the same when it is carried out."""
    assert cli.main(["canary", "install", place.dsn, "--print"]) == 0
    printed = capsys.readouterr().out
    assert place.query("select to_regclass('drill_canary.beat')") == [(None,)]
    with place.checked.connect(place.name) as session:
        session.execute(printed.encode())
    assert cli.main(["canary", "beat", place.dsn, "--beats", "2", "--every", "10ms"]) == 0
    assert place.beats() == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_beat_cleanly(place: Place, number: signal.Signals) -> None:
    """Exit code 0, the last row is told, the chain is whole and nothing is left open.

    The signal may come between the server's commit and its answer: then one more row is there than was told.
    """
    with place.checked.connect(place.name) as session:
        writer.install(session)
    with beating(place, "--every", "20ms") as process:
        eventually(lambda: place.beats() >= 3, "some beats")
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=WITHIN)

    assert (process.returncode, "Traceback" in err) == (0, False)
    assert any(f"the last one row {row} at " in out for row in (place.beats(), place.beats() - 1))
    assert place.whole()
    left = "select count(*) from pg_stat_activity where application_name = 'drills'"
    # a backend ends a moment after its client
    eventually(lambda: place.query(left) == [(0,)], "its session to be gone")


def test_a_beat_goes_on_after_its_connection_was_lost(place: Place) -> None:
    """It says so once, connects again, and goes on with the same chain."""
    with place.checked.connect(place.name) as session:
        writer.install(session)
    with beating(place, "--every", "20ms") as process:
        eventually(lambda: place.beats() >= 2, "some beats")
        with place.checked.cluster.connect() as session:
            session.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'drills'")
        before = place.beats()
        eventually(lambda: place.beats() > before + 2, "beats after the loss")
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=WITHIN)

    assert process.returncode == 0
    assert err.count("lost the source: ") == err.count("connected again") == 1
    assert place.whole()


def test_a_clock_that_went_back_is_told_and_the_beat_goes_on(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """The row before is an hour ahead, as a clock that was set right since would have left it."""
    with place.checked.connect(place.name) as session:
        writer.install(session)
        last = writer.beat(session)
        ahead = last.at + timedelta(hours=1)
        digest = check.digest_of(last.digest, last.seq + 1, ahead)
        session.execute(
            "insert into drill_canary.beat values (%s, %s, %s, %s)", (last.seq + 1, ahead, last.digest, digest)
        )
    assert cli.main(["canary", "beat", place.dsn, "--beats", "2", "--every", "10ms"]) == 0
    with place.checked.snapshot(place.name) as connection:
        state = check.observe(connection)

    assert state is not None
    assert (state.broken, state.went_back.endswith("at row 3")) == ("", True)
    assert state.newest_at < ahead
    assert "59 m" in state.went_back or "1 h" in state.went_back
    assert "the source's clock went back by " in capsys.readouterr().err


def test_pruning_by_command_keeps_what_is_asked_for(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """A beat with --keep prunes from its first row on; the command does it once."""
    with place.checked.connect(place.name) as session:
        writer.install(session)
    assert cli.main(["canary", "beat", place.dsn, "--beats", "5", "--every", "10ms"]) == 0
    assert cli.main(["canary", "prune", place.dsn, "--keep", "1h"]) == 0
    assert "nothing to remove" in capsys.readouterr().out
    assert cli.main(["canary", "beat", place.dsn, "--beats", "1", "--every", "10ms", "--keep", "1ms"]) == 0

    assert place.beats() == 1
    assert place.whole()


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["beat", "{dsn}", "--every", "soon"], "--every: 'soon' is no duration", 2),
        (["beat", "{dsn}", "--every", "0s"], "--every: expected a duration longer than zero", 2),
        (["beat", "{dsn}", "--beats", "0"], "--beats: expected a number from 1", 2),
        (["beat", "{dsn}"], "run drills canary install first", 12),
        (["prune", "{dsn}", "--keep", "1d"], "run drills canary install first", 12),
        (["beat", "host=/nowhere dbname=orders"], "the source refused the canary", 12),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    place: Place, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str, code: int
) -> None:
    """Wrong usage 2, else could not run 12; never a traceback, and no password."""
    assert cli.main(["canary", *(each.format(dsn=place.dsn) for each in arguments)]) == code
    err = capsys.readouterr().err

    assert said in err
    assert err.count("\n") == 1
    assert place.checked.password not in err
