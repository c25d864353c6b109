"""The guards of a drill outside of the sandbox. Every `check_*` returns nothing or raises.

`check_plan` judges the configuration alone and calls nothing; `check_aws` goes on to read who is calling, the security
group's egress and the source, in this order, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.ca_bundle import check_bundle
from drills.aws.databases.kinds import CLUSTER, KINDS
from drills.aws.guarded.names import PREFIX
from drills.aws.read import describe_instance, error_code
from drills.aws.session import Clients, identify
from drills.config.load import AwsProfile, Config, EndpointProfile, SandboxProfile
from drills.errors import Refused
from drills.model.instance import Instance

_LIST_IT = "list what a drill may touch in the profile of drill.toml, and run again"


@dataclass(frozen=True, slots=True)
class Sides:
    """The account and region of the source, and those that the copy is restored in."""

    source_account: str
    source_region: str
    restore_account: str
    restore_region: str

    @property
    def same(self) -> bool:
        """Whether source and copy live side by side, so that a group of one is a group of the other."""
        return (self.source_account, self.source_region) == (self.restore_account, self.restore_region)


def check_aws(config: Config, source: Clients, restore: Clients) -> None:
    """Refuse (exit 2) unless every guard of the `aws` profile holds; of an `endpoint` the account of the copy. Reads only.

    `restore` are the clients of the side that the copy is restored on (the same as `source` for most targets).
    """
    if isinstance(config.profile, SandboxProfile):
        return
    if isinstance(config.profile, EndpointProfile):
        if config.target.restore.account:
            _require_account(config, (restore if restore.account else identify(restore)).account)
        return
    check_plan(config)
    here = source if source.account else identify(source)
    _require_listed(config, "account", here.account, config.profile.accounts)
    # which may assume a role: only from an account that is allowed
    there = restore if restore.account else identify(restore)
    sides = Sides(here.account, here.region, there.account, there.region)
    check_sides(config, sides)
    group = str(config.target.restore.security_group)
    check_egress(group, _egress(restore, group))
    check_source(config, describe_instance(source, config.target.instance, KINDS[config.target.kind]), sides)


# -- pure -------------------------------------------------------------------------------------------------------------


def check_plan(config: Config) -> None:
    """Check the configuration alone: lists that allow something, scratch groups named, names kept apart, RDS's certificates."""
    profile, restore = config.profile, config.target.restore
    check_prefix(PREFIX, config.instances)
    if not isinstance(profile, AwsProfile):
        return
    for what, allowed in (("account", profile.accounts), ("region", profile.regions)):
        if not allowed:
            raise Refused(
                f'profile "{config.profile_name}" allows no {what}, and an empty list allows nothing: {_LIST_IT}'
            )
    _require_listed(config, "region", config.restore_region, profile.regions)
    if not config.target.is_database:
        return  # which is restored into no group
    if restore.account:
        _require_listed(config, "account", restore.account, profile.accounts)
    missing = [key for key in ("subnet_group", "security_group") if not getattr(restore, key)]
    if not (restore.parameter_group or restore.make_parameter_group):
        missing.append("parameter_group (or make_parameter_group = true)")
    if missing:
        raise Refused(
            f"expected targets.{config.target_name}.restore to name scratch groups, found no {', no '.join(missing)}: "
            "make them for drills alone and name them"
        )
    check_bundle(config)


def check_caller(config: Config, account: str, region: str) -> None:
    """Refuse a caller whose account or region is not on the profile's lists: before a role is assumed from there."""
    if isinstance(config.profile, AwsProfile):
        _require_listed(config, "account", account, config.profile.accounts)
        _require_listed(config, "region", region, config.profile.regions)


def check_sides(config: Config, sides: Sides) -> None:
    """Refuse an account or region that is not on the profile's lists, and a copy that would land in another account."""
    profile = config.profile
    if isinstance(profile, SandboxProfile):
        return  # which has the accounts that it is asked for
    _require_account(config, sides.restore_account)
    if not isinstance(profile, AwsProfile):
        return
    for account in (sides.source_account, sides.restore_account):
        _require_listed(config, "account", account, profile.accounts)
    for region in (sides.source_region, sides.restore_region):
        _require_listed(config, "region", region, profile.regions)


def _require_account(config: Config, found: str) -> None:
    """Refuse credentials that lead to another account than the one that the target names for its copies."""
    wanted = config.target.restore.account
    if wanted and wanted != found:
        raise Refused(
            f"expected to restore in account {wanted}, found credentials of account {found}: "
            f"correct role_arn or account in targets.{config.target_name}.restore"
        )


def _require_listed(config: Config, what: str, found: str, allowed: Iterable[str]) -> None:
    if found not in tuple(allowed):
        raise Refused(
            f'profile "{config.profile_name}" does not allow {what} {found}; allowed: {", ".join(allowed) or "none"}: '
            f"{_LIST_IT}"
        )


