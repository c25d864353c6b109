"""Whole runs with the profile `endpoint`: against an AWS that the test staged, one that lacks a service, and none."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from drills.checks import manifest
from drills.cli import main as cli
from drills.evidence.keys import read_signer
from drills.files import write_atomically
from drills.replay import bundle
from drills.replay.again import replay
from tests.features.test_gherkin import of_databases, scenarios_of
from tests.support.answering import answering
from tests.support.elsewhere import DATABASE, NAME, VAULT, back_up, configure, make_groups, make_source, plan_backups
from tests.support.endpoint_runs import door, elsewhere, place
from tests.support.enforcing import Asked, Door
from tests.support.evaluating import ALLOWED, REFUSED, Simulator
from tests.support.planted import Plants, below, found, made_key
from tests.support.policies import ACCOUNT, policy
from tests.support.ports import free_port
from tests.support.runs import Place, Run, at_once, drills, nothing_left
from tests.support.sandbox import RunningSandbox

__all__ = ["door", "elsewhere", "place"]
pytestmark = [pytest.mark.whole_run, pytest.mark.postgres, pytest.mark.sandbox]
# those about another recovery point than the newest are no part of such a run
SCENARIOS = sum(1 for feature in of_databases() if "chosen_point" not in feature.tags for _ in scenarios_of(feature))
CUT_OVERS = sum(1 for feature in of_databases() if "cuts_over" in feature.tags for _ in scenarios_of(feature))
PLANTS = Plants()
SIGNING = {"DRILL_EVIDENCE_KEY": made_key(PLANTS)}
BUCKET = "greenhouse-manifests"
# a rule that fails with an error of the server is what would quote a row; the run is to pass all the same
RULES = """
invariants = "{rules}"
[targets.{name}.manifests]
store = "s3://{bucket}/drills"
public_key = "{key}"
[targets.{name}.checks]
invariants = "optional: its rule cannot be evaluated"
[targets.{name}.blocking]
invariants = false
"""


@pytest.fixture(scope="module")
def drill_role(door: Door) -> Callable[[], dict[str, str]]:
    """Makes a role that has the two policies of a drill and nothing else, once the source is there; gives its keys."""
    reader = policy("manifest-reader", manifest_bucket=BUCKET)
    return functools.cache(lambda: door.role("drill", drill_policy(door.sandbox), reader))


def drill_policy(running: RunningSandbox) -> dict[str, Any]:
    """infra/iam/drill.json for the source."""
    (source,) = running.client("rds").describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"]
    return policy("drill", source=NAME, key_arn=source["KmsKeyId"])


@pytest.fixture(scope="module")
def runs(
    place: Place, elsewhere: RunningSandbox, door: Door, drill_role: Callable[[], dict[str, str]]
) -> dict[str, Run]:
    """A run before there is a recovery point and a plan, and one with a point and the manifest in a store beside it.

    The second acts as the drill's role, and its every request is judged by that role's policy.
    """
    connect = make_source(elsewhere, PLANTS)
    variables = elsewhere.variables | PLANTS.environment() | SIGNING
    elsewhere.client("backup").create_backup_vault(BackupVaultName=VAULT)
    configure(place, elsewhere)
    before = drills(place, "run", environment=variables)
    nothing_left(place)
    elsewhere.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": elsewhere.region}
    )
    public = place.root / "manifests.pub.pem"
    public.write_text(read_signer("env:DRILL_EVIDENCE_KEY", SIGNING).public_pem)
    rules = PLANTS.rules(place.root / "rules")
    rules_of_target = RULES.format(bucket=BUCKET, key=public, rules=rules, name=NAME)
    configure(place, elsewhere, rules_of_target)
    path = place.checkout / "plants.json"
    secret = manifest.write_key(path)
    write_atomically(path, manifest.dump(manifest.take(connect, key=secret), secret))
    stored = drills(
        place,
        "manifest",
        "--from",
        str(path),
        "--target",
        NAME,
        "--key",
        "env:DRILL_EVIDENCE_KEY",
        environment=variables,
    )
    assert stored.status == 0, stored.err
    back_up(elsewhere)
    plan_backups(elsewhere)
    configure(place, elsewhere, rules_of_target, endpoint=door.url, restore=make_groups(elsewhere))
    after = drills(place, "run", environment=variables | drill_role())
    nothing_left(place)
    configure(place, elsewhere, rules_of_target)
    with connect(DATABASE) as session, pytest.raises(psycopg.errors.UniqueViolation):
        session.execute("insert into plant values (1, 'the source still answers and holds its rows')")
    return {"before": before, "after": after}


def test_no_recovery_point_is_an_objective_missed(runs: dict[str, Run]) -> None:
    """Exit 10; every promise that needs one has failed, none was skipped for it, and nothing was made but the lock."""
    run = runs["before"]
    # a moment needs no recovery point, and marked changes that only the sandbox makes; the posture of the backups is
    # promised in the sandbox alone, unless the target asks for it
    apart = {"moment", "posture"}
    promises = [each for each in run.record.promises if not apart & set(each.tags)]
    skipped = {each.reason for each in promises if each.outcome == "skipped"}
    outcomes = {each.name: each.outcome for each in promises if each.outcome != "skipped"}
    # damage is not allowed here, and the target has no rules of its own: neither is for want of a point
    assert not [reason for reason in skipped if "recovery point" in reason]
    assert len(outcomes) > 10

    assert (run.status, run.record.all_codes) == (10, (10,))
    assert set(outcomes.values()) == {"failed"}
    assert [(each.id[:11], each.state) for each in run.record.resources] == [("drill-lock-", "gone")]
    assert "expected a usable recovery point of 'greenhouse'" in run.read("summary.md")


def test_a_point_and_a_stored_manifest_are_enough(place: Place, runs: dict[str, Run]) -> None:
    """Exit 0 without touching the source; what the profile does not allow is skipped with that reason."""
    run = runs["after"]
    skipped = [
        promise.reason for promise in run.record.promises if promise.outcome == "skipped" and "allow" in promise.reason
    ]

    assert (run.status, run.record.failures) == (0, ())
    assert skipped == [
        "profile 'elsewhere' does not allow 'damages_backup'",
        *["profile 'elsewhere' does not allow 'cuts_over'"] * CUT_OVERS,
    ]
    assert {promise.outcome for promise in run.record.promises} == {"passed", "skipped"}
    assert [restoration.expectation for restoration in run.record.restorations] == ["stored"]
    (found,) = [each for each in run.record.verdicts if each.name == "manifest"]
    assert found.sentence.startswith("compared with a manifest (stored), taken ")
    assert f"data: s3://{BUCKET}/drills/{NAME}/times/" in found.sentence
    assert run.folder is not None
    assert (run.folder / "manifest.json").read_bytes() == (place.checkout / "plants.json").read_bytes()
    assert {resource.state for resource in run.record.resources} == {"gone"}
    assert run.record.simulated
    price = run.record.price
    assert price is not None
    assert price.used is not None
    assert [(each.instance_class, each.storage_gib) for each in price.used.copies] == [("db.t4g.medium", 20)]
    assert price.estimated is not None
    assert price.estimated.copies[0].instance_class == "db.t4g.medium"


# -- under the policy of infra/iam --------------------------------------------------------------------------------------

CHANGES = ("Restore", "Create", "Copy", "Modify", "Delete", "AddTags", "Reboot", "Stop", "Promote")


def changes(door: Door) -> list[Asked]:
    """What was asked of IAM about changes."""
    return [each for each in door.asked if each.action.split(":")[1].startswith(CHANGES)]


def test_a_whole_run_needs_no_right_that_its_policy_does_not_give(runs: dict[str, Run], door: Door) -> None:
    """Each of its requests was allowed by drill.json or manifest-reader.json with its resources, tags and conditions."""
    assert runs["after"].status == 0
    assert [each for each in door.asked if each.decision != ALLOWED] == []
    changed = {each.action: each for each in changes(door)}
    assert set(changed) >= {
        *(
            "rds:RestoreDBInstanceFromDBSnapshot",
            "rds:CreateDBParameterGroup",
            "rds:ModifyDBInstance",
            "kms:CreateGrant",
        ),
        *("rds:DeleteDBInstance", "rds:DeleteDBParameterGroup", "rds:AddTagsToResource"),
    }
    assert changed["rds:DeleteDBInstance"].context["aws:ResourceTag/drills:run"] == runs["after"].record.run_id
    assert changed["rds:RestoreDBInstanceFromDBSnapshot"].context["rds:PubliclyAccessible"] == "false"
    assert len(door.asked) > 50


def test_each_change_of_a_run_is_refused_where_it_is_about_the_source(
    runs: dict[str, Run], door: Door, simulator: Simulator, elsewhere: RunningSandbox
) -> None:
    """The same call on the instance, a snapshot, a group or a key of somebody else, though that carried the tags of a drill."""
    assert runs
    documents = [drill_policy(elsewhere)]
    others = {
        "db": f":db:{NAME}",
        "pg": ":pg:orders",
        "subgrp": ":subgrp:orders",
        "snapshot": ":snapshot:nightly",
        "key": ":key/11111111-0000-4000-8000-000000000000",
    }
    read_by_a_restore = {("Restore", "db"), ("Restore", "snapshot"), ("CopyDB", "snapshot")}
    wrong, tried = [], set()
    for each in changes(door):
        kind = each.resource.split(":")[5].split("/")[0]
        name = each.action.split(":")[1]
        if any(name.startswith(verb) and kind == of for verb, of in read_by_a_restore):
            continue
        place = each.resource.rpartition(f":{kind}")[0]
        tried.add((each.action, kind))
        own = door.policy_of(each.resource)  # that of the key
        decided = simulator.decide(documents, each.action, place + others[kind], each.context, own)
        if decided not in REFUSED:
            wrong.append((each.action, kind, decided))

    assert wrong == []
    assert len(tried) >= 8


def test_the_role_of_a_drill_cannot_touch_the_source(
    runs: dict[str, Run], door: Door, drill_role: Callable[[], dict[str, str]], elsewhere: RunningSandbox
) -> None:
    """Sent with the role's own keys and past the code of a drill, each change of the source is refused, and it stays as it was."""
    assert runs
    (before,) = elsewhere.client("rds").describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"]
    rds = elsewhere.client(
        "rds",
        endpoint_url=door.url,
        **{name.lower(): value for name, value in drill_role().items()},
    )
    source, tag = {"DBInstanceIdentifier": NAME}, [{"Key": "drills:run", "Value": runs["after"].record.run_id}]
    tries: tuple[Callable[[], object], ...] = (
        lambda: rds.delete_db_instance(**source, SkipFinalSnapshot=True),
        lambda: rds.modify_db_instance(**source, BackupRetentionPeriod=0),
        lambda: rds.modify_db_instance(**source, NewDBInstanceIdentifier="drill-20261123-120000-abcd-recovery"),
        lambda: rds.reboot_db_instance(**source),
        lambda: rds.stop_db_instance(**source),
        lambda: rds.create_db_snapshot(**source, DBSnapshotIdentifier="drill-1"),
        lambda: rds.add_tags_to_resource(ResourceName=before["DBInstanceArn"], Tags=tag),
        lambda: rds.remove_tags_from_resource(ResourceName=before["DBInstanceArn"], TagKeys=["owner"]),
    )

    for attempt in tries:
        with pytest.raises(ClientError, match="AccessDenied"):
            attempt()
    (after,) = elsewhere.client("rds").describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"]
    assert after == before


