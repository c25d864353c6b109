"""What the source of a drill of what is no database is billed by, by reading alone: its copy is billed by the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from drills.aws import owned
from drills.aws.session import Clients
from drills.model.instance import OtherKind, ResourceKind
from drills.model.price import Part
from drills.objectives import parts


def of_source(clients: Clients, kind: OtherKind, name: str) -> tuple[Part, ...]:
    """Return what a source is billed by; nothing where it is gone. Raises what boto3 raises."""
    read = _READ.get(kind.makes)
    return read(clients, name) if read else ()


def _volume(clients: Clients, name: str) -> tuple[Part, ...]:
    found = owned.volume(clients, name)
    return parts.of_volume(found) if found else ()


_READ: Mapping[ResourceKind, Callable[[Clients, str], tuple[Part, ...]]] = {"ebs-volume": _volume}
