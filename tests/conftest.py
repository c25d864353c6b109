"""Fixtures that the tests share, and the end of a test run whose tox is gone."""

from hypothesis import settings

from tests.fix_drill import staged
from tests.fix_rds import beating
from tests.fix_sandbox import sandbox
from tests.fix_service import own_sandbox
from tests.fix_source import point, source
from tests.fix_watch import pytest_configure

__all__ = ["beating", "own_sandbox", "point", "pytest_configure", "sandbox", "source", "staged"]

# A machine that is busy is no counterexample.
settings.register_profile("drills", deadline=None)
settings.load_profile("drills")
