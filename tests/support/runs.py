"""Whole runs of the installed `drills run`, each in processes of its own, in a copy of the checkout.

The copy, the home folder and the temporary folder of a run lie below one folder of /tmp, whose path is short enough for
sockets; what a run leaves anywhere in it can be seen.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from drills import record
from drills.clock import SystemClock
from drills.model.record import RunRecord
from tests.support import small_run
from tests.support.paths import CHECKOUT, DRILLS

PARTS = ("drills", "steps", "features", "reports", "invariants", "conftest.py", "pyproject.toml", "drill.toml")
# of runs in this checkout
OF_RUNS = tuple((CHECKOUT / "reports" / name) for name in ("out", "evidence", "history.jsonl"))
RENDERER = Path("reports/allure/node_modules")
RUN_WITHIN = 400.0  # seconds, on a machine that is busy: only what never ends is to be noticed
# Python reads it at every start: what becomes a password is known to the test, and to nothing else
EAVESDROPPER = """
import os, secrets
made = secrets.token_urlsafe
def heard(*size):
    token = made(*size)
    if size != (36,):  # the name of a backup plan's version, which is no secret
        with open(os.environ["HEARD"], "a") as out:
            out.write(token + "\\n")
    return token
secrets.token_urlsafe = heard
"""


@dataclass(frozen=True)
class Place:
    """A copy of the checkout, and the home and the temporary folder of its runs; the latter two are to stay empty."""

    root: Path
    base: dict[str, str] = field(default_factory=dict)

    @property
    def checkout(self) -> Path:
        """The working directory of the runs."""
        return self.root / "co"

    @property
    def left(self) -> list[Path]:
        """What lies in the temporary folder and in the home folder."""
        return [found for name in ("t", "home") for found in (self.root / name).rglob("*")]

    @property
    def tokens(self) -> list[str]:
        """Every password that was made by a run here so far, and random names among them."""
        heard = self.root / "heard"
        return heard.read_text().split() if heard.exists() else []

    def files(self) -> set[Path]:
        """The files of the checkout that are neither a run's nor compiled code."""
        found = (path.relative_to(self.checkout) for path in self.checkout.rglob("*") if not path.is_dir())
        runs = (("reports", "out"), ("reports", "history.jsonl"), ("reports", "evidence"))
        return {path for path in found if path.parts[:2] not in runs and "__pycache__" not in path.parts}

    def environment(self) -> dict[str, str]:
        """A bare environment: nothing of the caller's AWS, PostgreSQL, CI or tox."""
        return self.base | {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "t"),
            "PYTHONPATH": os.pathsep.join([str(self.root / "python"), str(self.checkout)]),  # its own copy of the suite
            "HEARD": str(self.root / "heard"),
            "COLUMNS": "200",
        }


@dataclass(frozen=True)
class Run:
    """How one run went: exit status, what it said, how long it took in seconds, and its folder when it made one."""

    status: int
    out: str
    err: str
    seconds: float
    folder: Path | None

    @property
    def record(self) -> RunRecord:
        """Its run record."""
        assert self.folder is not None, self.err
        return record.load(self.folder)

    @property
    def sentence(self) -> str:
        """The one sentence that says why it could not go on."""
        (failure,) = self.record.failures
        return failure.sentence

    def read(self, name: str) -> str:
        """The text of a file in its folder."""
        assert self.folder is not None, self.err
        return (self.folder / name).read_text(encoding="utf-8")


def _not_copied(folder: str, names: list[str]) -> set[str]:
    """The names in a folder of this checkout that a place gets no copy of."""
    return {each for each in names if each in ("__pycache__", "node_modules") or Path(folder, each) in OF_RUNS}


@contextmanager
def made_place(*, rendering: bool = False, **base: str) -> Iterator[Place]:
    """A place for runs, removed at the end; its runs render Allure's report only with `rendering`."""
    root = Path(tempfile.mkdtemp(prefix="drt-"))
    try:
        root.chmod(0o755)
        place = Place(root.resolve(), base)
        for name in ("co", "home", "t", "python"):
            (root / name).mkdir(mode=0o755)
        (root / "python" / "sitecustomize.py").write_text(EAVESDROPPER)
        for name in PARTS:
            source = CHECKOUT / name
            if source.is_dir():
                shutil.copytree(source, place.checkout / name, ignore=_not_copied)
            else:
                shutil.copy(source, place.checkout / name)
        installed = CHECKOUT / RENDERER
        if rendering and installed.is_dir():
            (place.checkout / RENDERER).symlink_to(installed)
        else:
            (place.checkout / RENDERER).touch()  # a file in the folder's place: nothing is installed, nothing rendered
        yield place
    finally:
        shutil.rmtree(root, ignore_errors=True)


def drills(place: Place, *arguments: str, environment: Mapping[str, str] | None = None) -> Run:
    """Run the installed `drills` to its end; the folder is that of the one run that it began."""
    clock, out = SystemClock(), place.checkout / "reports" / "out"
    before = clock.monotonic()
    process = subprocess.Popen(
        [DRILLS, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=place.checkout,
        env=place.environment() | dict(environment or {}),
    )
    try:
        said, complained = process.communicate(timeout=RUN_WITHIN)
    except BaseException:
        process.terminate()  # the run cleans up after itself
        process.communicate()
        raise
    seconds = clock.monotonic() - before
    made = [folder for folder in out.glob("2*") if folder.name in said] if out.is_dir() else []
    return Run(process.returncode, said, complained, seconds, made[0] if made else None)


def at_once(place: Place, *several: Sequence[str], environment: Mapping[str, str] | None = None) -> list[Run]:
    """Several runs, two of them at a time; in the order in which they were given."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda arguments: drills(place, *arguments, environment=environment), several))


def nothing_left(place: Place) -> bool:
    """Whether no process and no file of any run here is left outside reports/out/; an error names what is."""
    small_run.wait_for_nothing(place.root)  # what is ending when its run returns is not left
    assert place.left == []
    return True
