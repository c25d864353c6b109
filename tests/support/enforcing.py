"""A door before a sandbox that lets through what the policies of the caller's role allow, and refuses the rest as IAM would.

Each signed request becomes what IAM is asked: an action on each resource that the request names, with the condition keys that the
Service Authorization Reference (as policy-sentry has it) lists for the two: the tags in the request, those on the resource, and
what RDS tells of the request. What AWS asks for beside is asked too: the tags that a request gives, the role that it passes, the
key that RDS uses in the caller's name. Every answer must be a yes. The role of a caller is known by its access key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from botocore.exceptions import ClientError
from policy_sentry.querying.actions import get_action_data

from drills.sandbox.door.calls import AwsRequest, error_response, read_request
from drills.sandbox.door.wire import Response
from tests.support.evaluating import ALLOWED, Context
from tests.support.front import front
from tests.support.policies import ACCOUNT, ACTIONS
from tests.support.sandbox import RunningSandbox

Document = Mapping[str, Any]
Decide = Callable[[Sequence[Document], str, str, Context, Document | None], str]

# the members of RDS's requests that name a resource, and its kind in ARNs
NAMED = {
    "DBInstanceIdentifier": "db",
    "DBClusterIdentifier": "cluster",
    "SnapshotIdentifier": "cluster-snapshot",
    "DBClusterSnapshotIdentifier": "cluster-snapshot",
    "SourceDBClusterSnapshotIdentifier": "cluster-snapshot",
    "TargetDBClusterSnapshotIdentifier": "cluster-snapshot",
    "DBClusterParameterGroupName": "cluster-pg",
    "SourceDBInstanceIdentifier": "db",
    "TargetDBInstanceIdentifier": "db",
    "DBSnapshotIdentifier": "snapshot",
    "SourceDBSnapshotIdentifier": "snapshot",
    "TargetDBSnapshotIdentifier": "snapshot",
    "DBParameterGroupName": "pg",
    "DBSubnetGroupName": "subgrp",
    "OptionGroupName": "og",
    "SourceDBInstanceAutomatedBackupsArn": "auto-backup",
    "ResourceName": "",  # an ARN
}
# the first of these that a request has names what it makes
MAKES = (
    *("DBInstanceIdentifier", "TargetDBInstanceIdentifier", "TargetDBSnapshotIdentifier", "DBParameterGroupName"),
    *("DBClusterIdentifier", "TargetDBClusterSnapshotIdentifier", "DBClusterParameterGroupName"),
)
KEY = re.compile(r"Credential=([^/]+)/")
_TAG = re.compile(r"(?:Tags|TagSpecification)\b.*?\.(\d+(?:\.Tag\.\d+)?)\.(Key|Value)$")


@dataclass(frozen=True)
class Asked:
    """What IAM is asked of a request: an action on a resource, with condition keys; `decision` as the evaluator says it."""

    action: str
    resource: str
    context: Context
    decision: str


@dataclass
class Door:
    """Where a role's requests go: `url`; `policies` by access key; `asked`, all that was asked so far."""

    sandbox: RunningSandbox
    decide: Decide
    url: str = ""
    policies: dict[str, Sequence[Document]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def role(self, name: str, *documents: Document) -> dict[str, str]:
        """Make a role with these policies and assume it; return its keys as an AWS client takes them from the environment."""
        trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
        iam = self.sandbox.client("iam")
        text = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=text)["Role"]
        for number, document in enumerate(documents):
            iam.put_role_policy(RoleName=name, PolicyName=str(number), PolicyDocument=json.dumps(document))
        kept = [
            iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"]
            for each in iam.list_role_policies(RoleName=name)["PolicyNames"]
        ]
        given = self.sandbox.client("sts").assume_role(RoleArn=made["Arn"], RoleSessionName="test")["Credentials"]
        self.policies[given["AccessKeyId"]] = kept
        return {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }

    def refusal(self, caller: str, request: AwsRequest) -> str:
        """Return why a request of a caller is refused, in the words of IAM; empty where it is not."""
        refused = ""
        for action, resource, context in questions(request, self.tags_of, self.key_of):
            documents = self.policies.get(caller, ())
            asked = Asked(
                action, resource, context, self.decide(documents, action, resource, context, self.policy_of(resource))
            )
            self.asked.append(asked)
            if asked.decision != ALLOWED:
                refused = refused or f"not authorized to perform: {action} on resource: {resource} ({asked.decision})"
        return refused

    def policy_of(self, arn: str) -> Document | None:
        """Return the policy of a key of KMS; None for anything else."""
        if ":kms:" not in arn:
            return None
        kept: Document = json.loads(
            self.sandbox.client("kms").get_key_policy(KeyId=arn, PolicyName="default")["Policy"]
        )
        return kept

    def tags_of(self, arn: str) -> Mapping[str, str]:
        """Return the tags that are on a resource of RDS, or on a secret, now."""
        if ":secret:" in arn:
            name = arn.rpartition(":")[2].rpartition("-")[0]
            try:
                found = self.sandbox.client("secretsmanager").describe_secret(SecretId=name).get("Tags", [])
            except ClientError:
                return {}
            return {each["Key"]: each["Value"] for each in found}
        try:
            found = self.sandbox.client("rds").list_tags_for_resource(ResourceName=arn)["TagList"]
        except ClientError:
            return {}
        return {each["Key"]: each["Value"] for each in found}

    def key_of(self, snapshot: str) -> str:
        """Return the ARN of the key that encrypts a snapshot, empty where none does."""
        rds, named = self.sandbox.client("rds"), {"DBClusterSnapshotIdentifier": snapshot}
        try:
            found = rds.describe_db_snapshots(DBSnapshotIdentifier=snapshot)["DBSnapshots"]
        except rds.exceptions.DBSnapshotNotFoundFault:
            found = rds.describe_db_cluster_snapshots(**named)["DBClusterSnapshots"]
        return str(found[0].get("KmsKeyId", ""))


