"""What changes AWS is in few places: the guards, and those that the table names with what they may call."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from drills.aws.guarded.permits import is_read
from tests.support.paths import CHECKOUT

SERVICES = (
    *(
        "application-autoscaling",
        "backup",
        "cloudformation",
        "cloudwatch",
        "dynamodb",
        "ec2",
        "ecs",
        "efs",
        "elbv2",
        "events",
    ),
    *("iam", "kms", "lambda", "logs", "mpa", "ram", "rds", "route53", "s3", "secretsmanager", "sns", "ssm", "sts"),
)
STAGE = "sets the scene in the sandbox, whose clients alone have the role for it"
WRITES: dict[str, tuple[str, set[str]]] = {
    "drills/aws/restore_jobs.py": ("posts a result, and changes nothing else", {"put_restore_validation_result"}),
    "drills/cli/backup.py": ("adds a recovery point that ends by itself", {"start_backup_job"}),
    "drills/cutover/journal.py": ("adds to the journal in S3", {"put_object"}),
    "drills/cutover/lock.py": ("takes and renews the lease in S3", {"put_object"}),
    "drills/recovery/rehearsal.py": ("calls the drill's own method of that name", {"copy_snapshot"}),
    "drills/recovery/restore.py": ("calls Scratch's own method of that name, which asks the guard", {"copy_snapshot"}),
    "drills/metrics/cloudwatch.py": ("adds numbers, and changes nothing", {"put_metric_data"}),
    "drills/evidence/store.py": ("adds to the evidence in S3", {"put_object"}),
    "drills/run/source.py": (
        STAGE,
        {
            *("create_security_group", "create_db_subnet_group", "create_db_instance", "create_db_cluster"),
            *("create_backup_vault", "start_backup_job", "start_copy_job"),
        },
    ),
    "drills/cli/localstack/source.py": (
        STAGE,
        {
            *("create_db_instance", "create_db_snapshot", "create_backup_vault"),
            *("delete_db_instance", "delete_db_snapshot", "delete_backup_vault", "delete_recovery_point"),
        },
    ),
    "drills/run/table/stage.py": (STAGE, {"create_table", "update_time_to_live", "batch_write_item"}),
    "drills/run/scene/resource.py": (STAGE, {"create_backup_vault", "start_backup_job"}),
    "drills/run/scene/lent.py": (
        STAGE,
        {
            "create_key",
            *("create_logically_air_gapped_backup_vault", "put_backup_vault_access_policy"),
            *("create_resource_share", "start_copy_job"),
        },
    ),
    "drills/run/volume/stage.py": (STAGE, {"create_volume"}),
    "drills/run/bucket/stage.py": (
        STAGE,
        {
            *("create_bucket", "put_bucket_versioning", "put_bucket_policy", "put_bucket_lifecycle_configuration"),
            *("put_object", "delete_object", "create_multipart_upload", "upload_part", "complete_multipart_upload"),
        },
    ),
    "drills/run/file_system/stage.py": (
        STAGE,
        {"create_file_system", "create_access_point", "put_file_system_policy", "put_lifecycle_configuration"},
    ),
    "drills/cli/sandbox_sample.py": (STAGE, {"create_role", "put_role_policy"}),
    "drills/run/scene/plan.py": (STAGE, {"create_backup_plan", "create_backup_selection"}),
    "drills/run/scene/protection.py": (STAGE, {"create_key", "create_role", "put_backup_vault_access_policy"}),
    "drills/run/stage_service.py": (
        STAGE,
        {
            *("create_secret", "create_cluster", "create_service", "register_scalable_target", "create_load_balancer"),
            *("create_target_group", "create_listener", "register_task_definition"),
        },
    ),
}
# the modules that may do what opens a way around the guard
PERMITS = {"drills/aws/guarded/permits.py", "drills/aws/guarded/guard.py", "drills/cutover/guards.py"}
STAGES = {
    *(
        "drills/aws/guarded/permits.py",
        "drills/aws/session.py",
        "drills/cli/localstack/source.py",
        "drills/cli/sandbox_sample.py",
        "drills/run/context.py",
    ),
    *("drills/run/cutover.py", "drills/run/scene/resource.py", "drills/run/scene/lent.py"),
}
OPENS = {"drills/aws/session.py"}


@functools.cache
def write_methods() -> frozenset[str]:
    """The methods of boto3's clients that are no reads, by botocore's models; those of one word are words of everybody's."""
    session = botocore.session.get_session()
    operations = {
        (service, name) for service in SERVICES for name in session.get_service_model(service).operation_names
    }
    writes = {xform_name(name) for service, name in operations if not is_read(f"{service}:{name}")}
    return frozenset(name for name in writes if "_" in name)


