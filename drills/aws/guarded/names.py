"""The names and tags of what a run makes. A `ScratchName` cannot be built for anything else: it is made from the run's id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from drills.aws.read import EXPIRES_TAG, RUN_TAG, TARGET_TAG
from drills.config.values import taggable
from drills.errors import Refused
from drills.model.instance import SCRATCH, ResourceKind

PREFIX = SCRATCH
LOCK_PREFIX = f"{PREFIX}lock-"
# on what a restore test makes ("Restore testing", AWS Backup developer guide)
RESTORE_TEST_TAG = "awsbackup-restore-test"
# RDS exports an instance's logs to groups of this name ("Publishing PostgreSQL logs to Amazon CloudWatch Logs").
LOG_GROUPS = "/aws/rds/instance/"
_WORDS = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
LONGEST = 63  # characters of an identifier of RDS (API reference, CreateDBInstance)


class ScratchName(str):
    """The name of something that one run makes: `drill-<run id>-<rest>`. Raises Refused for what is no such name."""

    __slots__ = ("run_id",)
    run_id: str

    def __new__(cls, run_id: str, rest: str) -> ScratchName:
        """Build the name from the run's id and what the thing is for."""
        text = f"{PREFIX}{run_id}-{rest}"
        if not (_WORDS.fullmatch(run_id) and _WORDS.fullmatch(rest)) or len(text) > LONGEST:
            raise Refused(
                f"expected a run's id and a purpose of letters, digits and single hyphens, {LONGEST} characters in all, "
                f'found "{text}": nothing is made or removed under such a name'
            )
        name = super().__new__(cls, text)
        name.run_id = run_id
        return name

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Copy and pickle as plain text: only the run's id makes a name."""
        return str, (str(self),)

    @classmethod
    def read(cls, text: str, run_id: str) -> ScratchName:
        """Return a name that a record or AWS gives. Refused where it is not one of this run."""
        start = f"{PREFIX}{run_id}-"
        if not text.startswith(PREFIX):
            raise Refused(f"its name does not begin with {PREFIX!r}")
        if not text.startswith(start):
            raise Refused(f"its name does not begin with {start!r}, as the names of this run do")
        return cls(run_id, text.removeprefix(start))


class LockName(str):
    """The name of a parameter group by which runs lock a target: `drill-lock-<digest>-<number>`. The tag says whose it is."""

    __slots__ = ()
    _FORM = re.compile(f"{LOCK_PREFIX}[0-9a-f]{{16}}-[0-9]{{1,9}}")

    def __new__(cls, text: str) -> LockName:
        """Take a name of a lock. Raises Refused for every other."""
        if not cls._FORM.fullmatch(text):
            raise Refused(f'expected the name of a lock ({LOCK_PREFIX}<16 hex digits>-<number>), found "{text}"')
        return super().__new__(cls, text)


def check_name(kind: ResourceKind, text: str, run_id: str) -> None:
    """Refuse a name that this run has not given. RDS names log groups, after the instance."""
    if kind == "db-parameter-group" and text.startswith(LOCK_PREFIX):
        LockName(text)
        return
    if kind == "log-group":
        text = text.removeprefix(LOG_GROUPS).split("/")[0] if text.startswith(LOG_GROUPS) else text
    ScratchName.read(text, run_id)


@dataclass(frozen=True, slots=True)
class ScratchNames:
    """The names of everything that one restore makes. `instance` is the copy's own name, also where it is a cluster."""

    instance: ScratchName
    parameter_group: ScratchName
    subnet_group: ScratchName
    security_group: ScratchName
    snapshot: ScratchName
    secret: ScratchName
    writer: ScratchName
    cluster_parameters: ScratchName

    @classmethod
    def of(cls, run_id: str, purpose: str) -> ScratchNames:
        """Return the names for a run; `purpose` ("recovery", "rehearsal") keeps the restores of one run apart."""
        parts = ("parameters", "subnets", "isolation", "copy", "login", "writer", "cluster-parameters")
        rest = (purpose, *(f"{purpose}-{part}" for part in parts))
        return cls(*(ScratchName(run_id, each) for each in rest))


def scratch_tags(run_id: str, target: str, expires: str, extra: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that everything made by a run carries; `expires` is the end of its time to live, ISO 8601 in UTC."""
    return dict(extra) | {RUN_TAG: run_id, TARGET_TAG: target_tag(target), EXPIRES_TAG: expires}


def target_tag(target: str) -> str:
    """Return the value of TARGET_TAG for a target: no longer, and of no other characters, than AWS takes."""
    return taggable(target)[:256]
