"""The guards of a cut-over. Each `check_*` returns nothing or raises; nothing is written."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from drills.aws.session import Clients
from drills.config.cutover import CutoverConfig
from drills.config.load import AwsProfile, Config
from drills.cutover.configuration import OPT_IN_TAG
from drills.errors import ConfigError, Refused

REQUIRED_TAG = "cuts_over"


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
    tags = {each["Key"]: each.get("Value", "") for each in raw.get("TagList") or ()}
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
