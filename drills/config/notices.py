"""`[notices]` of drill.toml, and `[profiles.NAME.notices]`, whose keys go before: who is told what, and how.

The addresses of services are secrets, since they hold tokens: where they lie is named here, and they never stand here.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, ValidationInfo

from drills.config.table import Table
from drills.config.values import path_from, refuse
from drills.model.notice import NoticeKind

VARIABLE = "env:"
_SECRET = re.compile(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+")
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?")


def is_secret(urls: str) -> bool:
    """Return whether addresses lie in a secret of AWS Secrets Manager."""
    return urls.startswith("arn:")


def _urls(raw: str, info: ValidationInfo) -> str:
    if "://" in raw or "\n" in raw:
        raise refuse('"env:NAME", a file or the ARN of a secret, and never an address itself, which holds a token')
    if raw.startswith(VARIABLE):
        if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", raw.removeprefix(VARIABLE)):
            raise refuse('"env:" and the NAME of an environment variable in capitals, and never an address itself')
        return raw
    if is_secret(raw):
        if not _SECRET.fullmatch(raw):
            raise refuse('the ARN of a secret such as "arn:aws:secretsmanager:eu-central-1:000000000000:secret:NAME"')
        return raw
    return path_from(raw, info)


def _topic(raw: str) -> str:
    if not _TOPIC.fullmatch(raw):
        raise refuse('the ARN of an SNS topic such as "arn:aws:sns:eu-central-1:000000000000:recovery-drills"', raw)
    return raw


class NoticesConfig(Table):
    """Who is told: the services of `urls`, by apprise, and an SNS topic; nobody by default.

    `on` is what is told. Of the same within one `fold` one notice is sent. With `mask` nothing in it names accounts and hosts.
    """

    urls: Annotated[str, AfterValidator(_urls)] | None = None
    topic: Annotated[str, AfterValidator(_topic)] | None = None
    on: Annotated[tuple[NoticeKind, ...], Field(strict=False)] = get_args(NoticeKind)
    fold: Literal["day", "week", "month"] = "day"
    mask: bool = True

    @property
    def wanted(self) -> bool:
        """Whether anybody is told anything."""
        return bool(self.urls or self.topic)
