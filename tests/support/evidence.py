"""What the tests of the evidence share: a key and another one, the files of a run, and a signer that fails."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from drills.evidence.bundle import sealed_files, write_files
from drills.evidence.keys import generate_pem, load_public_key, read_signer
from drills.evidence.seal import Seal
from drills.model.evidence import EvidenceLevel

PRIVATE = generate_pem()
SIGNER = read_signer("env:KEY", {"KEY": PRIVATE})
PUBLIC = SIGNER.public_pem
KEY = load_public_key(PUBLIC.encode(), "drill.pub.pem")
SIGNED = Seal(SIGNER)
OTHER = read_signer("env:KEY", {"KEY": generate_pem()})
FILES = {
    "start.json": b'{\n "sequence": 1,\n "previous": ""\n}\n',
    "drill.json": b'{"run": "a"}\n',
    "manifest.json": b"{}\n",
    "raw/aws/restore.json": b'{"RequestId": "1"}\n',
    "raw/sql/counts.sql": b"select 1;\n",
    "raw/junit.xml": b"<testsuites/>\n",
    "summary.md": b"# Drill\n",
}


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The public key, outside of the bundle."""
    path = tmp_path / "drill.pub.pem"
    path.write_text(PUBLIC)
    return path


def write_sealed(path: Path, data: bytes, seal: Seal) -> None:
    """Write one file that is sealed by itself, with its signature beside it."""
    write_files(path, sealed_files(path.name, data, seal))


def cut(path: Path) -> None:
    """A part of the file is lost."""
    path.write_bytes(path.read_bytes()[:30])


class Raises:
    """A signer that raises; with None it kills its process."""

    level: EvidenceLevel = "L1"
    public_pem = PUBLIC
    fingerprint = SIGNER.fingerprint

    def __init__(self, error: type[BaseException] | None) -> None:
        self._error = error

    def sign(self, data: bytes) -> bytes:
        """Fail."""
        if self._error is None:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            raise self._error("the signer fails")
        return b""
