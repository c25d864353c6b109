"""What all of the sandbox's RDS stands on: finding an instance, checking what a request names, failing truthfully."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import moto.rds.urls
from moto.ec2.models import ec2_backends
from moto.kms.models import kms_backends
from moto.rds.exceptions import (
    DBInstanceNotFoundError,
    DBParameterGroupNotFoundError,
    InvalidParameterCombination,
    InvalidParameterValue,
    KMSKeyNotAccessibleFault,
    RDSClientError,
)
from moto.rds.models import RDSBackend

from drills.errors import SandboxError
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.state import DataPlane, Server, sentence


class RDSBase(RDSBackend):
    """The RDS of one region. `plane` is set once, before the first request."""

    plane: DataPlane

    @property
    def _url_module(self) -> Any:
        from drills.sandbox.rds.responses import SandboxRDSResponse

        return SimpleNamespace(url_bases=moto.rds.urls.url_bases, url_paths={"{0}/$": SandboxRDSResponse.dispatch})

    def instance(self, name: str, *statuses: str) -> SandboxInstance:
        """The instance of that name; with statuses, InvalidDBInstanceState when it is in none of them."""
        name = name.lower()
        if name not in self.databases:
            raise DBInstanceNotFoundError(name)
        db = self.databases[name]
        assert isinstance(db, SandboxInstance)
        if statuses and db.status not in statuses:
            raise RDSClientError(
                "InvalidDBInstanceState", f"Instance {name} is in state {db.status}, not in {' or '.join(statuses)}."
            )
        return db

    def server_of(self, name: str, *statuses: str) -> Server:
        """The server of an instance; SandboxError when there is no such instance or it is in no such status."""
        if name not in self.databases:
            raise SandboxError(f"The sandbox has no instance {name}; create it first.")
        db = self.databases[name]
        if statuses and db.status not in statuses:
            raise SandboxError(f"The instance {name} is {db.status}, expected {' or '.join(statuses)}; wait for it.")
        return self.plane.servers[db.dbi_resource_id]

    def _security_groups(self, wanted: Iterable[str] | None, vpc: str) -> list[str]:
        ec2 = ec2_backends[self.account_id][self.region_name]
        ids = list(wanted or ())
        for group_id in ids:
            if ec2.get_security_group_from_id(group_id) is None:
                raise InvalidParameterValue(f"Invalid security group , groupId= {group_id}, groupName=.")
        default = ec2.get_default_security_group(vpc)
        return ids or ([default.id] if default else [])

    def _check_parameter_group(self, name: str | None, version: str) -> None:
        family = f"postgres{version.split('.')[0]}"
        if not name:
            return
        if name == f"default.{family}" and name not in self.db_parameter_groups:
            wanted = {"db_parameter_group_name": name, "db_parameter_group_family": family}
            self.create_db_parameter_group({**wanted, "description": f"Default parameter group for {family}"})
        if name not in self.db_parameter_groups:
            raise DBParameterGroupNotFoundError(name)
        found = self.db_parameter_groups[name].family
        if found != family:
            raise InvalidParameterCombination(
                f"The parameter group {name} with DBParameterGroupFamily {found} can't be used for this instance. "
                f"Please use a parameter group with DBParameterGroupFamily {family}"
            )

    def _managed_key(self) -> str:
        """The key that RDS uses where none is named, `alias/aws/rds`, as an ARN."""
        return str(kms_backends[self.account_id][self.region_name].describe_key("alias/aws/rds").arn)

    def _check_key(self, key_id: str | None) -> str | None:
        """The ARN of a key (id, alias or ARN), or KMSKeyNotAccessibleFault when it is unknown, disabled or deleted."""
        if not key_id:
            return None
        try:
            key = kms_backends[self.account_id][self.region_name].describe_key(key_id)
        except Exception as error:
            raise KMSKeyNotAccessibleFault(key_id) from error
        if key.key_state != "Enabled":
            raise KMSKeyNotAccessibleFault(key_id)
        return str(key.arn)

    def _fail(self, db: SandboxInstance, server: Server, status: str, error: Exception) -> None:
        with self.plane.lock:
            server.reason = sentence(error)
            if db.status == "deleting":
                return
            db.status = status
            self.plane.refuse_port(db.resource_id)
            db.say(f"The DB instance is {status}: {server.reason}", "failure")
