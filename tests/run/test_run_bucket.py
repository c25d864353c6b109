"""A whole run whose target is an S3 bucket, in the sandbox: what it promises, and that its verdicts are derived again."""

from __future__ import annotations

import pytest

from drills.replay import bundle
from drills.replay.again import replay
from tests.support.forging import unfound
from tests.support.runs import drills, made_place, nothing_left

pytestmark = [pytest.mark.whole_run, pytest.mark.sandbox]
CONFIG = """
[profiles.sandbox]
[targets.invoices]
bucket = "invoices"
vault = "invoices-vault"
rto = "30m"
rpo = "24h"
"""


def test_a_whole_run_of_a_bucket_keeps_its_promises_where_each_object_was_read() -> None:
    """Exit 0 with every promise kept and the scratch bucket gone; a summary that says what was compared and how."""
    with made_place() as place:
        (place.checkout / "buckets.toml").write_text(CONFIG)
        ran = drills(place, "run", "--config", "buckets.toml")
        assert ran.status == 0, ran.out + ran.err
        record = ran.record
        assert {each.outcome for each in record.promises} == {"passed"}
        assert len(record.promises) == 5
        assert record.missing == ()
        assert [(each.kind, each.state) for each in record.resources] == [("s3-bucket", "gone")]
        summary = ran.read("summary.md")
        assert "40 read whole of both sides" in summary
        assert "the bucket and its objects are lost" in summary
        assert ran.folder is not None
        evidence = bundle.read(ran.folder)
        found = replay(evidence)
        assert (found.differences, found.codes) == ([], (0,))
        assert unfound(evidence) == []
        assert nothing_left(place)
