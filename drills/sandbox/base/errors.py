"""The errors of the sandbox's work, and how they are reported in one line."""

from __future__ import annotations

import psycopg

from drills.errors import DrillError
from drills.redaction import show_error

# what work on a PostgreSQL server raises when it fails
SERVER_ERRORS = (DrillError, psycopg.Error, OSError)


class Ending(DrillError):
    """The sandbox is ending; the work at hand is given up."""


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, for an event or a log, without values of rows, or else the name of its class."""
    lines = (show_error(error) if isinstance(error, psycopg.Error) else str(error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__
