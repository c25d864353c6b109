"""The files of a standalone sandbox, where it ends or begins while another command looks at them."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import psutil
import pytest

from drills.cli import sandbox
from drills.cli.main import main
from drills.errors import SandboxError
from drills.sandbox.standalone.files import Process, SandboxFiles, State
from tests.support.between import at_every_step

GONE = State("default", Process(2**22 + 1, 0.0), "/tmp/drills-up-none", "2026-11-30T12:00:00+00:00")


def files_in(checkout: Path) -> SandboxFiles:
    """Those of a sandbox whose processes are gone."""
    files = SandboxFiles("default", checkout)
    files.folder.mkdir(parents=True)
    files.write(GONE)
    files.log_path.write_text("first")
    return files


def test_who_ends_removes_nothing_of_who_begins(tmp_path: Path) -> None:
    """Another `up` begins as soon as there is no state: its log stays."""
    counted = itertools.count()

    def begin(files: SandboxFiles) -> bool:
        if free := files.read() is None:
            files.log_path.write_text("second")
        return free

    for step, files, _, began in at_every_step(
        lambda: files_in(tmp_path / str(next(counted))), lambda files: files.folder, SandboxFiles.remove, begin
    ):
        assert files.log_path.exists() == began, step


@pytest.mark.parametrize("in_order", [True, False])
def test_a_sandbox_that_ends_in_order_while_status_looks_was_not_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], in_order: bool
) -> None:
    """Its keeper is gone when it is looked for, since it has removed all, the state as well; of a killed one that is there."""
    files = files_in(tmp_path)

    def find(_: Process) -> None:
        if in_order:
            files.remove()

    monkeypatch.setattr(sandbox, "SandboxFiles", lambda _: files)
    monkeypatch.setattr(Process, "find", find)
    assert main(["sandbox", "status", "--json"]) == 12
    assert json.loads(capsys.readouterr().out)["status"] == ("stopped" if in_order else "killed")


@pytest.mark.parametrize(
    ("at_first", "then", "word"),
    [
        ({"ready": {"endpoint": "x"}, "ending": True}, {}, "ending"),
        ({"ready": {"endpoint": "x"}}, {"ending": True}, "ending"),
        ({"ready": {"endpoint": "x"}}, {}, "not answering"),
        ({}, {}, "starting"),
        ({}, {"ending": True}, "ending"),
    ],
)
def test_a_sandbox_that_is_being_ended_is_not_one_that_does_not_answer(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    at_first: dict[str, Any],
    then: dict[str, Any],
    word: str,
) -> None:
    """Its keeper says that it ends it, also where that begins while status waits for an answer."""
    files = files_in(tmp_path)
    files.write(GONE.with_(**at_first))

    def find(_: Process) -> psutil.Process:
        files.write(GONE.with_(**at_first, **then))
        return psutil.Process()

    monkeypatch.setattr(sandbox, "SandboxFiles", lambda _: files)
    monkeypatch.setattr(sandbox, "_health", lambda _: None)
    monkeypatch.setattr(Process, "find", find)
    assert main(["sandbox", "status", "--json"]) == 12
    assert json.loads(capsys.readouterr().out)["status"] == word


def test_a_shell_evaluates_all_that_up_says_or_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A sandbox that ends meanwhile leaves no line that drops a profile and names no endpoint: the account would be asked."""
    answers_no_more = {"endpoint": "http://127.0.0.1:1", "region": "eu-central-1", "ca": "ca.pem", "postgres": []}

    with pytest.raises(SandboxError):
        sandbox._show(GONE.with_(ready=answers_no_more), started=False, as_json=False)

    assert capsys.readouterr().out == ""
