"""`[targets.NAME.posture]`, `[targets.NAME.parity]` and `[targets.NAME.preflight]`: what is required of backups and copies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from drills.config.table import Table
from drills.config.values import PrincipalArn, Span, frozen_mapping, no_entries, refuse, unknown_key
from drills.model.settings.clusters import CLUSTER_FAMILIES, CLUSTER_RULES
from drills.model.settings.rules import SETTING_RULES

_SETTINGS = tuple(dict.fromkeys((*SETTING_RULES, *CLUSTER_RULES)))  # of an instance or of a cluster


def _allowances(raw: Mapping[str, str]) -> Mapping[str, str]:
    for setting, reason in raw.items():
        family, dot, name = setting.partition(".")
        if setting not in _SETTINGS and not (family in CLUSTER_FAMILIES and dot and name):
            raise unknown_key(setting, (*_SETTINGS, *(f"{each}.*" for each in CLUSTER_FAMILIES)))
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


class PreflightConfig(Table):
    """What `drills preflight` foresees by.

    `principal` is the role or user that restores; None: the role of `restore`, else the caller. A date on which
    recoverability ends is a finding when it is nearer than `ends_within`; for recovery points, which new ones replace,
    when it is nearer than `points_end_within`.
    """

    principal: PrincipalArn | None = None
    ends_within: Span = timedelta(days=30)
    points_end_within: Span = timedelta(days=1)
