"""Drills one target again and again in one process: a line on stdin asks for a drill, a line on stdout says how it ended.

As a program: `python -m tests.soak.driller CONFIG PROFILE TARGET-FOLDER`, with the environment of a standing local AWS.
"""

from __future__ import annotations

import gc
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import psutil

from drills.cli.run import opening_record
from drills.clock import SystemClock
from drills.errors import COULD_NOT_RUN, DrillError
from drills.record import Journal, new_run_id
from drills.run import context
from tests.soak.samples import Ended

CLOCK = SystemClock()


def drill(choices: context.RunOptions, out: Path) -> int:
    """Carry out one drill as the features of a run do; 0 when its copy passed every check and nothing of it is left."""
    started = CLOCK.now()
    run_id = new_run_id(started)
    folder = out / run_id
    folder.mkdir(mode=0o700)
    journal = Journal.create(
        folder, opening_record(run_id, started, choices.effective(), choices), origin=CLOCK.monotonic()
    )
    context.save(folder, choices)
    journal.enter("begin")
    drilled = context.open_drill(folder, journal, lambda setup, config: None)
    try:
        restored = drilled.recover()
        passed = bool(restored.checks) and all(
            each.outcome == "met" for each in restored.checks if each.requirement == "required"
        )
    except DrillError as error:
        print(error, file=sys.stderr)
        passed = False
    left = drilled.clean_up()
    journal.end()
    shutil.rmtree(folder)
    return 0 if passed and not left else COULD_NOT_RUN


def main(config: str, profile: str, out: str) -> int:
    """Drill whenever a line comes, until there are no more."""
    choices = context.RunOptions(config_file=config, profile=profile)
    me = psutil.Process()
    for number, _ in enumerate(sys.stdin, start=1):
        before = CLOCK.monotonic()
        code = drill(choices, Path(out))
        seconds = CLOCK.monotonic() - before
        gc.collect()
        ended = Ended(number, code, seconds, me.memory_info().rss, me.num_fds(), me.num_threads())
        print(json.dumps(asdict(ended)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
