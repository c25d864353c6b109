"""Whole runs that drill an Aurora cluster with the profile `endpoint`, under the policies of infra/iam."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from drills.aws.read import EXPIRES_TAG
from drills.checks import manifest
from drills.checks.canary import writer
from drills.cli import main as cli
from drills.clock import SystemClock, wait_until
from drills.files import write_atomically
from drills.recovery.connect import Endpoint, connector
from drills.replay import bundle
from drills.replay.again import replay
from tests.support import policies, small_run
from tests.support.aurora import Cluster, create_cluster
from tests.support.elsewhere import DATABASE, NAME, VAULT, back_up, configure, make_groups, plan_backups
from tests.support.endpoint_runs import door, elsewhere, place
from tests.support.enforcing import Door
from tests.support.evaluating import ALLOWED, REFUSED, Simulator
from tests.support.paths import DRILLS
from tests.support.planted import Plants, made_key
from tests.support.rds import MASTER
from tests.support.runs import Place, Run, drills, nothing_left
from tests.support.sandbox import RunningSandbox

__all__ = ["door", "elsewhere", "place"]
pytestmark = [pytest.mark.whole_run, pytest.mark.postgres, pytest.mark.sandbox]
SIGNING = {"DRILL_EVIDENCE_KEY": made_key(Plants())}


@pytest.fixture(scope="module")
def source(elsewhere: RunningSandbox) -> Cluster:
    """A cluster with a table and a canary, backed up by AWS Backup."""
    key = elsewhere.client("kms").create_key()["KeyMetadata"]["Arn"]
    made = create_cluster(elsewhere, NAME, DatabaseName=DATABASE, StorageEncrypted=True, KmsKeyId=key)
    made.writer()
    with made.connect(dbname=DATABASE) as session:
        session.execute("create table plant as select n as id, 'plant ' || n as name from generate_series(1, 300) as n")
        writer.install(session)
        for _ in range(3):
            writer.beat(session)
    return made


@pytest.fixture(scope="module")
def run(place: Place, elsewhere: RunningSandbox, door: Door, source: Cluster) -> Run:
    """A run as a role that has the policies of a drill of a cluster and nothing else."""
    shown = source.described()
    endpoint = Endpoint(shown["Endpoint"], shown["Port"], MASTER, SecretStr(source.password), Path(elsewhere.ca))
    stored, secret = place.checkout / "plants.json", manifest.write_key(place.checkout / "plants.json")
    write_atomically(stored, manifest.dump(manifest.take(connector(endpoint), key=secret), secret))
    arn = shown["DBClusterArn"]
    elsewhere.client("backup").create_backup_vault(BackupVaultName=VAULT)
    back_up(elsewhere, arn)
    plan_backups(elsewhere, arn)
    more = f'manifest = "{stored}"'
    configure(place, elsewhere, more, endpoint=door.url, restore=make_groups(elsewhere), kind="cluster")
    documents = [policies.policy(name, source=NAME, key_arn=shown["KmsKeyId"]) for name in ("drill", "aurora")]
    made = drills(place, "run", environment=elsewhere.variables | SIGNING | door.role("drill", *documents))
    nothing_left(place)
    return made


def test_a_cluster_is_drilled_whole(run: Run, source: Cluster) -> None:
    """Exit 0: each promise passed or was left out with its reason, all that was made is gone, and the source is as it was."""
    skipped = [each.reason for each in run.record.promises if each.outcome == "skipped"]

    assert (run.status, run.record.failures) == (0, ())
    assert {each.outcome for each in run.record.promises} == {"passed", "skipped"}
    assert sum(each.outcome == "passed" for each in run.record.promises) > 15
    assert not [each for each in skipped if "cluster" in each]  # what is left out is left out of instances too
    (restored,) = run.record.restorations
    assert (restored.expectation, restored.instance_class) == ("stored", "db.r6g.large")
    kinds = {each.kind: each.state for each in run.record.resources}
    assert kinds == dict.fromkeys(
        ("db-cluster", "db-instance", "db-cluster-parameter-group", "db-parameter-group"), "gone"
    )
    price = run.record.price
    assert price is not None
    assert price.used is not None
    assert [each.instance_class for each in price.used.copies] == ["db.r6g.large of Aurora"]
    assert price.used.usd is None
    assert [each["DBInstanceIdentifier"] for each in source.described()["DBClusterMembers"]] == [f"{NAME}-writer"]


def test_its_verdicts_follow_from_its_evidence(run: Run, place: Place) -> None:
    """The recorded answers about clusters say all that the record does of the copy."""
    assert run.folder is not None
    (sealed,) = (place.checkout / "reports/evidence").glob(f"*/*-{run.folder.name}")
    assert replay(bundle.read(sealed)).differences == []


def test_a_whole_run_needs_no_right_that_its_policies_do_not_give(run: Run, door: Door) -> None:
    """Each request was allowed by drill.json or aurora.json; of the latter nothing is there that a run has no use for."""
    assert run.status == 0
    assert [each for each in door.asked if each.decision != ALLOWED] == []
    asked = {each.action for each in door.asked}
    assert policies.actions_of(policies.calls()["aurora"]["calls"]) - asked == policies.RARELY["aurora"]
    made = {each.action: each for each in door.asked}
    assert made["rds:CreateDBInstance"].context["rds:PubliclyAccessible"] == "false"
    assert made["rds:DeleteDBCluster"].context["aws:ResourceTag/drills:run"] == run.record.run_id


def test_each_change_is_refused_where_it_is_about_the_source(
    run: Run, door: Door, source: Cluster, simulator: Simulator
) -> None:
    """The same call on another cluster, its snapshot or its group, though that carried the tags of a drill."""
    key = source.described()["KmsKeyId"]
    documents = [policies.policy(name, source=NAME, key_arn=key) for name in ("drill", "aurora")]
    others = {"cluster": f":cluster:{NAME}", "cluster-pg": ":cluster-pg:orders", "db": f":db:{NAME}-writer"}
    changes = ("Restore", "Create", "Copy", "Modify", "Delete", "AddTags")
    tried, wrong = set(), []
    for each in door.asked:
        name, kind = each.action.split(":")[1], (*each.resource.split(":"), *[""] * 6)[5]
        if not (each.action.startswith("rds:") and name.startswith(changes) and kind in others):
            continue
        tried.add((name, kind))
        place = each.resource.rpartition(f":{kind}:")[0]
        if simulator.decide(documents, each.action, place + others[kind], each.context, None) not in REFUSED:
            wrong.append((each.action, kind))

    assert run.status == 0
    assert wrong == []
    assert {("CreateDBInstance", "cluster"), ("DeleteDBCluster", "cluster"), ("ModifyDBCluster", "cluster")} <= tried


def test_its_posture_is_judged_with_rights_to_read_alone(
    run: Run, place: Place, door: Door, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under posture.json and aurora-reader.json each request is allowed; the configuration of the cluster is kept."""
    assert run.status == 0
    documents = [policies.policy(name, source=NAME, vault=VAULT) for name in ("posture", "aurora-reader")]
    for variable, value in door.role("posture", *documents).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.chdir(place.checkout)
    before = len(door.asked)

    code = cli.main(["posture", "--json"])
    told = json.loads(capsys.readouterr().out)
    asked = door.asked[before:]
    results = {each["name"]: each["outcome"] for each in told["results"]}
    assert [each for each in asked if each.decision != ALLOWED] == []
    wanted = policies.actions_of(policies.calls()["aurora-reader"]["calls"])
    assert wanted - {each.action for each in asked} == policies.RARELY["aurora-reader"]
    assert (results["protection"], results["jobs"], results["automated backups"]) == ("met", "met", "met")
    assert (results["restore needs"], results["stored configuration"], results["key"]) == ("met", "met", "met")
    assert code in (0, 11, 12)
    (kept,) = (place.checkout / "posture").rglob(f"*{NAME}*.json")
    settings = json.loads(kept.read_text())["settings"]
    assert (settings["engine"], settings["instance_class"]) == ("aurora-postgresql", "db.r6g.large")
    assert settings["arn"].endswith(f":cluster:{NAME}")


