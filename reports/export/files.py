"""Writes the exports of a run into its folder, below export/, from where they go into the bundle."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from drills.files import write_atomically
from drills.model.record import RunRecord
from drills.record import RECORD_NAME, load, to_json
from reports.export import in_toto, oscal

FOLDER = "export"
OSCAL, IN_TOTO = "oscal-assessment-results.json", "in-toto-test-result.json"
# what the reports are made from and a run does not write any more when they are made
SOURCES = ("config.json", "manifest.json", "observations.json", "observations.json.gz")
TREES = ("raw",)


def write(folder: Path, record: RunRecord) -> None:
    """Write both exports of the run in `folder`, whose record will be this one. Raises OSError."""
    digests = digests_of(folder, record)
    (folder / FOLDER).mkdir(exist_ok=True)
    write_atomically(folder / FOLDER / OSCAL, oscal.render(record, digests))
    write_atomically(folder / FOLDER / IN_TOTO, in_toto.render(record, digests))


def digests_of(folder: Path, record: RunRecord) -> Mapping[str, str]:
    """Return the SHA-256 of the record and of what the run was made with, by relative path."""
    paths = [folder / name for name in SOURCES]
    paths += [path for tree in TREES for path in sorted((folder / tree).rglob("*"))]
    found = {path.relative_to(folder).as_posix(): path for path in paths if path.is_file() and not path.is_symlink()}
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()}
    held = (folder / RECORD_NAME).read_bytes()  # stays as it is where the record does
    text = held if load(folder) == record else to_json(record).encode()
    return {RECORD_NAME: hashlib.sha256(text).hexdigest()} | digests
