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
from drills.aws.recorder import CallRecorder
from drills.aws.session import LOOPBACK, Clients, identify
from drills.aws.sides import open_restore, open_source
from drills.clock import SystemClock
from drills.config import load as config
from drills.config.load import AwsProfile, Config, EndpointProfile, SandboxProfile
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


def open_target(options: argparse.Namespace) -> OpenTarget:
    """Open the clients. Refused where the profile does not allow the accounts or regions; reads STS alone."""
    effective = _effective(options)
    url = _sandbox_url(options, effective)
    if isinstance(effective.profile, EndpointProfile):
        guards.check_endpoint(effective.profile.endpoint_url)
    source = identify(open_source(effective, url))
    if isinstance(effective.profile, AwsProfile):  # before a role is assumed from an account that is not allowed
        guards.check_sides(effective, guards.Sides(source.account, source.region, source.account, source.region))
    opened = open_restore(effective, source, url)
    restore = opened if opened.account else identify(opened)
    guards.check_sides(effective, guards.Sides(source.account, source.region, restore.account, restore.region))
    return OpenTarget(effective, source, restore, SandboxControl(url).now() if url else SystemClock().now(), url)


def recorded(reached: OpenTarget, recorder: CallRecorder) -> tuple[Clients, Clients]:
    """Return the clients of both sides anew, each call of which is recorded for a run's evidence."""
    source = identify(open_source(reached.config, reached.url, recorder))
    opened = open_restore(reached.config, source, reached.url)
    return source, opened if opened.account else identify(opened)


def _effective(options: argparse.Namespace) -> Config:
    def load(overrides: dict[str, str]) -> Config:
        return config.load(
            Path(options.config) if options.config else None,
            profile=options.profile,
            target=options.target,
            environment=os.environ,
            overrides=overrides,
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
