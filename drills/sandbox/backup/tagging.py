"""ListTags, TagResource and UntagResource, for all resources of AWS Backup."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from moto.backup.exceptions import ResourceNotFoundException

from drills.sandbox.backup.plans import Plans
from drills.sandbox.backup.points import Points, as_tag_list
from drills.sandbox.backup.region import Region
from drills.sandbox.backup.testing_plans import TestingPlans
from drills.sandbox.backup.vaults import Vaults


class Tagging:
    """The tags of one region's resources. `report_plans` returns the ARNs of moto's report plans."""

    def __init__(
        self,
        region: Region,
        vaults: Vaults,
        points: Points,
        plans: Plans,
        testing_plans: TestingPlans,
        report_plans: Callable[[], Iterable[str]],
    ) -> None:
        self._region = region
        self._vaults = vaults
        self._points = points
        self._plans = plans
        self._testing_plans = testing_plans
        self._report_plans = report_plans

    def tags_of(self, arn: str) -> dict[str, str]:
        """ListTags: ResourceNotFoundException for an ARN that AWS Backup does not have."""
        if self._points.find(arn) is None and arn not in self._arns():
            raise ResourceNotFoundException(f"Cannot find the resource {arn}.")
        return self._region.tags.of(arn)

    def _arns(self) -> set[str]:
        return {
            *(plan.arn for plan in self._plans.in_force()),
            *(plan.arn for plan in self._testing_plans),
            *(vault.backup_vault_arn for vault in self._vaults),
            *self._report_plans(),
        }

    def add(self, arn: str, tags: Mapping[str, str]) -> None:
        """TagResource; the snapshot of a recovery point gets the point's tags."""
        self.tags_of(arn)
        self._region.tags.add(arn, tags)
        self._update_point(arn)

    def remove(self, arn: str, keys: Sequence[str]) -> None:
        """UntagResource; the snapshot of a recovery point gets the point's tags."""
        self.tags_of(arn)
        self._region.tags.remove(arn, keys)
        self._update_point(arn)

    def _update_point(self, arn: str) -> None:
        point = self._points.find(arn)
        if point is not None:
            point.tags = self._region.tags.of(arn)
            self._region.resources.set_tags(point.arn, as_tag_list(point.tags))
