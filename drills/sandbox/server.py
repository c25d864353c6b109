"""The sandbox's process: `python -m drills.sandbox.server`, an AWS on 127.0.0.1 that ends with its owner.

It prints one JSON line once it answers (endpoint, CA, state folder, PostgreSQL versions), or one with the reason why it
cannot start, and nothing else on standard output. Its standard input is a lifeline: when the owner closes it or dies,
the sandbox kills its servers, removes its state folder and exits.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import logging
import os
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TextIO

from drills import work_folder
from drills.errors import ConfigError, DrillError, SandboxError
from drills.model.servers import POSTGRES_CHOICES
from drills.private_process import forbid_core_dumps
from drills.redaction import CleanFormatter
from drills.sandbox.base.delays import Delays
from drills.sandbox.door import lean
from drills.sandbox.door.access import Keys
from drills.sandbox.postgres.binaries import find, server_user
from drills.sandbox.postgres.cluster import prepare_state, sweep
from drills.sandbox.postgres.folders import remove_folder
from drills.sandbox.postgres.tls import make_authority
from drills.sandbox.state import DataPlane
from drills.sandbox.sweep import Sweeper

ACCOUNT = "123456789012"
REGION = "eu-central-1"


class Sandbox:
    """One sandbox: its state folder, data plane and HTTP server."""

    def __init__(
        self, parent: Path | None, postgres: str | None, port: int, delays: Delays, *, check_contract: bool = False
    ) -> None:
        listener = _listen(port)
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            user = server_user()
            servers = find(postgres)
            self.state = prepare_state(parent, user)
        except BaseException:
            listener.close()
            raise
        try:
            self._held = work_folder.hold(self.state)  # until this process ends
            keys = Keys.create(self.state, endpoint)
            authority = make_authority(self.state / "tls")
            (self.state / "tls").chmod(0o755)
            self.plane = DataPlane(self.state, servers, user, authority.server_context(), delays)
            lean.load_moto()
            # only now: these import moto, and a wrong option or a missing server is refused before that takes its time
            from drills.sandbox.door.http_server import make_http_server
            from drills.sandbox.gateway import make_gateway

            gateway = make_gateway(self.plane, keys, check_contract=check_contract)
            self._server = make_http_server(listener, gateway, self.plane.instant)
        except BaseException:
            listener.close()
            shutil.rmtree(self.state, ignore_errors=True)
            raise
        self.ready = {
            "endpoint": endpoint,
            "keys": str(keys.file),
            "ca": str(authority.ca_path),
            "state": str(self.state),
            "region": REGION,
            "account": ACCOUNT,
            "postgres": [{"version": each.version, "major": each.major, "origin": each.origin} for each in servers],
        }
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="aws", daemon=True).start()

    def close(self) -> None:
        """End every process and thread, and remove the state folder."""
        self._server.shutdown()
        self._server.server_close()
        self.plane.close()
        sweep(self.state)
        with ThreadPoolExecutor(8) as threads:  # thousands of small files in a folder for each server and snapshot
            threads.map(partial(shutil.rmtree, ignore_errors=True), list(self.state.iterdir()))
        remove_folder(self.state)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise SandboxError(
                f"Port {port} on 127.0.0.1 is in use; name a free one, or none to have one chosen."
            ) from error
        raise ConfigError(f"Port {port} on 127.0.0.1 cannot be used: {error.strerror}; name another one.") from error
    return listener


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m drills.sandbox.server", description=__doc__)
    parser.add_argument("--state-parent", type=Path, help="folder to make the state folder in")
    parser.add_argument("--postgres", help=f"{', '.join(POSTGRES_CHOICES)} or a folder of PostgreSQL binaries")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 chooses a free one")
    parser.add_argument(
        "--delays", default="{}", help='aws, or minimum seconds of each status as JSON: {"creating": 0.5}'
    )
    parser.add_argument("--check-contract", action="store_true", help="check every response against botocore's models")
    return parser.parse_args(given)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _watch_for_the_end(lifeline: int) -> Callable[[], object]:
    """Return a function that waits for the end of the lifeline or for a signal, however early either comes.

    The function waits on a pipe into which the interpreter writes at a signal, before any Python code runs: an Event's lock could
    be held by the very code that a handler interrupts, and a Python handler would not run while the main thread waits
    and the signal came to another thread (https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd).
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def watch() -> None:
        try:
            while os.read(lifeline, 4096):
                pass
        except OSError:
            pass
        with contextlib.suppress(BlockingIOError):  # it is full of signals: the end is known already
            os.write(writer, b".")

    for number in _SIGNALS:
        signal.signal(number, lambda *_: None)  # the wake-up descriptor alone reports it
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=watch, name="lifeline", daemon=True).start()
    return lambda: os.read(reader, 1)


def main(given: Sequence[str] | None = None) -> int:
    """Run a sandbox until its lifeline ends; returns the exit code."""
    forbid_core_dumps()
    options = _arguments(given)
    # only what goes wrong is logged, to standard error: standard output has one line, for a program
    log = logging.StreamHandler(sys.stderr)
    log.setFormatter(CleanFormatter("sandbox: %(message)s"))
    logging.basicConfig(level=logging.ERROR, handlers=[log])
    wait_for_the_end = _watch_for_the_end(sys.stdin.fileno())
    output, sys.stdout = sys.stdout, sys.stderr  # moto prints; standard output has one line, ours
    try:
        delays = Delays.parse(options.delays)
        sandbox = Sandbox(
            options.state_parent, options.postgres, options.port, delays, check_contract=options.check_contract
        )
    except DrillError as error:
        return _report_error(output, str(error), error.exit_code)
    except OSError as error:
        return _report_error(
            output,
            f"The sandbox cannot write its state: {error}; make room or name another folder.",
            SandboxError.exit_code,
        )
    sweeper = Sweeper(sandbox.state)
    try:
        print(json.dumps(sandbox.ready), file=output, flush=True)
        wait_for_the_end()
    finally:
        # no further signal interrupts the clean-up
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        sandbox.close()
        sweeper.dismiss()
    return 0


def _report_error(output: TextIO, sentence: str, code: int) -> int:
    print(json.dumps({"error": sentence, "exit_code": code}), file=output, flush=True)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
