"""The AWS Backup of all accounts and regions: finds a region by ARN, and does what falls due by itself."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from moto.backup.exceptions import InvalidParameterValueException
from moto.core.base_backend import BackendDict

from drills.sandbox.backup.models import RecoveryPoint
from drills.sandbox.backup.region import FastForward
from drills.sandbox.backup.scheduler import copy_missing_data
from drills.sandbox.backup.service import BackupService
from drills.sandbox.base.moto_backends import all_backends
from drills.sandbox.dynamodb.images import TableImages
from drills.sandbox.s3.images import BucketImages
from drills.sandbox.state import DataPlane

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0  # between two runs of what has fallen due


class BackupAccounts:
    """The AWS Backup of every account; `backends` is moto's table of backends, of which it takes the `service`."""

    def __init__(self, plane: DataPlane, fast_forward: FastForward, backends: BackendDict[Any]) -> None:
        self._plane = plane
        self._fast_forward = fast_forward
        self._backends = backends

    def services(self) -> list[BackupService]:
        """Return the service of each region that was used, in whatever account."""
        return [backend.service for backend in all_backends(self._backends)]

    def of_vault(self, arn: str) -> BackupService:
        """Return the service of a vault's account and region; InvalidParameterValueException for what is no ARN of a vault."""
        parts = arn.split(":")
        if len(parts) != 7 or not parts[4].isdecimal() or parts[2] != "backup" or parts[5] != "backup-vault":
            raise InvalidParameterValueException(f"Invalid backup vault ARN: {arn}")
        try:
            service: BackupService = self._backends[parts[4]][parts[3]].service
        except KeyError as error:
            raise InvalidParameterValueException(f"Invalid region in the backup vault ARN: {arn}") from error
        return service

    def find_point(self, arn: str) -> RecoveryPoint | None:
        """Return the recovery point with that ARN, whichever account and region it is in; None where there is none."""
        return next((point for each in self.services() if (point := each.points.find(arn))), None)

    def images_of(self, arn: str) -> TableImages | BucketImages | None:
        """Return what keeps the data of a recovery point of a table or a bucket; None where it is none of these."""
        region = next((each.region for each in self.services() if each.points.find(arn)), None)
        known = () if region is None else (region.dynamodb.images, region.s3.images)
        return next((images for images in known if arn in images), None)

    def run(self, until: datetime) -> None:
        """Do what has fallen due up to an instant, in every region. The plane's lock must be held."""
        for service in self.services():
            service.scheduler.fire(until)
            service.tests.choose(until)
        services = self.services()  # a copy may have gone to a region that was not used before
        for service in services:
            service.points.expire(service.tests.points_in_use())
        copy_missing_data([service.scheduler for service in services])
        for service in services:
            service.tests.run()
            if self._fast_forward.until is None:
                service.jobs.retry_waiting()
                service.tests.clean_up()

    def forward(self, seconds: float) -> datetime:
        """Move the clock forward over everything that falls due on the way; the new instant."""
        with self._plane.lock:
            self.run(self._plane.instant())
            self._fast_forward.until = until = self._plane.instant(seconds)
            try:
                self.run(until)
            finally:
                self._fast_forward.until = None
            now = self._plane.clock.forward(seconds)
            for service in self.services():
                service.tests.run()
            return now

    def start(self) -> None:
        """Do what falls due, every second of the sandbox's time, until the data plane is closed."""

        def work() -> None:
            while self._plane.clock.wait_until(self._plane.clock.monotonic() + INTERVAL_SECONDS):
                try:
                    with self._plane.lock:
                        self.run(self._plane.instant())
                except Exception:  # a run that fails must not prevent the later ones
                    log.exception("the backup schedules failed")

        self._plane.work("backup schedules", work)
