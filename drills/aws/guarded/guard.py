"""The one door through which a drill changes AWS: it makes, changes and removes what is provably the run's own.

Right before each call the guard checks the account and region, the name (drills/aws/guarded/names.py), the run's tag, the identity
that AWS has given (DbiResourceId, GroupId) and that it is not the source's. It refuses with a sentence. The permit that it
gives for the call is what the clients ask for (drills/aws/guarded/permits.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from drills.aws import owned
from drills.aws.databases.kinds import INSTANCE, Kind
from drills.aws.guarded.names import RESTORE_TEST_TAG, LockName, ScratchName, check_name
from drills.aws.guarded.permits import permit
from drills.aws.guarded.requests import RESTORE_JOB, named, restore_job
from drills.aws.guarded.rules import (
    ARNS,
    CHANGES,
    EXTENDS,
    IDENTITY,
    MAKES,
    RELEASES,
    RENAMES,
    SOURCES,
    TAGS_OF_DRILLS,
    Rule,
)
from drills.aws.owned import Raw
from drills.aws.read import EXPIRES_TAG, RUN_TAG, is_not_found
from drills.aws.session import Clients
from drills.clock import Clock, SystemClock
from drills.errors import Refused
from drills.model.instance import Instance, ResourceKind
from drills.model.record import RunRecord
from drills.private_process import bare

FRESH = 60.0  # seconds for which what AWS has just answered proves whose a thing is; afterwards it is read again

EMPTIED_AT_ONCE = 100  # pages of a thousand versions, between two looks at the time that a clean-up has


class NotOwn(Refused):
    """A thing of that name is not this run's."""


class Gone(NotOwn):
    """What was this run's a moment ago is not there any more."""


_SEAL = object()


