"""SimulatePrincipalPolicy over the policies that the sandbox keeps, which moto lacks.

Evaluated are the identity policies of a role or user (its groups' too) and its permissions boundary, by the rules of the IAM
User Guide, "Policy evaluation logic": an explicit deny goes before everything, and each kind of policy must allow. The sandbox's
account is in no organization. The sandbox itself evaluates no policy: every call stays allowed.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import moto.iam.urls
from moto.core.responses import ActionResult
from moto.iam.exceptions import NoSuchEntity
from moto.iam.models import IAMBackend, ManagedPolicy, iam_backends
from moto.iam.responses import IamResponse

from drills.policy_statements import as_list, matches
from drills.sandbox.base.moto_backends import install_backend
from drills.sandbox.base.url_table import UrlTable

Document = Mapping[str, Any]
Context = Mapping[str, Sequence[str]]
ALLOWED, DENIED, NEITHER = "allowed", "explicitDeny", "implicitDeny"


def decide(policies: Iterable[Document], action: str, resource: str, context: Context) -> tuple[str, frozenset[str]]:
    """Return the decision of policies of one kind on one request, and the condition keys that it lacks. Pure."""
    decision, missing = NEITHER, set[str]()
    for statement in _statements(policies):
        if not _concerns(statement, action, resource):
            continue
        met, lacking = conditions_met(statement.get("Condition") or {}, context)
        missing |= lacking
        if met and statement["Effect"] == "Deny":
            return DENIED, frozenset(missing)
        if met:
            decision = ALLOWED
    return decision, frozenset(missing)


def _statements(policies: Iterable[Document]) -> Iterator[Document]:
    for policy in policies:
        yield from as_list(policy.get("Statement"))


def _concerns(statement: Document, action: str, resource: str) -> bool:
    by_action = _named(statement, "Action", action, fold=True)
    return by_action and _named(statement, "Resource", resource, fold=False)


def _named(statement: Document, element: str, value: str, *, fold: bool) -> bool:
    def meant(pattern: str) -> bool:
        return matches(value.lower(), pattern.lower()) if fold else matches(value, pattern)

    if f"Not{element}" in statement:
        return not any(map(meant, as_list(statement[f"Not{element}"])))
    return any(map(meant, as_list(statement.get(element, "*"))))


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda given, wanted: given == wanted,
    "StringNotEquals": lambda given, wanted: given != wanted,
    "StringEqualsIgnoreCase": lambda given, wanted: given.lower() == wanted.lower(),
    "StringLike": matches,
    "StringNotLike": lambda given, wanted: not matches(given, wanted),
    "ArnEquals": matches,
    "ArnLike": matches,
    "Bool": lambda given, wanted: given.lower() == wanted.lower(),
}


def conditions_met(conditions: Mapping[str, Any], context: Context) -> tuple[bool, set[str]]:
    """Return whether every condition holds, and the keys that were not given: a condition on such a key does not hold.

    A negated operator holds where its key is not given, and so does one with IfExists (IAM User Guide, "IAM JSON policy elements:
    Condition operators").
    """
    met, missing = True, set[str]()
    for name, keys in conditions.items():
        qualifier, _, rest = name.rpartition(":")
        operator = rest.removesuffix("IfExists")
        if operator not in (*_OPERATORS, "Null"):
            raise NotImplementedError(f"The condition operator {name} is absent from this sandbox's policy simulator.")
        for key, wanted in keys.items():
            given = context.get(key.lower())
            values = [str(each).lower() if isinstance(each, bool) else str(each) for each in as_list(wanted)]
            if operator == "Null":
                met &= ("true" in values) == (given is None)
            elif given is None:
                missing.add(key)
                met &= rest.endswith("IfExists") or "Not" in operator or qualifier == "ForAllValues"
            else:
                met &= _holds(operator, qualifier, given, values)
    return met, missing


def _holds(operator: str, qualifier: str, given: Sequence[str], wanted: Sequence[str]) -> bool:
    compare = _OPERATORS[operator]
    every = all if "Not" in operator else any  # a negated operator holds for none of the wanted values
    each_given = [every(compare(one, other) for other in wanted) for one in given]
    return all(each_given) if qualifier == "ForAllValues" else any(each_given)


class SandboxIamResponse(IamResponse):
    """Answers SimulatePrincipalPolicy; the rest is moto's."""

    def simulate_principal_policy(self) -> ActionResult:
        """SimulatePrincipalPolicy: nothing is carried out."""
        identity, boundary = self._policies(str(self.params["PolicySourceArn"]))
        context = {
            str(each["ContextKeyName"]).lower(): [str(value) for value in each.get("ContextKeyValues") or ()]
            for each in self.params.get("ContextEntries") or ()
        }
        resources = [str(each) for each in self.params.get("ResourceArns") or ("*",)]
        rows = [
            _row(str(action), resources, context, identity, boundary) for action in self.params.get("ActionNames") or ()
        ]
        return ActionResult({"EvaluationResults": rows, "IsTruncated": False})

    def _policies(self, arn: str) -> tuple[list[Document], list[Document] | None]:
        """Return the identity policies of a role or user, and its permissions boundary; raise NoSuchEntity without it."""
        backend, name = self.backend, arn.rsplit("/", 1)[-1]
        roles: list[Any] = list(backend.roles.values())
        users: list[Any] = list(backend.users.values())
        entity = next((each for each in (*roles, *users) if each.arn == arn), None)
        if entity is None:
            raise NoSuchEntity(f"The entity {name} cannot be found.")
        inline, managed = list(entity.policies.values()), list(entity.managed_policies.values())
        if entity in users:
            for group in backend.get_groups_for_user(name):
                inline += group.policies.values()
                managed += group.managed_policies.values()
        boundary = getattr(entity, "permissions_boundary_arn", None)
        bound = [_document(backend.managed_policies[boundary])] if boundary else None
        return [_document(each) for each in (*inline, *managed)], bound


def _document(policy: Any) -> Document:
    """Return the document of a policy as moto keeps it: of an inline one its text, of a managed one its default version."""
    text = policy
    if isinstance(policy, Mapping):
        text = policy.get("policy_document") or policy
    elif hasattr(policy, "versions"):
        text = next(each.document for each in policy.versions if each.is_default)
    elif hasattr(policy, "policy_document"):
        text = policy.policy_document
    found = json.loads(unquote(text)) if isinstance(text, str) else text
    return dict(found)


def _row(
    action: str,
    resources: Sequence[str],
    context: Context,
    identity: list[Document],
    boundary: list[Document] | None,
) -> dict[str, Any]:
    """Return a member of EvaluationResults."""
    specific, allowed_by_boundary = [], True
    for resource in resources:
        decision, missing = decide(identity, action, resource, context)
        bound = boundary is None or decide(boundary, action, resource, context)[0] == ALLOWED
        allowed_by_boundary &= bound
        if decision == ALLOWED and not bound:
            decision = NEITHER
        specific.append(
            {
                "EvalResourceName": resource,
                "EvalResourceDecision": decision,
                "MatchedStatements": [],
                "MissingContextValues": sorted(missing),
            }
        )
    decisions = [each["EvalResourceDecision"] for each in specific]
    whole = DENIED if DENIED in decisions else NEITHER if NEITHER in decisions else ALLOWED
    row: dict[str, Any] = {
        "EvalActionName": action,
        "EvalResourceName": resources[0],
        "EvalDecision": whole,
        "MatchedStatements": [],
        "MissingContextValues": sorted({key for each in specific for key in each["MissingContextValues"]}),
    }
    if resources != ["*"]:
        row["ResourceSpecificResults"] = specific
    if boundary is not None:
        row["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed_by_boundary}
    return row


_URLS = UrlTable(moto.iam.urls.url_bases, {"{0}/$": SandboxIamResponse.dispatch})


class SandboxIAM(IAMBackend):
    """The IAM of the account. AWS's own policies, more than a thousand, are read when somebody first needs one.

    moto reads them for each partition when the first request of any service comes, which takes a second of a processor.
    """

    def __init__(self, region_name: str, account_id: str) -> None:
        self._reading = threading.RLock()
        super().__init__(region_name, account_id)
        del self.aws_managed_policies, self.managed_policies

    def __getattr__(self, name: str) -> Any:
        """Read the policies at the first use of either attribute."""
        if name not in ("aws_managed_policies", "managed_policies"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        with self._reading:
            if name not in vars(self):
                self.aws_managed_policies = super()._init_aws_policies()
                self.managed_policies = super()._init_managed_policies()
            return vars(self)[name]

    def _init_aws_policies(self) -> list[ManagedPolicy]:
        return []

    def _init_managed_policies(self) -> dict[str, ManagedPolicy]:
        return {}

    def get_account_authorization_details(self, policy_filter: list[str]) -> dict[str, Any]:
        """As moto does; without AWS's own policies where these are not asked for and nobody has needed one yet."""
        asked = not policy_filter or "AWSManagedPolicy" in policy_filter
        if asked or "managed_policies" in vars(self):
            return dict(super().get_account_authorization_details(policy_filter))
        bare = copy.copy(self)  # a policy of the account's own cannot be there: making one looks among all of them
        bare.aws_managed_policies, bare.managed_policies = [], {}
        return dict(IAMBackend.get_account_authorization_details(bare, policy_filter))

    @property
    def _url_module(self) -> Any:
        return _URLS


def install() -> None:
    """Make this the IAM of moto; before its first request."""
    install_backend(iam_backends, SandboxIAM)
