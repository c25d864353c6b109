"""From when until when an instance or a cluster can be restored, and from which base backups."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from moto.rds.models import RDSBackend

from drills.sandbox.postgres.servers import StoredSnapshot
from drills.sandbox.postgres.wal import BACKUP_LABEL
from drills.sandbox.state import DataPlane


def base_backups(plane: DataPlane, backend: RDSBackend, resource_id: str) -> list[StoredSnapshot]:
    """Return the automated backups of an instance or a cluster to which WAL can be applied, oldest first.

    A backup on which a server was started, to damage it, has a history of its own and takes no WAL.
    """
    snapshots = _snapshots(backend, resource_id)
    stored = [plane.snapshots[arn] for arn, kind in snapshots if kind == "automated" and arn in plane.snapshots]
    untouched = [each for each in stored if (each.folder / BACKUP_LABEL).exists()]
    return sorted(untouched, key=lambda each: each.taken_at)


def restore_window(plane: DataPlane, backend: RDSBackend, resource_id: str) -> tuple[datetime, datetime] | None:
    """Return the restorable period of an instance or a cluster: from its oldest base backup to its last archived heartbeat."""
    archive, backups = plane.archives.of(resource_id), base_backups(plane, backend, resource_id)
    latest = archive.latest() if archive else None
    if latest is None or not backups:
        return None
    window = backups[0].taken_at, plane.clock.from_machine_time(latest)
    return window if window[0] <= window[1] else None


def _snapshots(backend: RDSBackend, resource_id: str) -> list[tuple[str, str]]:
    """Return ARN and type of the snapshots of an instance or a cluster, given by its resource id."""
    instances = [each for each in backend.database_snapshots.values() if each.dbi_resource_id == resource_id]
    clusters: list[Any] = [
        each
        for each in backend.cluster_snapshots.values()
        if getattr(each, "db_cluster_resource_id", None) == resource_id
    ]
    return [(each.arn, each.snapshot_type) for each in (*instances, *clusters)]
