"""What must hold before a drill touches an AWS that is not its own, and which credentials it touches it with."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from drills.config import Config, load
from drills.config_models import Credentials
from drills.errors import ConfigError, DrillError, Refused
from drills.model import Instance
from drills.sources import guards
from drills.sources.credentials import Login, password_for
from drills.sources.guards import Sides
from drills.sources.session import Clients, identified, open_clients

HOME = "123456789012"  # moto's account
OTHER = "000000000000"
REGION = "eu-central-1"
AWS_VARIABLES = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
)
LIVE = f"""
[profiles.live]
kind = "aws"
accounts = ["{HOME}"]
regions = ["{REGION}"]
[targets.orders.restore]
subnet_group = "drill-subnets"
security_group = "sg-0123abcd"
make_parameter_group = true
"""
SIDES = Sides(HOME, REGION, HOME, REGION)


def live(folder: Path, text: str = LIVE, profile: str = "live") -> Config:
    """The configuration in `text`."""
    file = folder / "drill.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, profile=profile, target=None, environment={})


def source(**changes: Any) -> Instance:
    """A source as RDS describes it."""
    base: dict[str, Any] = {
        "id": "orders",
        "arn": f"arn:aws:rds:{REGION}:{HOME}:db:orders",
        "dbi_resource_id": "db-A",
        "status": "available",
        "engine": "postgres",
        "engine_version": "16.4",
        "instance_class": "db.t4g.medium",
        "master_username": "master",
        "subnet_group": "orders-subnets",
        "security_groups": ("sg-000000ff",),
        "parameter_group": "orders-parameters",
    }
    return Instance(**base | changes)


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without anything of the caller's AWS."""
    for name in AWS_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


# -- what the configuration alone can say -----------------------------------------------------------------------------


def test_a_complete_configuration_passes(tmp_path: Path) -> None:
    """With accounts, regions and scratch groups named nothing is refused."""
    guards.check_plan(live(tmp_path))


@pytest.mark.parametrize(
    ("line", "instead", "want"),
    [
        (f'accounts = ["{HOME}"]', "accounts = []", "allows no account, and an empty list allows nothing"),
        (f'regions = ["{REGION}"]', "regions = []", "allows no region, and an empty list allows nothing"),
        (f'accounts = ["{HOME}"]', "", "allows no account"),
        (
            "[targets.orders.restore]",
            '[targets.orders.restore]\nregion = "us-east-1"',
            "not allow region us-east-1; allowed",
        ),
        (
            "[targets.orders.restore]",
            f'[targets.orders.restore]\naccount = "{OTHER}"',
            f"not allow account {OTHER}; allowed",
        ),
        ('subnet_group = "drill-subnets"', "", "targets.orders.restore to name scratch groups, found no subnet_group"),
        ('security_group = "sg-0123abcd"', "", "found no security_group"),
        ("make_parameter_group = true", "", "found no parameter_group (or make_parameter_group = true)"),
    ],
)
def test_what_is_not_allowed_by_name_is_refused_before_any_call(
    tmp_path: Path, line: str, instead: str, want: str
) -> None:
    """A list that does not hold it, or a scratch group that is not named, ends the drill with exit code 2."""
    with pytest.raises(Refused) as caught:
        guards.check_plan(live(tmp_path, LIVE.replace(line, instead)))
    assert want in str(caught.value)
    assert caught.value.exit_code == 2


def test_the_built_in_aws_profile_allows_nothing(tmp_path: Path) -> None:
    """`--profile aws` without a table in the file can do no harm."""
    effective = live(tmp_path, "", profile="aws")
    with pytest.raises(Refused, match="allows no account"):
        guards.check_plan(effective)
    with pytest.raises(Refused, match="allows no region"):
        open_clients(effective.profile, environment={})


@pytest.mark.parametrize("instance", ["drill-orders", "drill", "d"])
def test_a_source_named_like_a_scratch_instance_is_refused(tmp_path: Path, instance: str) -> None:
    """The clean-up knows scratch instances by their prefix too, so no source of the file may look like one."""
    text = LIVE + f'[targets.other]\ninstance = "{instance}"\n[drill]\ntarget = "orders"'
    with pytest.raises(Refused, match="cannot be taken for a scratch instance"):
        guards.check_plan(live(tmp_path, text))


