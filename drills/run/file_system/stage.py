"""Sets the scene in the sandbox for the drill of an EFS file system: one that has the target's id, and its backup.

`python -m drills.run.file_system.stage FOLDER` is started by the supervisor before the features. Elsewhere than in the sandbox a
drill makes no backup and this is not run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drills.record import Journal
from drills.run.scene import plan
from drills.run.scene.lent import lend_as_asked
from drills.run.scene.resource import carry_out, open_scene, protect
from drills.sandbox_client import SandboxControl

SIZE = 64 * 1024**2  # bytes, of files that nobody has written


def main(arguments: Sequence[str] | None = None) -> int:
    """Stage the run in FOLDER; 0, or the exit code of the error that is then in the run record."""
    return carry_out(arguments, _stage)


def _stage(folder: Path, journal: Journal) -> None:
    scene = open_scene(folder)
    target, efs = scene.effective.target, scene.clients.client("efs")
    journal.enter("create the source", note="a file system without contents")
    tags = [{"Key": key, "Value": value} for key, value in {"team": "files", **target.tags}.items()]
    wanted = {"ThroughputMode": "provisioned", "ProvisionedThroughputInMibps": 64.0, "Encrypted": True, "Tags": tags}
    made = efs.create_file_system(CreationToken=target.instance, **wanted)["FileSystemId"]
    SandboxControl(scene.service.endpoint).name_file_system(made, target.instance, SIZE)
    arn = plan.arn_of(target, scene.clients)
    _set_up(efs, target.instance, arn)
    lend_as_asked(scene, protect(scene, arn, journal), journal)
    journal.enter("collect the scenarios")


def _set_up(efs: Any, file_system: str, arn: str) -> None:
    """Give the source what no restore brings back."""
    statement: Mapping[str, object] = {
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": ["elasticfilesystem:ClientMount"],
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    efs.put_file_system_policy(FileSystemId=file_system, Policy=policy)
    efs.put_lifecycle_configuration(FileSystemId=file_system, LifecyclePolicies=[{"TransitionToIA": "AFTER_30_DAYS"}])
    user = {"Uid": 1000, "Gid": 1000}
    root = {"Path": "/media"}
    efs.create_access_point(ClientToken="media", FileSystemId=file_system, PosixUser=user, RootDirectory=root)


if __name__ == "__main__":
    raise SystemExit(main())
