"""The drill of an S3 bucket: what it restores, compares, measures and removes in the sandbox, and what it never touches."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drills.aws.guarded.guard import Mine, NotOwn
from drills.aws.guarded.names import ScratchName
from drills.cli.main import main
from drills.errors import Refused, RestoreFailed
from drills.objectives import completeness, verdicts
from drills.record import Journal, new_run_id
from drills.recovery.bucket.drill import BucketDrill
from drills.recovery.bucket.restore import creation_of
from drills.run import context
from drills.run.bucket import stage as bucket_stage
from tests.support.begun import BegunRun, open_run
from tests.support.buckets import buckets_of, remove_bucket
from tests.support.kept import forget
from tests.support.sandbox import RunningSandbox

pytestmark = pytest.mark.sandbox
CONFIG = """
[profiles.sandbox]
poll_every = "30ms"
[targets.{name}]
bucket = "{name}"
vault = "{name}-vault"
rto = "5m"
rpo = "24h"
timeout = "60s"
{more}
"""
ROLE = "arn:aws:iam::123456789012:role/r"


class Begun(BegunRun):
    """A drill of a bucket that was staged."""

    @property
    def s3(self) -> Any:
        """S3."""
        return self.sandbox.client("s3")

    def drill(self) -> BucketDrill:
        """The drill, as the features open it."""
        return context.open_bucket_drill(self.folder, Journal.open(self.folder))

    def another(self) -> BucketDrill:
        """The drill of a further run of the same target."""
        empty = dict.fromkeys(("verdicts", "restorations", "resources", "moments", "phases"), ())
        another = new_run_id(self.sandbox.control.now())
        Journal.open(self.folder).update(run_id=another, disaster=None, **empty)
        return self.drill()

    def sentence(self, check: str) -> str:
        """What the record says of a check."""
        return next(each.sentence for each in self.record.restorations[0].checks if each.name == check)


Begin = Callable[..., Begun]


@pytest.fixture
def begin(steady: RunningSandbox, tmp_path: Path) -> Iterator[Begin]:
    """Stages a bucket of a name of its own, and opens a run of it; removes all buckets, and its recovery points, at the end."""
    begun: list[Begun] = []
    steady.control.clear_faults()

    def stage(name: str, more: str = "", **options: Any) -> Begun:
        folder, config, journal = open_run(steady, tmp_path, name, CONFIG.format(name=name, more=more), **options)
        bucket_stage._stage(folder, journal)
        begun.append(Begun(steady, folder, name, config))
        return begun[-1]

    yield stage
    for each in begun:
        for bucket in buckets_of(each.s3):
            remove_bucket(each.s3, bucket)
        with contextlib.suppress(ClientError):
            forget(steady, f"{each.name}-vault")


def test_a_bucket_is_recovered_compared_and_removed_with_its_source_and_without(begin: Begin) -> None:
    """Every object is read and met, the rest is to do by hand; afterwards the source is alone, with all that it has.

    Where the source is gone nothing says what it had: nothing is met of objects and settings, nor the RTO, which these block.
    """
    begun = begin("drilled")
    before = begun.s3.list_object_versions(Bucket="drilled")
    drill = begun.drill()
    restoration = drill.recover()
    judged = dict.fromkeys(("recovery point", "rto", "rpo", "available", "settings", "objects"), "met")
    assert begun.outcomes() == judged
    record = begun.record
    assert completeness.missing_verdicts(record) == ()
    assert restoration.statuses[-1].status == "COMPLETED"
    assert "40 read whole of both sides, 0 the same" in begun.sentence(
        "objects"
    )  # 40 without the deleted, and one elsewhere
    found = next(each for each in record.restorations[0].checks if each.name == "settings")
    assert {each.object for each in found.findings} == {"lifecycle", "policy", "tag.team"}
    assert {each.severity for each in found.findings} == {"warning"}
    (resource,) = record.resources
    tags = {each["Key"]: each["Value"] for each in begun.s3.get_bucket_tagging(Bucket=resource.id)["TagSet"]}
    assert (resource.kind, tags["drills:run"]) == ("s3-bucket", record.run_id)
    assert begun.s3.get_bucket_versioning(Bucket=resource.id)["Status"] == "Enabled"
    assert drill.clean_up() == ()
    assert 13 not in verdicts.exit_codes(begun.record)
    after = begun.s3.list_object_versions(Bucket="drilled")
    assert buckets_of(begun.s3) == ["drilled"]
    assert [before[each] for each in ("Versions", "DeleteMarkers")] == [
        after[each] for each in ("Versions", "DeleteMarkers")
    ]
    remove_bucket(begun.s3, "drilled")
    again = begun.another()
    again.recover()
    unknown = dict.fromkeys(("settings", "objects", "rto", "rpo"), "not verified")
    assert begun.outcomes() == judged | unknown
    again.clean_up()
    assert buckets_of(begun.s3) == []


def test_a_folder_alone_is_restored_and_a_damaged_object_in_it_is_found(begin: Begin) -> None:
    """Without a content that is read it is found by S3's own words; what lies elsewhere is neither restored nor missed."""
    more = '[targets.damaged.objects]\nprefix = "2026/"\nread_mib = 0'
    begun = begin("damaged", more, damage=("bytes", "extra"))
    drill = begun.drill()
    drill.recover()

    assert begun.outcomes()["objects"] == "missed"
    (resource,) = begun.record.resources
    keys = [each["Key"] for each in begun.s3.list_objects_v2(Bucket=resource.id)["Contents"]]
    assert {each.partition("/")[0] for each in keys} == {"2026"}
    sentence = begun.sentence("objects")
    assert "1 object with another content (2026/invoice-0000)" in sentence
    assert "(2026/invoice-0000.extra)" in sentence
    assert "missing" not in sentence
    assert (
        "(2026/invoice-0003, 2026/invoice-0004)" in sentence
    )  # under a key of KMS, and in parts: S3's words prove nothing
    assert verdicts.exit_codes(begun.record)[0] == 11
    assert drill.clean_up() == ()


