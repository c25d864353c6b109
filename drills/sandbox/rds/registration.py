"""The checks of a request for a new instance, and how the instance is registered, whatever its data comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.rds.exceptions import DBInstanceAlreadyExists, InvalidParameterCombination, InvalidParameterValue
from moto.rds.models import RDSBackend

from drills.sandbox.rds import limits
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.rds.network import Network
from drills.sandbox.rds.parameter_groups import ParameterGroups
from drills.sandbox.rds.quotas import Quotas
from drills.sandbox.state import DataPlane


class Registration:
    """Enters new instances of one region, in status `creating` and still without a server."""

    def __init__(
        self, backend: RDSBackend, plane: DataPlane, network: Network, parameter_groups: ParameterGroups, quotas: Quotas
    ) -> None:
        self._backend = backend
        self._plane = plane
        self._network = network
        self._parameter_groups = parameter_groups
        self._quotas = quotas

    def add(self, operation: str, request: Mapping[str, Any]) -> SandboxInstance:
        """Check the members of a request, fill in the defaults, and enter the instance."""
        members = dict(request)
        name = members["db_instance_identifier"].lower()
        self._backend._validate_db_identifier(name)
        if name in self._backend.databases:
            raise DBInstanceAlreadyExists()
        self._quotas.check_instances(operation, name)
        self._quotas.check_storage(int(members.get("allocated_storage") or 0))
        members.setdefault("engine", "postgres")
        if not members.get("db_subnet_group_name"):
            members["db_subnet_group_name"] = self._network.default_subnet_group().name
        vpc = self._backend.describe_db_subnet_groups(members["db_subnet_group_name"])[0].vpc_id
        members["vpc_security_group_ids"] = self._network.security_groups(members.get("vpc_security_group_ids"), vpc)
        self._parameter_groups.check(members.get("db_parameter_group_name"), members["engine_version"])
        members.setdefault("ca_certificate_identifier", limits.CERTIFICATE)
        members.pop("port", None)
        if str(members.get("option_group_name", "")).startswith("default:"):
            del members["option_group_name"]
        db = SandboxInstance(self._backend, self._plane, **members)  # type: ignore[abstract]
        db.db_parameter_groups()
        self._backend.databases[name] = db
        return db


def check_request(request: Mapping[str, Any]) -> None:
    """Raise an error for what RDS refuses by the request alone, and for engines and features that the sandbox does not have."""
    limits.check_common(request)
    if request.get("engine", "postgres") != "postgres":
        raise InvalidParameterValue(
            f"Invalid DB engine: {request['engine']} (this sandbox has postgres, and aurora-postgresql in a cluster)"
        )
    if request.get("manage_master_user_password"):
        raise InvalidParameterCombination(
            "ManageMasterUserPassword is absent from this sandbox; pass MasterUserPassword."
        )


def check_storage(request: Mapping[str, Any], source_size: int) -> None:
    """Raise InvalidParameterValue when a restore asks for less storage, in GiB, than its source has, or for none that is."""
    if request.get("storage_type") or request.get("allocated_storage"):
        kind = request.get("storage_type") or limits.storage_type_of(request)
        limits.check_storage(kind, request.get("allocated_storage"))
    if int(request.get("allocated_storage") or source_size) < source_size:
        raise InvalidParameterValue("The allocated storage size can't be less than the source snapshot or backup size.")
