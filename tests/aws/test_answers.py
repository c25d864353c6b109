"""Answers of AWS: what is not whole is said by the name of the member that is missing."""

from __future__ import annotations

import copy
import json
import pickle
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from drills.aws.calls.answers import Answer, IncompleteAnswer
from drills.aws.session import open_clients
from drills.config.limits import Limit
from drills.config.load import EndpointProfile
from drills.errors import DrillError
from tests.support.answering import answering

ANSWER = Answer({"BackupJobs": [{"BackupJobId": "job", "CreatedBy": {"BackupRuleId": "rule"}}]}, "ListBackupJobsOutput")


def test_a_missing_member_is_named_with_its_place_and_what_is_there() -> None:
    """Whoever reads the sentence finds the place in the answer; it is no traceback."""
    with pytest.raises(DrillError) as raised:
        ANSWER["BackupJobs"][0]["State"]

    assert str(raised.value).startswith(
        "expected State in the answer of AWS, found that ListBackupJobsOutput.BackupJobs[] has BackupJobId, CreatedBy: "
    )


def test_a_member_that_may_be_absent_is_asked_for_as_in_any_dictionary() -> None:
    """What is documented as absent is None or a default, at each depth."""
    assert ANSWER.get("NextToken") is None
    assert "NextToken" not in ANSWER
    assert ANSWER["BackupJobs"][0]["CreatedBy"].get("BackupPlanId", "") == ""


@pytest.mark.parametrize(
    "made", [copy.deepcopy(ANSWER), pickle.loads(pickle.dumps(ANSWER))], ids=["copied", "read back"]
)
def test_a_copy_of_an_answer_is_as_strict(made: Answer) -> None:
    """A copy equals the answer, is written as the same JSON, and is not whole either."""
    assert made == ANSWER
    assert json.dumps(made) == json.dumps(ANSWER)
    with pytest.raises(IncompleteAnswer, match="expected PlanId"):
        made["BackupJobs"][0]["PlanId"]


@pytest.mark.parametrize("status", [404, 403, 503])
def test_a_page_in_place_of_a_refusal_is_named_and_not_repeated(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy's page, or that of an emulator for an operation that it lacks, may hold anything; its status is kept."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))  # between two tries
    with answering("GET", lambda _: (status, b"\n<!doctype html>\n<h1>secret of the proxy</h1>")) as url:
        backup = open_clients(
            EndpointProfile(endpoint_url=url), environment={}, call=Limit("call", 60.0, "limits.call", "default")
        ).backup
        with pytest.raises(ClientError) as raised:
            backup.list_backup_jobs()

    assert "secret" not in str(raised.value)
    assert "the answer is a page" in str(raised.value)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
