"""Compares the restored instance with the old one: settings of instance and server, and what refers to its identity.

The one place where a cut-over uses drills/model/parity.py and drills/aws/settings.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import psycopg

from drills.aws import settings
from drills.aws.databases.kinds import INSTANCE, Kind
from drills.aws.session import Clients
from drills.checks.base.outcome import first_line
from drills.checks.base.session import Connector
from drills.cutover.environment import Environment
from drills.cutover.model import State
from drills.errors import VERIFICATION_FAILED, DrillError
from drills.model.finding import Finding
from drills.model.instance import Instance
from drills.model.parity import NotVerified, compare, not_verified
from drills.plural import counted

# settings that the cut-over itself changes for a while
_OF_THE_CUTOVER = {"security_groups": "the application is let in when the data are verified"}
_UNREAD = "not verified"


class DifferencesFound(DrillError):
    """The restored instance differs from what is expected."""

    exit_code = VERIFICATION_FAILED


def read_configuration(clients: Clients, instance_id: str, kind: Kind = INSTANCE) -> dict[str, Any]:
    """Return every setting of an instance or a cluster, as JSON has them."""
    return to_json(settings.read_settings(clients, instance_id, kind))


def stored_configuration(clients: Clients, instance_id: str, kind: Kind) -> tuple[dict[str, Any], str] | None:
    """Return the last copy that `drills posture` kept of an instance or a cluster that is gone, and of when it is."""
    found = settings.load(settings.FOLDER, clients.account, clients.region, instance_id, kind.name)
    return (to_json(found.settings), f"{found.taken_at:%Y-%m-%d %H:%M:%S} UTC") if found else None


def to_json(found: Mapping[str, object]) -> dict[str, Any]:
    """Return the settings as a journal keeps them."""
    plain = {name: {_UNREAD: each.reason} if isinstance(each, NotVerified) else each for name, each in found.items()}
    read: dict[str, Any] = json.loads(json.dumps(plain, default=str))
    return read


def from_json(kept: Mapping[str, Any]) -> dict[str, object]:
    """Return the settings that a journal has kept."""
    return {
        name: NotVerified(str(each[_UNREAD])) if isinstance(each, dict) and _UNREAD in each else each
        for name, each in kept.items()
    }


def read_server(connect: Connector) -> dict[str, str]:
    """Return the settings made in the server (`server.NAME`), and its logical replication slots."""
    with connect("postgres") as session:
        found = settings.server_settings(session) | settings.replication_slots(session)
    return {name: str(value) for name, value in found.items()}


def compare_configuration(env: Environment, state: State, instance: Instance) -> dict[str, Any]:
    """Compare; the differences as facts. Raises Differs naming those that no reason allows."""
    opening = state.opening
    left = from_json(opening.left)
    right = from_json(read_configuration(env.clients, instance.id, env.kind)) if left else {}
    left_out = not_verified(left, right)
    unread = [f"{each.what}: {each.reason}" for each in left_out]
    if not left:
        unread.append("the configuration: only the parameters of the restore are known")
    if opening.server_settings:
        left |= opening.server_settings
        right |= _server(env, instance)
    else:
        unread.append("the server's settings and replication slots: the old server could not be asked")
    allowed = {**_OF_THE_CUTOVER, **env.config.allowed}
    findings = compare(left, right, allowed)
    wrong = [_line(each) for each in findings if each.severity == "error"]
    if wrong:
        raise DifferencesFound(
            f"expected the configuration of {opening.instance}, found {counted(len(wrong), 'difference')}: {'; '.join(wrong)}: put "
            f"them right, or give a reason in targets.{opening.target}.cutover.allowed"
        )
    return {
        "compared": len(left.keys() - {each.what for each in left_out}),
        "compared_with": opening.wanted_from,
        "differences": [f"{each.severity}: {_line(each)}" for each in findings],
        "not_compared": unread,
    }


def _line(finding: Finding) -> str:
    return f"{finding.object}: expected {finding.expected}, found {finding.found} ({finding.message})"


def _server(env: Environment, instance: Instance) -> dict[str, str]:
    try:
        return read_server(env.connect(instance))
    except psycopg.Error as error:
        raise DrillError(
            f"expected to read the settings of the restored server, found: {first_line(error)}: correct the target's "
            "credentials; the restored roles have the passwords of the recovery point"
        ) from error
