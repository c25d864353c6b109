"""`[targets.NAME.posture]` and `[targets.NAME.parity]`: required backups, and allowed differences after a recovery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from drills.config.table import Table
from drills.config.values import Span, frozen_mapping, no_entries, refuse, unknown_key
from drills.model import parity


def _allowances(raw: Mapping[str, str]) -> Mapping[str, str]:
    for setting, reason in raw.items():
        family, dot, name = setting.partition(".")
        if setting not in parity.SETTING_RULES and not (family in parity.FAMILIES and dot and name):
            raise unknown_key(setting, (*parity.SETTING_RULES, *(f"{each}.*" for each in parity.FAMILIES)))
        if not reason.strip():
            raise refuse(f"the reason for which {setting} may differ", reason)
    return frozen_mapping(raw)


class Parity(Table):
    """Allowed differences between the original instance and the one restored in its place: setting to reason."""

    allowed: Annotated[Mapping[str, str], AfterValidator(_allowances)] = Field(default_factory=no_entries)


class PostureConfig(Table):
    """The owner's requirements for backups beyond the RPO: their retention, and the number of further vaults.

    `promised` lets a run judge the posture too: None does so in the sandbox alone.
    """

    retention: Span | None = None
    copies: Annotated[int, Field(ge=0, le=10)] = 0
    promised: bool | None = None
