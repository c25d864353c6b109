"""Whole runs with the profile `endpoint`: against an AWS that the test staged, one that lacks a service, and none."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psycopg
import pytest

from drills.checks import manifest
from drills.checks.base.session import Connector
from drills.checks.canary import writer
from drills.clock import SystemClock, wait_until
from drills.files import write_atomically
from drills.recovery.connect import Endpoint, connector
from drills.replay import bundle
from drills.replay.replay import replay
from tests.features.test_gherkin import parsed, scenarios_of
from tests.support.planted import Plants, below, found, made_key
from tests.support.runs import Place, Run, at_once, drills, made_place, nothing_left
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox

pytestmark = [pytest.mark.whole_run, pytest.mark.postgres, pytest.mark.sandbox]
NAME, VAULT, DATABASE = "greenhouse", "seeds", "plants"
# those about another recovery point than the newest are no part of such a run
SCENARIOS = sum(1 for feature in parsed() if "chosen_point" not in feature.tags for _ in scenarios_of(feature))
CUT_OVERS = sum(1 for feature in parsed() if "cuts_over" in feature.tags for _ in scenarios_of(feature))
CONFIG = """
[drill]
profile = "elsewhere"
[profiles.elsewhere]
kind = "endpoint"
endpoint_url = "{endpoint}"
region = "{region}"
poll_every = "200ms"
[targets.{name}]
instance = "{name}"
vault = "{vault}"
rto = "30m"
rpo = "24h"
{more}
[targets.{name}.restore]
ca_bundle = "{ca}"
[evidence]
key = "env:DRILL_EVIDENCE_KEY"
"""
PLANTS = Plants()
# a rule that fails with an error of the server is what would quote a row; the run is to pass all the same
RULES = """
manifest = "{manifest}"
invariants = "{rules}"
[targets.{name}.checks]
invariants = "optional: its rule cannot be evaluated"
[targets.{name}.blocking]
invariants = false
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Where the runs of this module take place."""
    with made_place() as made:
        yield made


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[RunningSandbox]:
    """An AWS that belongs to the test and not to a run."""
    running = start_sandbox()
    yield running
    assert end_sandbox(running) == 0


def configure(place: Place, running: RunningSandbox, more: str = "") -> None:
    """Write the run's drill.toml."""
    text = CONFIG.format(
        endpoint=running.endpoint, region=running.region, name=NAME, vault=VAULT, more=more, ca=running.ca
    )
    (place.checkout / "drill.toml").write_text(text)


def make_source(running: RunningSandbox) -> Connector:
    """An instance with a table and a canary, and no backup of its own."""
    rds, password = running.client("rds"), PLANTS.word("master password")
    running.client("secretsmanager").create_secret(Name="login", SecretString=PLANTS.word("value of a secret"))
    rds.create_db_instance(
        DBInstanceIdentifier=NAME,
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="gardener",
        MasterUserPassword=password,
        DBName=DATABASE,
        BackupRetentionPeriod=0,
        Tags=[{"Key": "owner", "Value": PLANTS.word("value of a tag")}],
    )

    def host() -> tuple[str, int] | None:
        (found,) = rds.describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"]
        there = found["DBInstanceStatus"] == "available"
        return (found["Endpoint"]["Address"], found["Endpoint"]["Port"]) if there else None

    address, port = wait_until(host, 60, SystemClock(), what="the source")
    connect = connector(Endpoint(address, port, "gardener", password, Path(running.ca)))
    with connect(DATABASE) as session:
        session.execute("create table plant (id int primary key, name text not null)")
        session.execute("insert into plant select n, 'plant ' || n from generate_series(1, 300) as n")
        session.execute(PLANTS.sql().encode())
        writer.install(session)
        for _ in range(3):
            writer.beat(session)
    return connect


def back_up(running: RunningSandbox) -> None:
    """An on-demand backup through AWS Backup, followed to its end."""
    backup, rds = running.client("backup"), running.client("rds")
    arn = rds.describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"][0]["DBInstanceArn"]
    role = f"arn:aws:iam::{arn.split(':')[4]}:role/backup"
    job = backup.start_backup_job(BackupVaultName=VAULT, ResourceArn=arn, IamRoleArn=role)["BackupJobId"]
    wait_until(
        lambda: backup.describe_backup_job(BackupJobId=job)["State"] == "COMPLETED",
        60,
        SystemClock(),
        what="the backup",
    )


