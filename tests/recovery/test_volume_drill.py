"""The drill of an EBS volume in the sandbox: what it restores, judges, measures and removes, and what it never touches."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drills.aws.cleanup import request_removal
from drills.aws.guarded.guard import Guard, NotOwn, Protected
from drills.aws.guarded.names import ScratchName
from drills.cli.main import main
from drills.errors import NoRecoveryPoint, RestoreFailed
from drills.model.instance import Resource
from drills.model.price import Part
from drills.objectives import completeness, verdicts
from drills.record import Journal, new_run_id
from drills.recovery.volume import settings
from drills.recovery.volume.drill import VolumeDrill
from drills.run import context
from drills.run.volume import stage as volume_stage
from tests.support.begun import BegunRun, open_run
from tests.support.kept import forget, plans_into
from tests.support.rds import eventually
from tests.support.sandbox import RunningSandbox

pytestmark = pytest.mark.sandbox
CONFIG = """
[profiles.sandbox]
poll_every = "30ms"
[targets.{name}]
volume = "{volume}"
vault = "{name}-vault"
rto = "5m"
rpo = "24h"
timeout = "120s"
"""
BESIDE = """
[targets.{name}-table]
table = "{name}-table"
vault = "{name}-vault"
rpo = "6h"
"""
ROLE = "arn:aws:iam::123456789012:role/r"


class Begun(BegunRun):
    """A drill of a volume that was staged."""

    @property
    def volume(self) -> str:
        """The id of the source."""
        return id_of(self.name)

    @property
    def ec2(self) -> Any:
        """EC2."""
        return self.sandbox.client("ec2")

    def drill(self) -> VolumeDrill:
        """The drill, as the features open it."""
        return context.open_volume_drill(self.folder, Journal.open(self.folder))

    def volumes(self) -> list[str]:
        """The ids of the volumes that there are."""
        return [each["VolumeId"] for each in self.ec2.describe_volumes()["Volumes"]]


def id_of(name: str) -> str:
    """The id of the source of a target."""
    return f"vol-{name.encode().hex():0>17.17}"


Begin = Callable[[str], Begun]


@pytest.fixture
def begin(steady: RunningSandbox, tmp_path: Path) -> Iterator[Begin]:
    """Stages a volume of an id of its own, and opens a run of it; removes it, and its recovery points, at the end."""
    begun: list[Begun] = []

    def stage(name: str) -> Begun:
        text = (CONFIG + BESIDE).format(name=name, volume=id_of(name))
        folder, config, journal = open_run(steady, tmp_path, name, text)
        volume_stage._stage(folder, journal)
        begun.append(Begun(steady, folder, name, config))
        return begun[-1]

    yield stage
    for each in begun:
        for volume in each.volumes():
            each.ec2.delete_volume(VolumeId=volume)
        with contextlib.suppress(ClientError):
            forget(steady, f"{each.name}-vault")


def test_a_volume_is_recovered_judged_measured_and_removed_and_never_passes_whole(begin: Begin) -> None:
    """Settings and lineage are met, RTA is a number, contents and RPO are not verified; afterwards the source alone is there."""
    begun = begin("whole")
    drill = begun.drill()
    restoration = drill.recover()
    assert begun.outcomes() == {
        "recovery point": "met",
        "rto": "met",
        "rpo": "not verified",
        "available": "met",
        "settings": "met",
        "lineage": "met",
        "contents": "not verified",
    }
    record = begun.record
    assert 12 in verdicts.exit_codes(record)
    backup = begun.sandbox.client("backup")
    (plan,) = plans_into(begun.sandbox, "whole-vault")
    (chosen,) = backup.list_backup_selections(BackupPlanId=plan)["BackupSelectionsList"]
    selected = backup.get_backup_selection(BackupPlanId=plan, SelectionId=chosen["SelectionId"])["BackupSelection"]
    assert [each.rpartition(":")[2] for each in selected["Resources"]] == [
        "table/whole-table",
        f"volume/{begun.volume}",
    ]
    assert (
        f"the backup plan whole-vault-backups protects 2 resources: table/whole-table, volume/{begun.volume}"
        in record.notes
    )
    contents = next(each for each in record.verdicts if each.name == "contents")
    assert "no block of it was read" in contents.sentence
    assert completeness.missing_verdicts(record) == ()
    measured = {each.name: each.seconds for each in record.measurements}
    assert measured["RTA"] is not None
    assert measured["RPA"] is None
    statuses = [each.status for each in restoration.statuses]  # on a busy machine nobody asks while it is being made
    assert statuses in (["creating", "available"], ["available"])
    assert restoration.charged == (
        Part("gib_month", "EBS gp3", 20),
        Part("iops_month", "EBS gp3", 1000),
        Part("mibps_month", "EBS gp3", 125),
    )
    (resource,) = record.resources
    copy = begun.ec2.describe_volumes(VolumeIds=[resource.resource_id])["Volumes"][0]
    tags = {each["Key"]: each["Value"] for each in copy["Tags"]}
    assert (resource.kind, tags["drills:run"], tags["Name"]) == ("ebs-volume", record.run_id, resource.id)
    assert copy["SnapshotId"] == begun.point.rpartition("/")[2]
    assert drill.clean_up() == ()
    assert begun.volumes() == [begun.volume]
    assert begun.record.resources[0].state == "gone"


def test_a_source_that_was_changed_since_is_found_and_one_that_is_gone_leaves_settings_not_verified(
    begin: Begin,
) -> None:
    """Another throughput than the backup's is a missed check by name; a lost source is compared as far as its point tells."""
    begun = begin("other")
    begun.ec2.modify_volume(VolumeId=begun.volume, Throughput=300)
    drill = begun.drill()
    drill.recover()
    assert (begun.outcomes()["settings"], begun.outcomes()["lineage"]) == ("missed", "met")
    found = next(each for each in begun.record.restorations[0].checks if each.name == "settings")
    assert [each.object for each in found.findings if each.severity == "error"] == ["throughput"]
    assert 11 in verdicts.exit_codes(begun.record)
    drill.clean_up()
    begun.ec2.delete_volume(VolumeId=begun.volume)
    empty = dict.fromkeys(("verdicts", "restorations", "resources", "moments", "phases"), ())
    another = new_run_id(begun.sandbox.control.now())
    Journal.open(begun.folder).update(run_id=another, disaster=None, **empty)
    again = begun.drill()
    again.recover()
    found = next(each for each in begun.record.restorations[0].checks if each.name == "settings")
    assert (found.outcome, found.compared) == ("not verified", 7)
    assert [each.what for each in found.not_checked] == ["multi_attach", "tag"]
    again.clean_up()
    assert begun.volumes() == []


