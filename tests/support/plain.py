"""The commands of VERIFY.md, run with a shell, coreutils and openssl and nothing else."""

from __future__ import annotations

import atexit
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

COREUTILS = ("sha256sum", "cut", "sort", "comm", "mktemp", "rm", "basename", "cat", "printf")


@dataclass(frozen=True)
class Outcome:
    """What the blocks of a VERIFY.md said, and whether each of them ended with 0."""

    accepted: bool
    text: str


@cache
def tools() -> str:
    """A folder with links to the only programs that there are."""
    folder = Path(mkdtemp(prefix="drills-plain-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in (*COREUTILS, "openssl"):
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    return str(folder)


def blocks(text: str) -> list[str]:
    """The commands of a page in Markdown, block by block."""
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def verify_by_hand(
    text: str,
    folder: Path,
    key: Path,
    authority: Path | None = None,
    shell: str = "/bin/sh",
    reviewer: Path | None = None,
) -> Outcome:
    """Type the blocks of VERIFY.md (its text) in a bundle's folder."""
    environment = {"PATH": tools(), "KEY": str(key), "TSA_CA": str(authority or "")}
    if reviewer:
        environment["REVIEWER_KEY"] = str(reviewer)
    codes, said = [], []
    for block in blocks(text):
        run = subprocess.run(
            [shell, "-c", block], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        codes.append(run.returncode)
        said.append(run.stdout.decode(errors="replace"))
    assert codes
    return Outcome(not any(codes), "".join(said))
