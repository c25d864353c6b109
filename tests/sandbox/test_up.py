"""`drills sandbox up / down / status`, with real processes: what they print, and what is left when something dies."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from drills.checks import manifest
from drills.cli import main as cli
from drills.cli import sandbox as sandbox_command
from drills.cli import sandbox_sample
from drills.clock import wait_until
from drills.config import load as config
from drills.config.load import EndpointProfile
from drills.cutover import guards
from drills.errors import SandboxError
from drills.sandbox.postgres.binaries import NEEDED
from drills.sandbox.standalone.files import SandboxFiles
from drills.sandbox.standalone.interrupts import interruptible
from tests.support.paths import DRILLS
from tests.support.ports import free_port
from tests.support.standalone import (
    CLOCK,
    Caller,
    alive,
    checkout,
    client,
    ended,
    kill,
    make_instance,
    remains_of,
    servers,
)

__all__ = ["checkout"]

pytestmark = [pytest.mark.sandbox, pytest.mark.postgres]


@pytest.fixture(scope="module")
def shared(checkout: Path) -> Iterator[tuple[Caller, dict[str, Any]]]:
    """A sandbox with one available instance, for the tests that only look."""
    caller = Caller(checkout, "shared")
    facts = caller.up()
    make_instance(facts)
    rds = client(facts["environment"])
    wait_until(lambda: rds.describe_db_instances()["DBInstances"][0]["DBInstanceStatus"] == "available", 60, CLOCK)
    yield caller, facts
    caller.call("down")


# -- what it says ------------------------------------------------------------------------------------------------------


def test_a_shell_that_evaluates_what_up_prints_has_an_aws(shared: tuple[Caller, dict[str, Any]]) -> None:
    """`eval "$(drills sandbox up)"` is all that boto3 needs, whatever profile was chosen before."""
    caller, _facts = shared
    look = "import boto3; print(boto3.client('rds').describe_db_instances()['DBInstances'][0]['Endpoint']['Port'])"
    script = f"eval \"$('{DRILLS}' sandbox up --name shared 2>/dev/null)\" && '{sys.executable}' -c \"$1\""
    said = subprocess.run(
        ["sh", "-c", script, "sh", look],
        cwd=caller.checkout,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(caller.checkout),
            "AWS_PROFILE": "not-there",
            "AWS_SESSION_TOKEN": "old",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    ports = [each["endpoint"]["Port"] for each in caller.call("status", "--json").facts["instances"]]
    assert [int(said.stdout)] == ports


def test_up_prints_the_environment_and_nothing_else_on_standard_output(shared: tuple[Caller, dict[str, Any]]) -> None:
    """The variables that AWS's clients and libpq read; credentials that nobody can take for real ones."""
    caller, facts = shared
    said = caller.call("up")

    assert said.status == 0
    assert said.exports == facts["environment"]
    assert said.exports["AWS_ENDPOINT_URL"] == facts["endpoint"]
    assert said.exports["AWS_REGION"] == said.exports["AWS_DEFAULT_REGION"] == facts["region"]
    assert said.exports["AWS_ACCESS_KEY_ID"].startswith("LOCAL")
    assert len(said.exports["AWS_SECRET_ACCESS_KEY"]) >= 40
    assert all(line.startswith(("export ", "unset ")) for line in said.out.splitlines())
    assert f"runs already, and answers at {facts['endpoint']}" in said.err
    assert "drills sandbox down --name shared" in said.err


def test_the_printed_authority_verifies_an_instance(shared: tuple[Caller, dict[str, Any]]) -> None:
    """PGSSLROOTCERT is what `sslmode=verify-full` needs for the address that DescribeDBInstances returns."""
    _caller, facts = shared
    endpoint = client(facts["environment"]).describe_db_instances()["DBInstances"][0]["Endpoint"]
    with psycopg.connect(
        host=endpoint["Address"],
        port=endpoint["Port"],
        user="app",
        password="app-password",
        dbname="postgres",
        sslmode="verify-full",
        sslrootcert=facts["environment"]["PGSSLROOTCERT"],
    ) as session:
        assert session.pgconn.ssl_in_use


def test_status_says_where_it_is_and_what_is_in_it(shared: tuple[Caller, dict[str, Any]]) -> None:
    """Address, processes, PostgreSQL and instances with status and port; 0 while it runs."""
    caller, facts = shared
    said = caller.call("status", "--json")
    shown = caller.call("status")

    assert said.status == shown.status == 0
    assert said.facts["status"] == "running"
    assert said.facts["endpoint"] == facts["endpoint"]
    assert [(each["id"], each["status"]) for each in said.facts["instances"]] == [("orders", "available")]
    for process in said.facts["processes"].values():
        assert psutil.pid_exists(process)
    for words in (facts["endpoint"], "orders", f"localhost:{said.facts['instances'][0]['endpoint']['Port']}"):
        assert words in shown.out


