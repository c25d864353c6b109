"""A real Prometheus on this machine that has the numbers of monthly drills, as runs write them."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from drills.clock import SystemClock, wait_until
from drills.metrics.samples import FAMILIES, numbers_of
from drills.model.history import HistoryLine
from drills.model.record import RunRecord
from drills.model.timing import Measurement, Objectives, WorstCase
from tests.support.example_history import monthly, trend
from tests.support.example_record import failing_drill
from tests.support.monitoring import program
from tests.support.ports import free_port

MONTHS = 24
EVERY = timedelta(hours=6)  # between two scrapes
LOOKBACK = "12h"  # for which a number stands that no later scrape has seen
LINES = monthly(MONTHS)
HISTORY_END = LINES[-1].started_at + timedelta(days=20)


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that runs; `url` is its address."""

    url: str

    def query(self, expression: str, at: datetime) -> list[dict[str, Any]]:
        """What an instant query answers."""
        found: list[dict[str, Any]] = self._asked("query", query=expression, time=str(at.timestamp()))["result"]
        return found

    def labels(self, label: str, series: str) -> list[str]:
        """The values of a label of these series, whenever."""
        found: Any = self._asked(f"label/{label}/values", **{"match[]": series, "start": "0", "end": "9999999999"})
        return list(found)

    def _asked(self, path: str, **parameters: str) -> Any:
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(parameters)}", timeout=120) as answer:
            return json.loads(answer.read())["data"]


def record_of(lines: Sequence[HistoryLine]) -> RunRecord:
    """The record of the last of these runs."""
    last, base = lines[-1], failing_drill()
    measured = {"RTA": last.rta_seconds, "RPA": last.rpa_seconds}
    measurements = tuple(Measurement(name, each, None, None, "canary", "") for name, each in measured.items())  # type: ignore[arg-type]
    assert base.target
    return dataclasses.replace(
        base,
        run_id=last.run_id,
        profile="aws",
        simulated=False,
        target=dataclasses.replace(base.target, size_bytes=2**30 * (last.allocated_gib or 0)),
        started_at=last.started_at,
        ended_at=last.ended_at,
        code=last.code,
        all_codes=last.all_codes,
        objectives=Objectives(last.rto_seconds, last.rpo_seconds),
        measurements=measurements,
        worst_case=WorstCase(60_000.0, 90_000.0, ""),
        history=trend(lines),
        settings=(),
    )


def open_metrics() -> str:
    """The numbers of all runs in the text format of OpenMetrics, at each scrape until the next run, a family after the other."""
    found: dict[str, list[str]] = {name: [] for name in FAMILIES}
    for index in range(MONTHS):
        numbers = numbers_of(record_of(LINES[: index + 1]))
        until = LINES[index + 1].started_at if index + 1 < MONTHS else HISTORY_END + EVERY
        for sample in numbers.samples:
            labels = ",".join(f'{key}="{value}"' for key, value in (*numbers.labels, *sample.labels))
            at = LINES[index].started_at
            while at < until:
                found[sample.name].append(f"{sample.name}{{{labels}}} {sample.value} {at.timestamp()}")
                at += EVERY
    lines = [line for name, own in found.items() if own for line in (f"# TYPE {name} gauge", *_by_series(own))]
    return "\n".join((*lines, "# EOF", ""))


def _by_series(lines: list[str]) -> list[str]:
    """A series after the other, as the format demands; the instants of each stay in order."""
    return sorted(lines, key=lambda line: line.partition("}")[0])


@contextmanager
def with_history(folder: Path, command: Sequence[str] = ()) -> Iterator[Prometheus]:
    """Run a Prometheus that has the history; `command` begins its command line, where it is not called as it is."""
    (folder / "history.txt").write_text(open_metrics())
    (folder / "prometheus.yml").write_text("global: {}\n")
    blocks = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=1440h", "-q"]
    subprocess.run([*blocks, "history.txt", "data"], cwd=folder, check=True, capture_output=True, timeout=600)
    address = f"127.0.0.1:{free_port()}"
    options = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--storage.tsdb.retention.time=20y"]
    options += [f"--web.listen-address={address}", f"--query.lookback-delta={LOOKBACK}"]
    words = [*(command or [program("prometheus")]), *options]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: _is_ready(f"http://{address}"), 60.0, SystemClock(), what="Prometheus to be ready")
            yield Prometheus(f"http://{address}")
        finally:
            server.terminate()


def _is_ready(url: str) -> bool:
    try:
        with urlopen(f"{url}/-/ready", timeout=20) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
