"""What a traceback shows with the variables of each frame: as `pytest -l` and as rich write it."""

from __future__ import annotations

import io

from _pytest._code import ExceptionInfo
from rich.console import Console
from rich.traceback import Traceback


def shown(error: BaseException) -> str:
    """Both, in full."""
    info = ExceptionInfo.from_exception(error)
    long = str(info.getrepr(showlocals=True, style="long", truncate_locals=False, chain=True))
    out = io.StringIO()
    trace = Traceback.from_exception(
        type(error), error, error.__traceback__, show_locals=True, locals_max_string=1000, locals_max_length=1000
    )
    Console(file=out, width=400).print(trace)
    return long + out.getvalue()