# -- what AWS says ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sides",
    [
        Sides(OTHER, REGION, HOME, REGION),
        Sides(HOME, REGION, OTHER, REGION),
        Sides(HOME, "us-east-1", HOME, REGION),
        Sides(HOME, REGION, HOME, "us-east-1"),
    ],
)
def test_each_side_must_be_on_the_lists(tmp_path: Path, sides: Sides) -> None:
    """Account and region of the source and of the copy are each looked up."""
    with pytest.raises(Refused, match="does not allow"):
        guards.check_sides(live(tmp_path), sides)
    guards.check_sides(live(tmp_path), SIDES)


def test_a_copy_lands_in_the_account_that_was_named(tmp_path: Path) -> None:
    """Credentials that lead to another account than `restore.account` are refused, even where both are allowed."""
    text = LIVE.replace(f'"{HOME}"', f'"{HOME}", "{OTHER}"') + f'account = "{OTHER}"'
    with pytest.raises(Refused, match=f"expected to restore in account {OTHER}, found credentials of account {HOME}"):
        guards.check_sides(live(tmp_path, text), SIDES)


def test_a_security_group_that_lets_something_out_is_refused() -> None:
    """Any egress rule is one too many, and the sentence names it; a group that is not there is refused too."""
    rules: list[dict[str, Any]] = [
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": [{"PrefixListId": "pl-1"}]},
    ]
    with pytest.raises(Refused, match=r"found all protocols to 0\.0\.0\.0/0; tcp 443-443 to pl-1: remove"):
        guards.check_egress("sg-1", rules)
    with pytest.raises(Refused, match="found none of that id"):
        guards.check_egress("sg-1", None)
    guards.check_egress("sg-1", [])


@pytest.mark.parametrize(
    ("changes", "want"),
    [
        ({"cluster_id": "orders-cluster", "engine": "aurora-postgresql"}, 'a member of cluster "orders-cluster"'),
        ({"engine": "aurora-postgresql"}, "Aurora is not supported"),
        ({"cluster_id": "multi-az"}, 'a member of cluster "multi-az"'),
        ({"engine": "mysql"}, "to run mysql"),
        ({"subnet_group": "drill-subnets"}, 'expected a scratch subnet group for the copy, found "drill-subnets"'),
        ({"security_groups": ("sg-1", "sg-0123abcd")}, "expected a scratch security group"),
    ],
)
def test_a_source_that_cannot_be_drilled_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], want: str) -> None:
    """Aurora, other engines, and scratch groups that are production's own are refused with the source's name."""
    with pytest.raises(Refused) as caught:
        guards.check_source(live(tmp_path), source(**changes), SIDES)
    assert want in str(caught.value)
    assert '"orders"' in str(caught.value)


def test_the_source_s_own_parameter_group_is_no_scratch_group(tmp_path: Path) -> None:
    """In the source's parameter group the copy's workers would start."""
    effective = live(tmp_path, LIVE.replace("make_parameter_group = true", 'parameter_group = "orders-parameters"'))
    with pytest.raises(Refused, match="expected a scratch parameter group"):
        guards.check_source(effective, source(), SIDES)
    elsewhere = Sides(HOME, REGION, OTHER, REGION)
    guards.check_source(effective, source(), elsewhere)  # a group of that name in another account is another group


def test_a_source_that_is_gone_can_still_be_drilled(tmp_path: Path) -> None:
    """A lost source is what a drill is for."""
    guards.check_source(live(tmp_path), None, SIDES)
    guards.check_source(live(tmp_path), source(), SIDES)


def aws_clients(group: str | None = None) -> tuple[Clients, str]:
    """Clients of moto's account, with a security group as EC2 makes one: with an egress rule."""
    session: Any = boto3.Session(region_name=REGION)
    unused: dict[str, Any] = dict.fromkeys(("backup", "logs", "secretsmanager", "kms"))
    used = {name: session.client(name) for name in ("rds", "ec2", "sts")}
    clients = Clients(**used, **unused, region=REGION)
    vpc = clients.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    return clients, group or clients.ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]


@mock_aws
def test_the_egress_is_read_from_the_group_itself(tmp_path: Path, own_environment: pytest.MonkeyPatch) -> None:
    """A group as EC2 makes it is refused; once its egress is revoked the same group passes, and nothing was made."""
    clients, group = aws_clients()
    effective = live(tmp_path, LIVE.replace("sg-0123abcd", group))
    with pytest.raises(Refused, match=r"to have no egress rule, found all protocols to 0\.0\.0\.0/0"):
        guards.check_aws(effective, clients, clients)
    rules = clients.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"]
    clients.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=rules)
    guards.check_aws(effective, clients, clients)
    assert clients.rds.describe_db_instances()["DBInstances"] == []


