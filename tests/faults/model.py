"""What a fault is: the harm it does, the check that is expected to find it, and the proof that it changed something."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from drills.model.finding import CheckResult

if TYPE_CHECKING:
    from tests.faults.dumps import Dumps
    from tests.faults.files import Files
    from tests.faults.lab import Lab
    from tests.faults.recoveries import Archive, Recovery

RESTORE = "restore"
"""The name under which a copy that does not start, or cannot be made, is found: the restore itself reports it."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The same observation before and after the harm. A fault counts only where the two differ."""

    before: str
    after: str

    @property
    def material(self) -> bool:
        """Whether something observable really changed."""
        return self.before != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One fault, or one harmless difference.

    `found_by` names the checks of which one must have a finding whose object or message matches `names`. A harmless
    case must give no finding at all; `listed` then matches what has to be listed as an expected loss.
    """

    id: str
    name: str
    damage: str
    found_by: tuple[str, ...] = ()
    names: str = ""
    harmless: bool = False
    listed: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlCase(Case):
    """Statements of the superuser in a fresh copy of the database, with triggers silenced.

    `probe` is a query that must answer differently afterwards. `whole_server` gives the case a physical copy of the
    server of its own, as what it does is not of one database; `restart` restarts that copy afterwards. `source` is what
    the source has beside the lab's: done before the manifest of the case's own is taken.
    """

    statements: tuple[str, ...]
    probe: str
    source: tuple[str, ...] = ()
    whole_server: bool = False
    restart: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesCase(Case):
    """Something done to the files of a stopped copy of a base backup."""

    harm: Callable[[Files], Observation]
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpCase(Case):
    """Something done to a dump, or to how it was made; the harm ends with the dump's restore."""

    harm: Callable[[Dumps], Observation]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCase(Case):
    """Something done to the archive or to the settings of a recovery that has to reach the archive's end.

    Its observation is the newest row that the recovered copy has, beside the one it should have. `backup` makes a base
    backup and the archive that goes with it; usually a running server's.
    """

    harm: Callable[[Recovery], None]
    backup: Callable[[Lab], tuple[Path, Archive]] | None = None


@dataclass(frozen=True, slots=True)
class PeerVerdict:
    """The verdict of another tool's check: "found", "not found", or "not applicable"; `output` is its first line."""

    outcome: str
    output: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of one case: what changed, the results of the checks, why there was no copy, and other tools' verdicts."""

    case: Case
    observation: Observation | None
    results: tuple[CheckResult, ...]
    failure: str = ""
    peers: Mapping[str, PeerVerdict] = field(default_factory=dict)
    seconds: float = 0.0
    backup: Path | None = None
