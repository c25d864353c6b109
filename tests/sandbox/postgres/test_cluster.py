"""One PostgreSQL server: made, started, backed up, copied back, and ended for certain."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
import tempfile
import threading
from pathlib import Path

import psutil
import psycopg
import pytest

from drills.clock import SystemClock, wait_until
from drills.errors import SandboxError
from drills.sandbox.postgres.binaries import find
from drills.sandbox.postgres.cluster import Cluster, prepare_state, setting_line, state_parent, sweep
from drills.sandbox.postgres.folders import disk_errors
from drills.sandbox.postgres.postmaster import alive, pid_of, server_processes
from tests.support.cluster import cluster_in, default, module_state, running, state, template  # noqa: F401

postgres = pytest.mark.postgres


def scalar(cluster: Cluster, query: str) -> object:
    """The one value of a query."""
    with cluster.connect() as session:
        row = session.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


@postgres
def test_a_new_cluster_is_what_rds_would_give(running: Cluster) -> None:  # noqa: F811
    """UTF-8, data checksums, the settings asked for; it runs as nobody privileged and listens on no port."""
    assert scalar(running, "select pg_encoding_to_char(encoding) from pg_database where datname = 'postgres'") == "UTF8"
    assert scalar(running, "show data_checksums") == "on"
    assert scalar(running, "show work_mem") == "5MB"
    assert scalar(running, "show listen_addresses") == ""
    assert scalar(running, "select upper('ä')") == "Ä"
    assert scalar(running, "show server_version").split()[0] == running.binaries.version  # type: ignore[attr-defined]
    pid = running.pid()
    assert pid is not None
    assert psutil.Process(pid).uids().real != 0
    assert [stat.S_IMODE(place.stat().st_mode) for place in (running.data, running.run_dir)] == [0o700, 0o700]
    assert {path.name for path in running.run_dir.iterdir()} == {".s.PGSQL.5432", ".s.PGSQL.5432.lock", "server.log"}


@postgres
def test_the_superuser_needs_the_password(running: Cluster) -> None:  # noqa: F811
    """The socket lets nobody in without the right password."""
    stranger = Cluster(running.data, running.run_dir, running.binaries, running.user, "not the password")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        stranger.connect()


@postgres
def test_a_restored_copy_has_what_was_there_at_the_backup(running: Cluster, module_state: Path) -> None:  # noqa: F811
    """Rows of before the backup come back, later ones do not; a second copy of the same backup is as good."""
    name = running.data.name
    with running.connect() as session:
        session.execute("create table kept as select generate_series(1, 1000) as id")
        running.backup_to(module_state / "backups" / name)
        session.execute("insert into kept values (1001)")
    for number in (1, 2):
        copy = cluster_in(module_state, running.binaries, f"{name}-{number}", running._password)
        copy.restore_from(module_state / "backups" / name)
        copy.start()
        try:
            assert scalar(copy, "select count(*) from kept") == 1000
            assert scalar(copy, "show work_mem") == "4MB", "the original's settings came along"
            with copy.connect() as session:
                session.execute("delete from kept")
        finally:
            copy.kill()
    assert scalar(running, "select count(*) from kept") == 1001
    with pytest.raises(SandboxError, match="expected an empty data folder"):
        copy.restore_from(module_state / "backups" / name)


@postgres
def test_clusters_that_are_made_alike_are_servers_of_their_own(running: Cluster, module_state: Path) -> None:  # noqa: F811
    """Each copy of an empty cluster has an identifier that no other has, and for the rest what initdb gave the first."""
    identifier = "select system_identifier from pg_control_system()"
    found, began = {scalar(running, identifier)}, SystemClock().now().timestamp()
    for number in (1, 2):
        copy = cluster_in(module_state, running.binaries, f"{running.data.name}-like-{number}")
        copy.create_like(template(running.binaries))
        copy.start()
        try:
            own = scalar(copy, identifier)
            assert isinstance(own, int)
            assert int(began) <= own >> 32 <= SystemClock().now().timestamp(), "initdb's begin with the second as well"
            found.add(own)
            assert [scalar(copy, f"show {name}") for name in ("data_checksums", "wal_segment_size")] == ["on", "1MB"]
            with copy.connect() as session:
                session.execute("create table kept as select generate_series(1, 1000) as id")
            copy.restart()
            assert scalar(copy, "select count(*) from kept") == 1000
        finally:
            copy.kill()
    assert len(found) == 3


@postgres
def test_settings_are_replaced_by_those_of_the_next_start_or_reload(running: Cluster) -> None:  # noqa: F811
    """No setting of an earlier start stays; values of any kind arrive unchanged."""
    odd = r"it's a \n 'value'"
    running.restart({"maintenance_work_mem": "7MB", "drill.note": odd})
    assert [scalar(running, f"show {name}") for name in ("work_mem", "maintenance_work_mem")] == ["4MB", "7MB"]
    assert scalar(running, "show drill.note") == odd
    running.reload({"work_mem": "6MB"})
    assert [scalar(running, f"show {name}") for name in ("work_mem", "maintenance_work_mem")] == ["6MB", "64MB"]
    running.restart({"work_mem": "5MB"})
    assert "was not properly shut down" not in running.log_path.read_text(encoding="utf-8")


@postgres
def test_tools_see_nothing_of_the_callers_environment(default: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """psql gets PATH, the locale and what it was given, and runs as the server's user."""
    monkeypatch.setenv("PGSERVICE", "production")
    monkeypatch.setenv("DRILL_TEST", "seen")
    told = default.run_tool(
        "psql", "-X", "-h", str(default.run_dir), "-U", "rdsadmin", "-d", "postgres",
        env={"PGPASSWORD": default._password}, stdin=b"\\! env; id -u; pwd\n",
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    names = {line.split("=")[0] for line in lines if "=" in line}
    # the last two are set by psql itself, from where its files are
    assert names - {"PWD", "SHLVL", "_", "OLDPWD", "PGSYSCONFDIR", "PGLOCALEDIR"} == {
        "PATH",
        "LANG",
        "LC_MESSAGES",
        "PGPASSWORD",
    }
    assert str(default.user.uid if default.user else os.getuid()) in lines
    assert str(default.run_dir) in lines
    with pytest.raises(SandboxError, match=r"psql to end within 0\.2 s"):
        default.run_tool("psql", "-X", "-h", str(default.run_dir), "-U", "rdsadmin", "-d", "postgres", "-c",
                         "select pg_sleep(60)", env={"PGPASSWORD": default._password}, timeout=0.2)  # fmt: skip


@postgres
def test_a_server_that_will_not_start_says_why(default: Cluster) -> None:  # noqa: F811
    """The sentence holds the server's own last words, whatever the reason, and nothing is left running."""
    with pytest.raises(SandboxError, match="found one with pid"):
        default.start()
    default.stop()
    with pytest.raises(SandboxError, match='invalid value for parameter "shared_buffers": "banana"'):
        default.start({"shared_buffers": "banana"})
    with pytest.raises(SandboxError, match="unrecognized configuration parameter"):
        default.start({"no_such_setting": "1"})
    (default.data / "global" / "pg_control").rename(default.data / "pg_control.away")
    with pytest.raises(SandboxError, match="could not find the database system"):
        default.start()
    assert not default.running()
    (default.data / "pg_control.away").rename(default.data / "global" / "pg_control")
    default.start()
    assert default.running()


@postgres
def test_kill_ends_a_server_that_does_not_listen_any_more(default: Cluster) -> None:  # noqa: F811
    """Main process stopped, a backend busy: all are gone afterwards, no zombie stays, the data can be used again."""
    busy = default.connect()
    with default.connect() as session:
        session.execute("create table t as select 1 as id")

    def work() -> None:
        with pytest.raises(psycopg.OperationalError):
            busy.execute("select pg_sleep(600)")

    thread = threading.Thread(target=work)
    thread.start()
    pid = default.pid()
    assert pid is not None
    members = server_processes(pid)
    assert len(members) > 4
    os.kill(pid, signal.SIGSTOP)
    default.kill()
    thread.join(60)
    busy.close()
    assert not any(alive(member) for member in members)
    assert not psutil.pid_exists(pid), "a zombie"
    default.kill()  # again: nothing happens
    default.start()
    assert scalar(default, "select id from t") == 1


@postgres
def test_kill_ends_processes_whose_main_process_has_gone(default: Cluster) -> None:  # noqa: F811
    """A backend that is too busy to see that its server died is found and ended, so that the server can start again."""
    busy = default.connect()
    backend = psutil.Process(busy.info.backend_pid)

    def work() -> None:
        with pytest.raises(psycopg.OperationalError):
            busy.execute("do $$ begin loop end loop; end $$")

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: backend.cpu_times().user > 0.2, 60, SystemClock(), what="the backend to be busy")
    pid = default.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not default.running(), 60, SystemClock(), what="the main process to go")
    assert alive(backend)
    default.kill()
    thread.join(60)
    busy.close()
    assert not alive(backend)
    default.start()
    assert scalar(default, "select 1") == 1


