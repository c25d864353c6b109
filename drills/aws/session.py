"""Builds the boto3 clients of a run so that no profile can reach the wrong AWS.

- `sandbox` and `endpoint` never see the caller's AWS_PROFILE, configuration files, instance role or AWS_ENDPOINT_URL:
  their session reads neither environment nor files, and the keys are given to it.
- `aws` takes the caller's own credentials chain but never an endpoint from the environment or a configuration file.
- Retries and timeouts are explicit, because botocore's defaults changed between releases (legacy to standard).

Clients are safe to share between threads (boto3 documentation, "Multithreading or multiprocessing with clients").
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config as ClientConfig
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader, create_loader

from drills.aws import login
from drills.aws.calls.answers import read_strictly
from drills.aws.calls.limit import KNOWN_HERE_WITHIN, KNOWN_WITHIN, CallBudget, MadeThings, limit_call
from drills.aws.calls.rate import shared
from drills.aws.guarded import permits
from drills.aws.guarded.permits import Role
from drills.aws.recorder import CallRecorder, Side
from drills.aws.remedies import error_text
from drills.clock import SystemClock
from drills.config.limits import LONGEST_CALL, USUAL_CALL, Limit
from drills.config.profiles import AwsProfile, EndpointProfile, SandboxProfile
from drills.config.target import RestoreConfig
from drills.errors import ConfigError, DrillError, Refused, SandboxError
from drills.sandbox_client import find_keys

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_OF_A_ROLE = (
    "correct role_arn and external_id in [targets.NAME.restore] of drill.toml, or the role's trust policy, which must let these "
    "credentials assume it"
)
_OF_A_SANDBOX = (
    'where that is a sandbox of this machine, type eval "$(drills sandbox up)" in this shell first, with the --name that it has: '
    "it sets what the sandbox is asked with"
)
ROLE_SESSION = "postgresql-drill"
MOST_TRIES = 10  # of one call, the first included
# those that `Clients` has a member for
SERVICES = ("rds", "backup", "ec2", "sts", "logs", "secretsmanager", "kms")


@dataclass(frozen=True, slots=True)
class Clients:
    """The boto3 clients of one account and region. `account` is empty until `identify` has asked STS.

    `recorder` keeps their calls for the run's evidence; None where none is kept.
    """

    rds: Any
    backup: Any
    ec2: Any
    sts: Any
    logs: Any
    secretsmanager: Any
    kms: Any
    region: str
    account: str = ""
    open_client: Callable[[str, str], Any] | None = None
    recorder: CallRecorder | None = None
    allowed_accounts: tuple[str, ...] | None = None  # None: any, as outside of an `aws` profile
    allowed_regions: tuple[str, ...] | None = None

    def within(self, purpose: str) -> AbstractContextManager[None]:
        """Let the calls of the block be recorded with what they are made for."""
        return self.recorder.within(purpose) if self.recorder else contextlib.nullcontext()

    def client(self, service: str, region: str = "") -> Any:
        """Return a client of a service that is seldom needed, such as "iam", or of another region: made when asked for."""
        if self.open_client is None:
            raise DrillError(f"expected clients of a session, to have one of {service}, found clients given by hand")
        return self.open_client(service, region or self.region)

    def in_region(self, region: str) -> Clients:
        """Return clients of the same account in another region."""
        if region == self.region:
            return self
        return dataclasses.replace(self, **_when_needed(region, self.client), region=region)


class _WhenNeeded:
    """A client of boto3 that is made at its first use: a run opens many sessions, and uses a few clients of each."""

    def __init__(self, client: Callable[[], Any]) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        """Whatever the client has."""
        return getattr(self._client(), name)


def _when_needed(region: str, client: Callable[[str, str], Any]) -> dict[str, Any]:
    """Return the clients that `Clients` has members for. RDS's is made now, which finds out whether the login can be used."""
    later: dict[str, Any] = {name: _WhenNeeded(functools.partial(client, name, region)) for name in SERVICES}
    return later | {"rds": client("rds", region)}


