"""Time stamps by RFC 3161, against an authority of `openssl ts`."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drills.errors import ConfigError, DrillError, NotSealed
from drills.evidence.timestamp import TimeStamper, stamped_at
from tests.support.tsa import Authority, authority, tsa

__all__ = ["tsa"]


def test_a_stamp_is_verified_by_openssl_and_here(tsa: Authority, tmp_path: Path) -> None:
    """Both say the same of the data that was stamped and of other data."""
    token = TimeStamper(tsa.url)(b"a signature")
    (tmp_path / "token").write_bytes(token)

    assert abs(stamped_at(token, b"a signature", tsa.certificate) - datetime.now(UTC)) < timedelta(minutes=1)
    with pytest.raises(DrillError, match="does not verify"):
        stamped_at(token, b"another signature", tsa.certificate)
    for data, said in ((b"a signature", "Verification: OK"), (b"another signature", "Verification: FAILED")):
        (tmp_path / "data").write_bytes(data)
        command = ["openssl", "ts", "-verify", "-data", "data", "-in", "token", "-CAfile", str(tsa.certificate)]
        assert said in subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout


def test_a_stamp_of_another_authority_does_not_verify(tsa: Authority, tmp_path: Path) -> None:
    """The certificates that the reader has decide, and not those in the token."""
    with authority(tmp_path) as other:
        token = TimeStamper(other.url)(b"a signature")

    with pytest.raises(DrillError, match="does not verify"):
        stamped_at(token, b"a signature", tsa.certificate)


@pytest.mark.parametrize(
    ("path", "said"),
    [("refused", "found a refusal"), ("broken", "found something else"), ("down", "found HTTP 503")],
)
def test_what_is_no_stamp_is_no_seal(tsa: Authority, path: str, said: str) -> None:
    """A refusal, another answer and a server that is down are told apart."""
    with pytest.raises(NotSealed, match=said):
        TimeStamper(f"{tsa.url}{path}")(b"a signature")


def test_an_authority_that_does_not_answer_is_a_sentence() -> None:
    """No traceback where nobody listens."""
    with pytest.raises(NotSealed, match=r"http://127.0.0.1:9/: expected a time stamp, found no answer"):
        TimeStamper("http://127.0.0.1:9/")(b"a signature")


def test_a_stamp_of_something_else_is_refused(tsa: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that was replayed carries another digest and another random number."""
    old = TimeStamper(tsa.url)(b"another signature")
    monkeypatch.setattr(TimeStamper, "_post", lambda self, request: old)

    with pytest.raises(NotSealed, match="found one of something else"):
        TimeStamper(tsa.url)(b"a signature")


def test_a_file_without_certificates_is_named(tsa: Authority, tmp_path: Path) -> None:
    """The reader hands over the authority's certificate, and is told where it is none."""
    (tmp_path / "ca.pem").write_text("no certificate")

    with pytest.raises(ConfigError, match=r"ca\.pem: expected certificates"):
        stamped_at(TimeStamper(tsa.url)(b"a signature"), b"a signature", tmp_path / "ca.pem")