@postgres
@pytest.mark.skipif(not Path("/proc/sysvipc/shm").exists(), reason="only Linux lists the kernel's segments in a file")
@pytest.mark.parametrize("stopped", [True, False], ids=["killed", "asked"])
def test_kill_leaves_no_shared_memory(default: Cluster, stopped: bool) -> None:  # noqa: F811
    """No shared memory outlives the server, not even one that had to be killed."""
    segment = (default.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[6].split()[1]
    pid = default.pid()
    assert pid is not None
    assert segment in _segments()
    assert scalar(default, "show dynamic_shared_memory_type") == "mmap", "the rest would be in /dev/shm"
    assert any((default.data / "pg_dynshmem").iterdir())
    if stopped:
        os.kill(pid, signal.SIGSTOP)
    default.kill()
    assert segment not in _segments()


def _segments() -> set[str]:
    lines = Path("/proc/sysvipc/shm").read_text(encoding="ascii").splitlines()[1:]
    return {line.split()[1] for line in lines}


@postgres
def test_sweep_ends_what_works_below_the_folder_and_nothing_else(default: Cluster, state: Path) -> None:  # noqa: F811
    """A server whose owner has gone is ended; whom a stale pid file names and what is in another folder is not."""
    default.restart({"autovacuum": "off"})  # whose workers come and go
    pid = default.pid()
    assert pid is not None

    def has_started() -> bool:  # a server answers before it has started the last of its processes, which is this one
        with contextlib.suppress(psutil.Error):  # one that ended meanwhile
            return any("logical replication launcher" in " ".join(each.cmdline()) for each in server_processes(pid))
        return False

    wait_until(has_started, 60, SystemClock(), what="the server to have all of its processes")
    members = server_processes(pid)
    (state / "stale").mkdir()
    (state / "stale" / "postmaster.pid").write_text(f"{os.getpid()}\n{state / 'stale'}\n", encoding="utf-8")
    assert pid_of(state / "stale") is None
    (state / "other").mkdir()
    assert sweep(state / "other") == 0
    assert default.running()
    assert sweep(state) == len(members)
    assert not any(alive(member) for member in members)
    assert sweep(state) == 0


@postgres
def test_another_process_can_tell_and_end_a_server_by_its_folder(default: Cluster) -> None:  # noqa: F811
    """A cluster object that did not start the server finds and stops it."""
    other = Cluster(default.data, default.run_dir, default.binaries, default.user, default._password)
    assert other.pid() == default.pid()
    other.stop()
    wait_until(lambda: not default.running(), 60, SystemClock(), what="the server to be gone")
    assert other.pid() is None


@pytest.mark.parametrize(("name", "value"), [("a b", "1"), ("work_mem", "4MB\nfsync = on"), ("", "1"), ("x", "\0")])
def test_a_setting_cannot_smuggle_in_another(name: str, value: str) -> None:
    """A name that is none, or a value of two lines, is refused."""
    with pytest.raises(SandboxError, match="expected a PostgreSQL setting"):
        setting_line(name, value)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_is_one_sentence(number: int, tmp_path: Path) -> None:
    """Whatever cannot be written for want of space names the place and what to do."""
    with (
        pytest.raises(SandboxError, match=rf"the disk that holds {tmp_path} is full: .*; free some space"),
        disk_errors(tmp_path),
    ):
        raise OSError(number, os.strerror(number))


def test_a_socket_path_that_is_too_long_is_refused(tmp_path: Path) -> None:
    """Nothing is started that nobody could connect to."""
    with pytest.raises(SandboxError, match=r"expected a socket path of at most 10[37] bytes"):
        Cluster(tmp_path, Path("/tmp") / ("x" * 100), find()[0], None, "")


def test_the_work_folder_is_fresh_private_and_reachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TMPDIR is passed over when the server's user cannot enter it, and a folder named by hand is refused then."""
    fresh = prepare_state()
    try:
        assert stat.S_IMODE(fresh.stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)
        assert list(fresh.iterdir()) == []
    finally:
        fresh.rmdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert state_parent() in (Path("/tmp").resolve(), Path("/var/tmp").resolve())
    with pytest.raises(SandboxError, match="missing is not a folder; name another one"):
        prepare_state(tmp_path / "missing")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
def test_a_private_tmpdir_of_roots_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below a 0700 folder the unprivileged user could not reach its own data."""
    with tempfile.TemporaryDirectory(dir="/tmp") as private:
        monkeypatch.setattr(tempfile, "tempdir", private)
        assert state_parent() != Path(private)
        with pytest.raises(SandboxError, match="cannot be entered by the user"):
            prepare_state(Path(private))
