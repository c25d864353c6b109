"""`drills run --dry-run`: what a run would do, and nothing of it."""

from __future__ import annotations

import json
import socket
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import psycopg
import pytest

from drills.aws import guards
from drills.aws.guarded.guard import Guard, Protected
from drills.aws.guarded.names import ScratchName
from drills.aws.guarded.permits import (
    BUCKET_WRITES,
    FILE_SYSTEM_WRITES,
    INCIDENT,
    SCRATCH,
    TABLE_WRITES,
    VOLUME_WRITES,
    is_read,
)
from drills.aws.guarded.rules import CHANGES, MAKES
from drills.aws.session import Clients
from drills.cli import main as cli
from drills.cli.dry_run import facts as dry_run
from drills.cli.dry_run import others
from drills.config.load import Target
from drills.model.instance import BUCKET, FILE_SYSTEM, OTHERS, TABLE, VOLUME, DatabaseKind
from drills.recovery.bucket import restore as buckets
from drills.recovery.file_system import restore as file_systems
from drills.recovery.table import restore as tables
from drills.recovery.volume import points as volumes
from drills.run import supervisor
from drills.sandbox.seeds.server import is_surely_local
from tests.support.evidence import PRIVATE, SIGNER
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
restore = { subnet_group = "drills", security_group = "sg-0a1b2c3d", make_parameter_group = true, ca_bundle = "rds.pem" }
"""


@pytest.fixture(autouse=True)
def nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project of its own, in which a client of AWS or a process of a run is an error."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("expected that nothing is started or asked")

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRILL_PROFILE", raising=False)
    monkeypatch.setattr(guards, "check_bundle", lambda _: None)
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

    assert [each.partition(" drill-")[0] for each in facts["makes"]] == [
        "parameter group",  # the lock of the target
        *("db instance", "parameter group") * 2,
    ]
    assert facts["deletes"][:-1] == facts["makes"]
    assert facts["tags"]["team"] == "shop"
    assert facts["cuts_over"] == ""
    assert {each["state"] for each in facts["guards"]} == {"holds", "checked first"}


def test_whom_it_tells_and_where_its_numbers_go_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By what drill.toml says alone: no address is read, and no server asked; without either nothing is said of it."""
    topic = "arn:aws:sns:eu-central-1:000000000000:drills"
    notices = f'[notices]\nurls = "env:DRILL_NOTICES"\ntopic = "{topic}"\non = ["failure"]\n'
    facts = told(tmp_path, capsys, f'{AWS}{notices}[metrics]\ncloudwatch = "dr-{{target}}"\ntextfile = "numbers"\n')
    before = told(tmp_path, capsys, AWS)

    assert facts["tells"] == {
        "whom": ["the services whose addresses are in env:DRILL_NOTICES", "SNS topic drills"],
        "of": ["failure"],
    }
    numbers, cloudwatch = facts["metrics"]
    assert tmp_path / numbers.removeprefix("text file in ") == tmp_path / "numbers"
    assert cloudwatch == "CloudWatch dr-orders"
    read = dry_run.as_text({**facts, "seed_unread": "", "once": ""})
    assert "  tell SNS topic drills of failure\n" in read
    assert "  write its numbers to: CloudWatch dr-orders\n" in read
    assert (before["tells"]["whom"], before["metrics"]) == ([], [])


def test_the_limits_of_the_steps_add_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every limit stands there with its key, and the sum is that of the steps."""
    facts = told(tmp_path, capsys, AWS)

    steps = [each["seconds"] for each in facts["limits"] if each["kind"] == "step"]
    assert facts["total_seconds"] == sum(steps) > 0
    assert {"targets.orders.timeout", "targets.orders.limits.features"} <= {each["key"] for each in facts["limits"]}


def test_in_the_sandbox_a_cut_over_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The shipped profile damages copies and cuts over: both are in what the run would do."""
    facts = told(tmp_path, capsys, '[targets.orders]\ninstance = "orders"\nvault = "vault"\n')

    assert "rename orders" in facts["cuts_over"]
    assert any("rehearsal" in each for each in facts["makes"])


def test_an_endpoint_has_no_accounts_that_are_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only an `aws` profile has lists, so that no other dry run says that the credentials are of an allowed account."""
    facts = told(
        tmp_path, capsys, '[drill]\nprofile = "endpoint"\n[targets.orders]\ninstance = "orders"\nvault = "vault"\n'
    )

    said = " ".join(each["name"] for each in facts["guards"])
    assert "allowed account" not in said
    assert "it has no lists of accounts and regions" in said


def test_the_reads_are_those_that_the_policy_of_a_drill_allows() -> None:
    """Whoever reads the one and grants the other finds the same services and calls."""
    policy = json.loads((CHECKOUT / "infra" / "iam" / "drill.json").read_text(encoding="utf-8"))
    allowed = next(each["Action"] for each in policy["Statement"] if each["Sid"] == "Reads")
    told = [f"{service}:{call}" for service, calls in dry_run.READS.items() for call in calls]

    assert [each for each in allowed if not any(fnmatchcase(each, pattern) for pattern in told)] == []
    assert [pattern for pattern in told if not any(fnmatchcase(each, pattern) for each in allowed)] == []


def test_a_person_reads_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json it is text, which ends by saying that nothing happened."""
    (tmp_path / "drill.toml").write_text(AWS)

    assert cli.main(["run", "--dry-run"]) == 0

    said = capsys.readouterr().out
    assert "take at most" in said
    assert said.endswith("Nothing was started, made, asked or changed.\n")


