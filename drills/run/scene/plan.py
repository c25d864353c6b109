"""The plan of AWS Backup that protects what is staged: one of everything in drill.toml that has the vault of the target.

Each run of a fleet has a sandbox of its own, in which its own source alone is there. The plan and its selection are the same in
each of them, as they are in an account: whatever the target is, the same resources, the same schedule, the same role.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from drills.aws.session import Clients
from drills.config.file import ConfigFile
from drills.config.load import Config, Target
from drills.model.instance import BUCKET, FILE_SYSTEM, TABLE, VOLUME
from drills.plural import counted

ROLE = "drills-backup-role"
GAPS = (12, 8, 6, 4, 3, 2, 1)  # hours between two runs of a plan
LONGEST_GAP = GAPS[0]
# of what is no database: its service in an ARN, and what stands before its name there (Service Authorization Reference)
_SERVICES = {
    TABLE: ("dynamodb", "table/"),
    VOLUME: ("ec2", "volume/"),
    FILE_SYSTEM: ("elasticfilesystem", "file-system/"),
}
_LONGEST_NAME = 50  # characters of the name of a plan or a selection (API reference, BackupPlan and BackupSelection)


@dataclass(frozen=True, slots=True)
class PlanWanted:
    """What a plan is made of: what it protects, into which vault, and the data loss that its schedule may allow."""

    name: str
    vault: str
    resources: tuple[str, ...]
    rpo_seconds: float | None


def wanted(effective: Config, clients: Clients, scenario: str | None = None) -> PlanWanted:
    """Return the plan of the target: it protects what the file has beside it in the same vault, by the shortest RPO of all."""
    target = effective.target
    beside = {} if target.only_by_name else _beside(effective)
    together = {**beside, effective.target_name: target}
    rpos = [each.objectives(scenario if each is target else None).rpo_seconds for each in together.values()]
    known = [each for each in rpos if each is not None]
    arns = tuple(sorted(arn_of(each, clients) for each in together.values()))
    name = f"{target.instance if len(arns) == 1 else target.vault}-backups"
    return PlanWanted(name[-_LONGEST_NAME:], str(target.vault), arns, min(known, default=None))


def _beside(effective: Config) -> dict[str, Target]:
    """Return the targets that `drills run --all` drills, and that have the vault of the target."""
    known = ConfigFile.read(effective.file).targets().items() if effective.file else ()
    return {name: each for name, each in known if not each.only_by_name and each.vault == effective.target.vault}


def arn_of(target: Target, clients: Clients) -> str:
    """Return the ARN of a target's source."""
    if target.record_kind == BUCKET:  # a bucket's has neither region nor account
        return f"arn:aws:s3:::{target.instance}"
    database = "rds", "cluster:" if target.cluster else "db:"
    service, before = _SERVICES.get(target.record_kind, database)
    return f"arn:aws:{service}:{clients.region}:{clients.account}:{before}{target.instance}"


def role_arn(clients: Clients) -> str:
    """Return the ARN of the role that AWS Backup assumes."""
    return f"arn:aws:iam::{clients.account}:role/{ROLE}"


def make(clients: Clients, plan: PlanWanted, now: datetime) -> str:
    """Make the plan, as rarely as the RPO allows, twice a day where none can keep it; return what the record says of it.

    It was due ten minutes ago, so that no run of it falls into a drill and makes a newer recovery point.
    """
    rule = _rule(plan, now - timedelta(minutes=10))
    made = clients.backup.create_backup_plan(BackupPlan={"BackupPlanName": plan.name, "Rules": [rule]})
    selection = {"SelectionName": plan.name, "IamRoleArn": role_arn(clients), "Resources": list(plan.resources)}
    clients.backup.create_backup_selection(BackupPlanId=made["BackupPlanId"], BackupSelection=selection)
    names = ", ".join(each.rpartition(":")[2] for each in plan.resources)
    return f"the backup plan {plan.name} protects {counted(len(plan.resources), 'resource')}: {names}"


def _rule(plan: PlanWanted, due: datetime) -> dict[str, object]:
    # hours, without the start window and half an hour for the backup
    allowed = int((plan.rpo_seconds or LONGEST_GAP * 3600.0) / 3600 - 1.5)
    every = next((hours for hours in GAPS if hours <= allowed), LONGEST_GAP)
    return {
        "RuleName": f"every-{every}-hours",
        "TargetBackupVaultName": plan.vault,
        "ScheduleExpression": f"cron({due.minute} {due.hour % every}/{every} ? * * *)",
        "StartWindowMinutes": 60,
        "CompletionWindowMinutes": 120,
        "Lifecycle": {"DeleteAfterDays": 7},
    }
