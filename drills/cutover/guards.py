"""The guards of a cut-over. Each `check_*` returns nothing or raises.

`send` is the door through which a cut-over changes AWS. It may change the source, which no drill may: so an instance is named to
it by its DbiResourceId, a service by drill.toml, a group by the cut-over's own name, and right before each call these are
compared with AWS.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from botocore import xform_name

from drills.aws.databases.kinds import CLUSTER, INSTANCE
from drills.aws.guarded.guard import check_place
from drills.aws.guarded.permits import permit
from drills.aws.read import pages, tags_by_key
from drills.aws.session import Clients
from drills.config.cutover import CutoverConfig
from drills.config.load import AwsProfile, Config
from drills.cutover.configuration import OPT_IN_TAG
from drills.cutover.plan import Call
from drills.errors import ConfigError, Refused

REQUIRED_TAG = "cuts_over"
GROUP_PREFIX = "cutover-"
# the member of a request that names an instance or a cluster which is there
_NAMED = {
    "AddTagsToResource": "ResourceName",
    "CreateDBInstance": "DBClusterIdentifier",
    "DeleteDBCluster": "DBClusterIdentifier",
    "DeleteDBInstance": "DBInstanceIdentifier",
    "ModifyDBCluster": "DBClusterIdentifier",
    "ModifyDBInstance": "DBInstanceIdentifier",
    "RebootDBInstance": "DBInstanceIdentifier",
    "RemoveTagsFromResource": "ResourceName",
}
_GROUPS = ("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupEgress")


def check_config(config: Config) -> CutoverConfig:
    """Return the target's cut-over; Refused where the profile does not allow one, or its journal could be lost with a machine."""
    cutover = config.target.cutover
    if cutover is None:
        raise ConfigError(
            f"expected a table targets.{config.target_name}.cutover, found none: say there which services are stopped"
        )
    if REQUIRED_TAG not in config.profile.allow:
        raise Refused(
            f'profile "{config.profile_name}" does not allow "{REQUIRED_TAG}": a cut-over stops the service; add it to allow where '
            "that is meant"
        )
    if isinstance(config.profile, AwsProfile) and "://" not in cutover.journal:
        raise Refused(
            f'expected targets.{config.target_name}.cutover.journal in S3 for a profile of kind "aws", found '
            f'"{cutover.journal}": another engineer must be able to continue from it, so name s3://BUCKET/PREFIX'
        )
    return cutover


def check_account_and_region(config: Config, clients: Clients) -> None:
    """Refuse an account or a region that is not on the lists of an `aws` profile."""
    if not isinstance(config.profile, AwsProfile):
        return
    for what, found, allowed in (
        ("account", clients.account, config.profile.accounts),
        ("region", clients.region, config.profile.regions),
    ):
        if found not in allowed:
            raise Refused(
                f'profile "{config.profile_name}" does not allow {what} {found}; allowed: {", ".join(allowed) or "none"}: '
                "list it in the profile where that is meant"
            )


def check_opt_in(config: Config, raw: Mapping[str, Any] | None) -> None:
    """Refuse an instance of an `aws` profile whose tag does not permit a cut-over by its own DbiResourceId.

    Tags are copied by restores (RDS API reference, RestoreDBInstanceFromDBSnapshot): a copied one has another instance's
    id, and permits nothing. An instance that is gone can say nothing; the other guards hold.
    """
    if not isinstance(config.profile, AwsProfile) or raw is None:
        return
    tags = tags_by_key(raw.get("TagList") or ())
    own = str(raw["DbiResourceId"])
    if tags.get(OPT_IN_TAG) != own:
        found = tags.get(OPT_IN_TAG)
        raise Refused(
            f'expected the tag {OPT_IN_TAG}={own} on "{raw["DBInstanceIdentifier"]}", found '
            f"{'none' if found is None else f'the value {found}, which is of another instance'}: "
            f"aws rds add-tags-to-resource --resource-name {raw['DBInstanceArn']} --tags Key={OPT_IN_TAG},Value={own}"
        )


def check_confirmed(instance: str, given: str | None) -> None:
    """Refuse unless the operator typed the instance's name: by --confirm, or when asked at a terminal."""
    if given is None and sys.stdin.isatty():
        print(
            f"This stops the service and replaces {instance}. Type the instance's name to continue: ",
            end="",
            file=sys.stderr,
        )
        given = sys.stdin.readline().strip()
    if given != instance:
        found = f'"{given}"' if given else "nothing"
        raise Refused(f"expected the instance's name to be typed, found {found}: give --confirm {instance}")


# -- the door ---------------------------------------------------------------------------------------------------------


def send(client: Any, clients: Clients, call: Call, *, identity: str, services: Sequence[str]) -> dict[str, Any]:
    """Make a call of a cut-over with the client of its service. Refused where it names what the cut-over is not about.

    `identity` is that of the instance or cluster that the call must be about; `services` are those of drill.toml.
    """
    check_place(clients)
    if call.service == "rds" and call.operation in _NAMED:
        _check_database(clients, call, identity)
    if call.operation == "UpdateService":
        _check_service(f"{call.parameters['cluster']}/{call.parameters['service']}", services)
    if call.operation == "RegisterScalableTarget":
        _check_service(str(call.parameters["ResourceId"]).removeprefix("service/"), services)
    if call.operation in _GROUPS:
        _check_group(clients, str(call.parameters["GroupId"]))
    with permit(f"{call.service}:{call.operation}"):
        answer: dict[str, Any] = getattr(client, xform_name(call.operation))(**call.parameters)
    return answer


def _check_database(clients: Clients, call: Call, identity: str) -> None:
    """Refuse a call about an instance or a cluster whose identity is not the one that the journal has."""
    member = _NAMED[call.operation]
    named = str(call.parameters[member])
    kind = CLUSTER if member == CLUSTER.identifier or ":cluster:" in named else INSTANCE
    key = kind.own_arn if member == "ResourceName" else kind.identifier
    operation = "describe_db_clusters" if kind is CLUSTER else "describe_db_instances"
    rows = pages(clients.rds, operation, kind.described)
    found = next((kind.resource_of(raw) for raw in rows if raw.get(key) == named), "")
    if not identity or found != identity:
        raise Refused(
            f"expected {named} to be the {kind.name} {identity or 'that the journal names'}, found {found or 'none'}: "
            f"{call.operation} was not sent; see who renamed it (CloudTrail), then resume"
        )


def _check_service(name: str, services: Sequence[str]) -> None:
    if name not in services:
        raise Refused(f"expected a service of the cut-over ({', '.join(services)}), found {name}: it was not changed")


def _check_group(clients: Clients, group_id: str) -> None:
    groups = clients.ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
    names = [str(each.get("GroupName", "")) for each in groups]
    if not names or not all(name.startswith(GROUP_PREFIX) for name in names):
        raise Refused(
            f"expected a group that a cut-over made ({GROUP_PREFIX}…), found {', '.join(names) or 'none'} ({group_id}): it was "
            "not changed"
        )
