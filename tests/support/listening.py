"""Servers on this machine that take what is sent to the world: a mail server and an HTTP server."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tests.support.answering import Request, answering
from tests.support.ports import free_port


@dataclass
class Mailbox:
    """What the mail server took. `port` is where it listens on 127.0.0.1."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Keep a mail."""
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients += envelope.rcpt_tos
        return "250 kept"


@contextmanager
def mail_server(password: bytes = b"") -> Iterator[Mailbox]:
    """A mail server; with a password it takes nothing without STARTTLS and that login, and has a certificate nobody knows."""
    box = Mailbox(port=free_port())

    def login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        box.logins.append((data.login, data.password))
        return AuthResult(success=data.password == password)

    options: dict[str, Any] = {}
    if password:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1", "localhost").configure_cert(context)
        options = {"authenticator": login, "auth_required": True, "require_starttls": True, "tls_context": context}
    controller = Controller(box, hostname="127.0.0.1", port=box.port, ready_timeout=120.0, **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@dataclass
class Requests:
    """What the HTTP server took, and the status that it answers with. `url` has no path."""

    url: str = ""
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    heads: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)  # method, path, headers in small letters


@contextmanager
def http_server(status: int = 200) -> Iterator[Requests]:
    """An HTTP server that keeps what is sent to it."""
    kept = Requests(status=status)

    def keep(request: Request) -> tuple[int, bytes]:
        kept.heads.append((request.method, request.path, {key.lower(): each for key, each in request.headers.items()}))
        kept.bodies.append(request.body)
        return kept.status, b""

    with answering("POST", keep) as kept.url:
        yield kept
