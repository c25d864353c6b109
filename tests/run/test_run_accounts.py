"""Whole runs that restore in another account and in another region, from the copies that lie there."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from drills.checks import manifest
from drills.files import write_atomically
from drills.replay import bundle
from drills.replay.again import replay
from tests.support.accounts import EXTERNAL_ID, HOME, RECOVERY, RecoveryAccount, copied, lend_key, open_account
from tests.support.elsewhere import NAME, VAULT, back_up, configure, make_groups, make_source, plan_backups
from tests.support.endpoint_runs import elsewhere, place
from tests.support.planted import Plants, made_key
from tests.support.runs import Place, Run, drills, nothing_left
from tests.support.sandbox import RunningSandbox

__all__ = ["elsewhere", "place"]
pytestmark = [pytest.mark.whole_run, pytest.mark.postgres, pytest.mark.sandbox]
PLANTS = Plants()
SIGNING = {"DRILL_EVIDENCE_KEY": made_key(PLANTS)}
COPIES, FAR = "copies", "us-east-1"


@pytest.fixture(scope="module")
def account(elsewhere: RunningSandbox) -> RecoveryAccount:
    """The account that production's backups are recovered in."""
    return open_account(elsewhere)


@pytest.fixture(scope="module")
def source(place: Place, elsewhere: RunningSandbox) -> dict[str, Any]:
    """A source with a plan, one recovery point and a manifest; its description, and the point's ARN as `point`."""
    connect = make_source(elsewhere, PLANTS)
    stored, secret = place.checkout / "plants.json", manifest.write_key(place.checkout / "plants.json")
    write_atomically(stored, manifest.dump(manifest.take(connect, key=secret), secret))
    backup = elsewhere.client("backup")
    backup.create_backup_vault(BackupVaultName=VAULT)
    back_up(elsewhere)
    plan_backups(elsewhere)
    (point,) = backup.list_recovery_points_by_backup_vault(BackupVaultName=VAULT)["RecoveryPoints"]
    (seen,) = elsewhere.client("rds").describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"]
    return {**seen, "point": point["RecoveryPointArn"], "manifest": stored}


@pytest.fixture(scope="module")
def across_accounts(place: Place, elsewhere: RunningSandbox, account: RecoveryAccount, source: dict[str, Any]) -> Run:
    """A run that restores the copy in the other account, in a role there that wants an external id."""
    lend_key(elsewhere, source["KmsKeyId"])
    assert copied(elsewhere, source["point"], VAULT, account.make_vault(COPIES))["State"] == "COMPLETED"
    role = f'account = "{RECOVERY}"\nrole_arn = "{account.role_arn}"\nexternal_id = "{EXTERNAL_ID}"\n'
    return drilled(place, elsewhere, source, role + make_groups(account))


@pytest.fixture(scope="module")
def across_regions(place: Place, elsewhere: RunningSandbox, source: dict[str, Any]) -> Run:
    """A run that restores the copy in the other region of the same account."""
    far = dataclasses.replace(elsewhere, region=FAR)
    key = far.client("kms").create_key()["KeyMetadata"]["Arn"]
    vault = far.client("backup").create_backup_vault(BackupVaultName=COPIES, EncryptionKeyArn=key)["BackupVaultArn"]
    assert copied(elsewhere, source["point"], VAULT, vault)["State"] == "COMPLETED"
    return drilled(place, elsewhere, source, f'region = "{FAR}"\n' + make_groups(far))


@pytest.fixture(scope="module")
def across_a_share(place: Place, elsewhere: RunningSandbox, account: RecoveryAccount, source: dict[str, Any]) -> Run:
    """A run that restores, in the other account, an encrypted snapshot that is shared with it."""
    lend_key(elsewhere, source["KmsKeyId"])
    rds = elsewhere.client("rds")
    made = rds.create_db_snapshot(DBInstanceIdentifier=NAME, DBSnapshotIdentifier="for-others")["DBSnapshot"]
    rds.modify_db_snapshot_attribute(DBSnapshotIdentifier="for-others", AttributeName="restore", ValuesToAdd=[RECOVERY])
    role = f'account = "{RECOVERY}"\nrole_arn = "{account.role_arn}"\nexternal_id = "{EXTERNAL_ID}"\n'
    key = account.client("kms").create_key()["KeyMetadata"]["Arn"]
    groups = make_groups(account, suffix="-of-shares")
    return drilled(place, elsewhere, source, f'{role}kms_key = "{key}"\n{groups}', sample=made["DBSnapshotArn"])


def drilled(
    place: Place,
    elsewhere: RunningSandbox,
    source: dict[str, Any],
    restore: str,
    *,
    sample: str = "copy",
    tier: str = "light",
) -> Run:
    """A run of the newest copy or of another point; nothing of it is left on the machine."""
    more = f'manifest = "{source["manifest"]}"\ncopy_vault = "{COPIES}"\nsample = "{sample}"\ntier = "light"'
    configure(place, elsewhere, more, restore=restore)
    made = drills(place, "run", environment=elsewhere.variables | SIGNING)
    nothing_left(place)
    return made


@pytest.mark.parametrize(
    ("kind", "account_id", "region"),
    [("across_accounts", RECOVERY, ""), ("across_regions", HOME, FAR), ("across_a_share", HOME, "")],
)
def test_the_copy_is_drilled_where_it_lies(
    kind: str, account_id: str, region: str, elsewhere: RunningSandbox, place: Place, request: pytest.FixtureRequest
) -> None:
    """Exit 0: the point is restored over there and compared, all that was made is gone, and its verdicts replay."""
    run: Run = request.getfixturevalue(kind)

    assert (run.status, run.record.failures) == (0, ())
    assert {each.outcome for each in run.record.promises} == {"passed", "skipped"}
    (restored,) = run.record.restorations
    assert restored.expectation == "stored"
    assert restored.point is not None
    assert restored.point.arn.split(":")[3:5] == [region or elsewhere.region, account_id]
    assert {each.state for each in run.record.resources} == {"gone"}
    assert run.folder is not None
    (sealed,) = (place.checkout / "reports/evidence").glob(f"*/*-{run.folder.name}")
    assert replay(bundle.read(sealed)).differences == []


def test_a_role_that_cannot_be_assumed_ends_the_run(
    across_accounts: Run, place: Place, elsewhere: RunningSandbox, source: dict[str, Any], account: RecoveryAccount
) -> None:
    """A wrong external id is said as such, names the key of drill.toml, and nothing is made."""
    assert across_accounts.status == 0
    role = f'account = "{RECOVERY}"\nrole_arn = "{account.role_arn}"\nexternal_id = "of-somebody-else"\n'
    run = drilled(place, elsewhere, source, role)

    assert run.status not in (0, 10)
    assert "sts:AssumeRole" in run.sentence
    assert "expected a role that may be assumed" in run.sentence
    assert "external_id in [targets.NAME.restore]" in run.sentence
    assert [each.kind for each in run.record.resources] == []
