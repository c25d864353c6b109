"""Reads the JSON files of a run's evidence; what has another shape is refused in one sentence with its file. Asks nobody."""

from __future__ import annotations

import gzip
import json
import zlib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypeVar

from pydantic import AfterValidator, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic reads that of typing from Python 3.12 on only

from drills.errors import COULD_NOT_RUN, DrillError

T = TypeVar("T")
_LONGEST = 80  # characters of a value that is shown


class CannotReplay(DrillError):
    """A file that the verdicts follow from is not there, or cannot be read."""

    exit_code = COULD_NOT_RUN


def _instant(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("expected an instant with its time zone")
    return text


Instant = Annotated[str, AfterValidator(_instant)]


class Refusal(TypedDict):
    """The error that AWS answered a call with."""

    code: str
    message: str


# a recorded call of AWS, as drills/aws/recorder.py notes it; `same_as` stands for an answer that was given before
Call = TypedDict(
    "Call",
    {
        "number": int,
        "at": Instant,
        "side": str,
        "region": str,
        "process": str,
        "for": str,
        "parameters": dict[str, Any],
        "status": int | None,
        "request_id": str,
        "error": Refusal | None,
        "answer": NotRequired[dict[str, Any] | None],
        "same_as": NotRequired[int],
        "repeated": NotRequired[int],  # how often it had to be; a run of an earlier version did not count
    },
)


class CallFile(TypedDict):
    """A file of raw/aws."""

    operation: str
    calls: list[Call]


class Named(TypedDict):
    """A tag of Gherkin."""

    name: str


class Result(TypedDict):
    """How a step ended."""

    status: str


class Step(TypedDict):
    """A step of a scenario."""

    result: Result


class Scenario(TypedDict):
    """A scenario, as pytest-bdd writes it."""

    name: str
    steps: list[Step]
    id: NotRequired[str]
    tags: NotRequired[list[Named]]


class Feature(TypedDict):
    """A feature of raw/cucumber.json."""

    name: str
    elements: NotRequired[list[Scenario]]
    tags: NotRequired[list[Named]]


class Noted(TypedDict):
    """An observation, as drills/checks/observed.py notes it."""

    copy: str
    check: str
    database: str
    kind: str
    value: Any


class ObservationFile(TypedDict):
    """The file observations.json."""

    format: int
    observations: list[Noted]


CALLS: TypeAdapter[CallFile] = TypeAdapter(CallFile)
FEATURES: TypeAdapter[list[Feature]] = TypeAdapter(list[Feature])
OBSERVATIONS: TypeAdapter[ObservationFile] = TypeAdapter(ObservationFile)


def read_bytes(path: Path, what: str) -> bytes:
    """Return the content of a file, unpacked where its name ends in .gz. Raises CannotReplay."""
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix == ".gz" else data
    except FileNotFoundError as error:
        raise CannotReplay(f"{path}: expected {what}, found no such file") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CannotReplay(f"{path}: expected {what}, compressed, found what cannot be unpacked: {error}") from error
    except OSError as error:
        raise CannotReplay(
            f"{path}: expected {what}, found that it cannot be read: {error.strerror or error}"
        ) from error


def read_json(path: Path, adapter: TypeAdapter[T], what: str) -> T:
    """Return what a file holds. Raises CannotReplay."""
    data = read_bytes(path, what)
    try:
        raw = json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise CannotReplay(f"{path}: expected {what} as JSON, found bytes that are no text") from error
    except (ValueError, RecursionError) as error:
        raise CannotReplay(f"{path}: expected {what} as JSON, found: {error}") from error
    return validated(adapter, raw, path, what)


def validated(adapter: TypeAdapter[T], raw: Any, path: Path, what: str, where: str = "") -> T:
    """Return a value that was read as the adapter's type. Raises CannotReplay with the first member that is none."""
    try:
        return adapter.validate_python(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([*([where] if where else []), *map(str, first["loc"])])
        found = "no such member" if first["type"] == "missing" else f"{_shown(first['input'])} ({first['msg']})"
        raise CannotReplay(f"{path}: expected {what}, found {place + ': ' if place else ''}{found}") from error
    except RecursionError as error:
        raise CannotReplay(f"{path}: expected {what}, found values that are nested too deeply") from error


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
