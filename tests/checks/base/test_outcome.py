"""What a failed query says: the data are damaged, or they could not be read."""

from __future__ import annotations

import psycopg
import pytest

from drills.checks.base.outcome import is_damage


@pytest.mark.parametrize(
    ("sqlstate", "message", "damaged"),
    [
        ("XX001", "invalid page in block 0", True),
        ("58P01", "could not open file", True),
        ("42501", "permission denied", False),
        ("55P03", "lock timeout", False),
        (None, "server closed the connection", False),
        ("XX000", "invalid memory alloc request size 1258291203", False),
        ("XX000", "invalid memory alloc request size 18446744073709551613", True),
    ],
)
def test_damage_is_told_from_lack_of_rights_time_or_room(sqlstate: str | None, message: str, damaged: bool) -> None:
    """A text of more than 1 GB is too long; a length of 16 exabytes is a broken one."""
    error = psycopg.Error(message)
    error.sqlstate = sqlstate
    assert is_damage(error) == damaged