def open_clients(
    profile: SandboxProfile | EndpointProfile | AwsProfile,
    *,
    environment: Mapping[str, str],
    endpoint_url: str | None = None,
    restore: RestoreConfig | None = None,
    call: Limit = USUAL_CALL,
    recorder: CallRecorder | None = None,
    role: Role = "reads",
) -> Clients:
    """Return clients for the source's side, or with `restore` for the side that the copy is restored on. Calls no AWS yet.

    `role` is what they may send; they raise Refused for everything else, and nothing of it leaves the machine. "stage" may
    send everything, and is for the sandbox and for endpoints of this machine alone.
    No call is tried again when the time of `call` is up; `recorder` gets each call and its answer.

    `endpoint_url` is the running sandbox's address, and for that profile only: it is asked where its keys lie. Of
    `environment` the `endpoint` profile reads AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; without
    them it signs with "test". A role in `restore` is assumed when the first call is made and again before its
    credentials end, so that a restore may take longer than they last. Raises ConfigError for AWS settings that cannot be
    used, such as a credentials profile that does not exist, DrillError for a login that fails, and Refused where the `aws`
    profile allows no region.
    """
    permits.check_role(role, sandboxed=isinstance(profile, SandboxProfile) or _is_here(profile))
    region = _region_of(profile, restore)
    options = client_config(profile, endpoint_url, call.seconds)
    with login.one_sentence():
        session, url = _session_of(profile, environment, endpoint_url)
        if restore and restore.role_arn:
            session = _in_role(session, restore, region, options, url)
        read_strictly(session)
        made: Any = boto3.Session(botocore_session=session, region_name=region)
    side: Side = "restore" if restore else "source"
    budget, made_things = CallBudget(), MadeThings(SystemClock(), _known_within(profile))
    making = threading.RLock()  # "Session objects are not thread safe" (the page above)

    @functools.cache
    def client(service: str, where: str) -> Any:
        with making, login.one_sentence():  # which resolves the credentials
            opened = made.client(service, region_name=where, endpoint_url=url, config=options)
        limit_call(opened, call.seconds, SystemClock(), key=call.key)
        budget.watch(opened)
        keep_rate(opened, profile)
        permits.hold(opened, role)
        made_things.watch(opened)
        if recorder:
            recorder.watch(opened, side)
        return opened

    allowed: dict[str, Any] = _allowed(profile) if isinstance(profile, AwsProfile) else {}
    return Clients(**_when_needed(region, client), region=region, open_client=client, recorder=recorder, **allowed)


def _region_of(profile: SandboxProfile | EndpointProfile | AwsProfile, restore: RestoreConfig | None) -> str:
    """Return the region of a side. Raises Refused where the `aws` profile allows none."""
    region = (restore and restore.region) or profile.region
    if not region:
        raise Refused("the profile allows no region, and an empty list allows nothing: list what a drill may touch")
    return region


def _is_here(profile: SandboxProfile | EndpointProfile | AwsProfile) -> bool:
    """Return whether a profile is of an endpoint on this machine, which no address of AWS is."""
    return isinstance(profile, EndpointProfile) and urlsplit(profile.endpoint_url).hostname in LOOPBACK


def _session_of(
    profile: SandboxProfile | EndpointProfile | AwsProfile, environment: Mapping[str, str], endpoint_url: str | None
) -> tuple[botocore.session.Session, str | None]:
    """Return the session of a profile, and the address that its clients send to; None: AWS's own."""
    if isinstance(profile, AwsProfile):
        return _caller_session(profile), None
    if isinstance(profile, EndpointProfile):
        return _isolated_session(*_endpoint_keys(environment)), profile.endpoint_url
    if not endpoint_url:
        raise ConfigError("expected the address of the running sandbox, found none: start it first")
    return _isolated_session(*_sandbox_keys(endpoint_url), None), endpoint_url


def _known_within(profile: SandboxProfile | EndpointProfile | AwsProfile) -> float:
    return KNOWN_WITHIN if isinstance(profile, AwsProfile) else KNOWN_HERE_WITHIN


def keep_rate(client: Any, profile: SandboxProfile | EndpointProfile | AwsProfile) -> None:
    """Let a client ask no more often than the profile allows; all clients of this process share the rate."""
    rate = None if isinstance(profile, SandboxProfile) else profile.calls_per_second
    if rate:
        shared(rate).watch(client)


def _allowed(profile: AwsProfile) -> dict[str, tuple[str, ...]]:
    return {"allowed_accounts": tuple(profile.accounts), "allowed_regions": tuple(profile.regions)}