@dataclass(frozen=True, slots=True)
class Mine:
    """Proof that something is this run's own: what AWS said of it, and when. Made by a Guard alone."""

    kind: ResourceKind
    name: str
    raw: Raw = field(repr=False)
    proved_at: float
    seal: object = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a proof that no guard has made."""
        if self.seal is not _SEAL:
            raise TypeError("a proof of ownership is made by Guard.prove or Guard.make alone")

    @property
    def resource_id(self) -> str:
        """The identity that AWS has given: DbiResourceId, DbClusterResourceId or GroupId; "" where the kind has none."""
        return identity_of(self.kind, self.raw)


@dataclass(frozen=True, slots=True)
class Protected:
    """What no drill ever changes: the sources, by their names and by DbiResourceId, which a renaming does not change."""

    names: frozenset[str] = frozenset()
    resource_ids: frozenset[str] = frozenset()

    @classmethod
    def of(cls, record: RunRecord) -> Protected:
        """Return the source of a run, as its record knows it."""
        known = record.target
        if known is None:
            return cls()
        return cls(frozenset({known.instance_id} - {""}), frozenset({known.dbi_resource_id} - {""}))


class Guard:
    """Makes, changes and removes the things of one run in one account and region. Every call raises what boto3 raises."""

    def __init__(
        self, clients: Clients, run_id: str, protected: Protected | None = None, clock: Clock | None = None
    ) -> None:
        self._clients = clients
        self._run_id = run_id
        self._protected = protected or Protected()
        self._clock = clock or SystemClock()

    @property
    def run_id(self) -> str:
        """The run whose things these are."""
        return self._run_id

    # -- making -------------------------------------------------------------------------------------------------------

    def make(self, operation: str, name: ScratchName | LockName, **parameters: Any) -> Mine:
        """Make something under a name of this run, with the run's tag; return the proof that it is this run's."""
        rule = _rule(MAKES, operation)
        check_place(self._clients)
        lock = isinstance(name, LockName) and operation == "rds:CreateDBParameterGroup"
        own = isinstance(name, ScratchName) and name.run_id == self._run_id
        if not (lock or own) or parameters.get(rule.parameter, name) != name:
            raise Refused(f'expected a name of the run {self._run_id}, found "{name}": {operation} was not sent')
        if (RUN_TAG, self._run_id) not in _tags_given(parameters):
            raise Refused(
                f"expected {operation} to carry the tag {RUN_TAG}={self._run_id}, found none: it was not sent"
            )
        if operation == "rds:CreateDBInstance":
            self._check_cluster(str(parameters.get("DBClusterIdentifier", "")))
        answer = _send(self._clients, operation, {**parameters, rule.parameter: str(name)})
        raw = {rule.key: str(name), **((answer.get(rule.answer) or {}) if rule.answer else answer)}
        return Mine(rule.kind, name, raw, self._clock.monotonic(), _SEAL)

    def _check_cluster(self, cluster: str) -> None:
        """Refuse an instance of another cluster than this run's own, or than one that a restore test made, which has none."""
        if cluster.startswith(f"{RESTORE_TEST_TAG}-") and self._made_by_restore_test(cluster):
            return
        try:
            ScratchName.read(cluster, self._run_id)
        except Refused as error:
            raise Refused(
                f'expected an instance of a cluster of the run {self._run_id}, found "{cluster}": {error}; '
                "rds:CreateDBInstance was not sent"
            ) from error

    def _made_by_restore_test(self, cluster: str) -> bool:
        """Return whether it carries AWS Backup's own tag, and is no source."""
        return any(
            not why_protected("db-cluster", raw, self._protected)
            and not why_elsewhere(raw, self._clients)
            and any(tag.get("Key") == RESTORE_TEST_TAG for tag in raw.get("TagList") or ())
            for raw in owned.find(self._clients, "db-cluster", cluster)
        )

    def restore_named(
        self, name: ScratchName, named_by: str, point_arn: str, role_arn: str, metadata: Mapping[str, str]
    ) -> str:
        """Have AWS Backup restore a point under a name of this run, which the metadata have as `named_by`; return the job's id.

        StartRestoreJob takes no tags of its own: `change` sets them once the copy is there, and until then its name and what AWS
        tells of its restore prove whose it is (drills/aws/owned.py).
        """
        if not isinstance(name, ScratchName) or name.run_id != self._run_id or name in self._protected.names:
            raise Refused(
                f'expected a name of the run {self._run_id}, found "{name}": backup:StartRestoreJob was not sent'
            )
        return self._start_restore(point_arn, role_arn, named(metadata, named_by, name), name)

    def restore_volume(self, point_arn: str, role_arn: str, metadata: Mapping[str, str]) -> str:
        """Have AWS Backup restore a volume from a point; return the id of the job, by which the run calls the volume.

        A volume has no name: until `change` has set the tags, the job proves whose it is.
        """
        return self._start_restore(point_arn, role_arn, metadata, ScratchName(self._run_id, "recovery"))

    def _start_restore(self, point_arn: str, role_arn: str, metadata: Mapping[str, str], token: ScratchName) -> str:
        check_place(self._clients)
        request = restore_job(point_arn, role_arn, metadata, token)
        return str(_send(self._clients, f"backup:{RESTORE_JOB}", request)["RestoreJobId"])

    # -- proving ------------------------------------------------------------------------------------------------------

    def prove(self, kind: ResourceKind, name: str, resource_id: str = "") -> tuple[Mine, ...]:
        """Return what there is of that name now and is this run's; nothing where AWS has nothing of that name.

        `resource_id` is the identity that it must have, where that is known. Raises NotOwn, with the reason, where all that
        there is belongs to somebody else: a name can be guessed, and a record is a file that can be edited.
        """
        check_place(self._clients)
        try:
            check_name(kind, name, self._run_id)
        except Refused as error:
            raise NotOwn(str(error)) from error
        now = self._clock.monotonic()
        mine, reasons = [], []
        for raw in owned.find(self._clients, kind, name):
            try:
                reason = self._why_not(kind, raw, resource_id)
            except ClientError as error:
                if is_not_found(error):  # it has gone since it was found
                    continue
                raise
            if reason:
                reasons.append(reason)
            else:
                mine.append(Mine(kind, name, raw, now, _SEAL))
        if reasons and not mine:
            raise NotOwn(reasons[0])
        return tuple(mine)

    def _why_not(self, kind: ResourceKind, raw: Raw, resource_id: str) -> str:
        """Return why a thing is not this run's to change, "" where it is."""
        reason = why_protected(kind, raw, self._protected) or why_elsewhere(raw, self._clients)
        found = identity_of(kind, raw)
        if not reason and resource_id and kind in IDENTITY and found != resource_id:
            reason = f"it is {found or 'without an identity'}, and what this run made is {resource_id}"
        if not reason and not owned.is_own(self._clients, kind, raw, self._run_id):
            reason = "it does not carry this run's tag"
        return reason

    # -- changing and removing ------------------------------------------------------------------------------------------

    def change(self, operation: str, mine: Mine, **parameters: Any) -> Raw:
        """Change or remove what is proved to be this run's; return AWS's answer. Proved again where the proof is old.

        The guard itself puts in what the call is about, from the proof. Nothing can be renamed.
        """
        rule = _rule(CHANGES, operation)
        if rule.kind != mine.kind:
            raise Refused(f"expected {operation} to be about a {rule.kind}, found a {mine.kind}: it was not sent")
        if rule.parameter in parameters or RENAMES & parameters.keys():
            raise Refused(f"expected {operation} to leave the name to the guard, found one given: it was not sent")
        if self._clock.monotonic() - mine.proved_at > FRESH:
            mine = self._prove_again(mine)
        check_place(self._clients)
        owner = {"ExpectedBucketOwner": self._clients.account} if operation.startswith("s3:") else {}
        return _send(self._clients, operation, {rule.parameter: mine.raw[rule.key], **owner, **parameters})

    def empty(self, mine: Mine) -> None:
        """Delete what versions of objects a bucket of this run has, at most EMPTIED_AT_ONCE pages of them. ValueError elsewhere."""
        if mine.kind != "s3-bucket":
            raise ValueError(f"a {mine.kind} has no objects")
        listed = self._clients.client("s3").get_paginator("list_object_versions")
        pages = listed.paginate(Bucket=mine.raw["Name"], ExpectedBucketOwner=self._clients.account)
        for page in itertools.islice(pages, EMPTIED_AT_ONCE):
            found = (*(page.get("Versions") or ()), *(page.get("DeleteMarkers") or ()))
            versions = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
            if not versions:
                continue
            answer = self.change("s3:DeleteObjects", mine, Delete={"Objects": versions, "Quiet": True})
            for refused in answer.get("Errors") or ():
                raise ClientError({"Error": {"Code": refused["Code"], "Message": refused["Message"]}}, "DeleteObjects")

    def extend(self, mine: Mine, expires: datetime) -> None:
        """Set the instant until which a sweep leaves a thing alone: the tag EXPIRES_TAG, and no other.

        ValueError for a log group, which has the time of its instance.
        """
        if mine.kind not in EXTENDS:
            raise ValueError(f"a {mine.kind} has no time of its own")
        operation, member, key = EXTENDS[mine.kind]
        check_place(self._clients)
        mine = self._prove_again(mine)
        named: Any = mine.raw[key]
        tags = [{"Key": EXPIRES_TAG, "Value": expires.isoformat(timespec="seconds")}]
        _send(self._clients, operation, {member: [named] if member == "Resources" else named, "Tags": tags})

    def release(self, mine: Mine) -> None:
        """Take the tags `drills:*` off a thing, so that it is no run's any more and nothing of drills touches it again.

        ValueError for a log group, which has none.
        """
        if mine.kind not in EXTENDS:
            raise ValueError(f"a {mine.kind} has no tags of its own")
        operation, member, key = EXTENDS[mine.kind]
        check_place(self._clients)
        mine = self._prove_again(mine)
        tags = owned.tags_of(self._clients, mine.raw)
        keys = [str(each["Key"]) for each in tags if str(each["Key"]).startswith(TAGS_OF_DRILLS)]
        named: Any = [mine.raw[key]] if member == "Resources" else mine.raw[key]
        given = {"Tags": [{"Key": each} for each in keys]} if member == "Resources" else {"TagKeys": keys}
        _send(self._clients, RELEASES[operation], {member: named, **given})

    def _prove_again(self, mine: Mine) -> Mine:
        for each in self.prove(mine.kind, mine.name, mine.resource_id):
            if each.resource_id == mine.resource_id:
                return each
        raise Gone(f"expected {mine.kind} {mine.name} of this run, found that it is gone: nothing was changed")


