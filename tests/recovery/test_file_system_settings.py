"""The settings of an EFS file system, what a restore is given, and what drill.toml takes of one: without any AWS."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drills.cli.main import main
from drills.model.instance import FILE_SYSTEM, OTHERS
from drills.recovery.file_system import read, settings
from drills.recovery.file_system.restore import metadata_of
from drills.recovery.file_system.settings import FAMILIES, Answers, of_file_system
from tests.support.example_record import recovery_point

DESCRIBED: dict[str, Any] = {
    **{
        "FileSystemId": "fs-0123456789abcdef0",
        "Encrypted": True,
        "KmsKeyId": "key",
        "PerformanceMode": "generalPurpose",
    },
    **{"ThroughputMode": "provisioned", "ProvisionedThroughputInMibps": 64.0, "AvailabilityZoneName": "eu-central-1a"},
    "Tags": [{"Key": "team", "Value": "files"}, {"Key": "aws:elasticfilesystem:default-backup", "Value": "enabled"}],
}
POLICY = json.dumps({"Statement": [{"Effect": "Allow", "Action": "elasticfilesystem:ClientMount"}]})
ANSWERS = Answers(
    policy=POLICY,
    lifecycle=[{"TransitionToIA": "AFTER_30_DAYS"}],
    backup="ENABLED",
    access_points=[{"AccessPointId": "fsap-1", "Name": "web", "RootDirectory": {"Path": "/web"}}],
    mount_targets=[{"MountTargetId": "fsmt-1", "AvailabilityZoneName": "eu-central-1a", "SubnetId": "subnet-1"}],
)
EXPECTED = of_file_system(DESCRIBED, ANSWERS)
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "encryption": ({"Encrypted": False}, {}),
    "kms_key": ({"KmsKeyId": "another"}, {}),
    "performance_mode": ({"PerformanceMode": "maxIO"}, {}),
    "throughput": ({"ThroughputMode": "elastic", "ProvisionedThroughputInMibps": None}, {}),
    "zone": ({"AvailabilityZoneName": None}, {}),
    "tag.team": ({"Tags": []}, {}),
    "policy": ({}, {"policy": POLICY.replace("Allow", "Deny")}),
    "lifecycle": ({}, {"lifecycle": []}),
    "backup_policy": ({}, {"backup": "DISABLED"}),
    "access_point.web": ({}, {"access_points": []}),
    "mount_target.eu-central-1a": ({}, {"mount_targets": []}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_setting_that_is_another_is_found_alone(name: str) -> None:
    """One finding of its name; what a restore brings back misses the check, the rest is to be set up by hand."""
    described, answers = CHANGES[name]
    copy = of_file_system(DESCRIBED | described, dataclasses.replace(ANSWERS, **answers))
    found = FAMILIES.compare_copy(EXPECTED, copy, (), source=True)
    assert [each.object for each in found.findings] == [name]
    assert found.outcome == ("missed" if name in FAMILIES.restored else "met")
    assert FAMILIES.compare_copy(EXPECTED, EXPECTED, (), source=True).findings == ()


def test_each_family_is_changed_by_a_test() -> None:
    """A family without a change of its own here would be one that nobody has seen found."""
    assert {name.split(".")[0] for name in CHANGES} == {*FAMILIES.restored, *FAMILIES.by_hand}


def test_a_policy_is_told_apart_and_not_told() -> None:
    """It names accounts and roles: a report has the number of its statements and a digest, the same however it is written."""
    secret = json.dumps({"Statement": {"Principal": {"AWS": "arn:aws:iam::111122223333:role/hidden"}}})
    told = of_file_system(DESCRIBED, Answers(policy=secret))["policy"]
    assert told.startswith("1 statement, SHA-256 ")
    assert "111122223333" not in told
    assert of_file_system(DESCRIBED, Answers(policy=secret.replace(" ", "")))["policy"] == told


def test_the_name_that_a_drill_gives_its_copy_is_no_difference() -> None:
    """A copy is called after its run, and a source by its owner."""
    copy = of_file_system(
        DESCRIBED | {"Tags": [{"Key": "Name", "Value": "drill-x"}, {"Key": "drills:run", "Value": "x"}]}, ANSWERS
    )
    assert not [each for each in copy if each.startswith("tag.")]


def test_without_its_source_a_copy_is_compared_with_what_the_point_tells() -> None:
    """What the point does not tell is named as not compared, and the check is not verified."""
    told = settings.of_metadata({"encrypted": "true", "performancemode": "generalPurpose", "file-system-id": "fs-1"})
    found = FAMILIES.compare_copy(told, EXPECTED, (), source=False)
    assert (found.outcome, found.compared) == ("not verified", 2)
    assert "kms_key" in {each.what for each in found.not_checked}


def test_beside_a_point_that_is_lent_no_drill_can_compare_more_and_a_difference_is_missed_all_the_same() -> None:
    """The source lies in another account: what the point does not tell is impossible to verify, and keeps no RTO from being met."""
    told = settings.of_metadata({"encrypted": "true", "performancemode": "generalPurpose"})
    found = FAMILIES.compare_copy(told, EXPECTED, (), source=False, lent=True)
    assert (found.outcome, found.requirement, found.compared) == ("not verified", "impossible", 2)
    assert "kms_key" in {each.what for each in found.not_checked}
    other = FAMILIES.compare_copy(told | {"performance_mode": "maxIO"}, EXPECTED, (), source=False, lent=True)
    assert (other.outcome, other.requirement) == ("missed", "required")


class Efs:
    """EFS as far as what belongs to a file system: one operation is refused, the others tell that there is none."""

    def __init__(self, refused: str) -> None:
        self._refused = refused

    def __getattr__(self, operation: str) -> Any:
        """Answer an operation, or one that is paged by a paginator."""

        def answer(**_: Any) -> dict[str, Any]:
            if operation == self._refused:
                raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)
            if operation == "describe_lifecycle_configuration":
                return {"LifecyclePolicies": []}
            raise ClientError({"Error": {"Code": "PolicyNotFound", "Message": "none"}}, operation)

        return answer

    def get_paginator(self, operation: str) -> Any:
        """Return what pages an operation."""
        answer, refused = getattr(self, operation), operation == self._refused

        class Pages:
            def paginate(self, **_: Any) -> Any:
                return iter([answer()] if refused else [])

        return Pages()


@pytest.mark.parametrize(
    ("refused", "family"),
    [
        ("describe_file_system_policy", "policy"),
        ("describe_lifecycle_configuration", "lifecycle"),
        ("describe_backup_policy", "backup_policy"),
        ("describe_access_points", "access_point"),
        ("describe_mount_targets", "mount_target"),
    ],
)
def test_what_may_not_be_read_is_named_and_no_difference(refused: str, family: str) -> None:
    """A right that is lacking leaves one family out, and the check not verified; what there is none of is off."""

    class Clients:
        def client(self, _service: str) -> Any:
            return Efs(refused)

    seen = read.see(Clients(), DESCRIBED)  # type: ignore[arg-type]
    assert [each.what for each in seen.unread] == [family]
    assert family not in seen.settings
    found = FAMILIES.compare_copy(EXPECTED, EXPECTED, seen.unread, source=True)
    assert (found.outcome, found.findings) == ("not verified", ())


def test_a_restore_is_given_a_new_file_system_as_the_point_or_the_source_tells() -> None:
    """The point goes before the source; without either AWS's own key and the usual mode; never a restore into the source."""
    point = dataclasses.replace(recovery_point(), instance_id="fs-1")
    asked = metadata_of(point, {"performancemode": "maxIO", "newfilesystem": "false", "creationtoken": "x"}, DESCRIBED)
    assert asked == {
        **{"file-system-id": "fs-0123456789abcdef0", "newFileSystem": "true", "Encrypted": "true", "KmsKeyId": "key"},
        "PerformanceMode": "maxIO",
    }
    bare = {"file-system-id": "fs-1", "newFileSystem": "true", "Encrypted": "true", "PerformanceMode": "generalPurpose"}
    assert metadata_of(point, {}, None) == bare
    plain = DESCRIBED | {"Encrypted": False}
    assert "KmsKeyId" not in metadata_of(point, {}, plain)


