"""CreateDBInstance: an instance with an empty PostgreSQL server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.rds.exceptions import InvalidParameterCombination

from drills.sandbox.postgres import roles
from drills.sandbox.postgres.binaries import Binaries
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.rds.keys import Keys
from drills.sandbox.rds.lifecycle import Lifecycle
from drills.sandbox.rds.limits import check_new_instance, storage_type_of
from drills.sandbox.rds.maintenance_window import windows_not_named
from drills.sandbox.rds.registration import Registration, check_request
from drills.sandbox.state import DataPlane


class Creation:
    """Creates instances of one region."""

    def __init__(self, plane: DataPlane, keys: Keys, registration: Registration, lifecycle: Lifecycle) -> None:
        self._plane = plane
        self._keys = keys
        self._registration = registration
        self._lifecycle = lifecycle

    def create(self, request: Mapping[str, Any]) -> SandboxInstance:
        """Enter the instance and create its server in a thread."""
        members = dict(request)
        check_request(members)
        check_new_instance(members)
        password = members.pop("master_user_password")
        binaries = self._plane.servers.find_binaries(members.get("engine_version"))
        if binaries is None:
            raise InvalidParameterCombination(f"Cannot find version {members['engine_version']} for postgres")
        members["engine_version"] = binaries.version
        members |= windows_not_named(members)
        members.setdefault("allocated_storage", 20)
        members.setdefault("storage_type", storage_type_of(members))
        members.setdefault("license_model", "postgresql-license")
        if members.get("storage_encrypted"):
            members["kms_key_id"] = self._keys.check(members.get("kms_key_id")) or self._keys.managed()
        db = self._registration.add("CreateDBInstance", members)
        self._start(db, binaries, str(password), members.get("db_name"))
        return db

    def _start(self, db: SandboxInstance, binaries: Binaries, password: str, database: str | None) -> None:
        server = self._plane.servers.add(db.dbi_resource_id, binaries)

        def build(settings: dict[str, str]) -> None:
            self._plane.servers.create(server)
            server.cluster.start(settings)
            roles.prepare_roles(server.cluster, str(db.master_username), password, database)

        self._plane.work(
            f"create {db.resource_id}", lambda: self._lifecycle.bring_up(db, server, build, failure="failed")
        )
