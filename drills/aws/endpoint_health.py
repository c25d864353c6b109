"""Reads the health page of an AWS-compatible endpoint: which services it has, before anything is asked of it.

LocalStack answers {"services": {"rds": "available", …}, "edition": …, "version": …} at /_localstack/health
(https://docs.localstack.cloud/aws/capabilities/networking/internal-endpoints/), and other emulators imitate it.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from drills.aws.session import LOOPBACK
from drills.config.load import EndpointProfile, Profile, Target
from drills.errors import DrillError

HEALTH_PATH = "/_localstack/health"
ALWAYS = ("rds", "ec2", "sts")  # without which nothing is restored
_PRESENT = ("available", "running", "starting", "initializing", "initialized")
_SNAPSHOTS = "; without vault in its table of drill.toml the target's RDS snapshots are drilled, which needs no backup"
_LOCK = "; of what is no database only the lock needs it: restore.lock = false does without"


@dataclass(frozen=True, slots=True)
class Health:
    """What a health page says: the state of each service by its name, the edition and the version, "unknown" where it does not."""

    services: Mapping[str, object]
    edition: str
    version: str

    def has(self, service: str) -> bool:
        """Return whether a service is there, or comes up."""
        return self.services.get(service) in _PRESENT

    def lacking(self, services: Sequence[str]) -> list[str]:
        """Return those of the services that are not there."""
        return [each for each in services if not self.has(each)]

    def has_no(self, services: Sequence[str]) -> str:
        """Return that services are not there, in words, with the edition and the version."""
        return f'no {", no ".join(services)} in its edition "{self.edition}", version {self.version}'


def needed_by(target: Target) -> tuple[str, ...]:
    """Return the services that a drill of this target cannot do without; of what it can, the scenarios say so themselves."""
    if target.other:
        return (*target.other.services, *(["rds"] if target.restore.lock else []))  # a lock is a parameter group of RDS
    more = {
        "backup": target.vault or target.copy_vault,
        "s3": target.manifests and target.manifests.store.startswith("s3://"),
        "secretsmanager": target.credentials.secret_id,
    }
    return (*ALWAYS, *(name for name, wanted in more.items() if wanted))


def check_endpoint(url: str, needed: Sequence[str], *, timeout: float = 10.0) -> Health | None:
    """Return what the health page says once it has each service of `needed`; None without such a page. `timeout` in seconds.

    Raises DrillError (exit 12) when nothing answers or a service is lacking.
    """
    health = read_health(url, timeout=timeout)
    if health and (lacking := health.lacking(needed)):
        more = {"backup": _SNAPSHOTS, "rds": _LOCK}.get(" ".join(lacking), "")
        raise DrillError(
            f"expected {', '.join(needed)} at {url}, found {health.has_no(lacking)}: use an edition that has them, or "
            f'profile "sandbox"{more}'
        )
    return health


def reason_lacking(profile: Profile, services: Sequence[str]) -> str:
    """Return why scenarios that need these services are left out, "" where they are there or no health page says so."""
    if not isinstance(profile, EndpointProfile):
        return ""
    health = read_health(profile.endpoint_url)
    if health and (lacking := health.lacking(services)):
        return f"{profile.endpoint_url} has {health.has_no(lacking)}"
    return ""


def read_health(url: str, *, timeout: float = 10.0) -> Health | None:
    """Return what the health page of an endpoint says, None without such a page. DrillError (exit 12) when nothing answers."""
    handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
    if urlsplit(url).hostname in LOOPBACK:
        handlers.append(urllib.request.ProxyHandler({}))
    try:
        with urllib.request.build_opener(*handlers).open(url.rstrip("/") + HEALTH_PATH, timeout=timeout) as answer:
            return health_of(answer.read(1_000_000))
    except urllib.error.HTTPError as error:
        error.close()
        return None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DrillError(
            f"expected an AWS-compatible endpoint at {url}, found: {reason}: start it, or correct endpoint_url"
        ) from error


def health_of(page: bytes) -> Health | None:
    """Return what a health page says; None for anything else than one. Pure."""
    try:
        health = json.loads(page)
    except (ValueError, RecursionError):
        return None
    services = health.get("services") if isinstance(health, dict) else None
    if not isinstance(services, dict) or not services:
        return None
    return Health(services, str(health.get("edition") or "unknown"), str(health.get("version") or "unknown"))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: a health page answers where it is asked."""

    def redirect_request(self, *_: Any) -> None:
        return None
