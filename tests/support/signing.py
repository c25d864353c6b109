"""Signs requests that no AWS client would send, so that what is behind the check of the signature sees them."""

from __future__ import annotations

from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from drills.sandbox.door.signature import Signer
from drills.sandbox_client import SandboxKeys

_AT = "20260101T000000Z"
_SIGNED = ("host", "x-amz-content-sha256", "x-amz-date")


def headers(keys: SandboxKeys, service: str, line: str, host: str, region: str = "eu-central-1") -> str:
    """The header lines of a signed request with this request line; its body is not part of what is signed."""
    method, _, rest = line.partition(" ")
    target = rest.rpartition(" ")[0]
    values = {"host": host, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": _AT}
    try:
        request = AWSRequest(method, f"http://{host}{target}", values)
        signer = Signer(Credentials(keys.access_key, keys.secret_key), service, region, _SIGNED)
        signature = signer.sign(request, _AT)
    except ValueError:  # the target is no part of any URL: there is nothing to sign
        signature = "0" * 64
    scope = f"{keys.access_key}/{_AT[:8]}/{region}/{service}/aws4_request"
    return (
        f"Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={';'.join(_SIGNED)}, Signature={signature}\r\n"
        f"X-Amz-Date: {_AT}\r\nX-Amz-Content-SHA256: UNSIGNED-PAYLOAD\r\n"
    )
