"""Every kind whose drills are struck."""

from __future__ import annotations

from collections.abc import Mapping

from tests.chaos.kinds.bucket import Bucket
from tests.chaos.kinds.cluster import Cluster
from tests.chaos.kinds.file_system import FileSystem
from tests.chaos.kinds.instance import Instance
from tests.chaos.kinds.kind import Kind
from tests.chaos.kinds.table import Table
from tests.chaos.kinds.volume import Volume

KINDS: Mapping[str, Kind] = {
    each.plan.kind: each for each in (Instance(), Cluster(), Table(), Volume(), FileSystem(), Bucket())
}
