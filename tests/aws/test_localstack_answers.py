"""What a real LocalStack answered, recorded with its source: what its edition lacks is one sentence, and no failure that passes."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.parsers import create_parser

from drills.aws.calls.outcome import is_unsupported, passes
from drills.aws.endpoint_health import check_endpoint, needed_by
from drills.aws.read import error_code
from drills.aws.remedies import explain
from drills.config.load import Target
from drills.errors import DrillError
from tests.support.answering import answering
from tests.support.paths import CHECKOUT

RECORDED = json.loads((CHECKOUT / "tests/aws/localstack_answers.json").read_text())
# the other sentences of the same version, in localstack/aws/catalog_exceptions.py
SENTENCES = (
    "Sorry, the rds service is not currently supported by LocalStack.",
    "Sorry, the rds service is not supported by this version of LocalStack, but is available if you upgrade to the latest "
    "stable version.",
    "Sorry, the backup service is not included within your LocalStack license, but is available in an upgraded license. "
    "Please refer to https://docs.localstack.cloud/references/coverage for more details.",
    "Sorry, the StartBackupJob operation on the backup service is not supported with your LocalStack license. Please refer "
    "to https://docs.localstack.cloud/references/coverage for more details.",
)


def raised(answer: dict[str, Any]) -> ClientError:
    """The error that boto3 raises for a recorded answer."""
    client = boto3.client(
        answer["service"], region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    operation = client.meta.method_to_api_mapping[answer["operation"]]
    model = client.meta.service_model
    raw = {"status_code": answer["status"], "headers": answer["headers"], "body": answer["body"].encode()}
    parsed = create_parser(model.metadata["protocol"]).parse(raw, model.operation_model(operation).output_shape)
    return ClientError(parsed, operation)


@pytest.mark.parametrize("answer", RECORDED["answers"], ids=lambda each: f"{each['service']} {each['operation']}")
def test_what_its_edition_lacks_is_said_and_not_waited_for(answer: dict[str, Any]) -> None:
    """Its code is the one that AWS has for errors of its own, which are repeated; its status says that it stays so."""
    error = raised(answer)

    assert error_code(error) == "InternalFailure"
    assert is_unsupported(error)
    assert not passes(error)
    assert "this is an emulator, and its edition or version has no such service or operation" in explain(error, "")


@pytest.mark.parametrize("sentence", SENTENCES)
def test_its_other_sentences_are_explained_too(sentence: str) -> None:
    """A version that looks them up in a catalogue says it in other words."""
    answered: Any = {"Error": {"Code": "InternalFailure", "Message": sentence}}

    assert "its edition or version has no such service" in explain(ClientError(answered, "X"), "")


def test_an_error_of_awss_own_is_no_lack_of_a_service() -> None:
    """With status 500 it may pass, it excuses nothing, and its remedy is another one."""
    answered: Any = {"Error": {"Code": "InternalFailure", "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": 500}}
    error = ClientError(answered, "ListBackupPlans")

    assert passes(error)
    assert not is_unsupported(error)
    assert "AWS failed" in explain(error, "")


def test_its_health_page_refuses_a_drill_in_one_sentence() -> None:
    """The services that it lacks, its edition and its version, before anything is asked of it."""
    with answering("GET", lambda _: (200, json.dumps(RECORDED["health"]).encode())) as url:
        with pytest.raises(DrillError) as caught:
            check_endpoint(url, needed_by(Target(instance="orders", vault="orders")))
        assert str(caught.value) == (
            f'expected rds, ec2, sts, backup at {url}, found no rds, no backup in its edition "unknown", version 2026.3.0: use '
            'an edition that has them, or profile "sandbox"'
        )
    assert caught.value.exit_code == 12
