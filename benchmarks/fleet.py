"""A fleet in the sandbox, beside the same runs laid end to end and divided by the processors.

The yardstick is a few runs of one target, one after another: each restores and verifies one small target, with all that a run has
around that (its sandbox, its source and backup, its reports). `--targets 30` takes about a quarter of an hour on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from benchmarks.common import CLOCK, DRILLS, show

GOAL = 1.3
# of a run's record: what is restore and verification, and not the making of what is backed up
MEASURED = (
    *(
        "choose the recovery point",
        "request the restore",
        "restore",
        "set the password",
        "resolve the DNS name",
        "connect",
    ),
    *(
        "run the owner's queries, cold",
        "run the owner's queries, warm",
        "run the blocking checks",
        "compare the content",
    ),
)


def project(folder: Path, targets: int) -> list[str]:
    """Write a drill.toml with so many targets; their names."""
    names = [f"orders-{number:02d}" for number in range(1, targets + 1)]
    tables = "".join(f'[targets.{name}]\nvault = "orders-vault"\nrto = "30m"\nrpo = "24h"\n' for name in names)
    (folder / "drill.toml").write_text(f"[profiles.sandbox]\nallow = []\n{tables}", encoding="utf-8")
    return names


def timed(folder: Path, *words: str) -> float:
    """Seconds of a command that has to pass."""
    began = CLOCK.monotonic()
    said = subprocess.run([DRILLS, "run", *words], cwd=folder, capture_output=True, text=True, check=False)
    if said.returncode:
        raise SystemExit(f"{said.stdout[-3000:]}{said.stderr[-1000:]}")
    return CLOCK.monotonic() - began


def measured(folder: Path) -> float:
    """The median seconds of restore and verification in the runs of a project."""
    found = []
    for path in folder.glob("reports/out/2*/drill.json"):
        phases = json.loads(path.read_text(encoding="utf-8"))["phases"]
        found.append(sum(each["end_seconds"] - each["start_seconds"] for each in phases if each["name"] in MEASURED))
    return float(statistics.median(found))


def main() -> None:
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=30)
    parser.add_argument("--alone", type=int, default=3, help="runs of the yardstick")
    parser.add_argument("--tier", default="sample")
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="drills-fleet-") as place:
        names = project(Path(place), options.targets)
        alone = [timed(Path(place), "--target", name, "--tier", options.tier) for name in names[: options.alone]]
        within = measured(Path(place))
        load = os.getloadavg()[0]
        fleet = timed(Path(place), "--all", "--parallel", str(cores), "--tier", options.tier)
        kept = json.loads(next(Path(place).glob("reports/out/fleet-*/fleet.json")).read_text(encoding="utf-8"))
    one = statistics.mean(alone)
    yardstick = one * options.targets / cores
    rows = [
        ("one run alone", f"{one:.1f} s ({min(alone):.1f} to {max(alone):.1f})", "", ""),
        ("of it restore and verification", f"{within:.1f} s", "", ""),
        (
            f"{options.targets} targets, {cores} at once",
            f"{fleet:.1f} s",
            f"{yardstick:.1f} s",
            f"{fleet / yardstick:.2f} (goal {GOAL})",
        ),
    ]
    show(
        f"A fleet, tier {options.tier}, load {load:.1f} before it",
        ("", "fleet", "end to end / processors", "ratio"),
        rows,
    )
    print(f"{sum(each['code'] == 0 for each in kept['members'])} of {len(kept['members'])} targets passed")


if __name__ == "__main__":
    main()
