"""A real tox is interrupted and killed; whatever it is sent, nothing of the run is left and the record says what was.

The small run has every moment and every signal; the whole drill a few of them.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from drills import record
from drills.clock import SystemClock, wait_until
from drills.evidence.chain_check import verify_chain
from drills.evidence.folder import read_chain
from tests.support import small_run
from tests.support.paths import CHECKOUT

pytestmark = pytest.mark.whole_run
CLOCK = SystemClock()
INT, TERM, KILL = signal.SIGINT, signal.SIGTERM, signal.SIGKILL
SIGNALS = {"INT": (INT,), "INT, INT": (INT, INT), "TERM": (TERM,), "KILL": (KILL,), "INT, TERM": (INT, TERM)}
SIGNALS["INT, KILL"] = (INT, KILL)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tox.ini whose only environment runs what it is given."""
    made = tmp_path_factory.mktemp("tox")
    (made / "tox.ini").write_text(
        f"""
        [tox]
        no_package = true
        [testenv:drill]
        skip_install = true
        args_are_paths = false
        allowlist_externals = *
        pass_env = *
        change_dir = {{env:DRILLS_TEST_FOLDER}}
        interrupt_timeout = 60
        terminate_timeout = 30
        commands = {sys.executable} {{posargs}}
        # with CI set tox lists what is installed, and the environment has no pip
        list_dependencies_command = {sys.executable} -c pass
        """.replace("\n        ", "\n")
    )
    return made


def tox_environment(place: Path, folder: Path) -> dict[str, str]:
    """What keeps tox and virtualenv from writing anywhere else, and from fetching anything."""
    return {
        "HOME": str(place / "home"),
        "VIRTUALENV_OVERRIDE_APP_DATA": str(place / "app-data"),
        "VIRTUALENV_NO_SEED": "1",
        "DRILLS_TEST_FOLDER": str(folder),
    }


def tox_command(place: Path, *arguments: str) -> list[str]:
    """The argv of tox for a Python program's arguments."""
    return [sys.executable, "-m", "tox", "-c", str(place / "tox.ini"), "-e", "drill", "--", *arguments]


def send(tox: psutil.Process, numbers: tuple[signal.Signals, ...]) -> None:
    """Send the signals to tox alone, a little apart."""
    for at, number in enumerate(numbers):
        CLOCK.sleep(0.4 * bool(at))
        tox.send_signal(number)


def told(numbers: tuple[signal.Signals, ...]) -> str:
    """What the record says of these signals: tox hands SIGINT on, and nothing else."""
    return "SIGINT" if numbers[0] == INT else "tox is gone"


def whenever() -> list[object]:
    """Every signal at every moment: each signal at one of them is in the usual tests, the rest in the full product."""
    return [
        pytest.param(moment, sent, id=f"{moment}-{name}", marks=[] if (at + turn) % 3 == 0 else [pytest.mark.matrix])
        for turn, moment in enumerate(("service", "features", "finish"))
        for at, (name, sent) in enumerate(SIGNALS.items())
    ]


@pytest.mark.parametrize(("moment", "numbers"), whenever())
def test_signals_to_tox(place: Path, tmp_path: Path, moment: str, numbers: tuple[signal.Signals, ...]) -> None:
    """At any moment: no process, no work folder, and a record with its code; interrupted when it was not over yet."""
    folder, work = tmp_path / "run", tmp_path / "work"
    folder.mkdir()
    held = {moment, "finish"} - {"features"}
    for name in held:
        small_run.hold(folder, name)
    features = "" if moment == "finish" else small_run.FEATURES
    plan = small_run.small_plan(folder, work, features=features)
    argv = tox_command(place, *small_run.command(folder, plan)[1:])
    with small_run.started(argv, folder, tox_environment(place, CHECKOUT)) as tox:
        small_run.wait_for(folder / f"at-{moment}")
        tox.send_signal(numbers[0])
        small_run.wait_for(folder / "at-finish")  # so that tox has handed on what it hands on
        send(tox, numbers[1:])
        for name in held:
            small_run.let_go(folder, name)
        small_run.wait_for_nothing(folder)
    kept = record.load(folder)
    assert kept.interrupted_by == ("" if moment == "finish" else told(numbers))
    assert kept.code == 12
    assert kept.ended_at is not None
    assert not work.exists()
    assert (folder / "reported").exists()


