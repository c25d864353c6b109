"""A bundle is written whole or not at all, and verified as it was sealed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from drills.errors import ConfigError, DrillError, NotSealed
from drills.evidence.bundle import write_bundle
from drills.evidence.check import check_bundle, check_signature
from drills.evidence.seal import Seal
from tests.support.evidence import FILES, KEY, SIGNED, SIGNER, Raises, write_sealed


def test_a_bundle_verifies(tmp_path: Path) -> None:
    """What was sealed has no problem, with the key and without."""
    bundle = write_bundle(tmp_path / "0001-a", FILES, SIGNED)

    assert check_bundle(bundle.folder, KEY) == ()
    assert check_bundle(bundle.folder, None) == ()
    assert bundle.level == "L1"
    assert bundle.digest == hashlib.sha256((bundle.folder / "SHA256SUMS").read_bytes()).hexdigest()


def test_a_file_is_copied_as_it_is(tmp_path: Path) -> None:
    """A file of the run's folder is named and not read by the caller."""
    source = tmp_path / "drill.json"
    source.write_bytes(b"\x00\xff")
    bundle = write_bundle(tmp_path / "0001-a", {"drill.json": source}, SIGNED)

    assert (bundle.folder / "drill.json").read_bytes() == b"\x00\xff"


def test_without_a_key_a_bundle_says_that_it_is_unsigned(tmp_path: Path) -> None:
    """Nobody takes sums for a signature."""
    bundle = write_bundle(tmp_path / "0001-a", FILES, Seal())

    assert bundle.level == "L0"
    assert "Not signed" in (bundle.folder / "VERIFY.md").read_text()
    assert not (bundle.folder / "SHA256SUMS.sig").exists()
    assert [each.kind for each in check_bundle(bundle.folder, KEY)] == ["unsigned"]
    assert check_bundle(bundle.folder, None) == ()


def test_an_existing_bundle_is_never_written_over(tmp_path: Path) -> None:
    """Not even an empty folder is taken, which a rename would replace."""
    (tmp_path / "0001-a").mkdir()

    with pytest.raises(NotSealed, match="found one"):
        write_bundle(tmp_path / "0001-a", FILES, SIGNED)


@pytest.mark.parametrize("error", [KeyboardInterrupt, NotSealed, OSError])
def test_what_fails_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    """Where a key or a disk fails in the middle there is no bundle and no remains of one."""
    with pytest.raises((error, NotSealed)):
        write_bundle(tmp_path / "0001-a", FILES, Seal(Raises(error)))

    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_process_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    """A process that is killed in the middle leaves a folder with a leading dot, no bundle, and the next one removes it."""
    pid = os.fork()
    if not pid:
        write_bundle(tmp_path / "0001-a", FILES, Seal(Raises(None)))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert code == -9
    assert [path.name for path in tmp_path.iterdir()] == [".sealing-0001-a"]
    write_bundle(tmp_path / "0002-b", FILES, SIGNED)
    assert [path.name for path in tmp_path.iterdir()] == ["0002-b"]


def test_what_a_living_process_writes_is_left_alone(tmp_path: Path) -> None:
    """Two bundles of one chain that are made at once both come to be."""

    class Nested(Raises):
        def sign(self, data: bytes) -> bytes:
            write_bundle(tmp_path / "0002-b", FILES, SIGNED)
            return SIGNER.sign(data)

    write_bundle(tmp_path / "0001-a", FILES, Seal(Nested(None)))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["0001-a", "0002-b"]
    assert check_bundle(tmp_path / "0001-a", KEY) == ()


@pytest.mark.parametrize("name", ["VERIFY.md", "../drill.json", "SHA256SUMS"])
def test_a_name_that_is_no_file_of_the_run_is_refused(tmp_path: Path, name: str) -> None:
    """The seal's own names and names outside of the folder are a fault of the caller."""
    with pytest.raises(ConfigError):
        write_bundle(tmp_path / "0001-a", {name: b""}, SIGNED)

    assert list(tmp_path.iterdir()) == []


def test_a_record_is_sealed_by_itself(tmp_path: Path) -> None:
    """A start record has its signature beside it, and is written once."""
    path = tmp_path / "starts" / "0001-a.json"
    write_sealed(path, b"{}\n", SIGNED)

    assert check_signature(path, KEY) == ()
    assert sorted(each.name for each in path.parent.iterdir()) == ["0001-a.json", "0001-a.json.sig"]
    with pytest.raises(NotSealed, match="never written again"):
        write_sealed(path, b"[]\n", SIGNED)
    path.write_bytes(b"[]\n")
    assert [each.kind for each in check_signature(path, KEY)] == ["signature"]
    (path.parent / "0001-a.json.sig").unlink()
    assert [each.kind for each in check_signature(path, KEY)] == ["unsigned"]


def test_what_cannot_be_read_is_no_tampering(tmp_path: Path) -> None:
    """A folder that is no bundle is an error of its own kind."""
    with pytest.raises(DrillError, match="expected a bundle"):
        check_bundle(tmp_path, KEY)


def test_the_folder_that_is_made_is_readable_by_an_auditor(tmp_path: Path) -> None:
    """A bundle holds nothing secret, and follows the umask."""
    before = os.umask(0o022)
    try:
        bundle = write_bundle(tmp_path / "0001-a", FILES, SIGNED)
    finally:
        os.umask(before)

    assert {oct(path.stat().st_mode & 0o777) for path in bundle.folder.rglob("*") if path.is_file()} == {"0o644"}
