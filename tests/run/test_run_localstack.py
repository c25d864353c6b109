"""`drills localstack` at an edition with RDS and without AWS Backup: the project's sandbox behind a front that lacks it."""

from __future__ import annotations

import pytest

from tests.support.endpoint_runs import elsewhere, place
from tests.support.lacking import lacking
from tests.support.runs import Place, drills, nothing_left
from tests.support.sandbox import RunningSandbox

__all__ = ["elsewhere", "place"]
pytestmark = [pytest.mark.whole_run, pytest.mark.postgres, pytest.mark.sandbox]


def test_what_the_edition_allows_runs_and_the_rest_is_skipped_with_its_reason(
    place: Place, elsewhere: RunningSandbox
) -> None:
    """The RDS snapshot of a source made there is drilled whole; the plan's worst case has LocalStack's own words; 0."""
    with lacking(elsewhere, ("backup", "ecs", "elbv2"), ("rds", "ec2", "sts", "kms")) as url:
        variables = elsewhere.variables | {"PGSSLROOTCERT": str(elsewhere.ca)}
        run = drills(place, "localstack", "--endpoint-url", url, environment=variables)
    rds = elsewhere.client("rds")

    assert (run.status, run.record.failures) == (0, ())
    assert 'edition "base", version 2026.8.2, has rds, ec2, sts, kms; no backup, ' in run.out
    skipped = {each.name: each.reason for each in run.record.promises if each.outcome == "skipped"}
    schedule = skipped["The worst case of the backup schedule is within the recovery point objective"]
    assert "service backup is either not included in your current license plan" in schedule
    assert {each.outcome for each in run.record.promises} == {"passed", "skipped"}
    assert [(each.point.kind, each.point.vault) for each in run.record.restorations if each.point] == [("manual", None)]
    assert [each["DBInstanceStatus"] for each in rds.describe_db_instances()["DBInstances"]] in ([], ["deleting"])
    assert not [each for each in rds.describe_db_snapshots()["DBSnapshots"] if each["SnapshotType"] == "manual"]
    nothing_left(place)
