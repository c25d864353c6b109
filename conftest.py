"""What pytest loads first: the steps, the bridge to Allure, and the option that ties a session to a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TextIO

import pytest

from drills.printable import printable_lines
from drills.private_process import forbid_core_dumps
from drills.redaction import clean_error, redact

pytest_plugins = [
    "reports.allure_bridge",
    "steps.promises",
    "steps.checks",
    "steps.drill",
    "steps.recovery_points",
    "steps.scratch_instance",
    "steps.point_in_time",
    "steps.objectives",
    "steps.usable",
    "steps.host",
    "steps.invariants",
    "steps.damage",
    "steps.posture",
    "steps.cutover",
    "steps.tables",
    "steps.dynamodb",
    "steps.storage",
    "steps.own",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--drill-run` is given by `drills run`; without it the features have nothing to work on."""
    parser.addoption("--drill-run", type=Path, default=None, help="folder of the run, set by `drills run`")


class CleanLog:
    """The stream of a run's log: names from a database are made printable, passwords masked, before they are written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text made harmless."""
        return self._stream.write(printable_lines(redact(text)))

    def __getattr__(self, name: str) -> Any:
        """Whatever else a stream can do."""
        return getattr(self._stream, name)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let pytest's report of a run, which goes into features.log, pass through CleanLog; a run holds passwords in its memory."""
    if config.getoption("--drill-run") is not None:
        forbid_core_dumps()
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and config.getoption("--drill-run") is not None:
        reporter._tw._file = CleanLog(reporter._tw._file)


def pytest_bdd_step_error(exception: BaseException) -> None:
    """Let an error of the database quote no row, before any report of the run has seen it."""
    clean_error(exception)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> None:
    """The same for an error outside of a step."""
    if call.excinfo is not None:
        clean_error(call.excinfo.value)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Where the settings of a run came from."""
    folder = config.getoption("--drill-run")
    if folder is None:
        return []
    from drills.record import load

    return [f"{setting.name}: {setting.value} ({setting.origin})" for setting in load(folder).settings]
