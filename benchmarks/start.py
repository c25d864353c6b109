"""From `drills sandbox up` to the first answered RDS call, and memory when idle; beside stock moto's server."""

from __future__ import annotations

import argparse
import contextlib
import socket
import statistics
import subprocess
import sys

from botocore.exceptions import BotoCoreError

from benchmarks.common import CLOCK, ROOT, call, client, memory, show, spread
from drills.clock import wait_until


def ours() -> tuple[float, float, float]:
    """Seconds to the first answer, MB when idle before it and after it."""
    began = CLOCK.monotonic()
    facts = call("up")
    idle = memory(list(facts["processes"].values()))
    client(facts["endpoint"]).describe_db_instances()
    seconds = CLOCK.monotonic() - began
    after = memory(list(facts["processes"].values()))
    call("down")
    return seconds, idle, after


def motos() -> tuple[float, float, float]:
    """The same of `python -m moto.server`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = CLOCK.monotonic()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        wait_until(lambda: _listens(port), 60, CLOCK, every=0.01, what="moto to listen")
        idle = memory([server.pid])
        client(f"http://127.0.0.1:{port}").describe_db_instances()
        seconds = CLOCK.monotonic() - began
        after = memory([server.pid])
        server.terminate()
    return seconds, idle, after


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError, BotoCoreError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


def main() -> None:
    """Measure both in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    call("down")
    client("http://127.0.0.1:9")  # boto3 reads its models once
    mine, stock = zip(*[(ours(), motos()) for _ in range(rounds)], strict=True)
    rows = []
    for number, (what, unit) in enumerate(
        (("first answered RDS call", "s"), ("memory when idle", "MB"), ("memory after the call", "MB"))
    ):
        a, b = [each[number] for each in mine], [each[number] for each in stock]
        ratio = statistics.median(a) / statistics.median(b)
        rows.append((what, spread(a, unit), spread(b, unit), f"{ratio:.2f}"))
    show(f"Start, median of {rounds} rounds", ("", "drills sandbox up", "moto's server", "ratio"), rows)


if __name__ == "__main__":
    main()
