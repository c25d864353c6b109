"""Collection in a fraction of its time: each test file is rewritten once, and no garbage is looked for.

pytest rewrites the asserts of each test file and keeps the result beside its compiled code. Where nothing is kept yet, as in a
fresh clone, all processes of pytest-xdist begin with the same file, and each would rewrite all of them for itself: most of
their start. So each first rewrites a share of its own, and finds those of the others when it collects.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest
from _pytest.assertion import rewrite  # that of pytest 9.2, as pyproject.toml has it


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Rewrite this process's share, and let the collector neither look at tests while they are made nor at what stays to the end.

    Ten thousand tests are made, and none of them is garbage.
    """
    gc.disable()
    try:
        if (of_xdist := getattr(session.config, "workerinput", None)) and not sys.dont_write_bytecode:
            number, count = int(of_xdist["workerid"].removeprefix("gw")), of_xdist["workercount"]
            keep_rewritten(session.config, files_in(session.config.args)[number::count])
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def files_in(arguments: Sequence[str]) -> list[Path]:
    """The test files that pytest's arguments name, in one order for all processes."""
    paths = {Path(argument.partition("::")[0]) for argument in arguments}
    found = {file for path in paths for file in (path.rglob("test_*.py") if path.is_dir() else [path])}
    return sorted(file.absolute() for file in found)


def keep_rewritten(config: pytest.Config, files: Sequence[Path]) -> None:
    """Rewrite the files of which nothing is kept, or something older, and keep the results as pytest's import hook does."""
    state = config.stash[rewrite.assertstate_key]
    for file in files:
        kept = rewrite.get_cache_dir(file) / (file.stem + rewrite.PYC_TAIL)
        if rewrite._read_pyc(file, kept) is None and rewrite.try_makedirs(kept.parent):
            source, code = rewrite._rewrite_test(file, config)
            rewrite._write_pyc(state, code, source, kept)
