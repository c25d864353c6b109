"""What a run would do, for `drills run --dry-run`: reads configuration, key and chain, asks nothing of AWS and starts nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from drills.aws.guarded.names import LOCK_PREFIX, ScratchNames, scratch_tags
from drills.aws.guarded.permits import DRILL_WRITES, OF_CLUSTERS, OF_INSTANCES
from drills.cli.dry_run import others
from drills.cli.dry_run.others import RUN
from drills.config.load import AwsProfile, Config, SandboxProfile
from drills.durations import show_duration
from drills.evidence.folder import next_sequence
from drills.evidence.keeper import chain_of, planned_level, try_key
from drills.metrics import write as metrics
from drills.model.instance import DatabaseKind, OtherKind
from drills.model.price import Price
from drills.model.record import ExpectedPromise
from drills.notices import send as notices
from drills.objectives import cost
from drills.plural import counted
from drills.run.price import estimate, purposes

READS = {
    "sts": ("GetCallerIdentity",),
    "rds": ("Describe*", "ListTagsForResource"),
    "backup": ("Describe*", "Get*", "List*"),
    "ec2": ("Describe*",),
    "kms": ("DescribeKey",),
    "logs": ("DescribeLogGroups",),
    "pricing": ("GetProducts",),
}
_LOCK = f"parameter group {LOCK_PREFIX}NUMBER, the lock of the target"


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard, and whether it holds: "holds", or "checked first", before the run makes anything."""

    name: str
    state: str


def facts(effective: Config, expected: Sequence[ExpectedPromise]) -> dict[str, Any]:
    """Return what the run would do, as `--json` prints it. Durations are in seconds.

    Reads the chain and the key of the evidence. Raises DrillError where the run could not be signed.
    """
    target, profile, limits = effective.target, effective.profile, effective.limits
    tags = scratch_tags(RUN, effective.target_name, "the run's start, limits and time_to_live", target.tags)
    return {
        "target": effective.target_name,
        "instance": target.instance,
        "database": target.other.source if target.other else target.kind,
        "profile": effective.profile_name,
        "kind": profile.kind,
        "simulated": effective.simulated,
        "sample": target.sample.text,
        "scenarios": len(expected),
        "tier": target.tier,
        "allowed": [] if target.other else list(profile.allow),  # of databases alone
        "tags": tags,
        **(_of_other(effective, target.other) if target.other else _of_database(effective)),
        "limits": [asdict(each) for each in limits.list()],
        "total_seconds": limits.total_seconds,
        "time_to_live_seconds": target.time_to_live.total_seconds(),
        **_kept(effective),
        "guards": [asdict(each) for each in _guards(effective)],
        "tells": {"whom": list(notices.places_of(effective)), "of": list(effective.notices.on)},
        "metrics": list(metrics.places_of(effective)),
    }


def _of_database(effective: Config) -> dict[str, Any]:
    kind, made, price = effective.target.kind, _makes(effective), estimate(effective)
    return {
        "makes": made,
        "copies": len(price.copies),
        "requests": {},
        "cuts_over": _cuts_over(effective),
        "deletes": [*made, "the log groups of these instances, snapshots that it copied, and nothing else"],
        "reads": {name: list(calls) for name, calls in READS.items()},
        "writes": {name: list(calls) for name, calls in writes(kind).items()},
        "policies": ["infra/iam/drill.json", *(["infra/iam/aurora.json"] if kind == "cluster" else [])],
        "cost": _cost(price, effective),
        "price": asdict(price),
    }


def _of_other(effective: Config, kind: OtherKind) -> dict[str, Any]:
    price = estimate(effective)
    made = [*([_LOCK] if others.is_locked(effective) else []), f"{kind.source} {others.name_of(kind)}"]
    return {
        "makes": made,
        "copies": len(price.copies),
        "requests": {"backup:StartRestoreJob": others.request(effective)},
        "cuts_over": "",
        "deletes": [*made, "nothing else"],
        "reads": others.by_service(effective, reads=True),
        "writes": others.by_service(effective, reads=False),
        "policies": list(others.policies(effective)),
        "cost": _cost(price, effective),
        "price": asdict(price),
    }


def _kept(effective: Config) -> dict[str, Any]:
    chain = chain_of(effective)
    return {
        "evidence": {
            "chain": str(chain),
            "sequence": next_sequence(chain),
            "level": planned_level(effective.evidence),
            "signed": try_key(effective, os.environ),
            "store": effective.evidence.store or "",
        }
    }


def _makes(effective: Config) -> list[str]:
    """Return what the run would make, each thing by its kind and name."""
    target, restore = effective.target, effective.target.restore
    made = [_LOCK] if others.is_locked(effective) else []
    for purpose in purposes(effective):
        names = ScratchNames.of(RUN, purpose)
        made += _copy(target.kind, names)
        made += [] if restore.parameter_group else [_parameters(target.kind, names)]
        made += [] if restore.subnet_group else [f"subnet group {names.subnet_group}"]
        made += [] if restore.security_group else [f"security group {names.security_group}"]
    return made


def writes(kind: DatabaseKind) -> dict[str, tuple[str, ...]]:
    """Return the operations by which a drill of this kind changes AWS, by service."""
    others = OF_CLUSTERS if kind == "instance" else OF_INSTANCES
    written = [each.split(":") for each in DRILL_WRITES if each not in others]
    return {service: tuple(name for of, name in written if of == service) for service, _ in written}


