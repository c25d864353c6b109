"""Answers about tags and about the settings of a region."""

from __future__ import annotations

from moto.core.responses import ActionResult, EmptyResult

from drills.sandbox.backup.answers.request import BackupRequest
from drills.sandbox.backup.kinds.protected import AURORA, DYNAMODB, EBS, EFS, FULLY_MANAGED, RDS, S3
from drills.sandbox.backup.service import BackupService


class TagAnswers:
    """The operations on tags, and on the settings of a region."""

    def __init__(self, request: BackupRequest, service: BackupService) -> None:
        self._request = request
        self._tagging = service.tagging

    def list_tags(self) -> ActionResult:
        """ListTags."""
        return ActionResult({"Tags": self._tagging.tags_of(self._request.path("resourceArn"))})

    def tag_resource(self) -> EmptyResult:
        """TagResource."""
        self._tagging.add(self._request.path("resourceArn"), self._request.body().get("Tags") or {})
        return EmptyResult()

    def untag_resource(self) -> EmptyResult:
        """UntagResource."""
        self._tagging.remove(self._request.path("resourceArn"), self._request.body().get("TagKeyList") or [])
        return EmptyResult()

    def describe_region_settings(self) -> ActionResult:
        """DescribeRegionSettings: every type here is opted in; tables, file systems and buckets are managed fully by AWS Backup."""
        opted_in = {RDS: True, AURORA: True, DYNAMODB: True, EBS: True, EFS: True, S3: True}
        managed = dict.fromkeys(FULLY_MANAGED, True)
        return ActionResult({"ResourceTypeOptInPreference": opted_in, "ResourceTypeManagementPreference": managed})
