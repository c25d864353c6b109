"""What each kind of source tells posture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from drills.aws.read import tags_by_key
from drills.aws.session import Clients
from drills.config.load import Target
from drills.model.finding import CheckResult
from drills.model.point import RecoveryPoint
from drills.model.timing import WorstCase
from drills.posture.facts import Document, PostureFacts
from drills.posture.subjects import Subject


@dataclass(frozen=True)
class Source:
    """A source: its ARN, its description by its own service, and how its tags are read, which a caller may not be allowed."""

    arn: str
    described: Document
    read_tags: Callable[[], Iterable[Mapping[str, str]]]

    @cached_property
    def tags(self) -> tuple[tuple[str, str], ...]:
        """Its tags, read once. Raises what boto3 raises."""
        return tuple(tags_by_key(self.read_tags()).items())


@dataclass(frozen=True, slots=True)
class SourceKind:
    """One kind: how it is read, and what is judged of it beside what AWS Backup tells.

    `describe` returns None where there is no source of that name; `points` those of a name in a vault, with the rights that it
    needs in `points_need`; `plans_need` are those that say which plans mean it. `worst_case` is that of its schedule. `own` reads
    what `judgements` know beside the other facts.
    """

    subject: Subject
    describe: Callable[[Clients, str], Source | None]
    points: Callable[[Clients, str, str | None], tuple[RecoveryPoint, ...]]
    points_need: str
    worst_case: Callable[[Clients, Target, Source, datetime], WorstCase | None]
    own: Callable[[Clients, PostureFacts], object]
    judgements: tuple[Callable[[PostureFacts], CheckResult], ...]
    plans_need: str = "backup:ListBackupPlans"
