"""The drill of an EFS file system: what it restores, judges, measures and removes in the sandbox, and what it never touches."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drills.aws.guarded.guard import NotOwn
from drills.aws.guarded.names import ScratchName
from drills.cli.main import main
from drills.errors import Refused, RestoreFailed
from drills.model.price import Part
from drills.objectives import completeness, verdicts
from drills.record import Journal, new_run_id
from drills.recovery.file_system.drill import FileSystemDrill
from drills.run import context
from drills.run.file_system import stage as file_system_stage
from tests.support.begun import BegunRun, open_run
from tests.support.kept import forget
from tests.support.rds import eventually
from tests.support.sandbox import RunningSandbox

pytestmark = pytest.mark.sandbox
CONFIG = """
[profiles.sandbox]
poll_every = "30ms"
[targets.{name}]
file_system = "{file_system}"
vault = "{name}-vault"
rto = "5m"
rpo = "24h"
timeout = "60s"
"""
ROLE = "arn:aws:iam::123456789012:role/r"


class Begun(BegunRun):
    """A drill of a file system that was staged."""

    @property
    def file_system(self) -> str:
        """The id of the source."""
        return id_of(self.name)

    @property
    def efs(self) -> Any:
        """EFS."""
        return self.sandbox.client("efs")

    def drill(self) -> FileSystemDrill:
        """The drill, as the features open it."""
        return context.open_file_system_drill(self.folder, Journal.open(self.folder))

    def file_systems(self) -> list[str]:
        """The ids of the file systems that there are."""
        return [each["FileSystemId"] for each in self.efs.describe_file_systems()["FileSystems"]]


def id_of(name: str) -> str:
    """The id of the source of a target."""
    return f"fs-{name.encode().hex():0>17.17}"


Begin = Callable[[str], Begun]


@pytest.fixture
def begin(steady: RunningSandbox, tmp_path: Path) -> Iterator[Begin]:
    """Stages a file system of an id of its own, and opens a run of it; removes it, and its recovery points, at the end."""
    begun: list[Begun] = []
    steady.control.clear_faults()

    def stage(name: str) -> Begun:
        text = CONFIG.format(name=name, file_system=id_of(name))
        folder, config, journal = open_run(steady, tmp_path, name, text)
        file_system_stage._stage(folder, journal)
        begun.append(Begun(steady, folder, name, config))
        return begun[-1]

    yield stage
    for each in begun:
        for file_system in each.file_systems():
            each.efs.delete_file_system(FileSystemId=file_system)
        with contextlib.suppress(ClientError):
            forget(steady, f"{each.name}-vault")


def test_a_file_system_is_recovered_judged_and_removed_with_its_source_and_without(begin: Begin) -> None:
    """What a restore brings back is met and the rest is to do; contents and RPO are not verified; afterwards the source is alone.

    Where the source is gone a point tells no setting: the check is not verified, and nor is the RTO, which it blocks.
    """
    begun = begin("whole")
    drill = begun.drill()
    restoration = drill.recover()
    judged = {
        "recovery point": "met",
        "rto": "met",
        "rpo": "not verified",
        "available": "met",
        "settings": "met",
        "contents": "not verified",
    }
    assert begun.outcomes() == judged
    record = begun.record
    assert 12 in verdicts.exit_codes(record)
    assert completeness.missing_verdicts(record) == ()
    assert next(each for each in record.measurements if each.name == "RTA").seconds is not None
    assert restoration.statuses[-1].status == "available"
    gib = file_system_stage.SIZE / 2**30
    assert restoration.charged[:2] == (Part("gib", "EFS restore", gib), Part("gib_month", "EFS Standard", gib))
    found = next(each for each in record.restorations[0].checks if each.name == "settings")
    assert {each.severity for each in found.findings} == {"warning"}
    families = {each.object.split(".")[0] for each in found.findings}
    assert families == {"access_point", "lifecycle", "policy", "tag", "throughput"}
    (resource,) = record.resources
    (copy,) = begun.efs.describe_file_systems(CreationToken=resource.id)["FileSystems"]
    (source,) = begun.efs.describe_file_systems(FileSystemId=begun.file_system)["FileSystems"]
    tags = {each["Key"]: each["Value"] for each in copy["Tags"]}
    assert (resource.kind, resource.resource_id) == ("efs-file-system", copy["FileSystemId"])
    assert (tags["drills:run"], tags["Name"]) == (record.run_id, resource.id)
    for each in ("Encrypted", "KmsKeyId", "PerformanceMode"):
        assert copy[each] == source[each]
    assert copy["SizeInBytes"]["Value"] == file_system_stage.SIZE
    assert drill.clean_up() == ()
    assert begun.file_systems() == [begun.file_system]
    begun.efs.delete_file_system(FileSystemId=begun.file_system)
    empty = dict.fromkeys(("verdicts", "restorations", "resources", "moments", "phases"), ())
    another = new_run_id(begun.sandbox.control.now())
    Journal.open(begun.folder).update(run_id=another, disaster=None, **empty)
    again = begun.drill()
    again.recover()
    assert begun.outcomes() == judged | {"settings": "not verified", "rto": "not verified"}
    again.clean_up()
    assert begun.file_systems() == []


def test_a_failed_job_stops_the_drill_and_leaves_nothing(begin: Begin) -> None:
    """A job that fails is 12 with AWS Backup's words, and the source stays as it was."""
    begun = begin("failing")
    begun.sandbox.control.arm("job-fails", service="backup", operation="StartRestoreJob", name=begun.file_system)
    drill = begun.drill()
    with pytest.raises(RestoreFailed, match="FAILED: The job failed at 60 %"):
        drill.recover()
    assert verdicts.exit_codes(begun.record)[0] == 12
    assert drill.clean_up() == ()
    assert begun.file_systems() == [begun.file_system]


