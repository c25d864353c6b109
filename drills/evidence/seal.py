"""How evidence is sealed: who signs, who stamps, and the level that follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drills.evidence.keys import Signer
from drills.model.evidence import EvidenceLevel


@dataclass(frozen=True, slots=True)
class Seal:
    """How bundles and records are sealed. `signer` None: unsigned. `stamp` makes an RFC 3161 token of data, at `stamp_url`.

    `locked` says that a store keeps the files under a lock that nobody can lift (S3 Object Lock in compliance mode).
    """

    signer: Signer | None = None
    stamp: Callable[[bytes], bytes] | None = None
    stamp_url: str = ""
    locked: bool = False

    @property
    def level(self) -> EvidenceLevel:
        """L0 unsigned, L1 a key in a file, L2 a key in AWS KMS, L3 such a key and a time stamp or a lock."""
        if self.signer is None:
            return "L0"
        if self.signer.level == "L2" and (self.stamp or self.locked):
            return "L3"
        return self.signer.level

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the public key, "" where nothing is signed."""
        return self.signer.fingerprint if self.signer else ""

    def of(self, name: str, data: bytes) -> dict[str, bytes]:
        """Return what seals the data, by file name: NAME.sig, and NAME.sig.tsr with a time stamp; nothing where unsigned.

        Raises DrillError where the key or the time stamp's service cannot be used.
        """
        if self.signer is None:
            return {}
        signature = self.signer.sign(data)
        return {f"{name}.sig": signature} | ({f"{name}.sig.tsr": self.stamp(signature)} if self.stamp else {})
