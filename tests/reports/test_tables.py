"""The report of a target that is no database: it says what holds of it, and nothing of RDS."""

from __future__ import annotations

import dataclasses

import pytest

from drills.model.finding import CheckResult
from drills.model.instance import BUCKET, FILE_SYSTEM, TABLE, VOLUME, Resource, ResourceKind, SourceKind, StatusChange
from drills.model.price import Part
from drills.model.record import Restoration, RunRecord, TargetSummary
from drills.objectives import cost, timeline
from reports import html, lineage, markdown
from tests.support.example_record import at, green_drill, recovery_point

KINDS: dict[SourceKind, tuple[str, ResourceKind]] = {
    "table": (TABLE, "dynamodb-table"),
    "volume": (VOLUME, "ebs-volume"),
    "file system": (FILE_SYSTEM, "efs-file-system"),
    "bucket": (BUCKET, "s3-bucket"),
}
OF_RDS = (
    "DBInstanceStatus",
    "scratch instance",
    "PostgreSQL",
    "of instance",
    "source instance",
    "the instance and its storage",
    "instance loss",
    "offered for RDS",
    "component: the database",
    "leave the database",
    "no copy was made",
    "canary was read",
    "invariant was evaluated",
    "isolation was not checked",
)


def other_drill(kind: SourceKind) -> RunRecord:
    """A drill of what is no database that passed: its target, copy, statuses and what it made."""
    name, made = KINDS[kind]
    point = dataclasses.replace(recovery_point(), instance_id="orders", engine_version="", dbi_resource_id=None)
    statuses = (StatusChange(at(40), "CREATING", seconds=40), StatusChange(at(44), "ACTIVE", seconds=44))
    checks = (CheckResult("settings", "met", "12 settings compared", blocking=True, compared=12),)
    copy = Restoration("recovery", point, "drill-copy", statuses=statuses, checks=checks)
    return dataclasses.replace(
        green_drill(),
        target=TargetSummary("orders", "orders", "vault", kind=name),
        restorations=(copy,),
        resources=(Resource(made, "drill-copy", "gone", made_at=at(40), gone_at=at(60)),),
        verdicts=(),
        promises=(),
        moments=(),
        not_checked=(),
        settings=(),
        price=None,
        coverage=None,
        notes=(),
        worst_case=None,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_report_of_what_is_no_database_says_nothing_of_rds(kind: SourceKind) -> None:
    """Neither the summary nor the page has a word that holds of databases alone, and both name what was drilled."""
    record = other_drill(kind)
    summary, page = markdown.render(record), html.render(record)
    for said in OF_RDS:
        assert said not in summary, said
        assert said not in page, said
    for said in (
        f"orders, of {kind} orders",
        f"| source {kind} | orders |",
        f"| scenario | {kind} loss |",
        f"| test type | functional test of one component: the {kind} |",
    ):
        assert said in summary, said


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_database_costs_what_is_unknown_and_not_nothing(kind: SourceKind) -> None:
    """Of a copy that nobody described nothing is known; one that was certainly never made costs nothing."""
    record = other_drill(kind)
    [unknown] = cost.of_run(record).unknown
    assert unknown.startswith("what an " if kind != "table" else "what a DynamoDB")
    assert f"| cost | unknown by the prices of {cost.prices()['date']}: {unknown} (" in markdown.render(record)
    never = dataclasses.replace(record.resources[0], made_at=None, note="refused: never made")
    assert cost.of_run(dataclasses.replace(record, resources=(never,))).unknown == ()


def test_a_volume_costs_what_it_is_billed_by() -> None:
    """The report names the parts with their amounts, one of which nothing is known as well, and no kind."""
    record = other_drill("volume")
    parts = (
        Part("gib_month", "EBS gp3", 20),
        Part("iops_month", "EBS gp3", 1000),
        Part("mibps_month", "EBS gp3", None),
    )
    copy = dataclasses.replace(record.restorations[0], charged=parts)
    made = tuple(dataclasses.replace(each, region="us-east-1") for each in record.resources)
    summary = markdown.render(dataclasses.replace(record, restorations=(copy,), resources=made))

    assert "would cost about $0.0" in summary
    assert "without throughput of EBS gp3, of which it is not known how much there is (" in summary
    assert (
        "s of 20 GiB of EBS gp3, 1,000 IOPS above 3,000 of EBS gp3, unknown MiB/s above 125 of EBS gp3; a volume"
        in summary
    )


def test_statuses_and_lineage_of_a_table_name_fields_of_dynamodb() -> None:
    """The source of a status is TableStatus; a point of a table has no version, and what is not scanned is DynamoDB."""
    record = other_drill("table")
    told = [each.source for each in timeline.moments(record) if each.name.startswith("status ")]
    assert told == ["TableStatus, when own clock first saw it"] * 2
    assert "Statuses of the scratch table (TableStatus), from" in markdown.render(record)
    point, copy = recovery_point(), record.restorations[0]
    rows = dict(lineage.rows(point, copy, "table"))
    assert rows["malware scan"] == "not offered for DynamoDB"
    assert "engine version" not in rows
    assert "malware scan" not in dict(lineage.rows(point, copy, "volume"))
