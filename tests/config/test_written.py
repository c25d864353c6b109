"""The configuration that a run judges by, written and read again."""

from __future__ import annotations

import json
from pathlib import Path

from drills.config import load as config
from drills.config.written import JUDGING, read_target, write_target

TEXT = """
[targets.orders]
vault = "main"
copy_vault = "copies"
databases = ["orders"]
rto = "30m"
rpo = "24h"
rto_clock = "disruption"
allowances = { detection = "5m", cut_over = "90s" }
disaster = "before-next-point"
sample = "random:17"
loss_tolerance = "2m"
expects = "nothing"
content_budget = "10m"
trust_code = true
restore = { role_arn = "arn:aws:iam::000000000000:role/drill", external_id = "what-only-they-know", subnet_group = "dr" }
posture = { retention = "35d", copies = 1 }

[targets.orders.tables]
"public.orders" = "up to created_at"
"public.log" = "skip: rotated"
"public.lines" = "at least 99.5 %"

[targets.orders.blocking]
canary = false

[targets.orders.checks]
amcheck = "required"
views = "optional: not used"

[[targets.orders.scenario]]
name = "instance loss"
rto = "1h"
points = ["awsbackup", "copy"]

[[targets.orders.acknowledged]]
check = "catalog"
object = "a"
found = "b"
reason = "known"
author = "me"
until = 2026-11-30
"""


def test_what_judges_is_the_same_after_it_was_written_and_read(tmp_path: Path) -> None:
    """Each key that judges comes back as it was, by way of JSON; the external id is left out."""
    path = tmp_path / "drill.toml"
    path.write_text(TEXT, encoding="utf-8")
    target = config.load(path, profile=None, target=None, environment={}).target
    written = json.dumps(write_target(target))
    again = read_target(json.loads(written))
    unlike = [name for name in JUDGING if name != "restore" and getattr(again, name) != getattr(target, name)]
    assert unlike == []
    assert again.restore == target.restore.model_copy(update={"external_id": None})
    assert "what-only-they-know" not in written
    assert again.objectives("instance loss") == target.objectives("instance loss")
    assert again.known_differences() == target.known_differences()


def test_a_target_with_nothing_but_a_name_is_written_too() -> None:
    """Defaults are not written: they are those of the version that reads."""
    assert write_target(read_target({"instance": "orders"})) == {"instance": "orders"}
