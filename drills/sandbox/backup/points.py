"""Recovery points with real data, their lifecycle, and their end.

Points of one instance that were made while no time passed for its server (the clock was moved forward over them) share
one copy of the data; the data plane separates them when one of them is changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from moto.backup.exceptions import InvalidParameterValueException, InvalidRequestException, ResourceNotFoundException

from drills.sandbox.backup.errors import AccessDeniedException
from drills.sandbox.backup.kinds.protected import Late, NewPoint, Protected
from drills.sandbox.backup.models import RecoveryPoint
from drills.sandbox.backup.region import Region
from drills.sandbox.backup.validation import read_lifecycle
from drills.sandbox.backup.vaults import Vaults, denies

_DELETE = "backup:DeleteRecoveryPoint"


class Points:
    """The recovery points of one region."""

    def __init__(self, region: Region, vaults: Vaults) -> None:
        self._region = region
        self._vaults = vaults
        self._points: dict[str, RecoveryPoint] = {}

    def __iter__(self) -> Iterator[RecoveryPoint]:
        """Iterate over the points in the order of their creation."""
        return iter(list(self._points.values()))

    def find(self, arn: str) -> RecoveryPoint | None:
        """Return the recovery point, None for an unknown ARN."""
        return self._points.get(arn)

    def get(self, arn: str, vault: str | None = None) -> RecoveryPoint:
        """Return the recovery point, which must lie in the vault if one is named; ResourceNotFoundException."""
        if vault is not None:
            self._vaults.get(vault)
        found = self._points.get(arn)
        if found is None or vault not in (None, found.vault):
            raise ResourceNotFoundException(f"Cannot find recovery point {arn}.")
        return found

    def in_vault(self, vault: str) -> list[RecoveryPoint]:
        """Return the recovery points of a vault, oldest first."""
        self._vaults.get(vault)
        return sorted((each for each in self if each.vault == vault), key=lambda point: point.created_at)

    def delete_vault(self, name: str) -> None:
        """DeleteBackupVault: refused while the vault holds recovery points."""
        vault = self._vaults.get(name)
        if self.in_vault(name):
            raise InvalidRequestException(f"Backup vault cannot be deleted because it contains recovery points: {name}")
        self._vaults.remove(vault)

    # -- a point and its data ------------------------------------------------------------------------------------

    def source_of(self, point: RecoveryPoint) -> Protected:
        """Return the resource of a recovery point, as it was when it was backed up."""
        return self._region.resources.source_of(point.arn)

    def add(self, point: RecoveryPoint) -> None:
        """Put a point into its vault, with its tags."""
        self._points[point.arn] = point
        self._region.tags.add(point.arn, point.tags)

    def register(self, point: RecoveryPoint, resource: Protected) -> None:
        """Enter a point whose data are there; it is available when it is complete."""
        delay = self._region.seconds_until(point.completed_at)
        wanted = NewPoint(point.arn.split(":", 6)[-1], as_tag_list(point.tags), delay)
        late = Late(point.created_at, point.taken_at or point.created_at, point.kms_key_id)
        self._region.resources.register(point.arn, resource, wanted, late)
        point.size_bytes = self._region.resources.size_of(point.arn)

    # -- the end of a point --------------------------------------------------------------------------------------

    def delete(self, vault_name: str, arn: str) -> None:
        """DeleteRecoveryPoint: the snapshot and its data go as well; refused by a lock or by the access policy."""
        point = self.get(arn, vault_name)
        vault = self._vaults.get(vault_name)
        if denies(vault, _DELETE, arn):
            raise AccessDeniedException(
                f"User is not authorized to perform: {_DELETE} on resource: {arn} with an explicit deny in a resource "
                "based policy"
            )
        if vault.locked:
            raise InvalidRequestException("Recovery point cannot be deleted (Backup vault configured with Vault Lock)")
        if point.status(self._region.now()) == "CREATING":
            raise InvalidRequestException(f"The recovery point {arn} is still being made.")
        self.drop(point)

    def drop(self, point: RecoveryPoint) -> None:
        """Remove a point from its vault, with its snapshot, its data and its tags."""
        self._region.resources.remove(point.arn)
        self._points.pop(point.arn, None)
        self._region.tags.remove_all(point.arn)

    def expire(self, in_use: Collection[str]) -> None:
        """Delete the points whose lifecycle has ended, except those in use, which are given by ARN.

        A point whose vault's policy denies the deletion stays and becomes EXPIRED.
        """
        now = self._region.forwarding_until or self._region.now()
        for point in self:
            if point.expires_at or point.delete_at is None or point.delete_at > now or point.arn in in_use:
                continue
            if denies(self._vaults.get(point.vault), _DELETE, point.arn):
                point.deletion_problem = "AWS Backup could not delete it: the vault's access policy denies that."
            else:
                self.drop(point)

    def update_lifecycle(self, vault: str, arn: str, request: Mapping[str, Any] | None) -> RecoveryPoint:
        """UpdateRecoveryPointLifecycle: refused in a locked vault; days count from the point's creation."""
        point = self.get(arn, vault)
        lifecycle = read_lifecycle(request)
        if self._vaults.get(vault).locked:
            raise InvalidRequestException("The lifecycle cannot be changed (Backup vault configured with Vault Lock)")
        if not lifecycle:
            raise InvalidParameterValueException(
                "The lifecycle has neither DeleteAfterDays nor a move to cold storage."
            )
        point.lifecycle = {key: days for key, days in lifecycle.items() if days != -1}
        point.deletion_problem, point.expires_at = "", None
        return point

    def restore_metadata(self, arn: str, vault: str) -> dict[str, str]:
        """GetRecoveryPointRestoreMetadata: the source's settings at the time of the backup, as strings."""
        values = self._region.resources.restore_metadata(self.get(arn, vault).arn)
        return {
            key: str(value).lower() if isinstance(value, bool) else str(value)
            for key, value in values.items()
            if value is not None
        }


def as_tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as RDS has them, a list of `Key` and `Value`."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