def test_what_is_written_down_is_its_owners(shared: tuple[Caller, dict[str, Any]]) -> None:
    """Nobody else can read the state, and it lies in the checkout."""
    caller, _ = shared
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (caller.folder, *caller.folder.iterdir())}

    assert modes == {"shared": 0o700, "state.json": 0o600, "sandbox.log": 0o600}


def test_the_keeper_and_the_server_are_in_sessions_of_their_own(shared: tuple[Caller, dict[str, Any]]) -> None:
    """A Ctrl-C or the end of the terminal in which `up` was called reaches neither."""
    _, facts = shared
    sessions = {os.getsid(pid) for pid in facts["processes"].values()}

    assert len(sessions) == 2
    assert os.getsid(0) not in sessions


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_as_root_the_servers_run_as_an_unprivileged_user(shared: tuple[Caller, dict[str, Any]]) -> None:
    """PostgreSQL refuses to run as root (PostgreSQL manual, "The PostgreSQL User Account")."""
    _, facts = shared
    users = {process.uids().real for process in servers(facts)}

    assert users
    assert 0 not in users


# -- its end -----------------------------------------------------------------------------------------------------------


def test_down_leaves_nothing(checkout: Path) -> None:
    """No process, no work folder, no file in the checkout; a second `down` says so. While somebody drills in it, it is refused."""
    caller = Caller(checkout, "short")
    facts = caller.up()
    make_instance(facts)

    drilling = [sys.executable, "-c", "input()", "drills", "run"]
    with subprocess.Popen(drilling, env=os.environ | facts["environment"], stdin=subprocess.PIPE):
        refused = caller.call("down")
    assert (refused.status, remains_of(facts) != []) == (2, True)
    assert "expected a sandbox that nobody drills in, found drills run" in refused.err

    assert caller.call("down", "--json").facts == {"status": "stopped", "name": "short", "was_running": True}
    assert remains_of(facts) == []
    assert not caller.folder.exists()
    assert caller.call("down").out == "No sandbox runs here.\n"
    said = caller.call("status", "--json")
    assert (said.status, said.facts["status"]) == (12, "stopped")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_in_the_foreground_it_ends_with_a_signal(checkout: Path, number: signal.Signals) -> None:
    """`--foreground` prints the same facts, stays, and has cleared everything away when it ends with 0."""
    caller = Caller(checkout, "foreground")
    process = caller.start("up", "--foreground")
    facts = wait_until(caller.running, 90, CLOCK, what="the sandbox")
    if number == signal.SIGTERM:
        make_instance(facts)
    second = caller.call("up", "--foreground")
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 60)[0], "it printed nothing"  # it answers a little earlier
    process.send_signal(number)
    said = ended(process)

    assert said.status == 0, said.err
    assert said.exports == facts["environment"]
    assert remains_of(facts) == []
    assert not caller.folder.exists()
    assert (second.status, second.out) == (12, "")
    assert facts["endpoint"] in second.err


def test_after_the_servers_death_the_keeper_clears_everything_away(checkout: Path) -> None:
    """A server that is killed leaves no PostgreSQL running; the log stays, and status tells of it."""
    caller = Caller(checkout, "killed")
    facts = caller.up()
    make_instance(facts)
    kill(facts["processes"]["server"])
    wait_until(lambda: not remains_of(facts), 60, CLOCK, what="everything to go")

    wait_until(lambda: [path.name for path in caller.folder.iterdir()] == ["sandbox.log"], 60, CLOCK)
    assert "ended by itself" in (caller.folder / "sandbox.log").read_text()
    said = caller.call("status")
    assert said.status == 12
    assert "The last one ended by itself" in said.out
    caller.call("down")
    assert not caller.folder.exists()


def test_the_keepers_death_ends_the_server(checkout: Path) -> None:
    """The server's lifeline ends with its keeper: PostgreSQL and the state folder go."""
    caller = Caller(checkout, "orphaned")
    facts = caller.up()
    kill(facts["processes"]["keeper"])

    wait_until(lambda: not alive(facts["processes"]["server"]), 60, CLOCK)
    assert servers(facts) == []
    assert not Path(facts["state"]).exists()
    assert caller.call("status", "--json").facts["status"] == "killed"
    assert caller.call("down").status == 0
    assert remains_of(facts) == []


