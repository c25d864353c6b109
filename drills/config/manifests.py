"""What a copy's content is compared with: `[targets.NAME.manifests]`, the store that production's manifests are kept in and which
of them a drill may take; `[targets.NAME.items]`, how the items of a DynamoDB table are read, `[targets.NAME.objects]`, which
objects of an S3 bucket are restored and read, and `[targets.NAME.vault_access]`, by whom the vault of what is no database is lent.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from drills.config.evidence import StoreText
from drills.config.table import Table
from drills.config.values import Account, Name, PathText, Span, refuse
from drills.model.instance import BUCKET, TABLE, OtherKind

# the keys of a target that mean something where it is no database; each other one is refused
_OF_OTHERS = frozenset(
    {
        *("instance", "vault", "rto", "rpo", "rto_clock", "allowances", "disaster", "sample", "drill_every"),
        *("only_by_name", "tags", "timeout", "time_to_live", "limits", "restore", "plan", "tier", "vault_access"),
        "preflight",
    }
)

# what no database has, and of what it is
OF_NO_DATABASE = {
    "items": "of a DynamoDB table",
    "objects": "of an S3 bucket",
    "vault_access": "of a DynamoDB table, an EBS volume or an EFS file system",
}
_OF_ONE_KIND = {TABLE: {"items", "manifest"}, BUCKET: {"objects"}}


def keys_of(kind: OtherKind) -> frozenset[str]:
    """Return the keys that a target of this kind can have. Pure."""
    more = {"posture", "acknowledged"} if kind.posture else set()
    none = set() if kind.foreseen else {"preflight"}
    none |= {"vault_access"} if kind.record == BUCKET else set()  # no drill of one restores from a vault that is lent
    return (_OF_OTHERS - none) | {kind.key} | more | _OF_ONE_KIND.get(kind.record, set())


class ManifestStore(Table):
    """Where `drills manifest --target` keeps manifests, and what a drill demands of the one that it finds there.

    `public_key` None: that of `[evidence]`, and without either no signature is asked for. `max_age` is how long before the
    recovery point's data the newest one may have been taken; `weakest` is the least that counts as verified. `strength` is to how
    many bits `drills manifest` hashes a row: a drill reads as the manifest says.
    """

    store: StoreText
    public_key: PathText | None = None
    max_age: Span = timedelta(days=7)
    weakest: Literal["at backup", "stored"] = "stored"
    strength: Literal[64, 128] = 64


class TableItems(Table):
    """How the items of a DynamoDB table are read, and which attribute says when one was written."""

    newest: Name | None = None
    capacity: Annotated[int, Field(ge=1)] | None = None
    segments: Annotated[int, Field(ge=1, le=64)] = 4
    consistent: bool = True


def _prefix(raw: str) -> str:
    """Return what the keys of objects begin with: AWS Backup restores a folder of a bucket."""
    if not raw.endswith("/") or raw.startswith("/"):
        raise refuse('a folder of the bucket, which ends in a slash and begins with none, such as "2026/"', raw)
    return raw


class BucketObjects(Table):
    """Which objects of an S3 bucket are restored and compared, and how many are listed and read.

    `prefix` None: all of them. `most` is how many versions of the source are listed, `read_mib` how many MiB of the copy, and as
    many of the source, are read, and `readers` how many objects at once.
    """

    prefix: Annotated[Name, AfterValidator(_prefix)] | None = None
    most: Annotated[int, Field(ge=1, le=1_000_000)] = 100_000
    read_mib: Annotated[int, Field(ge=0)] = 1024
    readers: Annotated[int, Field(ge=1, le=64)] = 8


class VaultAccess(Table):
    """Through whom the vault of what is no database is restored from.

    `account` is the account that owns it and shares it with this one (AWS RAM); `approval` is how long a drill waits for a team to
    approve a vault for access, the target's `timeout` where it is None.
    """

    account: Account | None = None
    approval: Span | None = None