def identify(clients: Clients) -> Clients:
    """Return the same clients with the account that they act in. Raises DrillError when STS cannot say."""
    try:
        account = str(clients.sts.get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as error:
        if _is_refused_role(error):
            raise DrillError(
                f"expected a role that may be assumed, found: {error_text(error)}; {_OF_A_ROLE}"
            ) from error
        here = urlsplit(str(clients.sts.meta.endpoint_url)).hostname in LOOPBACK
        found = f"{error_text(error)}; {_OF_A_SANDBOX}" if here else login.explain(error)
        raise DrillError(f"expected AWS credentials that STS knows, found: {found}") from error
    return dataclasses.replace(clients, account=account)


def _is_refused_role(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    return (error.operation_name, error.response["Error"]["Code"]) == ("AssumeRole", "AccessDenied")


def client_config(
    profile: SandboxProfile | EndpointProfile | AwsProfile,
    endpoint_url: str | None = None,
    call_seconds: float = LONGEST_CALL.total_seconds(),
) -> ClientConfig:
    """Return the retries, timeouts and name of every client, all of them explicit.

    botocore's "standard" mode repeats what passes by itself (throttling, 5xx, no answer), after a random part of 1, 2, 4 …
    at most 20 s ("Retries", boto3 documentation), ten tries in all or until a call's own limit. "adaptive" is not taken: it is
    called experimental there, and slows all calls of a client for one that was throttled. A connection that idles is kept alive
    through NAT. An address on this machine is never reached through a proxy.
    """
    url = profile.endpoint_url if isinstance(profile, EndpointProfile) else endpoint_url
    local = bool(url) and urlsplit(url or "").hostname in LOOPBACK
    options: dict[str, Any] = {
        "retries": {"mode": "standard", "total_max_attempts": MOST_TRIES},
        "tcp_keepalive": True,
        "connect_timeout": min(10.0, call_seconds),
        "read_timeout": min(60.0, call_seconds),
        "proxies": {} if local else None,
        "user_agent_appid": "postgresql-drills",
    }
    return ClientConfig(**options)


def _sandbox_keys(endpoint_url: str) -> tuple[str, str]:
    """Return the keys of the sandbox, which its owner can read; where it cannot be asked, some that no sandbox takes."""
    try:
        keys = find_keys(endpoint_url)
    except SandboxError:
        return "sandbox", "sandbox"
    return keys.access_key, keys.secret_key


def _endpoint_keys(environment: Mapping[str, str]) -> tuple[str, str, str | None]:
    key, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        return key, secret, environment.get("AWS_SESSION_TOKEN") or None
    return "test", "test", None


def _isolated_session(key: str, secret: str, token: str | None) -> botocore.session.Session:
    """Return a session that reads no variable and no file: each of botocore's settings keeps its default."""
    settings = {
        name: (None, None, default, convert)
        for name, (_, _, default, convert) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    for name in ("config_file", "credentials_file"):
        settings[name] = (None, None, os.devnull, None)
    session = botocore.session.Session(session_vars=settings)
    session.set_config_variable("ignore_configured_endpoint_urls", True)
    session.register_component("data_loader", _service_models())
    session.set_credentials(key, secret, token)
    return session


@functools.cache
def _service_models(folders: str | None = None) -> Loader:
    """Return botocore's service models, read once for all sessions: EC2's alone takes a good part of a second.

    `folders` is the caller's `data_path`, where botocore looks for models of the caller's own.
    """
    return create_loader(folders)


def read_model(service: str) -> None:
    """Read what botocore makes the clients of a service from, for all sessions of this process and of its copies."""
    _isolated_session("none", "none", None).create_client(service, region_name="us-east-1")


def _caller_session(profile: AwsProfile) -> botocore.session.Session:
    """Return the caller's credentials chain; the endpoints of AWS alone, also for the calls of the chain itself."""
    login.hide_output_of_helpers()
    session = botocore.session.Session(profile=profile.aws_profile)
    if profile.aws_profile and profile.aws_profile not in session.available_profiles:
        there = ", ".join(sorted(session.available_profiles)) or "none"
        raise ConfigError(
            f'aws_profile: expected a profile of the AWS configuration files, found "{profile.aws_profile}"; '
            f"there are {there}"
        )
    session.set_config_variable("ignore_configured_endpoint_urls", True)
    session.register_component("data_loader", _service_models(session.get_config_variable("data_path")))
    return session


class _RoleCredentials(CredentialProvider):
    """The one credential provider of a session that acts in a role."""

    METHOD = "assume-role"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        return self._credentials


def _in_role(
    source: botocore.session.Session, restore: RestoreConfig, region: str, options: ClientConfig, url: str | None
) -> botocore.session.Session:
    """Return a session with the role's credentials, fetched when first needed and again 15 minutes before their end."""
    credentials = source.get_credentials()
    if credentials is None:
        raise ConfigError("expected AWS credentials to assume the role with, found none: log in, or name aws_profile")

    def sts_client(service: str, **keys: Any) -> Any:
        return source.create_client(service, region_name=region, endpoint_url=url, config=options, **keys)

    extra = {"RoleSessionName": ROLE_SESSION}
    if restore.external_id:
        extra["ExternalId"] = restore.external_id
    fetcher = AssumeRoleCredentialFetcher(sts_client, credentials, str(restore.role_arn), extra_args=extra)
    refreshed = DeferredRefreshableCredentials(refresh_using=fetcher.fetch_credentials, method=_RoleCredentials.METHOD)
    session = botocore.session.Session(session_vars=dict(source.session_var_map.items()))
    session.set_config_variable("ignore_configured_endpoint_urls", True)
    session.register_component("data_loader", source.get_component("data_loader"))
    session.register_component("credential_provider", CredentialResolver([_RoleCredentials(refreshed)]))
    return session
