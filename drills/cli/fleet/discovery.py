"""`drills run --all --discover KEY=VALUE`: targets that drill.toml does not list, found by tag among what AWS Backup protects.

They are written into a file beside drill.toml, which the fleet is drilled by: what was drilled can be read there, and the gate and
the ledger take the same file, so that a target that is found once is missed when it is not drilled.
"""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Container, Iterable, Mapping
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
from drills.model.instance import DatabaseKind
from drills.posture.protected import Protected, find

NAME = "drill.discovered.toml"
# of one target, which another does not take over; one that is meant by its name alone would not be drilled here
OWN = ("instance", "cluster", "engine", "manifest", "cutover", "only_by_name")
OF_A_KIND = (
    "parameter_group",
    "instance_class",
)  # of `restore`, which mean another thing for an instance than for a cluster
HEAD = "# Written by drills run --all --discover; what it found is added to the targets of {name}.\n"


def write(options: argparse.Namespace) -> tuple[Path, tuple[str, ...]]:
    """Write the file and return it, with a sentence for each database that has the tag and cannot be drilled.

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
    if not found.databases:
        why = f": {'; '.join(found.left_out)}" if found.left_out else ""
        raise DrillError(
            f"nothing was run: expected protected instances or clusters with the tag {options.discover}, found none{why}"
        )
    path = file.path.with_name(NAME)
    write_atomically(path, HEAD.format(name=file.path.name) + dumps(with_targets(file.raw, like, found.databases)))
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


def with_targets(raw: Mapping[str, Any], like: str, databases: Iterable[tuple[DatabaseKind, str]]) -> dict[str, Any]:
    """Return the file with a target for each database that none has yet: that of `like`, for another one. Pure.

    One of the other kind than `like` has no parameter group and no class of it: it makes its group itself, and has its source's
    class. A target has the name of its database, with the kind behind it where another target is called so.
    """
    targets = dict(raw.get("targets", {}))
    known = {_database_of(name, each) for name, each in targets.items()}
    own_kind, _ = _database_of(like, targets[like])
    template = {name: value for name, value in targets[like].items() if name not in OWN}
    for kind, name in databases:
        if (kind, name.lower()) not in known:
            like_it = template if kind == own_kind else _of_other_kind(template)
            targets[_free(name, kind, targets)] = {**like_it, kind: name}
    return {**raw, "targets": targets}


def _database_of(name: str, target: Mapping[str, Any]) -> tuple[DatabaseKind, str]:
    kind: DatabaseKind = "cluster" if "cluster" in target else "instance"
    return kind, str(target.get(kind, name)).lower()


def _of_other_kind(template: Mapping[str, Any]) -> dict[str, Any]:
    restore = dict(template.get("restore", {}))
    makes = {"make_parameter_group": True} if restore.get("parameter_group") else {}
    kept = {name: value for name, value in restore.items() if name not in OF_A_KIND} | makes
    return {**template, "restore": kept} if kept else {name: template[name] for name in template if name != "restore"}


def _free(name: str, kind: DatabaseKind, taken: Container[str]) -> str:
    """Return a name for a target that no other has."""
    further = (f"{name}-{kind}-{number}" for number in itertools.count(2))
    return next(each for each in itertools.chain((name, f"{name}-{kind}"), further) if each not in taken)
