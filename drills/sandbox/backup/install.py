"""Puts the sandbox's AWS Backup into moto."""

from __future__ import annotations

from moto.backup.models import backup_backends

from drills.sandbox.backup.accounts import BackupAccounts
from drills.sandbox.backup.air_gapped import let_vaults_be_shared
from drills.sandbox.backup.answers.responses import URLS
from drills.sandbox.backup.backend import SandboxBackup
from drills.sandbox.backup.region import FastForward
from drills.sandbox.base.moto_backends import install_backend
from drills.sandbox.state import DataPlane


def install(plane: DataPlane) -> BackupAccounts:
    """Make this the AWS Backup of moto, before its first request and after RDS, and start its schedules."""
    let_vaults_be_shared()
    fast_forward = FastForward()
    backups = BackupAccounts(plane, fast_forward, backup_backends)
    install_backend(
        backup_backends,
        SandboxBackup,
        plane=plane,
        fast_forward=fast_forward,
        find_region=backups.of_vault,
        urls=URLS,
    )
    backups.start()
    return backups
