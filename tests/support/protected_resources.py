"""A sandbox with a table, a volume, a file system and a bucket that are protected as posture asks for, four days later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drills.aws import session
from drills.aws.session import Clients
from drills.config.load import Config, Target, load
from drills.config.profiles import SandboxProfile
from drills.posture import read as posture
from drills.posture.facts import PostureFacts
from tests.support.protected import DAY, VAULT, protect
from tests.support.rds import eventually
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox

TAG = {"Key": "backup", "Value": "daily"}
CONFIG = """
[profiles.sandbox]
[targets.{word}]
{word} = "{name}"
vault = "{vault}"
rpo = "26h"
[targets.{word}.restore]
backup_role_arn = "{role}"
[targets.{word}.posture]
retention = "30d"
copies = 1
"""


@dataclass(frozen=True)
class ProtectedResources:
    """The sandbox, and by key the target of each kind as drill.toml describes it."""

    sandbox: RunningSandbox
    clients: Clients
    targets: Mapping[str, Target]
    config: Path
    plan_id: str
    role_arn: str

    def facts(self, word: str, **changes: Any) -> PostureFacts:
        """What posture reads of a kind now, by the sandbox's clock; `changes` replaces fields of the target."""
        target = self.targets[word].model_copy(update=changes)
        now = self.sandbox.control.now()
        return posture.store_and_read(self.clients, self.clients, target, Path("/nonexistent"), now)


def make_table(clients: Clients, key: str) -> str:
    """A table with a key of the customer's, point-in-time recovery and deletion protection; its name."""
    dynamodb = clients.client("dynamodb")
    dynamodb.create_table(
        TableName="orders",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
        DeletionProtectionEnabled=True,
        Tags=[TAG],
    )
    dynamodb.update_continuous_backups(
        TableName="orders", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    return "orders"


def make_volume(clients: Clients, key: str) -> str:
    """An encrypted volume; its id."""
    made = clients.ec2.create_volume(
        AvailabilityZone=f"{clients.region}a",
        Size=20,
        Encrypted=True,
        KmsKeyId=key,
        TagSpecifications=[{"ResourceType": "volume", "Tags": [TAG]}],
    )
    return str(made["VolumeId"])


def make_file_system(clients: Clients, key: str) -> str:
    """An encrypted file system; its id."""
    made = clients.client("efs").create_file_system(CreationToken="media", Encrypted=True, KmsKeyId=key, Tags=[TAG])
    return str(made["FileSystemId"])


def make_bucket(clients: Clients) -> str:
    """A bucket that keeps versions, with an object; its name."""
    s3, where = clients.client("s3"), {"LocationConstraint": clients.region}
    s3.create_bucket(Bucket="invoices", CreateBucketConfiguration={**where, "Tags": [TAG]})
    s3.put_bucket_versioning(Bucket="invoices", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="invoices", Key="a", Body=b"a")
    return "invoices"


@contextmanager
def protected_resources(folder: Path) -> Iterator[ProtectedResources]:
    """One of each kind, selected by its tag; `folder` gets the drill.toml."""
    sandbox = start_sandbox()
    try:
        profile = SandboxProfile(region=sandbox.region)
        opened = session.open_clients(profile, environment={}, endpoint_url=sandbox.endpoint, role="stage")
        clients = session.identify(opened)
        plan, role = protect(sandbox, clients)
        key = clients.kms.create_key()["KeyMetadata"]["Arn"]
        names = {"table": make_table(clients, key), "volume": make_volume(clients, key)}
        names["file_system"], names["bucket"] = make_file_system(clients, key), make_bucket(clients)
        sandbox.control.forward(4 * DAY)
        eventually(lambda: _settled(clients, len(names)), "the points of the plan")
        config = folder / "drill.toml"
        texts = (CONFIG.format(word=word, name=name, vault=VAULT, role=role) for word, name in names.items())
        config.write_text("".join(texts).replace("[profiles.sandbox]\n", "", len(names) - 1))
        targets = {word: _load(config, word).target for word in names}
        yield ProtectedResources(sandbox, clients, targets, config, plan, role)
    finally:
        end_sandbox(sandbox)


def _settled(clients: Clients, kinds: int) -> bool:
    """Whether each kind has its points of four days, and they and their copies are completed."""
    vaults = (VAULT, "copies")
    listed = [clients.backup.list_recovery_points_by_backup_vault(BackupVaultName=each) for each in vaults]
    points = [point for each in listed for point in each["RecoveryPoints"]]
    return len(points) >= 2 * 4 * kinds and all(each["Status"] == "COMPLETED" for each in points)


def _load(config: Path, word: str) -> Config:
    return load(config, profile=None, target=word, environment={}, tables=True)
