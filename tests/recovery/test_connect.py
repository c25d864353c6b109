"""How a restored copy is reached, and what is said when it is not."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import psycopg
import pytest

from drills.errors import RestoreFailed
from drills.recovery.connect import Endpoint, connector, wait_for_connection
from tests.support.clock import HandClock


def test_a_password_is_in_no_representation() -> None:
    """Neither an endpoint nor what is logged of it shows the password."""
    password = secrets.token_urlsafe()
    endpoint = Endpoint("localhost", 5432, "owner", password)

    assert password not in repr(endpoint)
    assert password not in f"{endpoint} {connector(endpoint)!r}"


def test_a_copy_that_never_answers_is_given_up_with_its_last_refusal() -> None:
    """In one line, with the time it was given and what to look at; tried each second, since only AWS throttles."""
    clock, tried = HandClock(), list[str]()

    def refusing(database: str) -> psycopg.Connection[Any]:
        tried.append(database)
        raise psycopg.OperationalError(f"attempt {len(tried)}:\n  connection refused")

    with pytest.raises(RestoreFailed) as raised:
        wait_for_connection(refusing, "postgres", clock, timeout=60.0, key="targets.orders.timeout", every=5.0)

    assert "within 60 s of being available" in str(raised.value)
    assert f"(attempt {len(tried)}: connection refused)" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith("or raise targets.orders.timeout")
    assert (clock.slept, set(tried), len(tried)) == (60.0, {"postgres"}, 61)


def test_a_server_without_the_right_certificate_is_not_trusted(tmp_path: Path) -> None:
    """A CA bundle that is not there is an error of the connection, and never a connection without verification."""
    connect = connector(Endpoint("localhost", 1, "owner", secrets.token_urlsafe(), tmp_path / "missing.pem"))

    with pytest.raises(psycopg.OperationalError):
        connect("postgres")
