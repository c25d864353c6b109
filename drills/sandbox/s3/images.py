"""What AWS Backup keeps of buckets: the current version of each object as it was, which later writes do not change."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

DAMAGES = {
    "object": "one object is lost",
    "bytes": "one object has another content of the same size",
    "truncated": "one object has lost its last byte",
    "extra": "there is an object that the source never had",
}


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object: its content, and what S3 tells of it beside."""

    value: bytes
    metadata: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    encryption: str | None = None
    kms_key_id: str | None = None
    multipart: bool = False


@dataclass(frozen=True, slots=True)
class BucketImage:
    """A bucket at one instant: what AWS Backup has of it, which are its objects. No setting of it is among them."""

    name: str
    tags: tuple[dict[str, str], ...]
    objects: dict[str, StoredObject]
    taken_at: datetime

    @property
    def size(self) -> int:
        """The bytes of all objects."""
        return sum(len(each.value) for each in self.objects.values())


class BucketImages:
    """The images of all regions, by the ARN of their recovery point. Several points may share one."""

    def __init__(self) -> None:
        self._images: dict[str, BucketImage] = {}

    def __getitem__(self, point_arn: str) -> BucketImage:
        """Return the image of a recovery point, or raise KeyError."""
        return self._images[point_arn]

    def __contains__(self, point_arn: object) -> bool:
        """Return whether that recovery point is one of a bucket."""
        return point_arn in self._images

    def keep(self, point_arn: str, image: BucketImage) -> None:
        """Keep an image as the data of a recovery point."""
        self._images[point_arn] = image

    def drop(self, point_arn: str) -> None:
        """Remove the image of a recovery point; do nothing for an unknown one."""
        self._images.pop(point_arn, None)

    def damage(self, point_arn: str, kind: str) -> dict[str, str]:
        """Damage an image that is kept, and no other that shares its objects; return kind, object and action, as of a snapshot."""
        image = self._images[point_arn]
        objects: dict[str, Any] = dict(image.objects)
        key = next((key for key in sorted(objects) if objects[key].value), None)
        if key is None:
            return {"kind": kind, "object": "", "what": "the bucket has no object with a content"}
        if kind == "object":
            objects.pop(key)
        elif kind == "extra":
            key = f"{key}.extra"
            objects[key] = StoredObject(b"never written")
        else:
            value = objects[key].value
            changed = value[:-1] if kind == "truncated" else value[:-1] + bytes([value[-1] ^ 1])
            objects[key] = replace(objects[key], value=changed)
        self._images[point_arn] = replace(image, objects=objects)
        return {"kind": kind, "object": f"{image.name}/{key}", "what": DAMAGES[kind]}
