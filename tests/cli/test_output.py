"""What can be written nowhere: every command ends in order, and never as if all of it had been read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from drills.cli import main as cli
from drills.record import to_json
from tests.support.example_record import green_drill
from tests.support.ledger import CHAIN, kept

SAID = "drills: expected to write the output, found: No space left on device: not all of it is there\n"


def drills(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """A command of the shell, in a folder; `drills` is the program."""
    program = f'drills() {{ "{sys.executable}" -m drills "$@"; }}; set -o pipefail; '
    return subprocess.run(
        ["bash", "-c", program + command], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("command", ["--help", "evidence verify --help", "ledger list --json", "ledger list"])
def test_output_on_a_full_disk_is_12(tmp_path: Path, command: str) -> None:
    """In one sentence: the file is not what the command would have said."""
    (tmp_path / "drill.toml").touch()
    kept(tmp_path / "reports/evidence" / CHAIN, "a")
    ended = drills(tmp_path, f"drills {command} > /dev/full")

    assert (ended.returncode, ended.stderr) == (12, SAID)


def test_a_verdict_stays_where_its_words_are_lost(tmp_path: Path) -> None:
    """11 is not 12, on a full disk, with a reader that has gone and where both streams are closed."""
    folder = kept(tmp_path / CHAIN, "a").folder
    (folder / "summary.md").write_text("better")
    verify = f"drills evidence verify {folder} --unsigned"

    for output, said in (("> /dev/full", SAID), ("| true", ""), (">&- 2>&-", ""), ("> /dev/full 2>&1", "")):
        ended = drills(tmp_path, f"{verify} {output}")
        assert (ended.returncode, ended.stderr) == (11, said), output


@pytest.mark.parametrize(
    "command",
    [
        "report RUN --redact external -o",
        "posture --store",
        "report controls --period 2026-Q4 -o",
        "evidence keygen -o",
    ],
)
def test_what_is_no_name_of_a_file_makes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """Several files go to no standard output, and a key to no terminal: exit code 2 with what to type, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    for name in ("CI", "GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/drill.json").write_text(to_json(green_drill()), encoding="utf-8")
    (tmp_path / "drill.toml").write_text("")
    before = sorted(tmp_path.rglob("*"))

    assert cli.main([*command.replace("RUN", "run").split(), "-"]) == 2
    said = capsys.readouterr().err
    assert "expected" in said
    assert 'found "-"' in said
    assert sorted(tmp_path.rglob("*")) == before


def test_a_manifest_goes_to_standard_output_where_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`-o -` prints it, as no -o does: a signature, which lies beside a file, is refused with it."""
    monkeypatch.chdir(tmp_path)

    assert cli.main(["manifest", "postgresql://localhost/orders", "-o", "-", "--key", "drill.pem"]) == 2
    assert "--key: expected --output FILE beside it" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
