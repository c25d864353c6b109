"""RDS instances and Aurora clusters: automated backups, what a restore needs, the stored configuration."""

from __future__ import annotations

from datetime import datetime

from drills.aws import read as aws
from drills.aws.databases.kinds import KINDS
from drills.aws.session import Clients
from drills.config.load import Target
from drills.model.instance import DatabaseKind
from drills.model.point import RecoveryPoint
from drills.model.timing import WorstCase
from drills.posture import needs
from drills.posture.facts import PostureFacts
from drills.posture.kinds.kind import Source, SourceKind
from drills.posture.subjects import CLUSTER, INSTANCE, Subject
from drills.recovery import schedule


def _worst_case(clients: Clients, target: Target, source: Source, now: datetime) -> WorstCase | None:
    instance = aws.describe_instance(clients, target.instance, KINDS[target.kind])
    return schedule.worst_case(clients, target, instance, now) if instance else None


def _of(name: DatabaseKind, subject: Subject) -> SourceKind:
    kind = KINDS[name]

    def describe(clients: Clients, instance: str) -> Source | None:
        raw = aws.raw_instance(clients, instance, kind)
        if raw is None:
            return None
        arn = subject.arn.format(region=clients.region, account=clients.account, name=instance)
        return Source(str(raw.get(kind.own_arn) or arn), raw, lambda: raw.get("TagList") or ())

    def points(clients: Clients, instance: str, vault: str | None) -> tuple[RecoveryPoint, ...]:
        return aws.recovery_points(clients, instance, vault, kind)

    def own(clients: Clients, facts: PostureFacts) -> None:
        """Read nothing: what a restore needs lies on the copy's side (drills/posture/restore_needs.py)."""

    return SourceKind(
        subject=subject,
        describe=describe,
        points=points,
        points_need="backup:ListRecoveryPointsByBackupVault, rds:DescribeDBSnapshots",
        worst_case=_worst_case,
        own=own,
        judgements=(needs.automated, needs.restore_needs, needs.stored),
    )


OF_INSTANCES, OF_CLUSTERS = _of("instance", INSTANCE), _of("cluster", CLUSTER)
