"""The record of a run's AWS calls: what an allow-list names, and nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from drills import notebook
from drills.aws.recorded_fields import FIELDS
from drills.aws.recorder import CALLS_NAME, MORE, CallRecorder, keep, tree_of
from tests.support.clock import HandClock

SECRET = "Tr0ub4dor&3"
_LOADER = Loader()


@pytest.fixture
def rds() -> Any:
    """A client that calls nobody."""
    return boto3.client("rds", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")


def recorded(folder: Path) -> list[dict[str, Any]]:
    """The entries so far."""
    return list(notebook.read(folder / CALLS_NAME))


def answer(**members: Any) -> dict[str, Any]:
    """An answer with what the wire adds to it."""
    meta = {"RequestId": "r-1", "HTTPStatusCode": 200, "HTTPHeaders": {"date": "Sun, 29 Nov 2026 12:00:00 GMT"}}
    return {**members, "ResponseMetadata": meta}


def test_a_call_is_recorded_with_its_request_id_and_what_it_was_made_for(tmp_path: Path, rds: Any) -> None:
    """An entry has operation, side, region, purpose, parameters, answer, HTTP status, request id and AWS's date."""
    recorder = CallRecorder(tmp_path, "features", HandClock())
    recorder.watch(rds, "source")
    made = datetime(2026, 11, 29, 3, tzinfo=UTC)
    with Stubber(rds) as stub, recorder.within("posture"):
        instance = {"DBInstanceIdentifier": "db", "InstanceCreateTime": made, "DBName": "orders"}
        stub.add_response("describe_db_instances", answer(DBInstances=[instance]))
        rds.describe_db_instances(DBInstanceIdentifier="db", MaxRecords=20)
    (call,) = recorded(tmp_path)
    assert (call["operation"], call["side"], call["region"]) == ("rds.DescribeDBInstances", "source", "eu-central-1")
    assert (call["for"], call["process"]) == ("posture", "features")
    assert (call["status"], call["request_id"], call["date"]) == (200, "r-1", "Sun, 29 Nov 2026 12:00:00 GMT")
    assert call["parameters"] == {"DBInstanceIdentifier": "db"}
    kept = {"DBInstanceIdentifier": "db", "InstanceCreateTime": "2026-11-29T03:00:00Z"}
    assert call["answer"] == {"DBInstances": [kept]}
    assert call["fields_left_out"] == 2


def test_a_refused_call_is_recorded_with_its_code(tmp_path: Path, rds: Any) -> None:
    """A refusal is an answer too: its code stands in the record, and what looks like a password in its text does not."""
    recorder = CallRecorder(tmp_path, "features")
    recorder.watch(rds, "restore")
    with Stubber(rds) as stub:
        stub.add_client_error(
            "delete_db_instance", "InvalidDBInstanceState", f"password={SECRET}", http_status_code=400
        )
        with pytest.raises(rds.exceptions.ClientError):
            rds.delete_db_instance(DBInstanceIdentifier="db")
    (call,) = recorded(tmp_path)
    assert (call["error"]["code"], call["status"], call["answer"]) == ("InvalidDBInstanceState", 400, None)
    assert SECRET not in json.dumps(call)


def test_no_password_enters_the_record(tmp_path: Path, rds: Any) -> None:
    """The password that a drill sets is left out of the request, and one that AWS repeats is said to be set."""
    recorder = CallRecorder(tmp_path, "features")
    recorder.watch(rds, "source")
    with Stubber(rds) as stub:
        pending = {"DBInstanceIdentifier": "db", "PendingModifiedValues": {"MasterUserPassword": SECRET}}
        stub.add_response("modify_db_instance", answer(DBInstance=pending))
        rds.modify_db_instance(DBInstanceIdentifier="db", MasterUserPassword=SECRET)
    (call,) = recorded(tmp_path)
    assert SECRET not in json.dumps(call)
    assert call["answer"]["DBInstance"]["PendingModifiedValues"] == {"MasterUserPassword": "(set)"}
    assert (tmp_path / CALLS_NAME).stat().st_mode & 0o777 == 0o600


def test_an_operation_without_fields_keeps_its_name_alone() -> None:
    """Of what no allow-list names nothing is kept, however deep it lies, and everything is counted."""
    left_out = [0]
    task = {"containerDefinitions": [{"environment": [{"name": "DSN", "value": SECRET}], "cpu": 1}]}
    assert keep(task, tree_of(FIELDS.get("ecs.RegisterTaskDefinition", ("", ""))[0]), "run", left_out) == {}
    assert left_out == [3]


def test_values_of_tags_are_digests_that_can_be_compared() -> None:
    """Equal values of tags have equal digests within a run; the suite's own tags are kept as they are."""
    tags = {"TagList": [{"Key": "owner", "Value": "jane@example.org"}, {"Key": "drills:run", "Value": "r1"}]}
    (first, own) = keep(tags, tree_of("TagList(Key Value~)"), "run", [0])["TagList"]
    condition = {"ListOfTags": [{"ConditionKey": "owner", "ConditionValue": "jane@example.org"}]}
    (other,) = keep(condition, tree_of("ListOfTags(ConditionKey ConditionValue~)"), "run", [0])["ListOfTags"]
    assert first["Value"] == other["ConditionValue"]
    assert first["Value"].startswith("sha256:")
    assert own["Value"] == "r1"
    assert keep(tags, tree_of("TagList(Key Value~)"), "other", [0])["TagList"][0]["Value"] != first["Value"]


def test_a_token_for_the_next_page_says_only_that_there_is_one() -> None:
    """Tokens are left out; that more follows is kept, since an auditor has to see where a list ends."""
    assert keep({"Marker": "abc"}, tree_of("Marker"), "run", [0]) == {"Marker": MORE}


@given(st.recursive(st.text(), lambda below: st.dictionaries(st.text(), below) | st.lists(below), max_leaves=20))
def test_what_is_kept_and_what_is_left_out_are_everything(value: Any) -> None:
    """Each scalar of an answer is kept or counted."""
    left_out = [0]
    kept = keep({"A": value, "B": value}, tree_of("A(*)"), "run", left_out)
    assert kept == {"A": value}

    def scalars(each: Any) -> int:
        if isinstance(each, dict):
            return sum(map(scalars, each.values()))
        return sum(map(scalars, each)) if isinstance(each, list) else 1

    assert left_out[0] == scalars(value)


@pytest.mark.parametrize("operation", FIELDS)
def test_each_allowed_field_is_one_that_the_api_has(operation: str) -> None:
    """A name that AWS's service model does not have would keep nothing: it is a slip."""
    service, _, name = operation.partition(".")
    model = ServiceModel(_LOADER.load_service_model(service, "service-2"), service).operation_model(name)
    for text, shape in zip(FIELDS[operation], (model.input_shape, model.output_shape), strict=True):
        unknown = sorted(_unknown(tree_of(text), shape) - _OPTIONAL)
        assert not unknown, f"{operation}: {unknown}"


# names of the next page's token, of which each operation has one or none
_OPTIONAL = {"NextToken", "Marker", "nextToken"}


def _unknown(tree: Any, shape: Shape | None) -> set[str]:
    if isinstance(shape, ListShape):
        return _unknown(tree, shape.member)
    if isinstance(shape, MapShape) or "*" in tree:
        return set()
    if not isinstance(shape, StructureShape):
        return set(tree)
    found = {name for name in tree if name not in shape.members}
    for name, below in tree.items():
        if isinstance(below, dict) and name in shape.members:
            found |= {f"{name}.{each}" for each in _unknown(below, shape.members[name])}
    return found
