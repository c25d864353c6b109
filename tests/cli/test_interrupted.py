"""A command that a signal ends: one line, no traceback, nothing left, and the end that whoever waits for it expects."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from psycopg import conninfo

from drills.cli import main as cli
from drills.cli.interrupted import LEFT, left_by
from drills.clock import SystemClock, wait_until
from drills.sandbox.postgres.cluster import PORT
from tests.support.checked import MASTER, Checked, checked
from tests.support.cluster import module_state
from tests.support.paths import CHECKOUT

__all__ = ["checked", "module_state"]
WITHIN = 60.0  # seconds, on a machine that is busy
# a command of which a module's import sends a signal, to this process
STRUCK = """
import os, signal, sys
when, number, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]
class Strike:
    def find_spec(self, name, *rest):
        if name == when:
            os.kill(os.getpid(), number)
for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(each, signal.SIG_DFL)
if how == "ignored":
    signal.signal(number, signal.SIG_IGN)
sys.meta_path.insert(0, Strike())
from drills.__main__ import main
sys.argv = ["drills", *sys.argv[4:]]
raise SystemExit(main())
"""


def struck(
    when: str, number: signal.Signals, *arguments: str, ignored: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a command that gets a signal as it begins to load a module."""
    words = [sys.executable, "-c", STRUCK, when, str(int(number)), "ignored" if ignored else "", *arguments]
    return subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, timeout=WITHIN, check=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("when", ["drills.cli.main", "drills.cli.evidence.gate"])
def test_a_signal_while_a_command_loads_ends_it_with_one_line(when: str, number: signal.Signals) -> None:
    """The process ends by that signal, as shells, tox and schedulers expect it of one that was interrupted."""
    said = struck(when, number, "gate", "--unsigned")

    line = f"drills: interrupted by {number.name} before anything had begun: nothing was changed\n"
    assert (said.returncode, said.stdout, said.stderr) == (-number, "", line)


def test_a_signal_in_a_command_names_what_is_left() -> None:
    """One line by the command's words, and the end by that signal."""
    said = struck("drills.cli.restore.one", signal.SIGTERM, "restore", "--at", "latest")

    assert (said.returncode, said.stdout) == (-signal.SIGTERM, "")
    assert said.stderr == f"drills: interrupted by SIGTERM: {LEFT['restore']}\n"


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """Below nohup a command goes on when the terminal is closed."""
    said = struck("drills.cli.schedule", signal.SIGHUP, "schedule", "cron(0 3 * * ? *)", ignored=True)

    assert (said.returncode, said.stderr) == (0, "")


def test_each_command_says_what_it_leaves() -> None:
    """Also of its parts, whose sentence goes before that of the command."""
    assert set(cli.COMMANDS) <= set(LEFT)
    assert {each.split()[0] for each in LEFT} == set(cli.COMMANDS)
    for words, part in (
        (["report", "merge", "one", "-o", "two"], "report merge"),
        (["report", "reports/out/latest"], "report"),
        (["sandbox", "down"], "sandbox down"),
        (["evidence", "keygen"], "evidence keygen"),
        (["restore", "end", "20261129-031502-ab12"], "restore end"),
        (["cutover", "plan"], "cutover plan"),
        (["cutover", "resume"], "cutover"),
    ):
        assert left_by(cli.parse(words)) == LEFT[part]


@pytest.mark.postgres
@pytest.mark.parametrize("checked", ["bundled-18"], indirect=True)
@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, 1), (signal.SIGTERM, 2)])
def test_an_interrupted_manifest_leaves_no_session_and_no_file(
    checked: Checked, tmp_path: Path, number: signal.Signals, workers: int
) -> None:
    """Whatever it waits for in the server is cancelled, and the connections are closed."""
    where: dict[str, Any] = {"host": str(checked.cluster.run_dir), "port": PORT, "user": MASTER, "dbname": "orders"}
    words = ["manifest", conninfo.make_conninfo(**where, password=checked.password), "-o", str(tmp_path / "m.json")]
    sessions = "select count(*) from pg_stat_activity where application_name = 'drills'"
    with checked.cluster.connect("orders") as session, checked.cluster.connect("orders") as watch:
        session.autocommit = False
        session.execute("lock table shop.customer, shop.orders in access exclusive mode")
        begun = [sys.executable, "-c", STRUCK, "", "0", "", *words, "--workers", str(workers)]
        with subprocess.Popen(
            begun, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:

            def waits() -> bool:
                query = f"{sessions} and wait_event_type = 'Lock'"
                return bool(watch.execute(query.encode()).fetchone()[0])  # type: ignore[index]

            wait_until(waits, WITHIN, SystemClock(), every=0.02)
            process.send_signal(number)
            out, err = process.communicate(timeout=WITHIN)

        def gone() -> bool:
            return watch.execute(sessions.encode()).fetchone() == (0,)

        wait_until(gone, WITHIN, SystemClock(), every=0.02)  # a backend ends a moment after its client

    assert (process.returncode, out) == (-number, "")
    assert err == f"drills: interrupted by {number.name}: {LEFT['manifest']}\n"
    assert list(tmp_path.iterdir()) == []