def test_the_key_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One in a variable signs, one in KMS is not asked, and one that cannot be read is refused as the run would refuse it."""
    monkeypatch.setenv("KEY", PRIVATE)
    facts = told(tmp_path, capsys, f'{AWS}[evidence]\nkey = "env:KEY"\n')
    assert facts["evidence"]["signed"] == f"by env:KEY, which can sign, fingerprint {SIGNER.fingerprint}"
    kms = "arn:aws:kms:eu-central-1:123456789012:key/11112222-3333"
    facts = told(tmp_path, capsys, f'{AWS}[evidence]\nkey = "{kms}"\n')
    assert facts["evidence"]["signed"].startswith(f"by {kms}, which was not asked")
    (tmp_path / "drill.toml").write_text(f'{AWS}[evidence]\nkey = "absent.pem"\n')
    assert cli.main(["run", "--dry-run"]) == 2
    assert "absent.pem: expected a signing key, found no file" in capsys.readouterr().err


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
    """A dry run names the calls that the guard lets a drill make, no more and no less: not those of an incident."""
    kinds: tuple[DatabaseKind, ...] = ("instance", "cluster")
    of = {
        kind: {f"{service}:{name}" for service, names in dry_run.writes(kind).items() for name in names}
        for kind in kinds
    }

    of_buckets = {*BUCKET_WRITES}
    of_kind = {TABLE: {*TABLE_WRITES}, VOLUME: {*VOLUME_WRITES}, FILE_SYSTEM: {*FILE_SYSTEM_WRITES}}
    assert of["instance"] | of["cluster"] == {*MAKES, *CHANGES} - (INCIDENT - SCRATCH) - set().union(
        of_buckets, *of_kind.values()
    )
    assert of_kind == {
        kind: {
            each.replace("elasticfilesystem", "efs")  # as IAM calls it, and as boto3 does
            for each in others.calls(f"infra/iam/{OTHERS[kind].tag}.json")
            if not is_read(each)
        }
        for kind in OTHERS
        if kind != BUCKET
    }
    # of objects IAM asks about each one, and CreateBucket and DeleteObjects need rights more (tests/support/calls.json)
    beside = {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutBucketOwnershipControls", "s3:TagResource"}
    allowed = {each for each in others.calls("infra/iam/s3.json") if not is_read(each)}
    assert allowed == of_buckets - {"s3:DeleteObjects"} | beside
    assert not any("DBCluster" in each for each in of["instance"])
    assert {"rds:RestoreDBClusterFromSnapshot", "rds:CreateDBInstance", "rds:DeleteDBInstance"} <= of["cluster"]


def test_a_cluster_is_made_with_an_instance_and_not_cut_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the run would make is a cluster, its instance and a cluster parameter group for each copy."""
    facts = told(tmp_path, capsys, '[targets.ledger]\ncluster = "ledger"\nvault = "vault"\n')

    assert [each.partition(" drill-")[0] for each in facts["makes"][:3]] == [
        *("db cluster", "db instance", "cluster parameter group"),
    ]
    assert facts["cuts_over"] == ""
    assert "(cluster ledger) with profile" in dry_run.as_text({**facts, "seed_unread": "", "once": ""})


OTHER = """\
[drill]
profile = "live"
[profiles.live]
kind = "aws"
accounts = ["000000000000"]
regions = ["eu-central-1"]
[targets.one]
{key} = "{name}"
vault = "vault"
tags = {{ team = "shop" }}
restore = {{ backup_role_arn = "arn:aws:iam::000000000000:role/restore" }}
"""


