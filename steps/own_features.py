"""What is refused of features of the owner's own before anything is made: what pytest-bdd would leave out or not run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gherkin.errors import ParserError
from gherkin.parser import Parser

from drills.errors import ConfigError

# Marks with which pytest itself leaves a test out or changes how it ends: a promise would hold without being kept.
PYTEST_MARKS = frozenset({"skip", "skipif", "xfail", "parametrize", "usefixtures", "filterwarnings", "timeout"})
_TAG = re.compile(r"[\w-]+")


def check_folder(folder: Path) -> None:
    """Refuse a folder without feature files, and each file that would not run as it is written."""
    files = sorted(folder.glob("**/*.feature")) if folder.is_dir() else []
    if not files:
        raise ConfigError(f"--features: expected a folder with .feature files, found none in {folder}")
    for path in files:
        check_file(path)


def check_file(path: Path) -> None:
    """Refuse what is no Gherkin, has no scenarios, or has scenarios that share a name, have no steps, or carry a mark of
    pytest's own. ConfigError, one sentence with file and line.
    """
    try:
        document: Mapping[str, Any] = Parser().parse(path.read_text(encoding="utf-8-sig"))
    except (ParserError, UnicodeDecodeError, OSError) as error:
        message = " ".join(str(error).split())
        raise ConfigError(f"{path}: expected a feature in Gherkin, found: {message}") from error
    feature: Mapping[str, Any] = document.get("feature") or {}
    scenarios = list(_scenarios(feature.get("children", ())))
    if not scenarios:
        raise ConfigError(f"{path}: expected scenarios, found none: write one, or remove the file")
    _check_scenarios(path, scenarios)
    for tag in _tags(feature):
        _check_tag(path, tag)


def _scenarios(children: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for child in children:
        if "scenario" in child:
            yield child["scenario"]
        elif "rule" in child:
            yield from _scenarios(child["rule"]["children"])


def _check_scenarios(path: Path, scenarios: Sequence[Mapping[str, Any]]) -> None:
    lines: dict[str, int] = {}
    for scenario in scenarios:
        name, line = scenario["name"], scenario["location"]["line"]
        if name in lines:
            raise ConfigError(
                f'{path}:{line}: expected another name than that of line {lines[name]}, found "{name}" again: only the last of '
                "two would run"
            )
        lines[name] = line
        if not scenario["steps"]:
            raise ConfigError(f'{path}:{line}: expected steps in the scenario "{name}", found none')
        if "Outline" in scenario["keyword"] and not any(each["tableBody"] for each in scenario["examples"]):
            raise ConfigError(f'{path}:{line}: expected examples for the outline "{name}", found none')


def _tags(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from part.get("tags", ())
    for child in part.get("children", ()):
        for inner in child.values():
            yield from _tags(inner)
    for examples in part.get("examples", ()):
        yield from _tags(examples)


def _check_tag(path: Path, tag: Mapping[str, Any]) -> None:
    name, line = tag["name"].removeprefix("@"), tag["location"]["line"]
    if name in PYTEST_MARKS:
        raise ConfigError(f"{path}:{line}: expected another tag than @{name}, which makes pytest leave a scenario out")
    if not _TAG.fullmatch(name):
        raise ConfigError(f"{path}:{line}: expected a tag of letters, digits, _ and -, found @{name}")
