"""The record of calls: what was asked and answered, without secrets, and not without end."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.redaction import MASK
from drills.run.finish import without_repeated_answers
from drills.sandbox.door.calls import Call, CallLog, read_request
from drills.sandbox.door.redact import LONGEST_LIST, LONGEST_TEXT, redact, shorten
from drills.sandbox.door.responses import LARGEST, StoredResponse, operation_model

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
SECRET = "drill-" + "s3" * 8
SECRET_NAMES = (
    "MasterUserPassword", "masterUserPassword", "master_user_password", "SecretString", "secretBinary",
    "X-Amz-Security-Token", "SessionToken", "SecretAccessKey", "KeyMaterial", "PrivateKey", "Plaintext",
    "PreSignedUrl", "AuthorizationToken", "X-Amz-Signature", "DB_PASSWORD", "PGPASSWORD", "Tags.member.1.Password",
)  # fmt: skip
names = st.sampled_from(("", "Name", "key", "Value", "DBInstanceIdentifier", "Tags.member.1.Key", "ö", "pass", "word"))
plain = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.sampled_from("a:/@. ö\0"), max_size=9)
)
trees = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=6
)
hidings = st.sampled_from(
    [
        *({name: SECRET} for name in SECRET_NAMES),
        *({name: [SECRET, {"deep": SECRET}]} for name in SECRET_NAMES),
        {"name": "DB_PASSWORD", "value": SECRET},
        {"Key": "app-password", "Value": SECRET},
        {"Environment.member.1.Name": "DB_PASSWORD", "Environment.member.1.Value": SECRET},
        {"url": f"postgresql://owner:{SECRET}@localhost:5432/app"},
        {"note": f"see postgres://:{SECRET}@db/app for more"},
    ]
)


@st.composite
def with_a_secret(draw: st.DrawFn) -> Any:
    """A JSON value with a secret somewhere inside."""
    value = draw(hidings)
    for beside in draw(st.lists(trees, max_size=4)):
        value = {**beside, "in": value} if isinstance(beside, dict) else [beside, value]
    return value


@given(with_a_secret())
def test_no_secret_survives_wherever_it_stands(value: Any) -> None:
    """By its name, beside its name, or inside of a URL: what is left holds stars in its place."""
    left = json.dumps(redact(value))

    assert SECRET not in left
    assert MASK in left


@given(trees)
def test_what_is_no_secret_stays(value: Any) -> None:
    """The log is of use: nothing else is changed."""
    assert redact(value) == value


@given(
    st.integers(0, 3 * LONGEST_TEXT).map(lambda length: "x" * length)
    | st.integers(0, 3 * LONGEST_LIST).map(lambda length: list(range(length)))
)
def test_what_is_long_is_cut_and_says_so(value: Any) -> None:
    """Never longer than a reader wants, and never silently shorter than it was."""
    cut = shorten(value)
    limit = LONGEST_TEXT if isinstance(value, str) else LONGEST_LIST

    assert (cut == value) == (len(value) <= limit)
    assert len(cut) <= limit + 50
    if cut != value:
        assert "more" in (cut if isinstance(cut, str) else cut[-1])


def test_a_value_of_any_depth_ends() -> None:
    """A body of ten thousand brackets costs the log nothing."""
    value: Any = "x"
    for _ in range(10_000):
        value = [value]

    assert "…" in json.dumps(redact(value), ensure_ascii=False)


def answer(service: str, operation: str, body: object, *, protocol: str = "json", status: int = 200) -> StoredResponse:
    """A kept answer."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return StoredResponse(operation_model(service, operation), protocol, status, [("Content-Type", "x")], text)


def test_an_answer_is_kept_as_botocore_reads_it() -> None:
    """Instants are ISO 8601 and errors have their code: what a client understood."""
    job = {"BackupJobId": "J", "State": "RUNNING", "CreationDate": NOON.timestamp()}
    assert answer("backup", "DescribeBackupJob", job, protocol="rest-json").as_json() == {
        "BackupJobId": "J",
        "State": "RUNNING",
        "CreationDate": "2026-01-02T12:00:00+00:00",
    }
    refused = {"__type": "ResourceNotFoundException", "message": "none"}
    told = answer("backup", "DescribeBackupJob", refused, protocol="rest-json", status=400).as_json()
    assert told["Error"] == {"Code": "ResourceNotFoundException", "Message": "none"}


