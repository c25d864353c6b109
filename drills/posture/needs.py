"""Judges automated backups, the resources that a restore needs, and the stored copy of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from drills.model.finding import CheckResult
from drills.model.parity import NotVerified
from drills.posture.facts import PostureFacts, RestoreNeeds, StoredConfiguration
from drills.posture.judgement import Judgement
from drills.posture.lag import LAG_AT_MOST, find_lag

STORED_AT_MOST = timedelta(days=2)
ZONES_AT_LEAST = 2  # "at least two Availability Zones" (RDS user guide, "Working with DB subnet groups")
QUOTAS: Mapping[str, tuple[str, ...]] = {
    "instance": ("DBInstances", "ManualSnapshots"),
    "cluster": ("DBClusters", "DBInstances", "ManualClusterSnapshots"),
}


def automated(facts: PostureFacts) -> CheckResult:
    """Judge that RDS's own backups are on, and that a moment of the last hour can be restored."""
    judged = Judgement("automated backups")
    instance, name, of = facts.instance, facts.instance_id, facts.subject.word
    if instance is None:
        return judged.result("", nothing=f"there is no {of}")
    judged.count()
    latest = instance.get("LatestRestorableTime")
    if not instance.get("BackupRetentionPeriod"):
        judged.find(
            "error",
            facts.arn,
            expected="automated backups, without which no moment between two recovery points can be restored",
            found="a backup retention of 0 days",
            remedy=f"aws rds modify-db-{of} --db-{of}-identifier {name} --backup-retention-period 7",
        )
        return judged.result("")
    made = instance.get("InstanceCreateTime" if of == "instance" else "ClusterCreateTime")
    if latest is None and made is not None and facts.now - made < LAG_AT_MOST:
        judged.find(
            "warning",
            facts.arn,
            expected="a LatestRestorableTime",
            found=f"none yet: the {of} is younger than an hour",
            remedy="run it again when its first backup is done",
        )
    elif latest is None or facts.now - latest > LAG_AT_MOST:
        remedy = f"aws rds describe-events --source-type db-{of} --source-identifier {name}: see why no log is kept"
        find_lag(judged, facts, "LatestRestorableTime", latest, remedy)
    reaches = f"reaches to {latest:%Y-%m-%d %H:%M:%S} UTC" if latest else "begins with the first backup"
    return judged.result(f"point-in-time recovery {reaches}")


def restore_needs(facts: PostureFacts) -> CheckResult:
    """Judge the subnet group, security groups, parameter group and quota that a restore would need now."""
    judged = Judgement("restore needs")
    needs = facts.needs
    if not judged.was_read("what a restore needs", needs) or not isinstance(needs, RestoreNeeds):
        nothing = f"there is no {facts.subject.word} to say what a restore needs" if needs is None else ""
        return judged.result("", nothing=nothing)
    _subnets(judged, needs)
    if judged.was_read("security groups", needs.groups_there) and not isinstance(needs.groups_there, NotVerified):
        for group in needs.security_groups:
            judge_security_group(judged, group, there=group in needs.groups_there)
    if judged.was_read(needs.parameter_group, needs.parameters) and needs.parameter_group:
        judged.count()
        cluster = "cluster-" if facts.subject.word == "cluster" else ""
        if needs.parameters is None:
            judged.find(
                "error",
                needs.parameter_group,
                expected="a parameter group",
                found="none of that name",
                remedy=f"aws rds create-db-{cluster}parameter-group, or correct restore.parameter_group in drill.toml",
            )
    _quotas(judged, facts, needs)
    return judged.result("what a restore needs is there")


def judge_security_group(judged: Judgement, group: str, *, there: bool) -> None:
    """Judge that a security group that a copy would be in is there."""
    judged.count()
    if not there:
        judged.find(
            "error",
            group,
            expected="a security group",
            found="none of that id",
            remedy="aws ec2 create-security-group, or correct restore.security_group in drill.toml",
        )


def _subnets(judged: Judgement, needs: RestoreNeeds) -> None:
    if not judged.was_read(needs.subnet_group, needs.subnets) or isinstance(needs.subnets, NotVerified):
        return
    if not needs.subnet_group:  # one is made for the copy
        return
    judged.count()
    if needs.subnets is None:
        judged.find(
            "error",
            needs.subnet_group,
            expected="a DB subnet group",
            found="none of that name",
            remedy="aws rds create-db-subnet-group, or correct restore.subnet_group in drill.toml",
        )
        return
    zones = {each.get("SubnetAvailabilityZone", {}).get("Name") for each in needs.subnets.get("Subnets") or []}
    if len(zones) < ZONES_AT_LEAST:
        judged.find(
            "error",
            needs.subnet_group,
            expected=f"subnets in at least {ZONES_AT_LEAST} availability zones",
            found=f"{len(zones)}",
            remedy=f"aws rds modify-db-subnet-group --db-subnet-group-name {needs.subnet_group} --subnet-ids",
        )


def _quotas(judged: Judgement, facts: PostureFacts, needs: RestoreNeeds) -> None:
    if not judged.was_read("quotas", needs.quotas) or isinstance(needs.quotas, NotVerified):
        return
    for name in QUOTAS[facts.subject.word]:
        used, most = needs.quotas.get(name, (0, 0))
        judged.count(bool(most))
        if most and used >= most:
            judged.find(
                "error",
                f"quota {name} of {facts.restore_account}",
                expected="room for one more",
                found=f"{used} of {most} in use",
                remedy="delete what is not needed, or aws service-quotas request-service-quota-increase",
            )


def stored(facts: PostureFacts) -> CheckResult:
    """Return the configuration of this very instance or cluster is kept for the day on which it is gone."""
    judged = Judgement("stored configuration")
    kept, of = facts.stored, facts.subject.word
    if facts.instance is None and kept is None:
        return judged.result("", nothing=f"there is no {of}, and no copy of its configuration")
    if not judged.was_read("stored configuration", kept) or isinstance(kept, NotVerified):
        return judged.result("")
    judged.count()
    again = f"drills posture, where the {of} can be read and the folder be written"
    if not isinstance(kept, StoredConfiguration):
        judged.find("error", facts.arn, expected="a stored copy of its configuration", found="none", remedy=again)
    elif facts.resource_id and kept.dbi_resource_id != facts.resource_id:
        judged.find(
            "error",
            kept.place,
            expected=f"the configuration of {facts.resource_id}",
            found=f"that of {kept.dbi_resource_id}, another {of} of that name",
            remedy=again,
        )
    elif facts.now - kept.taken_at > STORED_AT_MOST:
        judged.find(
            "warning",
            kept.place,
            expected="a copy of the last two days",
            found=f"one of {kept.taken_at:%Y-%m-%d %H:%M} UTC",
            remedy=again,
        )
    return judged.result("the configuration is kept" if kept is None else f"the configuration is kept in {kept.place}")