def test_only_the_runs_own_file_system_is_ever_changed_and_one_past_its_time_is_swept(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Untagged, it is the run's own by its creation token; that of another run, and the source, are refused; a sweep removes it."""
    begun = begin("guarded")
    run, other = begun.record.run_id, "20990101-000000-aaaa"
    name, metadata = ScratchName(run, "recovery"), {"file-system-id": begun.file_system, "newFileSystem": "true"}
    with pytest.raises(Refused, match="StartRestoreJob was not sent"):
        begun.guard(run=other).restore_named(name, "CreationToken", begun.point, ROLE, metadata)
    begun.guard().restore_named(name, "CreationToken", begun.point, ROLE, metadata)
    (mine,) = begun.guard().prove("efs-file-system", name)
    with pytest.raises(NotOwn, match="as the names of this run do"):
        begun.guard(run=other).prove("efs-file-system", name)
    with pytest.raises(NotOwn, match="is the name of the source"):
        begun.guard(mine.resource_id, run=run).prove("efs-file-system", name)
    with pytest.raises(NotOwn, match="and what this run made is fs-other"):
        begun.guard().prove("efs-file-system", name, "fs-other")
    begun.efs.tag_resource(ResourceId=mine.resource_id, Tags=[{"Key": "team", "Value": "else"}])
    with pytest.raises(NotOwn, match="does not carry this run's tag"):  # somebody has taken it over
        begun.guard().prove("efs-file-system", name)
    begun.efs.untag_resource(ResourceId=mine.resource_id, TagKeys=["team"])
    past = {"drills:run": run, "drills:target": "guarded", "drills:expires": "2020-01-01T00:00:00+00:00"}
    begun.guard().change("efs:TagResource", mine, Tags=[{"Key": key, "Value": each} for key, each in past.items()])
    eventually(
        lambda: (
            begun.efs.describe_file_systems(FileSystemId=mine.resource_id)["FileSystems"][0]["LifeCycleState"]
            == "available"
        ),
        "the file system to be available",
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", begun.sandbox.endpoint)
    asked = ["sweep", "--config", str(begun.config), "--json", "--target", "guarded"]
    assert main([*asked, "--dry-run"]) == 13
    (found,) = [each for each in json.loads(capsys.readouterr().out)["leftovers"] if each["id"] == name]
    assert (found["kind"], found["standing"]) == ("efs-file-system", "past")
    main(asked)
    assert begun.file_systems() == [begun.file_system]
