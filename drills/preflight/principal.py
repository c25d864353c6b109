"""Whose rights a restore would be made with: the IAM role or user that the simulator is asked about."""

from __future__ import annotations

import re

from drills.aws.session import Clients
from drills.aws.settings import read_or_not_verified
from drills.config.load import Target
from drills.model.parity import NotVerified

_SESSION = re.compile(r"arn:(?P<partition>[a-z-]+):sts::(?P<account>\d+):assumed-role/(?P<role>[^/]+)/.+")
_NAMED = re.compile(r"arn:[a-z-]+:iam::\d+:(?:role|user)/.+")
NAME_ONE = "name the role that restores as preflight.principal in drill.toml"


def principal_of(target: Target, clients: Clients) -> str | NotVerified:
    """Return the principal that drill.toml names, else the role of `restore`, else the caller's own role or user."""
    named = target.preflight.principal or target.restore.role_arn
    if named:
        return named
    caller = read_or_not_verified("sts:GetCallerIdentity", lambda: str(clients.sts.get_caller_identity()["Arn"]))
    if isinstance(caller, NotVerified) or _NAMED.fullmatch(caller):
        return caller
    session = _SESSION.fullmatch(caller)
    if session is None:
        return NotVerified(f"the caller is {caller}, and the simulator knows roles and users alone: {NAME_ONE}")
    role = session["role"]
    # the session's ARN has the role's name without its path (IAM User Guide, "IAM identifiers")
    found = read_or_not_verified(
        "iam:GetRole", lambda: str(clients.client("iam").get_role(RoleName=role)["Role"]["Arn"])
    )
    return NotVerified(f"{found.reason}, or {NAME_ONE}") if isinstance(found, NotVerified) else found