def questions(
    request: AwsRequest, tags_of: Callable[[str], Mapping[str, str]], key_of: Callable[[str], str]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Give what IAM is asked of a request: actions, resources and condition keys."""
    operation = f"{request.service}:{request.operation}"
    action, given = ACTIONS.get(operation, operation), request.parameters
    sent = request_tags(given)
    for resource in resources(request, action):
        yield action, resource, context_of(action, resource, given, sent, tags_of(resource))
    if request.service == "rds" and sent and request.operation != "AddTagsToResource":
        made = next(each for each in MAKES if each in given)
        resource = arn_of(request, NAMED[made], given[made])
        yield (
            "rds:AddTagsToResource",
            resource,
            context_of("rds:AddTagsToResource", resource, given, sent, tags_of(resource)),
        )
    restored = {
        "RestoreDBInstanceFromDBSnapshot": "DBSnapshotIdentifier",
        "RestoreDBClusterFromSnapshot": "SnapshotIdentifier",
    }
    if request.operation in restored and (key := key_of(given[restored[request.operation]])):
        via = {"kms:ViaService": f"rds.{request.region}.amazonaws.com"}
        yield "kms:DescribeKey", key, via
        yield "kms:CreateGrant", key, via | {"kms:GrantIsForAWSResource": "true"}
    for name, value in given.items():
        if name.lower() == "iamrolearn":
            yield "iam:PassRole", value, {"iam:PassedToService": f"{request.service}.amazonaws.com"}
            if tags := given.get("RecoveryPointTags"):
                snapshot = arn_of(request, "snapshot", "awsbackup:job-1", service="rds")
                yield "backup:TagResource", snapshot, context_of("backup:TagResource", snapshot, given, tags, {})


def request_tags(given: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags in a request of the Query protocol, or in one whose body is JSON."""
    if isinstance(given.get("Tags"), list):
        return {each["Key"]: each.get("Value", "") for each in given["Tags"]}
    pairs: dict[str, dict[str, str]] = {}
    for name, value in given.items():
        if found := _TAG.match(name):
            pairs.setdefault(name[: found.start(2)], {})[found[2]] = value
    return {each["Key"]: each.get("Value", "") for each in pairs.values()}


def resources(request: AwsRequest, action: str) -> list[str]:
    """Return the ARNs that a request names; where it names none, one of a kind that the action takes, or "*"."""
    given = request.parameters
    if request.service == "rds":
        named = [arn_of(request, kind, given[member]) for member, kind in NAMED.items() if given.get(member)]
        # whose automated backup has another id, which the caller does not name
        if "SourceDbiResourceId" in given:
            named.append(arn_of(request, "auto-backup", "ab-1"))
        if "SourceDbClusterResourceId" in given:
            named.append(arn_of(request, "cluster-auto-backup", "cluster-ab-1"))
        known = [each for each in named if any(_is_of(form, each) for form in forms(action))]
        if known:
            return known
    if secret := request.service == "secretsmanager" and (given.get("SecretId") or given.get("Name")):
        # Secrets Manager gives each ARN six random characters at its end
        return [secret if secret.startswith("arn:") else arn_of(request, "secret", f"{secret}-AbCdEf")]
    if request.service == "s3" and "Bucket" in given:
        return ["arn:aws:s3:::" + "/".join(given[each] for each in ("Bucket", "Key") if given.get(each))]
    shapes = [form for form in forms(action) if form != "*"]
    return [_filled(shapes[0], request)] if shapes else ["*"]


def arn_of(request: AwsRequest, kind: str, value: str, service: str = "") -> str:
    """Return the ARN of a resource of the service that is asked, or another; a value that is an ARN stays as it is."""
    place = f"arn:aws:{service or request.service}:{request.region}:{ACCOUNT}"
    return value if value.startswith("arn:") else f"{place}:{kind}:{value}"


def forms(action: str) -> dict[str, list[str]]:
    """Return the kinds of resources that an action takes, as forms of ARNs, each with its condition keys."""
    service, name = action.split(":")
    found: list[dict[str, Any]] = (get_action_data(service, name) or {}).get(service, [])
    return {each["resource_arn_format"]: each["condition_keys"] for each in found}


def _is_of(form: str, arn: str) -> bool:
    return form != "*" and re.fullmatch(re.sub(r"\\\$\\\{[^}]*\\\}", ".+", re.escape(form)), arn) is not None


def _filled(form: str, request: AwsRequest) -> str:
    """Return a form of ARNs with what the request says; what it does not say stands for something that is there."""
    given = {name.lower(): str(value) for name, value in request.parameters.items()}
    for value in given.values():
        if value.startswith("arn:") and _is_of(form, value):
            return value
    known = {"partition": "aws", "region": request.region, "account": ACCOUNT}
    return re.sub(
        r"\$\{([^}]*)\}", lambda each: given.get(each[1].lower(), known.get(each[1].lower(), "something")), form
    )


def context_of(
    action: str, resource: str, given: Mapping[str, Any], sent: Mapping[str, str], there: Mapping[str, str]
) -> dict[str, Any]:
    """Return the condition keys of a request that AWS lists for the action and this kind of resource."""
    listed = {key.split("/")[0] for form, keys in forms(action).items() if _is_of(form, resource) for key in keys}
    listed |= {key.split("/")[0] for key in forms(action).get("*", ())}
    found: dict[str, Any] = {f"aws:RequestTag/{key}": value for key, value in sent.items()}
    found |= {f"aws:ResourceTag/{key}": value for key, value in there.items()}
    if sent:
        found["aws:TagKeys"] = list(sent)
    if "PubliclyAccessible" in given:
        found["rds:PubliclyAccessible"] = str(given["PubliclyAccessible"]).lower()
    return {key: value for key, value in found.items() if key.split("/")[0] in listed}


@contextmanager
def enforced(sandbox: RunningSandbox, decide: Decide) -> Iterator[Door]:
    """Open a door before a sandbox on a port of loopback."""
    door = Door(sandbox, decide)

    def refusal(asked: BaseHTTPRequestHandler, body: bytes) -> Response | None:
        path, _, query = asked.path.partition("?")
        environ = {
            "REQUEST_METHOD": asked.command,
            "PATH_INFO": path,
            "RAW_URI": asked.path,
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "CONTENT_TYPE": asked.headers.get("Content-Type", ""),
        }
        environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in asked.headers.items()}
        request = read_request(environ, body)
        caller = KEY.search(asked.headers.get("Authorization", ""))
        if request is None or caller is None:
            return None  # not signed: the sandbox's own doors, and what it refuses by itself
        sentence = door.refusal(caller[1], request)
        return error_response(request.protocol, 403, "AccessDenied", sentence) if sentence else None

    with front(sandbox, refusal) as door.url:
        yield door
