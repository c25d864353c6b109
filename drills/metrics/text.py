"""Numbers of a run in Prometheus' text format, and the file in which node_exporter finds them.

The textfile collector reads the files NAME.prom of one folder, and wants them written whole and without instants of samples
(https://github.com/prometheus/node_exporter#textfile-collector). There is one file for each target, profile and scenario.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from drills.clock import SystemClock
from drills.errors import DrillError
from drills.files import half_of, locked_folder, whole_or_gone
from drills.metrics.samples import FAMILIES, LAST_RUN, LAST_SUCCESS, SIMULATED, Numbers, Sample

LOCK_SECONDS = 20.0
READABLE = 0o644  # node_exporter is another user


class _Given(Collector):
    """Gives the registry numbers that are known already."""

    def __init__(self, numbers: Numbers, names: frozenset[str]) -> None:
        self._numbers, self._names = numbers, names

    def collect(self) -> Iterator[Metric]:
        """Yield a family for each name that has samples, in the order of FAMILIES."""
        for name, text in FAMILIES.items():
            own = [each for each in self._numbers.samples if each.name == name and name in self._names]
            if own:
                keys = [key for key, _ in (*self._numbers.labels, *own[0].labels)]
                family = GaugeMetricFamily(name, text, labels=keys)
                for each in own:
                    family.add_metric([value for _, value in (*self._numbers.labels, *each.labels)], each.value)
                yield family


def registry_of(numbers: Numbers, names: frozenset[str] = frozenset(FAMILIES)) -> CollectorRegistry:
    """Return a registry that holds these numbers and nothing of this process."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(numbers, names))
    return registry


def text_of(numbers: Numbers) -> str:
    """Return the numbers in the text format, a family after the other."""
    return generate_latest(registry_of(numbers)).decode("utf-8")


def file_name(numbers: Numbers) -> str:
    """Return the name of the file of these labels; names that differ stay apart."""
    labels = dict(numbers.labels)
    target = _plain(labels["target"].removeprefix(f"{SIMULATED} "))
    stamped = f"{SIMULATED}_{target}" if labels["simulated"] == "true" else target
    parts = (_plain(labels["profile"]), stamped, _plain(labels["scenario"]))
    return "-".join(("drills", *filter(None, parts))) + ".prom"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]", lambda found: f"%{ord(found[0]):02X}", text)


def write_textfile(path: Path, numbers: Numbers) -> None:
    """Write these numbers into a file, whole. Raises OSError, and DrillError where the file is of a later run.

    The last success that the file had stays where the run knows none, or an older one.
    """
    # another run of the same target may end at the same time
    with locked_folder(path.parent, LOCK_SECONDS, SystemClock(), waiting_for=f"another command to write {path}"):
        _write(path, numbers)


def _write(path: Path, numbers: Numbers) -> None:
    former = _former(path, dict(numbers.labels))
    own = numbers.value(LAST_RUN)
    if own is not None and former.get(LAST_RUN, own) > own:
        raise DrillError(f"expected {path} to be of an earlier run, found numbers of a later one: they stay")
    data = text_of(_with_success(numbers, former.get(LAST_SUCCESS))).encode()
    half = half_of(path)  # which node_exporter does not read
    with whole_or_gone(half):
        with half.open("wb") as out:
            out.write(data)
            out.flush()
            os.fchmod(out.fileno(), READABLE)
            os.fsync(out.fileno())
        half.replace(path)


def _with_success(numbers: Numbers, former: float | None) -> Numbers:
    own = numbers.value(LAST_SUCCESS)
    if former is None or (own is not None and own >= former):
        return numbers
    others = tuple(each for each in numbers.samples if each.name != LAST_SUCCESS)
    return dataclasses.replace(numbers, samples=(*others, Sample(LAST_SUCCESS, former)))


def _former(path: Path, labels: dict[str, str]) -> dict[str, float]:
    """Return what the file has of these labels alone; nothing where there is no file, or what is there is not ours."""
    try:
        families = list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return {}
    samples = (each for family in families for each in family.samples)
    return {each.name: each.value for each in samples if each.labels == labels}
