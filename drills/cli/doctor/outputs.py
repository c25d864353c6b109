"""Who would be told of a run, and where its numbers would go, as [notices] and [metrics] say it. Nothing is sent or written.

What is wrong here is a note and no problem: a notice or a number that fails changes nothing of a drill.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

from drills.cli.doctor.line import Line
from drills.cli.doctor.reach import answer_of
from drills.config.load import Config
from drills.errors import DrillError
from drills.notices.send import look_at_topic, look_at_urls

EXTRAS = {"notices": ("apprise", "apprise"), "traces": ("opentelemetry.sdk", "opentelemetry-sdk")}
TRIAL = "drills notices --test sends a trial"


def lines(config: Config, environment: Mapping[str, str]) -> Iterator[Line]:
    """Yield a line for each part of [notices] and [metrics] that is configured, and which extras are installed."""
    yield _extras(config)
    notices, metrics = config.notices, config.metrics
    if notices.urls:
        yield _looked_at("notices urls", TRIAL, lambda: look_at_urls(config, environment))
    if notices.topic:
        yield _looked_at("notices topic", TRIAL, lambda: look_at_topic(config))
    if metrics.textfile:
        yield _textfile(Path(metrics.textfile))
    for name, url in (("pushgateway", metrics.pushgateway), ("traces", metrics.traces)):
        if url:
            yield _reached(f"metrics {name}", url)
    if metrics.cloudwatch:
        yield _looked_at(
            "metrics cloudwatch", "drills metrics --send puts those of the latest run", lambda: _put(config)
        )


def _extras(config: Config) -> Line:
    needed = {"notices": bool(config.notices.urls), "traces": bool(config.metrics.traces)}
    there = {name: _is_there(module) for name, (module, _) in EXTRAS.items()}
    found = ", ".join(
        f"{name} ({package} {metadata.version(package)})" if there[name] else f"{name} is not installed"
        for name, (_, package) in EXTRAS.items()
    )
    missing = [name for name in EXTRAS if needed[name] and not there[name]]
    if missing:
        return Line("extras", "note", f"{found}; drill.toml needs it", f"pip install -e '.[{','.join(missing)}]'")
    return Line("extras", "ok", found)


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the package around it
        return False


def _looked_at(name: str, remedy: str, look: Callable[[], str]) -> Line:
    """Return what a look says; why it fails is one sentence, which has its remedy and no part of an address."""
    try:
        return Line(name, "ok", f"{look()}; {remedy}")
    except DrillError as error:
        return Line(name, "note", str(error))
    except Exception as error:  # of a library, whose text may hold an address
        return Line(name, "note", f"expected to open it, found {type(error).__name__}")


def _textfile(folder: Path) -> Line:
    if not folder.is_dir():
        return Line("metrics textfile", "note", f"{folder} is no folder", "make it, or correct textfile")
    if not os.access(folder, os.W_OK | os.X_OK):
        remedy = f"chmod or chown {folder}, or correct textfile"
        return Line("metrics textfile", "note", f"{folder} cannot be written to by this user", remedy)
    return Line("metrics textfile", "ok", str(folder))


def _reached(name: str, url: str) -> Line:
    said = answer_of(url)
    if said:
        return Line(name, "note", f"{url}: {said}", "start it, let this machine through, or correct its address")
    return Line(name, "ok", f"{url} answers; that it takes the numbers is not tried")


def _put(config: Config) -> str:
    from drills.metrics.write import cloudwatch_of

    region = cloudwatch_of(config).meta.region_name
    return f"names begin with {config.metrics.cloudwatch_name(config.target_name)}, in {region}; not asked whether they are taken"