@mock_aws
def test_a_security_group_that_is_not_there_is_refused(tmp_path: Path, own_environment: pytest.MonkeyPatch) -> None:
    """EC2's NotFound is a wrong setting and no failed drill."""
    clients, _ = aws_clients("unused")
    with pytest.raises(Refused, match="found none of that id: correct security_group"):
        guards.check_aws(live(tmp_path), clients, clients)


@mock_aws
def test_an_account_that_is_not_listed_is_refused_before_anything_is_read(
    tmp_path: Path, own_environment: pytest.MonkeyPatch
) -> None:
    """The caller's account is looked up first; with a wrong one no role is assumed and neither EC2 nor RDS is asked."""
    clients, _ = aws_clients("unused")
    in_role = dataclasses.replace(clients, sts=boto3.client("sts", region_name=REGION))
    refused = pytest.raises(Refused, match=f"does not allow account {HOME}; allowed: {OTHER}")
    with (
        Stubber(clients.ec2),
        Stubber(clients.rds),
        Stubber(in_role.sts),
        refused,
    ):  # stubs without answers: any call would fail the test
        guards.check_aws(live(tmp_path, LIVE.replace(HOME, OTHER)), clients, in_role)


def test_other_profiles_are_not_guarded_by_lists(tmp_path: Path) -> None:
    """The sandbox has no account to protect: nothing is read and nothing refused."""
    effective = live(tmp_path, "", profile="sandbox")
    clients = open_clients(effective.profile, environment={}, endpoint_url="http://127.0.0.1:1")
    guards.check_aws(effective, clients, clients)


# -- the endpoint's health page ---------------------------------------------------------------------------------------


@contextmanager
def page(status: int, body: bytes) -> Iterator[tuple[str, list[str]]]:
    """A server that gives one answer; its URL and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def health(**services: str) -> bytes:
    """A LocalStack health page."""
    return json.dumps({"services": services, "edition": "pro", "version": "2026.8.2"}).encode()


WHOLE = {"rds": "available", "backup": "running", "ec2": "available", "sts": "running", "s3": "disabled"}


def test_a_localstack_with_all_services_is_accepted() -> None:
    """Available and running are both there; services that a drill does not need may be off."""
    with page(200, health(**WHOLE)) as (url, asked):
        guards.check_endpoint(url)
    assert asked == ["/_localstack/health"]


@pytest.mark.parametrize(
    "services", [WHOLE | {"backup": "disabled"}, {k: v for k, v in WHOLE.items() if k != "backup"}]
)
def test_a_service_that_the_edition_lacks_is_one_sentence_and_exit_code_12(services: dict[str, str]) -> None:
    """The sentence names service, edition and version."""
    with page(200, health(**services)) as (url, _), pytest.raises(DrillError) as caught:
        guards.check_endpoint(url)
    assert caught.value.exit_code == 12
    assert 'found no backup in its edition "pro", version 2026.8.2' in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"<Error/>"),
        (500, b""),
        (302, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"services": {}}'),
    ],
)
def test_an_emulator_without_a_health_page_is_accepted(status: int, body: bytes) -> None:
    """Only a page that says which services there are can refuse; its absence refuses nothing."""
    with page(status, body) as (url, _):
        guards.check_endpoint(url)


def test_a_proxy_is_not_asked_for_what_is_on_this_machine(own_environment: pytest.MonkeyPatch) -> None:
    """A proxy in the environment must not hide an endpoint of this machine."""
    own_environment.setenv("http_proxy", "http://127.0.0.1:9")
    with page(200, health(**WHOLE)) as (url, asked):
        guards.check_endpoint(url)
    assert asked


def test_an_endpoint_that_does_not_answer_is_one_sentence_and_exit_code_12() -> None:
    """Nobody listening, or a host that does not exist, is said with the reason."""
    with page(200, b"") as (url, _):
        pass  # the port is free again
    with pytest.raises(DrillError, match=r"expected an AWS-compatible endpoint at .*, found: .*refused") as caught:
        guards.check_endpoint(url, timeout=2)
    assert caught.value.exit_code == 12


# -- whose credentials ------------------------------------------------------------------------------------------------


def keys_of(client: Any) -> tuple[str, str | None]:
    """The access key and the session token that a client signs with."""
    frozen = client._request_signer._credentials.get_frozen_credentials()
    return frozen.access_key, frozen.token


def test_nothing_of_the_caller_s_aws_reaches_the_sandbox(tmp_path: Path, own_environment: pytest.MonkeyPatch) -> None:
    """Neither keys, nor a profile (not even one that does not exist), nor an endpoint, nor a file is looked at."""
    files = tmp_path / "config"
    files.write_text("[default]\nendpoint_url = http://elsewhere.invalid\nregion = us-east-1\n", encoding="utf-8")
    for name in AWS_VARIABLES:
        own_environment.setenv(name, "of-the-caller")
    own_environment.setenv("AWS_ENDPOINT_URL", "http://elsewhere.invalid")
    own_environment.setenv("AWS_CONFIG_FILE", str(files))
    own_environment.setenv("HOME", str(tmp_path))
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[broken", encoding="utf-8")  # botocore would fail if it read this
    clients = open_clients(
        live(tmp_path, "", profile="sandbox").profile, environment=os.environ, endpoint_url="http://127.0.0.1:1"
    )
    for client in (clients.rds, clients.backup, clients.ec2, clients.sts, clients.secretsmanager):
        assert client.meta.endpoint_url == "http://127.0.0.1:1"
        assert keys_of(client) == ("sandbox", None)
        assert client.meta.region_name == REGION
        assert client.meta.config.retries == {"mode": "standard", "total_max_attempts": 11}
        assert client.meta.config.proxies == {}


@pytest.mark.parametrize(
    ("environment", "want"),
    [
        ({}, ("test", None)),
        ({"AWS_PROFILE": "of-the-caller"}, ("test", None)),
        ({"AWS_ACCESS_KEY_ID": "half"}, ("test", None)),
        ({"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "s"}, ("key", None)),
        ({"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}, ("key", "t")),
    ],
)
def test_an_endpoint_is_signed_to_with_the_environment_s_keys_or_none(
    tmp_path: Path, own_environment: pytest.MonkeyPatch, environment: dict[str, str], want: tuple[str, str | None]
) -> None:
    """Keys in the environment are used when they are whole; anything else of the caller's AWS is not."""
    effective = live(tmp_path, '[profiles.endpoint]\nendpoint_url = "https://aws.invalid:4566"', profile="endpoint")
    clients = open_clients(effective.profile, environment=environment)
    assert keys_of(clients.rds) == want
    assert clients.sts.meta.endpoint_url == "https://aws.invalid:4566"


