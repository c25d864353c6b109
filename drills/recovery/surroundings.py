"""Reads who could reach a scratch instance, and who else would act on it: its groups, tags and the backup plans that mean it."""

from __future__ import annotations

from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import plans
from drills.aws.databases.requests import ScratchGroups
from drills.aws.guarded.names import PREFIX
from drills.aws.remedies import error_text
from drills.aws.session import Clients
from drills.checks.observed import Observations
from drills.checks.server import isolation
from drills.checks.server.isolation import SelectedBy, Surroundings
from drills.config.load import AwsProfile, Config
from drills.errors import Refused
from drills.model.finding import CheckResult
from drills.model.instance import Instance
from drills.recovery.observed import isolation_seen

_OF_AWS = "aws:"  # tags that AWS sets by itself


def check_isolation(
    clients: Clients, copy: Instance, source: Instance | None, groups: ScratchGroups | None, observations: Observations
) -> CheckResult:
    """Judge whether the copy is shut off; `groups` None: somebody else chose them."""
    ids = list(copy.security_groups)
    found = clients.ec2.describe_security_groups(GroupIds=ids)["SecurityGroups"] if ids else []
    around = read(clients, copy, source, groups) if groups else None
    seen = isolation_seen(copy, found, around)
    observations.note(isolation.NAME, "", seen)
    return isolation.judge(copy, found, around)


def read(clients: Clients, copy: Instance, source: Instance | None, groups: ScratchGroups) -> Surroundings:
    """Return the groups that were asked for, the tags that were not replaced, and the backup plans that mean the copy."""
    inherited = None if source is None else inherited_tags(dict(copy.tags), dict(source.tags), groups.tags)
    try:
        selected, unread = selections(clients, copy.arn, dict(copy.tags)), ""
    except (ClientError, BotoCoreError) as error:
        selected, unread = (), f"the backup plans could not be read: {error_text(error)}"
    return Surroundings(groups.security_group, groups.subnet_group, inherited, selected, unread)


def inherited_tags(copy: Mapping[str, str], source: Mapping[str, str], given: Mapping[str, str]) -> tuple[str, ...]:
    """Return the tags that a copy shares with its source, with their values, and that the run has not set. Pure."""
    return tuple(
        key
        for key, value in sorted(copy.items())
        if key not in given and not key.startswith(_OF_AWS) and source.get(key) == value
    )


def selections(clients: Clients, arn: str, tags: Mapping[str, str]) -> tuple[SelectedBy, ...]:
    """Return the selections of the backup plans that mean an instance of this ARN with these tags. Raises what boto3 raises."""
    return tuple(
        SelectedBy(str(row.get("BackupPlanName", "?")), str(answer["BackupSelection"].get("SelectionName", "?")), by)
        for row, answer, by in plans.selections(clients, arn, tags)
    )


def check_tags(config: Config, clients: Clients, tags: Mapping[str, str]) -> None:
    """Refuse the tags of a copy that a backup plan would select it by, before anything is made; only for an `aws` profile.

    Plans that may not be read are no reason to refuse: the check of the copy says so.
    """
    if not isinstance(config.profile, AwsProfile):
        return
    arn = f"arn:aws:rds:{clients.region}:{clients.account}:db:{PREFIX}copy"
    try:
        found = [each for each in selections(clients, arn, tags) if each.by != "everything"]
    except (ClientError, BotoCoreError):
        return
    if found:
        raise Refused(
            f"expected no backup plan to select the copy, found that the selection {found[0].selection} of {found[0].plan} "
            f"means it by its {found[0].by}: correct targets.{config.target_name}.tags, or leave {PREFIX}* out of the "
            "selection (NotResources arn:aws:rds:*:*:db:drill-*)"
        )
