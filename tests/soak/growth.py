"""Whether a quantity grows from drill to drill: a line through all of its measurements, and what it may rise; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, linear_regression

from tests.soak.samples import Sample

WARM_UP = 0.2  # of the drills: caches and the allocator fill during these, and nobody calls that growth
MIB = 2.0**20


@dataclass(frozen=True, slots=True)
class Bound:
    """What a line through the measurements may rise in 100 drills, and how the quantity is shown."""

    name: str
    rise: float
    unit: float = 1.0
    unit_name: str = ""


# A thing that every tenth drill left behind would raise a count by 10 in 100 drills.
BOUNDS: Mapping[str, Bound] = {
    # its record of calls is emptied after each drill (tests/soak/run.py)
    "server_memory": Bound("memory of the local AWS", 8 * MIB, MIB, "MiB"),
    "server_files": Bound("open files of the local AWS", 2),
    "server_threads": Bound("threads of the local AWS", 2),
    "keeper_memory": Bound("memory of its keeper", MIB, MIB, "MiB"),
    "keeper_files": Bound("open files of its keeper", 1),
    "drill_memory": Bound("memory of the process that drills", 8 * MIB, MIB, "MiB"),
    "drill_files": Bound("open files of the process that drills", 1),
    "drill_threads": Bound("threads of the process that drills", 1),
    "postgres": Bound("processes of PostgreSQL", 1),
    "processes": Bound("processes in all", 1),
    "files": Bound("files of the local AWS, without write-ahead logs", 5),
    "bytes": Bound("disk of the local AWS, without write-ahead logs", 32 * MIB, MIB, "MiB"),
    "temporary": Bound("files in the temporary folder", 1),
    "segments": Bound("segments of shared memory", 5),
}


@dataclass(frozen=True, slots=True)
class Growth:
    """A line through the measurements of one quantity: its mean, and its rise in 100 drills."""

    bound: Bound
    mean: float
    rise: float

    @property
    def too_much(self) -> bool:
        """Whether it rises more than it may."""
        return self.rise > self.bound.rise


def growths(samples: Sequence[Sample]) -> list[Growth]:
    """Return the line of each quantity, over the drills after the warm-up. ValueError for less than eight of these."""
    kept = samples[int(len(samples) * WARM_UP) :]
    if len(kept) < 8:
        raise ValueError(f"expected at least 8 measurements after the warm-up, found {len(kept)}")
    return [_growth(bound, kept, name) for name, bound in BOUNDS.items()]


def _growth(bound: Bound, samples: Sequence[Sample], name: str) -> Growth:
    drills = [float(each.drill) for each in samples]
    values = [float(getattr(each, name)) for each in samples]
    return Growth(bound, fmean(values), linear_regression(drills, values).slope * 100)
