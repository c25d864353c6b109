"""The restore of an EBS volume that was asked for, and of which nobody heard: what was begun is found, and nothing of others'."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from drills.aws.cleanup import removal_command
from drills.errors import DrillError
from drills.record import Journal
from drills.recovery.volume import unanswered
from drills.run import context
from tests.recovery.test_volume_drill import ROLE, Begin, begin

__all__ = ["begin"]
pytestmark = pytest.mark.sandbox


def test_a_volume_whose_restore_was_never_answered_is_found_and_removed(begin: Begin) -> None:
    """Its job is learned by the run's token alone: a volume that another made of the same point meanwhile is not touched."""
    begun = begin("unheard")
    begun.config.write_text(begun.config.read_text() + '[targets.unheard.limits]\ncall = "2s"\n')
    control, backup = begun.sandbox.control, begun.sandbox.client("backup")
    control.clear_faults()
    others = {"RecoveryPointArn": begun.point, "IamRoleArn": ROLE, "Metadata": {"availabilityZone": "eu-central-1a"}}
    other = backup.start_restore_job(**others)["RestoreJobId"]
    kept = backup.describe_restore_job(RestoreJobId=other)["CreatedResourceArn"].rpartition("/")[2]
    control.arm("lost-answer", service="backup", operation="StartRestoreJob", times=None)
    drill = begun.drill()
    with pytest.raises(DrillError):
        drill.recover()
    assert [each.id for each in begun.record.resources] == [f"drill-{begun.record.run_id}-of-unknown-job"]
    (made,) = set(begun.volumes()) - {begun.volume, kept}
    (left,) = drill.clean_up()  # of the two volumes without tags nothing says which is which
    assert (left.state, sorted(begun.volumes())) == ("left", sorted([begun.volume, kept, made]))
    assert "StartRestoreJob was not answered" in left.note
    since = datetime.strptime(begun.record.run_id[:15], "%Y%m%d-%H%M%S") - timedelta(minutes=5)
    assert removal_command(left).startswith(
        f"aws backup list-restore-jobs --by-resource-type EBS --by-created-after {since.isoformat()}+00:00"
    )
    named = next(each for each in begun.record.notes if "was made by one of these restore jobs" in each)
    assert all(each in named for each in (other, kept, made))

    control.clear_faults()
    assert drill.clean_up() == ()
    assert sorted(begun.volumes()) == sorted([begun.volume, kept])
    (known,) = begun.record.resources
    assert (known.state, known.id.endswith("-of-unknown-job")) == ("gone", False)
    # infra/iam/ebs.json lets no volume be removed that has not the run's tags
    changes = [each for each in control.calls(service="ec2") if made in json.dumps(each["parameters"])]
    changed = [each["operation"] for each in changes if each["operation"] in ("CreateTags", "DeleteVolume")]
    assert changed == ["CreateTags", "DeleteVolume"]


def test_a_restore_that_was_never_begun_leaves_nothing_to_look_for(begin: Begin) -> None:
    """No job of the source's points was begun since the run was: nothing is asked of AWS Backup again, and nothing is left."""
    begun = begin("unbegun")
    setup = context.open_setup(begun.folder, Journal.open(begun.folder))
    setup.journal.resource(unanswered.planned_of(setup))
    asked = len(begun.sandbox.control.calls(service="backup", operation="StartRestoreJob"))
    assert begun.drill().clean_up() == ()
    (known,) = begun.record.resources
    assert (known.state, known.note) == ("gone", "never made")
    assert len(begun.sandbox.control.calls(service="backup", operation="StartRestoreJob")) == asked
    assert begun.volumes() == [begun.volume]
