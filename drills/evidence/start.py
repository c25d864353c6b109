"""The start record of a run: written, signed and stored before anything is restored, so that no run can quietly disappear.

It says what is about to be tested and what is expected of it, takes the next number of its chain, and names the entry
before it. `start.json` in a bundle holds the same bytes.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from drills.errors import ConfigError
from drills.json_text import VERSION, what_is_in
from drills.model.evidence import EvidenceLevel, EvidenceSummary, Initiator, PlanReferences
from drills.model.record import ExpectedPromise, RunRecord, Setting, value_of
from drills.model.timing import Objectives
from drills.objectives.completeness import VERDICTS
from drills.printable import to_json

START_VERSION = 1
START = "start.json"
CONFIG = "config.json"
PreviousIs = Literal["bundle", "start", ""]
_NAME = re.compile(r"(\d{4,})-(.+)")


@dataclass(frozen=True, slots=True)
class StartRecord:
    """What was known when the run began. Digests are SHA-256 in lower-case hexadecimal.

    `sequence` counts from 1 within the chain. `previous` is the digest of the entry before: of its SHA256SUMS, or where it had
    no bundle then, of its start record, which `previous_is` says; "" for the first. `identity` is the ARN that
    sts:GetCallerIdentity gave, or why there is none; `initiator` has the ARN too, with what the machine and the CI server said
    of themselves. `scenario` is the target's that is drilled, or what is drilled without one. Both were "" in earlier versions.
    `config` is the digest of config.json, which holds `settings`. `expected` are the scenarios and `verdicts` the verdicts that
    the run must come to; `missing` is what of the shipped scenarios was removed or changed. `drill_every_seconds` is how often
    a drill is declared to be due. `unsigned_before` is, in the first signed start of a chain, the number of entries before it,
    none of which is signed; else 0.
    """

    schema_version: int
    chain: str
    sequence: int
    run_id: str
    started_at: datetime
    tool_version: str
    commit: str
    profile: str
    simulated: bool
    target: str
    instance_id: str
    scenario: str
    trigger: str
    identity: str
    level: EvidenceLevel
    key: str
    previous: str
    previous_is: PreviousIs
    config: str
    drill_every_seconds: float | None
    objectives: Objectives
    plan: PlanReferences = field(default_factory=PlanReferences)
    settings: tuple[Setting, ...] = ()
    expected: tuple[ExpectedPromise, ...] = ()
    missing: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    unsigned_before: int = 0
    initiator: Initiator = field(default_factory=Initiator)

    @property
    def name(self) -> str:
        """The name of the entry: of the bundle's folder, and of the start record without its ending."""
        return entry_name(self.sequence, self.run_id)


_ADAPTER: TypeAdapter[StartRecord] = TypeAdapter(StartRecord)


def chain_name(profile: str, target: str) -> str:
    """Return the name of the chain of a profile and a target, which is safe as the name of a folder.

    What is neither a letter of ASCII, a digit, ".", "_" nor "~" is written as "%" and its code, "-" in the profile's name too:
    no two chains have one name.
    """
    return f"{quote(profile, safe='').replace('-', '%2D')}-{quote(target, safe='')}"


def entry_name(sequence: int, run_id: str) -> str:
    """Return the name of an entry of a chain."""
    return f"{sequence:04d}-{run_id}"


def parse_name(name: str) -> tuple[int, str] | None:
    """Return sequence and run id of the name of an entry; None for a name that is none."""
    found = _NAME.fullmatch(name)
    return (int(found[1]), found[2]) if found and entry_name(int(found[1]), found[2]) == name else None


def config_json(settings: Sequence[Setting]) -> bytes:
    """Return config.json: the effective settings with their origins; drill.toml has no room for a secret."""
    return (to_json([dataclasses.asdict(each) for each in settings]) + "\n").encode()


def start_json(record: StartRecord) -> bytes:
    """Return the record as JSON; each of its own keys begins a line, behind one blank, so that a shell can read it."""
    return (to_json(_ADAPTER.dump_python(record, mode="json")) + "\n").encode()


def read_start(data: bytes, name: str) -> StartRecord:
    """Read a start record. Raises ConfigError, one sentence, for what is none or from a newer version of the project."""
    found: StartRecord = read_versioned(_ADAPTER, data, name, "a start record", START_VERSION)
    return found


def read_versioned(adapter: TypeAdapter[Any], data: bytes, name: str, what: str, newest: int) -> Any:
    """Read a record of the evidence. Raises ConfigError, one sentence, as `read_start` does."""
    if found := what_is_in(data.decode("utf-8", errors="replace")):
        raise ConfigError(f"{name}: expected {what}, JSON with {VERSION}, found {found}")
    version = json.loads(data)[VERSION]
    if version > newest:
        raise ConfigError(
            f"{name} has schema version {version}; this version reads up to {newest}: use a newer one of the project"
        )
    try:
        return adapter.validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{name}: expected {what}, found {where + ': ' if where else ''}{first['msg']}") from error


def _identity(opening: RunRecord) -> str:
    """Return who acts in AWS, or why that is nobody of an account."""
    if opening.initiator.arn:
        return opening.initiator.arn
    if value_of(opening.settings, "profile.kind") == "sandbox":
        return "the sandbox's own: the run makes its AWS on this machine, and no account is used"
    return f"not asked: profile {opening.profile} is of no AWS account"


def _scenario(opening: RunRecord, given: str) -> str:
    """Return the scenario of the target that is drilled, or what is drilled without one."""
    if given:
        return given
    if not opening.expected:
        return "none of the target's: no feature is carried out, as where a restore test is validated"
    sample = value_of(opening.settings, "target.sample") or "newest"
    return f"none of the target's: the recovery point that sample names ({sample}), and the scenarios that are expected"


def draft_of(opening: RunRecord, *, scenario: str, drill_every_seconds: float | None, config: str) -> StartRecord:
    """Return the start record of a run from its opening record; the place in the chain is not taken yet."""
    target = opening.target
    return StartRecord(
        schema_version=START_VERSION,
        chain=chain_name(opening.profile, target.name if target else ""),
        sequence=0,
        run_id=opening.run_id,
        started_at=opening.started_at,
        tool_version=opening.tool_version,
        commit=opening.commit,
        profile=opening.profile,
        simulated=opening.simulated,
        target=target.name if target else "",
        instance_id=target.instance_id if target else "",
        scenario=_scenario(opening, scenario),
        trigger=opening.trigger,
        identity=_identity(opening),
        level="L0",
        key="",
        previous="",
        previous_is="",
        config=config,
        drill_every_seconds=drill_every_seconds,
        objectives=opening.objectives,
        plan=opening.plan,
        settings=opening.settings,
        expected=opening.expected,
        missing=opening.missing,
        verdicts=VERDICTS,
        initiator=opening.initiator,
    )


def summary_of(record: StartRecord, digest: str, store: str) -> EvidenceSummary:
    """Return what the run record holds of its place in the chain; `digest` is the start record's."""
    return EvidenceSummary(record.chain, record.sequence, record.level, record.previous, digest, record.key, store)
