"""Trees of files: each change alone is found alone, what cannot be read is not verified, and `drills files` says so."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from drills.cli.main import main
from drills.trees import manifest
from drills.trees.judge import judge
from drills.trees.manifest import FilesManifest
from drills.trees.read import read
from tests.support.example_record import at

ODD = b"odd-\xff-name"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with files, a directory, a link and a name that is no UTF-8."""
    folder = tmp_path / "source"
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/one").write_bytes(b"first")
    (folder / "a/b/two").write_bytes(b"x" * 3_000_000)
    (folder / "empty").write_bytes(b"")
    (folder / "link").symlink_to("a/one")
    Path(os.fsdecode(os.fsencode(folder) + b"/" + ODD)).write_bytes(b"odd")
    return folder


def copy_of(source: Path) -> Path:
    """The same files elsewhere, links as links."""
    copy = source.with_name("copy")
    shutil.copytree(source, copy, symlinks=True)
    return copy


def _relink(copy: Path) -> None:
    (copy / "link").unlink()
    (copy / "link").symlink_to("a/b/two")


def _replace(copy: Path) -> None:
    (copy / "empty").unlink()
    (copy / "empty").mkdir()


CHANGES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "content": (lambda copy: (copy / "a/one").write_bytes(b"FIRST"), "a/one", "of another content"),
    "size": (lambda copy: (copy / "a/one").write_bytes(b"first and more"), "a/one", "of another size"),
    "mode": (lambda copy: (copy / "a/one").chmod(0o600), "a/one", "of another mode"),
    "directory": (lambda copy: (copy / "a/b").chmod(0o700), "a/b", "of another mode"),
    "link": (_relink, "link", "of another content"),
    "kind": (_replace, "empty", "of another kind"),
    "missing": (lambda copy: (copy / "a/b/two").unlink(), "a/b/two", "missing"),
    "added": (lambda copy: (copy / "a/three").write_bytes(b""), "a/three", "that should not be there"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_is_found(source: Path, name: str) -> None:
    """By the name of what has changed, and counted by its kind; an honest copy has no difference, and is met."""
    change, path, told = CHANGES[name]
    copy = copy_of(source)
    assert (judge(read(source), read(copy)).outcome, judge(read(source), read(copy)).compared) == ("met", 7)
    change(copy)
    found = judge(read(source), read(copy))
    assert found.outcome == "missed"
    assert {each.object for each in found.findings} == {path}
    assert told in found.sentence


def test_a_manifest_is_read_as_it_was_written(source: Path) -> None:
    """Names that are no UTF-8 and empty files among them; it has no content."""
    tree = read(source)
    text = manifest.to_json(FilesManifest(at(0), at(1), tree))
    assert manifest.from_json(text, "m.json") == FilesManifest(at(0), at(1), tree)
    assert os.fsdecode(ODD) in tree.entries
    assert "first" not in text


def test_what_no_backup_holds_is_left_out_and_links_are_not_followed(source: Path, tmp_path: Path) -> None:
    """A socket is no difference, and what a link leads to outside of the folder is not read."""
    copy = copy_of(source)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(copy / "s"))
        assert judge(read(source), read(copy)).outcome == "met"
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("secret")
    (copy / "out").symlink_to(tmp_path / "outside")
    assert [each.object for each in judge(read(source), read(copy)).findings] == ["out"]


def test_what_cannot_be_read_is_not_verified_with_all_below_it(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that may not be listed hides what is in it: no difference, and not met. Nothing at all is not met either."""
    whole = read(source)
    listed = os.listdir

    def refuse(place: str) -> list[str]:
        if str(place).endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return listed(place)

    monkeypatch.setattr(os, "listdir", refuse)
    found = judge(whole, read(source))
    assert (found.outcome, found.findings) == ("not verified", ())
    assert [(each.what, each.reason) for each in found.not_checked] == [("a/b", "Permission denied")]
    nothing = source.with_name("nothing")
    nothing.mkdir()
    assert judge(read(nothing), read(nothing)).outcome == "not verified"


def test_the_command_takes_a_manifest_and_compares_the_recovery_directory(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 where all is as it was, 11 where it is not, 2 where it is not clear which directory is the restored one."""
    kept, restored = tmp_path / "media.json", tmp_path / "restored"
    assert main(["files", "manifest", str(source), "-o", str(kept)]) == 0
    assert kept.stat().st_mode & 0o077 == 0
    restored.mkdir()
    directory = restored / "aws-backup-restore_2026-11-30T14-00-00-000Z"
    copy_of(source).rename(directory)
    (restored / "aws-backup-lost+found").mkdir()
    capsys.readouterr()
    assert main(["files", "verify", str(restored), "--against", str(kept)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("files: met: 7 files, directories and links compared\n")
    assert "has what AWS Backup could not restore to its place" in said
    assert "the newest file of the copy was written at " in said
    (directory / "a/one").write_bytes(b"FIRST")
    assert main(["files", "verify", str(restored), "--against", str(kept), "--json"]) == 11
    assert [each["object"] for each in json.loads(capsys.readouterr().out)["findings"]] == ["a/one"]
    (restored / "aws-backup-restore_2026-11-30T15-00-00-000Z").mkdir()
    assert main(["files", "verify", str(restored), "--against", str(kept)]) == 2
    assert "expected one directory aws-backup-restore_…" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "take one with drills files manifest"),
        ("", "an empty file"),
        ('{"schema_version": 1, "kind": "dynamodb table"}', "expected a manifest of drills files manifest"),
        ('{"schema_version": 99, "kind": "files"}', "use a newer one"),
    ],
)
def test_what_is_no_manifest_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, said: str
) -> None:
    """Exit 2 and one sentence, before the folder is read; a folder that is none too."""
    kept = tmp_path / "m.json"
    if text is not None:
        kept.write_text(text)
    assert main(["files", "verify", str(tmp_path), "--against", str(kept)]) == 2
    assert said in capsys.readouterr().err
    assert main(["files", "manifest", str(tmp_path / "absent")]) == 2
    assert "expected a folder" in capsys.readouterr().err
    assert main(["files", "manifest", str(tmp_path), "-o", str(tmp_path / "absent/m.json")]) == 2
    assert "--output: expected a folder that is there" in capsys.readouterr().err
