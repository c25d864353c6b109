"""The operations of AWS Backup, put together; a room for each kind: backup_job_answers.py and so on."""

from __future__ import annotations

from types import SimpleNamespace

import moto.backup.urls

from drills.sandbox.backup.job_answers import JobAnswers
from drills.sandbox.backup.plan_answers import PlanAnswers
from drills.sandbox.backup.point_answers import PointAnswers
from drills.sandbox.backup.testing_answers import TestingAnswers


class SandboxBackupResponse(PointAnswers, JobAnswers, PlanAnswers, TestingAnswers):
    """Every operation that is here, and those that only moto has (report plans)."""


# one route for all: botocore's own REST router tells the operations apart, also where an ARN in the path holds colons
URLS = SimpleNamespace(
    url_bases=moto.backup.urls.url_bases, url_paths={"{0}/(?P<rest>.+)$": SandboxBackupResponse.dispatch}
)
