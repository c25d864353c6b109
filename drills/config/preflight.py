"""`[targets.NAME.preflight]`: whose rights a restore would be made with, and how near an end of recoverability may be."""

from __future__ import annotations

from datetime import timedelta

from drills.config.table import Table
from drills.config.values import PrincipalArn, Span


class PreflightConfig(Table):
    """What `drills preflight` foresees by.

    `principal` is the role or user that restores; None: the role of `restore`, else the caller. A date on which
    recoverability ends is a finding when it is nearer than `ends_within`; for recovery points, which new ones replace,
    when it is nearer than `points_end_within`.
    """

    principal: PrincipalArn | None = None
    ends_within: Span = timedelta(days=30)
    points_end_within: Span = timedelta(days=1)
