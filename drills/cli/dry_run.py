"""What a run would do, for `drills run --dry-run`: read from the configuration alone; asks nothing of AWS and starts nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from drills.aws.scratch import ScratchNames, scratch_tags
from drills.config.load import AwsProfile, Config, SandboxProfile
from drills.durations import show_duration
from drills.evidence.folder import next_sequence
from drills.evidence.keeper import chain_of, planned_level
from drills.model.record import ExpectedPromise

RUN = "RUN-ID"  # stands for the id that the run will have
READS = {
    "sts": ("GetCallerIdentity",),
    "rds": ("Describe*", "ListTagsForResource"),
    "backup": ("Describe*", "Get*", "List*"),
    "ec2": ("Describe*",),
    "logs": ("DescribeLogGroups",),
}
WRITES = {
    "rds": (
        "RestoreDBInstanceFromDBSnapshot",
        "RestoreDBInstanceToPointInTime",
        "CopyDBSnapshot",
        "ModifyDBInstance",
        "CreateDBParameterGroup",
        "ModifyDBParameterGroup",
        "CreateDBSubnetGroup",
        "DeleteDBInstance",
        "DeleteDBSnapshot",
        "DeleteDBParameterGroup",
        "DeleteDBSubnetGroup",
    ),
    "ec2": ("CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "RevokeSecurityGroupEgress", "DeleteSecurityGroup"),
    "logs": ("DeleteLogGroup",),
}


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard, and whether it holds: "holds", or "checked first", before the run makes anything."""

    name: str
    state: str


def facts(effective: Config, expected: Sequence[ExpectedPromise]) -> dict[str, Any]:
    """Return what the run would do, as `--json` prints it. Durations are in seconds. Pure."""
    target, profile, restore = effective.target, effective.profile, effective.target.restore
    made = []
    for purpose in _purposes(effective):
        names = ScratchNames.of(RUN, purpose)
        made.append(f"db instance {names.instance}")
        made += [] if restore.parameter_group else [f"parameter group {names.parameter_group}"]
        made += [] if restore.subnet_group else [f"subnet group {names.subnet_group}"]
        made += [] if restore.security_group else [f"security group {names.security_group}"]
    limits = effective.limits
    tags = scratch_tags(RUN, effective.target_name, "the run's start and time_to_live", target.tags)
    chain = chain_of(effective)
    return {
        "target": effective.target_name,
        "instance": target.instance,
        "profile": effective.profile_name,
        "kind": profile.kind,
        "simulated": effective.simulated,
        "sample": target.sample.text,
        "scenarios": len(expected),
        "allowed": list(profile.allow),
        "makes": made,
        "cuts_over": _cuts_over(effective),
        "tags": tags,
        "deletes": [*made, "the log groups of these instances, snapshots that it copied, and nothing else"],
        "reads": {name: list(calls) for name, calls in READS.items()},
        "writes": {name: list(calls) for name, calls in WRITES.items()},
        "limits": [asdict(each) for each in limits.list()],
        "total_seconds": limits.total_seconds,
        "time_to_live_seconds": target.time_to_live.total_seconds(),
        "evidence": {
            "chain": str(chain),
            "sequence": next_sequence(chain),
            "level": planned_level(effective.evidence),
            "store": effective.evidence.store or "",
        },
        "guards": [asdict(each) for each in _guards(effective)],
    }


def _purposes(effective: Config) -> tuple[str, ...]:
    """Return what copies are restored for: the recovery, and beside it a moment and a copy that was damaged on purpose."""
    newest = effective.target.sample.kind == "newest"
    damaged = newest and "damages_backup" in effective.profile.allow
    return ("recovery", *(("moment",) if newest else ()), *(("rehearsal",) if damaged else ()))


def _cuts_over(effective: Config) -> str:
    """Return what a cut-over of the run would change beside the copies; "" where there is none."""
    target = effective.target
    sandboxed = isinstance(effective.profile, SandboxProfile)
    named = target.cutover is not None and target.cutover.drilled == target.instance
    if "cuts_over" not in effective.profile.allow or target.sample.kind != "newest" or not (sandboxed or named):
        return ""
    return f"stop the service, rename {target.instance}, restore under its name, start the service, and take all of it back"


def _guards(effective: Config) -> list[Guard]:
    """Return the guards of the profile; those of the configuration alone hold, or the command had been refused by now."""
    found = [Guard("no protected instance has a name that begins as a drill's own do", "holds")]
    if isinstance(effective.profile, SandboxProfile):
        return [*found, Guard("everything is made on this machine, in an AWS that ends with the run", "holds")]
    if isinstance(effective.profile, AwsProfile):
        found.append(Guard(f"the accounts allowed are {', '.join(effective.profile.accounts)}", "holds"))
        found.append(Guard(f"the regions allowed are {', '.join(effective.profile.regions)}", "holds"))
        found.append(Guard("scratch groups are named and not those of the source", "checked first"))
        found.append(Guard("the scratch security group lets nothing out", "checked first"))
    found.append(Guard("the credentials are of an allowed account, and the source is there", "checked first"))
    return found


def as_json(told: dict[str, Any]) -> str:
    """Return the facts as JSON."""
    return json.dumps(told, indent=2)


def as_text(told: dict[str, Any]) -> str:
    """Return the facts as a person reads them."""
    lines = [
        f"A run of target {told['target']} (instance {told['instance']}) with profile {told['profile']} ({told['kind']}) would",
        f"  hold {told['scenarios']} scenarios on the {told['sample']} recovery point",
        *_block("make", told["makes"]),
        f"  tag each with {', '.join(f'{key} = {value}' for key, value in told['tags'].items())}",
        *_block("delete at its end", told["deletes"]),
        *_block("read from AWS", [f"{name}: {', '.join(calls)}" for name, calls in told["reads"].items()]),
        *_block("change in AWS", [f"{name}: {', '.join(calls)}" for name, calls in told["writes"].items()]),
        f"  let these scenarios change more: {', '.join(told['allowed']) or 'none'}",
        *([f"  cut over: {told['cuts_over']} (docs/cutover.md has its calls)"] if told["cuts_over"] else []),
        f"  take at most {show_duration(told['total_seconds'])}, the sum of its steps:",
    ]
    for each in told["limits"]:
        inside = "  (a wait within a step) " if each["kind"] == "wait" else "  "
        lines.append(f"  {inside}{show_duration(each['seconds'])}: {each['name']} ({each['key']}, {each['origin']})")
    lines += _block("be guarded by", [f"{each['name']}: {each['state']}" for each in told["guards"]])
    kept = told["evidence"]
    lines += [
        f"  keep its evidence as number {kept['sequence']} of {kept['chain']}, level {kept['level']}"
        + (f", and in {kept['store']}" if kept["store"] else "")
    ]
    lines += [f"  read its seed first, as this did not: {told['seed_unread']}"] if told["seed_unread"] else []
    lines.append("Nothing was started, made, asked or changed.")
    return "\n".join(lines)


def _block(head: str, rows: Sequence[str]) -> list[str]:
    return [f"  {head}", *(f"    {row}" for row in rows)]
