"""Time stamps by RFC 3161: a third party says that data was there at a time. Needs the extra `tsa`.

What is sent is the SHA-256 of the data and a random number, and nothing else (RFC 3161, 2.4.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drills.errors import ConfigError, DrillError, NotSealed

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

SECONDS = (10.0, 30.0)  # to connect, and to be answered
_EXTRA = 'expected the package rfc3161-client, found none: pip install "drills[tsa]"'


@dataclass(frozen=True, slots=True)
class TimeStamper:
    """Asks the authority at `url` for time stamps."""

    url: str

    def __call__(self, data: bytes) -> bytes:
        """Return the authority's answer for the data, DER, as `openssl ts -verify` reads it. Raises NotSealed and ConfigError."""
        client = _client()
        request = client.TimestampRequestBuilder(data, client.HashAlgorithm.SHA256).build()
        answer = self._post(request.as_bytes())
        try:
            response: TimeStampResponse = client.decode_timestamp_response(answer)
        except ValueError as error:
            raise NotSealed(
                f"{self.url}: expected a time stamp, found something else: correct timestamp_url"
            ) from error
        # a refusal holds no token, and reading one raises
        if client.PKIStatus(response.status) not in (client.PKIStatus.GRANTED, client.PKIStatus.GRANTED_WITH_MODS):
            raise NotSealed(f"{self.url}: expected a time stamp, found a refusal: {'; '.join(response.status_string)}")
        info = response.tst_info
        if info.message_imprint.message != request.message_imprint.message or info.nonce != request.nonce:
            raise NotSealed(f"{self.url}: expected a time stamp of what was sent, found one of something else")
        return answer

    def _post(self, request: bytes) -> bytes:
        import requests

        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        try:
            answer = requests.post(self.url, data=request, headers=headers, timeout=SECONDS)
        except requests.RequestException as error:
            raise NotSealed(
                f"{self.url}: expected a time stamp, found no answer ({type(error).__name__}): try again later"
            ) from error
        if answer.status_code != 200:
            raise NotSealed(f"{self.url}: expected a time stamp, found HTTP {answer.status_code}: try again later")
        return answer.content


def read_certificates(authority: Path) -> list[Certificate]:
    """Return the certificates (PEM) of an authority in a file. Raises ConfigError where there are none."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(authority.read_bytes())
    except OSError as error:
        raise ConfigError(f"{authority}: expected certificates as PEM text, found: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{authority}: expected certificates as PEM text, found none") from error


def stamped_at(token: bytes, data: bytes, authority: Path) -> datetime:
    """Return the time (aware) of a time stamp over the data, whose authority's certificates (PEM) are in a file.

    Raises DrillError where it does not verify or the extra is not installed, ConfigError for a file without certificates.
    """
    client = _client()
    certificates = read_certificates(authority)
    try:
        response: TimeStampResponse = client.decode_timestamp_response(token)
        builder = client.VerifierBuilder()
        for each in certificates:
            builder = builder.add_root_certificate(each)
        builder.build().verify_message(response, data)
    except (ValueError, client.VerificationError) as error:
        raise DrillError(f"the time stamp does not verify with {authority}: {error}") from error
    return response.tst_info.gen_time


def _client() -> Any:
    try:
        import rfc3161_client
    except ImportError:
        raise ConfigError(_EXTRA) from None
    return rfc3161_client
