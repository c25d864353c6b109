"""What a kind of target has to say for its drills to be struck."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from drills.sandbox_client import SandboxControl
from tests.chaos.cases import Plan
from tests.support.runs import Place

CONFIG, PROFILE = "chaos.toml", "standing"
LIMITS = """timeout = "20s"
[targets.{target}.limits]
call = "4s"
features = "60s"
clean_up = "20s"
"""
TEXT = """
[drill]
profile = "{profile}"
target = "{target}"
[profiles.{profile}]
kind = "endpoint"
endpoint_url = "{endpoint}"
region = "{region}"
poll_every = "200ms"
[targets.{target}]
{kind} = "{source}"
vault = "{vault}"
rto = "30m"
rpo = "24h"
{more}
{limits}
[targets.{target}.restore]
{restore}
"""


class LocalAws(Protocol):
    """An AWS on this machine that outlives the drills in it."""

    @property
    def endpoint(self) -> str:
        """Its address."""

    @property
    def region(self) -> str:
        """Its region."""

    @property
    def ca(self) -> str:
        """The file with the CA of its databases."""

    @property
    def control(self) -> SandboxControl:
        """Its switchboard."""

    @property
    def variables(self) -> dict[str, str]:
        """What a program needs in its environment to use it."""

    def client(self, service: str) -> Any:
        """A client that repeats nothing."""


class Kind(Protocol):
    """One kind of target: which cases there are, where its source is made, and what of that must be the same afterwards."""

    @property
    def plan(self) -> Plan:
        """What strikes its drills, and when."""

    @property
    def target(self) -> str:
        """The name of the target in the configuration."""

    def opened(self, place: Place) -> AbstractContextManager[LocalAws]:
        """An AWS with a source and its backup, which the configuration in the place names; gone afterwards."""

    def described(self, aws: LocalAws) -> Any:
        """The source as AWS describes it, without what moves by itself."""

    def content(self, aws: LocalAws) -> str:
        """All that the source holds; "" where nobody reads it."""


def configure(place: Place, aws: LocalAws, **words: str) -> None:
    """Write the configuration of a target: its name, kind, source and vault, what more it says, and how it is restored."""
    given = {"profile": PROFILE, "endpoint": aws.endpoint, "region": aws.region, "more": "", "restore": ""} | words
    text = TEXT.format(**given, limits=LIMITS.format(target=words["target"]))
    (place.checkout / CONFIG).write_text(text, encoding="utf-8")


def written(described: Mapping[str, Any] | list[Any]) -> str:
    """Return a description as text that is the same for the same description."""
    return json.dumps(described, default=str, sort_keys=True)
