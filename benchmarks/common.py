"""What the benchmarks share: a sandbox of their own, a clock, and a table of medians."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import boto3
import psutil
import psycopg
from botocore.config import Config
from rich.console import Console
from rich.table import Table

from drills.clock import SystemClock, wait_until
from drills.errors import SandboxError
from drills.sandbox_client import SandboxKeys, find_keys

ROOT = Path(__file__).parent.parent
DRILLS = str(Path(sys.executable).with_name("drills"))
CLOCK = SystemClock()
MASTER, PASSWORD = "bench", "bench-only"
NO_DELAYS = dict.fromkeys(("creating", "modifying", "backing-up", "deleting", "backup-job", "snapshot", "rebooting"), 0)


def call(action: str, *arguments: str) -> dict[str, Any]:
    """`drills sandbox ACTION --json` for a sandbox of the benchmarks' own."""
    command = [DRILLS, "sandbox", action, "--json", "--name", "benchmark", *arguments]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if said.returncode:
        raise SystemExit(said.stderr.decode())
    return dict(json.loads(said.stdout))


def count(
    command: Sequence[str],
    *,
    stdout: IO[Any],
    stderr: IO[Any],
    environment: dict[str, str] | None = None,
    cwd: Path = ROOT,
) -> dict[str, Any]:
    """Run a command to its end: its exit `code` (-1 where it could not be started), and what the kernel counted of it.

    That is `seconds`, those of `processors`, and the bytes that it held at `most`. It is started by a small process of its own,
    since what a process holds that forks is counted for what it starts (benchmarks/counted.py).
    """
    with tempfile.NamedTemporaryFile("r") as report:
        started = [sys.executable, "-SE", str(ROOT / "benchmarks" / "counted.py"), report.name, *command]
        subprocess.run(started, cwd=cwd, env=environment, stdout=stdout, stderr=stderr, check=False)
        text = report.read()
    return dict(json.loads(text)) if text else {"code": -1}


@contextlib.contextmanager
def sandbox(*arguments: str) -> Iterator[dict[str, Any]]:
    """A fresh sandbox for as long as the block lasts."""
    call("down")
    try:
        yield call("up", *arguments)
    finally:
        call("down")


def client(endpoint: str, service: str = "rds") -> Any:
    """A boto3 client that waits for nothing twice; other servers than the sandbox take any keys."""
    keys = SandboxKeys("any", "any", "")
    with contextlib.suppress(SandboxError):
        keys = find_keys(endpoint)
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=endpoint,
        region_name="eu-central-1",
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )


def create(rds: Any, name: str) -> None:
    """Ask for an instance."""
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        AllocatedStorage=20,
        BackupRetentionPeriod=0,
        MasterUsername=MASTER,
        MasterUserPassword=PASSWORD,
    )


def available(rds: Any, name: str) -> dict[str, Any]:
    """Wait until an instance is available; what DescribeDBInstances says of it."""

    def look() -> dict[str, Any] | None:
        (found,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        return dict(found) if found["DBInstanceStatus"] == "available" else None

    return wait_until(look, 1800, CLOCK, every=0.02, what=f"{name} to be available")


def connect(instance: dict[str, Any], ca: str) -> psycopg.Connection:
    """A session of the master user, as any client opens one."""
    at = instance["Endpoint"]
    return psycopg.connect(
        host=at["Address"], port=at["Port"], user=MASTER, password=PASSWORD, dbname="postgres",
        sslmode="verify-full", sslrootcert=ca, autocommit=True,
    )  # fmt: skip


def took(action: Callable[[], object]) -> float:
    """How many seconds an action takes."""
    began = CLOCK.monotonic()
    action()
    return CLOCK.monotonic() - began


def memory(pids: Sequence[int]) -> float:
    """The resident memory of these processes, in MB; pages that they share count once for each."""
    return sum(psutil.Process(pid).memory_info().rss for pid in pids) / 1e6


def show(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table under a line that says on what it was measured."""
    console = Console(highlight=False)
    load = os.getloadavg()[0]
    console.print(f"[bold]{title}[/] ({os.cpu_count()} cores, load {load:.1f}, Python {sys.version.split()[0]})")
    table = Table()
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def spread(values: Sequence[float], unit: str = "s") -> str:
    """A median with its extremes."""
    return f"{statistics.median(values):.2f} {unit} ({min(values):.2f} to {max(values):.2f})"
