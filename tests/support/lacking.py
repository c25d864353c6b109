"""A front before a sandbox that lacks services as an edition of LocalStack does: by its health page, and by what it answers."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from drills.aws.endpoint_health import HEALTH_PATH
from drills.sandbox.door.wire import Response
from tests.support.front import front
from tests.support.sandbox import RunningSandbox

SERVICE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
# in the words and with the status of localstack-core 2026.3.0 (tests/aws/localstack_answers.json)
WORDS = "The API for service {} is either not included in your current license plan or has not yet been emulated by LocalStack."


@contextmanager
def lacking(sandbox: RunningSandbox, missing: Collection[str], has: Collection[str]) -> Iterator[str]:
    """Serve the sandbox without the services of `missing`, which answer in REST and JSON; yields the URL."""
    states = dict.fromkeys(has, "available") | dict.fromkeys(missing, "disabled")
    page = json.dumps({"services": states, "edition": "base", "version": "2026.8.2"}).encode()

    def instead(request: BaseHTTPRequestHandler, _body: bytes) -> Response | None:
        asked = SERVICE.search(request.headers.get("Authorization", ""))
        if request.path == HEALTH_PATH:
            return 200, [], page
        if asked and asked[1] in missing:
            refused = {"__type": "InternalFailure", "message": WORDS.format(asked[1])}
            return 501, [("X-Amzn-Errortype", "InternalFailure")], json.dumps(refused).encode()
        return None

    with front(sandbox, instead) as url:
        yield url