def _send(clients: Clients, operation: str, parameters: Mapping[str, Any]) -> Raw:
    """Send what was checked, under a permit; an error of a call with a secret comes without the frames that hold it."""
    service, name = operation.split(":")
    client = getattr(clients, service) if hasattr(clients, service) else clients.client(service)
    call = getattr(client, xform_name(name))
    try:
        with permit(operation):
            answer: Raw = call(**{key: _plain(value) for key, value in parameters.items()})
    except (ClientError, BotoCoreError) as error:
        if any(isinstance(value, SecretStr) for value in parameters.values()):
            raise bare(error) from None  # botocore's frames hold the request
        raise
    return answer


def set_password_of_restore_test(
    clients: Clients, made: Instance, protected: Protected, password: SecretStr, kind: Kind = INSTANCE
) -> None:
    """Set the password of what a restore test of AWS Backup made: the one change of what a run has not made.

    Refused where that of the name is not `made` any more, lacks AWS Backup's tag, or is the source.
    """
    check_place(clients)
    for raw in owned.find(clients, kind.copy, made.id):
        reason = why_protected(kind.copy, raw, protected) or why_elsewhere(raw, clients)
        if (kind.resource_of(raw), raw.get(kind.own_arn)) != (made.dbi_resource_id, made.arn):
            other = kind.resource_of(raw) or "of no known identity"
            reason = reason or f"it is {other}, and what the restore test made is {made.dbi_resource_id}"
        if all(tag.get("Key") != RESTORE_TEST_TAG for tag in raw.get("TagList") or ()):
            reason = reason or f"no tag {RESTORE_TEST_TAG}"
        if reason:
            raise NotOwn(
                f"expected {made.id} to be what a restore test made, found {reason}: its password is not changed"
            )
        changes = {kind.identifier: made.id, "MasterUserPassword": password, "ApplyImmediately": True}
        _send(clients, f"rds:{kind.modify}", changes)
        return
    raise NotOwn(f"expected the {kind.name} {made.id} of the restore test, found none: its window may have ended")


