"""Clients that answer from recorded calls: the engine's own functions read them as they read AWS."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drills.aws import read as aws
from drills.replay.recorded_aws import NotRecorded, RecordedAws, with_instants


def call(operation: str, parameters: dict[str, Any], answer: Any, **more: Any) -> dict[str, Any]:
    """A call as a run notes it."""
    known = {
        "side": "source",
        "region": "eu-central-1",
        "for": "p",
        "process": "features",
        "error": None,
        "status": 200,
    }
    return {"operation": operation, "parameters": parameters, "answer": answer, "request_id": "r", **known, **more}


def test_what_aws_did_not_answer_is_refused_as_the_run_met_it() -> None:
    """An operation that has no entry is the error that the record names; one that has is answered; another is not recorded."""
    asked = {"KeyId": "k"}
    told = [call("kms.DescribeKey", asked, {"KeyMetadata": {"KeyManager": "AWS"}})]
    met = {"DescribeKey": "ReadTimeoutError"}
    clients = RecordedAws(told, "run").clients("p", unanswered=met)
    assert clients.kms.describe_key(**asked) == {"KeyMetadata": {"KeyManager": "AWS"}}
    with pytest.raises(ClientError, match="ReadTimeoutError"):
        clients.kms.describe_key(**asked)
    with pytest.raises(NotRecorded):
        clients.rds.describe_db_instances(DBInstanceIdentifier="db")


def test_pages_are_read_one_after_another_and_instants_are_instants() -> None:
    """A token says that more follows; each answer is given once; names of instants give datetimes."""
    asked = {"DBInstanceIdentifier": "db", "SnapshotType": "awsbackup"}
    empty = [call("rds.DescribeDBSnapshots", {**asked, "SnapshotType": kind}, {}) for kind in ("manual", "automated")]
    snapshots = [
        {"DBSnapshotArn": f"arn:{n}", "DBSnapshotIdentifier": str(n), "SnapshotDatabaseTime": "2026-11-29T03:00:00Z"}
        for n in (1, 2)
    ]
    pages = [
        call("rds.DescribeDBSnapshots", asked, {"DBSnapshots": snapshots[:1], "Marker": "(more)"}),
        call("rds.DescribeDBSnapshots", asked, {"DBSnapshots": snapshots[1:]}),
    ]
    points = aws.recovery_points(RecordedAws([*pages, *empty], "run").clients("p"), "db", None)
    assert [point.arn for point in points] == ["arn:1", "arn:2"]
    assert points[0].data_time == datetime(2026, 11, 29, 3, tzinfo=UTC)


def test_a_refusal_is_raised_again() -> None:
    """The recorded code is what the engine sees."""
    error = {"code": "DBInstanceNotFound", "message": "no"}
    gone = call("rds.DescribeDBInstances", {"DBInstanceIdentifier": "db"}, None, error=error)
    assert aws.describe_instance(RecordedAws([gone], "run").clients("p"), "db") is None
    refused = call("rds.DescribeDBInstances", {"DBInstanceIdentifier": "db"}, None, error={**error, "code": "Denied"})
    with pytest.raises(ClientError, match="Denied"):
        aws.describe_instance(RecordedAws([refused], "run").clients("p"), "db")


def test_an_answer_that_was_not_recorded_is_not_invented() -> None:
    """Calls for another purpose, of another side, or with other parameters are not taken for it."""
    other = call("rds.DescribeDBInstances", {"DBInstanceIdentifier": "other"}, {"DBInstances": []})
    with pytest.raises(NotRecorded, match="DescribeDBInstances"):
        aws.describe_instance(RecordedAws([other], "run").clients("p"), "db")
    with pytest.raises(NotRecorded):
        aws.describe_instance(RecordedAws([other], "run").clients("q"), "other")
    with pytest.raises(NotRecorded):
        aws.describe_instance(RecordedAws([other], "run").clients("p", "restore"), "other")


def test_only_names_of_instants_are_read_as_instants() -> None:
    """A tag's value that looks like one stays text."""
    value = {"Value": "2026-11-29T03:00:00Z", "CreationDate": "2026-11-29T03:00:00Z", "Rules": [{"DeleteAt": "x"}]}
    read = with_instants(value)
    assert read["Value"] == "2026-11-29T03:00:00Z"
    assert read["CreationDate"] == datetime(2026, 11, 29, 3, tzinfo=UTC)
    assert read["Rules"] == [{"DeleteAt": "x"}]
