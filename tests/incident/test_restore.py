"""The restore of an incident: a copy that is handed over with its password in a secret, and stays whatever the checks say."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from drills.aws import read as aws
from drills.aws.cleanup import request_removal
from drills.aws.guarded.guard import Guard
from drills.aws.read import EXPIRES_TAG, INCIDENT_TAG, RUN_TAG
from drills.aws.scratch import remaining_resources
from drills.errors import COULD_NOT_RUN, RestoreFailed
from drills.incident import restore as incident
from drills.incident.restore import Asked, Desk
from drills.model.finding import Verdict
from drills.model.incident import Incident
from drills.model.instance import Instance
from drills.model.record import Failure, RunRecord
from drills.objectives import verdicts
from drills.record import Journal
from drills.recovery.restore import remove_resources
from drills.recovery.setup import Setup
from tests.support.clock import NOON, HandClock
from tests.support.drill import Staged
from tests.support.points import POINT

KEEP = timedelta(hours=4)
RECORD = RunRecord(1, "20261123-120000-abcd", "aws", False, NOON, "0", incident=Incident("latest", 14400.0))
COPY = Instance(
    id="drill-20261123-120000-abcd-recovery",
    arn="arn",
    dbi_resource_id="db-MADE",
    status="available",
    engine="postgres",
    engine_version="16.9",
    instance_class="db.t3.micro",
    master_username="owner",
    host="copy.example",
    port=5432,
    security_groups=("sg-1",),
)


@pytest.mark.postgres
@pytest.mark.sandbox
def test_a_copy_is_handed_over_before_it_is_checked_and_stays(staged: Staged, tmp_path: Path) -> None:
    """The password in the secret opens it; all that was made has the tags of the run, of the incident, and of its time."""
    stages: list[str] = []
    setup = staged.setup(tmp_path)
    setup.journal.update(incident=Incident("latest", KEEP.total_seconds()))
    asked = Asked(KEEP, point=staged.point())

    def tell(stage: str) -> None:
        kept = setup.journal.record.incident
        assert kept
        stages.append(f"{stage}: {kept.stays}, {any(each.name == 'content' for each in setup.journal.record.verdicts)}")

    made = incident.setup_for(setup, asked, tell)
    try:
        incident.carry_out(made, asked, staged.stored, staged.key, tell)
        incident.finish(made)
        record = setup.journal.record
        kept, (copy,) = record.incident, [each for each in record.restorations if each.purpose == "recovery"]
        assert kept
        login = json.loads(setup.clients.secretsmanager.get_secret_value(SecretId=kept.secret)["SecretString"])
        with psycopg.connect(
            host=login["host"],
            port=login["port"],
            user=login["username"],
            password=login["password"],
            dbname="postgres",
        ) as session:
            assert session.execute("select 1").fetchone() == (1,)
        found = aws.describe_instance(setup.clients, copy.instance_id)
        assert found
        tags = dict(found.tags)
    finally:
        setup.journal.update(
            resources=tuple(dataclasses.replace(each, state="made") for each in setup.journal.record.resources)
        )
        assert remove_resources(made) == ()

    assert stages == ["chosen: False, False", "handed over: True, False", "usable: True, False"]
    assert (login["host"], login["port"]) == (copy.host, copy.port)
    assert tags[RUN_TAG] == record.run_id
    assert tags[INCIDENT_TAG] == asked.point
    assert kept.kept_until
    assert tags[EXPIRES_TAG] == kept.kept_until.isoformat(timespec="seconds")
    assert kept.handed_over_at
    assert kept.kept_until - kept.handed_over_at >= KEEP
    assert {each.state for each in record.resources} == {"kept"}
    assert remaining_resources(record.resources) == ()
    assert login["password"] not in (tmp_path / "drill.json").read_text()
    assert {each.name: each.outcome for each in record.verdicts if each.name in ("catalog", "content")} == {
        "catalog": "met",
        "content": "met",
    }
    assert verdicts.exit_codes(dataclasses.replace(record, promises=(incident.promise(record),))) == (0,)


def journal_in(folder: Path, record: RunRecord = RECORD) -> Journal:
    """The open record of a restore."""
    return Journal.create(folder, record, origin=0.0, clock=HandClock())


def test_the_password_is_kept_before_the_instance_has_it(tmp_path: Path) -> None:
    """One that nobody has would shut everybody out; what is there afterwards stays, and the record names no password."""
    kept: list[tuple[str, str]] = []
    told: list[str] = []

    def keep_secret(name: str, value: SecretStr) -> str:
        kept.append((name, value.get_secret_value()))
        return "arn"

    journal = journal_in(tmp_path)
    desk = Desk(journal, keep_secret, told.append)
    desk.keep(COPY, SecretStr("word-of-nobody"))
    before = journal.record.incident
    desk.give(COPY)
    after = journal.record.incident

    assert kept[0][0] == "drill-20261123-120000-abcd-recovery-login"
    assert json.loads(kept[0][1]) == {
        "engine": "postgres", "host": "copy.example", "port": 5432, "username": "owner", "password": "word-of-nobody",
    }  # fmt: skip
    assert before
    assert not before.stays
    assert after
    assert after.stays
    assert after.reached_by == ("sg-1",)
    assert told == ["handed over"]
    assert "word-of-nobody" not in (tmp_path / "drill.json").read_text()


def test_without_its_secret_the_copy_is_not_handed_over(tmp_path: Path) -> None:
    """Secrets Manager refuses: the password is not set, and the copy is none that stays."""

    def refuse(name: str, value: SecretStr) -> str:
        raise RestoreFailed("refused")

    journal = journal_in(tmp_path)
    with pytest.raises(RestoreFailed):
        Desk(journal, refuse, lambda _: None).keep(COPY, SecretStr("word-of-nobody"))
    assert journal.record.incident
    assert not journal.record.incident.stays


@pytest.mark.parametrize(
    ("kind", "hours", "expected"),
    [("awsbackup", 3.0, True), ("awsbackup", 2.0, False), ("continuous", 3.0, False)],
)
def test_a_manifest_says_nothing_of_a_moment_between_two_backups(kind: Any, hours: float, expected: bool) -> None:
    """Its rows have honestly changed since: a copy is not accused of that."""
    manifest: Any = SimpleNamespace(taken_at=NOON - timedelta(hours=hours))
    sample = SimpleNamespace(judges_rpo=False)
    setup: Any = SimpleNamespace(target=SimpleNamespace(sample=sample), manifest_of="")

    assert incident.is_of(manifest, setup, dataclasses.replace(POINT, kind=kind)) is expected


MISSED = Verdict("content", "missed", "public.t lost 1 of 10 rows", exit_code=11)
OPEN = Verdict("catalog", "not verified", "no manifest")


@pytest.mark.parametrize(
    ("changes", "outcome", "codes"),
    [
        ({}, "passed", (0,)),
        ({"verdicts": (dataclasses.replace(OPEN, requirement="optional"),)}, "passed", (0,)),
        ({"verdicts": (MISSED, OPEN)}, "failed", (11, 12)),
        ({"verdicts": (OPEN,)}, "broken", (12,)),
        ({"failures": (Failure("no connection", COULD_NOT_RUN),)}, "broken", (12,)),
        ({"interrupted_by": "INT"}, "broken", (12,)),
    ],
)
def test_a_restore_keeps_one_promise(changes: dict[str, Any], outcome: str, codes: tuple[int, ...]) -> None:
    """A copy that stays is no pass by itself: it counts what of it was verified."""
    record = dataclasses.replace(RECORD, **changes)
    promise = incident.promise(record)

    assert promise.outcome == outcome
    assert verdicts.exit_codes(dataclasses.replace(record, promises=(promise,))) == codes


@pytest.mark.sandbox
@pytest.mark.postgres
def test_a_secret_is_removed_at_once(staged: Staged, tmp_path: Path) -> None:
    """Secrets Manager keeps a deleted secret for days unless told otherwise: a password of nothing is kept by nobody."""
    setup: Setup = staged.setup(tmp_path)
    made = incident.setup_for(setup, Asked(KEEP), lambda _: None)
    setup.journal.update(incident=Incident("latest", 1.0))
    made.handover.keep(COPY, SecretStr("word-of-nobody"))
    (secret,) = setup.journal.record.resources
    guard = Guard(setup.clients, setup.journal.record.run_id)

    assert (secret.kind, secret.state) == ("secret", "made")
    assert request_removal(guard, secret) == "asked"
    assert request_removal(guard, secret) == "absent"
