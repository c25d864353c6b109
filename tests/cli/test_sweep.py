"""`drills sweep`: what earlier runs left is found in every place, and what is past its time is removed and nothing else."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import boto3
import pytest

from drills.cli.main import main
from drills.cli.sweep.show import NAMES, SweepReport, show
from drills.clock import SystemClock
from drills.config.load import load
from drills.model.instance import OF_DATABASES, REMOVAL_ORDER, ResourceKind
from drills.screen import Screen
from drills.sweep.find import find
from drills.sweep.leftovers import Leftover
from drills.sweep.remove import command_for, look_at
from drills.sweep.result import Swept
from tests.support.clock import NOON
from tests.support.leftovers import PAST, RUN, STEM, make_all, make_cluster, tags_of
from tests.support.lossy import LossyAws, make_instance, make_parameter_group
from tests.support.models import mock_aws
from tests.support.sandbox import RunningSandbox

ACCOUNT, OTHER = "123456789012", "111122223333"
FUTURE = "2126-11-23T16:00:00+00:00"
LOG_GROUP = f"/aws/rds/instance/{STEM}/postgresql"
CONFIG = f"""
[profiles.aws]
kind = "aws"
accounts = ["{ACCOUNT}", "{OTHER}"]
regions = ["eu-central-1", "eu-west-1"]
[targets.orders]
instance = "orders"
[targets.elsewhere]
instance = "orders"
[targets.elsewhere.restore]
role_arn = "arn:aws:iam::{OTHER}:role/drill"
account = "{OTHER}"
subnet_group = "drills"
security_group = "sg-0123456789abcdef0"
parameter_group = "drills"
"""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An AWS in this process, of several accounts and regions; the path of a configuration that allows two of each."""
    for name, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("DEFAULT_REGION", "eu-central-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("COLUMNS", "80")
    path = tmp_path / "drill.toml"
    path.write_text(CONFIG)
    with mock_aws():
        yield path


def session_of(account: str) -> Any:
    """A session in an account: the caller's own, or the other one by its role."""
    if account == ACCOUNT:
        return boto3.Session()
    keys = boto3.client("sts").assume_role(RoleArn=f"arn:aws:iam::{account}:role/drill", RoleSessionName="test")
    named = keys["Credentials"]
    return boto3.Session(named["AccessKeyId"], named["SecretAccessKey"], named["SessionToken"])


def sweep(config: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the facts of a sweep."""
    code = main(["sweep", "--config", str(config), "--profile", "aws", "--json", *options])
    told = capsys.readouterr()
    assert told.out, told.err
    return code, dict(json.loads(told.out))


def standings(facts: dict[str, Any]) -> dict[str, str]:
    """What was found, by name."""
    return {each["id"]: each["standing"] for each in facts["leftovers"]}


def parameter_groups(session: Any, region: str = "eu-central-1") -> set[str]:
    """The parameter groups that AWS has."""
    listed = session.client("rds", region_name=region).describe_db_parameter_groups()["DBParameterGroups"]
    return {each["DBParameterGroupName"] for each in listed if each["DBParameterGroupName"].startswith("drill")}


def test_one_of_each_kind_is_found_and_removed(aws: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Past its time all of a run goes, the log group of RDS and the secret of an incident too."""
    session = session_of(ACCOUNT)
    make_all(session, STEM, PAST)
    make_cluster(session.client("rds"), STEM, tags_of(PAST))

    dry, before = sweep(aws, capsys, "--dry-run", "--target", "orders")
    code, facts = sweep(aws, capsys, "--target", "orders")
    after, left = sweep(aws, capsys, "--target", "orders")

    assert (dry, code, after) == (13, 0, 0)
    assert {each["kind"] for each in before["leftovers"]} == set(OF_DATABASES)
    assert {each["standing"] for each in before["leftovers"]} == {"past"}
    assert [each["id"] for each in facts["leftovers"] if not each["removed"]] == []
    assert left["leftovers"] == []


def test_what_is_in_its_time_is_shown_and_stays(aws: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It belongs to a run that may still go on: nothing of it is touched, and that is no fault."""
    session = session_of(ACCOUNT)
    make_all(session, STEM, FUTURE)
    session.client("secretsmanager").delete_secret(SecretId=f"{STEM}-secret", ForceDeleteWithoutRecovery=True)

    code, facts = sweep(aws, capsys, "--target", "orders")
    _, after = sweep(aws, capsys, "--target", "orders", "--dry-run")

    assert code == 0
    assert {each["standing"] for each in facts["leftovers"]} == {"in time"}
    assert standings(facts) == standings(after)


def there(session: Any) -> set[str]:
    """The secrets and groups of EC2 that AWS has."""
    secrets = session.client("secretsmanager").list_secrets()["SecretList"]
    groups = session.client("ec2").describe_security_groups()["SecurityGroups"]
    return {each["Name"] for each in secrets} | {each["GroupName"] for each in groups}


@pytest.mark.parametrize("how", ["untagged", "extended", "renamed"])
def test_what_an_instance_that_stays_needs_is_kept_and_says_why(
    aws: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    """The only copy of its password and its groups are not past their time before the instance itself is."""
    session = session_of(ACCOUNT)
    make_all(session, STEM, PAST)
    rds, arn = session.client("rds"), f"arn:aws:rds:eu-central-1:{ACCOUNT}:db:{STEM}"
    if how == "untagged":
        rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["drills:run", "drills:target", "drills:expires"])
    elif how == "extended":
        rds.add_tags_to_resource(ResourceName=arn, Tags=tags_of(FUTURE)[2:])
    else:
        rds.modify_db_instance(DBInstanceIdentifier=STEM, NewDBInstanceIdentifier="orders", ApplyImmediately=True)
        session.client("logs").delete_log_group(logGroupName=LOG_GROUP)  # of the former name: one without an instance

    code, facts = sweep(aws, capsys, "--target", "orders")

    told = {each["kind"]: each for each in facts["leftovers"]}
    needed = ("db-parameter-group", "db-subnet-group", "security-group", "secret")
    name = "orders" if how == "renamed" else STEM
    assert (code, [told[kind]["standing"] for kind in needed]) == (0, ["kept"] * 4)
    assert f"not removed: the instance {name} needs it" in told["secret"]["reason"]
    assert {f"{STEM}-secret", f"{STEM}-isolation"} <= there(session)
    assert parameter_groups(session) == {f"{STEM}-parameters"}


def test_what_a_restore_keeps_for_good_no_sweep_removes(aws: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By one command, also past its time; asked again it is done, and `end` says how it is removed by hand."""
    session = session_of(ACCOUNT)
    make_all(session, STEM, PAST)
    arn = f"arn:aws:rds:eu-central-1:{ACCOUNT}:db:{STEM}"
    incident = [{"Key": "drills:incident", "Value": "latest"}]
    session.client("rds").add_tags_to_resource(ResourceName=arn, Tags=incident)
    given = ["--config", str(aws), "--profile", "aws", "--target", "orders"]

    kept, again = (main(["restore", "keep", RUN, *given]) for _ in range(2))
    ended = main(["restore", "end", RUN, *given])
    told = capsys.readouterr()
    code, facts = sweep(aws, capsys, "--target", "orders")

    assert (kept, again, ended, code) == (0, 0, 2, 0)
    assert f"secret {STEM}-secret: kept for good" in told.out
    assert f"db-instance {STEM}: kept for good" in told.out
    assert "it was kept for good, and only its owner removes it, by hand" in told.err
    assert f"aws rds delete-db-instance --skip-final-snapshot --db-instance-identifier {STEM}" in told.err
    assert not any(each["removed"] for each in facts["leftovers"])
    assert {f"{STEM}-secret", f"{STEM}-isolation"} <= there(session)


def test_what_name_and_tags_do_not_both_date_is_shown_and_stays(aws: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It may be another's, or its run may go on; what may be another's is never offered for removal."""
    rds = session_of(ACCOUNT).client("rds")
    dated = {
        "drill-none": tags_of(None),
        "drill-soon": tags_of("soon"),
        "drill-zoneless": tags_of("2026-11-23T16:00:00"),
    }
    of_others = {"drill-press": [], "drill-run-less": tags_of(PAST)[1:]}
    for name, tags in (dated | of_others).items():
        make_parameter_group(rds, name, tags)
    make_instance(rds, "orders-restored", tags_of(PAST))

    code, facts = sweep(aws, capsys, "--target", "orders")

    assert code == 13
    assert standings(facts) == dict.fromkeys(dated, "no time") | dict.fromkeys(of_others, "no run") | {
        "orders-restored": "another name"
    }
    for each in facts["leftovers"]:
        assert not each["removed"]
        assert ("aws rds delete-" in each["reason"]) == (each["id"] in dated)
        assert ("aws rds describe-" in each["reason"]) == (each["id"] not in dated)
    assert parameter_groups(session_of(ACCOUNT)) == dated.keys() | of_others.keys()
    assert rds.describe_db_instances(DBInstanceIdentifier="orders-restored")["DBInstances"]


def test_every_allowed_region_and_the_account_of_the_copies(aws: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --target all targets are followed; each place once; a region that is not allowed is not looked at."""
    places = [(account, region) for account in (ACCOUNT, OTHER) for region in ("eu-central-1", "eu-west-1")]
    for account, region in (*places, (ACCOUNT, "us-east-1")):
        make_parameter_group(session_of(account).client("rds", region_name=region), f"drill-{RUN}-x", tags_of(PAST))

    code, facts = sweep(aws, capsys)

    assert code == 0
    assert facts["looked_at"] == [f"account {account}, {region}" for account, region in places]
    assert [(each["account"], each["region"]) for each in facts["leftovers"]] == places
    assert all(each["removed"] for each in facts["leftovers"])
    assert not any(parameter_groups(session_of(account), region) for account, region in places)
    assert parameter_groups(session_of(ACCOUNT), "us-east-1") == {f"drill-{RUN}-x"}


def test_what_goes_on_under_another_run_is_not_removed(
    aws: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that adopts a thing between the look and the removal keeps it: its tag is looked at again."""
    rds = session_of(ACCOUNT).client("rds")
    make_parameter_group(rds, f"drill-{RUN}-x", tags_of(PAST))
    arn = rds.describe_db_parameter_groups(DBParameterGroupName=f"drill-{RUN}-x")["DBParameterGroups"][0]

    def adopt(now: datetime, _offset: object) -> datetime:
        rds.add_tags_to_resource(ResourceName=arn["DBParameterGroupArn"], Tags=tags_of(FUTURE, "another-run"))
        return now

    monkeypatch.setattr("drills.cli.sweep.command.earliest_now", adopt)
    code, facts = sweep(aws, capsys, "--target", "orders")

    (told,) = facts["leftovers"]
    assert (code, told["removed"], told["reason"]) == (13, False, "not removed: it does not carry this run's tag")
    assert parameter_groups(session_of(ACCOUNT)) == {f"drill-{RUN}-x"}


def test_what_a_resumed_run_works_with_lasts_as_long_as_its_lease(
    aws: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The copy carries the time of the run that began it; the lock of the run that goes on with it ends later."""
    session = session_of(ACCOUNT)
    make_all(session, STEM, PAST)
    make_parameter_group(session.client("rds"), "drill-lock-0123456789abcdef-1", tags_of(PAST))
    make_parameter_group(session.client("rds"), "drill-lock-0123456789abcdef-2", tags_of(FUTURE))
    make_parameter_group(session.client("rds"), "drill-other", tags_of(PAST, "another-run"))

    _, facts = sweep(aws, capsys, "--target", "orders")

    told = standings(facts)
    assert told.pop("drill-other") == "past"
    assert set(told.values()) == {"in time"}
    assert len(told) == 9


def test_what_cannot_be_listed_is_named() -> None:
    """A right that lacks is no clean account: 12 and the reason, and the rest is found all the same."""
    with mock_aws():
        lossy = LossyAws()
        make_parameter_group(lossy.clients.rds, f"drill-{RUN}-x", tags_of(PAST))
        lossy.lose("rds", "DescribeDBInstances", "denied", times=None, carried_out=False)
        found = find(lossy.clients)
        lossy.recover()

    (sentence,) = found.unread
    assert [each.id for each in found.leftovers] == [f"drill-{RUN}-x"]
    assert sentence.startswith(f"expected to list the db-instances of account {ACCOUNT}, eu-central-1, found: ")
    assert "AccessDenied" in sentence
    assert report_of(unread=found.unread).exit_code == 12


def test_no_number_is_said_of_a_kind_that_was_not_listed() -> None:
    """ "No things" is said where all kinds were listed; else it says what is not known."""
    screen = Screen(width=200, record=True, file=io.StringIO())
    place = f"account {ACCOUNT}, eu-central-1"
    unlisted = dataclasses.replace(report_of(unread=("x",)), unlisted={place: ("db-parameter-group",)})

    show(unlisted, screen)
    show(report_of(), screen)

    shown = screen.export_text()
    assert "nothing found with a drill's name or tag among what could be listed; not listed: parameter groups" in shown
    assert shown.count("no things") == 1


def report_of(*swept: Swept, unread: tuple[str, ...] = (), dry_run: bool = False) -> SweepReport:
    """What a sweep of one place came to."""
    config = load(None, profile="sandbox", target=None, environment={})
    return SweepReport(config, [f"account {ACCOUNT}, eu-central-1"], swept, unread, dry_run)


def test_the_table_fits_a_terminal() -> None:
    """At 80 columns the longest name of a drill stands in one line, with its kind and its time."""
    long = Leftover("db-parameter-group", f"drill-{RUN}-rehearsal-parameters", ACCOUNT, "eu-central-1", RUN, "orders")
    past = Swept(dataclasses.replace(long, expires="2026-11-19T09:00:00Z"), "past", NOON)
    kept = Swept(dataclasses.replace(long, id=STEM, expires="2026-11-24T12:01:00Z"), "in time", NOON)
    screen = Screen(width=80, record=True, file=io.StringIO())

    show(report_of(past, kept, dry_run=True), screen)

    shown = screen.export_text().splitlines()
    assert shown[2].split() == ["parameter", "group", long.id, "4", "d", "3", "h", "over"]
    assert shown[3].split() == ["parameter", "group", STEM, "1", "d", "left"]
    assert shown[-1] == "1 thing past its time; nothing was removed"
    assert max(map(len, shown)) <= 80
    assert report_of(past, dry_run=True).exit_code == 13
    assert report_of(kept).exit_code == 0


def test_no_name_is_broken_in_a_terminal_that_is_too_narrow_for_the_table() -> None:
    """Each stands in a line of its own, with its kind and its time below, so that it can be searched for and copied."""
    long = Leftover(
        "db-cluster-parameter-group", f"drill-{RUN}-recovery-cluster-parameters-of-orders", ACCOUNT, "eu-central-1"
    )
    past = Swept(dataclasses.replace(long, run_id=RUN, expires="2026-11-19T09:00:00Z"), "past", NOON)
    screen = Screen(width=80, record=True, file=io.StringIO())

    show(report_of(past, dry_run=True), screen)

    shown = screen.export_text().splitlines()
    assert shown[2:4] == [long.id, "  cluster parameter group, 4 d 3 h over"]
    assert max(map(len, shown)) <= 80


@pytest.mark.parametrize("kind", get_args(ResourceKind))
def test_each_kind_that_a_run_makes_is_shown(kind: ResourceKind) -> None:
    """It has a name for a person and for a list, the commands that show and remove it, and its way of being found."""
    name = f"drill-{RUN}-x"
    thing = Leftover(kind, name, ACCOUNT, "eu-central-1", RUN, "orders", "2026-11-19T09:00:00Z")
    screen, place = Screen(width=200, record=True, file=io.StringIO()), f"account {ACCOUNT}, eu-central-1"

    show(report_of(Swept(thing, "past", NOON), dry_run=True), screen)
    show(dataclasses.replace(report_of(unread=("x",)), unlisted={place: (kind,)}), screen)

    shown = " ".join(screen.export_text().split())
    assert f"{NAMES[kind]} {name} 4 d 3 h over" in shown
    assert f"not listed: {NAMES[kind]}s" in shown
    assert (look_at(thing).startswith("aws "), command_for(thing).startswith("aws ")) == (True, True)
    assert kind in REMOVAL_ORDER
    with mock_aws():
        assert find(LossyAws().clients, (kind,)).unread == ()


@pytest.mark.parametrize("kinds", [OF_DATABASES, (*OF_DATABASES, "dynamodb-table"), REMOVAL_ORDER])
def test_where_nothing_could_be_listed_that_is_said(kinds: tuple[ResourceKind, ...]) -> None:
    """Of all the kinds that were asked for there, tables and volumes among them where a target is one."""
    screen, place = Screen(width=200, record=True, file=io.StringIO()), f"account {ACCOUNT}, eu-central-1"
    told = dataclasses.replace(report_of(unread=("x",)), kinds={place: kinds})

    show(dataclasses.replace(told, unlisted={place: kinds}), screen)
    show(dataclasses.replace(told, unlisted={place: kinds[:-1]}), screen)

    shown = screen.export_text()
    assert shown.count("nothing could be listed") == 1
    assert shown.count("nothing found") == 1


@pytest.mark.sandbox
def test_in_the_sandbox_by_its_own_clock(
    sandbox: RunningSandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The local AWS is swept as AWS is, with real answers of its door; what is in its time stays."""
    for name, value in sandbox.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox.endpoint)
    config, rds = tmp_path / "drill.toml", sandbox.client("rds")
    config.write_text('[targets.orders]\ninstance = "orders"\n')
    soon = (SystemClock().now() + timedelta(hours=1)).isoformat(timespec="seconds")
    past, later = f"drill-{RUN}-past", f"drill-{RUN}-soon"
    make_parameter_group(rds, past, tags_of(PAST))
    make_parameter_group(rds, later, tags_of(soon))

    main(["sweep", "--config", str(config), "--json"])

    told = {each["id"]: each["removed"] for each in json.loads(capsys.readouterr().out)["leftovers"]}
    listed = {each["DBParameterGroupName"] for each in rds.describe_db_parameter_groups()["DBParameterGroups"]}
    rds.delete_db_parameter_group(DBParameterGroupName=later)
    assert (told[past], told[later]) == (True, False)
    assert listed & {past, later} == {later}
