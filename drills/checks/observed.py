"""What the checks of a copy observed, as the values that their pure judges take; so that others can judge again.

An observation holds names, definitions, counts and fingerprints as a manifest does, and no row value. Catalog fields that can
hold secrets are digests already.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

from pydantic import TypeAdapter

from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.statements import StatementLog
from drills.checks.canary.chain import CanaryState
from drills.checks.catalog.check import Catalog
from drills.checks.catalog.passwords import Passwords
from drills.checks.content.encodings import Comparable
from drills.checks.content.key_parts import PartSeen
from drills.checks.content.large_objects import LargeObjects
from drills.checks.content.model import Contents
from drills.checks.content.rows import RowLocation
from drills.checks.content.sequences import Sequences
from drills.checks.server.harmless import Activity
from drills.checks.server.settings import Settings
from drills.model.coverage import Known, Measured
from drills.model.finding import CheckResult, Requirement
from drills.notebook import Notebook

OBSERVED_NAME = ".observations.jsonl"  # in the run's folder, until the run has ended


class Observed(Protocol):
    """A dataclass of what was observed, by whatever room; `KIND` is what its observations are known by in a bundle."""

    KIND: ClassVar[str]


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """What the server's databases share, the digests of passwords, and the server's identifier ("" where it is hidden)."""

    KIND: ClassVar[str] = "cluster"
    found: Catalog
    passwords: Passwords | None
    identifier: str


@dataclass(frozen=True, slots=True)
class CatalogSeen:
    """The catalog of one database; `identifier` is the server's, by which a physical copy is known."""

    KIND: ClassVar[str] = "catalog"
    found: Catalog
    identifier: str


@dataclass(frozen=True, slots=True)
class SequencesSeen:
    """The positions of the sequences of one database."""

    KIND: ClassVar[str] = "sequences"
    found: Sequences


@dataclass(frozen=True, slots=True)
class ServerSeen:
    """The server's major version, and the digest of its hashes of known texts."""

    KIND: ClassVar[str] = "server"
    version: int
    calibration: str


@dataclass(frozen=True, slots=True)
class ContentSeen:
    """The contents of one database: fingerprints, how both encodings can be compared, and where rows of a table differ.

    `parts` are those of tables that were not read whole.
    """

    KIND: ClassVar[str] = "content"
    found: Contents
    identifier: str
    source_encoding: str
    how: Comparable
    byte_ordered: frozenset[str] = frozenset()
    locations: dict[str, RowLocation] = field(default_factory=dict)
    parts: dict[str, tuple[PartSeen, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TurnsSeen:
    """By what tables are compared in turn: what was known before, from when on, and within which budget (None: no limit).

    `sizes` are the bytes of tables by database, `whole_only` the databases whose tables cannot be compared by parts, since they
    are in another encoding, and `measured` how fast this run read.
    """

    KIND: ClassVar[str] = "turns"
    known: Known
    at: datetime
    budget_seconds: float | None
    connections: int
    sizes: dict[str, dict[str, int]]
    whole_only: tuple[str, ...] = ()
    measured: Measured = field(default_factory=Measured)


@dataclass(frozen=True, slots=True)
class LargeObjectsSeen:
    """Lengths and digests of the large objects of one database."""

    KIND: ClassVar[str] = "large objects"
    found: LargeObjects


@dataclass(frozen=True, slots=True)
class SettingsSeen:
    """The compared settings of the server, and its identifier."""

    KIND: ClassVar[str] = "settings"
    found: Settings
    identifier: str


@dataclass(frozen=True, slots=True)
class CanarySeen:
    """The canary of one database, whose chain was followed row by row; None where there is none."""

    KIND: ClassVar[str] = "canary"
    found: CanaryState | None


@dataclass(frozen=True, slots=True)
class ActivitySeen:
    """What of the server could act on other systems."""

    KIND: ClassVar[str] = "activity"
    found: Activity


@dataclass(frozen=True, slots=True)
class OutcomeSeen:
    """What was judged within the server, or could not be read: what was compared, found, and left out."""

    KIND: ClassVar[str] = "outcome"
    outcome: CheckOutcome


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How the outcome of a check is worded, as drills/checks/base/runner.py build_result() takes it.

    `outcome` is None where it follows from the other observations of the check.
    """

    KIND: ClassVar[str] = "conclusion"
    what: str
    remark: str = ""
    requirement: Requirement = "required"
    verb: str = "compared"
    outcome: CheckOutcome | None = None


@dataclass(frozen=True, slots=True)
class ResultSeen:
    """The result of a check that came from no observation, such as one whose server was lost."""

    KIND: ClassVar[str] = "result"
    result: CheckResult


@dataclass(frozen=True, slots=True)
class Took:
    """The seconds that a check took, and whether it had to pass before the copy counted as usable."""

    KIND: ClassVar[str] = "took"
    seconds: float


KINDS: tuple[type[Any], ...] = (
    ClusterSeen,
    CatalogSeen,
    SequencesSeen,
    ServerSeen,
    ContentSeen,
    TurnsSeen,
    LargeObjectsSeen,
    SettingsSeen,
    CanarySeen,
    ActivitySeen,
    OutcomeSeen,
    Conclusion,
    ResultSeen,
    Took,
)


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


def adapter_of(kind: type[Any]) -> TypeAdapter[Any]:
    """Return what reads and writes a kind of observation, made once."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


@dataclass(frozen=True, slots=True)
class Observations:
    """Notes what is observed of one copy, and the statements that are run on it; without a notebook nothing.

    `copy` is the id of the scratch instance, "" for what is of no copy.
    """

    notebook: Notebook | None = None
    copy: str = ""
    statements: StatementLog = field(default_factory=StatementLog)

    def note(self, check: str, database: str, seen: Observed) -> None:
        """Note an observation of a check in a database, "" for the whole server."""
        if self.notebook is None:
            return
        value = adapter_of(type(seen)).dump_python(seen, mode="json")
        entry = {"copy": self.copy, "check": check, "database": database, "kind": seen.KIND}
        self.notebook.add(entry | {"value": value})


NOT_NOTED = Observations()