@pytest.mark.parametrize(
    ("text", "command", "said"),
    [
        ("", ("backup", "--retain", "1d"), 'expected a target that is a database, found the file system "fs-'),
        (
            "",
            ("run", "--damage", "item"),
            "--damage: expected a target that is a database, a table or a bucket, found an EFS file system",
        ),
        ('volume = "vol-0123456789abcdef0"', ("run",), "a target is one thing"),
        ('manifest = "m.json"', ("run",), "only what a file system has"),
        ('file_system = "files"', ("run",), "expected the id of an EFS file system such as"),
    ],
)
def test_what_a_file_system_does_not_have_refuses_it_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, command: tuple[str, ...], said: str
) -> None:
    """Exit 2 and one sentence, before anything is asked."""
    config, named = tmp_path / "drill.toml", 'file_system = "fs-0123456789abcdef0"'
    written = text if text.startswith("file_system") else f"{named}\n{text}"
    config.write_text(f'[profiles.sandbox]\n[targets.files]\nvault = "files-vault"\n{written}\n')
    assert main([*command, "--config", str(config)]) == 2
    assert said in capsys.readouterr().err


def test_its_kind_is_told_everywhere() -> None:
    """What a drill judges of a file system ends with its contents, which nobody reads."""
    kind = OTHERS[FILE_SYSTEM]
    assert (kind.key, kind.verdicts[-1]) == ("file_system", "contents")
