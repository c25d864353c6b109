"""The process that checks the guards, at an endpoint that has a service by name alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from drills.clock import SystemClock
from drills.model.record import RunRecord
from drills.record import Journal, load, new_run_id
from drills.run import context, guard
from tests.support.answering import Request, answering
from tests.support.paths import CHECKOUT

RECORDED = json.loads((CHECKOUT / "tests/aws/localstack_answers.json").read_text())["answers"]
WHO = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><UserId>u</UserId>'
    "<Account>000000000000</Account><Arn>arn:aws:iam::000000000000:root</Arn></GetCallerIdentityResult>"
    "</GetCallerIdentityResponse>"
)
CONFIG = """
[drill]
profile = "localstack"
[profiles.localstack]
kind = "endpoint"
endpoint_url = "{url}"
[targets.orders]
rto = "1h"
"""


def test_an_edition_that_refuses_what_its_page_promises_is_said_once_and_in_its_words(tmp_path: Path) -> None:
    """A recorded 501 of LocalStack is no failure that passes: asked once, and the record says what it means."""
    (refused,) = (each for each in RECORDED if each["operation"] == "describe_db_instances")
    asked: list[bytes] = []

    def answer(request: Request) -> tuple[int, bytes]:
        if b"GetCallerIdentity" in request.body:
            return 200, WHO.encode()
        asked.append(request.body)
        return refused["status"], refused["body"].encode()

    with answering("POST", answer) as url:  # any other method, as that of the health page, is answered with 501
        (tmp_path / "drill.toml").write_text(CONFIG.format(url=url))
        context.save(tmp_path, context.RunOptions(config_file=str(tmp_path / "drill.toml")))
        clock = SystemClock()
        opening = RunRecord(1, new_run_id(clock.now()), "endpoint", True, clock.now(), "0")
        Journal.create(tmp_path, opening, origin=clock.monotonic())
        with pytest.raises(ClientError):
            guard.main([str(tmp_path)])
    (failure,) = load(tmp_path).failures

    assert len(asked) == 1
    assert failure.exit_code == 12
    assert "The API for service rds is either not included in your current license plan" in failure.sentence
    assert "this is an emulator, and its edition or version has no such service or operation" in failure.sentence
