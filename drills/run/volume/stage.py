"""Sets the scene in the sandbox for the drill of an EBS volume: a volume that has the target's id, and its backup.

`python -m drills.run.volume.stage FOLDER` is started by the supervisor before the features. Elsewhere than in the sandbox a drill
makes no backup and this is not run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from drills.record import Journal
from drills.run.scene import plan
from drills.run.scene.lent import key_of_source, lend_as_asked
from drills.run.scene.resource import carry_out, open_scene, protect
from drills.sandbox_client import SandboxControl

SETTINGS = {"Size": 20, "VolumeType": "gp3", "Iops": 4000, "Throughput": 250, "Encrypted": True}


def main(arguments: Sequence[str] | None = None) -> int:
    """Stage the run in FOLDER; 0, or the exit code of the error that is then in the run record."""
    return carry_out(arguments, _stage)


def _stage(folder: Path, journal: Journal) -> None:
    scene = open_scene(folder)
    clients, target = scene.clients, scene.effective.target
    journal.enter("create the source", note="a volume without contents")
    tags = [{"Key": key, "Value": value} for key, value in {"team": "files", **target.tags}.items()]
    zone = clients.ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    specified = [{"ResourceType": "volume", "Tags": tags}]
    wanted = SETTINGS | key_of_source(scene)
    made = clients.ec2.create_volume(AvailabilityZone=zone, TagSpecifications=specified, **wanted)["VolumeId"]
    SandboxControl(scene.service.endpoint).name_volume(made, target.instance)
    lend_as_asked(scene, protect(scene, plan.arn_of(target, clients), journal), journal)
    journal.enter("collect the scenarios")


if __name__ == "__main__":
    raise SystemExit(main())
