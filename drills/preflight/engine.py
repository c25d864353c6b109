"""Foresees what RDS makes of the backed-up engine version and storage. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drills.aws.databases.kinds import CLUSTER, Kind
from drills.aws.engine import Lifecycle
from drills.model.engine import major_of
from drills.model.finding import CheckResult
from drills.model.parity import NotVerified
from drills.posture.judgement import Judgement
from drills.preflight.facts import Engine, PreflightFacts
from drills.preflight.place import NO_POINT


def version(facts: PreflightFacts) -> CheckResult:
    """Foresee a version that may no longer be created, or that RDS upgrades by force.

    RDS withdraws minor versions, and upgrades what is past its support by force (Amazon RDS User Guide, "Upgrades of the RDS for
    PostgreSQL DB engine" and "Using Amazon RDS Extended Support"). Whether it still restores a backup of a version past
    Extended Support is not documented, so that such a restore is not foreseen as accepted.
    """
    judged = Judgement("engine version")
    engine = facts.engine
    if engine is None:
        return judged.result("", nothing=NO_POINT, requirement="optional")
    if not engine.version:
        judged.was_read("engine version", NotVerified("AWS does not say the version of the point"))
        return judged.result("")
    if judged.was_read(f"PostgreSQL {engine.version} in RDS", engine.row) and not isinstance(engine.row, NotVerified):
        judged.count()
        _on_offer(judged, engine, engine.row, facts.kind)
    if judged.was_read(f"lifecycle of PostgreSQL {major_of(engine.version)}", engine.lifecycle):
        _supported(judged, facts, engine)
    return judged.result(f"PostgreSQL {engine.version} is on offer; {engine.support.reason}")


def _on_offer(judged: Judgement, engine: Engine, row: Mapping[str, Any] | None, kind: Kind) -> None:
    status = str((row or {}).get("Status") or "available") if row is not None else "withdrawn"
    if status == "available":
        return
    targets = [each for each in (row or {}).get("ValidUpgradeTarget") or () if not each.get("IsMajorVersionUpgrade")]
    upgraded = next((each for each in targets if each.get("AutoUpgrade")), targets[-1] if targets else None)
    to = (
        f": RDS may upgrade the copy to {upgraded['EngineVersion']}"
        if upgraded
        else ": its restore may be upgraded, or refused"
    )
    judged.find(
        "error" if row is None else "warning",
        f"PostgreSQL {engine.version}",
        expected="a version that can be restored as it is",
        found=f"RDS calls it {status}{to}",
        remedy=f"upgrade the source to a version of aws rds describe-db-engine-versions --engine {kind.engine}, and back it up "
        "again",
    )


def _supported(judged: Judgement, facts: PreflightFacts, engine: Engine) -> None:
    lifecycle, major = engine.lifecycle, f"PostgreSQL {major_of(engine.version)}"
    if not isinstance(lifecycle, Lifecycle) or lifecycle.standard_until is None:
        judged.was_read(f"lifecycle of {major}", NotVerified("RDS names no end of its standard support"))
        return
    judged.count()
    if lifecycle.standard_until > facts.now:
        return
    over = lifecycle.extended_until is not None and lifecycle.extended_until <= facts.now
    ended = lifecycle.extended_until if over and lifecycle.extended_until else lifecycle.standard_until
    judged.find(
        "error" if over else "warning",
        major,
        expected="a major version in standard support",
        found=f"its {'Extended Support' if over else 'standard support'} ended on {ended:%Y-%m-%d}: "
        + ("RDS upgrades instances of it by force" if over else "a copy is charged for Extended Support, or upgraded"),
        remedy="upgrade the source to a major version in standard support, and test the applications with it",
    )


def storage(facts: PreflightFacts) -> CheckResult:
    """Foresee storage below the snapshot's size, and sizes that the class is not offered with.

    A restore takes "at least the size of the snapshot" (Amazon RDS API reference, RestoreDBInstanceFromDBSnapshot,
    AllocatedStorage); without that parameter it takes the snapshot's. A cluster has no size to ask for: its volume grows by itself
    (Amazon Aurora User Guide, "Amazon Aurora storage").
    """
    judged = Judgement("storage")
    engine, restore = facts.engine, facts.restore
    if facts.kind is CLUSTER:
        return judged.result("", nothing="the volume of a cluster grows by itself", requirement="optional")
    if engine is None or restore is None:
        return judged.result("", nothing=NO_POINT, requirement="optional")
    size = restore.point.allocated_gib
    if size is None:
        judged.was_read("size of the point", NotVerified("AWS does not say it"))
        return judged.result("")
    judged.count()
    asked = int(restore.request.parameters.get("AllocatedStorage") or size)
    if asked < size:
        judged.find(
            "error",
            restore.point.arn,
            expected=f"storage of at least {size} GiB, which the point has",
            found=f"{asked} GiB asked for",
            remedy="ask for no size, or for that of the point",
        )
    if judged.was_read("storage on offer", engine.options) and not isinstance(engine.options, NotVerified):
        _offered(judged, engine.options, restore.instance_class, restore.storage_type, asked)
    return judged.result(f"{asked} GiB, which is what the point has" if asked == size else f"{asked} GiB")


def _offered(judged: Judgement, options: Sequence[Mapping[str, Any]], name: str, kind: str, size: int) -> None:
    ranges = [
        (each.get("MinStorageSize"), each.get("MaxStorageSize"))
        for each in options
        if not kind or each.get("StorageType") in (None, kind)
    ]
    known = [(low, high) for low, high in ranges if low is not None and high is not None]
    if known and not any(low <= size <= high for low, high in known):
        judged.find(
            "error",
            f"{kind or 'storage'} for {name}",
            expected=f"{size} GiB to be on offer",
            found=", ".join(sorted({f"{low} to {high} GiB" for low, high in known})),
            remedy="name another class as restore.instance_class",
        )
