"""What AWS told of what is no database and was restored, read from the recorded calls. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drills.model.instance import BUCKET, FILE_SYSTEM, TABLE, StatusChange
from drills.recovery.resource.observed import CopySeen
from drills.replay.differences import Difference

_NO_TABLE = "ResourceNotFoundException"  # DynamoDB API reference, DescribeTable and ListTagsOfResource
_NO_BUCKET = "NoSuchBucket"
_STAGE = "stage"  # the process that sets the scene in the sandbox, and is no part of a drill


@dataclass(frozen=True, slots=True)
class Told:
    """The recorded calls of a run, of whose copies each is of this kind."""

    calls: Sequence[Mapping[str, Any]]
    kind: str

    def _of(self, operation: str) -> Iterator[Mapping[str, Any]]:
        for each in self.calls:
            if each["operation"] == operation and each["process"] != _STAGE:
                yield each

    def jobs(self) -> list[str]:
        """Return the restore jobs that were begun, as AWS Backup called them."""
        return [str(each["answer"]["RestoreJobId"]) for each in self._of("backup.StartRestoreJob") if each["answer"]]

    def table_id(self, name: str) -> str | None:
        """Return the identity of a table as it was first described, None of one that was gone."""
        first = next(self._tables(name), None)
        return None if first is None or first["error"] else str(first["answer"]["Table"].get("TableId", ""))

    def volume(self, volume: str) -> Mapping[str, Any] | None:
        """Return a volume as EC2 described it last, None of one that it never did."""
        return next(reversed([each for each in self._volumes() if each["VolumeId"] == volume]), None)

    def file_system(self, file_system: str) -> Mapping[str, Any] | None:
        """Return a file system as EFS described it last, None of one that it never did."""
        described = [each for each in self._file_systems() if each["FileSystemId"] == file_system]
        return next(reversed(described), None)

    def bucket(self, bucket: str) -> dict[str, Mapping[str, Any]] | None:
        """Return what S3 told first of a bucket, by operation; None of one that was gone, or never asked for."""
        found: dict[str, Mapping[str, Any]] = {}
        for each in self._about(bucket):
            if (each["error"] or {}).get("code") == _NO_BUCKET and not found:
                return None
            if each["answer"] is not None:
                found.setdefault(str(each["operation"]), each["answer"])
        return found or None

    def called(self, copy: str, seen: CopySeen) -> Iterator[Difference]:
        """Yield that AWS never called the copy so; a table is also read, one item of it."""
        states = self._states(copy, seen.id)
        if seen.state not in states:
            yield Difference(f"state of {seen.id}", seen.state, ", ".join(states) or "nothing")
        asked = {TABLE: ("dynamodb.Scan", "TableName", "readable"), BUCKET: ("s3.ListObjectsV2", "Bucket", "available")}
        if self.kind in asked:
            operation, member, check = asked[self.kind]
            read = [each for each in self._of(operation) if each["parameters"].get(member) == copy]
            if not any(each["error"] is None for each in read):
                yield Difference(f"restorations[{copy}].checks[{check}]", "met", "nothing: nothing of it was asked for")

    def statuses(self, copy: str, recorded: Sequence[StatusChange]) -> Iterator[Difference]:
        """Yield each status of a copy that AWS never told."""
        told = self._states(copy)
        for each in recorded:
            if each.status not in told:
                what = f"restorations[{copy}].statuses[{each.status}]"
                yield Difference(what, each.status, f"one of {', '.join(told) or 'none'}")

    def identities(self, name: str, identity: str) -> list[str]:
        """Return each identity that AWS told of a copy; of a volume its own where EC2 has described it."""
        if self.kind == FILE_SYSTEM:
            return sorted({each["FileSystemId"] for each in self._file_systems() if each["CreationToken"] == name})
        if self.kind == TABLE:
            described = (each["answer"]["Table"] for each in self._tables(name) if each["answer"])
            return sorted({str(each.get("TableId", "")) for each in described})
        return [identity] if self.volume(identity) else []

    def last(self, name: str, identity: str) -> str:
        """Return how AWS described a copy when it was last asked for, "" where it had it no more, or was never asked."""
        if self.kind == FILE_SYSTEM:
            asked = [
                each for each in self._of("efs.DescribeFileSystems") if each["parameters"].get("CreationToken") == name
            ]
            found = (asked[-1]["answer"] or {}).get("FileSystems") if asked else None
            return str(found[0]["LifeCycleState"]) if found else ""
        if self.kind == TABLE:
            return self._last_of_table(name)
        if self.kind == BUCKET:
            asked = [each for each in self._about(name) if each["operation"] == "s3.GetBucketTagging"]
            return "" if not asked or (asked[-1]["error"] or {}).get("code") == _NO_BUCKET else "there"
        listed = [each["answer"]["Volumes"] for each in self._of("ec2.DescribeVolumes") if each["answer"]]
        there = [each for each in (listed[-1] if listed else ()) if each["VolumeId"] == identity]
        return str(there[0]["State"]) if there else ""

    def _last_of_table(self, name: str) -> str:
        """Return the last status of a table, "" where a later answer was that there is none: also one about its tags."""
        status = ""
        for each in self.calls:
            about = each["parameters"].get("TableName") == name or str(
                each["parameters"].get("ResourceArn", "")
            ).endswith(f":table/{name}")
            if about and (each["error"] or {}).get("code") == _NO_TABLE:
                status = ""
            elif about and each["operation"] == "dynamodb.DescribeTable" and each["answer"]:
                status = str(each["answer"]["Table"]["TableStatus"])
        return status

    def _states(self, copy: str, identity: str = "") -> list[str]:
        if self.kind == FILE_SYSTEM:
            named = (each for each in self._file_systems() if each["CreationToken"] == copy)
            same = (each for each in named if not identity or each["FileSystemId"] == identity)
            return list(dict.fromkeys(str(each["LifeCycleState"]) for each in same))
        if self.kind == TABLE:
            described = (each["answer"]["Table"] for each in self._tables(copy) if each["answer"])
            return list(dict.fromkeys(str(each["TableStatus"]) for each in described))
        if self.kind == BUCKET:  # made by the run: its restore job alone tells how far it is
            jobs = (each["answer"] for each in self._of("backup.DescribeRestoreJob") if each["answer"])
            return list(dict.fromkeys(str(each["Status"]) for each in jobs))
        own = (each for each in self._volumes() if not identity or each["VolumeId"] == identity)
        return list(dict.fromkeys(str(each["State"]) for each in own))

    def _tables(self, name: str) -> Iterator[Mapping[str, Any]]:
        return (each for each in self._of("dynamodb.DescribeTable") if each["parameters"].get("TableName") == name)

    def _about(self, bucket: str) -> Iterator[Mapping[str, Any]]:
        """Yield the calls of S3 that name a bucket."""
        for each in self.calls:
            if (
                each["process"] != _STAGE
                and each["operation"].startswith("s3.")
                and each["parameters"].get("Bucket") == bucket
            ):
                yield each

    def _volumes(self) -> Iterator[Mapping[str, Any]]:
        for each in self._of("ec2.DescribeVolumes"):
            yield from (each["answer"] or {}).get("Volumes", ())

    def _file_systems(self) -> Iterator[Mapping[str, Any]]:
        for each in self._of("efs.DescribeFileSystems"):
            yield from (each["answer"] or {}).get("FileSystems", ())