def _copy(kind: DatabaseKind, names: ScratchNames) -> list[str]:
    if kind == "instance":
        return [f"db instance {names.instance}"]
    return [f"db cluster {names.instance}", f"db instance {names.writer}, in that cluster"]


def _parameters(kind: DatabaseKind, names: ScratchNames) -> str:
    if kind == "instance":
        return f"parameter group {names.parameter_group}"
    return f"cluster parameter group {names.cluster_parameters}"


def _cost(price: Price, effective: Config) -> str:
    """Return what the copies would cost at most: each for as long as the run may take, without their storage, which AWS knows."""
    copies, told = len(price.copies), cost.told(price, simulated=True)
    ask = ""
    if effective.target.is_database and not price.copies[0].instance_class:
        ask = " (the source's class, unless restore.instance_class names one)"
    if isinstance(effective.profile, AwsProfile):
        ask += ". The run asks AWS's price list first, and its record has that estimate"
    return (
        f"{copies} cop{'y' if copies == 1 else 'ies'} for at most {show_duration(price.copies[0].seconds)}: {told}{ask}"
    )


def _cuts_over(effective: Config) -> str:
    """Return what a cut-over of the run would change beside the copies; "" where there is none."""
    target = effective.target
    sandboxed = isinstance(effective.profile, SandboxProfile)
    named = target.cutover is not None and target.cutover.drilled == target.instance
    asked = target.tier == "full" and target.sample.kind == "newest"
    if target.kind == "cluster" or "cuts_over" not in effective.profile.allow or not asked or not (sandboxed or named):
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
        if effective.target.other:
            return [*found, Guard("the credentials are of an allowed account and region", "checked first")]
        found.append(Guard("scratch groups are named and not those of the source", "checked first"))
        found.append(Guard("the scratch security group lets nothing out", "checked first"))
        found.append(Guard("the credentials are of an allowed account, and the source is there", "checked first"))
        return found
    found.append(Guard("the endpoint is none of AWS's own addresses; it has no lists of accounts and regions", "holds"))
    found += [] if effective.target.other else [Guard("the source is there", "checked first")]
    return found


def as_json(told: dict[str, Any]) -> str:
    """Return the facts as JSON."""
    return json.dumps(told, indent=2)


def as_text(told: dict[str, Any]) -> str:
    """Return the facts as a person reads them."""
    of = f"{told['target']} ({told['database']} {told['instance']})"
    lines = [
        f"A run of target {of} with profile {told['profile']} ({told['kind']}) would",
        f"  hold {counted(told['scenarios'], 'scenario')} on the {told['sample']} recovery point, tier {told['tier']}",
        *_block("make", told["makes"]),
        f"  tag each with {', '.join(f'{key} = {value}' for key, value in told['tags'].items())}",
        *(line for name, asked in told["requests"].items() for line in _block(f"ask {name} for", _pairs(asked))),
        *_block("delete at its end", told["deletes"]),
        *_block("read from AWS", [f"{name}: {', '.join(calls)}" for name, calls in told["reads"].items()]),
        *_block("change in AWS", [f"{name}: {', '.join(calls)}" for name, calls in told["writes"].items()]),
        f"  need the rights of {', '.join(told['policies'])}",
        f"  let these scenarios change more: {', '.join(told['allowed']) or 'none'}",
        *([f"  cut over: {told['cuts_over']} (docs/cutover.md has its calls)"] if told["cuts_over"] else []),
        f"  take at most {show_duration(told['total_seconds'])}, the sum of its steps:",
    ]
    for each in told["limits"]:
        inside = "  (a wait within a step) " if each["kind"] == "wait" else "  "
        lines.append(f"  {inside}{show_duration(each['seconds'])}: {each['name']} ({each['key']}, {each['origin']})")
    lines.append(f"  cost: {told['cost']}")
    lines += _block("be guarded by", [f"{each['name']}: {each['state']}" for each in told["guards"]])
    kept = told["evidence"]
    lines += [
        f"  keep its evidence as number {kept['sequence']}{' or later' if kept['store'] else ''} of {kept['chain']}, "
        f"level {kept['level']}" + (f", and in {kept['store']}" if kept["store"] else ""),
        f"  have it signed {kept['signed']}",
    ]
    told_of = f" of {', '.join(told['tells']['of'])}"
    lines += [f"  tell {each}{told_of}" for each in told["tells"]["whom"]]
    lines += [f"  write its numbers to: {each}" for each in told["metrics"]]
    lines += [f"  read its seed first, as this did not: {told['seed_unread']}"] if told["seed_unread"] else []
    lines += [f"  not begin, since {told['once']}"] if told["once"] else []
    lines.append("Nothing was started, made, asked or changed.")
    return "\n".join(lines)


def _block(head: str, rows: Iterable[str]) -> list[str]:
    return [f"  {head}", *(f"    {row}" for row in rows)]


def _pairs(request: Mapping[str, Any]) -> Iterator[str]:
    for name, value in request.items():
        for inner, each in value.items() if isinstance(value, Mapping) else [("", value)]:
            yield f"{name}{f'.{inner}' * bool(inner)} = {each}"
