"""What a database of any size takes on any machine, from what was measured on one; pure arithmetic, each assumption named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.scale.fit import Line

MEGABYTES = 1000.0  # in a gigabyte


@dataclass(frozen=True, slots=True)
class Work:
    """What one part of a command costs.

    `by_size` are seconds of processors by gigabytes; `gain` is what a further connection adds to the speed of the first,
    from 0 (nothing) to 1 (as much). `passes` is how many gigabytes are read for each of the database,
    of which `first` are read for the first time.
    """

    name: str
    by_size: Line
    gain: float
    passes: float
    first: float


@dataclass(frozen=True, slots=True)
class Machine:
    """An instance: its vCPUs, what its storage gives, and what a first touch gives after a restore (both MB/s).

    `first_touch` is None for a volume whose blocks have all been read before.
    """

    processors: int
    storage: float
    first_touch: float | None = None


def speed(gain: float, connections: int) -> float:
    """Return how many times as fast so many connections are as one, where each further one adds `gain`."""
    return 1.0 + min(max(gain, 0.0), 1.0) * (connections - 1)


def gain_of(alone: float, together: float) -> float:
    """Return what the second connection added, from the seconds of one and of two: between 0 and 1."""
    return min(max(alone / together - 1.0, 0.0), 1.0) if together > 0 else 0.0


def computing(work: Work, gigabytes: float, processors: int) -> float:
    """Return for how long so many processors compute, a connection on each."""
    return work.by_size.at(gigabytes) / speed(work.gain, processors)


def reading(work: Work, gigabytes: float, machine: Machine) -> float:
    """Return the seconds of the storage: what is touched for the first time, and what is read again."""
    first = min(work.first, work.passes) if machine.first_touch else 0.0
    slow = first / machine.first_touch if machine.first_touch else 0.0
    return gigabytes * MEGABYTES * (slow + (work.passes - first) / machine.storage)


def seconds(works: Sequence[Work], gigabytes: float, machine: Machine) -> float:
    """Return what a command takes: its parts come one after another, each as long as the slower of both takes."""
    return sum(max(computing(work, gigabytes, machine.processors), reading(work, gigabytes, machine)) for work in works)


def limit(works: Sequence[Work], gigabytes: float, machine: Machine) -> str:
    """Return what most of the time is spent on: "processors", "storage" or "first touch"."""
    spent = dict.fromkeys(("processors", "storage", "first touch"), 0.0)
    slow = "first touch" if machine.first_touch else "storage"
    for work in works:
        by_processor, by_storage = computing(work, gigabytes, machine.processors), reading(work, gigabytes, machine)
        by_storage_alone = gigabytes * MEGABYTES * work.passes / machine.storage
        reads = slow if by_storage > by_storage_alone else "storage"
        spent[reads if by_storage > by_processor else "processors"] += max(by_processor, by_storage)
    return max(spent, key=lambda name: spent[name])
