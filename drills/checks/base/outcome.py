"""The outcome of one check, and whether a failed query means damaged data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import psycopg

from drills.model.finding import Finding, NotChecked
from drills.redaction import show_error

# https://www.postgresql.org/docs/current/errcodes-appendix.html
# Internal error or corruption, a file that cannot be read, text or bytes
# that are not what their type says. They say that the data are damaged, not that we may not read them.
_DAMAGED = ("XX", "58", "22021", "22P05")
_UNDEFINED = ("42P01", "42703", "42883", "42704", "3F000")
# The server says the same of a value whose text is longer than it can hold (1 GB) and of a broken length; the latter
# is an absurd number nearly always.
_TOO_LONG = re.compile(r"invalid memory alloc request size (\d+)")
_ABSURD_BYTES = 8 * 1024**3


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """How many objects were compared, what differed, and what was not compared.

    `unverified` should have been compared and could not be: it leaves its check "not verified". `excluded` was left
    out, or compared less than exactly, for a reason that somebody decided on.
    """

    compared: int = 0
    findings: tuple[Finding, ...] = ()
    unverified: tuple[NotChecked, ...] = ()
    excluded: tuple[NotChecked, ...] = ()

    @property
    def not_checked(self) -> tuple[NotChecked, ...]:
        """Return everything that was not compared exactly, each object and reason once."""
        return tuple(dict.fromkeys((*self.unverified, *self.excluded)))

    def __add__(self, other: CheckOutcome) -> CheckOutcome:
        """Add two outcomes, as a check that reads several databases needs it."""
        return CheckOutcome(
            self.compared + other.compared,
            self.findings + other.findings,
            self.unverified + other.unverified,
            self.excluded + other.excluded,
        )


def is_damage(error: psycopg.Error) -> bool:
    """Return whether the server failed to read its own data, as opposed to a lack of rights, time, memory or
    connection.
    """
    if size := _TOO_LONG.search(str(error)):
        return int(size[1]) >= _ABSURD_BYTES
    return (error.sqlstate or "").startswith(_DAMAGED)


def is_lost(error: psycopg.Error) -> bool:
    """Return whether the connection is gone, so that nothing more can be read on it."""
    # class 08 is "Connection Exception", 57P01 to 57P03 a server or a session that ends (the same appendix)
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


def is_undefined(error: psycopg.Error) -> bool:
    """Return whether a name is unknown: of a table, column, function, operator, object, type or schema.

    A function that names something without its schema fails so with the empty search_path of a pinned session, and works
    with the one that its users have.
    """
    return error.sqlstate in _UNDEFINED


def is_too_long(error: psycopg.Error) -> bool:
    """Return whether a row's text would be longer than the server can hold."""
    if size := _TOO_LONG.search(str(error)):
        return int(size[1]) < _ABSURD_BYTES
    return isinstance(error, psycopg.errors.ProgramLimitExceeded)


def lacking(error: psycopg.Error, tables: Iterable[str]) -> str:
    """Return which right was lacking to read some tables, from the server's error of insufficient privilege.

    Row-level security that is forced hides rows from the owner too, of which the server's hint speaks to the owner alone
    (check_enable_rls() in rls.c). An error within a function is about something else than the tables.
    """
    named = " and ".join(dict.fromkeys(tables))
    if error.diag.source_function == "check_enable_rls" or "row-level security" in str(error):
        if error.diag.message_hint:
            return f"needs BYPASSRLS on {named}: FORCE ROW LEVEL SECURITY can hide rows from the owner's role too"
        return f"needs BYPASSRLS or the owner's role on {named}"
    if error.diag.context:
        return first_line(error)
    return f"needs SELECT on {named}"


def first_line(error: psycopg.Error) -> str:
    """Return the first line of the server's message where it can quote no value of a row, else what kind of error it is."""
    return show_error(error)
