"""What the source of a drill of what is no database is billed by, by reading alone: its copy is billed by the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from drills.aws import owned
from drills.aws.read import is_not_found
from drills.aws.session import Clients
from drills.model.instance import OtherKind, ResourceKind
from drills.model.price import Part
from drills.objectives import parts


def of_source(clients: Clients, kind: OtherKind, name: str) -> tuple[Part, ...]:
    """Return what a source is billed by; nothing where it is gone. Raises what boto3 raises."""
    return _READ[kind.makes](clients, name)


def _volume(clients: Clients, name: str) -> tuple[Part, ...]:
    found = owned.volume(clients, name)
    return parts.of_volume(found) if found else ()


def _table(clients: Clients, name: str) -> tuple[Part, ...]:
    """Return what is charged of a table, with one strongly consistent reading of it."""
    described = _there(lambda: clients.client("dynamodb").describe_table(TableName=name)["Table"])
    if described is None:
        return ()
    return parts.with_reads(parts.of_table(described, None, parts.size_of_table(described)), parts.reads_of(described))


def _file_system(clients: Clients, name: str) -> tuple[Part, ...]:
    found = _there(lambda: clients.client("efs").describe_file_systems(FileSystemId=name)["FileSystems"])
    if not found:
        return ()
    return parts.of_file_system(found[0], parts.gib_of((found[0].get("SizeInBytes") or {}).get("Value")))


def _there(describe: Callable[[], Any]) -> Any:
    """Return a description, None of what is gone."""
    try:
        return describe()
    except ClientError as error:
        if is_not_found(error):
            return None
        raise


_READ: Mapping[ResourceKind, Callable[[Clients, str], tuple[Part, ...]]] = {
    "dynamodb-table": _table,
    "ebs-volume": _volume,
    "efs-file-system": _file_system,
}