@pytest.mark.parametrize(
    ("name", "command", "codes", "calls"),
    [
        ("posture", ("posture",), (11, 12), {"backup:GetBackupPlan", "rds:DescribeDBInstances"}),
        ("posture", ("preflight",), (0, 10, 11, 12), {"iam:SimulatePrincipalPolicy", "kms:DescribeKey"}),
        ("backup", ("backup", "--retain", "1d"), (0,), {"backup:StartBackupJob", "backup:TagResource", "iam:PassRole"}),
        ("sweep", ("sweep",), (0,), {"rds:DeleteDBParameterGroup"}),
    ],
)
def test_each_other_command_needs_no_right_that_its_policy_does_not_give(
    place: Place, runs: dict[str, Run], door: Door, name: str, command: tuple[str, ...], codes: tuple[int, ...],
    calls: set[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    """Under a role with its policy alone each request is allowed; a sweep removes what carries a run's tag and its end."""
    assert runs
    rds, stem = door.sandbox.client("rds"), "drill-20260101-120000-abcd-recovery-parameters"
    tags = {"drills:run": "20260101-120000-abcd", "drills:target": NAME, "drills:expires": "2026-01-01T13:00:00+00:00"}
    with suppress(rds.exceptions.DBParameterGroupAlreadyExistsFault):
        rds.create_db_parameter_group(
            DBParameterGroupName=stem,
            DBParameterGroupFamily="postgres16",
            Description="left behind",
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
    config = tmp_path / "drill.toml"
    config.write_text((place.checkout / "drill.toml").read_text().replace(door.sandbox.endpoint, door.url))
    role = f"arn:aws:iam::{ACCOUNT}:role/backup"
    for variable, value in door.role(command[0], policy(name, source=NAME, vault=VAULT, backup_role_arn=role)).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.chdir(tmp_path)
    before = len(door.asked)

    assert cli.main([*command, "--config", str(config)]) in codes
    asked = door.asked[before:]
    assert [each for each in asked if each.decision != ALLOWED] == []
    assert {each.action for each in asked} >= calls


def test_nothing_planted_is_in_any_byte_that_a_run_leaves(
    place: Place, runs: dict[str, Run], elsewhere: RunningSandbox
) -> None:
    """Rows, constants, settings, options, passwords, tags, variables and keys: in no file of a run, in no bundle, in no
    manifest and on no terminal, unpacked, in the text of the PDF, in base64, hexadecimal or UTF-16.
    """
    said = [(f"terminal {name}", f"{run.out}{run.err}".encode()) for name, run in runs.items()]
    reports = place.checkout / "reports"
    files = [
        *below(reports / "out", reports / "evidence", reports / "history.jsonl", place.checkout / "plants.json"),
        *said,
    ]
    names = {Path(name).name for name, _ in files}
    searched = PLANTS.words | {"secret key": elsewhere.keys.secret_key}

    assert len(searched) > 30
    assert names >= {
        "drill.json",
        "report.html",
        "report.pdf",
        "junit.xml",
        "cucumber.json",
        "features.log",
        "config.json",
    }
    assert any("allure-results" in name for name, _ in files)
    assert any("raw/aws" in name for name, _ in files)
    assert any("reports/evidence" in name and name.endswith(".sig") for name, _ in files)
    assert found(searched, files) == []


def test_reports_for_others_have_no_account(place: Place, runs: dict[str, Run]) -> None:
    """Made with --redact external of a whole run, no file holds the account's id, nor anything that was planted."""
    others = place.root / "others"
    made = drills(place, "report", str(runs["after"].folder), "--redact", "external", "-o", str(others))
    target = runs["after"].record.target
    assert target is not None

    assert made.status == 0
    assert {path.name for path in others.iterdir()} >= {"drill.json", "report.html", "report.pdf", "summary.md"}
    assert found(PLANTS.words | {"account": target.account}, below(others)) == []


def test_the_rule_that_fails_is_told_without_the_row(runs: dict[str, Run]) -> None:
    """Why it could not be evaluated stands there by its condition."""
    sentences = [each.sentence for each in runs["after"].record.verdicts if each.name == "invariants"]

    assert "found: invalid text representation (SQLSTATE 22P02;" in sentences[0]


@pytest.fixture(scope="module")
def some(place: Place, elsewhere: RunningSandbox, runs: dict[str, Run]) -> dict[str, Run]:
    """Runs that are told to leave something out, of what the whole one was of."""
    assert runs
    objectives = ("run", "--", "-k", "objective")
    unlocked, text = place.checkout / "unlocked.toml", (place.checkout / "drill.toml").read_text()
    # else one target is drilled by one run at a time
    unlocked.write_text(text.replace("ca_bundle", "lock = false\nca_bundle"))
    missed = ("run", "--config", str(unlocked), "--rto", "1ms", "--", "-k", "objective")
    made = at_once(place, objectives, missed, environment=elsewhere.variables | SIGNING)
    nothing_left(place)
    return dict(zip(("objectives", "missed"), made, strict=True))


def test_some_of_the_promises_are_a_partial_run(some: dict[str, Run]) -> None:
    """Exit 0 when they hold, and the record says that the run counts nowhere."""
    run = some["objectives"]

    assert (run.status, run.record.partial) == (0, True)
    assert run.record.partial_reason.startswith(f"{SCENARIOS - 3} of {SCENARIOS} scenarios did not run: ")
    assert len(run.record.missing) == SCENARIOS - 3
    assert len(run.record.promises) == 3
    assert {resource.state for resource in run.record.resources} == {"gone"}
    # taken before anything is made, also where nothing else was
    assert run.record.resources[0].id.startswith("drill-lock-")


def test_a_missed_objective_is_ten(some: dict[str, Run]) -> None:
    """An RTO of a millisecond cannot be met: exit 10, a failed promise, a sentence with both times."""
    run = some["missed"]
    failed = [promise.reason for promise in run.record.promises if promise.outcome == "failed"]

    assert (run.status, run.record.all_codes) == (10, (10,))
    assert len(failed) == 1
    assert "beyond the RTO of" in failed[0]


def test_a_run_of_some_scenarios_is_derived_again(some: dict[str, Run]) -> None:
    """Nothing differs where scenarios were left out, or where an objective was missed."""
    for name, run in some.items():
        assert run.folder is not None
        again = replay(bundle.read(run.folder))
        assert (name, again.differences, again.codes) == (name, [], run.record.all_codes)


def sentence_of(place: Place, url: str) -> str:
    """The one sentence of a run against this URL, which exits with 12 and leaves nothing."""
    run = drills(place, "run", "--profile", "endpoint", "--endpoint-url", url, environment=SIGNING)
    assert (run.status, run.record.all_codes) == (12, (12,))
    assert run.sentence in run.out
    nothing_left(place)
    return run.sentence


def test_an_edition_that_lacks_a_service(place: Place) -> None:
    """The sentence names the service that is not there, and the edition."""
    # all that a target may need but one
    there = dict.fromkeys(("rds", "ec2", "sts", "s3", "secretsmanager"), "available")
    services = there | {"backup": "disabled"}
    health = json.dumps({"services": services, "edition": "community", "version": "4.9.0"}).encode()
    with answering("GET", lambda _: (200, health)) as url:
        sentence = sentence_of(place, url)

    assert "found no backup in its edition" in sentence
    assert "community" in sentence


def test_nothing_answers(place: Place) -> None:
    """The sentence names the URL."""
    port = free_port()

    assert f"http://127.0.0.1:{port}" in sentence_of(place, f"http://127.0.0.1:{port}")
