"""The last step of a cut-over: the backups of the restored instance, and the tasks left to a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import plans
from drills.cutover.database import by_id, raw_by_id
from drills.cutover.environment import Environment
from drills.cutover.model import Opening, State
from drills.cutover.show import next_command
from drills.errors import DrillError


def check_backups(env: Environment, state: State) -> dict[str, Any]:
    """Return LatestRestorableTime, matching plan selections, warnings and remaining tasks as facts."""
    opening = state.opening
    instance = by_id(env, state.restored_resource_id)
    warnings: list[str] = []
    latest = ""
    if not instance.backup_retention_days:
        warnings.append(f"automated backups of {instance.id} are off: turn them on")
    else:
        seconds = env.config.restorable_within.total_seconds()

        def restorable() -> str | None:
            raw = raw_by_id(env, state.restored_resource_id) or {}
            return str(raw["LatestRestorableTime"]) if raw.get("LatestRestorableTime") else None

        try:
            latest = env.wait(
                restorable, seconds, f"{instance.id} to have a LatestRestorableTime", "read it again later"
            )
        except DrillError as error:
            warnings.append(str(error))
    try:
        selected = selections(env, instance.arn, dict(instance.tags))
        warnings += [] if selected else [f"no backup plan selects {instance.arn}: select it, or it has no backups"]
    except (ClientError, BotoCoreError) as error:
        selected = []
        warnings.append(f"whether a backup plan selects it could not be read ({type(error).__name__})")
    return {
        "latest_restorable_time": latest,
        "selected_by": selected,
        "warnings": warnings,
        "left_to_do": remaining_tasks(opening, state.group, env.given),
    }


def selections(env: Environment, arn: str, tags: Mapping[str, str]) -> list[str]:
    """Return plan and selection for each selection of a backup plan that matches the resource."""
    found = plans.selections(env.clients, arn, tags)
    return [f"{plan['BackupPlanName']}/{answer['BackupSelection']['SelectionName']}" for plan, answer, _ in found]


def remaining_tasks(opening: Opening, group: str, given: Sequence[str] = ()) -> list[str]:
    """Return the commands that are left to a person, in their order; see docs/cutover.md for the Terraform ones.

    `given` are the options that were given to the command that asks.
    """
    warning = "   # or the next apply destroys what was restored; NAME as in your configuration"
    kind = "aws_rds_cluster" if opening.new_members else "aws_db_instance"
    names = [(kind, opening.restored), *(("aws_rds_cluster_instance", each.name) for each in opening.new_members)]
    tasks = [f"terraform state rm {kind}.NAME && terraform import {kind}.NAME {name}{warning}" for kind, name in names]
    if opening.renamed:
        removal = next_command("resume", opening.id, given, "--remove-old", opening.renamed)
        tasks.append(f"{removal}   # when it is no longer needed")
    if group and not opening.verification_group:
        tasks.append(f"aws ec2 delete-security-group --group-id {group}   # once no instance has it any more")
    return tasks
