"""One PostgreSQL server of the sandbox: initdb, start, backup, restore and a certain end."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, NoReturn

import psycopg

from drills import libpq
from drills.clock import SystemClock, wait_until
from drills.errors import SandboxError
from drills.sandbox.postgres.binaries import Binaries
from drills.sandbox.postgres.folders import (
    change_owner,
    create_private_folder,
    disk_errors,
    disk_full_error,
    is_disk_full,
    prepare_state,
    state_parent,
)
from drills.sandbox.postgres.postmaster import (
    is_ready,
    kill_processes,
    pid_of,
    remove_shared_memory,
    server_processes,
    sweep,
    working_in,
)
from drills.sandbox.postgres.runas import ServerUser, Streams, run_as, spawn

__all__ = ["ADMIN", "PORT", "Cluster", "prepare_state", "setting_line", "state_parent", "sweep"]

ADMIN = "rdsadmin"  # what RDS calls its own superuser
PORT = 5432  # part of the socket's name alone: no server listens on TCP
SETTINGS_FILE = "drills.conf"
WAL_SEGMENT_MB = 1  # the smallest: each heartbeat archives a segment, and each backup holds one
_SOCKET_LIMIT = 103 if sys.platform == "darwin" else 107  # bytes in sockaddr_un.sun_path, without the closing NUL
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?")
_SEVERITY = re.compile(r"\b(FATAL|PANIC|ERROR):\s+(.*)")
_CLOCK = SystemClock()
_ANSWER_TIMEOUT = 30.0  # seconds for a running server to take a session or new settings on a machine that is busy

# Small enough for ten servers on a laptop. fsync is off because a sandbox's data need not survive a power cut; a server
# that is killed loses nothing, since its writes are in the system's cache.
DEFAULTS: Mapping[str, str] = {
    "shared_buffers": "32MB",
    "max_connections": "100",
    "fsync": "off",
    "max_wal_size": "512MB",
    "min_wal_size": "32MB",
    "wal_level": "replica",
    "huge_pages": "off",
    # in the data folder and not in /dev/shm, where a killed server would leave it behind and a container has 64 MB
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Cluster:
    """One PostgreSQL server with its data folder, its run folder (socket, log) and the user it runs as.

    `create` or `restore_from` makes the folders. `admin_password` is the password of the bootstrap superuser `rdsadmin`;
    a cluster that is restored from a backup needs the password of the cluster that was backed up.
    """

    def __init__(
        self, data: Path, run_dir: Path, binaries: Binaries, user: ServerUser | None, admin_password: str
    ) -> None:
        """Raises SandboxError when `run_dir` is too long for a Unix socket's path."""
        self.data, self.run_dir, self.binaries, self.user = data.absolute(), run_dir.absolute(), binaries, user
        self.owned: Mapping[str, str] = {}  # the sandbox's own settings, which override those given at a start
        self._password = admin_password
        self._child: subprocess.Popen[bytes] | None = None
        if len(os.fsencode(self.socket_path)) > _SOCKET_LIMIT:
            raise SandboxError(
                f"expected a socket path of at most {_SOCKET_LIMIT} bytes, found {self.socket_path}; "
                "use a shorter work folder"
            )

    @property
    def socket_path(self) -> Path:
        """The Unix socket that the server listens on."""
        return self.run_dir / f".s.PGSQL.{PORT}"

    @property
    def log_path(self) -> Path:
        """The server's log."""
        return self.run_dir / "server.log"

    def create(self) -> None:
        """Create an empty cluster with initdb: UTF-8, data checksums, SCRAM for all roles. Raises SandboxError."""
        self._make_folders()
        # since 17 PostgreSQL has a UTF-8 locale of its own, which does not depend on the system
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        locales = [builtin] if self.binaries.major >= 17 else [["--locale=C.UTF-8", "--lc-messages=C"], ["--locale=C"]]
        with self._password_file() as pwfile:
            for locale in locales:
                result = self.run_tool(
                    "initdb", f"--pgdata={self.data}", f"--username={ADMIN}", f"--pwfile={pwfile}", "--encoding=UTF8",
                    "--auth=scram-sha-256", "--data-checksums", f"--wal-segsize={WAL_SEGMENT_MB}",
                    "--no-sync", "--no-instructions", *locale,
                )  # fmt: skip
                if result.returncode == 0:
                    break
        self._check(result, "create a PostgreSQL cluster", self.data)
        with disk_errors(self.data), (self.data / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write(f"\ninclude_if_exists = '{SETTINGS_FILE}'\n")

    def create_like(self, empty: Path) -> None:
        """Create an empty cluster as a copy of one that `create` has made and that never ran: a seventh of initdb's time.

        Its system identifier, by which a server and its copies are told from others, is its own. pg_resetwal writes the control
        file and the WAL anew with the identifier that it finds, whatever the file's checksum is (-f; pg_resetwal.c,
        read_controlfile). Raises SandboxError.
        """
        purpose = "create a PostgreSQL cluster"
        self._make_folders()
        self._copy(empty, purpose)
        control = self.data / "global" / "pg_control"
        # the time, and what two of the same second differ in: initdb takes the microsecond and its process (xlog.c)
        identifier = int(_CLOCK.now().timestamp()) << 32 | secrets.randbits(32)
        with disk_errors(control), control.open("r+b") as file:
            file.write(struct.pack("=Q", identifier))  # the first field (pg_control.h)
        self._check(self.run_tool("pg_resetwal", "-f", "-D", str(self.data)), purpose, self.data)

    def start(self, settings: Mapping[str, str] | None = None, *, timeout: float = 120.0) -> None:
        """Start the server with these settings (they replace those of an earlier start) and wait until it answers.

        Recovery after a backup or a crash counts towards `timeout` (seconds). Raises SandboxError with the last fatal
        line of the server's log when it will not start.
        """
        if self.running():
            raise SandboxError(f"expected no server on {self.data}, found one with pid {self.pid()}; stop it first")
        self._write_settings(settings or {})
        self.socket_path.unlink(missing_ok=True)
        command = [str(self.binaries.tool("postgres")), "-D", str(self.data), "-p", str(PORT)]
        for name, value in (
            ("listen_addresses", ""),
            ("unix_socket_directories", str(self.run_dir)),
            ("logging_collector", "off"),
            ("log_destination", "stderr"),
        ):
            command += ["-c", f"{name}={value}"]
        with disk_errors(self.run_dir), self.log_path.open("ab") as log:
            begin = log.seek(0, os.SEEK_END)
            # a child process instead of pg_ctl, so that its end can be waited for
            self._child = spawn(self.user, command, self.run_dir, None, Streams(stdout=log, stderr=log))
        try:
            wait_until(self._answers_or_ended, timeout, _CLOCK, every=0.01, what="PostgreSQL to answer")
        except TimeoutError:
            self._raise_failure(f"to answer within {timeout:g} s", begin)
        except BaseException:  # interrupted: it must not be left running
            self.kill()
            raise
        if not self.running():
            self._raise_failure(f"to start on {self.data}", begin)

    def stop(self, fast: bool = True, *, timeout: float = 60.0) -> None:
        """Shut the server down: its clients are disconnected when `fast`, else it waits for them to leave.

        A server that has not ended after `timeout` seconds is killed. A server that does not run is no error.
        """
        pid = self.pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT if fast else signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                wait_until(lambda: not self.running(), timeout, _CLOCK, every=0.01, what="PostgreSQL to stop")
        self.kill()

    def kill(self) -> None:
        """Kill the server and all its processes, as a crash would; never raises, leaves no zombie."""
        pid = self.pid()
        members = server_processes(pid) if pid is not None else []
        if pid is not None:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGQUIT)  # immediate shutdown: the server ends its processes and cleans up
            with contextlib.suppress(TimeoutError):
                wait_until(lambda: not self.running(), 3.0, _CLOCK, every=0.01, what="PostgreSQL to end")
            members += server_processes(pid)
        # also those whose main process had ended before
        kill_processes({process.pid: process for process in (*members, *working_in(self.data))}.values())
        remove_shared_memory(self.data)
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(10.0)
        with contextlib.suppress(OSError):
            self.socket_path.unlink(missing_ok=True)

    def running(self) -> bool:
        """Return whether the server's main process runs."""
        return self.pid() is not None

    def pid(self) -> int | None:
        """Return the pid of the server's main process, also of one that another process started; None for none."""
        if self._child is not None and self._child.poll() is None:
            return self._child.pid
        return pid_of(self.data)

    def restart(self, settings: Mapping[str, str] | None = None) -> None:
        """Stop and start again with these settings."""
        self.stop()
        self.start(settings)

    def reload(self, settings: Mapping[str, str] | None = None) -> None:
        """Replace the settings and have the running server reload them; those that need a restart wait for one.

        Returns once new sessions see them. Raises SandboxError when the server does not reload within 30 s.
        """
        pid = self.pid()
        if pid is None:
            raise SandboxError(f"expected a running server on {self.data} to reload, found none; start it")
        self._write_settings(settings or {})
        with self.connect() as session:
            loaded = session.execute("select pg_catalog.pg_conf_load_time()").fetchone()
            os.kill(pid, signal.SIGHUP)  # the main process reads the file before it tells the others
            try:
                wait_until(
                    lambda: session.execute("select pg_catalog.pg_conf_load_time()").fetchone() != loaded,
                    _ANSWER_TIMEOUT, _CLOCK, every=0.01, what="new settings",
                )  # fmt: skip
            except TimeoutError as error:
                raise SandboxError(
                    f"expected PostgreSQL to load new settings, but {self._complaint(0)}; restart it"
                ) from error

    def connect(self, dbname: str = "postgres") -> psycopg.Connection:
        """Open a session of `rdsadmin` over the socket, in autocommit mode. Raises psycopg.OperationalError.

        A database's own event triggers, of which 17 has one at each login, would run with this superuser's rights; so
        would the operators of a schema that its own search_path puts before PostgreSQL's.
        """
        quiet = " -c event_triggers=off" if self.binaries.major >= 17 else ""
        return self.connect_as(ADMIN, self._password, dbname, f" -c search_path=public{quiet}")

    def connect_as(self, user: str, password: str, dbname: str, options: str = "") -> psycopg.Connection:
        """Open a session of any role over the socket, in autocommit mode. Raises psycopg.OperationalError.

        Everything is set here, so that the caller's PG* variables have no effect; `options` are further ones of the server.
        """
        return libpq.connect(
            host=str(self.run_dir), port=PORT, user=user, password=password, dbname=dbname,
            sslmode="disable", gssencmode="disable", channel_binding="disable", client_encoding="utf8",
            options=f"-c statement_timeout=0{options}", connect_timeout=int(_ANSWER_TIMEOUT), application_name="drills sandbox",
        )  # fmt: skip

    def backup_to(self, folder: Path) -> None:
        """Copy the running server to `folder` (absent or empty) with pg_basebackup, with the WAL that it needs to start."""
        with disk_errors(folder):
            create_private_folder(folder, self.user)
        result = self.run_tool(
            "pg_basebackup", f"--pgdata={folder}", "--checkpoint=fast", "--wal-method=stream", "--no-sync",
            f"--host={self.run_dir}", f"--port={PORT}", f"--username={ADMIN}", "--no-password",
            env={"PGPASSWORD": self._password},
        )  # fmt: skip
        self._check(result, "back up the server", folder)

    def restore_from(self, folder: Path) -> None:
        """Copy a backup to this cluster's data folder, sharing blocks where the file system can."""
        self._make_folders()
        if any(self.data.iterdir()):
            raise SandboxError(
                f"expected an empty data folder {self.data} to restore to, found files in it; remove it first"
            )
        self._copy(folder, f"copy the backup {folder}")

    def run_tool(
        self,
        name: str,
        *args: str,
        env: Mapping[str, str] | None = None,
        stdin: IO[bytes] | bytes | None = None,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the server's user in an environment of PATH, LANG and `env` alone.

        The caller checks the exit status. Raises SandboxError when it cannot be started or has not ended after `timeout` s.
        """
        command = [str(self.binaries.tool(name)), *args]
        try:
            return run_as(self.user, command, cwd=self.run_dir, env=env, stdin=stdin, timeout=timeout)
        except OSError as error:
            raise SandboxError(f"expected to run {command[0]}, but: {error}; choose another PostgreSQL") from error
        except subprocess.TimeoutExpired:
            raise SandboxError(f"expected {name} to end within {timeout} s, but it did not; it was killed") from None

    def _answers_or_ended(self) -> bool:
        return not self.running() or (is_ready(self.data) and self.socket_path.exists())

    def _copy(self, folder: Path, purpose: str) -> None:
        """Copy a data folder into this cluster's own, which is empty. Raises SandboxError, which says for what `purpose`."""
        variants = [["-a", "-c"], ["-a"]] if sys.platform == "darwin" else [["-a", "--reflink=auto"], ["-a"]]
        tool = shutil.which("cp", path=os.defpath) or "cp"
        with disk_errors(self.data):
            for options in variants:  # a cp that does not know the first options fails before it copies anything
                result = run_as(self.user, [tool, *options, f"{folder.absolute()}/.", str(self.data)], cwd=self.run_dir)
                if result.returncode == 0:
                    break
            self._check(result, purpose, self.data)
            self.data.chmod(0o700)
            for stale in ("postmaster.pid", "postmaster.opts"):
                (self.data / stale).unlink(missing_ok=True)

    def _make_folders(self) -> None:
        for folder in (self.data, self.run_dir):
            with disk_errors(folder):
                create_private_folder(folder, self.user)

    @contextlib.contextmanager
    def _password_file(self) -> Iterator[Path]:
        """Write the password to a file that only the server's user can read, and remove the file at the end."""
        path = self.run_dir / "pwfile"
        try:
            with disk_errors(path):
                path.unlink(missing_ok=True)
                with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(self._password.encode() + b"\n")
                change_owner(path, self.user)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _write_settings(self, settings: Mapping[str, str]) -> None:
        lines = [setting_line(name, value) for name, value in {**DEFAULTS, **settings, **self.owned}.items()]
        path = self.data / SETTINGS_FILE
        with disk_errors(path):
            new = path.with_suffix(".new")
            new.write_text("".join(lines), encoding="utf-8")
            new.chmod(0o600)
            change_owner(new, self.user)
            new.replace(path)

    def _raise_failure(self, expected: str, begin: int) -> NoReturn:
        """Kill a server that failed, and raise SandboxError with what it has logged since `begin` (bytes)."""
        self.kill()
        complaint = self._complaint(begin)
        if is_disk_full(complaint):
            raise disk_full_error(self.data, complaint)
        raise SandboxError(
            f"expected PostgreSQL {self.binaries.version} {expected}, but {complaint}; correct that or choose another "
            "PostgreSQL"
        )

    def _complaint(self, begin: int) -> str:
        """Return the last fatal line that the server has logged since `begin` (bytes)."""
        with self.log_path.open("rb") as log:
            log.seek(begin)
            lines = log.read().decode(errors="replace").splitlines()
        fatal = [(number, found[2]) for number, line in enumerate(lines) if (found := _SEVERITY.search(line))]
        if not fatal:  # before it has set up its log, the server prints errors like any program
            plain = [line for line in lines if line.startswith("postgres: ")] or lines[-1:]
            return f"it printed: {plain[-1]}" if plain else f"it printed nothing; its log is {self.log_path}"
        number, message = fatal[-1]
        if "contains errors" in message and number:  # the line before names the setting
            message = lines[number - 1].partition("LOG:")[2].strip() or message
        return f"it logged: {message}"

    def _check(self, result: subprocess.CompletedProcess[str], purpose: str, place: Path) -> None:
        if result.returncode == 0:
            return
        lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
        if full := next((line for line in lines if is_disk_full(line)), None):
            found = _SEVERITY.search(full)
            raise disk_full_error(place, found[2] if found else full)
        errors = [line for line in lines if "error" in line.lower() or "fatal" in line.lower()] or lines or ["nothing"]
        raise SandboxError(f"expected to {purpose} in {place}, but {Path(result.args[0]).name} printed: {errors[-1]}")


def setting_line(name: str, value: str) -> str:
    """Return a line of a PostgreSQL settings file, with quotes and backslashes doubled (guc.c, GUC_scanstr).

    Raises SandboxError for an invalid name and for a value of more than one line.
    """
    if not _NAME.fullmatch(name) or any(char in value for char in "\n\r\0"):
        raise SandboxError(
            f"expected a PostgreSQL setting with a value of one line, found {name!r} = {value!r}; correct it"
        )
    quoted = value.replace("\\", "\\\\").replace("'", "''")
    return f"{name} = '{quoted}'\n"
