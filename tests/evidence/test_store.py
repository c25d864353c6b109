"""Stores: nothing is written over, and a bundle without its signature is not whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from drills.errors import ConfigError, NotSealed
from drills.evidence.bundle import write_bundle
from drills.evidence.check import check_bundle
from drills.evidence.seal import Seal
from drills.evidence.store import FolderStore, put_bundle
from tests.support.evidence import FILES, KEY, SIGNED, SIGNER


class Recorder:
    """A store that keeps the names."""

    url = "recorder"

    def __init__(self) -> None:
        self.kept: list[str] = []

    def check(self) -> None:
        """Nothing to check."""

    def put(self, name: str, data: bytes) -> None:
        """Keep the name."""
        self.kept.append(name)

    def claim(self, name: str, data: bytes) -> bytes:
        """Keep the name."""
        self.kept.append(name)
        return data

    def get(self, name: str) -> bytes | None:
        """Nothing is read again."""
        raise AssertionError(name)

    def names(self, folder: str) -> frozenset[str]:
        """Nothing is listed."""
        raise AssertionError(folder)

    def files(self, folder: str) -> frozenset[str]:
        """Nothing is listed."""
        raise AssertionError(folder)


def test_the_signature_comes_last(tmp_path: Path) -> None:
    """Whoever finds the signature finds everything that it is about."""
    bundle = write_bundle(tmp_path / "0001-a", FILES, Seal(SIGNER, lambda signature: b"stamp"))
    store = Recorder()
    put_bundle(store, bundle.folder, "chain/0001-a")

    assert store.kept[-3:] == [f"chain/0001-a/SHA256SUMS{end}" for end in ("", ".sig.tsr", ".sig")]
    assert len(store.kept) == len(set(store.kept)) == len([each for each in bundle.folder.rglob("*") if each.is_file()])


def test_a_folder_keeps_a_bundle_that_verifies(tmp_path: Path) -> None:
    """What is stored is what was sealed; a second time is no fault."""
    bundle = write_bundle(tmp_path / "evidence" / "0001-a", FILES, SIGNED)
    (tmp_path / "share").mkdir()
    store = FolderStore(tmp_path / "share")
    store.check()
    put_bundle(store, bundle.folder, "chain/0001-a")
    put_bundle(store, bundle.folder, "chain/0001-a")

    assert check_bundle(tmp_path / "share" / "chain" / "0001-a", KEY) == ()


def test_other_content_under_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    """The first one stays, and no half of the second."""
    store = FolderStore(tmp_path)
    store.put("a/b.json", b"first")

    with pytest.raises(NotSealed, match="nothing is written over"):
        store.put("a/b.json", b"second")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.json"]
    assert (tmp_path / "a" / "b.json").read_bytes() == b"first"


def test_a_share_that_is_not_mounted_is_refused(tmp_path: Path) -> None:
    """A folder that is not there is not made: evidence would lie on the wrong disk."""
    with pytest.raises(ConfigError, match="make or mount it"):
        FolderStore(tmp_path / "absent").check()
