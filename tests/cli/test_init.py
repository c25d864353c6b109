"""`drills init`: what it finds by reading alone, what it writes, what it leaves to be filled in, and what it never overwrites."""

from __future__ import annotations

import dataclasses
import io
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.cli import main as cli
from drills.cli.init import command, text
from drills.cli.init.look import Found, Source, Sources
from drills.cli.init.text import Choices
from drills.config import load as config
from drills.errors import ConfigError
from tests.support.aurora import create_cluster
from tests.support.guarded import source
from tests.support.paths import CHECKOUT
from tests.support.policies import KEY, policy
from tests.support.rds import Instance, create
from tests.support.sandbox import RunningSandbox

GIVEN = Choices("1h", "24h", None, None, None, None, None, "drill-toml.schema.json", "2026-11-30")
FILES = ("drill.toml", "promises/first.feature", "policies/drill.json")


def found(**changes: Any) -> Found:
    """What an account says: an encrypted source, a plan with one vault, no groups for drills."""
    base: dict[str, Any] = {
        "account": "123456789012",
        "region": "eu-central-1",
        "source": Source(source(storage_gib=100), KEY),
        "plans": ("daily",),
        "vaults": ("orders-vault",),
    }
    return Found(**base | changes)


def loaded(folder: Path, written: str) -> config.Config:
    """The configuration that was written; its features are there."""
    (folder / "promises").mkdir(exist_ok=True)
    path = folder / "drill.toml"
    path.write_text(written, encoding="utf-8")
    return config.load(path, profile=None, target=None, environment={})


# -- what is written --------------------------------------------------------------------------------------------------


def test_what_was_found_and_chosen_is_a_configuration_for_aws(tmp_path: Path) -> None:
    """Account and region are the lists of the profile, the vault is the plan's, and the groups are those for drills."""
    there = found(subnet_groups=("drills", "others"), closed_groups=("sg-0123abcd",))
    effective = loaded(tmp_path, text.config(there, GIVEN))
    target = effective.target

    assert (effective.profile_name, effective.target_name) == ("aws", "orders")
    assert effective.profile == config.AwsProfile(accounts=("123456789012",), regions=("eu-central-1",))
    assert (target.instance, target.vault, target.features) == ("orders", "orders-vault", (str(tmp_path / "promises"),))
    assert (str(target.rto), str(target.rpo)) == ("1:00:00", "1 day, 0:00:00")
    assert (target.restore.subnet_group, target.restore.security_group) == ("drills", "sg-0123abcd")
    assert [each.split(":")[0] for each in text.to_fill_in(there, GIVEN)] == [
        "targets.orders manifest",
        "targets.orders.restore ca_bundle",
    ]


def test_what_was_not_found_is_a_comment_with_its_reason(tmp_path: Path) -> None:
    """Without it the file is a whole configuration; with each comment opened as its example says, it is one too."""
    bare = found(
        plans=(), vaults=(), subnet_groups=("blue", "green"), unread={"plans": "AccessDenied", "security groups": "no"}
    )
    unsaid = dataclasses.replace(GIVEN, rto=None, rpo=None)
    written = text.config(bare, unsaid)
    left = "\n".join(text.to_fill_in(bare, unsaid))

    assert loaded(tmp_path, written).target.vault is None
    assert "the backup plans could not be read (AccessDenied)" in left
    assert "there is blue, green of its VPC" in left
    assert "they could not be read (no)" in left
    assert {each.split(":")[0].split()[-1] for each in left.splitlines()} == {
        *("vault", "rto", "rpo", "manifest", "subnet_group", "security_group", "ca_bundle"),
    }
    lines = (line.removeprefix("# ") if " = " in line else line for line in written.splitlines())
    opened = "\n".join(lines)
    assert set(tomllib.loads(opened)["targets"]["orders"]) >= {"vault", "rto", "rpo", "manifest"}


def test_several_vaults_are_not_chosen_from(tmp_path: Path) -> None:
    """Two rules may keep what they make in two places; the one that is given is taken."""
    two = found(vaults=("daily", "monthly"))

    assert loaded(tmp_path, text.config(two, GIVEN)).target.vault is None
    assert "its plans back it up to daily, monthly" in "\n".join(text.to_fill_in(two, GIVEN))


@given(st.text(min_size=1, max_size=40))
def test_whatever_a_name_holds_the_file_can_be_read(name: str) -> None:
    """Names of plans and groups are AWS's users' words: none ends a line of the file, or a comment."""
    there = found(plans=(name,), subnet_groups=(name, "x"), unread={"security groups": name})

    assert tomllib.loads(text.config(there, GIVEN))["targets"]["orders"]["vault"] == "orders-vault"


