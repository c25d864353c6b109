"""Each way in which a scratch instance may be open is a finding of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from drills.checks.server.isolation import SelectedBy, Surroundings, judge
from drills.model.instance import Instance

SHUT = Instance(
    id="drill-1-recovery",
    arn="arn:aws:rds:eu-central-1:123456789012:db:drill-1-recovery",
    dbi_resource_id="db-A",
    status="available",
    engine="postgres",
    engine_version="16.4",
    instance_class="db.t4g.medium",
    master_username="owner",
    security_groups=("sg-1",),
    subnet_group="drill-subnets",
)
AROUND = Surroundings("sg-1", "drill-subnets")


def group(*, ingress: Any = (), egress: Any = ()) -> dict[str, Any]:
    """A security group as DescribeSecurityGroups shows it."""
    return {"GroupId": "sg-1", "IpPermissions": list(ingress), "IpPermissionsEgress": list(egress)}


def of(**ranges: Any) -> dict[str, Any]:
    """A permission for every port."""
    return {"IpProtocol": "-1", "IpRanges": [], "Ipv6Ranges": [], "UserIdGroupPairs": [], "PrefixListIds": []} | ranges


HOST = of(IpRanges=[{"CidrIp": "10.0.0.7/32"}], Ipv6Ranges=[{"CidrIpv6": "fd00::7/128"}])


def test_an_instance_that_is_shut_off_gives_no_finding() -> None:
    """Not public, unprotected, without backups and exports; single hosts in, nothing out."""
    result = judge(SHUT, [group(ingress=[HOST])])

    assert (result.outcome, result.findings) == ("met", ())
    assert result.compared == 7
    assert result.sentence == "admits single hosts alone and lets nothing out"


@pytest.mark.parametrize(
    ("scratch", "what", "found"),
    [
        (replace(SHUT, publicly_accessible=True), "public access", "yes"),
        (replace(SHUT, deletion_protection=True), "deletion protection", "on"),
        (replace(SHUT, backup_retention_days=7), "backup retention", "7 days"),
        (replace(SHUT, engine="aurora-postgresql", backup_retention_days=2), "backup retention", "2 days"),
        (replace(SHUT, log_exports=("postgresql", "upgrade")), "log exports", "postgresql, upgrade"),
    ],
)
def test_an_open_instance_is_named_by_what_is_open(scratch: Instance, what: str, found: str) -> None:
    """Exactly one finding, with what was found."""
    (finding,) = judge(scratch, [group(ingress=[HOST])]).findings

    assert (finding.object, finding.found, finding.severity) == (f"drill-1-recovery: {what}", found, "error")


@pytest.mark.parametrize(
    ("one", "what", "found"),
    [
        (group(egress=[of(IpRanges=[{"CidrIp": "0.0.0.0/0"}])]), "egress of sg-1", "0.0.0.0/0"),
        (group(egress=[of(Ipv6Ranges=[{"CidrIpv6": "::/0"}])]), "egress of sg-1", "::/0"),
        (group(egress=[of(UserIdGroupPairs=[{"GroupId": "sg-2"}])]), "egress of sg-1", "group sg-2"),
        (group(egress=[of(PrefixListIds=[{"PrefixListId": "pl-1"}])]), "egress of sg-1", "prefix list pl-1"),
        (group(egress=[of()]), "egress of sg-1", "anywhere"),
        (group(ingress=[of(IpRanges=[{"CidrIp": "10.0.0.0/8"}])]), "ingress of sg-1", "10.0.0.0/8"),
        (group(ingress=[HOST, of(Ipv6Ranges=[{"CidrIpv6": "::/0"}])]), "ingress of sg-1", "::/0"),
    ],
)
def test_an_open_group_is_named_by_its_id(one: dict[str, Any], what: str, found: str) -> None:
    """Any way out, and any way in that is wider than a host."""
    result = judge(SHUT, [one])
    (finding,) = result.findings

    assert (finding.object, finding.found) == (f"drill-1-recovery: {what}", found)
    assert result.outcome == "missed"
    assert finding.message == result.sentence


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (of(UserIdGroupPairs=[{"GroupId": "sg-2"}]), "group sg-2"),
        (of(PrefixListIds=[{"PrefixListId": "pl-1"}]), "prefix list pl-1"),
    ],
)
def test_a_group_that_admits_another_one_is_to_be_looked_at(rule: dict[str, Any], found: str) -> None:
    """Owners let their runners in so: a warning that does not fail the drill, and no claim that only hosts come in."""
    result = judge(SHUT, [group(ingress=[rule])])
    (finding,) = result.findings

    assert (finding.object, finding.found, finding.severity) == ("drill-1-recovery: ingress of sg-1", found, "warning")
    assert (result.outcome, "1 warning" in result.sentence) == ("met", True)


def test_a_cluster_keeps_its_backups_for_a_day_at_least() -> None:
    """RDS takes no 0 of a cluster (CreateDBCluster, BackupRetentionPeriod): one day is shut off, more is not."""
    cluster = replace(SHUT, engine="aurora-postgresql", backup_retention_days=1)
    assert judge(cluster, [group(ingress=[HOST])]).findings == ()


def test_an_instance_without_a_group_is_not_shut_off() -> None:
    """Nothing seen is nothing shown."""
    result = judge(SHUT, [])

    assert result.outcome == "missed"
    assert [finding.object for finding in result.findings] == ["drill-1-recovery: security groups"]


def test_whether_it_is_public_is_read_and_never_assumed() -> None:
    """An answer without PubliclyAccessible is neither open nor shut: not verified, with the reason."""
    result = judge(replace(SHUT, publicly_accessible=None), [group(ingress=[HOST])], AROUND)

    assert (result.outcome, result.findings, result.unverified) == ("not verified", (), 1)
    assert "DescribeDBInstances does not say PubliclyAccessible" in result.sentence


def test_a_copy_where_it_was_asked_to_be_gives_no_finding() -> None:
    """In its own groups alone, with tags of the run's alone, meant by no backup plan."""
    result = judge(SHUT, [group(ingress=[HOST])], AROUND)

    assert (result.outcome, result.findings, result.not_checked, result.compared) == ("met", (), (), 11)


