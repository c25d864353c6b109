"""Asks a database what a finding's query asks, as somebody would in psql."""

from __future__ import annotations

from typing import Any

from drills.checks.base.session import Connection


def ask(session: Connection, query: str) -> list[Any]:
    """The answer of the last statement of a query; the settings of the others are the session's."""
    cursor = session.execute(query.encode())
    while cursor.nextset():
        pass
    return cursor.fetchall()


def ask_both(session: Connection, change: str, query: str) -> tuple[list[Any], list[Any]]:
    """The answers before and after a change that is rolled back."""
    with session.transaction(force_rollback=True):
        before = ask(session, query)
        session.execute("reset search_path")
        session.execute(change.encode())
        return before, ask(session, query)
