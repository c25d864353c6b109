"""The sandbox's process: `python -m drills.sandbox.server`, an AWS on 127.0.0.1 that ends with its owner.

It prints one JSON line when it answers (endpoint, CA, state folder, PostgreSQL versions), or one that says why it
cannot, and nothing else on standard output. Its standard input is a lifeline: when the owner closes it or dies, the
sandbox kills its servers, removes its state folder and exits.
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
import traceback
from collections.abc import Callable, Iterable, Sequence
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from drills.errors import ConfigError, DrillError, SandboxError
from drills.sandbox.door.absent import refuse_absent
from drills.sandbox.postgres.binaries import find, server_user
from drills.sandbox.postgres.cluster import prepare_state, sweep
from drills.sandbox.postgres.tls import make_authority
from drills.sandbox.state import DataPlane, Delays

if TYPE_CHECKING:
    from drills.sandbox.door.calls import AwsRequest

ACCOUNT = "123456789012"
REGION = "eu-central-1"
_BODY_LIMIT = 64 * 1024 * 1024

_SILENT_FOR = 10.0  # seconds in which nothing comes of a request that has begun
_NO_HTTP = """<?xml version="1.0" encoding="UTF-8"?><ErrorResponse><Error><Type>Sender</Type>\
<Code>MalformedHttpRequest</Code><Message>%(message)s</Message></Error><RequestId>sandbox</RequestId></ErrorResponse>"""

StartResponse = Callable[..., Any]
Answer = tuple[int, list[tuple[str, str]], bytes]


class Front:
    """The door before moto: reads, records and answers every request, one at a time, and never with a traceback."""

    def __init__(self, plane: DataPlane, *, check_contract: bool = False) -> None:
        # moto reads this when it is imported: no other origin's page may call the sandbox from a browser
        os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"
        # and this when IAM is first asked: AWS's own policies can be attached to a role
        os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
        from drills.sandbox.door import lean

        lean.load_moto()  # before anything else imports its EC2
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        from drills.sandbox import ec2, events, secret_store
        from drills.sandbox.backup import backend as backup
        from drills.sandbox.control import Control
        from drills.sandbox.door.calls import CallLog
        from drills.sandbox.door.contract import Contract
        from drills.sandbox.door.mishaps import Mishaps
        from drills.sandbox.rds import backend as rds
        from drills.sandbox.rds import keys
        from drills.sandbox.rds.log_exports import LogExports
        from drills.sandbox.service import install as services

        rds.install(plane)
        backup.install(plane, ACCOUNT)
        ec2.install()
        secret_store.install()
        keys.install(plane)
        events.install()
        services.install(plane)
        self.plane = plane
        self.calls = CallLog(contract=Contract() if check_contract else None)
        self._exports = LogExports(plane)
        self.mishaps = Mishaps(plane)
        self.control = Control(plane, self.calls, ACCOUNT)
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """WSGI."""
        from drills.sandbox.door.calls import refusal

        protocol = "json" if "json" in environ.get("CONTENT_TYPE", "") else "query"
        try:
            body = _body(environ)
        except TimeoutError:
            return _send(start_response, *refusal(protocol, 400, "RequestTimeout", "The body did not come."))
        except (ValueError, OSError) as error:
            sentence = f"The request's body cannot be read: {error}."
            return _send(start_response, *refusal(protocol, 400, "IncompleteBody", sentence))
        if environ.get("PATH_INFO", "").startswith("/_sandbox/"):
            status, answer = self.control.answer(environ, body)
            return _send(start_response, status, [("Content-Type", "application/json")], json.dumps(answer).encode())
        return _send(start_response, *self._aws(environ, body))

    def _aws(self, environ: dict[str, Any], body: bytes) -> Answer:
        from drills.sandbox.door.calls import Call, Unreadable, error_code, read_request, refusal, unknown

        began, at, answer = self.plane.clock.monotonic(), self.plane.instant(), None
        try:
            request = read_request(environ, body)
        except Unreadable as error:
            request, answer = error.request, refusal(error.request.protocol, 400, error.code, str(error))
        except Exception as error:
            return refusal("query", 400, "MalformedInput", f"The request cannot be read: {type(error).__name__}.")
        if request is None:
            return refusal("query", 403, "MissingAuthenticationToken", "The request is not signed.")
        answer, struck = answer or unknown(request), ""
        if answer is None:
            struck, answer = self.mishaps.instead(request) or ("", None)
        if answer is None:
            answer = self._carried_out(request, environ, body)
            self.mishaps.note(request, answer)
            struck = "no-response" if self.mishaps.swallows(request) else struck
        status, headers, text = answer
        struck = struck or ("clock-skew" if self.mishaps.skewed(request) else "")
        seconds = self.plane.clock.monotonic() - began
        code = error_code(status, dict(headers), text)
        call = Call(
            at, request.service, request.region, request.operation, request.parameters, status, code, seconds, struck
        )
        self.calls.record(call, request.protocol, headers, text)
        if struck == "no-response":
            self.mishaps.keep_waiting(environ.get("werkzeug.socket"))
        return answer

    def _carried_out(self, request: AwsRequest, environ: dict[str, Any], body: bytes) -> Answer:
        from botocore.model import OperationNotFoundError

        from drills.sandbox.door.calls import refusal

        protocol = request.protocol
        try:
            self._must_have(request.service, environ)
            refuse_absent(request.service, request.operation)
            with self.plane.lock:
                if self._exports.wanted_for(request.service, request.operation):
                    self._exports.bring_up_to_date(ACCOUNT, request.region)
                status, headers, text = _ask(self._moto, environ, body)
            if status >= 400 and any(key.lower() == "content-type" and "html" in value for key, value in headers):
                raise NotImplementedError(f"{request.operation or environ['PATH_INFO']} is absent from this sandbox.")
            return status, headers, text
        except NotImplementedError as error:
            return refusal(protocol, 400, "NotImplemented", str(error))
        except OperationNotFoundError as error:
            return refusal(protocol, 400, "InvalidAction", f"The action {error} is not valid.")
        except Exception as error:
            if _was_reading(error):
                return refusal(protocol, 400, "MalformedInput", f"A parameter cannot be read: {error}")
            # 400 and not 500: clients repeat a 500, and a repeated create makes a second instance
            logging.exception("%s %s failed", request.service, request.operation)
            return refusal(protocol, 400, "InternalFailure", f"{type(error).__name__}: {error}")

    def _must_have(self, service: str, environ: dict[str, Any]) -> None:
        """Refuse services that moto lacks, and moto's own API, which would wipe the state under running servers."""
        path = environ.get("PATH_INFO", "")
        host = self._moto.infer_service_region_host(environ, path)
        if path.startswith("/moto-api") or self._moto.get_backend_for_host(host) is None:
            raise NotImplementedError(f"{service} is absent from this sandbox.")


