"""The files of infra/ that run drills on a schedule, read as their services read them."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import yaml

from drills.cli import main as cli
from drills.config import load as configuration
from drills.config.load import Config
from tests.support.paths import CHECKOUT

INFRA = CHECKOUT / "infra"
PAGE = CHECKOUT / "docs/scheduling.md"
KILLED_AFTER = 8 * 3600  # seconds; by every home, as the page says


def read(path: Path) -> Any:
    """A YAML file; `on`, which YAML 1.1 takes for true, as a string."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {("on" if key is True else key): value for key, value in found.items()} if isinstance(found, dict) else found


def written_configuration() -> str:
    """The drill.toml that docs/scheduling.md shows."""
    (block,) = re.findall(r"(?ms)^```toml\n(.*?)^```", PAGE.read_text(encoding="utf-8"))
    tomllib.loads(block)
    return str(block)


def configured(folder: Path) -> Config:
    """That drill.toml, read by the suite."""
    (folder / "drill.toml").write_text(written_configuration(), encoding="utf-8")
    return configuration.load(folder / "drill.toml", profile=None, target=None, environment={})


def configured_key() -> str:
    """The variable that its evidence.key names."""
    key: str = tomllib.loads(written_configuration())["profiles"]["live"]["evidence"]["key"]
    return key.removeprefix("env:")


def parsed(command: str, **filled: str) -> dict[str, Any]:
    """The options of what follows `drills`, by the real parser; `filled` replaces what the service fills in."""
    for name, value in filled.items():
        command = command.replace(name, value)
    return parsed_words(shlex.split(command))


def parsed_words(words: list[str]) -> dict[str, Any]:
    """The same for words that no shell splits."""
    given, _ = cli._split(words)
    return vars(cli.parse(given))


def is_monthly(cron: str) -> bool:
    """Whether five fields of cron name one minute of one day of each month."""
    minute, hour, day, month, weekday = cron.split()
    return (
        minute.isdecimal()
        and hour.isdecimal()
        and day.isdecimal()
        and (month, weekday) == ("*", "*")
        and int(day) <= 28
    )


def is_daily(cron: str) -> bool:
    """Whether five fields of cron name one minute of every day."""
    minute, hour, *rest = cron.split()
    return minute.isdecimal() and hour.isdecimal() and rest == ["*", "*", "*"]
