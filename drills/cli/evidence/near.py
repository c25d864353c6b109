"""What is said where a folder that is to be verified is neither a bundle nor a chain: what is there, and which ones are near."""

from __future__ import annotations

from pathlib import Path

from drills.errors import ConfigError
from drills.evidence.check import STARTS, is_chain
from drills.evidence.sums import SUMS
from drills.files import Unreadable
from drills.record import RECORD_NAME

FOLDER = Path("reports/evidence")  # where a project keeps it
SHOWN = 5


def no_evidence(folder: Path) -> ConfigError:
    """Return the refusal of a path that is no bundle and no chain."""
    above = next((each for each in (folder, *folder.parents) if each.is_dir()), Path())
    for place in (above, FOLDER):
        if near := _evidence_in(place):
            more = f" and {len(near) - SHOWN} more" if len(near) > SHOWN else ""
            names = ", ".join(each.name for each in near[:SHOWN])
            found = f"{_found(folder)}; {place} has {names}{more}: name one of these, such as {near[-1]}"
            break
    else:
        found = f"{_found(folder)}: name the folder that you were given, or the one that a run ends with, {FOLDER}/CHAIN/ENTRY"
    return ConfigError(f"expected the folder of a bundle or of a chain, found {found}")


def _evidence_in(place: Path) -> list[Path]:
    """Return the bundles and the chains in a folder, none where it cannot be listed."""
    try:
        return sorted(filter(_is_evidence, place.iterdir()))
    except OSError:
        return []


def _found(folder: Path) -> str:
    if not folder.exists():
        return f"nothing at {folder}"
    if not folder.is_dir():
        return f"the file {folder}"
    if (folder / RECORD_NAME).is_file():
        return f"the folder of a run, {folder}, whose bundle lies in its chain"
    return f"neither {SUMS} nor {STARTS}/ in {folder}"


def _is_evidence(path: Path) -> bool:
    """Return whether a path is a bundle or a chain that this user may read."""
    try:
        return path.is_dir() and ((path / SUMS).is_file() or is_chain(path))
    except (OSError, Unreadable):
        return False