def _was_reading(error: Exception) -> bool:
    """Whether moto was still reading the request's parameters."""
    import moto.core.parse

    return any(each.filename == moto.core.parse.__file__ for each in traceback.extract_tb(error.__traceback__))


def _ask(app: Any, environ: dict[str, Any], body: bytes) -> Answer:
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
        return _chunked(environ["wsgi.input"])
    given = environ.get("CONTENT_LENGTH") or "0"
    if not given.isascii() or not given.isdigit() or len(given) > 12 or int(given) > _BODY_LIMIT:
        raise ValueError(f"its length cannot be {given[:20]!r}")
    body = bytes(environ["wsgi.input"].read(int(given)))
    if len(body) < int(given):
        raise ValueError(f"it has {len(body)} bytes of {given}")
    return body


def _chunked(stream: Any) -> bytes:
    parts, size = [], 0
    while part := stream.read(1024 * 1024):
        parts.append(part)
        size += len(part)
        if size > _BODY_LIMIT:
            raise ValueError(f"it has more than {_BODY_LIMIT} bytes")
    return b"".join(parts)


def _send(start: StartResponse, status: int, headers: list[tuple[str, str]], body: bytes) -> Iterable[bytes]:
    own = ("content-length", "connection", "date", "server")
    kept = [(key, value) for key, value in headers if key.lower() not in own]
    start(f"{status} {'OK' if status < 400 else 'Error'}", [*kept, ("Content-Length", str(len(body)))])
    return [body]


class Sandbox:
    """All that one process holds: the state folder, the data plane and the listening server."""

    def __init__(
        self, parent: Path | None, postgres: str | None, port: int, delays: Delays, *, check_contract: bool = False
    ) -> None:
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
            self.front = Front(self.plane, check_contract=check_contract)
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
        """Requests are in the call log; nothing is printed. A client that falls silent is not waited for."""

        timeout = _SILENT_FOR
        error_content_type = "text/xml"
        error_message_format = _NO_HTTP

        def run_wsgi(self) -> None:
            """Answer one request, also one whose URL is none."""
            try:
                super().run_wsgi()
            except ValueError as error:
                self.send_error(400, f"The request's URL cannot be read: {error}")

        def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
            """Answer what is no HTTP; never as a fault of the server, which a client would repeat."""
            self.request_version = "HTTP/1.1"  # a line that is none reads as HTTP/0.9, whose answers have no status
            super().send_error(code if code < 500 else 400, message, explain)

        def log(self, kind: str, message: str, *args: Any) -> None:
            """Drop werkzeug's access log."""

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """The same; werkzeug fails over paths that are none."""

        def date_time_string(self, timestamp: float | None = None) -> str:
            """The Date header: the sandbox's time, which may be ahead."""
            return format_datetime(app.plane.instant(), usegmt=True)

    host, port = listener.getsockname()
    return make_server(host, port, app, threaded=True, request_handler=Quiet, fd=listener.fileno())


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m drills.sandbox.server", description=__doc__)
    parser.add_argument("--state-parent", type=Path, help="folder to make the state folder in")
    parser.add_argument("--postgres", help="system, bundled-16, bundled-18 or a folder of PostgreSQL binaries")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 chooses a free one")
    parser.add_argument("--delays", default="{}", help='least seconds a status lasts, as JSON: {"creating": 0.5}')
    parser.add_argument("--check-contract", action="store_true", help="hold every answer against botocore's models")
    return parser.parse_args(given)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _watch_for_the_end(lifeline: int) -> Callable[[], object]:
    """What waits for the lifeline's end or for a signal, however early either comes.

    It waits on a pipe into which the interpreter writes at a signal, before any Python code runs: an Event's lock could
    be held by the very code that a handler interrupts, and a handler of ours would not run while the main thread is
    about to wait, or waits and the signal came to another thread (signal.set_wakeup_fd in Python's documentation).
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def watch() -> None:
        try:
            while os.read(lifeline, 4096):
                pass
        except OSError:
            pass
        with contextlib.suppress(BlockingIOError):  # full of signals: the end is known already
            os.write(writer, b".")

    for number in _SIGNALS:
        signal.signal(number, lambda *_: None)  # noted by the wake-up alone
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
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
        delays = Delays.parse(options.delays)
        sandbox = Sandbox(
            options.state_parent, options.postgres, options.port, delays, check_contract=options.check_contract
        )
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