@pytest.mark.parametrize(
    ("scratch", "around", "what", "found"),
    [
        (replace(SHUT, security_groups=("sg-9",)), AROUND, "own security group", "sg-9"),
        (replace(SHUT, security_groups=("sg-1", "sg-9")), AROUND, "own security group", "sg-1, sg-9"),
        (replace(SHUT, security_groups=()), AROUND, "own security group", "none"),
        (replace(SHUT, subnet_group="default"), AROUND, "own subnet group", "default"),
        (SHUT, replace(AROUND, inherited=("backup", "team")), "tags of the source", "backup, team"),
        (SHUT, replace(AROUND, selected=(SelectedBy("nightly", "by tag", "tag"),)), "backup plans", "by tag of nightly, by tag"),
        (SHUT, replace(AROUND, selected=(SelectedBy("nightly", "all", "ARN"),)), "backup plans", "all of nightly, by ARN"),
    ],
)  # fmt: skip
def test_what_others_act_on_is_found(scratch: Instance, around: Surroundings, what: str, found: str) -> None:
    """Another group, a group beside it, a tag of the source's, a backup plan that picks the copy up."""
    result = judge(scratch, [group(ingress=[HOST])], around)

    assert result.outcome == "missed"
    assert [(each.object, each.found) for each in result.findings if each.severity == "error"] == [
        (f"drill-1-recovery: {what}", found)
    ]


def test_a_plan_that_means_everything_is_to_be_looked_at() -> None:
    """It may fire while the copy is there, and only its owner can leave the copy out: a warning."""
    result = judge(SHUT, [group()], replace(AROUND, selected=(SelectedBy("all", "every", "everything"),)))

    assert [(each.severity, each.found) for each in result.findings] == [("warning", "every of all, by everything")]
    assert result.outcome == "met"


def test_what_could_not_be_read_is_named() -> None:
    """Plans that may not be read, and a source that is gone: neither is clean, neither accuses."""
    result = judge(
        SHUT, [group()], replace(AROUND, inherited=None, unread="the backup plans could not be read: denied")
    )

    assert result.outcome == "met"
    assert [each.what for each in result.not_checked] == [
        "backup plans that would back the copy up",
        "tags of the source",
    ]