@pytest.mark.parametrize("action", ["up", "down"])
def test_after_both_were_killed_the_next_command_clears_everything_away(checkout: Path, action: str) -> None:
    """Neither `up` nor `down` hangs on what two killed processes left, or leaves it."""
    caller = Caller(checkout, f"both-{action}")
    facts = caller.up()
    if action == "up":
        make_instance(facts)
    kill(facts["processes"]["keeper"], facts["processes"]["server"])
    assert remains_of(facts)

    said = caller.call(action, "--json")
    assert said.status == 0, said.err
    assert remains_of(facts) == []
    if action == "up":
        assert said.facts["started"] is True
        assert client(said.facts["environment"]).describe_db_instances()["DBInstances"] == []
        caller.call("down")
    assert not caller.folder.exists()


def test_one_that_does_not_answer_is_replaced(checkout: Path) -> None:
    """`up` ends a sandbox whose server hangs, and starts it afresh."""
    caller = Caller(checkout, "hung")
    facts = caller.up()
    os.kill(facts["processes"]["server"], signal.SIGSTOP)

    again = caller.up()
    assert again["started"] is True
    assert again["processes"] != facts["processes"]
    assert remains_of(facts) == []
    caller.call("down")


def test_a_pid_that_is_somebody_elses_now_is_left_alone(checkout: Path) -> None:
    """What has a pid of the state file but began at another moment is no sandbox, and is not ended."""
    caller = Caller(checkout, "reused")
    facts = caller.up()
    state = caller.state
    kill(*facts["processes"].values())
    with subprocess.Popen(["sleep", "600"]) as somebody:
        for role in ("keeper", "server"):
            state[role] = {"pid": somebody.pid, "began": psutil.Process(somebody.pid).create_time() - 60}
        (caller.folder / "state.json").write_text(json.dumps(state))
        assert caller.state["keeper"]["pid"] == somebody.pid
        assert caller.call("status", "--json").facts["status"] == "killed"
        assert caller.call("down").status == 0
        assert somebody.poll() is None
        somebody.kill()
    assert remains_of(facts) == []


def test_a_changed_state_file_removes_no_foreign_folder(checkout: Path, tmp_path: Path) -> None:
    """A work folder that is not named as ours are is not removed: 13, and a sentence."""
    caller = Caller(checkout, "changed")
    facts = caller.up()
    path = caller.folder / "state.json"
    honest = path.read_text()
    kill(*facts["processes"].values())
    path.write_text(honest.replace(caller.state["work"], str(tmp_path)))

    said = caller.call("down")
    assert said.status == 13
    assert str(tmp_path) in said.err
    assert tmp_path.exists()
    path.write_text(honest)
    assert caller.call("down").status == 0
    assert remains_of(facts) == []


# -- its start ---------------------------------------------------------------------------------------------------------


def test_of_two_at_once_one_starts_and_the_other_reports_it(checkout: Path) -> None:
    """There is one sandbox afterwards, and both know its address."""
    caller = Caller(checkout, "race")
    both = [ended(each) for each in [caller.start("up", "--json") for _ in range(2)]]

    assert [each.status for each in both] == [0, 0]
    assert sorted(each.facts["started"] for each in both) == [False, True]
    assert both[0].facts["endpoint"] == both[1].facts["endpoint"]
    assert both[0].facts["processes"] == both[1].facts["processes"]
    caller.call("down")


