"""`drills …` in this process, held to what every command promises: a documented code, and a sentence for what went wrong."""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

from drills.cli import main as cli

CODES = (0, 2, 10, 11, 12, 13, 14)


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


def call(folder: Path, *arguments: str) -> Ended:
    """Carry out a command in a folder. AssertionError for a traceback, another code, or an error without a sentence."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        warnings.simplefilter("error")
        try:
            code = cli.main([*arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
    said = Ended(code, out.getvalue(), err.getvalue())
    assert "Traceback" not in said.err, said.err
    assert "a fault of drills" not in said.err, said.err
    assert code in CODES, said
    if code in (2, 12) and not said.out:
        assert said.err.startswith("drills: "), said
        assert said.err.isprintable() or "\n" in said.err
    return said


def names(said: Ended, file: str) -> bool:
    """Whether a refusal names the file."""
    return file in said.err.replace("\n", " ")
