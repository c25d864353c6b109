"""The health page of an emulator is read before anything is asked of it."""

from __future__ import annotations

import errno
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from drills.aws import endpoint_health
from drills.config.load import AwsProfile, Credentials, EndpointProfile, Target
from drills.config.manifests import ManifestStore
from drills.errors import DrillError
from tests.support.answering import Request, answering
from tests.support.guarded import own_environment

__all__ = ["own_environment"]


@contextmanager
def page(status: int, body: bytes) -> Iterator[tuple[str, list[str]]]:
    """A server that gives one answer; its URL and the paths that it was asked for."""
    asked: list[str] = []

    def answer(request: Request) -> tuple[int, bytes]:
        asked.append(request.path)
        return status, body

    with answering("GET", answer) as url:
        yield url, asked


def health(**services: str) -> bytes:
    """A LocalStack health page."""
    return json.dumps({"services": services, "edition": "pro", "version": "2026.8.2"}).encode()


NEEDED = endpoint_health.needed_by(Target(instance="orders", vault="orders"))


def check(url: str, timeout: float = 10.0) -> endpoint_health.Health | None:
    """Read the page of an endpoint for a target whose recovery points lie in a vault."""
    return endpoint_health.check_endpoint(url, NEEDED, timeout=timeout)


WHOLE = {"rds": "available", "backup": "running", "ec2": "available", "sts": "running", "s3": "disabled"}


def test_a_localstack_with_all_services_is_accepted() -> None:
    """Available and running are both there; services that a drill does not need may be off."""
    with page(200, health(**WHOLE)) as (url, asked):
        check(url)
    assert asked == ["/_localstack/health"]


@pytest.mark.parametrize(
    "services", [WHOLE | {"backup": "disabled"}, {k: v for k, v in WHOLE.items() if k != "backup"}]
)
def test_a_service_that_the_edition_lacks_is_one_sentence_and_exit_code_12(services: dict[str, str]) -> None:
    """The sentence names service, edition and version."""
    with page(200, health(**services)) as (url, _), pytest.raises(DrillError) as caught:
        check(url)
    assert caught.value.exit_code == 12
    assert 'found no backup in its edition "pro", version 2026.8.2' in str(caught.value)


def test_what_is_needed_depends_on_the_target() -> None:
    """RDS, EC2 and STS always; AWS Backup for points in a vault, Secrets Manager and S3 for what lies there."""
    needed = {
        vault or secret or "": endpoint_health.needed_by(
            Target(instance="o", vault=vault, credentials=Credentials(secret_id=secret) if secret else Credentials())
        )
        for vault, secret in ((None, None), ("vault", None), (None, "s"))
    }
    always = ("rds", "ec2", "sts")
    assert needed == {"": always, "vault": (*always, "backup"), "s": (*always, "secretsmanager")}
    for lock, more in ((True, ("rds",)), (False, ())):
        volume = Target.model_validate({"volume": "vol-0a1b2c3d", "vault": "vault", "restore": {"lock": lock}})
        assert endpoint_health.needed_by(volume) == ("backup", "ec2", "sts", *more)
    for store, more in (("s3://bucket/manifests", ("s3",)), ("manifests", ())):
        target = Target(instance="o", manifests=ManifestStore(store=store))
        assert endpoint_health.needed_by(target) == (*always, *more)


def test_without_a_vault_an_edition_without_aws_backup_does() -> None:
    """The target's RDS snapshots are drilled then, and the refusal with a vault says so."""
    needed = endpoint_health.needed_by(Target(instance="orders"))
    with page(200, health(**WHOLE | {"backup": "disabled"})) as (url, _):
        found = endpoint_health.check_endpoint(url, needed)
        with pytest.raises(DrillError, match="without vault in its table of drill\\.toml"):
            check(url)
    assert found is not None
    assert (found.edition, found.version, found.has("backup")) == ("pro", "2026.8.2", False)
    with (
        page(200, health(**WHOLE | {"rds": "disabled"})) as (url, _),
        pytest.raises(DrillError, match=r"restore\.lock = false"),
    ):
        endpoint_health.check_endpoint(url, ("backup", "ec2", "sts", "rds"))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"<Error/>"),
        (500, b""),
        (302, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"services": {}}'),
        (200, b"[" * 100_000),
    ],
)
def test_an_emulator_without_a_health_page_is_accepted(status: int, body: bytes) -> None:
    """Only a page that says which services there are can refuse; its absence refuses nothing."""
    with page(status, body) as (url, _):
        check(url)


def test_a_proxy_is_not_asked_for_what_is_on_this_machine(own_environment: pytest.MonkeyPatch) -> None:
    """A proxy in the environment must not hide an endpoint of this machine."""
    own_environment.setenv("http_proxy", "http://127.0.0.1:9")
    with page(200, health(**WHOLE)) as (url, asked):
        check(url)
    assert asked


