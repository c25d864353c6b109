"""A whole run whose target is an EFS file system, in the sandbox: what it promises, and that it never passes whole."""

from __future__ import annotations

import pytest

from drills.replay import bundle
from drills.replay.again import replay
from tests.support.forging import unfound
from tests.support.runs import drills, made_place, nothing_left

pytestmark = [pytest.mark.whole_run, pytest.mark.sandbox]
CONFIG = """
[profiles.sandbox]
[targets.media]
file_system = "fs-0123456789abcdef0"
vault = "files-vault"
rto = "30m"
rpo = "24h"
"""


def test_a_whole_run_of_a_file_system_keeps_its_promises_and_says_that_its_contents_are_not_verified() -> None:
    """Exit 12 with every promise kept, the scratch file system gone, and a summary that says what was not verified."""
    with made_place() as place:
        (place.checkout / "files.toml").write_text(CONFIG)
        ran = drills(place, "run", "--config", "files.toml")
        assert ran.status == 12, ran.out + ran.err
        record = ran.record
        assert {each.outcome for each in record.promises} == {"passed"}
        assert len(record.promises) == 5
        assert record.missing == ()
        assert [(each.kind, each.state) for each in record.resources] == [("efs-file-system", "gone")]
        summary = ran.read("summary.md")
        assert "the contents of the file system are not verified" in summary
        assert "the file system and its files are lost" in summary
        assert ran.folder is not None
        evidence = bundle.read(ran.folder)
        found = replay(evidence)
        assert (found.differences, found.codes) == ([], (12,))
        assert unfound(evidence) == []
        assert nothing_left(place)
