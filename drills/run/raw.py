"""Writes what a run has noted for its evidence into files that a person can read: raw/ in the run's folder.

Its processes append to private files while they run (drills/notebook.py); this is done when they have ended, however that
was, and can be done again: an interrupted run has what there is.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from drills import notebook
from drills.aws import recorder
from drills.aws.recorder import CALLS_NAME
from drills.checks.base.statements import STATEMENTS_NAME
from drills.checks.observed import OBSERVED_NAME
from drills.files import write_atomically
from drills.model.timing import OperationCalls
from drills.plural import counted
from drills.redaction import redact
from drills.run.context import MANIFEST_NAME, STORED_NAME

RAW = "raw"
AWS = "aws"
SQL = "sql"
CUCUMBER = "cucumber.json"
OBSERVATIONS = "observations.json"
COMPRESSED = "observations.json.gz"
PLAIN_AT_MOST = 4_000_000  # characters; larger observations are compressed
REPEATED = 1_000  # statements among which a repeated one is looked for
NOTED = (
    CALLS_NAME,
    STATEMENTS_NAME,
    OBSERVED_NAME,
)  # the private files that are not needed any more once raw/ is written


def write(folder: Path) -> None:
    """Write raw/ and the observations of the run in this folder from what its processes noted. Raises OSError."""
    _keep_manifest(folder)
    _write_calls(folder)
    _write_statements(folder)
    _write_observations(folder)
    _clean_cucumber(folder / RAW / CUCUMBER)


def _keep_manifest(folder: Path) -> None:
    """Keep the target's stored manifest with the run that was compared with it."""
    if (folder / STORED_NAME).exists():
        (folder / STORED_NAME).replace(folder / MANIFEST_NAME)


def _write_statements(folder: Path) -> None:
    """Write one file a check with each distinct statement, in the order in which they were first run."""
    texts: dict[str, list[str]] = {}
    left_out: Counter[str] = Counter()
    for entry in notebook.read(folder / STATEMENTS_NAME):
        known = texts.setdefault(entry["check"], [])
        if not entry["text"]:
            left_out[entry["check"]] += 1
        elif entry["text"] not in known[-REPEATED:]:  # another process may have noted it too
            known.append(entry["text"])
    for check, statements in texts.items():
        more = (
            [f"-- {counted(left_out[check], 'more statement')} left out: only names differ"] if left_out[check] else []
        )
        text = "\n\n".join([*(f"{redact(each)};" for each in statements), *more]) + "\n"
        path = folder / RAW / SQL / f"{check.replace(' ', '-')}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)


def _write_observations(folder: Path) -> None:
    """Write all observations as one JSON document, compressed where it is large, with a line for each."""
    lines = [json.dumps(entry, ensure_ascii=False) for entry in notebook.read(folder / OBSERVED_NAME)]
    if not lines:
        return
    text = '{"format": 1, "observations": [\n' + ",\n".join(lines) + "\n]}\n"
    if len(text) <= PLAIN_AT_MOST:
        write_atomically(folder / OBSERVATIONS, text)
        return
    half = folder / f".{COMPRESSED}"
    half.write_bytes(gzip.compress(text.encode(), mtime=0))
    half.replace(folder / COMPRESSED)


def _write_calls(folder: Path) -> None:
    """Write one file an operation, named by the number of its first call; a repeated answer stands there once."""
    files: dict[str, list[dict[str, Any]]] = {}
    for number, call in enumerate(notebook.read(folder / CALLS_NAME), 1):
        files.setdefault(call["operation"], []).append({"number": number, **call})
    for operation, calls in files.items():
        name = f"{calls[0]['number']:04d}-{operation.partition('.')[2]}.json"
        kept = list(without_repeated_answers(calls))
        _write_json(folder / RAW / AWS / name, {"operation": operation, "calls": kept})


def count_calls(folder: Path) -> tuple[OperationCalls, ...]:
    """Return how often AWS answered each operation, as the run has noted it; the most frequent first."""
    return recorder.count_calls(notebook.read(folder / CALLS_NAME))


def without_repeated_answers(calls: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the calls of one operation; `same_as` is the number of an earlier one with the same answer, which is left out. Pure."""
    first: dict[str, int] = {}
    for call in calls:
        kept = {name: value for name, value in call.items() if name not in ("operation", "answer")}
        if call["answer"] is None:
            yield kept
            continue
        same = first.setdefault(json.dumps(call["answer"], sort_keys=True), call["number"])
        yield kept | ({"answer": call["answer"]} if same == call["number"] else {"same_as": same})


def _clean_cucumber(path: Path) -> None:
    """Mask what looks like a password in the messages of pytest-bdd's report."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    try:
        report = json.loads(text)
    except ValueError:
        return  # pytest was ended while it wrote
    for feature in report:
        for scenario in feature.get("elements", ()):
            for step in scenario.get("steps", ()):
                message = step.get("result", {}).get("error_message")
                if message:
                    step["result"]["error_message"] = redact(message)
    _write_json(path, report)


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")
