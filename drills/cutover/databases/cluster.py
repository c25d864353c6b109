"""The instances of a cluster that is cut over: what the old ones are called meanwhile, and those that the restored cluster gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drills.aws.databases.requests import DEFAULT_CLASS
from drills.aws.settings import settings_from
from drills.cutover.compare import from_json
from drills.cutover.configuration import member_configuration
from drills.cutover.databases import found
from drills.cutover.environment import Environment
from drills.cutover.model import Member, NewMember
from drills.errors import DrillError

LONGEST_NAME = 63  # characters of an identifier (RDS API reference, ModifyDBInstance, ModifyDBCluster)


def with_end(name: str, end: str) -> str:
    """Return a name with another end, cut to what RDS takes; never with two hyphens in a row (ModifyDBInstance)."""
    return name[: LONGEST_NAME - len(end)].rstrip("-") + end


def under(cluster: str, new: str, member: str) -> str:
    """Return what an instance is called when its cluster is called `new`: with the same end, where it begins with the old name."""
    end = member.removeprefix(cluster) if member.startswith(cluster) else f"-{member}"
    return with_end(new, end) if len(end) < LONGEST_NAME - 1 else with_end(member, "-old")


def members_of(env: Environment, seen: found.Found | None, renamed: str) -> tuple[Member, ...]:
    """Return the instances of a cluster, each with a name for afterwards, which must be free; none where it keeps its name."""
    members = []
    for raw in seen.members if seen else ():
        name = str(raw["DBInstanceIdentifier"])
        aside = under(env.target.instance, renamed, name) if renamed else ""
        if aside and found.by_name(env.clients, aside) is not None:
            raise DrillError(
                f"expected the name {aside!r} to be free for the instance {name!r}, found an instance that has it: remove or "
                "rename that one, or give another name as cutover.renamed"
            )
        members.append(Member(str(raw["DbiResourceId"]), name, aside))
    return tuple(members)


def new_members(
    env: Environment, seen: found.Found | None, left: Mapping[str, Any], names: tuple[str, str]
) -> tuple[NewMember, ...]:
    """Return the instances that the restored cluster gets, the writer first; `names` are its own, and that after a rollback.

    They are made as those of the old cluster are, under their names where it is put aside. Of a cluster that is gone the last
    settings that are known tell the writer alone.
    """
    restored, aside = names
    cluster = env.target.instance
    old = sorted(seen.members, key=lambda each: each is not seen.writer) if seen else []
    if not old:
        wanted = _last_known(from_json(left))
        wanted.setdefault("DBInstanceClass", env.target.restore.instance_class or DEFAULT_CLASS)
        name = str(left.get("writer_id") or with_end(restored, "-writer"))
        return (NewMember(name, under(cluster, aside, name), wanted),)
    made = []
    for raw in old:
        own = str(raw["DBInstanceIdentifier"])
        wanted = member_configuration(settings_from(raw))
        if raw.get("PromotionTier") is not None:
            wanted["PromotionTier"] = raw["PromotionTier"]
        name = own if restored == cluster else under(cluster, restored, own)
        made.append(NewMember(name, under(cluster, aside, own), wanted))
    return tuple(made)


def _last_known(settings: Mapping[str, object]) -> dict[str, Any]:
    """Return the parameters of the writer that the settings of its cluster tell; its tags they do not."""
    of_writer = {
        "parameter_group": settings.get("writer_parameter_group"),
        "maintenance_window": settings.get("writer_maintenance_window"),
    }
    known = {name: value for name, value in settings.items() if not name.startswith("tag.")}
    wanted = member_configuration(known | of_writer)
    tier = settings.get("promotion_tier")
    return wanted | ({"PromotionTier": tier} if isinstance(tier, int) else {})
