"""A whole run of an EBS volume from an air-gapped vault, in the sandbox: what it promises, and that it never passes whole."""

from __future__ import annotations

import pytest

from drills.replay import bundle
from drills.replay.again import replay
from tests.support.forging import unfound
from tests.support.runs import drills, made_place, nothing_left

pytestmark = [pytest.mark.whole_run, pytest.mark.sandbox]
CONFIG = """
[profiles.sandbox]
[targets.files]
volume = "vol-0123456789abcdef0"
vault = "volume-vault"
rto = "30m"
rpo = "24h"
[targets.files.vault_access]
account = "210987654321"
"""


def test_a_whole_run_of_a_volume_keeps_its_promises_and_says_that_its_contents_are_not_verified() -> None:
    """Exit 12 with every promise kept but for the lineage, which such a vault tells nothing of, and a summary that says why."""
    with made_place() as place:
        (place.checkout / "volume.toml").write_text(CONFIG)
        ran = drills(place, "run", "--config", "volume.toml")
        assert ran.status == 12, ran.out + ran.err
        record = ran.record
        outcomes = {each.name: each.outcome for each in record.promises}
        lineage = "The snapshot and source of the restored volume match the backup"
        assert (outcomes.pop(lineage), set(outcomes.values()), len(outcomes)) == ("skipped", {"passed"}, 5)
        (restoration,) = record.restorations
        assert restoration.point is not None
        assert restoration.point.arn.split(":")[2:5] == ["backup", "eu-central-1", "210987654321"]
        assert "volume-vault, a logically air-gapped vault" in ran.read("report.html")
        assert record.missing == ()
        assert [each.state for each in record.resources] == ["gone"]
        assert "the contents of the volume are not verified" in ran.read("summary.md")
        assert "vol-0123456789abcdef0" in ran.read("report.html")
        assert ran.folder is not None
        evidence = bundle.read(ran.folder)
        found = replay(evidence)
        assert (found.differences, found.codes) == ([], (12,))
        assert unfound(evidence) == []
        assert nothing_left(place)
