"""The sandbox's WSGI application: every request passes here on its way to moto or to the control API.

It reads, records and answers every request, and never with a traceback. Import this module after
`drills.sandbox.door.lean.load_moto`: it imports moto.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from typing import Any

from drills.errors import COULD_NOT_RUN
from drills.sandbox import events, kms, policy_simulator, secret_store, service_quotas, sts
from drills.sandbox.backup.accounts import BackupAccounts
from drills.sandbox.backup.install import install as install_backup
from drills.sandbox.control import Control
from drills.sandbox.door.access import Keys, refuse_foreign
from drills.sandbox.door.calls import (
    AwsRequest,
    Call,
    CallLog,
    Unreadable,
    error_code,
    error_response,
    read_request,
    refuse_unknown,
)
from drills.sandbox.door.contract import Contract
from drills.sandbox.door.moto_app import MotoApp
from drills.sandbox.door.request_faults import RequestFaults
from drills.sandbox.door.signature import Secret, Signatures, issued_secret
from drills.sandbox.door.wire import Response, StartResponse, read_body, send
from drills.sandbox.dynamodb import install as dynamodb
from drills.sandbox.ec2 import backend as ec2
from drills.sandbox.efs import backend as efs
from drills.sandbox.rds import install as rds
from drills.sandbox.rds.log_exports import LogExports
from drills.sandbox.s3 import backend as s3
from drills.sandbox.service import install as services
from drills.sandbox.state import DataPlane


class Gateway:
    """Answers AWS requests with `moto` and `/_sandbox/` with `control`, injects faults and keeps the call log."""

    def __init__(
        self, plane: DataPlane, keys: Keys, calls: CallLog, faults: RequestFaults, control: Control, moto: MotoApp
    ) -> None:
        self._plane = plane
        self._keys = keys
        self._signatures = Signatures(keys.access_key, Secret(keys.secret_key), issued_secret)
        self._calls = calls
        self._faults = faults
        self._control = control
        self._moto = moto

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        protocol = "json" if "json" in environ.get("CONTENT_TYPE", "") else "query"
        try:
            body = read_body(environ)
        except TimeoutError:
            return send(start_response, *error_response(protocol, 400, "RequestTimeout", "The body did not come."))
        except (ValueError, OSError) as error:
            sentence = f"The request's body cannot be read: {error}."
            return send(start_response, *error_response(protocol, 400, "IncompleteBody", sentence))
        own = environ.get("PATH_INFO", "").startswith("/_sandbox/")
        if foreign := refuse_foreign(environ):
            return send(start_response, *error_response("json" if own else protocol, 403, "AccessDenied", foreign))
        if own:
            status, answer = self._answer_owner(environ, body)
            return send(start_response, status, [("Content-Type", "application/json")], json.dumps(answer).encode())
        return send(start_response, *self._answer_aws(environ, body))

    def _answer_owner(self, environ: dict[str, Any], body: bytes) -> tuple[int, Any]:
        """Answer a request to the sandbox's own API; without the token only where the token lies."""
        if environ["PATH_INFO"] == "/_sandbox/keys":
            return 200, {"file": str(self._keys.file)}
        if not self._keys.allow(environ):
            sentence = f"Expected the sandbox's token, which its owner finds in {self._keys.file}."
            return 401, {"error": sentence, "exit_code": COULD_NOT_RUN, "kind": "sandbox"}
        return self._control.answer(environ, body)

    def _answer_aws(self, environ: dict[str, Any], body: bytes) -> Response:
        began, at, response, lost = self._plane.clock.monotonic(), self._plane.instant(), None, ""
        try:
            request = read_request(environ, body)
        except Unreadable as error:
            request, response = error.request, error_response(error.request.protocol, 400, error.code, str(error))
        except Exception as error:
            return error_response(
                "query", 400, "MalformedInput", f"The request cannot be read: {type(error).__name__}."
            )
        if request is None:
            return error_response("query", 403, "MissingAuthenticationToken", "The request is not signed.")
        response, fault = self._signatures.refuse(request, environ, body) or response or refuse_unknown(request), ""
        if response is None:
            fault, response = self._faults.instead_of_call(request) or ("", None)
        if response is None:
            response = self._moto.carry_out(request, environ, body)
            self._faults.record_creation(request, response)
            fault = lost = self._faults.instead_of_answer(request)
        fault = fault or ("clock-skew" if self._faults.skews_clock(request) else "")
        self._record(request, response, (at, self._plane.clock.monotonic() - began), fault)
        if lost:
            return self._faults.response_for(lost, request.protocol, environ.get("werkzeug.socket"))
        return response

    def _record(self, request: AwsRequest, response: Response, time: tuple[Any, float], fault: str) -> None:
        status, headers, text = response
        at, seconds = time
        code = error_code(status, dict(headers), text)
        call = Call(
            at, request.service, request.region, request.operation, request.parameters, status, code, seconds, fault
        )
        self._calls.record(call, request.protocol, headers, text)


def install_services(plane: DataPlane) -> BackupAccounts:
    """Replace moto's backends by the sandbox's, before the first request; return the AWS Backup of every account."""
    rds.install(plane)
    dynamodb.install(plane)
    backups = install_backup(plane)
    ec2.install()
    efs.install()
    s3.install()
    secret_store.install()
    kms.install(plane)
    policy_simulator.install()
    sts.install()
    service_quotas.install()
    events.install()
    services.install(plane)
    return backups


def _export_logs(exports: LogExports, request: AwsRequest) -> None:
    """Bring CloudWatch Logs up to date before a request that can see them."""
    if exports.needed_for(request.service, request.operation):
        exports.export(request.region)


def make_gateway(plane: DataPlane, keys: Keys, *, check_contract: bool = False) -> Gateway:
    """Install the sandbox's services and build the gateway to them."""
    backups = install_services(plane)
    calls = CallLog(contract=Contract() if check_contract else None)
    moto = MotoApp(plane.lock, partial(_export_logs, LogExports(plane)))
    return Gateway(plane, keys, calls, RequestFaults(plane), Control(plane, calls, backups), moto)
