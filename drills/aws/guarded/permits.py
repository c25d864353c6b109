"""What each client may send: reads, a few writes by name, and others under a permit that the guard alone gives.

The second line of defence, inside of each boto3 client: it refuses before a request is built, so that nothing leaves the
machine. The first is drills/aws/guarded/guard.py. Names that begin with Describe, List or Get read (naming in botocore's service
models, https://github.com/boto/botocore/tree/develop/botocore/data); every other operation counts as a write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

from drills.errors import Refused

Role = Literal["reads", "scratch", "sweep", "incident", "cutover", "backup", "validator", "evidence", "tells", "stage"]
READ_PREFIXES = ("Describe", "List", "Get")
# reads of another name: S3 API reference, HeadBucket; IAM API reference, SimulatePrincipalPolicy; DynamoDB API reference, Scan
OTHER_READS = frozenset({"s3:HeadBucket", "s3:HeadObject", "iam:SimulatePrincipalPolicy", "dynamodb:Scan"})

# in the order in which a drill comes to them, as `drills run --dry-run` shows them
DRILL_WRITES = (
    "rds:RestoreDBInstanceFromDBSnapshot",
    "rds:RestoreDBInstanceToPointInTime",
    "rds:CopyDBSnapshot",
    "rds:ModifyDBInstance",
    "rds:RestoreDBClusterFromSnapshot",
    "rds:RestoreDBClusterToPointInTime",
    "rds:CopyDBClusterSnapshot",
    "rds:CreateDBInstance",
    "rds:ModifyDBCluster",
    "rds:CreateDBParameterGroup",
    "rds:ModifyDBParameterGroup",
    "rds:CreateDBClusterParameterGroup",
    "rds:ModifyDBClusterParameterGroup",
    "rds:CreateDBSubnetGroup",
    "rds:DeleteDBInstance",
    "rds:DeleteDBCluster",
    "rds:DeleteDBSnapshot",
    "rds:DeleteDBClusterSnapshot",
    "rds:DeleteDBParameterGroup",
    "rds:DeleteDBClusterParameterGroup",
    "rds:DeleteDBSubnetGroup",
    "ec2:CreateSecurityGroup",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:DeleteSecurityGroup",
    "logs:DeleteLogGroup",
)
# of these, what the drill of an instance never sends, and what that of a cluster never does
OF_CLUSTERS = frozenset(each for each in DRILL_WRITES if "DBCluster" in each or each == "rds:CreateDBInstance")
OF_INSTANCES = frozenset(
    {
        *("rds:RestoreDBInstanceFromDBSnapshot", "rds:RestoreDBInstanceToPointInTime", "rds:CopyDBSnapshot"),
        *("rds:DeleteDBSnapshot", "rds:ModifyDBParameterGroup"),
    }
)
# what the drill of a DynamoDB table sends, and no other
TABLE_WRITES = ("backup:StartRestoreJob", "dynamodb:TagResource", "dynamodb:DeleteTable")
# and that of an EBS volume
VOLUME_WRITES = ("backup:StartRestoreJob", "ec2:CreateTags", "ec2:DeleteVolume")
# and that of an EFS file system
FILE_SYSTEM_WRITES = ("backup:StartRestoreJob", "efs:TagResource", "efs:DeleteFileSystem")
# and that of an S3 bucket
BUCKET_WRITES = (
    *("s3:CreateBucket", "s3:PutBucketVersioning", "backup:StartRestoreJob"),
    *("s3:DeleteObjects", "s3:DeleteBucket"),
)
SCRATCH = frozenset(DRILL_WRITES) | {*TABLE_WRITES, *VOLUME_WRITES, *FILE_SYSTEM_WRITES, *BUCKET_WRITES}
# an incident may have made a secret with the password of its copy
SWEEP = SCRATCH | {"secretsmanager:DeleteSecret"}
INCIDENT = SWEEP | {
    "ec2:CreateTags",
    "ec2:DeleteTags",
    "rds:AddTagsToResource",
    "rds:RemoveTagsFromResource",
    "secretsmanager:CreateSecret",
    "secretsmanager:TagResource",
    "secretsmanager:UntagResource",
}
CUTOVER = frozenset(
    {
        "application-autoscaling:RegisterScalableTarget",
        "backup:StartRestoreJob",
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:CreateSecurityGroup",
        "ec2:RevokeSecurityGroupEgress",
        "ecs:UpdateService",
        "rds:AddTagsToResource",
        "rds:CreateDBInstance",
        "rds:DeleteDBCluster",
        "rds:DeleteDBInstance",
        "rds:ModifyDBCluster",
        "rds:ModifyDBInstance",
        "rds:RebootDBInstance",
        "rds:RemoveTagsFromResource",
        "rds:RestoreDBClusterFromSnapshot",
        "rds:RestoreDBClusterToPointInTime",
        "rds:RestoreDBInstanceFromDBSnapshot",
        "rds:RestoreDBInstanceToPointInTime",
    }
)
# sent without a permit: they name nothing that could be another's by mistake, or make what is only ever added
FREE: Mapping[Role, frozenset[str]] = {
    "backup": frozenset({"backup:StartBackupJob"}),
    "cutover": frozenset({"s3:PutObject"}),
    "evidence": frozenset({"kms:Sign", "s3:PutObject"}),
    "tells": frozenset({"cloudwatch:PutMetricData", "sns:Publish"}),
    "validator": frozenset({"backup:PutRestoreValidationResult"}),
}
# sent under a permit of the guard alone
GUARDED: Mapping[Role, frozenset[str]] = {
    "scratch": SCRATCH,
    "sweep": SWEEP,
    "incident": INCIDENT,
    "cutover": CUTOVER,
    # the groups are locks; an instance is made for a cluster alone, which a restore test leaves without one
    "validator": frozenset(
        {
            *("rds:CreateDBParameterGroup", "rds:DeleteDBParameterGroup", "rds:ModifyDBInstance"),
            *("rds:CreateDBInstance", "rds:DeleteDBInstance", "rds:ModifyDBCluster"),
        }
    ),
}
_PERMITTED: ContextVar[str] = ContextVar("permitted operation", default="")


def is_read(operation: str) -> bool:
    """Return whether an operation, such as "rds:DescribeDBInstances", changes nothing."""
    return operation.partition(":")[2].startswith(READ_PREFIXES) or operation in OTHER_READS


@contextmanager
def permit(operation: str) -> Iterator[None]:
    """Permit one operation in this block. For the guard, which has checked what the call names."""
    token = _PERMITTED.set(operation)
    try:
        yield
    finally:
        _PERMITTED.reset(token)


def check_role(role: Role, *, sandboxed: bool) -> None:
    """Refuse the role that may send everything wherever it is not the sandbox that is asked."""
    if role == "stage" and not sandboxed:
        raise Refused(
            "expected a sandbox to set a scene in, found another profile: nothing is staged in an AWS account"
        )


def check(operation: str, role: Role) -> None:
    """Refuse what a client of this role may not send now."""
    if role == "stage" or is_read(operation) or operation in FREE.get(role, ()):
        return
    guarded = operation in GUARDED.get(role, ())
    if guarded and _PERMITTED.get() == operation:
        return
    allowed = "no permit of the guard" if guarded else f'a client that may not ("{role}")'
    raise Refused(
        f"expected {operation} to be sent by what may change things, found {allowed}: it was not sent, nothing was changed"
    )


def hold(client: Any, role: Role) -> None:
    """Let this boto3 client send from now on what its role may and nothing else; Refused is raised before anything is sent."""
    service = str(client.meta.service_model.service_name)

    def checked(model: Any, **_: Any) -> None:
        check(f"{service}:{model.name}", role)

    # first and last of botocore's events before a request leaves (boto3 documentation, "Extensibility guide")
    for event in ("provide-client-params", "before-call"):
        client.meta.events.register_first(event, checked)