def test_what_the_model_calls_sensitive_is_hidden_whatever_its_name() -> None:
    """botocore marks such shapes; `CiphertextForRecipient`'s neighbour `Plaintext` of KMS is one."""
    told = answer("kms", "GenerateDataKey", {"KeyId": "k", "Plaintext": "c2VjcmV0"}).as_json()

    assert told == {"KeyId": "k", "Plaintext": MASK}


@pytest.mark.parametrize("body", [b"\xff\xfe", b"<a", b"", b"[1]"])
def test_an_answer_that_cannot_be_read_is_a_sentence(body: bytes) -> None:
    """Reading the log never fails."""
    told = answer("rds", "DescribeDBInstances", body, protocol="query").as_json()

    assert isinstance(told, str | dict)


def test_too_much_is_not_kept_and_the_oldest_goes_first() -> None:
    """A huge answer and old answers are forgotten; their calls are not."""
    assert answer("kms", "ListKeys", b"x" * (LARGEST + 1)).as_json() == "not kept"

    log = CallLog(most_bytes=200)
    for number in range(10):
        kept = answer("kms", "ListKeys", {"Keys": [{"KeyId": f"{number}-{n * 7919 % 9973}"} for n in range(10)]})
        log.add(Call(NOON, "kms", "r", "ListKeys", {}, 200, "", 0.0, answer=kept))

    told = [call["answer"] for call in log.as_json()]
    assert len(told) == 10
    assert told[0] == "not kept"
    assert told[-1]["Keys"][0]["KeyId"] == "9-0"


def test_a_log_that_is_emptied_has_all_of_its_room_again() -> None:
    """Nothing of the forgotten calls is told, and new answers are kept as by an empty log."""
    log = CallLog(most_bytes=30)
    call = Call(NOON, "kms", "r", "ListKeys", {}, 200, "", 0.0, answer=answer("kms", "ListKeys", {"Keys": []}))
    assert call.answer
    assert call.answer.size <= 30 < 2 * call.answer.size
    log.add(call)

    assert log.forget() == 1
    assert log.as_json() == []
    log.add(dataclasses.replace(call, answer=answer("kms", "ListKeys", {"Keys": []})))
    assert log.as_json()[0]["answer"]["Keys"] == []


def test_an_answer_that_was_given_before_is_told_once() -> None:
    """calls.json says which call was answered the same; another operation's equal answer is told."""
    calls = [
        {"operation": "A", "answer": {"Status": "creating"}},
        {"operation": "A", "answer": {"Status": "creating"}},
        {"operation": "A", "answer": {"Status": "available"}},
        {"operation": "B", "answer": {"Status": "creating"}},
        {"operation": "A", "answer": {"Status": "creating"}},
    ]

    told = without_repeated_answers(calls)

    assert [call.get("same_as") for call in told] == [None, 0, None, None, 0]
    assert [call.get("answer") for call in told] == [
        calls[0]["answer"],
        None,
        calls[2]["answer"],
        calls[3]["answer"],
        None,
    ]


def test_the_parameters_of_a_presigned_request_hold_no_token() -> None:
    """The log redacts a URL's parameters as it does a body's."""
    request = read_request(
        {
            "HTTP_AUTHORIZATION": "AWS4-HMAC-SHA256 Credential=a/20260101/eu-central-1/s3/aws4_request",
            "PATH_INFO": "/bucket/key",
            "REQUEST_METHOD": "GET",
            "QUERY_STRING": f"X-Amz-Security-Token={SECRET}&X-Amz-Signature={SECRET}",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
        },
        b"",
    )

    assert request is not None
    assert SECRET not in json.dumps(request.parameters)
    assert request.operation == "GetObject"
