"""A fleet in a standing sandbox, beside the same restores and verifications laid end to end and divided by the processors.

The sources and their backups are there before, as on AWS. First one process restores and verifies each target, one after another,
with nothing around it: no scenario, no report, no seal, and without the time of the clean-up. Then `drills run --all` does the
same with all that a run has. `--alone N` adds N whole runs, one after another: what a fleet costs beside single runs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.common import CLOCK, DRILLS, ROOT, call, show
from drills.cli.run import make_folder, opening_record
from drills.config.load import targets_of
from drills.evidence.stored.find import finder_for
from drills.record import Journal, new_run_id
from drills.run import context

GOAL = 1.3
PROFILE = "standing"


@contextmanager
def standing(targets: int) -> Iterator[Path]:
    """A sandbox with so many sources and their backups, whose variables are this process's; the drill.toml that names them."""
    made = call("up", "--sample", "--targets", str(targets))
    try:
        os.environ |= made["environment"]
        yield Path(made["sample"]["config"])
    finally:
        call("down")


def restored_and_verified(name: str, tier: str) -> float:
    """Seconds that one target takes from the choice of its recovery point to the last check; its copy is removed afterwards."""
    choices = context.RunOptions(profile=PROFILE, target=name, overrides={"--tier": tier})
    effective, began = choices.effective(), CLOCK.now()
    folder = make_folder(new_run_id(began))
    context.save(folder, choices)
    journal = Journal.create(folder, opening_record(folder.name, began, effective, choices), origin=CLOCK.monotonic())
    before = CLOCK.monotonic()
    drill = context.open_drill(folder, journal, finder_for)
    checks = drill.recover().checks
    took = CLOCK.monotonic() - before
    if missed := [each.name for each in checks if each.outcome == "missed"]:
        raise SystemExit(f"{name}: expected a copy like its source, found otherwise by {', '.join(missed)}")
    if left := drill.clean_up():
        raise SystemExit(f"{name}: expected nothing to be left, found {left}")
    return took


def end_to_end(tier: str) -> None:
    """Print the seconds of each target of the working directory as JSON: what the process of the yardstick does."""
    print(json.dumps([restored_and_verified(name, tier) for name in targets_of(None)]))


def yardstick(place: Path, tier: str) -> list[float]:
    """The same, of a process that does nothing else."""
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.fleet", "--end-to-end", "--tier", tier],
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if said.returncode:
        raise SystemExit(said.stderr[-3000:])
    return [float(each) for each in json.loads(said.stdout)]


def run(place: Path, *words: str) -> tuple[float, float]:
    """Wall seconds of a run that has to pass, and processor seconds of its processes, the sandbox's not among them."""
    began, before = CLOCK.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [DRILLS, "run", "--profile", PROFILE, *words]
    said = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if said.returncode:
        raise SystemExit(f"{said.stdout[-3000:]}{said.stderr[-1000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return CLOCK.monotonic() - began, used


def main() -> None:
    """Measure all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=30)
    parser.add_argument("--alone", type=int, default=1, help="whole runs of one target, one after another")
    parser.add_argument("--parallel", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--tier", default="sample")
    parser.add_argument("--end-to-end", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.end_to_end:
        end_to_end(options.tier)
        return
    with tempfile.TemporaryDirectory(prefix="drills-fleet-") as folder, standing(options.targets) as config:
        shutil.copy(ROOT / config, Path(folder) / "drill.toml")  # a run writes beside it
        measure(Path(folder), options)


def measure(place: Path, options: argparse.Namespace) -> None:
    """Measure a fleet of the sandbox that stands, drilled by the drill.toml in `place`, and print the table."""
    cores, count, tier = len(os.sched_getaffinity(0)), options.targets, ("--tier", options.tier)
    loads = [os.getloadavg()[0]]
    each = yardstick(place, options.tier)
    loads.append(os.getloadavg()[0])
    fleet, used = run(place, "--all", "--parallel", str(options.parallel), *tier)
    loads.append(os.getloadavg()[0])
    alone = [run(place, *tier)[0] for _ in range(options.alone)]
    kept = json.loads(next(place.glob("reports/out/fleet-*/fleet.json")).read_text(encoding="utf-8"))
    bare = sum(each) / cores
    title = f"{count} targets, tier {options.tier}, {options.parallel} at once, load {' then '.join(f'{it:.1f}' for it in loads)}"
    rows = [
        ("a restore and verification", f"{statistics.median(each):.2f} s ({min(each):.2f} to {max(each):.2f})", "", ""),
        ("the fleet beside these", f"{fleet:.1f} s", f"{bare:.1f} s", f"{fleet / bare:.2f} (goal {GOAL})"),
        ("processor time of a member, without the sandbox's", f"{used / count:.1f} s", "", ""),
    ]
    if alone:
        whole = statistics.mean(alone) * count / cores
        rows.append(("the fleet beside whole runs", f"{fleet:.1f} s", f"{whole:.1f} s", f"{fleet / whole:.2f}"))
    show(title, ("", "fleet", "end to end / processors", "ratio"), rows)
    print(f"{sum(each['code'] == 0 for each in kept['members'])} of {len(kept['members'])} targets passed")


if __name__ == "__main__":
    main()
