"""Manifests that are sealed: FILE.sig beside FILE, so that an edited one is refused whoever can write to its folder."""

from __future__ import annotations

from pathlib import Path

from drills.checks import manifest as manifests
from drills.checks.manifest import Manifest
from drills.errors import ConfigError, DrillError
from drills.evidence.keys import PublicKey, Signer, read_public_key
from drills.files import half_of, whole_or_gone


def signature_path(manifest: Path) -> Path:
    """Return where the signature of a manifest lies: beside it."""
    return manifest.with_name(f"{manifest.name}.sig")


def sign_manifest(manifest: Path, data: bytes, signer: Signer) -> None:
    """Write the signature of a manifest with this content. Raises NotSealed where the key cannot be used, and OSError."""
    path = signature_path(manifest)
    half = half_of(path)
    with whole_or_gone(half):
        half.write_bytes(signer.sign(data))
        half.replace(path)


def read_sealed(manifest: Path, key: PublicKey) -> bytes:
    """Return the content of a manifest that the key has signed. Raises DrillError for one that is not signed or was edited."""
    try:
        data = manifest.read_bytes()
    except OSError as error:
        raise DrillError(f"expected a manifest in {manifest}, found: {error.strerror}") from error
    from drills.evidence.check import check_signature

    for problem in check_signature(manifest, key, data):
        if problem.kind == "unsigned":
            found = f"none in {signature_path(manifest)}"
        else:
            found = f"one that does not fit: it was edited, or another key signed it ({signature_path(manifest)})"
        raise DrillError(
            f"{manifest}: expected a signature by {key.name}, found {found}: nothing was compared; take the manifest again "
            "with drills manifest --key"
        )
    return data


def read_stored(given: str, public_key: str | None) -> tuple[str, Manifest, bytes | None]:
    """Return the manifest that a target names: its text, what it says, and the key beside it, None where that is not there.

    Raises ConfigError for one that cannot be read or that its key did not write; where `public_key` is configured also DrillError,
    as `read_sealed`.
    """
    path = Path(given)
    try:
        data = read_sealed(path, read_public_key(Path(public_key))) if public_key else path.read_bytes()
        text, key = data.decode("utf-8"), manifests.read_key(path)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text"
        raise ConfigError(
            f"expected the manifest that drill.toml names, found {path}: {reason}: correct manifest, or take it with drills "
            "manifest -o"
        ) from error
    return text, manifests.load(text, str(path), key), key
