"""What all new instances have in common, however their data comes about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from moto.ec2.models import ec2_backends
from moto.rds.exceptions import DBInstanceAlreadyExists, InvalidParameterCombination, InvalidParameterValue
from moto.rds.models import DBSubnetGroup

from drills.sandbox.postgres import parameters
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.rds.power import RDSPower
from drills.sandbox.rds.settling import CERTIFICATE
from drills.sandbox.state import FAULTS, Ending, Server


class RDSMaking(RDSPower):
    """Checks a new instance, enters it, and brings up its server in a thread."""

    def _refuse_unsupported(self, wanted: Mapping[str, Any]) -> None:
        if wanted.get("engine", "postgres") != "postgres":
            raise InvalidParameterValue(f"Invalid DB engine: {wanted['engine']} (this sandbox has postgres only)")
        if wanted.get("db_cluster_identifier"):
            raise InvalidParameterCombination("Clusters are absent from this sandbox; create a DB instance.")
        if wanted.get("manage_master_user_password"):
            raise InvalidParameterCombination(
                "ManageMasterUserPassword is absent from this sandbox; pass MasterUserPassword."
            )

    def _new_instance(self, operation: str, wanted: dict[str, Any]) -> SandboxInstance:
        name = wanted["db_instance_identifier"].lower()
        self._validate_db_identifier(name)
        if name in self.databases:
            raise DBInstanceAlreadyExists()
        self._check_quota(operation, name)
        wanted.setdefault("engine", "postgres")
        if not wanted.get("db_subnet_group_name"):
            wanted["db_subnet_group_name"] = self._default_subnet_group().name
        vpc = self.describe_db_subnet_groups(wanted["db_subnet_group_name"])[0].vpc_id
        wanted["vpc_security_group_ids"] = self._security_groups(wanted.get("vpc_security_group_ids"), vpc)
        self._check_parameter_group(wanted.get("db_parameter_group_name"), wanted["engine_version"])
        wanted.setdefault("ca_certificate_identifier", CERTIFICATE)
        wanted.pop("port", None)
        if str(wanted.get("option_group_name", "")).startswith("default:"):
            del wanted["option_group_name"]
        db = SandboxInstance(self, self.plane, **wanted)  # type: ignore[abstract]
        db.db_parameter_groups()
        self.databases[name] = db
        return db

    def _check_storage(self, given: Mapping[str, Any], least: int) -> None:
        if int(given.get("allocated_storage") or least) < least:
            raise InvalidParameterValue(
                "The allocated storage size can't be less than the source snapshot or backup size."
            )

    def _default_subnet_group(self) -> DBSubnetGroup:
        if "default" not in self.subnet_groups:
            ec2 = ec2_backends[self.account_id][self.region_name]
            subnets = [each for each in ec2.describe_subnets() if each.vpc_id == ec2.default_vpc.id]
            self.subnet_groups["default"] = DBSubnetGroup(self, "default", "default", subnets, [])  # type: ignore[abstract]
        return self.subnet_groups["default"]

    def _bring_up(
        self, db: SandboxInstance, server: Server, build: Callable[[dict[str, str]], None], failure: str
    ) -> None:
        began = self.plane.clock.monotonic()
        try:
            with self.plane.lock:
                group = db.db_parameter_groups()[0]
                settings = parameters.effective(server.binaries.folder, group.parameters)
                if db.backup_retention_period:
                    self.plane.archives.open(db.dbi_resource_id, server.cluster)
            with server.busy:
                build(settings)
        except FAULTS as error:
            if isinstance(error, Ending):
                raise
            self._fail(db, server, failure, error)
            return
        self.plane.at_least(began, self.plane.delays.creating)
        with self.plane.lock:
            if db.status != "creating" or self._spoiled(db, server):
                return
            server.settings, server.parameter_group = settings, group.name
            db.port = self.plane.open_port(db.resource_id, server.cluster)
            db.endpoint_known = True
            db.say(db.birth, "creation")
            if db.backup_retention_period:
                self._take_automated(db)
            else:
                self._ready(db)
