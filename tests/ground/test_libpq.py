"""No stray variable of libpq has a say in a connection of a drill."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from drills import libpq
from drills.cli.database import parse_dsn
from drills.recovery.connect import Endpoint, connector
from drills.sandbox.seeds.server import is_surely_local
from tests.support.checked import MASTER, Checked, checked
from tests.support.cluster import module_state
from tests.support.paths import CHECKOUT

__all__ = ["checked", "module_state"]

STRAY = {
    "PGSERVICE": "evil", "PGTARGETSESSIONATTRS": "standby", "PGSSLMAXPROTOCOLVERSION": "TLSv1.1", "PGREQUIREAUTH": "md5",
    "PGSSLCERT": "bad", "PGHOSTADDR": "192.0.2.1", "PGCLIENTENCODING": "nonsense", "PGTZ": "Nowhere/Land",
    "PGDATESTYLE": "nonsense", "PGSSLKEY": "/missing", "PGCHANNELBINDING": "require", "PGLOADBALANCEHOSTS": "nonsense",
}  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test sets aside is no other's."""
    monkeypatch.setattr(libpq, "_set_aside", {})


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What libpq would go by for each connection: the parameters that are given, else its variables, as libpq tells them."""
    seen: list[dict[str, str]] = []

    def connect(**given: Any) -> None:
        defaults = {each.keyword.decode(): each.val.decode() for each in psycopg.pq.Conninfo.get_defaults() if each.val}
        seen.append(defaults | {name: str(each) for name, each in given.items()})

    monkeypatch.setattr(psycopg, "connect", connect)
    return seen


def test_no_variable_of_libpq_changes_how_a_copy_is_reached(
    made: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every variable that this libpq knows set to nonsense, the connection is the one without any."""
    connect = connector(
        Endpoint("copy.example.com", 5432, "owner", SecretStr(secrets.token_urlsafe()), Path("/rds.pem"))
    )
    for name in libpq.variables():
        monkeypatch.delenv(name, raising=False)
    connect("postgres")
    for name in libpq.variables() - {"PGPASSFILE"}:  # which is read for a connection without a password alone
        monkeypatch.setenv(name, "nonsense")
    connect("postgres")

    assert made[0] == made[1]


def test_a_server_is_reached_whatever_is_left_over_in_the_environment(
    checked: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of these alone let every attempt fail; the drill's connections and those of a DSN do not take it."""
    dsn = SecretStr(f"host={checked.cluster.run_dir} user={MASTER} dbname=orders password={checked.password}")
    for name, value in STRAY.items():
        monkeypatch.setenv(name, value)
        with checked.cluster.connect() as session, parse_dsn(dsn).connect() as other:
            assert session.execute("select 1").fetchone() == other.execute("select 1").fetchone() == (1,), name


def test_a_variable_that_completes_a_dsn_is_documented() -> None:
    """The list that is taken is the one of the page, name by name."""
    page = (CHECKOUT / "docs/verification.md").read_text(encoding="utf-8")
    assert not [name for name in libpq.KEPT if f"`{name}`" not in page]


def test_what_was_set_aside_still_completes_the_url_of_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed's URL is the user's own, as psql takes it: a variable that leads elsewhere is seen, so that it is asked first."""
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    libpq.set_aside()
    assert libpq.of_the_environment() == {"hostaddr": "192.0.2.1"}
    assert not is_surely_local("postgresql://localhost/orders")


def test_connections_are_made_in_one_place() -> None:
    """Apart from a seed's server, which the user's own variables may name, and the sample's application, a container of its own."""
    calls = {
        path.relative_to(CHECKOUT).as_posix()
        for folder in ("drills", "steps")
        for path in (CHECKOUT / folder).rglob("*.py")
        if re.search(r"\b(psycopg|Connection|AsyncConnection)\.connect\(", path.read_text(encoding="utf-8"))
    }
    assert calls == {"drills/libpq.py", "drills/sandbox/seeds/server.py", "drills/sandbox/service/webapp.py"}