@functools.cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    """The modules of the engine, the steps and the reports; the sandbox is the other side of the calls."""
    found = []
    for room in ("drills", "steps", "reports"):
        for path in sorted((CHECKOUT / room).rglob("*.py")):
            name = path.relative_to(CHECKOUT).as_posix()
            if not name.startswith("drills/sandbox/"):
                found.append((name, ast.parse(path.read_text(encoding="utf-8"))))
    return tuple(found)


def calls_in(tree: ast.AST) -> Iterator[str]:
    """The write methods that a module names, as an attribute or as text for getattr, a paginator or a table."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in write_methods():
            yield node.attr
        if isinstance(node, ast.Constant) and node.value in write_methods():
            yield str(node.value)


def test_no_other_module_calls_what_changes_aws() -> None:
    """Each write that a module names is in the table, and each of the table is there: an entry cannot outlive its call."""
    found = {name: set(calls_in(tree)) for name, tree in modules()}

    assert {name: calls for name, calls in found.items() if calls} == {
        name: calls for name, (_, calls) in WRITES.items()
    }


def computed(tree: ast.AST) -> Iterator[ast.AST]:
    """The calls of a method whose name is computed: getattr(client, name)(...), and what makes such a name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "xform_name":
            yield node
        inner = node.func if isinstance(node, ast.Call) else None
        if not isinstance(inner, ast.Call) or ast.unparse(inner.func) != "getattr":
            continue
        if not isinstance(inner.args[1], ast.Constant):
            yield node


@functools.cache
def names_in(tree: ast.AST) -> set[str]:
    """The names that a module imports or uses."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.alias):
            found.add(node.name.split(".")[0])
    return found


@pytest.mark.parametrize(
    ("name", "allowed"),
    [("permit", PERMITS), ("boto3", OPENS), ("create_client", OPENS)],
)
def test_the_ways_around_the_guard_are_closed(name: str, allowed: set[str]) -> None:
    """Who gives permits and who opens clients; everything else gets clients that ask for a permit."""
    assert {module for module, tree in modules() if name in names_in(tree)} <= allowed


def test_the_role_that_may_send_everything_is_for_the_sandbox() -> None:
    """Only what sets the scene there asks for it; the clients refuse it for every other profile."""
    found = {
        module
        for module, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for given in (*node.args, *(keyword.value for keyword in node.keywords))
        if isinstance(given, ast.Constant) and given.value == "stage" and "client" in ast.unparse(node.func)
    }
    assert found <= STAGES


def test_a_computed_method_is_called_by_a_guard_alone() -> None:
    """What nobody can find by reading must ask before it sends."""
    found = {module for module, tree in modules() if any(computed(tree))}

    assert found <= {*PERMITS, "drills/replay/recorded_aws.py"}  # which answers from a record, and has no client


def test_the_walk_sees_a_call(tmp_path: Path) -> None:
    """A module that calls, names or computes a write is found."""
    tree = ast.parse(
        "def f(rds, name):\n    rds.delete_db_instance()\n    g('stop_db_instance')\n    getattr(rds, name)()\n"
    )

    assert sorted(calls_in(tree)) == ["delete_db_instance", "stop_db_instance"]
    assert len(list(computed(tree))) == 1
