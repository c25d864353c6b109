"""What is judged: the words of each kind of what AWS Backup protects, and what AWS Backup does with its recovery points.

Sources: AWS Backup developer guide, "Feature availability by resource" and "Encryption for backups"; API reference, Lifecycle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Subject:
    """One kind. `word` is what one is called, `key` what drill.toml names it by, `protected` AWS Backup's type of it.

    `identity` is the member of its description that tells it from another one of its name, "" where its recovery points do not
    have it. `by_arn` is what is expected and found where a selection names it by its ARN, None where a restored one can have the
    same ARN. `cold` says whether AWS Backup moves its points to cold storage; `crosses_once` that one copy goes to another account
    or to another region; `air_gapped` whether a logically air-gapped vault keeps its points; `managed` whether it is a setting that
    AWS Backup manages its points fully; `continuous` whether AWS Backup backs it up continuously; `on_demand` whether `drills
    backup` does. `unencrypted` is the way to an encrypted one. `managed_key` is what is found and to be done where the key of a
    point is AWS's own, None where its points are under the key of their vault, which a copy leaves behind. `places` is where its
    points are looked for beside the vault.
    """

    word: str
    key: str
    one: str
    arn: str
    protected: str
    page: str
    unencrypted: str
    identity: str = ""
    by_arn: tuple[str, str] | None = None
    cold: Literal["ignored", "opted in", "moved"] = "ignored"
    crosses_once: bool = False
    air_gapped: bool = True
    managed: bool = False
    continuous: bool = False
    on_demand: bool = False
    managed_key: tuple[str, str] | None = None
    places: str = ""

    @property
    def is_database(self) -> bool:
        """Whether RDS has it."""
        return self.protected in ("RDS", "Aurora")


def _database(word: Literal["instance", "cluster"], one: str, arn: str, protected: str, identity: str) -> Subject:
    """Return an instance or an Aurora cluster: what differs between these two.

    A cluster's snapshot that is not encrypted cannot be copied under a key (API reference, CopyDBClusterSnapshot, KmsKeyId).
    """
    snapshot = "db-snapshot" if word == "instance" else "db-cluster-snapshot"  # as the AWS CLI has it
    by_copy = "an instance is encrypted by restoring an encrypted copy: aws rds copy-db-snapshot --kms-key-id KEY"
    by_restore = (
        "a cluster is encrypted by restoring its snapshot so: aws rds restore-db-cluster-from-snapshot --kms-key-id KEY"
    )
    return Subject(
        word=word,
        key=word,
        one=one,
        arn=f"arn:aws:rds:{{region}}:{{account}}:{arn}:{{name}}",
        protected=protected,
        page="docs/runbook.md",
        unencrypted=by_copy if word == "instance" else by_restore,
        identity=identity,
        by_arn=(
            f"a selection by tag, which a renamed or restored {word} keeps",
            "under another name it is not backed up",
        ),
        crosses_once=True,
        air_gapped=word == "cluster",
        continuous=True,
        on_demand=True,
        managed_key=(
            "a snapshot under it cannot be shared",
            f"aws rds copy-{snapshot} --kms-key-id KEY, and restore the source from that copy",
        ),
        places=" and the RDS snapshots",
    )


INSTANCE = _database("instance", "an instance", "db", "RDS", "DbiResourceId")
CLUSTER = _database("cluster", "a cluster", "cluster", "Aurora", "DbClusterResourceId")
TABLE = Subject(
    word="table",
    key="table",
    one="a table",
    arn="arn:aws:dynamodb:{region}:{account}:table/{name}",
    protected="DynamoDB",
    page="docs/dynamodb.md",
    unencrypted="back it up to a vault that has a key, with the advanced features for DynamoDB of AWS Backup turned on",
    cold="moved",
    managed=True,
)
VOLUME = Subject(
    word="volume",
    key="volume",
    one="a volume",
    arn="arn:aws:ec2:{region}:{account}:volume/{name}",
    protected="EBS",
    page="docs/ebs.md",
    unencrypted="a volume is encrypted by restoring its snapshot so: aws ec2 create-volume --snapshot-id SNAPSHOT --encrypted "
    "--kms-key-id KEY",
    by_arn=(
        "a selection by tag, which can be set of a restored volume as well",
        "a restored volume has another id, under which it is not backed up",
    ),
    cold="opted in",
    managed_key=(
        "a snapshot under it cannot be shared",
        "aws ec2 copy-snapshot --encrypted --kms-key-id KEY, and restore the source from that copy",
    ),
)
BUCKET = Subject(
    word="bucket",
    key="bucket",
    one="a bucket",
    arn="arn:aws:s3:::{name}",
    protected="S3",
    page="docs/s3.md",
    unencrypted="back it up to a vault that has a key",
    by_arn=(
        "a selection by tag, which can be set of a restored bucket as well",
        "a restored bucket has another name, under which it is not backed up",
    ),
    continuous=True,
)
FILE_SYSTEM = Subject(
    word="file system",
    key="file_system",
    one="a file system",
    arn="arn:aws:elasticfilesystem:{region}:{account}:file-system/{name}",
    protected="EFS",
    page="docs/efs.md",
    unencrypted="back it up to a vault that has a key",
    by_arn=(
        "a selection by tag, which can be set of a restored file system as well",
        "a restored file system has another id, under which it is not backed up",
    ),
    cold="moved",
)