@pytest.mark.parametrize(
    ("key", "name", "made", "asked", "price"),
    [
        ("table", "orders", "table drill-RUN-ID-recovery", "targetTableName", "what a DynamoDB table costs"),
        (
            "volume",
            "vol-0123456789abcdef0",
            "volume drill-RUN-ID-JOB-ID",
            "volumeType",
            "what an EBS volume costs, whose type",
        ),
        (
            *("file_system", "fs-0123456789abcdef0", "file system drill-RUN-ID-recovery", "CreationToken"),
            "what an EFS file system costs",
        ),
        (
            *("bucket", "invoices", "bucket drill-RUN-ID-recovery", "DestinationBucketName"),
            "what an S3 bucket and the requests to it cost",
        ),
    ],
)
def test_of_what_is_no_database_it_says_the_restore_job(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str, name: str, made: str, asked: str, price: str
) -> None:
    """The request with the role of the target, what is made and removed, the policy with its rights, and no price."""
    facts = told(tmp_path, capsys, OTHER.format(key=key, name=name))
    (request,) = facts["requests"].values()

    word = key.replace("_", " ")
    assert (facts["database"], facts["copies"], facts["allowed"]) == (word, 1, [])
    assert (facts["makes"][1:], facts["deletes"][1:]) == ([made], [made, "nothing else"])
    assert facts["makes"][0].startswith("parameter group drill-lock-")
    assert facts["writes"]["rds"] == ["AddTagsToResource", "CreateDBParameterGroup", "DeleteDBParameterGroup"]
    assert request["IamRoleArn"] == "arn:aws:iam::000000000000:role/restore"
    assert request["RecoveryPointArn"] == f"that of the newest recovery point of {name} in vault"
    assert asked in request["Metadata"]
    assert facts["price"]["usd"] is None
    assert facts["cost"].startswith("1 copy for at most ")
    assert price in facts["cost"]
    assert facts["cost"].endswith(". The run asks AWS's price list first, and its record has that estimate")
    assert [(CHECKOUT / each).is_file() for each in facts["policies"]] == [True, True]
    assert "instance" not in " ".join(each["name"] for each in facts["guards"][1:])
    read = dry_run.as_text({**facts, "seed_unread": "", "once": ""})
    assert f"({word} {name}) with profile live" in read
    assert f"    Metadata.{asked} = " in read
    assert f"  need the rights of {facts['policies'][0]}, infra/iam/lock.json\n" in read


def test_a_vault_that_another_account_shares_is_named_with_it_and_needs_a_right_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No call is told twice, though two policies allow it; the wait for an approval is among the limits."""
    access = '[targets.one.vault_access]\naccount = "111111111111"\napproval = "4h"\n'
    facts = told(tmp_path, capsys, OTHER.format(key="table", name="orders") + access)
    (request,) = facts["requests"].values()
    assert request["RecoveryPointArn"] == "that of the newest recovery point of orders in vault of account 111111111111"
    assert "infra/iam/air-gapped.json" in facts["policies"]
    assert facts["writes"]["backup"] == ["StartRestoreJob"]
    assert "targets.one.vault_access.approval" in {each["key"] for each in facts["limits"]}


def test_the_request_of_each_kind_is_that_which_its_drill_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The members of StartRestoreJob and the names of the metadata: those that the guard and the points of the kind give it."""
    sent: list[dict[str, Any]] = []

    def send(_: Any, operation: str, request: dict[str, Any]) -> dict[str, str]:
        sent.append({"operation": operation, **request})
        return {"RestoreJobId": "1"}

    monkeypatch.setattr("drills.aws.guarded.guard._send", send)
    monkeypatch.setattr("drills.aws.guarded.guard.check_place", lambda _: None)
    clients = Clients(None, None, None, None, None, None, None, "eu-central-1", "000000000000")
    guard = Guard(clients, others.RUN, Protected(frozenset()))
    of_table = {**dict.fromkeys(tables.PASSED_ON, "told"), "targettablename": "of the source"}
    guard.restore_named(ScratchName(others.RUN, "recovery"), tables.COPIES.named_by, "arn", "role", of_table)
    guard.restore_volume("arn", "role", dict.fromkeys(volumes.METADATA, "told"))
    of_file_system = {**dict.fromkeys(file_systems.METADATA, "told"), "newFileSystem": "true"}
    named_by = file_systems.COPIES.named_by
    guard.restore_named(ScratchName(others.RUN, "recovery"), named_by, "arn", "role", of_file_system)
    of_bucket = buckets.metadata_of("invoices", None)
    guard.restore_named(ScratchName(others.RUN, "recovery"), buckets.COPIES.named_by, "arn", "role", of_bucket)
    names = {"table": "orders", "volume": "vol-0123456789abcdef0", "file_system": "fs-0123456789abcdef0"}
    names["bucket"] = "invoices"
    for (kind, name), request in zip(names.items(), sent, strict=True):
        target = Target.model_validate({kind: name, "vault": "vault"})
        foreseen = others.request(SimpleNamespace(target=target))  # type: ignore[arg-type]
        assert {"operation", *foreseen} == {*request}
        assert {*foreseen["Metadata"]} == {*request["Metadata"]}
        assert foreseen["IdempotencyToken"] == request["IdempotencyToken"]


def test_a_seed_on_another_host_is_not_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its server nor a name server: the dry run says that it has left the seed unread."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("expected that nothing is asked")

    monkeypatch.setattr(psycopg, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    text = '[targets.orders]\ninstance = "orders"\nvault = "vault"\n'
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
