"""Asks the IAM policy simulator what a principal may do. Carries nothing out (AWS IAM API reference, SimulatePrincipalPolicy)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from drills.aws.read import pages
from drills.aws.session import Clients
from drills.aws.settings import read_or_not_verified
from drills.model.parity import NotVerified
from drills.preflight.facts import Decision
from drills.preflight.principal import NAME_ONE
from drills.preflight.rights import Simulated

RIGHT = "iam:SimulatePrincipalPolicy"


def simulate(clients: Clients, principal: str, wanted: Iterable[Simulated]) -> tuple[Decision, ...] | NotVerified:
    """Return a decision for each action on each resource, or why there are none."""

    def ask() -> tuple[Decision, ...]:
        iam = clients.client("iam")
        found: list[Decision] = []
        for each in wanted:
            request = {
                "PolicySourceArn": principal,
                "ActionNames": list(each.actions),
                "ResourceArns": list(each.resources),
                "ContextEntries": each.entries(),
            }
            for row in pages(iam, "simulate_principal_policy", "EvaluationResults", **request):
                found += decisions_of(row)
        return tuple(found)

    found = read_or_not_verified(RIGHT, ask)
    if isinstance(found, NotVerified) and found.reason.startswith("NoSuchEntity"):
        return NotVerified(f"IAM knows no {principal}: {NAME_ONE}")
    return found


def decisions_of(row: Mapping[str, Any]) -> list[Decision]:
    """Return the decisions of a member of EvaluationResults: one for each resource, else one of the action. Pure."""
    organization = (row.get("OrganizationsDecisionDetail") or {}).get("AllowedByOrganizations")
    boundary = (row.get("PermissionsBoundaryDecisionDetail") or {}).get("AllowedByPermissionsBoundary")
    action = str(row["EvalActionName"])
    resources = row.get("ResourceSpecificResults") or ()
    if not resources:
        return [
            Decision(
                action,
                str(row.get("EvalResourceName") or "*"),
                str(row["EvalDecision"]),
                organization,
                boundary,
                tuple(row.get("MissingContextValues") or ()),
            )
        ]
    return [
        Decision(
            action,
            str(each.get("EvalResourceName") or "*"),
            str(each["EvalResourceDecision"]),
            organization,
            (each.get("PermissionsBoundaryDecisionDetail") or {}).get("AllowedByPermissionsBoundary", boundary),
            tuple(each.get("MissingContextValues") or ()),
        )
        for each in resources
    ]
