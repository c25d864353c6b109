"""`drills completion`: scripts that real shells take, made of the parsers as they are."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from drills.cli import main as cli
from drills.cli.completion import command
from drills.errors import ConfigError
from tests.support.paths import CHECKOUT

pytest.importorskip("shtab", reason="an extra, which is not installed")

# what bash does when the tab key is pressed, without a terminal
ASK = """
source {script}
COMP_WORDS=({words})
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
COMP_LINE="${{COMP_WORDS[*]}}"
COMP_POINT=${{#COMP_LINE}}
_shtab_drills
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The script for each shell."""
    folder = tmp_path_factory.mktemp("completion")
    made = {shell: folder / f"drills.{shell}" for shell in command.SHELLS}
    for shell, path in made.items():
        path.write_text(command.script(shell))
    return made


def completed(script: Path, *words: str) -> set[str]:
    """What bash offers after these words, of which the last one is begun."""
    quoted = " ".join(f"'{word}'" for word in words)
    ended = subprocess.run(
        ["bash", "--norc", "-c", ASK.format(script=script, words=quoted)],
        capture_output=True,
        text=True,
        check=True,
        cwd=CHECKOUT,
    )
    assert ended.stderr == ""
    return set(ended.stdout.split())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("drills", "res"), {"restore"}),
        (("drills", "sandbox", ""), {"up", "down", "status"}),
        (("drills", "sandbox", "up", "--sam"), {"--sample"}),
        (("drills", "restore", "--if-interrupted", ""), {"remove", "keep"}),
        (("drills", "restore", "extend", "--ke"), {"--keep"}),
        (("drills", "completion", ""), set(command.SHELLS)),
        (("drills", "report", ""), {"controls", "merge", "docs", "drills"}),
        (("drills", "report", "me"), {"merge"}),
        (("drills", "report", "merge", "dril"), {"drills"}),
    ],
)
def test_bash_completes_commands_parts_options_and_values(
    scripts: dict[str, Path], words: tuple[str, ...], offered: set[str]
) -> None:
    """A real bash runs the script."""
    assert offered <= completed(scripts["bash"], *words)


def test_bash_completes_every_command(scripts: dict[str, Path]) -> None:
    """None is forgotten when one is added."""
    assert set(cli.COMMANDS) <= completed(scripts["bash"], "drills", "")


@pytest.mark.parametrize("shell", command.SHELLS)
def test_each_shell_takes_its_script(shell: str, scripts: dict[str, Path]) -> None:
    """The shell itself reads it without running it; one that is not installed here is not asked."""
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    ended = subprocess.run([found, "-n", str(scripts[shell])], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("shell", command.SHELLS)
def test_each_script_is_about_this_version_of_the_commands(shell: str, scripts: dict[str, Path]) -> None:
    """Every command and an option of a part of one stand in it."""
    text = scripts[shell].read_text()
    assert [name for name in cli.COMMANDS if name not in text] == []
    assert "if-interrupted" in text
    assert "controls merge" in text


def test_without_shtab_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is an extra: exit code 2, and nothing on the output that a shell would read."""

    def without(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.delitem(sys.modules, "shtab", raising=False)
    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(ConfigError, match=r"pip install '\.\[completion\]'"):
        command.script("bash")
    assert capsys.readouterr().out == ""
