"""Strikes drills with every fault and signal in every phase, and writes docs/reliability.md: `tox -e chaos`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any

from drills.clock import SystemClock
from tests.chaos.cases import SEQUENCES, Case, every_fault, every_signal, random_sequences
from tests.chaos.judge import Trial, violations
from tests.chaos.table import Result, document
from tests.chaos.world import World, standing
from tests.soak.page import DOCUMENT, section_of, with_section
from tests.support.machine import machine
from tests.support.paths import CHECKOUT

KEPT = CHECKOUT / ".tox/chaos/results.jsonl"
SEED = 20261129


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when no rule was broken, else 1."""
    parser = argparse.ArgumentParser(prog="tox -e chaos --", description=__doc__)
    parser.add_argument(
        "--workers", type=int, default=2, help="how many sandboxes, each with one drill at a time; default: 2"
    )
    parser.add_argument("--only", action="append", default=[], help="part of the ids of the cases; nothing is written")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the random sequences; default: {SEED}")
    parser.add_argument("--sequences", type=int, default=SEQUENCES, help=f"how many of them; default: {SEQUENCES}")
    parser.add_argument("--resume", action="store_true", help="go on where a pass was ended; its results are kept")
    given = parser.parse_args(arguments)
    cases = [*every_signal(), *every_fault(), *random_sequences(given.sequences, given.seed)]
    chosen = [case for case in cases if not given.only or any(part in case.id for part in given.only)]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background process ignores
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    if not given.resume:
        KEPT.unlink(missing_ok=True)
    known = _kept(chosen)
    ids = {each.case.id for each in known}
    tried = try_all([case for case in chosen if case.id not in ids], given.workers)
    order = {case.id: index for index, case in enumerate(chosen)}
    results = sorted([*known, *tried], key=lambda each: order[each.case.id])
    broken = [each for each in results if each.violations]
    for each in broken:
        print(f"{each.case.id}:\n  " + "\n  ".join(each.violations))
    print(f"{len(results)} cases, {len(broken)} with violations")
    if not given.only:
        written = document(results, SystemClock().now().date(), machine(), given.seed)
        kept = section_of(DOCUMENT.read_text(encoding="utf-8"))  # what a soak has written after it
        DOCUMENT.write_text(with_section(written, kept) if kept else written, encoding="utf-8")
        print(f"written: {DOCUMENT}")
    return 1 if broken or len(results) != len(chosen) else 0


def try_all(cases: Sequence[Case], workers: int) -> list[Result]:
    """Try the cases, each worker in a world of its own."""
    waiting: SimpleQueue[Case] = SimpleQueue()
    for case in cases:
        waiting.put(case)
    schema = json.loads((CHECKOUT / "reports/drill.schema.json").read_text(encoding="utf-8"))
    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(_worker, waiting, schema) for _ in range(workers)]
        try:
            return [each for worker in running for each in worker.result()]
        finally:
            while not waiting.empty():  # interrupted: each worker ends its world after the case that it is at
                waiting.get_nowait()


def _worker(waiting: SimpleQueue[Case], schema: Mapping[str, Any]) -> list[Result]:
    results: list[Result] = []
    while not waiting.empty():
        with standing() as world:
            calm = world.try_case(Case("nothing", ()))
            assert calm.record
            if wrong := violations(calm, schema, calm.record):
                raise AssertionError(f"expected a drill that nothing strikes to keep the rules, found: {wrong}")
            results += _until_spoilt(world, waiting, schema, calm)
    return results


def _until_spoilt(world: World, waiting: SimpleQueue[Case], schema: Mapping[str, Any], calm: Trial) -> list[Result]:
    """Try cases until none is left, or until one has changed the world for those after it."""
    results: list[Result] = []
    assert calm.record
    while True:
        try:
            case = waiting.get_nowait()
        except Empty:
            return results
        trial = world.try_case(case)
        result = Result.of(trial, violations(trial, schema, calm.record))
        results.append(result)
        with KEPT.open("a", encoding="utf-8") as file:
            file.write(json.dumps([case.id, result.ended, result.violations]) + "\n")
        print(f"{'BROKEN' if result.violations else 'ok':7}{result.case.id}: {result.ended}", flush=True)
        if result.violations:
            _keep(trial)
        world.remove(trial.left)
        if world.look().resources != trial.before.resources:
            return results


def _kept(cases: Sequence[Case]) -> list[Result]:
    """Return the results of a pass that was ended before all cases were tried."""
    if not KEPT.exists():
        return []
    lines = [json.loads(line) for line in KEPT.read_text(encoding="utf-8").splitlines()]
    by_id = {case.id: case for case in cases}
    return [Result(by_id[name], ended, tuple(broken)) for name, ended, broken in lines if name in by_id]


def _keep(trial: Trial) -> None:
    """Leave what the run printed where somebody can read it."""
    folder = CHECKOUT / ".tox/chaos/broken"
    folder.mkdir(parents=True, exist_ok=True)
    name = "".join(letter if letter.isalnum() else "-" for letter in trial.case.id)
    (folder / f"{name}.log").write_text(trial.out, encoding="utf-8")
    (folder / f"{name}.json").write_text(json.dumps(trial.record, indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
