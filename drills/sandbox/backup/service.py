"""The AWS Backup of one region: its parts, each constructed with the parts that it works with."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from drills.sandbox.backup.air_gapped import AirGappedVaults
from drills.sandbox.backup.copies import CopyJobs
from drills.sandbox.backup.jobs import BackupJobs
from drills.sandbox.backup.plans import Plans
from drills.sandbox.backup.points import Points
from drills.sandbox.backup.region import Region
from drills.sandbox.backup.restore_tests import RestoreTests
from drills.sandbox.backup.restores import RestoreJobs
from drills.sandbox.backup.scheduler import Scheduler
from drills.sandbox.backup.tagging import Tagging
from drills.sandbox.backup.testing_plans import TestingPlans
from drills.sandbox.backup.vaults import Vaults


class BackupService:
    """The parts of AWS Backup in one region. It does nothing itself: callers use the part that they need.

    `find_region` returns the service of the region of a vault's ARN; InvalidParameterValueException for an ARN that
    names no vault of this sandbox. `report_plans` returns the ARNs of moto's report plans.
    """

    def __init__(
        self,
        region: Region,
        find_region: Callable[[str], BackupService],
        report_plans: Callable[[], Iterable[str]],
    ) -> None:
        self.region = region
        self.vaults = Vaults(region)
        self.points = Points(region, self.vaults)
        self.jobs = BackupJobs(region, self.vaults, self.points)
        self.copies = CopyJobs(region, self.vaults, self.points, lambda arn: find_region(arn).copies)
        self.air_gapped = AirGappedVaults(self, find_region)
        self.restores = RestoreJobs(region, self.air_gapped)
        self.plans = Plans(region, self.vaults, check_destination=find_region)
        self.scheduler = Scheduler(region, self.points, self.jobs, self.copies, self.plans)
        self.testing_plans = TestingPlans(region)
        self.tests = RestoreTests(region, self.vaults, self.points, self.restores, self.testing_plans)
        self.tagging = Tagging(region, self.vaults, self.points, self.plans, self.testing_plans, report_plans)