# -- pure -------------------------------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    """Return a secret's value, at the last moment; anything else as it is."""
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _rule(rules: Mapping[str, Rule], operation: str) -> Rule:
    if operation not in rules:
        raise Refused(f"expected an operation that a drill sends ({', '.join(sorted(rules))}), found {operation}")
    return rules[operation]


def check_place(clients: Clients) -> None:
    """Refuse an account or region that the profile does not allow. Pure."""
    for what, found, allowed in (
        ("account", clients.account, clients.allowed_accounts),
        ("region", clients.region, clients.allowed_regions),
    ):
        if allowed is not None and found not in allowed:
            raise Refused(
                f"expected an allowed {what} ({', '.join(allowed) or 'none is'}), found {found or 'one that is not known'}: "
                "nothing was changed"
            )


def identity_of(kind: ResourceKind, raw: Raw) -> str:
    """Return the identity that AWS has given a thing; "" where its kind has none, or AWS does not say it. Pure."""
    return str(raw.get(IDENTITY[kind], "")) if kind in IDENTITY else ""


def why_protected(kind: ResourceKind, raw: Raw, protected: Protected) -> str:
    """Return why a thing is the source's own and so never touched, "" where it is not. Pure."""
    if kind not in SOURCES:
        return ""
    name, identity = raw.get(SOURCES[kind]), identity_of(kind, raw)
    if identity and identity in protected.resource_ids:
        return f"it is the source, {identity}, under whatever name"
    if kind == "db-instance" and raw.get("DBClusterIdentifier") in protected.names:
        return f"{name} is an instance of the source, the cluster {raw['DBClusterIdentifier']}"
    return f"{name} is the name of the source" if name in protected.names else ""


def why_elsewhere(raw: Raw, clients: Clients) -> str:
    """Return why a thing is of another account or region than the clients', by its ARNs; "" where it is not. Pure."""
    for arn in (str(raw[key]) for key in ARNS if raw.get(key)):
        parts = arn.split(":")
        if len(parts) < 5:
            return f"its ARN, {arn}, names no region and account"
        for what, found, here in (("region", parts[3], clients.region), ("account", parts[4], clients.account)):
            if here and found and found != here:
                return f"it is in {what} {found}, and this run acts in {here}"
    return ""


def _tags_given(parameters: Mapping[str, Any]) -> Collection[tuple[str, str]]:
    """Return the tags of a request as pairs."""
    specified = (tag for each in parameters.get("TagSpecifications", ()) for tag in each.get("Tags", ()))
    of_bucket = (parameters.get("CreateBucketConfiguration") or {}).get("Tags", ())
    return {(str(tag["Key"]), str(tag["Value"])) for tag in (*parameters.get("Tags", ()), *specified, *of_bucket)}