def test_an_interrupt_from_the_keyboard(place: Path, tmp_path: Path) -> None:
    """Ctrl-C goes to tox and to the command at once, and tox sends its own after it: the clean-up goes to its end."""
    folder, work = tmp_path / "run", tmp_path / "work"
    folder.mkdir()
    small_run.hold(folder, "finish")
    argv = tox_command(place, *small_run.command(folder, small_run.small_plan(folder, work))[1:])
    with small_run.started(argv, folder, tox_environment(place, CHECKOUT)) as tox:
        small_run.wait_for(folder / "at-features")
        for _ in range(3):
            os.killpg(tox.pid, INT)
            CLOCK.sleep(0.3)
        small_run.let_go(folder, "finish")
        small_run.wait_for_nothing(folder)
    kept = record.load(folder)
    assert (kept.interrupted_by, kept.code) == ("SIGINT", 12)
    assert not work.exists()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the checkout, so that the runs of this test are not among the user's."""
    copy = tmp_path_factory.mktemp("checkout") / "drills"
    leave_out = shutil.ignore_patterns(".*", "out", "__pycache__", "node_modules", "*.egg-info", "build", "docs")
    shutil.copytree(CHECKOUT, copy, ignore=leave_out)
    yield copy
    shutil.rmtree(copy)


@pytest.mark.sandbox
@pytest.mark.postgres
@pytest.mark.parametrize(
    ("moment", "numbers"),
    [
        ("stage.log", (TERM,)),
        ("features.log", (INT, INT)),
        *(
            pytest.param(*case, marks=pytest.mark.matrix)
            for case in (
                (".sandbox.ready", (INT, INT)),
                (".sandbox.ready", (KILL,)),
                ("features.log", (KILL,)),
                ("clean.log", (TERM,)),
            )
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(number.name for number in value),
)
def test_signals_to_tox_in_a_whole_drill(
    place: Path, checkout: Path, moment: str, numbers: tuple[signal.Signals, ...]
) -> None:
    """The drill itself: no process, no work folder in the temporary places, an interrupted record with its code."""
    out, chain = checkout / "reports" / "out", checkout / "reports/evidence/sandbox-myappdbprod"
    before = set(out.glob("2*"))
    argv = tox_command(place, "-m", "drills", "run", "--config", str(checkout / "drill.toml"))
    with small_run.started(argv, checkout, tox_environment(place, checkout)) as tox:
        folder = wait_until(lambda: next(iter(set(out.glob("2*")) - before), None), small_run.LATE, CLOCK)
        wait_until((folder / moment).exists, small_run.LATE, CLOCK, what=moment)
        CLOCK.sleep(1.0)  # into the middle of it
        send(tox, numbers)
        small_run.wait_for_nothing(checkout, folder.name)
    kept = record.load(folder)
    assert kept.code is not None
    assert kept.ended_at is not None
    if moment != "clean.log":
        assert kept.interrupted_by == told(numbers)
        assert kept.aborted_in
    (sealed,) = (each for each in read_chain(chain)[0].bundles if each.record.run_id == kept.run_id)
    assert verify_chain(chain, None) == ()
    assert sealed.record == kept
    assert (
        f"Aborted in phase {kept.aborted_in}: " in (chain / sealed.name / "summary.md").read_text()
        or not kept.aborted_in
    )
    assert not [resource for resource in kept.resources if resource.state in ("made", "left")]
    for parent in {tempfile.gettempdir(), "/tmp", "/var/tmp"}:
        assert list(Path(parent).glob(f"drills-{folder.name[-4:]}-*")) == []
