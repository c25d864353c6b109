"""Restore metadata: texts by the names of the service's parameters, in any case, as the parameters of a restore."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from moto.backup.exceptions import InvalidParameterValueException

from drills.sandbox.backup.kinds.protected import AURORA, DYNAMODB, EBS, EFS, RDS, S3
from drills.sandbox.rds import limits

_Readers: TypeAlias = tuple[tuple[Mapping[str, str], Callable[[str], Any]], ...]


def restore_parameters(kind: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return restore metadata (lists are JSON arrays) as the parameters of RDS's restore of that type of resource."""
    values = {key.lower(): value for key, value in metadata.items()}
    name = NAMES[kind]
    if not values.get(name.lower()):
        what = _MADE[kind]
        raise InvalidParameterValueException(f"Metadata must name the {what} with {name}.")
    parameters: dict[str, Any] = {}
    for names, read in _READERS[kind]:
        for each, parameter in names.items():
            if each.lower() in values:
                try:
                    parameters[parameter] = read(values[each.lower()])
                except ValueError as error:
                    raise InvalidParameterValueException(f"The metadata {each} cannot be read: {error}.") from error
    return parameters


def _read_port(text: str) -> int:
    if int(text) not in limits.PORTS:
        raise ValueError(f"expected a port from {limits.PORTS.start} to {limits.PORTS.stop - 1}, found {text}")
    return int(text)


def _read_flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"expected true or false, found {text!r}")
    return text.lower() == "true"


def _read_list(text: str) -> list[str]:
    found = json.loads(text)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError(f"expected a JSON array of texts, found {text!r}")
    return found


def _read_authority(text: str) -> str:
    if text not in limits.CERTIFICATES:
        raise ValueError(f"expected one of {', '.join(limits.CERTIFICATES)}, found {text!r}")
    return text


def _read_encryption(text: str) -> str:
    """Return `KMS`, or "" for a key that DynamoDB owns; the developer guide writes `Default` ("Restoring a DynamoDB table")."""
    found = {"default": "", "kms": "KMS"}.get(text.lower())
    if found is None:
        raise ValueError(f"expected Default or KMS, found {text!r}")
    return found


# what metadata must have: the name of what is made, and of a volume, which has none, its zone
NAMES = {
    RDS: "DBInstanceIdentifier",
    AURORA: "DBClusterIdentifier",
    DYNAMODB: "targetTableName",
    EBS: "availabilityZone",
    EFS: "CreationToken",
    S3: "DestinationBucketName",
}
_MADE = {
    RDS: "new instance",
    AURORA: "new cluster",
    DYNAMODB: "new table",
    EBS: "zone of the volume",
    EFS: "new file system",
    S3: "bucket to restore to",
}
_INSTANCE: _Readers = (
    (
        {
            "DBInstanceIdentifier": "db_instance_identifier",
            "DBInstanceClass": "db_instance_class",
            "DBSubnetGroupName": "db_subnet_group_name",
            "DBParameterGroupName": "db_parameter_group_name",
            "OptionGroupName": "option_group_name",
            "AvailabilityZone": "availability_zone",
            "StorageType": "storage_type",
        },
        str,
    ),
    ({"AllocatedStorage": "allocated_storage", "Iops": "iops"}, int),
    ({"Port": "port"}, _read_port),
    ({"CACertificateIdentifier": "ca_certificate_identifier"}, _read_authority),
    (
        {
            "MultiAZ": "multi_az",
            "PubliclyAccessible": "publicly_accessible",
            "AutoMinorVersionUpgrade": "auto_minor_version_upgrade",
            "CopyTagsToSnapshot": "copy_tags_to_snapshot",
            "DeletionProtection": "deletion_protection",
            "EnableIAMDatabaseAuthentication": "enable_iam_database_authentication",
        },
        _read_flag,
    ),
    (
        {
            "VpcSecurityGroupIds": "vpc_security_group_ids",
            "EnableCloudwatchLogsExports": "enable_cloudwatch_logs_exports",
        },
        _read_list,
    ),
)
_CLUSTER: _Readers = (
    (
        {
            "DBClusterIdentifier": "db_cluster_identifier",
            "DatabaseName": "database_name",
            "DBClusterParameterGroupName": "db_cluster_parameter_group_name",
            "DBSubnetGroupName": "db_subnet_group_name",
            "Engine": "engine",
            "EngineMode": "engine_mode",
            "EngineVersion": "engine_version",
            "KmsKeyId": "kms_key_id",
        },
        str,
    ),
    ({"Port": "port"}, _read_port),
    (
        {
            "CopyTagsToSnapshot": "copy_tags_to_snapshot",
            "DeletionProtection": "deletion_protection",
            "EnableIAMDatabaseAuthentication": "enable_iam_database_authentication",
        },
        _read_flag,
    ),
    ({"AvailabilityZones": "availability_zones", "VpcSecurityGroupIds": "vpc_security_group_ids"}, _read_list),
)
_TABLE: _Readers = (
    ({"targetTableName": "target_table_name", "kmsMasterKeyArn": "kms_master_key_arn"}, str),
    ({"encryptionType": "encryption_type"}, _read_encryption),
)
_VOLUME: _Readers = (
    ({"availabilityZone": "availability_zone", "volumeType": "volume_type", "kmsKeyId": "kms_key_id"}, str),
    ({"volumeSize": "volume_size", "iops": "iops", "throughput": "throughput"}, int),
    ({"encrypted": "encrypted"}, _read_flag),
)
_FILE_SYSTEM: _Readers = (
    (
        {
            "file-system-id": "source_id",
            "CreationToken": "creation_token",
            "PerformanceMode": "performance_mode",
            "KmsKeyId": "kms_key_id",
        },
        str,
    ),
    ({"Encrypted": "encrypted", "newFileSystem": "new_file_system"}, _read_flag),
    ({"itemsToRestore": "items_to_restore"}, _read_list),
)
_BUCKET: _Readers = (
    (
        {
            "DestinationBucketName": "destination_bucket_name",
            "EncryptionType": "encryption_type",
            "KMSKey": "kms_key",
            "RestoreTime": "restore_time",
        },
        str,
    ),
    ({"RestoreACLs": "restore_acls", "NewBucket": "new_bucket"}, _read_flag),
    ({"ItemsToRestore": "items_to_restore"}, _read_list),
)
_READERS = {RDS: _INSTANCE, AURORA: _CLUSTER, DYNAMODB: _TABLE, EBS: _VOLUME, EFS: _FILE_SYSTEM, S3: _BUCKET}
