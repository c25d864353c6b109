"""The facts of a restore against which nothing stands; a test takes away what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from drills.aws.databases.requests import ScratchGroups, restore_request
from drills.aws.engine import Lifecycle, decide
from drills.model.finding import CheckResult
from drills.model.point import Choice
from drills.preflight import judge
from drills.preflight.facts import Decision, Engine, Key, Network, PreflightFacts, Restore, Rights
from drills.preflight.rights import KEY_ACTIONS, RESTORE
from tests.support.clock import NOON
from tests.support.points import point_of

ACCOUNT, REGION = "123456789012", "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/drill"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1-2"
DB = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:drill-1"
SUPPORTED = Lifecycle(datetime(2029, 2, 28, tzinfo=UTC), datetime(2032, 2, 28, tzinfo=UTC))
POLICY = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*"}]}
POINT = point_of(
    "one",
    engine_version="16.4",
    allocated_gib=100,
    encrypted=True,
    kms_key_id=KEY,
    expires_at=NOON + timedelta(days=35),
)


def foreseen() -> PreflightFacts:
    """Everything is there, and everything was read."""
    support = decide("16.4", SUPPORTED, NOON)
    request = restore_request("drill-1", ScratchGroups("own", "drills", "sg-1"), POINT, support.setting, None, [])
    allowed = Decision(RESTORE, DB, "allowed")
    option = {
        "DBInstanceClass": "db.m7g.large",
        "StorageType": "gp3",
        "MinStorageSize": 20,
        "MaxStorageSize": 65536,
        "AvailabilityZones": [{"Name": f"{REGION}a"}, {"Name": f"{REGION}b"}],
    }
    zones = ({"SubnetId": f"subnet-{each}", "AvailabilityZone": f"{REGION}{each}"} for each in "ab")
    return PreflightFacts(
        now=NOON,
        account=ACCOUNT,
        region=REGION,
        instance_id="orders",
        dbi_resource_id="db-A",
        vault="vault",
        ends_within=timedelta(days=30),
        points_end_within=timedelta(days=1),
        choice=Choice(POINT, (), ()),
        restore=Restore(POINT, request, copied_first=False, instance_class="db.m7g.large", storage_type="gp3"),
        rights=Rights(ROLE, (allowed, *(Decision(each, KEY, "allowed") for each in KEY_ACTIONS)), (allowed,)),
        network=Network(
            "drills",
            ("subnet-a", "subnet-b"),
            tuple({**each, "AvailableIpAddressCount": 200} for each in zones),
            "sg-1",
            security_group_there=True,
        ),
        engine=Engine("16.4", {"EngineVersion": "16.4", "Status": "available"}, SUPPORTED, support, (option,)),
        keys={KEY: Key({"KeyState": "Enabled"}, POLICY, ())},
        quotas={"DBInstances": (3, 40), "AllocatedStorage": (300, 100_000)},
        parameter_group="own",
        parameters={"DBParameterGroupFamily": "postgres16"},
        points=(POINT,),
        instance={"CACertificateIdentifier": "rds-ca-rsa2048-g1", "BackupRetentionPeriod": 7},
        certificates=({"CertificateIdentifier": "rds-ca-rsa2048-g1", "ValidTill": NOON + timedelta(days=9000)},),
    )


def result_of(facts: PreflightFacts, name: str) -> CheckResult:
    """The result of one judgement."""
    return next(each for each in judge.judge(facts) if each.name == name)
