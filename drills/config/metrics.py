"""`[metrics]` of drill.toml, and `[profiles.NAME.metrics]`, whose keys go before: where the numbers of a run are written."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from drills.config.table import Table
from drills.config.values import HttpUrl, PathText, refuse

PLACE = "{target}"


def _name(raw: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,99}", raw.replace(PLACE, "x")):
        raise refuse(f'what the names of the metrics begin with, such as "recovery-drills" or "drills-{PLACE}"', raw)
    return raw


class MetricsConfig(Table):
    """Where the numbers of a run go once it has ended; nowhere by default. `textfile` is a folder of node_exporter.

    `cloudwatch` is what the names of its metrics begin with, `traces` the address of a collector of OpenTelemetry.
    """

    textfile: PathText | None = None
    pushgateway: HttpUrl | None = None
    cloudwatch: Annotated[str, AfterValidator(_name)] | None = None
    traces: HttpUrl | None = None

    def cloudwatch_name(self, target: str) -> str:
        """Return what the names of a target's metrics begin with, in the letters that CloudWatch takes."""
        return (self.cloudwatch or "").replace(PLACE, re.sub(r"[^A-Za-z0-9_.-]", "_", target))

    def tells_apart(self, targets: int) -> bool:
        """Return whether each of so many targets has metrics of its own."""
        return targets < 2 or not self.cloudwatch or PLACE in self.cloudwatch
