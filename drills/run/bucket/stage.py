"""Sets the scene in the sandbox for the drill of an S3 bucket: one with objects, its backup, and something to lose.

`python -m drills.run.bucket.stage FOLDER` is started by the supervisor before the features. Elsewhere than in the sandbox a drill
makes no backup and this is not run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from drills.aws.session import Clients
from drills.buckets.versions import MARGIN
from drills.clock import SystemClock, wait_until
from drills.record import Journal
from drills.run.scene.protection import make_key
from drills.run.scene.resource import Scene, carry_out, open_scene, protect
from drills.sandbox_client import SandboxControl

OBJECTS, LATER = 40, 5
SETTLED = MARGIN + timedelta(seconds=0.2)  # after which no object is taken for one that was written during the backup


def main(arguments: Sequence[str] | None = None) -> int:
    """Stage the run in FOLDER; 0, or the exit code of the error that is then in the run record."""
    return carry_out(arguments, _stage)


def _stage(folder: Path, journal: Journal) -> None:
    scene, clock = open_scene(folder), SystemClock()
    target, s3 = scene.effective.target, scene.clients.client("s3")
    journal.enter("create the source")
    _create(s3, scene.clients, target.instance, {"team": "invoices", **target.tags})
    journal.enter("load the data", note=f"{OBJECTS} objects, of which some were overwritten or deleted")
    _write(s3, target.instance, target.objects.prefix or "2026/", make_key(scene.clients))
    settled = clock.now() + SETTLED
    wait_until(lambda: clock.now() > settled, 30.0, clock, every=0.1, what="the objects to be older than the backup")
    point = protect(scene, f"arn:aws:s3:::{target.instance}", journal)
    _damage(scene, point, journal)
    journal.enter("write after the backup", note="what the disaster will take")
    for number in range(LATER):
        s3.put_object(Bucket=target.instance, Key=f"{target.objects.prefix or '2026/'}later-{number}", Body=b"too late")
    journal.enter("collect the scenarios")


def _damage(scene: Scene, point: str, journal: Journal) -> None:
    if scene.choices.damage:
        journal.enter("damage the backup", note="as --damage asked")
        for done in SandboxControl(scene.service.endpoint).damage(point, scene.choices.damage):
            journal.append("notes", f"damaged on purpose before the restore: {done['object']}: {done['what']}")


def _create(s3: Any, clients: Clients, bucket: str, tags: Mapping[str, str]) -> None:
    """Make the bucket with versioning, and with what no restore brings back."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    where: dict[str, Any] = {} if clients.region == "us-east-1" else {"LocationConstraint": clients.region}
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={**where, "Tags": listed})
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    statement: Mapping[str, object] = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{clients.account}:root"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    rule = {
        "ID": "old versions",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})


def _write(s3: Any, bucket: str, prefix: str, key: str) -> None:
    """Put objects with metadata and tags, one of them under a key of KMS, one in parts, and one outside of the folder."""
    names = [f"{prefix}invoice-{number:04}" for number in range(OBJECTS)]
    for number, name in enumerate(names):
        meta = {"number": str(number)}
        s3.put_object(Bucket=bucket, Key=name, Body=f"invoice {number}\n".encode() * (number + 1), Metadata=meta)
    s3.put_object(Bucket=bucket, Key=names[1], Body=b"corrected", Metadata={"number": "1"}, Tagging="state=corrected")
    s3.delete_object(Bucket=bucket, Key=names[2])
    s3.put_object(Bucket=bucket, Key=names[3], Body=b"secret", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    upload = s3.create_multipart_upload(Bucket=bucket, Key=names[4])["UploadId"]
    asked = {"Bucket": bucket, "Key": names[4], "UploadId": upload}
    part = s3.upload_part(**asked, PartNumber=1, Body=b"in parts" * 100)["ETag"]
    s3.complete_multipart_upload(**asked, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
    s3.put_object(Bucket=bucket, Key="elsewhere", Body=b"outside of the folder")


if __name__ == "__main__":
    raise SystemExit(main())
