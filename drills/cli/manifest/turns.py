"""The file of `drills verify --turns`: what verifications of one copy after another have proved of one source's tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from drills.checks.in_turn import InTurn, coverage
from drills.checks.judging import Judge
from drills.checks.manifest import Manifest
from drills.clock import Clock
from drills.errors import ConfigError
from drills.history.coverage import CoveredBy, append, known
from drills.model.coverage import Coverage
from drills.model.policy import TablePolicy
from drills.turns import wording

PROFILE = "verify"  # by which its lines are told from those of drills


@dataclass(frozen=True, slots=True)
class Covered:
    """What was proved, as it is shown; `problem` is why it could not be kept, "" where it is."""

    coverage: Coverage
    problem: str = ""

    def remarks(self) -> tuple[str, ...]:
        """Return it in words."""
        since = wording.longest_ago(self.coverage)
        outlook = wording.outlook(self.coverage)
        told = [wording.this_run(self.coverage), f"{outlook}; {since}" if since else outlook]
        if self.problem:
            told.append(f"--turns: {self.problem}")
        return tuple(told) if self.coverage.is_full_proof else (*told, wording.OVER_TIME)

    def facts(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {"coverage": TypeAdapter(Coverage).dump_python(self.coverage, mode="json")}


class Turns:
    """The file, and the comparison that goes by it."""

    def __init__(self, path: Path, manifest: Manifest, clock: Clock) -> None:
        """Read the file, where there is one. ConfigError, one sentence, where it cannot be read or written."""
        self._path, self._manifest, self._clock = path, manifest, clock
        self._key = CoveredBy(manifest.system_identifier, PROFILE, False, instance_id=manifest.only)
        try:
            path.open("a").close()  # a place that cannot be written is known before hours of reading
        except OSError as error:
            raise ConfigError(
                f"--turns: expected a place that can be written, found {path}: {error.strerror}: name another file"
            ) from error
        earlier, problem = known(path, self._key, clock.now())
        if problem:
            raise ConfigError(f"--turns: expected what an earlier --turns wrote, found: {problem}: name another file")
        self.reading = InTurn(earlier, clock.now())

    def keep(self, policies: Mapping[str, TablePolicy]) -> Covered | None:
        """Add what was proved to the file; None where the content was not compared."""
        seen = self.reading.seen
        if seen is None:
            return None
        run_id = f"{PROFILE}-{self.reading.at:%Y%m%dT%H%M%S.%f}"
        found = coverage(Judge(self._manifest, policies), seen, self.reading.contents, run_id)
        return Covered(found, append(self._path, self._key, found.learned, self._clock))
