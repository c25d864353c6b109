"""Drills the sample again and again in a standing local AWS, and writes what grew into docs/reliability.md: `tox -e soak`."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import TextIO

from drills.clock import SystemClock
from tests.chaos.kinds.kind import PROFILE
from tests.chaos.world import World, standing
from tests.soak.growth import growths
from tests.soak.page import DOCUMENT, Soak, section, with_section
from tests.soak.samples import Ended, Sample, take
from tests.support.machine import machine
from tests.support.paths import CHECKOUT, DRILLS

KEPT = CHECKOUT / ".tox/soak"
CONFIG = "soak.toml"
CLOCK = SystemClock()
STOPPED = threading.Event()


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every drill passed and nothing grew, else 1."""
    parser = argparse.ArgumentParser(prog="tox -e soak --", description=__doc__)
    parser.add_argument("--drills", type=int, default=200, help="how many one after another; default: 200")
    parser.add_argument("--at-once", type=int, default=8, help="how many at once, beside them; default: 8")
    parser.add_argument("--rounds", type=int, default=25, help="how often that many at once; default: 25")
    parser.add_argument("--runs", type=int, default=20, help="how many whole `drills run`, beside them; default: 20")
    parser.add_argument("--write", action="store_true", help="write the page from the measurements that are kept")
    given = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):  # no more drills; the page says how many there were
        signal.signal(number, lambda *_: STOPPED.set())
    KEPT.mkdir(parents=True, exist_ok=True)
    if not given.write:
        with ThreadPoolExecutor(3) as pool:
            working = [
                pool.submit(drill_again_and_again, "row", 1, given.drills),
                pool.submit(drill_again_and_again, "at-once", given.at_once, given.rounds),
                pool.submit(run_again_and_again, "runs", given.runs),
            ]
            for part in working:
                part.result()
    known = (("row", 1), ("at-once", given.at_once), ("runs", 1))
    soaks = [Soak(name, at_once, samples) for name, at_once in known if (samples := kept(name))]
    text = section(soaks, CLOCK.now().date(), machine())
    DOCUMENT.write_text(with_section(DOCUMENT.read_text(encoding="utf-8"), text), encoding="utf-8")
    print(f"{text}\nwritten: {DOCUMENT}")
    grown = [each for soak in soaks for each in growths(soak.samples) if each.too_much]
    return 1 if grown or any(each.code for soak in soaks for each in soak.samples) else 0


def kept(name: str) -> list[Sample]:
    """Return the measurements of one part."""
    lines = (KEPT / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [Sample(**json.loads(line)) for line in lines]


def drill_again_and_again(name: str, at_once: int, rounds: int) -> None:
    """Drill in a world of its own, `at_once` drills at a time, and keep what is measured after each of the rounds."""
    with _patient() as world, ExitStack() as stack, _keeping(name) as keep:
        drillers = [stack.enter_context(_driller(world, number)) for number in range(at_once)]
        for number in range(1, rounds + 1):
            if STOPPED.is_set():
                break
            for each in drillers:
                assert each.stdin
                each.stdin.write("\n")
                each.stdin.flush()
            keep(world, _together(number, [_ended(each) for each in drillers]))


def run_again_and_again(name: str, runs: int) -> None:
    """Carry out whole runs in a world of its own, one after another, and keep what is measured after each."""
    argv = [DRILLS, "run", "--config", CONFIG, "--profile", PROFILE]
    if not runs:
        (KEPT / f"{name}.jsonl").write_text("", encoding="utf-8")
        return
    with _patient() as world, _keeping(name) as keep:
        for number in range(1, runs + 1):
            if STOPPED.is_set():
                break
            before = CLOCK.monotonic()
            done = subprocess.run(
                argv,
                cwd=world.place.checkout,
                env=world.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                start_new_session=True,
            )
            if done.returncode:  # the world, with the run's folder in it, is removed at the end
                print(f"{name} {number}:", *done.stdout.decode(errors="replace").splitlines()[-40:], sep="\n")
            keep(world, Ended(number, done.returncode, CLOCK.monotonic() - before, 0, 0, 0))


@contextmanager
def _patient() -> Iterator[World]:
    """A standing world whose drills may take as long as eight at once on a busy machine do."""
    with standing() as world:
        short = (world.place.checkout / "chaos.toml").read_text(encoding="utf-8")
        patient = short.replace('timeout = "20s"', 'timeout = "5m"').replace('features = "60s"', 'features = "10m"')
        (world.place.checkout / CONFIG).write_text(patient, encoding="utf-8")
        yield world


@contextmanager
def _keeping(name: str) -> Iterator[Keep]:
    with (KEPT / f"{name}.jsonl").open("w", encoding="utf-8") as file:
        yield Keep(name, file)


class Keep:
    """Measures a world after a drill, and keeps the measurements in a file."""

    def __init__(self, name: str, file: TextIO) -> None:
        self._name, self._file = name, file

    def __call__(self, world: World, ended: Ended) -> None:
        """Measure and keep; without the record of calls, which the local AWS keeps until it is full, and a leak hides in."""
        world.control.forget_calls()
        sample = take(world.facts, world.place, ended)
        self._file.write(json.dumps(asdict(sample)) + "\n")
        self._file.flush()
        print(f"{self._name} {sample.drill}: code {sample.code}, {sample.seconds:.1f} s", flush=True)


@contextmanager
def _driller(world: World, number: int) -> Iterator[subprocess.Popen[str]]:
    out = world.place.root / f"out-{number}"
    out.mkdir()
    argv = [sys.executable, "-m", "tests.soak.driller", str(world.place.checkout / CONFIG), PROFILE, str(out)]
    environment = world.environment | {"PYTHONPATH": str(CHECKOUT)}
    process = subprocess.Popen(
        argv,
        cwd=world.place.checkout,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.communicate()


def _ended(driller: subprocess.Popen[str]) -> Ended:
    assert driller.stdout
    line = driller.stdout.readline()
    if not line:
        raise AssertionError(f"expected the driller to go on, found that it ended with {driller.wait()}")
    return Ended(**json.loads(line))


def _together(number: int, several: Sequence[Ended]) -> Ended:
    """Return drills that were made at once as one: the worst code, the longest time, and the sums of what they hold."""
    return Ended(
        number * len(several),
        max(each.code for each in several),
        max(each.seconds for each in several),
        sum(each.memory for each in several),
        sum(each.files for each in several),
        sum(each.threads for each in several),
    )


if __name__ == "__main__":
    sys.exit(main())