def test_an_up_that_is_ended_ends_what_it_began(checkout: Path, tmp_path: Path) -> None:
    """TERM before the sandbox answers: one sentence, 12, and nothing is left."""
    caller = Caller(checkout, "ended")
    installation, door = tmp_path / "pg" / "bin", tmp_path / "door"
    installation.mkdir(parents=True)
    for name in NEEDED:  # which do not say their version before the door is opened: until then it cannot answer
        (installation / name).write_text(f"#!/bin/sh\nread -r _ < '{door}'\n")
        (installation / name).chmod(0o755)
    os.mkfifo(door)
    held = os.open(door, os.O_RDWR)
    try:
        process = caller.start("up", "--postgres", str(installation))
        wait_until(lambda: (caller.folder / "state.json").exists(), 60, CLOCK, every=0.01)
        facts = {"state": str(Path(caller.state["work"]) / "state")}
        process.send_signal(signal.SIGTERM)
        os.write(held, b"open\n")
        said = ended(process)
    finally:
        os.close(held)

    assert said.status == 12
    assert "interrupted by SIGTERM" in said.err
    assert said.err.count("\n") == 1
    wait_until(lambda: not remains_of(facts), 60, CLOCK)
    assert not (caller.folder / "state.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words", "status"),
    [
        (("--port", "{taken}"), "is in use", 12),
        (("--port", "70000"), "--port: expected 0 to 65535", 2),
        (("--port", "soon"), "invalid int value", 2),
        (("--postgres", "{empty}"), "found no usable", 12),
        (("--delays", '{"creatin": 1}'), "creating", 2),
        (("--name", "../elsewhere"), "--name: expected", 2),
    ],
)
def test_one_that_cannot_start_says_why(
    checkout: Path, tmp_path: Path, arguments: tuple[str, str], words: str, status: int
) -> None:
    """One sentence on standard error, the exit code, and no file, folder or process."""
    caller = Caller(checkout, "refused")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        given = arguments[1].replace("{taken}", str(taken.getsockname()[1])).replace("{empty}", str(tmp_path))
        said = caller.call("up", arguments[0], given)

    assert said.status == status, said.err
    assert words in said.err
    assert said.err.startswith("drills")
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not caller.folder.exists()


def test_a_checkout_that_cannot_be_written_to_is_one_sentence(tmp_path: Path, checkout: Path) -> None:
    """`up` says where it wanted to write; `down` and `status` need nothing to write."""
    (tmp_path / "drills").symlink_to(checkout / "drills")
    (tmp_path / ".sandbox").touch()  # a folder's permissions would not stop root
    caller = Caller(tmp_path)
    said = caller.call("up")

    assert said.status == 12
    assert f"expected to write the sandbox's state to {caller.folder}" in said.err
    assert said.err.count("\n") == 1
    assert caller.call("down").out == "No sandbox runs here.\n"


def test_a_given_port_is_used(checkout: Path) -> None:
    """--port is where it answers, so that a configuration can name it."""
    caller, port = Caller(checkout, "port"), free_port()

    assert caller.up("--port", str(port))["endpoint"] == f"http://127.0.0.1:{port}"
    caller.call("down")


# -- the sample --------------------------------------------------------------------------------------------------------


@pytest.mark.matrix
def test_an_empty_sandbox_is_filled_and_what_is_printed_names_all_of_it(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is printed can be called as it is: the posture is as it should be, and the service shows the sample's canary."""
    caller = Caller(checkout, "sample")
    empty, made = caller.up(), caller.up("--sample", "--targets", "2")
    effective = config.load(Path(made["sample"]["config"]), profile=None, target=None, environment={})

    assert (made["started"], made["processes"]) == (False, empty["processes"])
    monkeypatch.chdir(checkout)
    posture = shlex.split(made["sample"]["commands"][0])[1:]
    for name, file in (("myappdbprod", "manifest.json"), ("myappdbprod-02", "manifest-myappdbprod-02.json")):
        stored = Path(made["sample"]["config"]).with_name(file)
        key = manifest.read_key(stored)
        assert key
        assert manifest.load(stored.read_text(encoding="utf-8"), str(stored), key)
        assert cli.main([*posture, "--target", name, "--json", "--endpoint-url", made["endpoint"]]) == 0
    with urllib.request.urlopen(guards.check_config(effective).public_url, timeout=60) as answer:
        assert b'"newest_beat": 5,' in answer.read()
    assert caller.call("down").status == 0
    assert not caller.folder.exists()


def test_a_sample_that_is_there_is_named_and_not_made_again(shared: tuple[Caller, dict[str, Any]]) -> None:
    """Its drill.toml allows and describes a cut-over, and each printed command parses and names it."""
    caller, facts = shared
    folder = caller.folder / "sample"
    folder.mkdir()
    principal, names = "arn:aws:iam::123456789012:role/drill", sandbox_sample.names_of(3)
    sandbox_sample.write_config(folder, facts["endpoint"], "orders", "http://localhost:1", principal, names[1:])
    again = caller.up("--sample")
    effective = config.load(Path(again["sample"]["config"]), profile=None, target=None, environment={})
    standing = config.load(Path(again["sample"]["config"]), profile="standing", target=None, environment={})
    targets = config.targets_of(Path(again["sample"]["config"]))
    same, refused = (caller.call("up", "--sample", "--targets", number) for number in ("3", "4"))
    shutil.rmtree(folder)

    assert tuple(targets) == names == ("myappdbprod", "myappdbprod-02", "myappdbprod-03")
    assert (same.status, refused.status) == (0, 2)
    assert "expected 3, as the sample that is there has, found 4: type drills sandbox down first" in refused.err
    assert (again["started"], again["processes"]) == (False, facts["processes"])
    assert guards.check_config(effective).services == ("myappdbprod/myappdbprod",)
    options = [cli.parse(shlex.split(each)[1:]) for each in again["sample"]["commands"]]
    assert isinstance(standing.profile, EndpointProfile)
    assert standing.profile.endpoint_url == facts["endpoint"]
    assert [each.all for each in options if each.command == "run"] == [
        False,
        True,
    ]  # the latter where there are several
    assert [each.command for each in options] == [
        "posture",
        "preflight",
        "backup",
        "run",
        "run",
        "cutover",
        "cutover",
        "cutover",
    ]
    assert {each.config for each in options} == {".sandbox/shared/sample/drill.toml"}
    assert {each.confirm for each in options[6:]} == {effective.target.instance}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["--targets", "3"], "--targets: expected --sample beside it"),
        (["--sample", "--targets", "0"], "--targets: expected 1 to 30, found 0"),
        (["--sample", "--targets", "31"], "drills need room for their copies"),
    ],
)
def test_a_number_of_sources_needs_a_sample_that_has_room_for_them(
    checkout: Path, given: list[str], found: str
) -> None:
    """It is refused before anything starts."""
    caller = Caller(checkout, "many")
    said = caller.call("up", *given)

    assert (said.status, said.out) == (2, "")
    assert found in said.err
    assert not caller.folder.exists()


