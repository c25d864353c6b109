"""What is seen and said once the service is up again: backups of the restored instance, and what is left to a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

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
    """Plan and selection for each selection of a backup plan that matches."""
    backup, found = world.clients.backup, []
    for plan in _pages(backup, "list_backup_plans", "BackupPlansList"):
        for each in _pages(backup, "list_backup_selections", "BackupSelectionsList", BackupPlanId=plan["BackupPlanId"]):
            selection = backup.get_backup_selection(BackupPlanId=plan["BackupPlanId"], SelectionId=each["SelectionId"])
            if matches(selection["BackupSelection"], arn, tags):
                found.append(f"{plan['BackupPlanName']}/{each['SelectionName']}")
    return found


def _pages(client: Any, operation: str, member: str, **given: Any) -> Iterable[dict[str, Any]]:
    for page in client.get_paginator(operation).paginate(**given):
        yield from page[member]


def matches(selection: Mapping[str, Any], arn: str, tags: Mapping[str, str]) -> bool:
    """Whether a backup selection means a resource: by ARN or a listed tag, and by all conditions (AWS Backup API)."""

    def alike(pattern: str, text: str) -> bool:
        return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern

    conditions = selection.get("Conditions") or {}
    for kind, negated in (
        ("StringEquals", False),
        ("StringNotEquals", True),
        ("StringLike", False),
        ("StringNotLike", True),
    ):
        for each in conditions.get(kind) or ():
            key = str(each["ConditionKey"]).removeprefix("aws:ResourceTag/")
            if alike(str(each["ConditionValue"]), tags.get(key, "\0")) == negated:
                return False
    if any(alike(str(each), arn) for each in selection.get("NotResources") or ()):
        return False
    named = any(alike(str(each), arn) for each in selection.get("Resources") or ())
    listed = any(tags.get(each["ConditionKey"]) == each["ConditionValue"] for each in selection.get("ListOfTags") or ())
    asked = bool(selection.get("Resources") or selection.get("ListOfTags"))
    return named or listed or (not asked and bool(conditions))


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
