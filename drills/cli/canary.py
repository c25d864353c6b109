"""`drills canary`: install the canary on a source, let it beat, prune it.

The one command that writes to a source. A beat that lost its connection tries again until it is stopped.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

import psycopg

from drills.checks.base.outcome import first_line
from drills.checks.base.session import Connection
from drills.checks.canary import writer
from drills.checks.canary.chain import SCHEMA
from drills.checks.canary.writer import Beat
from drills.cli.common import Command, help_texts
from drills.cli.database import Database, add_dsn, parse_dsn
from drills.clock import Clock, SystemClock
from drills.durations import parse_duration, show_duration, write_duration
from drills.errors import ConfigError, DrillError
from drills.plural import counted

EXAMPLE = """\
examples:
  drills canary install postgresql://owner@orders.example.com/orders      schema, tables, and the role drill_canary
  drills canary install postgresql://owner@orders.example.com/orders --print
  drills canary beat postgresql://drill_canary@orders.example.com/orders --every 1s --keep 35d
  drills canary prune postgresql://drill_canary@orders.example.com/orders --keep 35d
The password comes from the DSN, PGPASSWORD or ~/.pgpass. INT and TERM end a beat with exit code 0.
"""
RETRY_AT_MOST = 30.0  # seconds between two attempts to connect again
PRUNE_EVERY = 3600.0  # seconds, while it beats with --keep
# A server that no longer answers must not hold the beat for longer than its reader can bear (libpq, "Parameter Key Words").
SETTINGS = {"tcp_user_timeout": "10000", "keepalives_idle": "5", "keepalives_interval": "2", "keepalives_count": "3"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the three parts of `drills canary`."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
    install = parts.add_parser("install", **help_texts("make the canary's schema and role", EXAMPLE))
    beat = parts.add_parser("beat", **help_texts("write a row on a beat until it is stopped", EXAMPLE))
    prune = parts.add_parser("prune", **help_texts("remove old rows behind a checkpoint", EXAMPLE))
    for part in (install, beat, prune):
        add_dsn(part, "the source")
    install.add_argument("--role", default=writer.ROLE, metavar="NAME", help="who will beat (default: drill_canary)")
    install.add_argument("--print", action="store_true", help="print the SQL and change nothing")
    beat.add_argument("--every", default="1s", metavar="DURATION", help="time between two beats (default: 1s)")
    beat.add_argument("--beats", type=int, metavar="N", help="end after so many (default: go on until stopped)")
    beat.add_argument("--keep", metavar="DURATION", help="prune what is older, every hour (default: keep everything)")
    prune.add_argument(
        "--keep", required=True, metavar="DURATION", help="how much of the chain stays, from its newest row"
    )


def run(options: argparse.Namespace) -> int:
    """Carry out one of the parts; DrillError, one sentence, where it could not."""
    source = parse_dsn(options.dsn).with_settings(SETTINGS)
    if options.part == "install":
        return _install(source, options.role, only_print=options.print)
    keep = _duration("--keep", options.keep) if options.keep else None
    if options.part == "prune":
        assert keep is not None  # argparse requires it
        with _connection(source) as connection:
            removed = writer.prune(connection, keep)
        print(
            f"{counted(removed, 'row')} removed; the oldest one left follows the checkpoint"
            if removed
            else "nothing to remove"
        )
        return 0
    every = _duration("--every", options.every)
    if options.beats is not None and options.beats < 1:
        raise ConfigError(f"--beats: expected a number from 1, found {options.beats}")
    with _stopped_by_signals():
        return HeartbeatLoop(source, every, keep, options.beats, SystemClock()).run()


def _duration(option: str, text: str) -> timedelta:
    try:
        duration = parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from error
    if not duration:
        raise ConfigError(f"{option}: expected a duration longer than zero, found {text}")
    return duration


@contextmanager
def _connection(source: Database) -> Iterator[Connection]:
    """Yield a connection; raise what PostgreSQL refuses as a DrillError."""
    try:
        with source.connect() as connection:
            yield connection
    except psycopg.Error as error:
        raise _translated(error) from error


def _translated(error: psycopg.Error) -> DrillError:
    reason = first_line(error) or type(error).__name__
    if isinstance(error, (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName)):
        return DrillError(
            f"expected the canary's tables in that database, found: {reason}: run drills canary install first"
        )
    return DrillError(f"the source refused the canary: {reason}; check the DSN's user and its rights")


def _install(source: Database, role: str, *, only_print: bool) -> int:
    if only_print:
        print(writer.statements(source.name or "postgres", role), end="")
        return 0
    with _connection(source) as connection:
        elsewhere = writer.install_for(connection, role)
        database = connection.info.dbname
    print(f"schema {SCHEMA} and role {role} are in database {database}; give the role a password: \\password {role}")
    if elsewhere:
        print(
            f"{counted(elsewhere, 'table')} elsewhere open to PUBLIC, and so to {role} too: see whether that should be"
        )
    return 0


# -- the beat ---------------------------------------------------------------------------------------------------------


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Let TERM end the beat as INT does, between two statements or in one, which is then rolled back."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class HeartbeatLoop:
    """Beats until it is stopped. The first connection must succeed; a lost one is tried again until it does."""

    def __init__(
        self, source: Database, every: timedelta, keep: timedelta | None, beats: int | None, clock: Clock
    ) -> None:
        self._source = source
        self._every = every.total_seconds()
        self._keep = keep
        self._left = beats
        self._clock = clock
        self._written = 0
        self._newest: Beat | None = None
        self._prune_at = clock.monotonic()
        self._next = clock.monotonic()

    def run(self) -> int:
        """Beat until stopped by a signal or after the requested number of beats; return 0."""
        attempts = 0
        try:
            while self._left is None or self._written < self._left:
                try:
                    with self._source.connect() as connection:
                        if attempts:
                            self._say("connected again")
                        attempts = 0
                        self._beat_on(connection)
                except psycopg.OperationalError as error:
                    if not self._written:
                        raise _translated(error) from error
                    self._say(f"lost the source: {first_line(error)}; trying again") if not attempts else None
                    self._clock.sleep(min(RETRY_AT_MOST, self._every * 2 ** min(attempts, 10)))
                    attempts += 1
                except psycopg.Error as error:
                    raise _translated(error) from error
        except KeyboardInterrupt:
            pass
        print(self._summary())
        return 0

    def _beat_on(self, connection: Connection) -> None:
        # a beat that has to wait for longer is late anyway, and one that hangs would look like one that beats
        connection.execute("select pg_catalog.set_config('statement_timeout', '30s', false)")
        self._newest = writer.newest(connection)  # another one may have beaten meanwhile, by another clock
        while self._left is None or self._written < self._left:
            self._wait()
            self._write(connection)
            if self._keep is not None and self._clock.monotonic() >= self._prune_at:
                self._prune_at = self._clock.monotonic() + PRUNE_EVERY
                writer.prune(connection, self._keep)

    def _wait(self) -> None:
        """Keep to the beat; beats that were missed are not made up for."""
        now = self._clock.monotonic()
        if now < self._next:
            self._clock.sleep(self._next - now)
        self._next = max(self._next, now) + self._every

    def _write(self, connection: Connection) -> None:
        beat = writer.beat(connection)
        if not self._written:
            self._say(f"beating every {write_duration(timedelta(seconds=self._every))} from row {beat.seq} on")
        if self._newest is not None and beat.at < self._newest.at:
            back = show_duration((self._newest.at - beat.at).total_seconds())
            self._say(f"the source's clock went back by {back} at row {beat.seq}: its rows say what the clock says")
        self._newest = beat
        self._written += 1

    def _summary(self) -> str:
        if self._newest is None or not self._written:
            return "stopped before the first beat"
        return f"{counted(self._written, 'beat')} written, the last one row {self._newest.seq} at {self._newest.at.isoformat()}"

    def _say(self, text: str) -> None:
        print(f"{self._clock.now():%Y-%m-%d %H:%M:%S} {text}", file=sys.stderr, flush=True)


COMMAND = Command(EXAMPLE, add_arguments, run)
