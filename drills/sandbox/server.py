"""The sandbox's process: `python -m drills.sandbox.server`, an AWS on 127.0.0.1 that ends with its owner.

It prints one JSON line when it answers (endpoint, CA, state folder, PostgreSQL versions), or one that says why it
cannot, and nothing else on standard output. Its standard input is a lifeline: when the owner closes it or dies, the
sandbox kills its servers, removes its state folder and exits.
"""

from __future__ import annotations

import argparse
import errno
import json
import logging
import os
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from drills.errors import ConfigError, DrillError, SandboxError
from drills.sandbox.binaries import find, server_user
from drills.sandbox.cluster import prepare_state, sweep
from drills.sandbox.state import DataPlane, Delays
from drills.sandbox.tls import make_authority

ACCOUNT = "123456789012"
REGION = "eu-central-1"
_BODY_LIMIT = 64 * 1024 * 1024

StartResponse = Callable[..., Any]


class Front:
    """The door before moto: reads, records and answers every request, one at a time, and never with a traceback."""

    def __init__(self, plane: DataPlane) -> None:
        # moto reads this when it is imported: no other origin's page may call the sandbox from a browser
        os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"
        # and this when IAM is first asked: AWS's own policies can be attached to a role
        os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        from drills.sandbox import backup, ec2, events, keys, rds, secret_store, services
        from drills.sandbox.calls import CallLog
        from drills.sandbox.control import Control
        from drills.sandbox.log_exports import LogExports

        rds.install(plane)
        backup.install(plane, ACCOUNT)
        ec2.install()
        secret_store.install()
        keys.install(plane)
        events.install()
        services.install(plane)
        self.plane = plane
        self.calls = CallLog()
        self._exports = LogExports(plane)
        self.control = Control(plane, self.calls, ACCOUNT)
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """WSGI."""
        try:
            body = _body(environ)
        except ValueError:
            return _send(start_response, 400, [("Content-Type", "text/plain")], b"the request's length cannot be read")
        path = environ.get("PATH_INFO", "")
        if path.startswith("/_sandbox/"):
            status, answer = self.control.answer(environ, body)
            return _send(start_response, status, [("Content-Type", "application/json")], json.dumps(answer).encode())
        return _send(start_response, *self._aws(environ, body))

    def _aws(self, environ: dict[str, Any], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        from botocore.model import OperationNotFoundError

        from drills.sandbox.calls import Call, error_answer, error_code, read_request

        began, at = self.plane.clock.monotonic(), self.plane.instant()
        request = read_request(environ, body)
        if request is None:
            kind, text = error_answer("query", "MissingAuthenticationToken", "The request is not signed.")
            return 403, [("Content-Type", kind)], text
        try:
            self._must_have(request.service, environ)
            with self.plane.lock:
                if self._exports.wanted_for(request.service, request.operation):
                    self._exports.bring_up_to_date(ACCOUNT, request.region)
                status, headers, text = _ask(self._moto, environ, body)
            if status >= 400 and any(key.lower() == "content-type" and "html" in value for key, value in headers):
                raise NotImplementedError(f"{request.operation or environ['PATH_INFO']} is absent from this sandbox.")
        except NotImplementedError as error:
            status, headers, text = _refusal(request.protocol, "NotImplemented", str(error))
        except OperationNotFoundError as error:
            status, headers, text = _refusal(request.protocol, "InvalidAction", f"The action {error} is not valid.")
        except Exception as error:
            # 400 and not 500: clients repeat a 500, and a repeated create makes a second instance
            logging.exception("%s %s failed", request.service, request.operation)
            status, headers, text = _refusal(request.protocol, "InternalFailure", f"{type(error).__name__}: {error}")
        seconds = self.plane.clock.monotonic() - began
        code = error_code(status, dict(headers), text)
        self.calls.add(
            Call(at, request.service, request.region, request.operation, request.parameters, status, code, seconds)
        )
        return status, headers, text

    def _must_have(self, service: str, environ: dict[str, Any]) -> None:
        """Refuse services that moto lacks, and moto's own API, which would wipe the state under running servers."""
        path = environ.get("PATH_INFO", "")
        host = self._moto.infer_service_region_host(environ, path)
        if path.startswith("/moto-api") or self._moto.get_backend_for_host(host) is None:
            raise NotImplementedError(f"{service} is absent from this sandbox.")


def _refusal(protocol: str, code: str, sentence: str) -> tuple[int, list[tuple[str, str]], bytes]:
    from drills.sandbox.calls import error_answer

    kind, text = error_answer(protocol, code, sentence)
    return 400, [("Content-Type", kind), ("x-amzn-errortype", code)], text


def _ask(app: Any, environ: dict[str, Any], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    import io

    inner = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    said: list[Any] = []
    answer = app(inner, lambda status, headers, exc_info=None: said.append((status, headers)))
    try:
        text = b"".join(answer)
    finally:
        if hasattr(answer, "close"):
            answer.close()
    status, headers = said[-1]
    return int(status.split()[0]), list(headers), text


def _body(environ: dict[str, Any]) -> bytes:
    """The request's body; a length that is no number or too large is a ValueError."""
    if environ.get("wsgi.input_terminated"):
        return bytes(environ["wsgi.input"].read(_BODY_LIMIT))
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if not 0 <= length <= _BODY_LIMIT:
        raise ValueError(f"a body of {length} bytes")
    return bytes(environ["wsgi.input"].read(length))


def _send(start: StartResponse, status: int, headers: list[tuple[str, str]], body: bytes) -> Iterable[bytes]:
    kept = [(key, value) for key, value in headers if key.lower() not in ("content-length", "connection")]
    start(f"{status} {'OK' if status < 400 else 'Error'}", [*kept, ("Content-Length", str(len(body)))])
    return [body]


class Sandbox:
    """All that one process holds: the state folder, the data plane and the listening server."""

    def __init__(self, parent: Path | None, postgres: str | None, port: int, delays: Delays) -> None:
        listener = _listen(port)
        try:
            user = server_user()
            servers = find(postgres)
            self.state = prepare_state(parent, user)
        except BaseException:
            listener.close()
            raise
        try:
            authority = make_authority(self.state / "tls")
            (self.state / "tls").chmod(0o755)
            self.plane = DataPlane(self.state, servers, user, authority.server_context(), delays)
            self.front = Front(self.plane)
            self._server = _http_server(listener, self.front)
        except BaseException:
            listener.close()
            shutil.rmtree(self.state, ignore_errors=True)
            raise
        self.ready = {
            "endpoint": f"http://127.0.0.1:{listener.getsockname()[1]}",
            "ca": str(authority.ca_path),
            "state": str(self.state),
            "region": REGION,
            "account": ACCOUNT,
            "postgres": [{"version": each.version, "major": each.major, "origin": each.origin} for each in servers],
        }
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="aws", daemon=True).start()

    def close(self) -> None:
        """End everything and remove the state folder."""
        self._server.shutdown()
        self._server.server_close()
        self.plane.close()
        sweep(self.state)
        shutil.rmtree(self.state, ignore_errors=True)


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


def _http_server(listener: socket.socket, app: Front) -> Any:
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    class Quiet(MotoRequestHandler):
        """Requests are in the call log; nothing is printed."""

        def log(self, kind: str, message: str, *args: Any) -> None:
            """Drop werkzeug's access log."""

    host, port = listener.getsockname()
    return make_server(host, port, app, threaded=True, request_handler=Quiet, fd=listener.fileno())


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m drills.sandbox.server", description=__doc__)
    parser.add_argument("--state-parent", type=Path, help="folder to make the state folder in")
    parser.add_argument("--postgres", help="system, bundled-16, bundled-18 or a folder of PostgreSQL binaries")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 chooses a free one")
    parser.add_argument("--delays", default="{}", help='least seconds a status lasts, as JSON: {"creating": 0.5}')
    return parser.parse_args(given)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _watch_for_the_end(lifeline: int) -> Callable[[], object]:
    """What waits for the lifeline's end or for a signal, however early either comes.

    It waits on a pipe and not on an Event: a signal's handler can interrupt the code that holds an Event's lock, the
    handler of the signal before it included, and would wait for that lock for ever.
    """
    reader, writer = os.pipe()

    def end(*_: object) -> None:
        os.write(writer, b".")

    def watch() -> None:
        try:
            while os.read(lifeline, 4096):
                pass
        except OSError:
            pass
        end()

    for number in _SIGNALS:
        signal.signal(number, end)
    threading.Thread(target=watch, name="lifeline", daemon=True).start()
    return lambda: os.read(reader, 1)


def main(given: Sequence[str] | None = None) -> int:
    """Run a sandbox until its lifeline ends; returns the exit code."""
    options = _arguments(given)
    # only what goes wrong is logged, to standard error: standard output has one line, for a program
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="sandbox: %(message)s")
    wait_for_the_end = _watch_for_the_end(sys.stdin.fileno())
    said, sys.stdout = sys.stdout, sys.stderr  # moto prints; our one line goes out alone
    try:
        sandbox = Sandbox(options.state_parent, options.postgres, options.port, Delays.parse(options.delays))
    except DrillError as error:
        return _cannot(said, str(error), error.exit_code)
    except OSError as error:
        return _cannot(
            said,
            f"The sandbox cannot write its state: {error}; make room or name another folder.",
            SandboxError.exit_code,
        )
    try:
        print(json.dumps(sandbox.ready), file=said, flush=True)
        wait_for_the_end()
    finally:
        # from here on cleaning up is whole, whatever else comes
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        sandbox.close()
    return 0


def _cannot(said: TextIO, sentence: str, code: int) -> int:
    print(json.dumps({"error": sentence, "exit_code": code}), file=said, flush=True)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
