"""The machine of a reader: a fresh clone with a fresh home, an ordinary user, and a PostgreSQL server with a database."""

from __future__ import annotations

import os
import pwd
import select
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.documents.pages import CHECKOUT
from tests.support.ports import free_port

_PASSED_ON = ("PIP_", "NPM_CONFIG_", "npm_config_", "SSL_CERT_", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "LANG")
_SAMPLE = """
from drills.sandbox.postgres.binaries import find
from drills.sandbox.seeds import sample
print(min(find(), key=lambda each: each.major).folder)
for role in sample.ROLES:
    print(f'create role "{role}";')
print("create database sample;\\n\\\\connect sample")
for _, script in sample.scripts():
    print(script)
"""


class Reader:
    """A person who follows the pages: has git, a Python, the AWS CLI, psql, and the database `orders` on localhost.

    Root is replaced by an unprivileged user that is there anyway. `close` ends what is left and removes everything.
    """

    def __init__(self, parent: Path) -> None:
        """Clone the checkout's HEAD below `parent`, or below the temporary folder where the user cannot enter that."""
        self.user = _ordinary_user()
        self.folder = Path(tempfile.mkdtemp(prefix="d-", dir=parent if self.user is None else None))
        self.temporary = Path(tempfile.mkdtemp(prefix="d-"))  # a short path: sockets lie below it
        self.clone, self.home, self._tools = (self.folder / name for name in ("clone", "home", "bin"))
        subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(self.clone)], check=True)
        for each in (self.home, self._tools):
            each.mkdir()
        self._port = free_port()
        self._server: Path | None = None
        self._write_aws()
        if self.user is not None:
            owner = f"{self.user.pw_uid}:{self.user.pw_gid}"
            subprocess.run(["chown", "-R", owner, str(self.folder), str(self.temporary)], check=True)

    @property
    def environment(self) -> dict[str, str]:
        """The reader's environment: nothing of the caller's but PATH and the settings of pip, npm and TLS."""
        own = str(Path(sys.executable).parent)
        path = [each for each in os.environ["PATH"].split(os.pathsep) if each != own]
        return {
            **{name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)},
            "PATH": os.pathsep.join([str(self._tools), *path]),
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "PGPORT": str(self._port),
            "PGUSER": "reader",
            "PGHOST": "localhost",
            "COLUMNS": "120",
        }

    def call(self, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a program as the reader, in the clone, to its end."""
        return subprocess.run(list(command), text=True, check=True, **{**self.identity(), **options})

    def identity(self) -> dict[str, Any]:
        """Return the arguments of subprocess with which a program runs as the reader, in the clone."""
        return self._identity(str(self.clone))

    def _identity(self, folder: str) -> dict[str, Any]:
        as_user = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}
        return {"cwd": folder, "env": self.environment, **as_user}

    def start_server(self) -> None:
        """Once the suite is installed: start the server with the sample, and dump it to `my.dump`. Idempotent."""
        python = self.clone / ".tox" / "drill" / "bin" / "python"
        if self._server is not None or not python.exists():
            return
        binaries, _, script = self.call(str(python), "-c", _SAMPLE, stdout=subprocess.PIPE).stdout.partition("\n")
        self._server, data = Path(binaries), str(self.folder / "home" / ".postgres")
        for program in ("psql", "pg_dump"):
            if shutil.which(program, path=self.environment["PATH"]) is None:
                (self._tools / program).symlink_to(self._server / program)
        self._run("initdb", "-D", data, "-U", "reader", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
        settings = f"-F -c port={self._port} -c listen_addresses=localhost -c unix_socket_directories=''"
        self._run("pg_ctl", "-D", data, "-w", "-l", f"{data}.log", "-o", settings, "start")
        self._run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", "postgres", input=script)
        self.fill_databases()
        self._run("pg_dump", "-Fc", "-f", "my.dump", "orders")

    def fill_databases(self) -> None:
        """Make `orders` and `orders_copy` anew, so that no page depends on what another has changed in them."""
        if self._server is None:
            return
        for name in ("orders", "orders_copy"):
            self._run("psql", "-q", "-d", "postgres", "-c", f"drop database if exists {name} with (force)")
            self._run("psql", "-q", "-d", "postgres", "-c", f"create database {name} template sample")

    def restore_files(self) -> None:
        """Take back what a page has changed in files of the clone, such as drill.toml."""
        self.call("git", "checkout", "--quiet", "--", ".")

    def _run(self, program: str, *arguments: str, **options: Any) -> None:
        assert self._server is not None
        quiet = {**self.environment, "PGOPTIONS": "-c client_min_messages=error"}
        self.call(str(self._server / program), *arguments, stdout=subprocess.DEVNULL, env=quiet, **options)

    def _write_aws(self) -> None:
        """Provide `aws` with the reader's Python: the AWS CLI of this environment has one that the reader may not enter."""
        packages = Path(next(path for path in sys.path if path.endswith("site-packages")))
        if subprocess.run(["test", "-r", str(packages / "awscli")], check=False, **self._identity("/")).returncode:
            packages = shutil.copytree(packages, self.folder / "aws", ignore=shutil.ignore_patterns("examples"))
        script = self._tools / "aws"
        script.write_text(f'#!/bin/sh\nPYTHONPATH={packages} exec python3 -m awscli "$@"\n', encoding="utf-8")
        script.chmod(0o755)

    def secrets_in_sight(self) -> list[str]:
        """Return the private files of the clone that git would add: they are secrets, and should be ignored."""
        command = ["git", "-c", "safe.directory=*", "ls-files", "--others", "--exclude-standard"]
        names = self.call(*command, stdout=subprocess.PIPE).stdout.splitlines()
        return [name for name in names if not (self.clone / name).stat().st_mode & 0o077]

    def left_behind(self) -> list[str]:
        """Return what the commands have left in the reader's temporary folder."""
        return sorted(path.name for path in self.temporary.iterdir())

    def close(self) -> None:
        """End the sandbox and the server, where they run, and remove the folder."""
        drills = self.clone / ".tox" / "drill" / "bin" / "drills"
        if (self.clone / ".sandbox").exists() and drills.exists():
            subprocess.run([str(drills), "sandbox", "down"], check=False, capture_output=True, **self.identity())
        if self._server is not None:
            self._run("pg_ctl", "-D", str(self.home / ".postgres"), "-m", "immediate", "stop")
        shutil.rmtree(self.temporary)
        shutil.rmtree(self.folder)


class Shell:
    """One shell of the reader, in which the commands of a page follow each other."""

    def __init__(self, reader: Reader) -> None:
        self._output = reader.folder / "output"
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **reader.identity(),
        )

    def run(self, command: str, timeout: float) -> tuple[int, str]:
        """Run a command; its exit code and what it printed on both streams. TimeoutError when it does not end."""
        assert self._bash.stdin
        assert self._bash.stdout
        self._bash.stdin.write(f"{{ {command}\n}} </dev/null >{self._output} 2>&1\necho $?\n")
        self._bash.stdin.flush()
        if not select.select([self._bash.stdout], [], [], timeout)[0]:
            raise TimeoutError(f"did not end within {timeout:.0f} s; its output ended with:\n{self._printed()[-2000:]}")
        return int(self._bash.stdout.readline() or 1), self._printed()

    def _printed(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """End the shell and what it still runs."""
        assert self._bash.stdin
        self._bash.stdin.close()
        try:
            self._bash.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self._bash.pid, 15)
            self._bash.wait(60)


def _ordinary_user() -> pwd.struct_passwd | None:
    """Return an unprivileged user for root, None for everybody else. LookupError where there is none."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid}
    for name in ("nobody", *sorted(known)):
        if name in known:
            return known[name]
    raise LookupError("expected an unprivileged user such as nobody, found none; run as an ordinary user")
