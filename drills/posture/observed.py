"""What the posture of a run was judged by, beside the recorded answers of AWS."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from drills.model.finding import CheckResult
from drills.model.parity import NotVerified
from drills.posture.facts import StoredConfiguration


@dataclass(frozen=True, slots=True)
class PostureSeen:
    """The instant of the judgement, the stored configuration that was found, and the results."""

    KIND: ClassVar[str] = "posture"
    at: datetime
    stored: StoredConfiguration | NotVerified | None
    results: tuple[CheckResult, ...]


KINDS: tuple[type[Any], ...] = (PostureSeen,)
