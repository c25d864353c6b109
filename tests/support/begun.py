"""A run in a sandbox that a test has opened, of what is no database: its folder, its record, and its only recovery point."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drills.aws.guarded.guard import Guard, Protected
from drills.clock import SystemClock
from drills.model.record import SCHEMA_VERSION, RunRecord, TargetSummary
from drills.record import Journal, load, new_run_id
from drills.run import context
from drills.run.plan import SERVICE_NAME
from tests.support.sandbox import RunningSandbox


@dataclass(frozen=True)
class BegunRun:
    """A run of the target of that name, the record that it writes, its configuration, and the sandbox."""

    sandbox: RunningSandbox
    folder: Path
    name: str
    config: Path

    @property
    def record(self) -> RunRecord:
        """What the record holds on disk."""
        return load(self.folder)

    @property
    def point(self) -> str:
        """The ARN of its only recovery point."""
        backup = self.sandbox.client("backup")
        (point,) = backup.list_recovery_points_by_backup_vault(BackupVaultName=f"{self.name}-vault")["RecoveryPoints"]
        return str(point["RecoveryPointArn"])

    def guard(self, *protected: str, run: str = "") -> Guard:
        """A guard of this run, or of another one."""
        setup = context.open_setup(self.folder, Journal.open(self.folder))
        return Guard(setup.scratch_clients, run or self.record.run_id, Protected(frozenset(protected)))

    def outcomes(self) -> dict[str, str]:
        """The verdicts so far."""
        return {each.name: each.outcome for each in self.record.verdicts}


def open_run(
    sandbox: RunningSandbox, place: Path, name: str, config: str, **options: Any
) -> tuple[Path, Path, Journal]:
    """The folder, the configuration and the journal of a run that has done nothing yet."""
    written, folder = place / "drill.toml", place / "run"
    written.write_text(config)
    folder.mkdir()
    context.save(folder, context.RunOptions(config_file=str(written), target=name, **options))
    (folder / SERVICE_NAME).write_text(json.dumps({"endpoint": sandbox.endpoint, "ca": sandbox.ca}))
    target, now = context.read(folder).effective().target, sandbox.control.now()
    opening = RunRecord(
        *(SCHEMA_VERSION, new_run_id(now), "sandbox", True, now, "test"),
        target=TargetSummary(name, target.instance, target.vault, kind=target.record_kind),
        objectives=target.objectives(),
    )
    return folder, written, Journal.create(folder, opening, origin=SystemClock().monotonic())
