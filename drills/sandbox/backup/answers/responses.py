"""Has moto call the method of the answers that has the name of an operation; report plans are moto's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import moto.backup.urls
from moto.backup.responses import BackupResponse

from drills.sandbox.backup.answers.jobs import BackupJobAnswers, CopyJobAnswers, RestoreJobAnswers
from drills.sandbox.backup.answers.plans import PlanAnswers, SelectionAnswers
from drills.sandbox.backup.answers.points import PointAnswers, ProtectedResourceAnswers
from drills.sandbox.backup.answers.request import BackupRequest
from drills.sandbox.backup.answers.restore_tests import RestoreTestAnswers
from drills.sandbox.backup.answers.tags import TagAnswers
from drills.sandbox.backup.answers.vaults import VaultAnswers
from drills.sandbox.backup.backend import SandboxBackup
from drills.sandbox.backup.service import BackupService
from drills.sandbox.base.url_table import UrlTable

ANSWERS: tuple[type[Any], ...] = (
    VaultAnswers,
    PointAnswers,
    ProtectedResourceAnswers,
    TagAnswers,
    BackupJobAnswers,
    CopyJobAnswers,
    RestoreJobAnswers,
    PlanAnswers,
    SelectionAnswers,
    RestoreTestAnswers,
)


def operations(answers: type[Any]) -> list[str]:
    """Return the operations that a class answers: its public methods, named as moto names an operation."""
    return [name for name, _ in inspect.getmembers(answers, inspect.isfunction) if not name.startswith("_")]


class SandboxBackupResponse(BackupResponse):
    """One request to AWS Backup. Its operations are added below, from the classes in `ANSWERS`."""

    def _service(self) -> BackupService:
        backend = self.backup_backend
        assert isinstance(backend, SandboxBackup)
        return backend.service

    def _request(self) -> BackupRequest:
        return BackupRequest(self.current_account, self.uri_match, self.normalized_request.args, self.body)


def _method(answers: type[Any], name: str) -> Callable[[SandboxBackupResponse], Any]:
    def answer(self: SandboxBackupResponse) -> Any:
        return getattr(answers(self._request(), self._service()), name)()

    answer.__name__, answer.__doc__ = name, getattr(answers, name).__doc__
    return answer


for _answers in ANSWERS:
    for _name in operations(_answers):
        setattr(SandboxBackupResponse, _name, _method(_answers, _name))

# one route for all: botocore's own REST router tells the operations apart, also where an ARN in the path holds colons
URLS = UrlTable(moto.backup.urls.url_bases, {"{0}/(?P<rest>.+)$": SandboxBackupResponse.dispatch})
