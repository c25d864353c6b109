"""Restores a recovery point of a bucket to one that the run makes first: under its own name, with its tags, not public.

AWS Backup developer guide, "Restore S3 data using AWS Backup": the metadata of a restore name the bucket, which must keep versions,
and which has to have ACLs where the backup has; `RestoreACLs` false leaves these out, `EncryptionType` original encrypts each
object as it was, and `ItemsToRestore` names up to five objects or folders by their S3 URI. S3 API reference, CreateBucket: a bucket
is made with its tags at once, and S3 user guide, "Blocking public access to your Amazon S3 storage": a new one is closed to the
public.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from drills.aws.guarded.guard import Guard, Mine
from drills.aws.guarded.names import ScratchName
from drills.aws.read import error_code
from drills.clock import wait_until
from drills.errors import RestoreFailed
from drills.model.instance import BUCKET, OTHERS, Resource
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.objectives import timeline
from drills.recovery.bucket.read import side_of
from drills.recovery.bucket.settings import open_to_the_public
from drills.recovery.resource.restoring import Copies, Restoring, guard_of, role_of
from drills.recovery.setup import Setup

COPIES = Copies(
    kind="s3-bucket", word="bucket", state="", there=OTHERS[BUCKET].there, tagging="", named_by="DestinationBucketName"
)
NO_ACLS = "BucketOwnerEnforced"  # the object ownership without ACLs, which a new bucket has
_IN_NO_CONSTRAINT = "us-east-1"  # the region whose buckets name none (API reference, CreateBucketConfiguration)
TOLD_WITHIN = 10.0  # seconds, in which S3 tells of a new bucket what it is made with
_OWN_ALREADY = "BucketAlreadyOwnedByYou"


def metadata_of(bucket: str, prefix: str | None) -> dict[str, str]:
    """Return what a restore is given beside the name of the bucket. Pure."""
    items = {"ItemsToRestore": json.dumps([f"s3://{bucket}/{prefix}"])} if prefix else {}
    return {"EncryptionType": "original", "RestoreACLs": "false", **items}


def restore(setup: Setup, point: RecoveryPoint, ownership: str, enter: Callable[[str], None]) -> Restoration:
    """Make the bucket, restore `point` to it and return the restoration once the job has ended. Raises RestoreFailed.

    `ownership` is the object ownership of the source, where that is known.
    """
    role = role_of(setup, COPIES)
    journal, clients = setup.journal, setup.scratch_clients
    name = ScratchName(journal.record.owner, "recovery")
    planned = Resource(COPIES.kind, name, "planned", clients.account, clients.region)
    made = dataclasses.replace(planned, state="made", made_at=setup.clock.now())
    restoring = Restoring(setup, COPIES, made, point)
    journal.resource(planned)
    guard = guard_of(setup)
    mine = make_bucket(guard, name, creation_of(setup.tags(), clients.region, ownership))
    journal.resource(made)
    guard.change("s3:PutBucketVersioning", mine, VersioningConfiguration={"Status": "Enabled"})
    _check_closed(setup, name)
    wanted = metadata_of(point.instance_id, setup.target.objects.prefix)
    job = guard.restore_named(name, COPIES.named_by, point.arn, role, wanted)
    journal.mark(timeline.ACCEPTED)
    enter("restore")
    return restoring.until_there(job)


def creation_of(tags: Mapping[str, str], region: str, ownership: str) -> dict[str, Any]:
    """Return what CreateBucket is given beside the name. Pure."""
    where = {} if region == _IN_NO_CONSTRAINT else {"LocationConstraint": region}
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    with_acls = ownership not in ("", NO_ACLS)
    owned = {"ObjectOwnership": "BucketOwnerPreferred"} if with_acls else {}
    return {"CreateBucketConfiguration": {**where, "Tags": listed}, **owned}


def make_bucket(guard: Guard, name: ScratchName, wanted: Mapping[str, Any]) -> Mine:
    """Return the bucket of the run, made now; or by a request whose answer was lost."""
    try:
        return guard.make("s3:CreateBucket", name, **wanted)
    except ClientError as error:
        if error_code(error) != _OWN_ALREADY:
            raise
        found = guard.prove(COPIES.kind, name)
        if not found:
            raise
        return found[0]


def _check_closed(setup: Setup, name: str) -> None:
    """Refuse a bucket that the public could be let into: no object is restored to it.

    S3 may tell it a moment later (user guide, "Amazon S3 data consistency model": configurations of buckets).
    """
    side = side_of(setup.scratch_clients, name)

    def missing() -> list[str]:
        try:
            return open_to_the_public(side.client.get_public_access_block(**side.named))
        except ClientError as error:
            if error_code(error) != "NoSuchPublicAccessBlockConfiguration":
                raise
            return open_to_the_public({})

    try:
        wait_until(lambda: not missing(), TOLD_WITHIN, setup.clock, every=setup.poll_seconds)
    except TimeoutError as error:
        raise RestoreFailed(
            f"expected the new bucket {name} to block all public access, as a new bucket of S3 does, found it without "
            f"{', '.join(missing())}: nothing was restored to it; see what removes the block in this account"
        ) from error