def test_an_instance_of_the_samples_name_is_left_alone(
    shared: tuple[Caller, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a user has made is no part of the sample: one sentence says which name is taken, and nothing is made."""
    monkeypatch.setattr(sandbox_sample, "INSTANCE", "orders")
    with pytest.raises(SandboxError, match="no instance orders before the sample"):
        sandbox_sample.fill(tmp_path / "sample", shared[1])

    assert sandbox_sample.find(tmp_path / "sample") is None


def test_a_signal_ends_the_making_of_a_sample_within_any_call() -> None:
    """Whatever catches errors there and tries again, as AWS's client does within a request."""

    def call_that_tries_again() -> None:
        for number in (signal.SIGTERM, 0, 0):
            with contextlib.suppress(Exception):
                os.kill(os.getpid(), number)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SandboxError, match="interrupted by SIGTERM; it is left"), interruptible("it is left"):
        call_that_tries_again()
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_right_after_the_keeper_has_begun_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However early the signal comes: no keeper, and no sandbox, stays behind a command that says that it has ended it."""
    begin, begun = subprocess.Popen, []

    def begin_and_signal(*_: Any, **__: Any) -> subprocess.Popen[bytes]:
        begun.append(begin([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        os.kill(os.getpid(), signal.SIGTERM)
        return begun[0]

    def unhandled(number: int, _frame: object) -> None:
        raise AssertionError(f"signal {number} would have ended the command alone")

    files = SandboxFiles("early", tmp_path)
    monkeypatch.setattr("drills.sandbox.standalone.keeper.subprocess.Popen", begin_and_signal)
    before = signal.signal(signal.SIGTERM, unhandled)
    try:
        with files.locked(), pytest.raises(SandboxError, match="interrupted by SIGTERM; the sandbox has been ended"):
            sandbox_command._start(files, [])
    finally:
        signal.signal(signal.SIGTERM, before)
        (keeper,) = begun
        ended_by = keeper.poll()
        keeper.kill()
        keeper.communicate()

    assert ended_by == -signal.SIGTERM


def test_a_sandbox_in_the_foreground_is_not_filled_by_the_same_command(checkout: Path) -> None:
    """It is refused before anything starts, with what to type instead."""
    caller = Caller(checkout, "both")
    said = caller.call("up", "--sample", "--foreground")

    assert (said.status, said.out) == (2, "")
    assert "expected --sample or --foreground, found both" in said.err
    assert not caller.folder.exists()


# -- help --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["", "up", "down", "status"])
def test_help_has_an_example_and_the_exit_codes(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command says how it is called and what its exit codes mean."""
    with pytest.raises(SystemExit) as left:
        cli.main(["sandbox", *([action] if action else []), "--help"])

    said = capsys.readouterr().out
    assert left.value.code == 0
    assert f"drills sandbox {action}".rstrip() in said.partition("examples:")[2]
    assert "12 it could not start" in said
