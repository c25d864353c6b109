"""Writes the numbers of a run that has ended to each place that the configuration names. None of it can change the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drills.clock import SystemClock
from drills.config.load import Config, SandboxProfile
from drills.errors import ConfigError, DrillError
from drills.metrics.samples import Numbers, numbers_of
from drills.model.record import RunRecord


@dataclass(frozen=True, slots=True)
class Written:
    """A place, and why nothing was written there; "" where it was."""

    place: str
    problem: str = ""


def write(record: RunRecord, config: Config) -> tuple[Written, ...]:
    """Write to every place; what one of them refuses is said of it, and keeps nothing from the others."""
    numbers = numbers_of(record)
    found = []
    for place, send in _places(record, numbers, config):
        if numbers.not_written:
            found.append(Written(place, f"nothing is written of a run that counts nowhere: {numbers.not_written}"))
        else:
            found.append(Written(place, _attempt(send)))
    return tuple(found)


def places_of(config: Config) -> tuple[str, ...]:
    """Return each place that the configuration names, as it is called wherever something is said of it."""
    metrics = config.metrics
    named = (
        ("text file in", metrics.textfile),
        ("Pushgateway", metrics.pushgateway),
        ("CloudWatch", metrics.cloudwatch and metrics.cloudwatch_name(config.target_name)),
        ("traces", metrics.traces),
    )
    return tuple(f"{kind} {where}" for kind, where in named if where)


def _places(record: RunRecord, numbers: Numbers, config: Config) -> Iterator[tuple[str, Callable[[], None]]]:
    """Return each place and what writes there, in the order of `places_of`."""
    writers: list[Callable[[], None]] = []
    metrics = config.metrics
    if (folder := metrics.textfile) is not None:
        writers.append(lambda: _to_textfile(Path(folder), numbers))
    if (gateway := metrics.pushgateway) is not None:
        writers.append(lambda: _to_pushgateway(gateway, numbers))
    if metrics.cloudwatch:
        writers.append(lambda: _to_cloudwatch(config, metrics.cloudwatch_name(config.target_name), numbers))
    if (collector := metrics.traces) is not None:
        writers.append(lambda: _to_collector(collector, record))
    return zip(places_of(config), writers, strict=True)


def cloudwatch_of(config: Config) -> Any:
    """Return the client of CloudWatch in the region of the source. Raises ConfigError for the sandbox's profile, DrillError."""
    if isinstance(config.profile, SandboxProfile):
        raise ConfigError(
            f'expected no part of AWS, since that of profile "{config.profile_name}" ends with the run: write cloudwatch into '
            "[profiles.NAME.metrics] of the profiles that have an AWS, and not into [metrics]"
        )
    from drills.aws import sides

    return sides.open_source(config, role="tells").client("cloudwatch")


def _to_pushgateway(url: str, numbers: Numbers) -> None:
    from drills.metrics import pushgateway

    pushgateway.push(url, numbers)


def _to_cloudwatch(config: Config, name: str, numbers: Numbers) -> None:
    from drills.metrics import cloudwatch

    cloudwatch.put_numbers(cloudwatch_of(config), name, numbers, SystemClock().now())


def _to_collector(url: str, record: RunRecord) -> None:
    from drills.metrics import traces

    traces.export(url, record)


def _to_textfile(folder: Path, numbers: Numbers) -> None:
    from drills.metrics import text  # loads prometheus_client, which a run without metrics never needs

    if not folder.is_dir():
        raise DrillError(
            "expected the folder of node_exporter's textfile collector, found none: make it, or correct textfile"
        )
    text.write_textfile(folder / text.file_name(numbers), numbers)


def _attempt(send: Callable[[], None]) -> str:
    """Return why it failed, in one sentence; a fault of ours or of a library is said in the same way."""
    try:
        send()
    except OSError as error:
        refused = error if hasattr(error, "code") else getattr(error, "reason", error)  # of HTTP, or of the connection
        return f"expected to write there, found: {error.strerror or refused}"
    except DrillError as error:
        return str(error)
    except Exception as error:
        return f"expected to write there, found {type(error).__name__}: {' '.join(str(error).split())}"
    return ""