@mock_aws
def test_the_aws_profile_takes_no_endpoint_from_the_environment(
    tmp_path: Path, own_environment: pytest.MonkeyPatch
) -> None:
    """A forgotten AWS_ENDPOINT_URL cannot make a drill of an emulator pass for one of AWS."""
    own_environment.setenv("AWS_ENDPOINT_URL", "http://elsewhere.invalid")
    own_environment.setenv("AWS_ENDPOINT_URL_RDS", "http://elsewhere.invalid")
    own_environment.setenv("AWS_ACCESS_KEY_ID", "key")
    own_environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    clients = open_clients(live(tmp_path).profile, environment=os.environ)
    assert clients.rds.meta.endpoint_url == f"https://rds.{REGION}.amazonaws.com"
    assert keys_of(clients.rds) == ("key", None)
    assert identified(clients).account == HOME


def test_a_credentials_profile_that_does_not_exist_is_refused(
    tmp_path: Path, own_environment: pytest.MonkeyPatch
) -> None:
    """The sentence names the key, the profile, and those there are."""
    files = tmp_path / "config"
    files.write_text("[profile drills]\nregion = eu-central-1\n", encoding="utf-8")
    own_environment.setenv("AWS_CONFIG_FILE", str(files))
    own_environment.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    text = LIVE.replace('kind = "aws"', 'kind = "aws"\naws_profile = "drill"')
    with pytest.raises(ConfigError, match='found "drill"; there are drills'):
        open_clients(live(tmp_path, text).profile, environment=os.environ)


@mock_aws
def test_the_copy_s_side_acts_in_the_role(tmp_path: Path, own_environment: pytest.MonkeyPatch) -> None:
    """The role is assumed when first needed, in the copy's region, and for the copy's side alone."""
    own_environment.setenv("AWS_ACCESS_KEY_ID", "key")
    own_environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    text = LIVE + f'role_arn = "arn:aws:iam::{OTHER}:role/drill"\nexternal_id = "e-1"\nregion = "eu-west-1"'
    effective = live(tmp_path, text.replace(f'["{REGION}"]', f'["{REGION}", "eu-west-1"]'))
    here = open_clients(effective.profile, environment=os.environ)
    there = open_clients(effective.profile, environment=os.environ, restore=effective.target.restore)
    assert identified(here).account == HOME
    assert identified(there).account == OTHER
    assert (here.region, there.region) == (REGION, "eu-west-1")
    key, token = keys_of(there.rds)
    assert key != "key"
    assert token
    assert keys_of(here.rds) == ("key", None)


