"""The health page of an emulator is read before anything is asked of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from drills.aws import guards
from drills.errors import DrillError
from tests.support.guarded import own_environment

__all__ = ["own_environment"]


@contextmanager
def page(status: int, body: bytes) -> Iterator[tuple[str, list[str]]]:
    """A server that gives one answer; its URL and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def health(**services: str) -> bytes:
    """A LocalStack health page."""
    return json.dumps({"services": services, "edition": "pro", "version": "2026.8.2"}).encode()


WHOLE = {"rds": "available", "backup": "running", "ec2": "available", "sts": "running", "s3": "disabled"}


def test_a_localstack_with_all_services_is_accepted() -> None:
    """Available and running are both there; services that a drill does not need may be off."""
    with page(200, health(**WHOLE)) as (url, asked):
        guards.check_endpoint(url)
    assert asked == ["/_localstack/health"]


@pytest.mark.parametrize(
    "services", [WHOLE | {"backup": "disabled"}, {k: v for k, v in WHOLE.items() if k != "backup"}]
)
def test_a_service_that_the_edition_lacks_is_one_sentence_and_exit_code_12(services: dict[str, str]) -> None:
    """The sentence names service, edition and version."""
    with page(200, health(**services)) as (url, _), pytest.raises(DrillError) as caught:
        guards.check_endpoint(url)
    assert caught.value.exit_code == 12
    assert 'found no backup in its edition "pro", version 2026.8.2' in str(caught.value)


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
    ],
)
def test_an_emulator_without_a_health_page_is_accepted(status: int, body: bytes) -> None:
    """Only a page that says which services there are can refuse; its absence refuses nothing."""
    with page(status, body) as (url, _):
        guards.check_endpoint(url)


def test_a_proxy_is_not_asked_for_what_is_on_this_machine(own_environment: pytest.MonkeyPatch) -> None:
    """A proxy in the environment must not hide an endpoint of this machine."""
    own_environment.setenv("http_proxy", "http://127.0.0.1:9")
    with page(200, health(**WHOLE)) as (url, asked):
        guards.check_endpoint(url)
    assert asked


def test_an_endpoint_that_does_not_answer_is_one_sentence_and_exit_code_12() -> None:
    """Nobody listening, or a host that does not exist, is said with the reason."""
    with page(200, b"") as (url, _):
        pass  # the port is free again
    with pytest.raises(DrillError, match=r"expected an AWS-compatible endpoint at .*, found: .*refused") as caught:
        guards.check_endpoint(url, timeout=2)
    assert caught.value.exit_code == 12
