"""What pytest loads first: the steps, the bridge to Allure, and the option that ties a session to a run."""

from __future__ import annotations

from pathlib import Path

import pytest

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
    "steps.own",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--drill-run` is given by `drills run`; without it the features have nothing to work on."""
    parser.addoption("--drill-run", type=Path, default=None, help="folder of the run, set by `drills run`")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Where the settings of a run came from."""
    folder = config.getoption("--drill-run")
    if folder is None:
        return []
    from drills.record import load

    return [f"{setting.name}: {setting.value} ({setting.origin})" for setting in load(folder).settings]
