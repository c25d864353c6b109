"""The database of a DSN: its passwords are in no repr, in no arguments that were parsed, and in no traceback with variables."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from pydantic import SecretStr

from drills.cli import canary, run, verify
from drills.cli import main as cli
from drills.cli.database import Database, parse_dsn
from drills.cli.manifest import command as manifest
from drills.clock import SystemClock
from drills.errors import DrillError
from drills.run.context import RunOptions
from tests.support.ports import free_port

SECRETS = {"password": "Geheim-1!", "sslpassword": "Geheim-2!", "oauth_client_secret": "Geheim-3!"}
LIBPQ = {each.keyword.decode() for each in psycopg.pq.Conninfo.get_defaults()}
KNOWN = {name: value for name, value in SECRETS.items() if name in LIBPQ}  # the last of them since PostgreSQL 18


def dsn(port: int = 1) -> SecretStr:
    """A DSN with every secret that this libpq knows."""
    named = " ".join(f"{name}={value}" for name, value in KNOWN.items())
    return SecretStr(f"host=127.0.0.1 port={port} dbname=orders user=app {named}")


def shown(error: BaseException) -> str:
    """A traceback with the variables of each frame, of its causes too, as pytest -l and rich show it."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def without_secrets(text: str) -> bool:
    """Whether none of the secrets stands in a text."""
    return not [each for each in KNOWN.values() if each in text]


def test_a_database_shows_its_secrets_as_stars() -> None:
    """The password, the key's and the client's secret; everything else is there to be read."""
    database = parse_dsn(dsn())

    assert {"password", "sslpassword"} <= set(KNOWN)
    assert without_secrets(repr(database))
    assert without_secrets(str(database.with_settings({"keepalives_idle": "5"})))
    assert {name for name, each in database.parameters.items() if isinstance(each, SecretStr)} == set(KNOWN)
    assert (database.name, database.parameters["host"]) == ("orders", "127.0.0.1")


@pytest.mark.parametrize(
    "add",
    [
        pytest.param(verify.add_arguments, id="verify"),
        pytest.param(manifest.add_arguments, id="manifest"),
        pytest.param(canary.add_arguments, id="canary"),
        pytest.param(run.add_arguments, id="run"),
    ],
)
def test_arguments_that_were_parsed_show_no_password(add: Callable[[argparse.ArgumentParser], None]) -> None:
    """Each command that takes a DSN or a seed keeps it as a secret from the moment at which it is parsed."""
    parser = argparse.ArgumentParser()
    add(parser)
    url = "postgresql://app:Geheim-1!@db.example/orders"
    dests = {each.dest: each for each in parser._actions}
    parts = dests["part"].choices if "part" in dests else None
    given = [["--seed", url]] if "seed" in dests else [[*part, url] for part in ([[p] for p in parts or ()] or [[]])]
    for each in given:
        more = ["--against", "m.json"] if "against" in dests else ["--keep", "1d"] if each[0] == "prune" else []
        parsed = parser.parse_args([*each, *more])
        assert without_secrets(repr(parsed))
        assert (getattr(parsed, "dsn", None) or parsed.seed).get_secret_value() == url


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(["verify", "", "--against", "m.json"], id="verify"),
        pytest.param(["manifest", " "], id="manifest"),
        pytest.param(["canary", "beat", ""], id="canary"),
        pytest.param(["run", "--seed", ""], id="run"),
    ],
)
def test_an_empty_one_is_refused_and_no_default(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A variable that a script did not set is neither the sample nor libpq's own defaults."""
    assert cli.main(given) == 2
    assert "found an empty one" in capsys.readouterr().err


def test_choices_of_a_run_do_not_show_its_seed() -> None:
    """The URL of a seed may hold a password."""
    assert without_secrets(repr(RunOptions(seed="postgresql://app:Geheim-1!@db.example/orders")))


@pytest.fixture
def refused() -> Database:
    """A database whose port nobody listens on."""
    port = free_port()
    return parse_dsn(dsn(port))


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda database: database.connect(), id="its own database"),
        pytest.param(lambda database: database.connect("other"), id="another"),
        pytest.param(lambda database: database.entered_name(), id="its name"),
        pytest.param(lambda database: canary._install(database, "drill_canary", only_print=False), id="install"),
        pytest.param(
            lambda database: canary.HeartbeatLoop(database, timedelta(seconds=1), None, 1, SystemClock()).run(),
            id="beat",
        ),
    ],
)
def test_a_connection_that_fails_shows_no_password(refused: Database, act: Callable[[Database], object]) -> None:
    """Neither in the sentence nor in a variable of any frame that the error went through."""
    with pytest.raises((psycopg.OperationalError, DrillError)) as error:
        act(refused)

    assert "127.0.0.1" in shown(error.value)
    assert without_secrets(shown(error.value))