def plan_backups(running: RunningSandbox) -> None:
    """An hourly plan for the source that was due ten minutes ago, so that no run of it falls into the test."""
    backup, rds = running.client("backup"), running.client("rds")
    arn = rds.describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"][0]["DBInstanceArn"]
    minute = (SystemClock().now().minute - 10) % 60
    rule = {"RuleName": "hourly", "TargetBackupVaultName": VAULT, "ScheduleExpression": f"cron({minute} * * * ? *)"}
    plan = backup.create_backup_plan(BackupPlan={"BackupPlanName": NAME, "Rules": [rule]})
    role = f"arn:aws:iam::{arn.split(':')[4]}:role/backup"
    selection = {"SelectionName": NAME, "IamRoleArn": role, "Resources": [arn]}
    backup.create_backup_selection(BackupPlanId=plan["BackupPlanId"], BackupSelection=selection)


@pytest.fixture(scope="module")
def runs(place: Place, elsewhere: RunningSandbox) -> dict[str, Run]:
    """A run before there is a recovery point and a plan, and one with a point and the manifest stored beside it."""
    connect = make_source(elsewhere)
    variables = elsewhere.variables | PLANTS.environment() | {"DRILL_EVIDENCE_KEY": made_key(PLANTS)}
    elsewhere.client("backup").create_backup_vault(BackupVaultName=VAULT)
    configure(place, elsewhere)
    before = drills(place, "run", environment=variables)
    nothing_left(place)
    path = place.checkout / "plants.json"
    write_atomically(path, manifest.dump(manifest.take(connect, key=manifest.write_key(path))))
    back_up(elsewhere)
    plan_backups(elsewhere)
    rules = PLANTS.rules(place.root / "rules")
    configure(place, elsewhere, RULES.format(manifest=path, rules=rules, name=NAME))
    after = drills(place, "run", environment=variables)
    nothing_left(place)
    with connect(DATABASE) as session, pytest.raises(psycopg.errors.UniqueViolation):
        session.execute("insert into plant values (1, 'the source still answers and holds its rows')")
    return {"before": before, "after": after}


def test_no_recovery_point_is_an_objective_missed(runs: dict[str, Run]) -> None:
    """Exit 10; every promise that needs one has failed, none was skipped for it, and nothing was made."""
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
    assert run.record.resources == ()
    assert "expected a usable recovery point of 'greenhouse'" in run.read("summary.md")


def test_a_point_and_a_stored_manifest_are_enough(runs: dict[str, Run]) -> None:
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
    assert {resource.state for resource in run.record.resources} == {"gone"}
    assert run.record.simulated


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
    missed = ("run", "--rto", "1ms", "--", "-k", "objective")
    variables = elsewhere.variables | {"DRILL_EVIDENCE_KEY": made_key(PLANTS)}
    made = at_once(place, objectives, missed, environment=variables)
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


@contextmanager
def health_page(services: dict[str, str]) -> Iterator[str]:
    """Something that answers as LocalStack's health page does; its URL."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"services": services, "edition": "community", "version": "4.9.0"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sentence_of(place: Place, url: str) -> str:
    """The one sentence of a run against this URL, which exits with 12 and leaves nothing."""
    run = drills(
        place,
        *("run", "--profile", "endpoint", "--endpoint-url", url),
        environment={"DRILL_EVIDENCE_KEY": made_key(Plants())},
    )
    assert (run.status, run.record.all_codes) == (12, (12,))
    assert run.sentence in run.out
    nothing_left(place)
    return run.sentence


def test_an_edition_that_lacks_a_service(place: Place) -> None:
    """The sentence names the service that is not there, and the edition."""
    with health_page({"rds": "available", "ec2": "available", "sts": "running", "backup": "disabled"}) as url:
        sentence = sentence_of(place, url)

    assert "found no backup in its edition" in sentence
    assert "community" in sentence


def test_nothing_answers(place: Place) -> None:
    """The sentence names the URL."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    assert f"http://127.0.0.1:{port}" in sentence_of(place, f"http://127.0.0.1:{port}")