def test_its_restore_is_foreseen_with_rights_to_read_alone(
    run: Run, place: Place, door: Door, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the role that has drilled it: its policies are foreseen to do, the request is that of the drill, and all of it is read."""
    assert run.status == 0
    documents = [policies.policy(name, source=NAME, vault=VAULT) for name in ("posture", "aurora-reader")]
    for variable, value in door.role("preflight-of-cluster", *documents).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.chdir(place.checkout)
    config = place.checkout / "drill.toml"
    principal = f"arn:aws:iam::{policies.ACCOUNT}:role/drill"
    config.write_text(f'{config.read_text()}\n[targets.{NAME}.preflight]\nprincipal = "{principal}"\n')
    before = len(door.asked)

    assert cli.main(["preflight", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each for each in door.asked[before:] if each.decision != ALLOWED] == []
    assert {each["name"]: each["outcome"] for each in told["results"]} == {
        **dict.fromkeys(("recovery point", "vault", "permissions", "encryption", "key", "quotas"), "met"),
        **dict.fromkeys(("addresses", "groups", "engine version", "instance class", "dates"), "met"),
        **dict.fromkeys(("storage", "capacity"), "not verified"),
    }
    assert told["request"]["operation"] == "RestoreDBClusterFromSnapshot"
    assert told["then"]["operation"] == "CreateDBInstance"
    assert told["then"]["parameters"]["DBClusterIdentifier"] == told["request"]["parameters"]["DBClusterIdentifier"]
    assert cli.main(["preflight"]) == 0
    assert "the call once the cluster is available: CreateDBInstance" in capsys.readouterr().out


def test_it_is_backed_up_on_demand(
    run: Run, place: Place, door: Door, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under backup.json and aurora-reader.json: a cluster snapshot of AWS Backup's that ends by itself and has the run's tag."""
    assert run.status == 0
    role = f"arn:aws:iam::{policies.ACCOUNT}:role/backup"
    names = ("backup", "aurora-reader")
    documents = [policies.policy(name, source=NAME, vault=VAULT, backup_role_arn=role) for name in names]
    for variable, value in door.role("backup-of-cluster", *documents).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.chdir(place.checkout)
    before = len(door.asked)

    assert cli.main(["backup", "--retain", "1d", "--json"]) == 0
    assert [each for each in door.asked[before:] if each.decision != ALLOWED] == []
    assert ":cluster-snapshot:awsbackup:job-" in capsys.readouterr().out


def test_a_cluster_that_is_restored_for_an_incident_stays_until_it_is_ended(
    run: Run, place: Place, door: Door, source: Cluster
) -> None:
    """Under restore.json and aurora.json: its secret opens it, its instance has its time, and all of it goes in AWS's order."""
    assert run.status == 0
    key = source.described()["KmsKeyId"]
    documents = [policies.policy(name, source=NAME, key_arn=key) for name in ("restore", "aurora")]
    names = source.sandbox.variables | SIGNING | door.role("incident-of-cluster", *documents)
    before = len(door.asked)
    # the newest data must be those of a moment, also where the test of a backup on demand ran just before
    taken = [each["SnapshotCreateTime"] for each in source.rds.describe_db_cluster_snapshots()["DBClusterSnapshots"]]
    source.restorable_past(max(taken) + timedelta(seconds=1))

    made = drills(place, "restore", "--keep", "1h", "--json", environment=names)
    told = json.loads(made.out)
    copy, identity = told["copy"], told["run"]
    assert (made.status, told["code"]) == (12, 12), made.err  # the manifest of a drill is not one of a moment
    assert set(told["not_verified"]) >= {"catalog", "content"}, (told["failures"], made.err[-3000:])
    assert "  let others in aws rds modify-db-cluster --db-cluster-identifier" in made.err
    login = json.loads(
        source.sandbox.client("secretsmanager").get_secret_value(SecretId=copy["secret"])["SecretString"]
    )
    with source.connect(host=copy["host"], port=copy["port"], password=login["password"], dbname=DATABASE) as session:
        assert session.execute("select count(*) from plant").fetchone() == (300,)

    extended = drills(place, "restore", "extend", identity, "--keep", "8h", environment=names)
    assert extended.status == 0, extended.err
    (cluster,) = source.rds.describe_db_clusters(DBClusterIdentifier=copy["cluster"])["DBClusters"]
    (writer,) = source.rds.describe_db_instances(DBInstanceIdentifier=f"{copy['cluster']}-writer")["DBInstances"]
    tags = [{each["Key"]: each["Value"] for each in found["TagList"]} for found in (cluster, writer)]
    assert tags[0][EXPIRES_TAG] == tags[1][EXPIRES_TAG] > copy["kept_until"]

    ended = drills(place, "restore", "end", identity, environment=names)
    assert ended.status == 0, ended.out
    removed = [each.split()[0] for each in ended.out.splitlines() if each.endswith(": removed")]
    assert removed == ["db-instance", "db-cluster", "db-cluster-parameter-group", "secret"]
    assert [each for each in door.asked[before:] if each.decision != ALLOWED] == []
    assert source.described()["Status"] == "available"


def test_a_killed_drill_leaves_no_cluster(run: Run, place: Place, elsewhere: RunningSandbox, source: Cluster) -> None:
    """KILL once the scratch cluster is restored: what is left of the run removes instance, cluster and group, in AWS's order."""
    assert run.status == 0
    configure(place, elsewhere, kind="cluster")
    names = elsewhere.variables | SIGNING
    rds = source.rds

    def scratch(without: Sequence[str] = ()) -> list[str]:
        found = [each["DBInstanceIdentifier"] for each in rds.describe_db_instances()["DBInstances"]]
        found += [each["DBClusterIdentifier"] for each in rds.describe_db_clusters()["DBClusters"]]
        groups = rds.describe_db_cluster_parameter_groups()["DBClusterParameterGroups"]
        found += [each["DBClusterParameterGroupName"] for each in groups]
        return sorted(each for each in found if each.startswith("drill-") and each not in without)

    others = scratch()  # what another test has left is that test's failure
    process = subprocess.Popen(
        [DRILLS, "run"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=place.checkout,
        env=place.environment() | names,
    )
    try:
        # those of the look that has found the instance: the drill goes on meanwhile
        there = wait_until(
            lambda: [each for each in (scratch(others),) if any(name.endswith("-writer") for name in each)] or None,
            *(240, SystemClock()),
            what="the instance",
        )[0]
        assert [each.rpartition("-recovery")[2] for each in there] == ["", "-cluster-parameters", "-writer"]
    finally:
        process.kill()
        process.wait()

    wait_until(lambda: not scratch(others), 240, SystemClock(), what="nothing to be left")
    wait_until(lambda: not small_run.marked(place.root), 240, SystemClock(), what="the run's processes to end")
    assert source.described()["Status"] == "available"
