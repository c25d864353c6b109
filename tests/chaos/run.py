"""Strikes drills with every fault and signal in every phase, and writes docs/reliability.md: `tox -e chaos`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from drills.clock import SystemClock
from tests.chaos.cases import Case, every_case
from tests.chaos.judge import Trial, survived, violations
from tests.chaos.kinds.kind import Kind
from tests.chaos.kinds.known import KINDS
from tests.chaos.table import Result, page, part, parts_of
from tests.chaos.world import World, standing
from tests.soak.page import DOCUMENT, section_of
from tests.support.machine import machine
from tests.support.paths import CHECKOUT

KEPT = CHECKOUT / "tests/chaos/tried"  # how each case ended, of which the page is written: --resume goes on anywhere
PART = CHECKOUT / ".tox/chaos/only"  # the same of --only, which would leave holes in the page
BROKEN = CHECKOUT / ".tox/chaos/broken"
SEED = 20261129


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when no rule was broken, else 1."""
    parser = _parser()
    given = parser.parse_args(arguments)
    kinds = [KINDS[name] for name in given.kind or KINDS]
    if not any(_chosen(each, given) for each in kinds):
        parser.error(f"expected a part of the id of a case after --only, such as KILL, found {given.only}")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background process ignores
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return max([_pass(each, given) for each in kinds])
    except KeyboardInterrupt:
        print("ended early: --resume goes on, --write writes what is kept")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tox -e chaos --", description=__doc__)
    parser.add_argument("--kind", action="append", choices=KINDS, help="of the target; may be repeated; default: all")
    parser.add_argument(
        "--workers", type=int, default=2, help="how many sandboxes, each with one drill at a time; default: 2"
    )
    parser.add_argument(
        "--only", action="append", default=[], help="part of the ids of the cases; the page stays as it is"
    )
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the random sequences; default: {SEED}")
    parser.add_argument("--sequences", type=int, help="how many of them; default: 200 of an instance, else 20")
    parser.add_argument("--resume", action="store_true", help="go on where a pass was ended; its results are kept")
    parser.add_argument("--write", action="store_true", help="try nothing: write the results that are kept")
    return parser


def _pass(kind: Kind, given: argparse.Namespace) -> int:
    """Try the cases of one kind and write its part of the page; 0 when all were tried and no rule was broken, else 1."""
    chosen = _chosen(kind, given)
    folder = PART if given.only else KEPT
    if not given.resume and not given.write:
        _kept_of(kind, folder).unlink(missing_ok=True)
    known = kept(kind, chosen, folder)
    ids = {each.case.id for each in known}
    left = [case for case in chosen if case.id not in ids]
    tried = [] if given.write else try_all(kind, left, given.workers, folder)
    order = {case.id: index for index, case in enumerate(chosen)}
    results = sorted([*known, *tried], key=lambda each: order[each.case.id])
    broken = [each for each in results if each.violations]
    for each in broken:
        print(f"{each.case.id}:\n  " + "\n  ".join(each.violations))
    print(f"{kind.plan.kind}: {len(results)} cases, {len(broken)} with violations")
    if not given.only and results:
        _write(kind, part(kind.plan, results, SystemClock().now().date(), machine(), given.seed))
    return 1 if broken or len(results) != len(chosen) else 0


def _chosen(kind: Kind, given: argparse.Namespace) -> list[Case]:
    sequences = kind.plan.sequences if given.sequences is None else given.sequences
    cases = every_case(kind.plan, sequences, given.seed)
    return [case for case in cases if not given.only or any(word in case.id for word in given.only)]


def _write(kind: Kind, text: str) -> None:
    """Write the part of one kind; those of others, and what a soak has written after them, stay as they are."""
    before = DOCUMENT.read_text(encoding="utf-8")
    parts = parts_of(before) | {kind.plan.title: text}
    titles = [each.plan.title for each in KINDS.values() if each.plan.title in parts]
    DOCUMENT.write_text(page({title: parts[title] for title in titles}, section_of(before)), encoding="utf-8")
    print(f"written: {DOCUMENT}")


def try_all(kind: Kind, cases: Sequence[Case], workers: int, folder: Path) -> list[Result]:
    """Try the cases, each worker in a world of its own; how each ended is kept in a file of the folder at once."""
    folder.mkdir(parents=True, exist_ok=True)
    file = _kept_of(kind, folder)
    waiting: SimpleQueue[Case] = SimpleQueue()
    for case in cases:
        waiting.put(case)
    schema = json.loads((CHECKOUT / "reports/drill.schema.json").read_text(encoding="utf-8"))
    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(_worker, kind, waiting, schema, file) for _ in range(workers)]
        try:
            return [each for worker in running for each in worker.result()]
        finally:
            while not waiting.empty():  # interrupted: each worker ends its world after the case that it is at
                waiting.get_nowait()


def _worker(kind: Kind, waiting: SimpleQueue[Case], schema: Mapping[str, Any], file: Path) -> list[Result]:
    results: list[Result] = []
    while not waiting.empty():
        with standing(kind) as world:
            calm = world.try_case(Case("nothing", ()))
            assert calm.record
            if wrong := violations(calm, schema, calm.record):
                raise AssertionError(f"expected a drill that nothing strikes to keep the rules, found: {wrong}")
            if any(each["outcome"] not in ("passed", "skipped") for each in calm.record["promises"]):
                raise AssertionError(f"expected a drill that nothing strikes to keep its promises, found:\n{calm.out}")
            results += _until_spoilt(world, waiting, schema, calm, file)
    return results


def _until_spoilt(
    world: World, waiting: SimpleQueue[Case], schema: Mapping[str, Any], calm: Trial, file: Path
) -> list[Result]:
    """Try cases until none is left, or until one has changed the world for those after it."""
    results: list[Result] = []
    assert calm.record
    while True:
        try:
            case = waiting.get_nowait()
        except Empty:
            return results
        trial = world.try_case(case)
        whole = bool(trial.record and calm.record["code"] and survived(trial.record, calm.record))
        result = Result.of(trial, violations(trial, schema, calm.record), whole=whole)
        results.append(result)
        with file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps([case.id, result.ended, result.violations]) + "\n")
        print(
            f"{'BROKEN' if result.violations else 'ok':7}{case.id}: {result.ended} ({trial.seconds:.0f} s)", flush=True
        )
        if result.violations:
            _keep(world.kind, trial)
        world.remove(trial.left)
        if world.look().resources != trial.before.resources:
            return results


def _kept_of(kind: Kind, folder: Path) -> Path:
    return folder / f"{kind.plan.kind}.jsonl"


def kept(kind: Kind, cases: Sequence[Case], folder: Path = KEPT) -> list[Result]:
    """Return the results of a pass that was ended before all cases were tried."""
    file = _kept_of(kind, folder)
    if not file.exists():
        return []
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    by_id = {case.id: case for case in cases}
    return [Result(by_id[name], ended, tuple(broken)) for name, ended, broken in lines if name in by_id]


def _keep(kind: Kind, trial: Trial) -> None:
    """Leave what the run printed where somebody can read it."""
    folder = BROKEN / kind.plan.kind
    folder.mkdir(parents=True, exist_ok=True)
    name = "".join(letter if letter.isalnum() else "-" for letter in trial.case.id)
    (folder / f"{name}.log").write_text(trial.out, encoding="utf-8")
    (folder / f"{name}.json").write_text(json.dumps(trial.record, indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
