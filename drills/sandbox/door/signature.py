"""Checks the signatures of AWS requests (Signature Version 4) with botocore's own signer.

The string to sign is made anew from the request as it came, and must give the signature that the request carries
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). The age of a signature is
not checked, so that the clocks may differ.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from botocore.utils import normalize_url_path

from drills.sandbox.door.calls import AwsRequest, error_response
from drills.sandbox.door.wire import Response

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)/aws4_request"
    r"\s*,\s*SignedHeaders=(?P<headers>[^,\s]+)\s*,\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_DIGEST = re.compile(r"[0-9a-f]{64}")
# status and code for an access key that is not known; "Common Errors" of the services' API references, and for S3 and EC2
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
_UNKNOWN = {
    "query": (403, "InvalidClientTokenId", "The security token included in the request is invalid."),
    "json": (400, "UnrecognizedClientException", "The security token included in the request is invalid."),
    "rest-json": (403, "UnrecognizedClientException", "The security token included in the request is invalid."),
    "rest-xml": (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
    "ec2": (401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
}
_MISMATCH = {"json": (400, "InvalidSignatureException"), "rest-json": (403, "InvalidSignatureException")}
_WRONG = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method."
)


@dataclass(frozen=True, slots=True)
class Secret:
    """What belongs to an access key: the secret, and the session token of temporary credentials."""

    key: str = field(repr=False)
    token: str = field(default="", repr=False)


class Signer(SigV4Auth):
    """Signs the headers that a request says are signed. S3 takes a path as it is, other services encode it once more."""

    def __init__(self, credentials: Credentials, service: str, region: str, signed: tuple[str, ...]) -> None:
        super().__init__(credentials, service, region)
        self._signed = signed
        self._as_is = service == "s3"

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        """Return the signed headers alone."""
        found = HTTPHeaders()
        for name in self._signed:
            found[name] = request.headers.get(name, "")
        return found

    def _normalize_url_path(self, path: str) -> str:
        return path if self._as_is else quote(normalize_url_path(path), safe="/~")

    def sign(self, request: AWSRequest, timestamp: str) -> str:
        """Return the signature of a request at an instant (YYYYMMDD'T'HHMMSS'Z')."""
        request.context["timestamp"] = timestamp
        return str(self.signature(self.string_to_sign(request, self.canonical_request(request)), request))


class Signatures:
    """Knows the sandbox's access key, and asks `others` for the keys that its IAM and STS have given out."""

    def __init__(self, access_key: str, secret: Secret, others: Callable[[str], Secret | None]) -> None:
        self._access_key = access_key
        self._secret = secret
        self._others = others

    def refuse(self, request: AwsRequest, environ: Mapping[str, Any], body: bytes) -> Response | None:
        """Return AWS's error for a request that is not signed with a known key; None for one that is."""
        found = _HEADER.search(str(environ.get("HTTP_AUTHORIZATION", "")))
        if found is None:
            sentence = "Authorization header requires Credential, SignedHeaders and Signature."
            return error_response(request.protocol, 400, "IncompleteSignature", sentence)
        secret = self._secret if found["key"] == self._access_key else self._others(found["key"])
        token = str(environ.get("HTTP_X_AMZ_SECURITY_TOKEN", ""))
        if secret is None or not hmac.compare_digest(secret.token.encode(), token.encode()):
            return error_response(request.protocol, *_UNKNOWN.get(request.protocol, _UNKNOWN["query"]))
        try:
            expected = _signature(found, secret, environ, body)
        except ValueError:  # what the client sent is no URL
            expected = ""
        if hmac.compare_digest(expected, found["signature"]):
            return None
        status, code = _MISMATCH.get(request.protocol, (403, "SignatureDoesNotMatch"))
        return error_response(request.protocol, status, code, _WRONG)


def _signature(found: re.Match[str], secret: Secret, environ: Mapping[str, Any], body: bytes) -> str:
    """Return the signature that this request must have; empty where it has no instant or its body is not the signed one."""
    headers = {name: _header(environ, name) for name in found["headers"].lower().split(";")}
    timestamp = headers.get("x-amz-date", "")
    digest = _header(environ, "x-amz-content-sha256")
    if "host" not in headers or not timestamp.startswith(found["date"]):
        return ""
    if _DIGEST.fullmatch(digest) and digest != hashlib.sha256(body).hexdigest():
        return ""
    if digest:
        headers["x-amz-content-sha256"] = digest
    url = f"http://{headers['host']}{_target(environ)}"
    request = AWSRequest(str(environ["REQUEST_METHOD"]), url, headers, data=body)
    signed = tuple(found["headers"].lower().split(";"))
    signer = Signer(Credentials(found["key"], secret.key), found["service"], found["region"], signed)
    return signer.sign(request, timestamp)


def _header(environ: Mapping[str, Any], name: str) -> str:
    """Return a header's value. WSGI keeps two without a prefix, and decodes all as Latin-1 (PEP 3333)."""
    key = name.upper().replace("-", "_")
    value = str(environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}", ""))
    return value.encode("latin-1", "replace").decode("utf-8", "replace")


def _target(environ: Mapping[str, Any]) -> str:
    """Return path and query as they were sent, before the server decoded them."""
    raw = str(environ.get("RAW_URI", "/"))
    return raw if raw.startswith("/") else "/" + raw.partition("://")[2].partition("/")[2]


def issued_secret(access_key: str) -> Secret | None:
    """Return the secret of an access key that the sandbox's STS or IAM has given out; None for any other key."""
    from moto.iam.models import iam_backends
    from moto.sts.models import sts_backends

    for tokens in [each for account in list(sts_backends.values()) for each in list(account.values())]:
        if role := tokens.get_assumed_role_from_access_key(access_key):
            return Secret(role.secret_access_key, role.session_token)
    for users in [each for account in list(iam_backends.values()) for each in list(account.values())]:
        key = users.access_keys.get(access_key)
        if key is not None and key.status == "Active":
            return Secret(key.secret_access_key)
    return None