def check_prefix(prefix: str, instances: Iterable[str]) -> None:
    """Refuse a source that is named like a scratch instance: the clean-up tells them apart by the prefix too.

    RDS keeps identifiers in lower case (CreateDBInstance, DBInstanceIdentifier).
    """
    for instance in instances:
        if instance.lower().startswith(prefix) or instance.lower() in prefix:
            raise Refused(
                f'expected a source whose name cannot be taken for a scratch instance ("{prefix}…"), '
                f'found "{instance}": a drill could remove it, so it is never touched'
            )


def check_egress(group: str, rules: Iterable[Mapping[str, Any]] | None) -> None:
    """Refuse a security group that does not exist (`rules` None) or lets anything out (EC2's IpPermissionsEgress)."""
    if rules is None:
        raise Refused(f'expected the scratch security group "{group}", found none of that id: correct security_group')
    found = [_describe_rule(rule) for rule in rules]
    if found:
        raise Refused(
            f'expected the scratch security group "{group}" to have no egress rule, found {"; ".join(found)}: remove '
            "them, so that a restored copy cannot reach anybody"
        )


def _describe_rule(rule: Mapping[str, Any]) -> str:
    protocol = str(rule.get("IpProtocol", "?"))
    ports = "" if protocol == "-1" else f" {rule.get('FromPort', 'all')}-{rule.get('ToPort', 'all')}"
    to = [
        str(each.get(key))
        for part, key in (
            ("IpRanges", "CidrIp"),
            ("Ipv6Ranges", "CidrIpv6"),
            ("PrefixListIds", "PrefixListId"),
            ("UserIdGroupPairs", "GroupId"),
        )
        for each in rule.get(part) or ()
    ]
    return f"{'all protocols' if protocol == '-1' else protocol}{ports} to {', '.join(to) or 'nobody named'}"


def check_source(config: Config, source: Instance | None, sides: Sides) -> None:
    """Refuse another kind or engine than the target names, and scratch groups that are the source's own.

    A Multi-AZ DB cluster and its members have engine postgres, as DescribeDBClusters and DescribeDBInstances answer, and a member
    its cluster's name.

    A source that is not there passes: that is what a drill is for.
    """
    if source is None:
        return
    if config.target.kind == "cluster":
        _check_cluster(source)
    else:
        _check_instance(source)
    if not sides.same:
        return
    restore = config.target.restore
    for what, name, own in (
        ("subnet group", restore.subnet_group, (source.subnet_group,)),
        ("security group", restore.security_group, source.security_groups),
        ("parameter group", restore.parameter_group, (source.parameter_group,)),
    ):
        if name and name in own:
            raise Refused(
                f'expected a scratch {what} for the copy, found "{name}", which "{source.id}" itself uses: '
                "make one for drills alone"
            )


def _check_cluster(source: Instance) -> None:
    if source.engine == "postgres":
        raise Refused(
            f'expected an Aurora PostgreSQL cluster, found "{source.id}" to be a Multi-AZ DB cluster (engine postgres), which is '
            "not supported: name another target"
        )
    if source.engine != CLUSTER.engine:
        raise Refused(
            f'expected engine {CLUSTER.engine}, found "{source.id}" to run {source.engine}: name another target'
        )


def _check_instance(source: Instance) -> None:
    if source.cluster_id or source.engine.startswith("aurora"):
        of = f' of cluster "{source.cluster_id}"' if source.cluster_id else ""
        instead = "a Multi-AZ DB cluster is not supported, name another target"
        if source.engine == CLUSTER.engine:
            instead = f'name the cluster in its place, as cluster = "{source.cluster_id or "…"}"'
        elif source.engine != "postgres":
            instead = "of Aurora there is PostgreSQL alone, name another target"
        raise Refused(
            f'expected an RDS for PostgreSQL instance, found "{source.id}" to be a member{of} '
            f"(engine {source.engine}): {instead}"
        )
    if source.engine != "postgres":
        raise Refused(f'expected engine postgres, found "{source.id}" to run {source.engine}: name another target')


# -- adapters ---------------------------------------------------------------------------------------------------------


def _egress(clients: Clients, group: str) -> list[dict[str, Any]] | None:
    try:
        groups = clients.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    except ClientError as error:
        if error_code(error) in ("InvalidGroup.NotFound", "InvalidGroupId.Malformed"):
            return None
        raise _unread(group, error) from error
    except BotoCoreError as error:
        raise _unread(group, error) from error
    if not groups:
        return None
    rules: list[dict[str, Any]] | None = groups[0].get("IpPermissionsEgress")
    if rules is None:  # which is not an empty list: what EC2 does not say is not known
        raise _unread(group, "an answer without IpPermissionsEgress")
    return rules


def _unread(group: str, error: object) -> Refused:
    return Refused(
        f'expected to read the egress of the security group "{group}", found: {error}: allow ec2:DescribeSecurityGroups'
    )
