"""A straight line through times by size, how far the measurements are from it, and where they leave it; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SHORTEST = 0.05  # seconds; shorter times and differences are not told apart
DEPARTS = 0.25  # of a time, from which on it is no longer the line's


@dataclass(frozen=True, slots=True)
class Line:
    """`start` + `slope` · size; neither is below 0, since no work takes back what other work took."""

    start: float
    slope: float

    def at(self, size: float) -> float:
        """Return what the line says of a size."""
        return self.start + self.slope * size


@dataclass(frozen=True, slots=True)
class Departure:
    """The first size at which a measurement leaves the line through all smaller ones: what it took, what the line said."""

    size: float
    measured: float
    expected: float


Points = Sequence[tuple[float, float]]


def line(points: Points) -> Line:
    """Return the line whose deviations, each as a share of its measurement, have the least sum of squares.

    Shares, since sizes differ by a factor of a hundred: else the largest alone would decide.
    """
    if not points:
        raise ValueError("expected at least one measurement, found none")
    weights = [1 / max(time, SHORTEST) ** 2 for _, time in points]
    if len({size for size, _ in points}) == 1:
        return Line(_mean(weights, [time for _, time in points]), 0.0)
    middle = _mean(weights, [size for size, _ in points])
    level = _mean(weights, [time for _, time in points])
    both = sum(w * (size - middle) * (time - level) for w, (size, time) in zip(weights, points, strict=True))
    slope = both / sum(w * (size - middle) ** 2 for w, (size, _) in zip(weights, points, strict=True))
    if slope <= 0:
        return Line(level, 0.0)
    if level - slope * middle >= 0:
        return Line(level - slope * middle, slope)
    through = sum(w * size * time for w, (size, time) in zip(weights, points, strict=True))
    return Line(0.0, through / sum(w * size**2 for w, (size, _) in zip(weights, points, strict=True)))


def _mean(weights: Sequence[float], values: Sequence[float]) -> float:
    return sum(w * value for w, value in zip(weights, values, strict=True)) / sum(weights)


def deviations(of: Line, points: Points) -> list[float]:
    """Return how much more each measurement is than the line says, as a share of the line; 0 for what is too short to tell."""
    return [
        0.0 if max(time, of.at(size)) <= SHORTEST else time / max(of.at(size), SHORTEST) - 1 for size, time in points
    ]


def departure(points: Points) -> Departure | None:
    """Return where the measurements leave the line through the smaller ones; None where they never do, or are fewer than 3."""
    for number in range(2, len(points)):
        size, time = points[number]
        expected = line(points[:number]).at(size)
        if abs(time - expected) > max(DEPARTS * max(time, expected), SHORTEST):
            return Departure(size, time, expected)
    return None
