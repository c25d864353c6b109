"""Which credentials a drill acts with, and where a password comes from."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.loaders
import botocore.session
import pytest
from pydantic import SecretStr

from drills.aws.credentials import Login, password_for
from drills.aws.session import identify, open_clients
from drills.config.target import Credentials
from drills.errors import ConfigError, DrillError
from tests.support.answering import Request, answering
from tests.support.guarded import AWS_VARIABLES, HOME, LIVE, OTHER, REGION, live, own_environment
from tests.support.models import mock_aws

__all__ = ["own_environment"]


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
        assert client.meta.config.retries == {"mode": "standard", "total_max_attempts": 10}
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


def test_a_sandbox_that_does_not_know_who_asks_is_answered_with_what_to_type(
    tmp_path: Path, own_environment: pytest.MonkeyPatch
) -> None:
    """A shell in which its `eval` was not typed has other keys, and nobody can log in again there."""
    refusal = b"<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>no</Message></Error></ErrorResponse>"
    with answering("POST", lambda _: (403, refusal)) as url:
        effective = live(tmp_path, f'[profiles.endpoint]\nendpoint_url = "{url}"', profile="endpoint")
        with pytest.raises(
            DrillError, match=r'InvalidClientTokenId.*; where that is a sandbox .* type eval "\$\(drills sandbox up'
        ):
            identify(open_clients(effective.profile, environment={}))


@mock_aws()
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
    assert identify(clients).account == HOME


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


def test_the_models_of_services_are_read_once_for_both_sides(
    tmp_path: Path, own_environment: pytest.MonkeyPatch
) -> None:
    """EC2's alone takes a tenth of a second, and a fleet's drills open sessions of many accounts."""
    own_environment.setattr(botocore.session, "create_loader", botocore.loaders.create_loader)  # not this process's own
    own_environment.setenv("AWS_ACCESS_KEY_ID", "key")
    own_environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    effective = live(tmp_path, LIVE + f'role_arn = "arn:aws:iam::{OTHER}:role/drill"')
    open_clients(effective.profile, environment=os.environ).client("ec2")
    read: list[str] = []
    load = botocore.loaders.JSONFileLoader.load_file

    def note(loader: Any, path: str) -> Any:
        read.append(path)
        return load(loader, path)

    own_environment.setattr(botocore.loaders.JSONFileLoader, "load_file", note)
    for restore in (None, effective.target.restore):
        open_clients(effective.profile, environment=os.environ, restore=restore).client("ec2")
    assert [path for path in read if path.endswith("service-2")] == []


@mock_aws()
def test_the_copy_s_side_acts_in_the_role(tmp_path: Path, own_environment: pytest.MonkeyPatch) -> None:
    """The role is assumed when first needed, in the copy's region, and for the copy's side alone."""
    own_environment.setenv("AWS_ACCESS_KEY_ID", "key")
    own_environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    text = LIVE + f'role_arn = "arn:aws:iam::{OTHER}:role/drill"\nexternal_id = "e-1"\nregion = "eu-west-1"'
    effective = live(tmp_path, text.replace(f'["{REGION}"]', f'["{REGION}", "eu-west-1"]'))
    here = open_clients(effective.profile, environment=os.environ)
    there = open_clients(effective.profile, environment=os.environ, restore=effective.target.restore)
    assert identify(here).account == HOME
    assert identify(there).account == OTHER
    assert (here.region, there.region) == (REGION, "eu-west-1")
    key, token = keys_of(there.rds)
    assert key != "key"
    assert token
    assert keys_of(here.rds) == ("key", None)


def test_a_role_is_assumed_again_before_its_credentials_end(tmp_path: Path) -> None:
    """A restore that takes longer than the role's hour goes on: near their end new credentials are fetched."""
    calls: list[bytes] = []

    def answer(request: Request) -> tuple[int, bytes]:
        calls.append(request.body)
        body = (
            '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
            f"<AccessKeyId>key{len(calls)}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
            "<SessionToken>t</SessionToken><Expiration>2000-01-01T00:00:00Z</Expiration></Credentials>"
            f"<AssumedRoleUser><Arn>arn:aws:sts::{OTHER}:assumed-role/drill/x</Arn><AssumedRoleId>x</AssumedRoleId>"
            "</AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
        ).encode()
        return 200, body.replace(b"2000-01-01", b"2999-01-01") if len(calls) > 1 else body

    with answering("POST", answer) as url:
        text = f"""
        [profiles.endpoint]
        endpoint_url = "{url}"
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
    assert given == Login("reader", SecretStr(password))
    assert password not in repr(given)
    assert password_for(credentials, environment={"ORDERS_PASSWORD": ""}, secretsmanager=vault).password == SecretStr(
        "other"
    )


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ('{"username": "u", "password": "p", "engine": "postgres"}', Login("u", SecretStr("p"))),
        ('{"password": "p"}', Login(None, SecretStr("p"))),
        ("p q", Login(None, SecretStr("p q"))),
        ("12345", Login(None, SecretStr("12345"))),
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
