"""What the tests of the evidence share: a key, the files of a run, and a signer that fails."""

from __future__ import annotations

import os
import signal

from drills.evidence.keys import generate_pem, read_signer
from drills.model.evidence import EvidenceLevel

PRIVATE = generate_pem()
SIGNER = read_signer("env:KEY", {"KEY": PRIVATE})
PUBLIC = SIGNER.public_pem
FILES = {
    "start.json": b'{\n "sequence": 1,\n "previous": ""\n}\n',
    "drill.json": b'{"run": "a"}\n',
    "manifest.json": b"{}\n",
    "raw/aws/restore.json": b'{"RequestId": "1"}\n',
    "raw/sql/counts.sql": b"select 1;\n",
    "raw/junit.xml": b"<testsuites/>\n",
    "summary.md": b"# Drill\n",
}


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