def test_an_endpoint_that_does_not_answer_is_one_sentence_and_exit_code_12() -> None:
    """Nobody listening, or a host that does not exist, is said with the reason."""
    with page(200, b"") as (url, _):
        pass  # the port is free again
    with pytest.raises(DrillError, match=r"expected an AWS-compatible endpoint at .*, found: .*refused") as caught:
        check(url, timeout=2)
    assert caught.value.exit_code == 12


def test_why_scenarios_are_left_out_names_what_their_endpoint_lacks() -> None:
    """Nothing where all is there, where no page says so, or where it is no endpoint whose page could be read."""
    with page(200, health(**WHOLE)) as (url, _):
        there = endpoint_health.reason_lacking(EndpointProfile(endpoint_url=url), ("rds", "ec2"))
        some = endpoint_health.reason_lacking(EndpointProfile(endpoint_url=url), ("ecs", "rds", "elbv2"))
    with page(404, b"") as (other, asked):
        unknown = endpoint_health.reason_lacking(EndpointProfile(endpoint_url=other), ("ecs",))
        aws = endpoint_health.reason_lacking(AwsProfile(), ("ecs",))

    assert (there, unknown, aws) == ("", "", "")
    assert some == f'{url} has no ecs, no elbv2 in its edition "pro", version 2026.8.2'
    assert len(asked) == 1


LACKING = (
    "expected rds, ec2, sts, backup at {}, found no rds, no ec2, no sts, no backup in its edition "
    '"{}", version {}: use an edition that has them, or profile "sandbox"'
)


@pytest.mark.parametrize(
    ("beside", "edition", "version"),
    [
        ({"edition": "pro", "version": "2026.8.2"}, "pro", "2026.8.2"),
        ({}, "unknown", "unknown"),
        ({"edition": "", "version": None}, "unknown", "unknown"),
    ],
)
def test_what_lacks_is_said_whole(beside: dict[str, str], edition: str, version: str) -> None:
    """Each service that lacks, at which endpoint, of which edition and version where the page says them."""
    body = json.dumps({"services": {"s3": "available", "rds": "disabled"}, **beside}).encode()
    with page(200, body) as (url, _), pytest.raises(DrillError) as caught:
        check(url)
    assert str(caught.value) == LACKING.format(url, edition, version)


@pytest.mark.parametrize("state", ["available", "running", "starting", "initializing", "initialized"])
def test_a_service_that_comes_up_is_there(state: str) -> None:
    """LocalStack starts a service when it is first asked for."""
    found = endpoint_health.health_of(health(rds=state))
    assert found is not None
    assert found.has("rds")


@pytest.mark.parametrize(
    ("under", "asked_for"),
    [("", "/_localstack/health"), ("/", "/_localstack/health"), ("/X//", "/X/_localstack/health")],
)
def test_the_page_lies_under_the_address(under: str, asked_for: str) -> None:
    """However many slashes end it."""
    with page(200, health(**WHOLE)) as (url, asked):
        check(url + under)
    assert asked == [asked_for]


def test_a_page_past_a_million_bytes_is_no_health_page() -> None:
    """What answers so much is not LocalStack; it is not read into memory, and refuses nothing."""
    whole = json.dumps({"services": {"s3": "available"}}).encode()
    for length, passes in ((1_000_000, False), (1_000_001, True)):
        with page(200, whole[:-1].ljust(length - 1) + b"}") as (url, _):
            if passes:
                check(url)
                continue
            with pytest.raises(DrillError, match="found no rds"):
                check(url)


@pytest.mark.parametrize(
    ("answer", "found"),
    [(b"no HTTP\r\n\r\n", "no HTTP\r\n"), (None, "timed out")],
    ids=["another protocol", "silence"],
)
def test_what_answers_no_http_in_time_is_said_with_its_reason(answer: bytes | None, found: str) -> None:
    """In the given seconds, and with the words of the error itself where it has no reason of its own."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url, done = f"http://127.0.0.1:{server.getsockname()[1]}", threading.Event()

        def serve() -> None:
            with server.accept()[0] as connection:
                if answer is not None:
                    connection.recv(65536)
                    connection.sendall(answer)
                else:
                    done.wait(60)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(DrillError) as caught:
            check(url, timeout=0.2 if answer is None else 30)
        done.set()
        thread.join()
    assert str(caught.value) == (
        f"expected an AWS-compatible endpoint at {url}, found: {found}: start it, or correct endpoint_url"
    )


def test_an_endpoint_where_nobody_listens_is_said_with_the_systems_reason() -> None:
    """Not with the words of the library around it."""
    with page(200, b"") as (url, _):
        pass
    with pytest.raises(DrillError) as caught:
        check(url, timeout=2)
    reason = f"[Errno {errno.ECONNREFUSED}] Connection refused"
    assert str(caught.value) == (
        f"expected an AWS-compatible endpoint at {url}, found: {reason}: start it, or correct endpoint_url"
    )
