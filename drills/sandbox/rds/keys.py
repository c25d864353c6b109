"""KMS as moto has it, with what a key that is disabled or deleted does to the instances that it encrypts.

"The DB instance goes into inaccessible-encryption-credentials-recoverable state … if the key is enabled, restart the DB
instance to recover it", for seven days; then it is `inaccessible-encryption-credentials` for good (Amazon RDS User
Guide, "Viewing Amazon RDS DB instance status" and "Encrypting Amazon RDS resources"). RDS takes a while to notice; here
it is at once. Restores, copies and new instances are refused in drills/sandbox/rds/base.py.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import moto.kms.urls
from moto.core.exceptions import JsonRESTError
from moto.kms.models import Key, KmsBackend, kms_backends
from moto.rds.models import rds_backends

from drills.sandbox.rds.backend import SandboxRDS
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.state import FAULTS, DataPlane, Ending

RECOVERABLE = "inaccessible-encryption-credentials-recoverable"
LOST = "inaccessible-encryption-credentials"
_RECOVERABLE_FOR = timedelta(days=7)
# what an instance is in when no thread is about to give it its next status
_SETTLED = ("available", "backing-up", "storage-full", "stopped", "incompatible-parameters")


class KeyedRDS(SandboxRDS):
    """The RDS of one region, whose instances need their keys."""

    def lose_key(self, arn: str) -> None:
        """Put the instances of a key out of reach: their ports refuse and their servers end."""
        for db in list(self.databases.values()):
            if isinstance(db, SandboxInstance) and db.kms_key_id == arn and db.status in _SETTLED:
                db.status = RECOVERABLE
                self.plane.refuse_port(db.resource_id)
                db.say("The DB instance's KMS key isn't accessible", "failure")
                self._put_away(db)

    def _put_away(self, db: SandboxInstance) -> None:
        began, server = self.plane.clock.monotonic(), self.plane.servers[db.dbi_resource_id]

        def work() -> None:
            with server.busy:
                server.cluster.stop()
            self.plane.at_least(began, _RECOVERABLE_FOR.total_seconds())
            with self.plane.lock:
                if db.status == RECOVERABLE:
                    db.status = LOST
                    db.say("The DB instance's KMS key wasn't accessible for 7 days", "failure")

        self.plane.work(f"put {db.resource_id} away", work)

    def start_db_instance(self, db_instance_identifier: str) -> Any:
        """StartDBInstance: recovers an instance whose key is enabled again; others are started as ever."""
        db = self.instance(db_instance_identifier)
        if db.status != RECOVERABLE:
            return super().start_db_instance(db_instance_identifier)
        self._check_key(db.kms_key_id)
        db.status = "starting"
        self.plane.work(f"recover {db.resource_id}", lambda: self._regain_key(db))
        return db

    def _regain_key(self, db: SandboxInstance) -> None:
        began, server = self.plane.clock.monotonic(), self.plane.servers[db.dbi_resource_id]
        try:
            with server.busy:
                server.cluster.start(server.settings)
        except FAULTS as error:
            if isinstance(error, Ending):
                raise
            self._fail(db, server, "incompatible-parameters", error)
            return
        self.plane.at_least(began, self.plane.delays.rebooting)
        with self.plane.lock:
            if db.status == "starting":
                self.plane.open_port(db.resource_id, server.cluster)
                db.say("DB instance started", "notification")
                self._ready(db)


class SandboxKMS(KmsBackend):
    """The KMS of one region."""

    plane: DataPlane

    @property
    def _url_module(self) -> Any:
        return moto.kms.urls

    def disable_key(self, key_id: str) -> None:
        """DisableKey: what it encrypts is out of reach."""
        key = self._in_state(key_id, "Enabled", "Disabled")
        super().disable_key(key.id)
        self._lost(key)

    def enable_key(self, key_id: str) -> None:
        """EnableKey; instances that were out of reach have to be started."""
        super().enable_key(self._in_state(key_id, "Enabled", "Disabled").id)

    def cancel_key_deletion(self, key_id: str) -> None:
        """CancelKeyDeletion: the key is disabled afterwards."""
        super().cancel_key_deletion(self._in_state(key_id, "PendingDeletion").id)

    def schedule_key_deletion(self, key_id: str, pending_window_in_days: int) -> float:
        """ScheduleKeyDeletion: out of reach at once, gone after 7 to 30 days of the sandbox's clock."""
        key = self._in_state(key_id, "Enabled", "Disabled")
        if not 7 <= pending_window_in_days <= 30:
            raise JsonRESTError("ValidationException", "PendingWindowInDays must be between 7 and 30.")
        super().schedule_key_deletion(key.id, pending_window_in_days)
        gone = self.plane.instant() + timedelta(days=pending_window_in_days)
        key.deletion_date = gone.replace(tzinfo=None)
        self.plane.work(f"delete {key.id}", lambda: self._delete(key, pending_window_in_days))
        self._lost(key)
        return gone.timestamp()

    def _delete(self, key: Key, days: int) -> None:
        due = key.deletion_date
        self.plane.at_least(self.plane.clock.monotonic(), timedelta(days=days).total_seconds())
        with self.plane.lock:
            if key.key_state == "PendingDeletion" and key.deletion_date == due:
                self.keys.pop(key.id, None)

    def _in_state(self, key_id: str, *states: str) -> Key:
        key = self.keys[self.any_id_to_key_id(key_id)]
        if key.key_state not in states:
            message = "is pending deletion" if key.key_state == "PendingDeletion" else "is not pending deletion"
            raise JsonRESTError("KMSInvalidStateException", f"{key.arn} {message}.")
        return key

    def _lost(self, key: Key) -> None:
        rds = rds_backends[self.account_id][self.region_name]
        assert isinstance(rds, KeyedRDS)
        rds.lose_key(key.arn)


def install(plane: DataPlane) -> None:
    """Make these the KMS and the RDS of moto; after drills.sandbox.rds.backend, before their first request."""
    SandboxKMS.plane = plane
    for backends, ours in ((kms_backends, SandboxKMS), (rds_backends, KeyedRDS)):
        backends.backend = ours
        backends.clear()