def test_a_failed_job_stops_the_drill_and_no_recovery_point_is_an_objective_missed(begin: Begin) -> None:
    """A job that fails is 12 with AWS Backup's words, and leaves nothing; without a usable point the code is 10."""
    begun = begin("failing")
    begun.sandbox.control.arm("job-fails", service="backup", operation="StartRestoreJob", name=begun.volume)
    drill = begun.drill()
    with pytest.raises(RestoreFailed, match="FAILED: The job failed at 60 %"):
        drill.recover()
    assert verdicts.exit_codes(begun.record)[0] == 12
    assert drill.clean_up() == ()
    begun.sandbox.control.set_point_status(begun.point, status="PARTIAL")
    again = begun.drill()
    again._journal.update(disaster=None, verdicts=(), failures=(), resources=())
    with pytest.raises(NoRecoveryPoint, match="status PARTIAL"):
        again.recover()
    assert verdicts.exit_codes(begun.record)[0] == 10
    assert begun.volumes() == [begun.volume]


def test_only_the_runs_own_volume_is_ever_changed_and_one_past_its_time_is_swept(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Untagged, it is the run's own by its job; that of another run or job, and the source, are refused; a sweep removes it."""
    begun = begin("guarded")
    run, other = begun.record.run_id, "20990101-000000-aaaa"
    job = begun.guard().restore_volume(begun.point, ROLE, {"availabilityZone": f"{begun.sandbox.region}a"})
    name = ScratchName(run, job)
    (mine,) = begun.guard().prove("ebs-volume", name)
    with pytest.raises(NotOwn, match="as the names of this run do"):
        begun.guard().prove("ebs-volume", ScratchName(other, job))
    late = Guard(begun.guard()._clients, other)
    with pytest.raises(NotOwn, match="does not carry this run's tag"):  # a job of before that run
        late.prove("ebs-volume", ScratchName(other, job))
    with pytest.raises(NotOwn, match="is the name of the source"):
        begun.guard(mine.resource_id).prove("ebs-volume", name)
    with pytest.raises(NotOwn, match="and what this run made is vol-other"):
        begun.guard().prove("ebs-volume", name, "vol-other")
    begun.ec2.create_tags(Resources=[mine.resource_id], Tags=[{"Key": "team", "Value": "else"}])
    with pytest.raises(NotOwn, match="does not carry this run's tag"):  # somebody has taken it over
        begun.guard().prove("ebs-volume", name)
    begun.ec2.delete_tags(Resources=[mine.resource_id], Tags=[{"Key": "team"}])
    past = {"drills:run": run, "drills:target": "guarded", "drills:expires": "2020-01-01T00:00:00+00:00", "Name": name}
    begun.guard().change(
        "ec2:CreateTags", mine, Tags=[{"Key": key, "Value": str(value)} for key, value in past.items()]
    )
    eventually(
        lambda: begun.ec2.describe_volumes(VolumeIds=[mine.resource_id])["Volumes"][0]["State"] == "available",
        "the volume to be available",
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", begun.sandbox.endpoint)
    asked = ["sweep", "--config", str(begun.config), "--json", "--target", "guarded"]
    assert main([*asked, "--dry-run"]) == 13
    (found,) = [each for each in json.loads(capsys.readouterr().out)["leftovers"] if each["id"] == name]
    assert (found["kind"], found["standing"]) == ("ebs-volume", "past")
    main(asked)
    assert begun.volumes() == [begun.volume]


def test_a_job_that_tells_no_volume_yet_is_waited_for_and_not_taken_for_gone(begin: Begin) -> None:
    """While the job runs its volume is being restored, and the removal is asked for again; once it has failed there is none."""
    begun = begin("early")
    begun.sandbox.control.arm("job-fails", service="backup", operation="StartRestoreJob", name=begun.volume)
    setup = context.open_setup(begun.folder, Journal.open(begun.folder))
    guard = Guard(setup.scratch_clients, begun.record.run_id, Protected(frozenset()))
    job = guard.restore_volume(begun.point, ROLE, {"availabilityZone": f"{begun.sandbox.region}a"})
    copy = Resource("ebs-volume", ScratchName(begun.record.run_id, job), "made")
    running = [True]

    def tell_less(parsed: dict[str, Any], **_: Any) -> None:
        if running[0]:
            parsed["Status"] = "RUNNING"

    # for as long as the test says, whenever the job of the sandbox ends
    setup.scratch_clients.backup.meta.events.register("after-call.backup.DescribeRestoreJob", tell_less)
    assert request_removal(guard, copy) == "asked"
    running[0] = False
    eventually(lambda: request_removal(guard, copy) == "absent", "the job to have failed")
    assert begun.volumes() == [begun.volume]


VOLUME_SEEN: dict[str, Any] = {
    **{"Size": 20, "VolumeType": "gp3", "Iops": 4000, "Throughput": 250, "Encrypted": True, "KmsKeyId": "key"},
    **{"AvailabilityZone": "eu-central-1a", "MultiAttachEnabled": False, "Tags": [{"Key": "team", "Value": "a"}]},
}


@pytest.mark.parametrize(
    ("member", "value", "name", "outcome"),
    [
        ("Size", 30, "size", "missed"),
        ("VolumeType", "io2", "type", "missed"),
        ("Iops", 3000, "iops", "missed"),
        ("Throughput", 125, "throughput", "missed"),
        ("Encrypted", False, "encryption", "missed"),
        ("KmsKeyId", "another", "kms_key", "missed"),
        ("AvailabilityZone", "eu-central-1b", "zone", "missed"),
        ("MultiAttachEnabled", True, "multi_attach", "met"),
        ("Tags", [], "tag.team", "met"),
    ],
)
def test_each_setting_that_is_another_is_found_alone(member: str, value: Any, name: str, outcome: str) -> None:
    """One finding of its name; what a restore brings back misses the check, what it never does is to be set up by hand."""
    expected = settings.of_volume(VOLUME_SEEN)
    assert settings.FAMILIES.compare(expected, settings.of_volume(VOLUME_SEEN)).findings == ()
    copy = VOLUME_SEEN | {member: value}
    found = settings.FAMILIES.compare(expected, settings.of_volume(copy))
    assert ([each.object for each in found.findings], found.outcome) == ([name], outcome)


def test_what_follows_is_said_of_the_side_that_has_the_tag() -> None:
    """A tag that the copy alone has does not leave it out of anything."""
    bare = settings.of_volume(VOLUME_SEEN | {"Tags": []})
    [lost] = settings.FAMILIES.compare(settings.of_volume(VOLUME_SEEN), bare).findings
    [gained] = settings.FAMILIES.compare(bare, settings.of_volume(VOLUME_SEEN)).findings
    assert "leaves the volume out" in lost.message
    assert "takes the volume in" in gained.message


def test_another_snapshot_or_a_snapshot_of_another_volume_is_found() -> None:
    """The copy names the point's snapshot and that names the source; a snapshot that was copied tells no volume."""
    copy, taken = {"SnapshotId": "snap-1"}, [{"VolumeId": "vol-1"}]
    assert settings.judge_lineage("vol-1", "snap-1", copy, taken).outcome == "met"
    for found in (
        settings.judge_lineage("vol-1", "snap-2", copy, taken),
        settings.judge_lineage("vol-2", "snap-1", copy, taken),
    ):
        assert (found.outcome, len(found.findings)) == ("missed", 1)
    for unknown in ([{"VolumeId": "vol-ffffffff"}], []):
        assert settings.judge_lineage("vol-1", "snap-1", copy, unknown).outcome == "not verified"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("backup", "--retain", "1d"), 'expected a target that is a database, found the volume "vol-'),
        (
            ("run", "--damage", "item"),
            "--damage: expected a target that is a database, a table or a bucket, found an EBS volume",
        ),
    ],
)
def test_what_a_volume_does_not_have_refuses_it_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...], said: str
) -> None:
    """Exit 2 and one sentence, before anything is asked."""
    config = tmp_path / "drill.toml"
    config.write_text(CONFIG.format(name="files", volume="vol-0123456789abcdef0"))
    assert main([*command, "--config", str(config)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('table = "orders"', "a target is one thing"),
        ('manifest = "m.json"', "only what a volume has"),
        ('tier = "light"', 'the tier "full" of a volume'),
    ],
)
def test_a_volume_takes_no_key_of_another_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, said: str
) -> None:
    """Exit 2 with the key."""
    config = tmp_path / "drill.toml"
    config.write_text(CONFIG.format(name="files", volume="vol-0123456789abcdef0") + more)
    assert main(["run", "--config", str(config)]) == 2
    assert said in capsys.readouterr().err
