"""Who gets a restored copy, and who marks its moments: what a restore tells others while it goes on."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from drills.model.instance import Instance


class MarkMoment(Protocol):
    """Records a moment of the recovery: now, or the instant that `source` reported."""

    def __call__(self, name: str, *, source: str = ..., at: datetime | None = ...) -> None:
        """Record it."""
        ...


def unmarked(name: str, *, source: str = "", at: datetime | None = None) -> None:
    """Record nothing: a rehearsal is no part of the recovery's timeline."""


class Handover(Protocol):
    """Is told of the password of a restored copy, before and after the copy has it."""

    def keep(self, instance: Instance, password: SecretStr) -> None:
        """Keep the password that the instance is about to get: where that fails, it gets none."""
        ...

    def give(self, instance: Instance) -> None:
        """Take the instance over: it is available, and has the password."""
        ...


class ToNobody:
    """The handover of a drill, whose password exists in its process alone."""

    def keep(self, instance: Instance, password: SecretStr) -> None:
        """Keep nothing."""

    def give(self, instance: Instance) -> None:
        """Take nothing."""


TO_NOBODY = ToNobody()
