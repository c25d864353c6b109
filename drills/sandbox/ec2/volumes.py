"""Volumes of EC2 as AWS Backup copies and restores them: their settings and tags as they were. No volume here has contents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from moto.ec2.models.elastic_block_store import Volume


@dataclass(frozen=True, slots=True)
class VolumeImage:
    """A volume at one instant: what its snapshot and the metadata of its recovery point tell of it."""

    id: str
    arn: str
    zone: str
    size: int
    volume_type: str
    iops: int | None
    throughput: int | None
    encrypted: bool
    kms_key_id: str | None
    tags: tuple[dict[str, str], ...]
    taken_at: datetime

    @classmethod
    def of(cls, volume: Volume, arn: str, taken_at: datetime) -> VolumeImage:
        """Copy the settings of a volume as they are now."""
        return cls(
            volume.id,
            arn,
            str(volume.availability_zone),
            volume.size,
            volume.volume_type,
            volume.iops,
            volume.throughput,
            volume.encrypted,
            volume.kms_key_id,
            tuple({"Key": each["key"], "Value": each["value"]} for each in volume.get_tags()),
            taken_at,
        )


class RestoredVolume(Volume):
    """A volume of moto that is `creating` until it is ready, and names the snapshot that it was made of."""

    def __init__(self, made: Volume, snapshot_id: str, is_ready: Callable[[], bool]) -> None:
        vars(self).update(vars(made))
        self.snapshot_id = snapshot_id
        self._is_ready = is_ready

    @property
    def status(self) -> str:
        """`creating`, then what moto says."""
        return super().status if self._is_ready() else "creating"
