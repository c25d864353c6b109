"""`drills run --all --discover KEY=VALUE`: targets that drill.toml does not list, found by tag among what AWS Backup protects.

They are written into a file beside drill.toml, which the fleet is drilled by: what was drilled can be read there, and the gate and
the ledger take the same file, so that a target that is found once is missed when it is not drilled.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import guards
from drills.aws.endpoint_health import check_endpoint
from drills.aws.login import explain
from drills.aws.session import identify
from drills.aws.sides import open_source
from drills.cli.fleet.toml_text import dumps
from drills.config.file import DEFAULT_FILE, ConfigFile
from drills.config.load import Config, EndpointProfile, SandboxProfile, load
from drills.errors import ConfigError, DrillError
from drills.files import write_atomically
from drills.posture.protected import Protected, find

NAME = "drill.discovered.toml"
OWN = ("instance", "cluster", "engine", "manifest", "cutover")  # of one target, which another does not take over
HEAD = "# Written by drills run --all --discover; what it found is added to the targets of {name}.\n"


def write(options: argparse.Namespace) -> tuple[Path, tuple[str, ...]]:
    """Write the file and return it, with a sentence for each instance that has the tag and cannot be drilled.

    Raises ConfigError, and DrillError where AWS does not answer or nothing is found.
    """
    key, _, value = options.discover.partition("=")
    file = ConfigFile.read(Path(options.config) if options.config else None)
    like = options.like or file.drill().target or next(iter(dict(file.named("targets"))), None)
    if not key.strip() or not value.strip() or file.path is None or like is None:
        raise ConfigError(
            f"--discover: expected a tag KEY=VALUE and a {DEFAULT_FILE} with a target that the others are like, found "
            f'"{options.discover}"{"" if file.path else " and no file"}'
        )
    if like not in file.targets():
        raise ConfigError(
            f'--like: expected the name of a target, found "{like}"; there are {", ".join(file.targets())}'
        )
    config = load(file.path, profile=options.profile, target=like, environment=os.environ)
    found = _ask(config, key.strip(), value.strip())
    if not found.instances:
        why = f": {'; '.join(found.left_out)}" if found.left_out else ""
        raise DrillError(
            f"nothing was run: expected protected instances with the tag {options.discover}, found none{why}"
        )
    path = file.path.with_name(NAME)
    write_atomically(path, HEAD.format(name=file.path.name) + dumps(with_targets(file.raw, like, found.instances)))
    return path, found.left_out


def _ask(config: Config, key: str, value: str) -> Protected:
    if isinstance(config.profile, SandboxProfile):
        raise ConfigError(
            f'--discover: expected a profile of kind "aws" or "endpoint", found profile "{config.profile_name}": the AWS of a '
            "sandbox begins and ends with its run: type --profile with the name of such a profile, or leave --discover out; in a "
            'shell in which eval "$(drills sandbox up --sample)" was typed, the profile of its sample is "standing"'
        )
    if isinstance(config.profile, EndpointProfile):
        check_endpoint(config.profile.endpoint_url, ("backup", "rds", "sts"))
    clients = identify(open_source(config))
    guards.check_caller(config, clients.account, clients.region)
    try:
        return find(clients, key, value)
    except (ClientError, BotoCoreError) as error:
        raise DrillError(f"expected AWS to name what AWS Backup protects, found: {explain(error)}") from error


def with_targets(raw: Mapping[str, Any], like: str, instances: tuple[str, ...]) -> dict[str, Any]:
    """Return the file with a target for each instance that none has yet: that of `like`, for another instance. Pure."""
    targets = dict(raw.get("targets", {}))
    known = {str(each.get("instance", name)).lower() for name, each in targets.items()}
    template = {name: value for name, value in targets[like].items() if name not in OWN}
    new = {name: {**template, "instance": name} for name in instances if name.lower() not in known}
    return {**raw, "targets": {**targets, **new}}
