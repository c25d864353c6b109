"""`drills run --dry-run`: what a run would do, and nothing of it."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from botocore import xform_name

from drills.cli import dry_run
from drills.cli import main as cli
from drills.run import supervisor
from drills.sandbox.seeds.server import is_surely_local
from tests.support.paths import CHECKOUT

AWS = """\
[drill]
profile = "live"
[profiles.live]
kind = "aws"
accounts = ["000000000000"]
regions = ["eu-central-1"]
[targets.orders]
instance = "orders"
timeout = "1h"
tags = { team = "shop" }
restore = { subnet_group = "drills", security_group = "sg-0a1b2c3d", make_parameter_group = true }
"""


@pytest.fixture(autouse=True)
def nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project of its own, in which a client of AWS or a process of a run is an error."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("expected that nothing is started or asked")

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRILL_PROFILE", raising=False)
    monkeypatch.setattr(supervisor, "run", refuse)
    monkeypatch.setattr(boto3.Session, "client", refuse)


def told(folder: Path, capsys: pytest.CaptureFixture[str], text: str, *options: str) -> dict[str, Any]:
    """The facts of a dry run, after which the folder is as it was."""
    (folder / "drill.toml").write_text(text)
    assert cli.main(["run", "--dry-run", "--json", *options]) == 0
    assert [path.name for path in folder.iterdir()] == ["drill.toml"]
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_on_aws_it_names_what_is_made_deleted_and_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Instances and groups that the run would make, with their tags, and nothing that the target names itself."""
    facts = told(tmp_path, capsys, AWS)

    assert [each.partition(" drill-")[0] for each in facts["makes"]] == ["db instance", "parameter group"] * 2
    assert facts["deletes"][:-1] == facts["makes"]
    assert facts["tags"]["team"] == "shop"
    assert facts["cuts_over"] == ""
    assert {each["state"] for each in facts["guards"]} == {"holds", "checked first"}


def test_the_limits_of_the_steps_add_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every limit stands there with its key, and the sum is that of the steps."""
    facts = told(tmp_path, capsys, AWS)

    steps = [each["seconds"] for each in facts["limits"] if each["kind"] == "step"]
    assert facts["total_seconds"] == sum(steps) > 0
    assert {"targets.orders.timeout", "targets.orders.limits.features"} <= {each["key"] for each in facts["limits"]}


def test_in_the_sandbox_a_cut_over_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The shipped profile damages copies and cuts over: both are in what the run would do."""
    facts = told(tmp_path, capsys, '[targets.orders]\ninstance = "orders"\nvault = "v"\n')

    assert "rename orders" in facts["cuts_over"]
    assert any("rehearsal" in each for each in facts["makes"])


def test_a_person_reads_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json it is text, which ends by saying that nothing happened."""
    (tmp_path / "drill.toml").write_text(AWS)

    assert cli.main(["run", "--dry-run"]) == 0

    said = capsys.readouterr().out
    assert "take at most" in said
    assert said.endswith("Nothing was started, made, asked or changed.\n")


def test_what_a_run_would_refuse_a_dry_run_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A guard that does not hold is exit code 2, as in the run itself."""
    (tmp_path / "drill.toml").write_text(AWS.replace('["000000000000"]', "[]"))

    assert cli.main(["run", "--dry-run"]) == 2
    assert "allows no account" in capsys.readouterr().err


def test_json_belongs_to_a_dry_run(tmp_path: Path) -> None:
    """A run writes its facts into drill.json, and --json alone is refused before it starts."""
    (tmp_path / "drill.toml").touch()

    assert cli.main(["run", "--json"]) == 2


def test_each_call_that_changes_something_is_listed() -> None:
    """The calls that the code of a recovery makes are those that a dry run names, no more and no less."""
    source = "".join(
        path.read_text() for name in ("aws", "recovery") for path in (CHECKOUT / "drills" / name).glob("*.py")
    )
    verbs = "create|modify|delete|restore|copy|authorize|revoke|put|start|stop"
    made = set(re.findall(rf"\b((?:{verbs})_(?:db|security|log)\w+)\b", source))

    listed = {xform_name(call) for calls in dry_run.WRITES.values() for call in calls}
    assert {name for name in made if name in xform_names()} - listed == set()
    assert {name for name in listed if name not in source} == set()


def xform_names() -> set[str]:
    """Every operation of the services that a run changes, as boto3 spells it."""
    session = __import__("botocore.session").session.get_session()
    return {
        xform_name(name) for service in dry_run.WRITES for name in session.get_service_model(service).operation_names
    }


def test_a_seed_on_another_host_is_not_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its server nor a name server: the dry run says that it has left the seed unread."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("expected that nothing is asked")

    monkeypatch.setattr(psycopg, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    text = '[targets.orders]\ninstance = "orders"\nvault = "v"\n'
    facts = told(tmp_path, capsys, text, "--seed", "postgresql://reader@db.example.com/orders")

    assert facts["seed_unread"] == (
        "postgresql://db.example.com/orders is not on this machine, and a dry run connects to nothing elsewhere"
    )
    assert facts["seed_unread"] in dry_run.as_text(facts)


@pytest.mark.parametrize(
    ("url", "environment", "local"),
    [
        ("postgresql://localhost/a", {}, True),
        ("postgresql:///a", {}, True),
        ("postgresql://127.0.0.1:5433/a", {}, True),
        ("postgresql://[::1]/a", {}, True),
        ("postgresql://%2Fvar%2Frun/a", {}, True),
        ("postgresql://localhost,db.example.com/a", {}, False),
        ("postgresql://localhost/a?hostaddr=192.0.2.1", {}, False),
        ("postgresql://192.0.2.1/a", {}, False),
        ("postgresql:///a", {"PGHOST": "db.example.com"}, False),
        ("postgresql://localhost/a", {"PGHOSTADDR": "192.0.2.1"}, False),
        ("postgresql:///a?service=orders", {}, False),
    ],
)
def test_a_server_is_on_this_machine_by_what_is_written_alone(
    monkeypatch: pytest.MonkeyPatch, url: str, environment: dict[str, str], local: bool
) -> None:
    """Every host counts, and what libpq takes from its environment."""
    for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert is_surely_local(url) == local
