"""Fixtures that the tests share, which tests are run, and the end of a test run whose tox is gone."""

import os
from typing import Any

from hypothesis import HealthCheck, settings

from tests.support.bytecode import forget_copies
from tests.support.cluster import remove_shared
from tests.support.collecting import pytest_collection
from tests.support.drill import staged
from tests.support.evaluating import simulator
from tests.support.measured import pytest_sessionfinish
from tests.support.memory import use_memory
from tests.support.models import read_models_once
from tests.support.rds import beating, steady
from tests.support.sandbox import sandbox
from tests.support.selecting import pytest_collection_modifyitems
from tests.support.service import own_sandbox
from tests.support.source import point, shared_source, source
from tests.support.watch import pytest_configure

__all__ = [
    "beating",
    "own_sandbox",
    "point",
    "pytest_collection",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_sessionfinish",
    "remove_shared",
    "sandbox",
    "shared_source",
    "simulator",
    "source",
    "staged",
    "steady",
]


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are processors: a third of the time a test waits for a status or a signal."""
    return (os.cpu_count() or 1) + 1


use_memory()  # before anything asks for a temporary folder, and before pytest-xdist starts its processes
if "PYTEST_XDIST_WORKER" not in os.environ:
    forget_copies()
read_models_once()

# A machine that is busy is no counterexample. A change is judged by the same examples each time, so that what fails is its own
# doing; new ones are looked for by `tox -e fuzz`, which tries other examples in each run.
_BUSY: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("drills", derandomize=True, **_BUSY)
# tests/fuzz/mutations.py says which tests try that many
settings.register_profile("fuzz", max_examples=200, **_BUSY)
settings.load_profile("drills")
