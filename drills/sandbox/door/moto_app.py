"""Carries a request out in moto, and turns whatever goes wrong there into an error as AWS would send it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from functools import lru_cache
from threading import RLock
from typing import Any

import moto.core.parse
from botocore.model import OperationNotFoundError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from drills.redaction import clean_error
from drills.sandbox.door.absent import refuse_absent
from drills.sandbox.door.calls import AwsRequest, error_response
from drills.sandbox.door.wire import Response, call

_HOSTS = 256  # a service in a region each; any client may name others


class MotoApp:
    """moto's own WSGI application. `before` runs ahead of every request, with `lock` held like the request itself."""

    def __init__(self, lock: RLock, before: Callable[[AwsRequest], None]) -> None:
        self._lock = lock
        self._before = before
        dispatcher: Any = DomainDispatcherApplication(create_backend_app)
        # moto lists its own folders to find it, twice a request: a fifth of what a request took
        dispatcher.get_backend_for_host = lru_cache(_HOSTS)(dispatcher.get_backend_for_host)
        self._app = dispatcher

    def carry_out(self, request: AwsRequest, environ: dict[str, Any], body: bytes) -> Response:
        """Return moto's response, or an AWS error; never raises for what a client has sent."""
        protocol = request.protocol
        try:
            self._refuse_missing_service(request.service, environ)
            refuse_absent(request.service, request.operation)
            with self._lock:
                self._before(request)
                status, headers, text = call(self._app, environ, body)
            head = environ["REQUEST_METHOD"] == "HEAD"  # its answer has no body, and so no type that says anything
            if (
                status >= 400
                and not head
                and any(key.lower() == "content-type" and "html" in value for key, value in headers)
            ):
                raise NotImplementedError(f"{request.operation or environ['PATH_INFO']} is absent from this sandbox.")
            return status, headers, text
        except NotImplementedError as error:
            return error_response(protocol, 400, "NotImplemented", str(error))
        except OperationNotFoundError as error:
            return error_response(protocol, 400, "InvalidAction", f"The action {error} is not valid.")
        except Exception as error:
            if _is_parse_error(error):
                return error_response(protocol, 400, "MalformedInput", f"A parameter cannot be read: {error}")
            # 400 and not 500: clients repeat a 500, and a repeated create makes a second instance
            clean_error(error)
            logging.exception("%s %s failed", request.service, request.operation)
            return error_response(protocol, 400, "InternalFailure", f"{type(error).__name__}: {error}")

    def _refuse_missing_service(self, service: str, environ: dict[str, Any]) -> None:
        """Refuse services that moto lacks, and moto's own API, which would wipe the state under running servers."""
        path = environ.get("PATH_INFO", "")
        host = self._app.infer_service_region_host(environ, path)
        if path.startswith("/moto-api") or self._app.get_backend_for_host(host) is None:
            raise NotImplementedError(f"{service} is absent from this sandbox.")


def _is_parse_error(error: Exception) -> bool:
    """Return whether moto failed while it parsed the request's parameters."""
    return any(each.filename == moto.core.parse.__file__ for each in traceback.extract_tb(error.__traceback__))