def test_a_failed_job_or_a_bucket_that_is_open_stops_the_drill_and_leaves_nothing(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that fails is 12 with AWS Backup's words; into a bucket that the public could see nothing is restored."""
    begun = begin("failing")
    begun.sandbox.control.arm("job-fails", service="backup", operation="StartRestoreJob", name="failing")
    drill = begun.drill()
    with pytest.raises(RestoreFailed, match="FAILED: The job failed at 60 %"):
        drill.recover()
    assert verdicts.exit_codes(begun.record)[0] == 12
    assert drill.clean_up() == ()
    monkeypatch.setattr("drills.recovery.bucket.restore.TOLD_WITHIN", 0.0)
    monkeypatch.setattr("drills.recovery.bucket.restore.open_to_the_public", lambda told: ["BlockPublicAcls"])
    again = begun.another()
    with pytest.raises(RestoreFailed, match="found it without BlockPublicAcls: nothing was restored to it"):
        again.recover()
    jobs = begun.sandbox.client("backup").list_restore_jobs()["RestoreJobs"]
    assert not [each for each in jobs if begun.record.run_id in str(each.get("CreatedResourceArn"))]
    assert again.clean_up() == ()
    assert buckets_of(begun.s3) == ["failing"]


def test_only_the_runs_own_bucket_is_ever_emptied_and_one_past_its_time_is_swept(
    begin: Begin, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tag makes it the run's; that of another run, one without tags, and the source are refused; a sweep empties one first."""
    begun = begin("guarded")
    run, other = begun.record.run_id, "20990101-000000-aaaa"
    name, region = ScratchName(run, "recovery"), begun.sandbox.region
    past = {"drills:run": run, "drills:target": "guarded", "drills:expires": "2020-01-01T00:00:00+00:00"}
    with pytest.raises(Refused, match="found none: it was not sent"):
        begun.guard().make("s3:CreateBucket", name, **creation_of({}, region, ""))
    with pytest.raises(Refused, match="expected a name of the run"):
        begun.guard(run=other).make("s3:CreateBucket", name, **creation_of(past, region, ""))
    mine = begun.guard().make("s3:CreateBucket", name, **creation_of(past, region, ""))
    begun.guard().change("s3:PutBucketVersioning", mine, VersioningConfiguration={"Status": "Enabled"})
    for number in range(3):
        begun.s3.put_object(Bucket=name, Key="a", Body=str(number).encode())
    begun.s3.delete_object(Bucket=name, Key="a")
    with pytest.raises(NotOwn, match="as the names of this run do"):
        begun.guard(run=other).prove("s3-bucket", name)
    with pytest.raises(NotOwn, match="is the name of the source"):
        begun.guard(name).prove("s3-bucket", name)
    begun.s3.delete_bucket_tagging(Bucket=name)
    with pytest.raises(NotOwn, match="does not carry this run's tag"):
        begun.guard().prove("s3-bucket", name)
    begun.s3.put_bucket_tagging(
        Bucket=name, Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in past.items()]}
    )
    with pytest.raises(ValueError, match="has no objects"):
        begun.guard().empty(Mine("dynamodb-table", name, {}, 0.0, mine.seal))
    monkeypatch.setenv("AWS_ENDPOINT_URL", begun.sandbox.endpoint)
    asked = ["sweep", "--config", str(begun.config), "--json", "--target", "guarded"]
    assert main([*asked, "--dry-run"]) == 13
    (found,) = [each for each in json.loads(capsys.readouterr().out)["leftovers"] if each["id"] == name]
    assert (found["kind"], found["standing"]) == ("s3-bucket", "past")
    main(asked)
    assert buckets_of(begun.s3) == ["guarded"]
    assert begun.s3.list_object_versions(Bucket="guarded")["Versions"]
