"""Sends a notice to the services that apprise knows, and to an SNS topic. No sentence about a failure holds a token."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.read import error_code
from drills.errors import ConfigError, DrillError
from drills.model.notice import Notice

SECONDS = 20.0  # for which one service may take
EXTRA = "expected the package apprise, found none: pip install '.[notices]' in the checkout"
SUBJECT = 100  # characters, of ASCII: SNS API reference, Publish


class Service(Protocol):
    """Where a notice goes. `name` says which one it is, and holds nothing of its address."""

    name: str

    def send(self, notice: Notice, key: str) -> None:
        """Deliver the notice. Raises DrillError."""


def _apprise() -> Any:
    """Return the library; what it says of Python's own modules is for nobody here. Raises ConfigError where it is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            import apprise
        except ImportError:
            raise ConfigError(EXTRA) from None
        apprise.Apprise.instantiate("json://localhost")  # loads all that it knows
        return apprise


def open_urls(urls: Sequence[str]) -> Iterator[Service]:
    """Yield the service of each address. Raises ConfigError, which never repeats an address."""
    apprise = _apprise()
    for number, url in enumerate(urls, start=1):
        server = apprise.Apprise.instantiate(url, asset=apprise.AppriseAsset(app_id="drills"))
        if server is None:
            kind = re.match(r"[a-z0-9]{1,20}://", url, re.IGNORECASE)
            raise ConfigError(
                f"address {number} of [notices] urls: expected one that apprise knows, found another"
                f"{f' ({kind[0]}…)' if kind else ''}: its list is https://appriseit.com/services/"
            )
        yield AppriseService(server, f"{server.service_name} ({number} of {len(urls)})", url)


class AppriseService:
    """A service that apprise knows, such as Slack, Teams, PagerDuty, a mail server or an HTTP server."""

    def __init__(self, server: Any, name: str, url: str) -> None:
        self._server, self.name = server, name
        # else four seconds, which a mail server may take to answer
        for each in ("socket_connect_timeout", "socket_read_timeout"):
            if getattr(server, each) == getattr(_apprise().NotifyBase, each):
                setattr(server, each, SECONDS)
        self._secrets = sorted({each for each in re.split(r"[/:@?&=,+]+", url) if len(each) > 2}, key=len, reverse=True)

    def send(self, notice: Notice, key: str) -> None:
        """Deliver the notice; see `Service.send`."""
        apprise = _apprise()
        types = apprise.NotifyType
        kind = types.SUCCESS if notice.quiet else types.WARNING if _mild(notice) else types.FAILURE
        if getattr(self._server, "dedup", "") is None:  # PagerDuty's, which folds by it
            self._server.dedup = key
        sender = apprise.Apprise(asset=self._server.asset)
        sender.add(self._server)
        title, body = ("", notice.title) if notice.quiet else (notice.title, "\n".join((*notice.lines, f"key: {key}")))
        heard: list[str] = []
        result = sender.notify(
            body=body,
            title=title,
            notify_type=kind,
            body_format=apprise.NotifyFormat.TEXT,
            timeout=SECONDS,
            log_callback=lambda entry, *_: heard.append(entry.message),
            log_level=30,
        )
        if not result:
            raise DrillError(f"expected {self.name} to take the notice, found: {self._reason(heard)}")

    def _reason(self, heard: Sequence[str]) -> str:
        """Return what apprise said, without any part of the address."""
        text = " ".join(" ".join(heard).split()) or f"no answer within {SECONDS:g} s"
        for each in self._secrets:
            text = text.replace(each, "****")
        return text if len(text) <= 300 else f"{text[:299]}…"


def _mild(notice: Notice) -> bool:
    return notice.kinds == ("clean-up incomplete",)


class SnsTopic:
    """A topic of SNS; the caller needs sns:Publish on it. A FIFO topic folds by the same key for five minutes on its own."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client, self._arn = client, arn
        self.name = f"SNS topic {arn.rpartition(':')[2]}"

    def look(self) -> str:
        """Return that SNS knows the topic. Raises DrillError."""
        try:
            self._client.get_topic_attributes(TopicArn=self._arn)
        except ClientError as error:
            raise DrillError(
                f"expected {self.name} to be there, found {error_code(error)}: correct topic, or let the caller call "
                "sns:GetTopicAttributes"
            ) from error
        except BotoCoreError as error:
            raise DrillError(f"expected {self.name} to be there, found: {error}") from error
        return f"{self.name} is there"

    def send(self, notice: Notice, key: str) -> None:
        """Publish the notice, with what a subscription can filter by; see `Service.send`."""
        attributes = {
            "kind": notice.kinds[0],
            "target": notice.target or "-",
            "profile": notice.profile,
            "simulated": "true" if notice.simulated else "false",
            "key": key,
        }
        told = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        options: dict[str, Any] = {}
        if self._arn.endswith(".fifo"):
            digest = hashlib.sha256(f"{key} {notice.signature}".encode()).hexdigest()
            group = re.sub(r"[^A-Za-z0-9_-]", "_", f"{notice.profile}-{notice.target}")[:128]
            options = {"MessageGroupId": group, "MessageDeduplicationId": digest}
        message = "\n".join((notice.title, *notice.lines, f"key: {key}"))
        try:
            self._client.publish(
                TopicArn=self._arn, Subject=_subject(notice.title), Message=message, MessageAttributes=told, **options
            )
        except ClientError as error:
            raise DrillError(
                f"expected {self.name} to take the notice, found {error_code(error)}: the caller needs sns:Publish"
            ) from error
        except BotoCoreError as error:
            raise DrillError(f"expected {self.name} to take the notice, found: {error}") from error


def _subject(title: str) -> str:
    text = re.sub(r"[^\x20-\x7e]", "?", title)
    return text if len(text) <= SUBJECT else f"{text[: SUBJECT - 3]}..."
