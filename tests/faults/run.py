"""Runs the corpus on each PostgreSQL and writes docs/detection.md: `tox -e faults`."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

from drills.clock import SystemClock
from drills.model.servers import POSTGRES_CHOICES
from drills.sandbox.postgres.binaries import Binaries, find, readable, server_user
from drills.sandbox.postgres.cluster import prepare_state, sweep
from tests.faults import corpus, matrix, trials, verdicts
from tests.faults.lab import Lab
from tests.faults.matrix import Served
from tests.faults.model import Case, Trial
from tests.support.machine import machine

DOCUMENT = Path(__file__).parents[2] / "docs" / "detection.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every fault was found and nothing harmless was accused, else 1."""
    parser = argparse.ArgumentParser(prog="tox -e faults --", description=__doc__)
    servers = f"{', '.join(POSTGRES_CHOICES)} or a folder; default: all"
    parser.add_argument("--postgres", action="append", help=servers)
    parser.add_argument("--only", action="append", default=[], help="the id of a case, such as P03; nothing is written")
    parser.add_argument("--no-peers", action="store_true", help="leave out the checks of others; nothing is written")
    parser.add_argument("--workers", type=int, default=2, help="how many cases at once; default: 2")
    given = parser.parse_args(arguments)
    found = [find(choice)[0] for choice in given.postgres] if given.postgres else find()
    cases = [case for case in corpus.CASES if not given.only or case.id in given.only]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    stop = Event()
    # the work is done by servers and programs, so that threads are enough; a half has a lab of its own
    with ThreadPoolExecutor(given.workers) as pool:
        halves = [
            (each, [pool.submit(serve, each, cases[half::2], not given.no_peers, stop) for half in range(2)])
            for each in found
        ]
        try:
            served = [joined(each, [half.result() for half in running], cases) for each, running in halves]
        except BaseException:
            stop.set()  # each lab ends its servers after the case that it is at
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    for one in served:
        print(summary(one), flush=True)
    if not given.only and not given.no_peers:
        DOCUMENT.write_text(matrix.document(served, SystemClock().now().date(), machine()), encoding="utf-8")
        print(f"written: {DOCUMENT}")
    return 1 if any(each.missed or each.alarms or each.immaterial or each.broken for each in served) else 0


def serve(binaries: Binaries, cases: Sequence[Case], with_peers: bool, stop: Event) -> Served:
    """Some cases on one PostgreSQL, in a lab of their own, until they are done or `stop` is set."""
    state = prepare_state()
    try:
        lab = Lab(state, readable(binaries, server_user(), state))
        lab.open()
        served = Served(binaries.version, binaries.origin, [], [], [])
        for case in cases:
            if stop.is_set():
                break
            if need := corpus.lacking(case, lab.abilities):
                served.excluded.append((case, need))
                continue
            try:
                served.trials.append(trials.carry_out(lab, case, with_peers=with_peers))
                print(f"{binaries.version:<6} {describe(served.trials[-1])}", flush=True)
            except Exception as error:  # one mistake of the corpus must not hide what the rest of it shows
                why = f"{type(error).__name__}: {error}"
                served.broken.append((case, why))
                print(f"{binaries.version:<6} {case.id:<5} {case.name}  COULD NOT BE DONE: {why}", flush=True)
        return served
    finally:
        sweep(state)
        shutil.rmtree(state)


def joined(binaries: Binaries, halves: Sequence[Served], cases: Sequence[Case]) -> Served:
    """The halves as one, in the order of the corpus."""
    order = {case.id: place for place, case in enumerate(cases)}
    whole = Served(binaries.version, binaries.origin, [], [], [])
    for half in halves:
        whole.trials.extend(half.trials)
        whole.excluded.extend(half.excluded)
        whole.broken.extend(half.broken)
    whole.trials.sort(key=lambda trial: order[trial.case.id])
    whole.excluded.sort(key=lambda left: order[left[0].id])
    return whole


def describe(trial: Trial) -> str:
    """One line for one case."""
    name = f"{trial.case.id:<5} {trial.case.name:<32} {trial.seconds:5.1f} s"
    if trial.case.harmless:
        return f"{name}  {'ACCUSED' if verdicts.is_false_alarm(trial) else 'no finding'}{_why(trial)}"
    if not verdicts.is_material(trial):
        return f"{name}  CHANGED NOTHING"
    if verdicts.is_found(trial):
        return f"{name}  found by {', '.join(verdicts.naming(trial))}"
    return f"{name}  NOT FOUND{_why(trial)}"


def _why(trial: Trial) -> str:
    reasons = [trial.failure] if trial.failure else []
    reasons += [f"{finding.check}: {finding.message}" for finding in verdicts.findings(trial)]
    reasons += [f"{result.name} not verified: {result.sentence}" for result in verdicts.unverified(trial)]
    return "".join(f"\n         {line}" for line in reasons)


def summary(served: Served) -> str:
    """The last line of one PostgreSQL."""
    return (
        f"PostgreSQL {served.version} ({served.origin}): {len(served.faults) - len(served.missed)} of "
        f"{len(served.faults)} faults found, {len(served.alarms)} of {len(served.harmless)} harmless differences "
        f"accused, {len(served.excluded)} cannot be had here, {len(served.immaterial)} changed nothing, "
        f"{len(served.broken)} could not be done"
    )


if __name__ == "__main__":
    sys.exit(main())
