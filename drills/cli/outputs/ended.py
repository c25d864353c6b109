"""Tells of a run that has ended and is sealed. Nothing here changes the run: what fails is said, and noted beside its record."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from drills.clock import SystemClock
from drills.config.load import Config
from drills.files import write_privately
from drills.metrics.write import write
from drills.model.record import RunRecord
from reports import redact

NAME = "outputs.json"  # in the run's folder, and no part of its evidence


def tell(folder: Path, record: RunRecord, config: Config) -> tuple[str, ...]:
    """Write the numbers of the run and send its notice; return a line for each that failed, and note all in the run's folder."""
    written = write(record, config)
    lines = [f"metrics: {each.place}: {each.problem}" for each in written if each.problem]
    facts: dict[str, Any] = {"metrics": [dataclasses.asdict(each) for each in written]} if written else {}
    if config.notices.wanted:
        told, facts["notices"] = _notify(record, config)
        lines += told
    if facts:
        with contextlib.suppress(OSError):  # the lines say it all the same
            write_privately(folder / NAME, json.dumps(facts, indent=1) + "\n")
    return tuple(lines)


def _notify(record: RunRecord, config: Config) -> tuple[list[str], dict[str, Any]]:
    """Return the lines about what failed, and what became of the notice."""
    from drills.notices import compose
    from drills.notices.send import send

    try:
        notice = compose.of_run(redact.external(record) if config.notices.mask else record)
        if notice is None:
            return [], {"not_sent": "nobody needs to hear of it"}
        outcome = send(notice, config, os.environ, SystemClock().now())
    except Exception as error:  # a fault of ours: a notice never breaks a drill
        sentence = f"notices: expected to tell of the run, found {type(error).__name__}, a fault of drills: report it"
        return [sentence], {"problem": sentence}
    lines = [f"notices: {each.service}: {each.problem}" for each in outcome.deliveries if each.problem]
    lines += [f"notices: {outcome.problem}"] if outcome.problem else []
    return lines, dataclasses.asdict(outcome)
