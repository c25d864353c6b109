"""What happens to an instance when its KMS key is disabled or deleted.

"The DB instance goes into inaccessible-encryption-credentials-recoverable state … if the key is enabled, restart the DB
instance to recover it", for seven days; then it is `inaccessible-encryption-credentials` for good (Amazon RDS User
Guide, "Viewing Amazon RDS DB instance status" and "Encrypting Amazon RDS resources"). RDS notices after a while, the
sandbox at once. `Keys.check` refuses restores, copies and new instances.
"""

from __future__ import annotations

from datetime import timedelta

from moto.rds.models import RDSBackend

from drills.sandbox.base.errors import SERVER_ERRORS, Ending
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.rds.keys import Keys
from drills.sandbox.rds.lookups import Lookups
from drills.sandbox.rds.status import Status
from drills.sandbox.state import DataPlane

RECOVERABLE = "inaccessible-encryption-credentials-recoverable"
LOST = "inaccessible-encryption-credentials"
_RECOVERY_PERIOD = timedelta(days=7)
# statuses in which no thread is about to give the instance another one
_SETTLED = ("available", "backing-up", "storage-full", "stopped", "incompatible-parameters")


class KeyAccess:
    """Makes the instances of one region inaccessible when they lose their key, and recovers them."""

    def __init__(self, backend: RDSBackend, plane: DataPlane, lookups: Lookups, keys: Keys, status: Status) -> None:
        self._backend = backend
        self._plane = plane
        self._lookups = lookups
        self._keys = keys
        self._status = status

    def lose(self, key_arn: str) -> None:
        """Make the instances that a key encrypts inaccessible: their ports refuse and their servers end."""
        for db in list(self._backend.databases.values()):
            if not isinstance(db, SandboxInstance) or db.cluster is not None:
                continue
            if db.kms_key_id == key_arn and db.status in _SETTLED:
                db.status = RECOVERABLE
                self._plane.ports.refuse(db.resource_id)
                db.record_event("The DB instance's KMS key isn't accessible", "failure")
                self._shut_down(db)

    def _shut_down(self, db: SandboxInstance) -> None:
        began, server = self._plane.clock.monotonic(), self._plane.servers[db.dbi_resource_id]

        def work() -> None:
            with server.busy:
                # else its key is enabled again, and whoever recovered it has restarted the server
                if db.status == RECOVERABLE:
                    server.cluster.stop()
            self._plane.at_least(began, _RECOVERY_PERIOD.total_seconds())
            with self._plane.lock:
                if db.status == RECOVERABLE:
                    db.status = LOST
                    db.record_event("The DB instance's KMS key wasn't accessible for 7 days", "failure")

        self._plane.work(f"put {db.resource_id} away", work)

    def recover(self, name: str) -> SandboxInstance:
        """Start an inaccessible instance whose key is enabled again."""
        db = self._lookups.instance(name, RECOVERABLE)
        self._keys.check(db.kms_key_id)
        db.status = "starting"
        self._plane.work(f"recover {db.resource_id}", lambda: self._recover(db))
        return db

    def _recover(self, db: SandboxInstance) -> None:
        plane, began = self._plane, self._plane.asked_at()
        server = plane.servers[db.dbi_resource_id]
        try:
            with server.busy:
                server.cluster.restart(server.settings)  # it may not have been shut down yet
        except SERVER_ERRORS as error:
            if isinstance(error, Ending):
                raise
            self._status.fail(db, server, "incompatible-parameters", error)
            return
        plane.at_least(began, plane.delays.rebooting)
        with plane.lock:
            if db.status == "starting":
                plane.ports.open(db.resource_id, server.cluster)
                db.record_event("DB instance started", "notification")
                self._status.make_available(db)