def test_the_policy_is_the_drills_with_what_is_known_filled_in() -> None:
    """It names no parameter group, since each run makes its own; what is not known stays and is said."""
    template = (CHECKOUT / "infra/iam/drill.json").read_text()
    written, left = text.policy(template, found(), "drills-subnets")
    unencrypted, unknown = text.policy(template, found(source=Source(source(), "")), None)
    whole = policy("drill")
    for statement in whole["Statement"]:
        if isinstance(statement.get("Resource"), list):
            statement["Resource"] = [
                each for each in statement["Resource"] if not each.endswith("pg:drills-parameters")
            ]

    assert json.loads(written) == whole
    assert left == []
    assert unknown == ["subnet_group"]
    assert "kms:CreateGrant" not in unencrypted


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def database(sandbox: RunningSandbox) -> Instance:
    """A source with a plan, in a sandbox that other tests use too."""
    made = create(sandbox, "initial")
    made.available()
    return made


@pytest.fixture
def keys(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of the sandbox, as its user has them."""
    for name, value in sandbox.variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.postgres
@pytest.mark.sandbox
@pytest.mark.usefixtures("keys")
def test_what_it_writes_passes_the_doctor_and_a_dry_run(
    sandbox: RunningSandbox, database: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Nothing is asked, nothing is changed in the account, and a second time nothing is overwritten without --force."""
    folder = tmp_path / "my"
    called = len(sandbox.control.calls())
    arguments = [
        "init",
        "--endpoint-url",
        sandbox.endpoint,
        "--instance",
        database.name,
        "--rto",
        "1h",
        "--folder",
        str(folder),
    ]

    assert cli.main([*arguments, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    sent = {call["operation"] for call in sandbox.control.calls()[called:]}
    assert facts["files"] == [str(folder / name) for name in FILES]
    assert {each.partition(":")[0].split()[-1] for each in facts["fill_in"]} == {
        "vault",
        "rpo",
        "manifest",
        "${subnet_group}",
    }
    assert not [each for each in sent if not each.startswith(("Describe", "List", "Get"))]
    (folder / "promises/first.feature").write_text("# mine\n")
    assert cli.main(arguments) == 2
    assert "found " + ", ".join(facts["files"]) in capsys.readouterr().err
    assert (folder / "promises/first.feature").read_text() == "# mine\n"
    assert cli.main([*arguments, "--force"]) == 0

    monkeypatch.chdir(folder)
    assert cli.main(["run", "--dry-run"]) == 0
    assert cli.main(["doctor"]) == 0


@pytest.mark.postgres
@pytest.mark.sandbox
@pytest.mark.usefixtures("keys")
def test_a_cluster_gets_its_files_too(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A policy of clusters beside that of a drill, neither of which is overwritten, and a target that a dry run takes."""
    made = create_cluster(sandbox, "initial-cluster")
    made.available()
    given = ["init", "--endpoint-url", sandbox.endpoint, "--cluster", made.name, "--folder", str(tmp_path)]

    assert cli.main([*given, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["instance"], facts["kind"]) == (made.name, "cluster")
    assert facts["files"] == [str(tmp_path / name) for name in (*FILES, "policies/aurora.json")]
    for name in FILES:
        (tmp_path / name).unlink()
    assert cli.main(given) == 2
    assert f"found {tmp_path}/policies/aurora.json" in capsys.readouterr().err
    assert cli.main([*given, "--force"]) == 0
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "--dry-run"]) == 0
    assert f"(cluster {made.name})" in capsys.readouterr().out
    made.remove()


@pytest.mark.postgres
@pytest.mark.sandbox
@pytest.mark.usefixtures("keys")
def test_an_instance_that_is_not_there_is_refused_with_those_that_are(
    sandbox: RunningSandbox, database: Instance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and no file."""
    assert (
        cli.main(["init", "--endpoint-url", sandbox.endpoint, "--instance", "nobody", "--folder", str(tmp_path)]) == 2
    )
    assert 'found "nobody"; there are' in capsys.readouterr().err
    assert database.name
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_is_asked_for_what_was_not_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The instance among several, and each objective until it is a duration; an empty answer leaves it to be filled in."""
    monkeypatch.setattr("sys.stdin", io.StringIO("stock\nsoon\n1h\n\n"))
    several = Sources(tuple(Source(source(id=name), "") for name in ("orders", "stock")))

    assert command._choose(several, None, command._ask).instance.id == "stock"
    assert command._asked_duration(command._ask, "rto") == "1h"
    assert command._asked_duration(command._ask, "rpo") is None
    assert "Which database is to be drilled (orders, stock)? " in capsys.readouterr().err
    with pytest.raises(ConfigError, match="there are orders, stock"):
        command._choose(several, None, None)


COPIES = (
    ({"id": "drill-20261129-031502-ab12-recovery"}, "a run of drills"),
    ({"id": "orders-2", "tags": (("drills:run", "20261129-031502-ab12"),)}, "a run of drills"),
    ({"id": "awsbackup-restore-test-1", "tags": (("awsbackup-restore-test", ""),)}, "a restore test of AWS Backup"),
)


@pytest.mark.parametrize(("copy", "maker"), COPIES)
def test_a_copy_is_no_source(copy: dict[str, Any], maker: str) -> None:
    """Beside one source it is not chosen from, by its name it is refused, alone it leaves none; each time its maker is said."""
    made, orders = Source(source(**copy), ""), Source(source(id="orders"), "")

    assert (made.copy_of, orders.copy_of) == (maker, "")
    assert command._choose(Sources((made, orders)), None, None) is orders
    with pytest.raises(ConfigError, match=f'found "{copy["id"]}", made by {maker}; there are orders'):
        command._choose(Sources((made, orders)), copy["id"], None)
    with pytest.raises(ConfigError, match=rf"there are none; left out: {copy['id']} \(made by {maker}\)"):
        command._choose(Sources((made,)), None, command._ask)


def test_a_cluster_is_chosen_by_its_kind_or_its_name_and_an_instance_of_it_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cluster may have the name of an instance; who names an instance of a cluster is told the cluster to type."""
    orders, books, same = (
        Source(source(id="orders"), ""),
        Source(source(id="books"), "", "cluster"),
        Source(source(id="orders"), "", "cluster"),
    )
    there = Sources((orders, books, same), {"books-1": "books"})
    monkeypatch.setattr("sys.stdin", io.StringIO("books\norders\ncluster orders\n"))

    assert command._choose(there, "orders", None) is orders
    assert command._choose(there, "cluster orders", None) is same
    assert [command._choose(there, None, command._ask) for _ in range(3)] == [books, orders, same]
    for wanted, said in (
        ("books-1", 'found "books-1", an instance of the cluster "books": --cluster books'),
        (
            "cluster nobody",
            '--cluster: expected an Aurora PostgreSQL cluster, found "nobody"; there are orders, cluster books',
        ),
        (
            "nobody",
            '--instance: expected a PostgreSQL instance of RDS, found "nobody"; there are orders, cluster books',
        ),
    ):
        with pytest.raises(ConfigError, match=said):
            command._choose(there, wanted, None)
    with pytest.raises(ConfigError, match="clusters could not be listed: AccessDenied"):
        command._choose(Sources((), unread="AccessDenied: needs rds:DescribeDBClusters"), None, None)


def test_the_files_of_a_cluster_are_those_of_a_cluster(tmp_path: Path) -> None:
    """The target names a cluster, its writer's class and Aurora's version are said, and its rights are in a policy of their own."""
    ledger = Source(source(id="ledger", engine="aurora-postgresql"), KEY, "cluster")
    there = found(source=ledger, subnet_groups=("drills",), closed_groups=("sg-0123abcd",))
    written = text.config(there, GIVEN)
    target = loaded(tmp_path, written).target
    policies = {
        name: text.policy((CHECKOUT / f"infra/iam/{name}.json").read_text(), there, "drills")[0]
        for name in ("drill", "aurora")
    }

    assert (target.kind, target.instance, target.engine) == ("cluster", "ledger", "aurora-postgresql")
    assert (
        f"Aurora PostgreSQL {ledger.instance.engine_version}, its writer on {ledger.instance.instance_class}" in written
    )
    assert "subgrp:drills" in policies["aurora"]
    assert "${" not in "".join(policies.values())
    assert all(len("".join(each.split())) <= 6144 for each in policies.values())
    assert len("".join("".join(policies.values()).split())) > 6144


def test_what_was_left_out_is_said_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    """For people beside what is to be filled in, as JSON by name."""
    made = Source(source(**COPIES[0][0]), "")
    for as_json in (False, True):
        command._tell(found(), [Path("drill.toml")], [], [made], as_json=as_json)
        said = capsys.readouterr().out
        assert (
            (json.loads(said)["left_out"] == [made.instance.id]) if as_json else f"left out {made.instance.id}" in said
        )


@pytest.mark.parametrize(("option", "value"), [("--rto", "soon"), ("--rpo", "0s"), ("--endpoint-url", "ftp://x")])
def test_a_wrong_value_is_one_sentence(
    option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is asked of the account: exit code 2."""
    assert cli.main(["init", "--region", "eu-central-1", option, value, "--folder", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert option in said
    assert said.count("\n") == 1


def test_an_endpoint_with_a_password_is_refused_in_whole_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The password is masked, and no word of the sentence."""
    assert cli.main(["init", "--endpoint-url", "http://u:geheim@127.0.0.1:1", "--folder", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "expected a URL without user and password, since no secret belongs in this file" in said
    assert "geheim" not in said
    assert "****" not in said
