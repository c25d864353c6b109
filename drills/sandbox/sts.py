"""AssumeRole by the role's trust policy, which moto does not read.

IAM User Guide, "How to use an external ID when granting access to your AWS resources to a third party"
(https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html). A role that nobody has made can be
assumed, as with moto: that is how a client comes to another account of the sandbox before anything is there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import moto.sts.urls
from moto.iam.models import iam_backends
from moto.sts.exceptions import STSClientError
from moto.sts.models import AssumedRole, STSBackend, sts_backends
from moto.utilities.utils import get_partition

from drills.policy_statements import read_statements
from drills.sandbox.base.moto_backends import install_backend
from drills.sandbox.policy_simulator import conditions_met

_ACTION = "sts:AssumeRole"


class SandboxSTS(STSBackend):
    """The STS of one account."""

    @property
    def _url_module(self) -> Any:
        return moto.sts.urls

    def assume_role(
        self,
        region_name: str,
        role_session_name: str,
        role_arn: str,
        policy: str,
        duration: int,
        external_id: str,
    ) -> AssumedRole:
        """AssumeRole; AccessDenied where the role is there and its trust policy does not let this account assume it."""
        trust = _trust_policy(role_arn, region_name)
        if trust is not None and not trusts(trust, self.account_id, external_id):
            raise STSClientError(
                "AccessDenied",
                f"User: arn:aws:iam::{self.account_id}:root is not authorized to perform: {_ACTION} on resource: {role_arn}",
            )
        return super().assume_role(region_name, role_session_name, role_arn, policy, duration, external_id)


def trusts(trust: Mapping[str, Any], account: str, external_id: str | None) -> bool:
    """Return whether a role's trust policy lets the principals of an account assume it with that external id. Pure."""
    context = {"sts:externalid": [external_id]} if external_id else {}

    def names(principal: str) -> bool:
        return principal in ("*", account) or principal.split(":")[4:5] == [account]

    return any(
        each.covers_action(_ACTION)
        and any(map(names, each.principals.get("AWS", ())))
        and conditions_met(each.condition, context)[0]
        for each in read_statements(trust, "Allow")
    )


def _trust_policy(role_arn: str, region_name: str) -> dict[str, Any] | None:
    """Return the trust policy of a role; None where there is no such role."""
    account = role_arn.split(":", 5)[4]
    roles = iam_backends[account][get_partition(region_name)].roles.values()
    found = next((each for each in roles if each.arn == role_arn), None)
    if found is None:
        return None
    read: dict[str, Any] = json.loads(found.assume_role_policy_document)
    return read


def install() -> None:
    """Make this the STS of moto; before its first request."""
    install_backend(sts_backends, SandboxSTS)
