"""Aurora clusters by Terraform and its AWS provider, a client that nobody here wrote: made, restored from a snapshot, destroyed."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator

import pytest

from tests.sandbox.clients.terraform import Stack, Terraform, absent
from tests.support.aurora import Cluster
from tests.support.paths import CHECKOUT
from tests.support.sandbox import end_sandbox, start_sandbox

ABSENT = absent(os.environ)
pytestmark = [
    pytest.mark.skipif(bool(ABSENT), reason=ABSENT),
    pytest.mark.terraform,
    pytest.mark.postgres,
    pytest.mark.sandbox,
]
CONFIGURATION = CHECKOUT / "tests" / "sandbox" / "clients" / "aurora" / "main.tf"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A cluster with one instance in a sandbox of its own, deployed."""
    running = start_sandbox()
    try:
        terraform = Terraform(tmp_path_factory.mktemp("aurora"), os.environ, running.variables)
        shutil.rmtree(terraform.folder)
        terraform.folder.mkdir()
        shutil.copy(CONFIGURATION, terraform.folder)
        version, password = str(running.postgres[0]["version"]), secrets.token_urlsafe(16)
        made = Stack(
            running, terraform, {"endpoint": running.endpoint, "engine_version": version, "password": password}
        )
        terraform.check()
        made.apply()
        yield made
    finally:
        end_sandbox(running)


def test_a_cluster_is_made_restored_and_destroyed(stack: Stack) -> None:
    """A plan after each apply shows no difference, `snapshot_identifier` brings the rows back, and `destroy` leaves nothing."""
    orders = Cluster(stack.sandbox, "orders", stack.variables["password"])
    orders.run("CREATE TABLE item AS SELECT generate_series(1, 1000) AS id")
    assert stack.terraform.run("plan", "-detailed-exitcode", "-input=false", variables=stack.variables).status == 0
    stack.variables["restored"] = "1"
    stack.apply()
    orders.run("DELETE FROM item")
    copy = Cluster(stack.sandbox, "copy", stack.variables["password"])
    assert copy.value("SELECT count(*) FROM item") == 1000
    assert stack.terraform.run("plan", "-detailed-exitcode", "-input=false", variables=stack.variables).status == 0
    stack.terraform.done("destroy", "-auto-approve", "-input=false", variables=stack.variables)
    rds = stack.sandbox.client("rds")
    assert rds.describe_db_clusters()["DBClusters"] == []
    assert rds.describe_db_instances()["DBInstances"] == []
    assert rds.describe_db_cluster_snapshots()["DBClusterSnapshots"] == []
