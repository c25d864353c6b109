"""What RDS has a default for is sent with each call that takes it, so that no default decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from botocore.model import OperationModel

from drills.aws.cleanup import request_removal
from drills.aws.databases.requests import ScratchGroups
from drills.aws.guarded.guard import Guard
from drills.aws.guarded.names import ScratchNames
from drills.aws.scratch import Scratch
from drills.aws.session import Clients
from drills.clock import SystemClock
from drills.config.target import RestoreConfig
from drills.model.instance import Resource
from drills.model.record import SCHEMA_VERSION, RunRecord
from drills.record import Journal, new_run_id
from tests.support.clock import NOON
from tests.support.explicit import MUST, left_out
from tests.support.points import point_of
from tests.support.recorded_answers import RecordedAnswer, answering_clients

RUN = new_run_id(NOON)
NAMES = ScratchNames.of(RUN, "recovery")
TAGS = {"drills:run": RUN}
THERE = {
    "DBInstanceIdentifier": NAMES.instance,
    "DBInstanceStatus": "available",
    "DbiResourceId": "db-A",
    "TagList": [{"Key": "drills:run", "Value": RUN}],
}


@pytest.fixture
def asked() -> tuple[Clients, list[tuple[str, OperationModel, dict[str, Any]]]]:
    """Clients, and what was asked of them."""
    requests: list[tuple[str, OperationModel, dict[str, Any]]] = []

    def answer(of: OperationModel) -> bytes:
        found = {"DBInstances": [THERE]} if of.name == "DescribeDBInstances" else {}
        return RecordedAnswer("", "", "", f"{of.service_model.service_name}.{of.name}", {}, found).on_the_wire()

    def keep(params: Mapping[str, Any], model: OperationModel, **_: Any) -> None:
        requests.append((model.name, model, dict(params)))

    clients = answering_clients(answer)
    clients.rds.meta.events.register("before-parameter-build", keep)
    return clients, requests


def test_what_a_drill_makes_and_removes_says_all_of_it(
    asked: tuple[Clients, list[tuple[str, OperationModel, dict[str, Any]]]], tmp_path: Any
) -> None:
    """Both restores, the copy of a snapshot, the removal: public access, backups, tags, snapshots."""
    clients, requests = asked
    record = RunRecord(SCHEMA_VERSION, RUN, "aws", False, NOON, "0")
    journal = Journal.create(tmp_path, record, origin=0, clock=SystemClock())
    scratch = Scratch(clients, RestoreConfig(), journal, TAGS)
    for kind in ("manual", "continuous"):
        point = point_of("nightly", kind=kind, vault=None, status="available", engine_version="16.4")
        scratch.restore(NAMES, ScratchGroups("p", "s", "sg-1"), point)
    scratch.copy_snapshot(point, NAMES.snapshot, source_region="eu-west-1")
    request_removal(Guard(clients, RUN), Resource("db-instance", NAMES.instance, "made"))

    sent = {name: (model, params) for name, model, params in requests if name in MUST}
    assert set(sent) == set(MUST)
    assert {name: left_out(name, params) for name, (_, params) in sent.items()} == {key: [] for key in sent}


def test_no_member_of_that_kind_is_forgotten() -> None:
    """The table names each member by these names that botocore's model has of each operation."""
    model = boto3.session.Session()._session.get_service_model("rds")
    about = {
        *(
            "PubliclyAccessible",
            "BackupRetentionPeriod",
            "CopyTagsToSnapshot",
            "DeletionProtection",
            "Tags",
            "CopyTags",
        ),
        *("TagSpecifications", "SkipFinalSnapshot", "DeleteAutomatedBackups", "MultiAZ", "EngineLifecycleSupport"),
        *("EnableIAMDatabaseAuthentication", "EnableCloudwatchLogsExports", "AutoMinorVersionUpgrade"),
    }
    for name, members in MUST.items():
        shape: Any = model.operation_model(name).input_shape
        # CopyDBSnapshot's are those of a copied option group (API reference, TagSpecification), and a drill copies none
        assert set(members) == about & set(shape.members) - (
            {"TagSpecifications"} if name == "CopyDBSnapshot" else set()
        )


@pytest.mark.parametrize("name", sorted(MUST))
def test_what_is_left_out_is_named(name: str) -> None:
    """A request without any of them, and one with another value."""
    assert left_out(name, {}) == sorted(MUST[name])
    wrong = dict.fromkeys(MUST[name], "other")
    assert left_out(name, wrong) == sorted(member for member, value in MUST[name].items() if value is not None)
