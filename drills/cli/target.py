"""Opens the configuration, and clients for the source's and the copy's side, for commands other than `drills run`.

A run starts a sandbox of its own; these commands speak to one that runs (`drills sandbox up`), by --endpoint-url or
AWS_ENDPOINT_URL.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from drills.aws import guards
from drills.aws.endpoint_health import check_endpoint, needed_by
from drills.aws.guarded.permits import Role
from drills.aws.recorder import CallRecorder
from drills.aws.session import LOOPBACK, Clients, identify
from drills.aws.sides import open_restore, open_source
from drills.clock import SystemClock
from drills.config import load as config
from drills.config.load import Config, EndpointProfile, SandboxProfile
from drills.errors import ConfigError
from drills.sandbox_client import SandboxControl


@dataclass(frozen=True, slots=True)
class OpenTarget:
    """The configuration, the clients of both sides with the account of each, and the present instant: a sandbox has its own.

    `url` is where the sandbox answers, None for the other profiles.
    """

    config: Config
    clients: Clients
    restore: Clients
    now: datetime
    url: str | None = None


def open_target(
    options: argparse.Namespace, source_role: Role = "reads", restore_role: Role = "reads", *, tables: bool = False
) -> OpenTarget:
    """Open the clients, which read unless a role says what else those of a side may send.

    `tables` lets a DynamoDB table be the target. Refused where the profile does not allow the accounts or regions; reads STS
    alone.
    """
    effective = read_options(options, tables=tables)
    url = _sandbox_url(options, effective)
    if isinstance(effective.profile, EndpointProfile):
        check_endpoint(effective.profile.endpoint_url, needed_by(effective.target))
    source = identify(open_source(effective, url, role=source_role))
    guards.check_caller(effective, source.account, source.region)
    opened = open_restore(effective, source, url, restore_role)
    restore = opened if opened.account else identify(opened)
    guards.check_sides(effective, guards.Sides(source.account, source.region, restore.account, restore.region))
    return OpenTarget(effective, source, restore, SandboxControl(url).now() if url else SystemClock().now(), url)


def open_source_alone(options: argparse.Namespace, effective: Config, role: Role) -> Clients:
    """Open clients of that role for the source's side, of a command that restores nothing.

    Refused where the profile does not allow the account or region; reads STS alone.
    """
    url = _sandbox_url(options, effective)
    if isinstance(effective.profile, EndpointProfile):
        check_endpoint(effective.profile.endpoint_url, ("s3", "sts"))
    source = identify(open_source(effective, url, role=role))
    guards.check_caller(effective, source.account, source.region)
    return source


def recorded(reached: OpenTarget, recorder: CallRecorder, restore_role: Role) -> tuple[Clients, Clients]:
    """Return the clients of both sides anew, each call of which is recorded for a run's evidence."""
    source = identify(open_source(reached.config, reached.url, recorder))
    opened = open_restore(reached.config, source, reached.url, restore_role)
    return source, opened if opened.account else identify(opened)


def read_options(options: argparse.Namespace, *, tables: bool = False) -> Config:
    """Return the configuration that --config, --profile, --target and --endpoint-url name. Raises ConfigError.

    A target that is a DynamoDB table is refused without `tables`.
    """

    def load(overrides: dict[str, str]) -> Config:
        return config.load(
            Path(options.config) if options.config else None,
            profile=options.profile,
            target=options.target,
            environment=os.environ,
            overrides=overrides,
            tables=tables,
        )

    plain = load({})
    if options.endpoint_url and not isinstance(plain.profile, SandboxProfile):
        return load({"--endpoint-url": options.endpoint_url})
    return plain


def _sandbox_url(options: argparse.Namespace, effective: Config) -> str | None:
    """Return the address of the sandbox that runs; None for the other profiles, which never read the variable."""
    if not isinstance(effective.profile, SandboxProfile):
        return None
    url: str = options.endpoint_url or os.environ.get("AWS_ENDPOINT_URL") or ""
    if not url or urlsplit(url).hostname not in LOOPBACK:
        raise ConfigError(
            f'profile "{effective.profile_name}": expected the address of a sandbox on this machine, found '
            f'{url or "none"}: type eval "$(drills sandbox up --sample)", or choose another --profile'
        )
    SandboxControl(url).health()
    return url
