"""How a restored copy is reached, and what is said when it is not."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from drills.errors import RestoreFailed
from drills.recovery.connect import Endpoint, connector, refuse_source, wait_for_connection
from tests.support.clock import HandClock
from tests.support.guarded import source
from tests.support.shown import shown


def test_a_password_is_in_no_representation() -> None:
    """Neither an endpoint nor what is logged of it shows the password."""
    password = secrets.token_urlsafe()
    endpoint = Endpoint("localhost", 5432, "owner", SecretStr(password))

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


@pytest.mark.parametrize(
    "said",
    [
        "connection failed: SSL error: certificate verify failed",
        'connection failed: root certificate file "/etc/rds.pem" does not exist',
    ],
)
def test_a_certificate_that_is_not_trusted_is_said_at_once(said: str) -> None:
    """No later attempt mends it, and the copy costs money meanwhile: the sentence says which file is missing, and where it is."""
    clock = HandClock()

    def untrusted(database: str) -> psycopg.Connection[Any]:
        raise psycopg.OperationalError(said)

    with pytest.raises(RestoreFailed, match=r"ca_bundle .* https://truststore\.pki\.rds\.amazonaws\.com"):
        wait_for_connection(untrusted, "postgres", clock, timeout=60.0, key="targets.orders.timeout", every=5.0)
    assert clock.slept == 0


@pytest.mark.parametrize(
    "said",
    [
        'definition of service "evil" not found',
        'invalid sslmode value: "x"',
        'connection failed: invalid ssl_min_protocol_version value: "TLSv9"',
        'invalid integer value "x" for connection option "port"',
        'connection failed: could not read certificate file "bad": no such file',
        "connection failed: SSL error: unsupported protocol",
        'connection failed: authentication method requirement "md5" failed: server requested SCRAM-SHA-256',
        "connection failed: server does not support SSL, but SSL was required",
        'connection failed: FATAL:  unrecognized configuration parameter "x"',
        'connection failed: FATAL:  invalid value for parameter "TimeZone": "Nowhere"',
    ],
)
def test_what_no_later_attempt_mends_is_said_at_once(said: str) -> None:
    """With its own text, since the security group has nothing to do with it."""
    clock = HandClock()

    def wrong(database: str) -> psycopg.Connection[Any]:
        raise psycopg.OperationalError(said)

    with pytest.raises(RestoreFailed) as raised:
        wait_for_connection(wrong, "postgres", clock, timeout=7200.0, key="targets.orders.timeout", every=5.0)
    assert " ".join(said.split()) in str(raised.value)
    assert "security group" not in str(raised.value)
    assert clock.slept == 0


@pytest.mark.parametrize(
    "said",
    [
        "connection refused\n\tIs the server running on that host and accepting TCP/IP connections?",
        "connection timeout expired",
        "FATAL:  the database system is starting up",
        'FATAL:  password authentication failed for user "owner"',
        "SSL connection has been closed unexpectedly",
        "server closed the connection unexpectedly",
        "FATAL:  sorry, too many clients already",
    ],
)
def test_what_may_pass_is_tried_again_and_told_meanwhile(said: str) -> None:
    """Each new reason once while it waits, and none any more when the copy answers."""
    tries, told = iter([said, said, "another reason"]), list[str]()

    class Answers:
        def __enter__(self) -> Answers:
            return self

        def __exit__(self, *_: object) -> None: ...

        def execute(self, _: str) -> None: ...

    def late(_: str) -> Any:
        refusal = next(tries, None)
        if refusal:
            raise psycopg.OperationalError(refusal)
        return Answers()

    wait_for_connection(late, "postgres", HandClock(), timeout=60.0, key="timeout", every=5.0, tell=told.append)
    assert told == [f"not reached yet: {' '.join(said.split())}", "not reached yet: another reason", ""]


def test_a_server_without_the_right_certificate_is_not_trusted(tmp_path: Path) -> None:
    """A CA bundle that is not there is an error of the connection, and never a connection without verification."""
    connect = connector(Endpoint("localhost", 1, "owner", SecretStr(secrets.token_urlsafe()), tmp_path / "missing.pem"))

    with pytest.raises(psycopg.OperationalError):
        connect("postgres")


def test_nothing_of_the_environment_weakens_the_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting by which libpq would not look at the certificate is given, so that a variable or a service file is not asked."""
    given: dict[str, Any] = {}
    monkeypatch.setattr(psycopg, "connect", lambda **parameters: given.update(parameters))
    for name, value in {"PGSSLMODE": "disable", "PGGSSENCMODE": "require", "PGSSLROOTCERT": "/other"}.items():
        monkeypatch.setenv(name, value)

    connector(Endpoint("copy.example.com", 5432, "owner", SecretStr(secrets.token_urlsafe()), Path("/rds.pem")))(
        "postgres"
    )

    assert (given["sslmode"], given["gssencmode"], given["sslrootcert"]) == ("verify-full", "disable", "/rds.pem")
    assert given["ssl_min_protocol_version"] == "TLSv1.2"


def test_no_traceback_with_its_variables_shows_the_password() -> None:
    """Of a connection that is refused: psycopg's frames, which hold it, are not in the error."""
    password = SecretStr(secrets.token_urlsafe())
    connect = connector(Endpoint("127.0.0.1", 1, "owner", password, Path(__file__)))
    with pytest.raises(psycopg.OperationalError) as raised:
        connect("postgres")

    text = shown(raised.value)
    assert "Endpoint(host='127.0.0.1'" in text
    assert password.get_secret_value() not in text


ADDRESS = {"host": "orders.example", "port": 5432}


@pytest.mark.parametrize(
    ("copy", "found"),
    [
        ({}, "DbiResourceId, db-A,"),
        ({"host": "copy.example", "port": 5432}, "DbiResourceId, db-A,"),
        ({"dbi_resource_id": "db-B", **ADDRESS}, "address, orders.example:5432,"),
        ({"dbi_resource_id": "", **ADDRESS}, "address, orders.example:5432,"),
    ],
)
def test_a_copy_that_is_the_source_is_found_out(copy: dict[str, Any], found: str) -> None:
    """An endpoint that answers a restore with the source itself would have the source verified; stock moto gives one id to all."""
    with pytest.raises(RestoreFailed) as raised:
        refuse_source(source(id="drill-1", **copy), source(**ADDRESS))

    assert f"found 'drill-1' with the {found} of the source 'orders'" in str(raised.value)
    assert raised.value.exit_code == 12


def test_a_copy_of_its_own_is_taken() -> None:
    """Another identity and another address; where the source is lost, there is nothing to be mistaken for."""
    refuse_source(source(id="drill-1", dbi_resource_id="db-B", host="orders.example", port=5433), source(**ADDRESS))
    refuse_source(source(id="drill-1", dbi_resource_id="db-B"), source())
    refuse_source(source(id="drill-1", **ADDRESS), None)