def test_a_role_is_assumed_again_before_its_credentials_end(tmp_path: Path) -> None:
    """A restore that takes longer than the role's hour goes on: near their end new credentials are fetched."""
    calls: list[bytes] = []

    class Sts(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            calls.append(self.rfile.read(int(self.headers["Content-Length"])))
            body = (
                '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
                f"<AccessKeyId>key{len(calls)}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
                "<SessionToken>t</SessionToken><Expiration>2000-01-01T00:00:00Z</Expiration></Credentials>"
                f"<AssumedRoleUser><Arn>arn:aws:sts::{OTHER}:assumed-role/drill/x</Arn><AssumedRoleId>x</AssumedRoleId>"
                "</AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
            ).encode()
            if len(calls) > 1:
                body = body.replace(b"2000-01-01", b"2999-01-01")
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Sts)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        text = f"""
        [profiles.endpoint]
        endpoint_url = "http://127.0.0.1:{server.server_port}"
        [targets.orders.restore]
        role_arn = "arn:aws:iam::{OTHER}:role/drill"
        external_id = "e-1"
        """
        effective = live(tmp_path, text, profile="endpoint")
        clients = open_clients(effective.profile, environment={}, restore=effective.target.restore)
        assert calls == []
        credentials = clients.rds._request_signer._credentials
        with pytest.raises(RuntimeError, match="expired"):
            credentials.get_frozen_credentials()
        assert credentials.get_frozen_credentials().access_key == "key2"
        assert credentials.get_frozen_credentials().access_key == "key2"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert len(calls) == 2
    assert all(b"ExternalId=e-1" in call and b"RoleSessionName=postgresql-drill" in call for call in calls)


# -- passwords --------------------------------------------------------------------------------------------------------


@pytest.fixture
def vault(own_environment: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Secrets Manager."""
    with mock_aws():
        own_environment.setenv("AWS_ACCESS_KEY_ID", "key")
        own_environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        yield boto3.client("secretsmanager", region_name=REGION)


def test_the_environment_s_password_goes_first(vault: Any) -> None:
    """The variable that the file names wins; one that is not set or empty is as if none were named."""
    password = secrets.token_urlsafe()
    credentials = Credentials(username="reader", password_variable="ORDERS_PASSWORD", secret_id="s")
    vault.create_secret(Name="s", SecretString="other")
    given = password_for(credentials, environment={"ORDERS_PASSWORD": password}, secretsmanager=vault)
    assert given == Login("reader", password)
    assert password not in repr(given)
    assert password_for(credentials, environment={"ORDERS_PASSWORD": ""}, secretsmanager=vault).password == "other"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ('{"username": "u", "password": "p", "engine": "postgres"}', Login("u", "p")),
        ('{"password": "p"}', Login(None, "p")),
        ("p q", Login(None, "p q")),
        ("12345", Login(None, "12345")),
    ],
)
def test_a_secret_is_json_or_the_password_alone(vault: Any, text: str, want: Login) -> None:
    """Secrets as RDS makes them and plain ones are both read; a plain number stays a password."""
    vault.create_secret(Name="s", SecretString=text)
    assert password_for(Credentials(secret_id="s"), environment={}, secretsmanager=vault) == want


def test_an_unusable_secret_is_named_and_not_shown(vault: Any) -> None:
    """A secret that is missing, binary or without a password is one sentence with its id and nothing of its content."""
    with pytest.raises(DrillError, match="'nowhere' to be readable"):
        password_for(Credentials(secret_id="nowhere"), environment={}, secretsmanager=vault)
    content = secrets.token_urlsafe()
    vault.create_secret(Name="s", SecretString=json.dumps({"key": content}))
    vault.create_secret(Name="b", SecretBinary=b"\x00")
    with pytest.raises(DrillError, match="found it JSON without") as caught:
        password_for(Credentials(secret_id="s"), environment={}, secretsmanager=vault)
    assert content not in str(caught.value)
    with pytest.raises(DrillError, match="found it binary or empty"):
        password_for(Credentials(secret_id="b"), environment={}, secretsmanager=vault)


def test_without_either_libpq_looks_itself() -> None:
    """Nothing named: no password is handed on, and libpq reads ~/.pgpass."""
    assert password_for(Credentials(), environment={}, secretsmanager=None) == Login(None, None)
