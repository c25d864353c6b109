"""What is seen and said once the service is up again: backups of the restored instance, and what is left to a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import plans
from drills.cutover.database import by_id, raw_by_id
from drills.cutover.model import Opening, State
from drills.cutover.world import World
from drills.errors import DrillError


def run(world: World, state: State) -> dict[str, Any]:
    """Automated backups and a LatestRestorableTime; the plan selections that match; what is left to do."""
    opening, rds = state.opening, world.clients.rds
    instance = by_id(world, state.restored_resource_id)
    warnings: list[str] = []
    latest = ""
    if not instance.backup_retention_days:
        warnings.append(f"automated backups of {instance.id} are off: turn them on")
    else:
        seconds = world.config.restorable_within.total_seconds()

        def restorable() -> str | None:
            raw = raw_by_id(rds, state.restored_resource_id) or {}
            return str(raw["LatestRestorableTime"]) if raw.get("LatestRestorableTime") else None

        try:
            latest = world.wait(
                restorable, seconds, f"{instance.id} to have a LatestRestorableTime", "look again later"
            )
        except DrillError as error:
            warnings.append(str(error))
    try:
        selected = selections(world, instance.arn, dict(instance.tags))
        warnings += (
            [] if selected else [f"no backup plan selects {instance.arn}: select it, or it is backed up by nobody"]
        )
    except (ClientError, BotoCoreError) as error:
        selected = []
        warnings.append(f"whether a backup plan selects it could not be read ({type(error).__name__})")
    return {
        "latest_restorable_time": latest,
        "selected_by": selected,
        "warnings": warnings,
        "left_to_do": left_to_do(opening, state.group),
    }


def selections(world: World, arn: str, tags: Mapping[str, str]) -> list[str]:
    """Plan and selection for each selection of a backup plan that means the resource."""
    found = plans.selections(world.clients, arn, tags)
    return [f"{plan['BackupPlanName']}/{answer['BackupSelection']['SelectionName']}" for plan, answer, _ in found]


def left_to_do(opening: Opening, group: str) -> list[str]:
    """The commands that are left to a person, in their order; see docs/cutover.md for the Terraform ones."""
    said = [
        f"terraform state rm aws_db_instance.NAME && terraform import aws_db_instance.NAME {opening.restored}"
        "   # or the next apply destroys what was restored; NAME as in your configuration",
    ]
    if opening.renamed:
        said.append(
            f"drills cutover resume {opening.id} --remove-old {opening.renamed}   # when it is no longer needed"
        )
    if group and not opening.verification_group:
        said.append(f"aws ec2 delete-security-group --group-id {group}   # once no instance has it any more")
    return said
