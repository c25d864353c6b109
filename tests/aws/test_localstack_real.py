"""A real LocalStack, started without Docker, answers as it was recorded, and the suite says what it lacks; `tox -e localstack`."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config as ClientConfig

from drills.aws.endpoint_health import Health, read_health
from drills.cli import main as cli
from drills.clock import SystemClock, wait_until
from drills.errors import DrillError
from tests.support.paths import CHECKOUT
from tests.support.ports import free_port

PYTHON = os.environ.get("DRILLS_LOCALSTACK_PYTHON", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="DRILLS_LOCALSTACK_PYTHON names no Python with localstack-core"),
]
RECORDED = json.loads((CHECKOUT / "tests/aws/localstack_answers.json").read_text())
CONFIG = """
[drill]
profile = "localstack"
[profiles.localstack]
kind = "endpoint"
endpoint_url = "{url}"
[targets.orders]
rto = "1h"
rpo = "24h"
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Health]]:
    """A LocalStack on a free port of loopback, in a folder and an environment of its own."""
    folder = tmp_path_factory.mktemp("localstack")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    variables = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [PYTHON, "-m", "localstack.runtime.main"], env=variables, cwd=folder, stdout=log, stderr=log
        )

    def health() -> Health | None:
        assert process.poll() is None, (folder / "log").read_text()
        with contextlib.suppress(DrillError):
            return read_health(url, timeout=5.0)
        return None

    try:
        yield url, wait_until(health, 120.0, SystemClock(), every=0.25, what="LocalStack")
    finally:
        process.terminate()
        process.wait(60)


def test_its_health_page_is_the_recorded_one(running: tuple[str, Health]) -> None:
    """The same services, of the same version: else record it again."""
    _, health = running

    assert (health.version, health.edition) == (RECORDED["health"]["version"], RECORDED["health"]["edition"])
    assert set(health.services) == set(RECORDED["health"]["services"])


@pytest.mark.parametrize("answer", RECORDED["answers"], ids=lambda each: f"{each['service']} {each['operation']}")
def test_it_answers_as_recorded(running: tuple[str, Health], answer: dict[str, Any]) -> None:
    """Status, type and body, but for the id of the request."""
    options: dict[str, Any] = {
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "region_name": "eu-central-1",
    }
    once = ClientConfig(retries={"total_max_attempts": 1})
    client: Any = boto3.client(answer["service"], endpoint_url=running[0], config=once, **options)
    seen: dict[str, Any] = {}
    client.meta.events.register("before-parse", lambda response_dict, **_: seen.update(response_dict))
    with pytest.raises(client.exceptions.ClientError):
        getattr(client, answer["operation"])(**answer["arguments"])

    def without_id(body: str) -> str:
        return re.sub(r"<(RequestI[dD])>[^<]*</\1>", "", body)

    assert seen["status_code"] == answer["status"]
    assert without_id(seen["body"].decode()) == without_id(answer["body"])


def test_each_command_says_what_it_lacks_in_one_sentence(
    running: tuple[str, Health], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its health page, before anything is asked of it: exit code 12."""
    (tmp_path / "drill.toml").write_text(CONFIG.format(url=running[0]))
    monkeypatch.chdir(tmp_path)
    for command in (["posture"], ["preflight"], ["localstack", "--endpoint-url", running[0]]):
        assert cli.main(command) == 12
        said = capsys.readouterr().err
        assert 'found no rds in its edition "unknown", version 2026.3.0: use an edition that has them' in said
        assert said.count("\n") == 1
