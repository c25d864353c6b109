"""Keeps the evidence of one target's runs: the start before anything is restored, the bundle when all is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from drills.clock import Clock, SystemClock
from drills.config.evidence import EvidenceConfig, is_kms_key
from drills.config.load import Config, SandboxProfile
from drills.errors import ConfigError, DrillError, NotSealed
from drills.evidence import folder as chains
from drills.evidence.bundle import Bundle, write_bundle
from drills.evidence.check import STARTS
from drills.evidence.folder import Begun
from drills.evidence.keys import PublicKey, load_public_key
from drills.evidence.numbers import SharedChain
from drills.evidence.opening import configured_key, open_seal, open_store
from drills.evidence.recent.once import Once
from drills.evidence.seal import Seal
from drills.evidence.start import CONFIG, START, StartRecord, chain_name, config_json, entry_name, read_start
from drills.evidence.sums import SUMS
from drills.files import write_atomically
from drills.model.evidence import EvidenceLevel, EvidenceSummary
from drills.record import RECORD_NAME

if TYPE_CHECKING:
    from drills.aws.session import Clients
    from drills.evidence.store import Store  # loads botocore, as all that AWS needs is loaded when it is needed

# what of a run's folder is evidence, where it is there: files, and folders with all that lies below them
FILES = (
    RECORD_NAME,
    "manifest.json",
    "observations.json",
    "observations.json.gz",
    CONFIG,
    "report.html",
    "report.pdf",
    "summary.md",
)
FOLDERS = ("raw", "export")
MOVED: Mapping[str, str] = {"junit.xml": "raw/junit.xml"}


@dataclass(frozen=True, slots=True)
class Keeper:
    """Where the evidence of a target's runs goes, and how it is sealed. `chain` is the folder of their chain."""

    chain: Path
    seal: Seal
    store: Store | None
    clock: Clock
    public_key: PublicKey | None = None
    once: Once | None = None

    def begin(self, draft: StartRecord, folder: Path) -> Begun:
        """Write the start record, and config.json to the run's folder. Raises DrillError: then the run must not begin.

        With `once` it raises AlreadyDrilled where another run counts.
        """
        write_atomically(folder / CONFIG, config_json(draft.settings).decode())
        shared = SharedChain(self.store, self.chain.name) if self.store else None
        return chains.begin(self.chain, draft, self.seal, self.clock, self.public_key, shared, self.once)

    def _sealed_start(self, name: str) -> list[Path]:
        return sorted((self.chain / STARTS).glob(f"{name}.json*"))

    def path_of(self, start: StartRecord) -> Path:
        """Return where a start record is."""
        return self.chain / STARTS / f"{start.name}.json"

    def is_sealed(self, start: StartRecord) -> bool:
        """Return whether the run has its bundle."""
        return (self.chain / start.name / SUMS).exists()

    def seal_run(self, folder: Path, place: EvidenceSummary, run_id: str) -> Bundle:
        """Seal what of the run's folder is evidence, with its start record. Raises DrillError, OSError."""
        name = entry_name(place.sequence, run_id)
        starts = self._sealed_start(name)
        if not starts:
            raise NotSealed(
                f"expected the start record of {name} in {self.chain / STARTS}, found none: it was removed, or the run was "
                "begun with another configuration, which --config names"
            )
        if place.key and place.key != self.seal.fingerprint:
            found = f"another ({self.seal.fingerprint[:16]}…)" if self.seal.signer else "none"
            raise NotSealed(
                f"expected the key that signed the start of {name} ({place.key[:16]}…), found {found}: set it as key in "
                "[evidence], or name the configuration that has it with --config"
            )
        files: dict[str, bytes | Path] = {path.name.replace(f"{name}.json", START, 1): path for path in starts}
        bundle = write_bundle(self.chain / name, files | evidence_in(folder), self.seal)
        self.put_again(bundle.folder)
        return bundle

    def put_again(self, bundle: Path) -> None:
        """Keep a bundle in the store, where there is one. Raises NotSealed."""
        if self.store:
            from drills.evidence.store import put_bundle

            put_bundle(self.store, bundle, f"{self.chain.name}/{bundle.name}")

    def runs(self) -> frozenset[str]:
        """Return the names of the runs that have an entry in the chain."""
        return chains.runs_in(self.chain)

    def abandoned(self) -> Sequence[StartRecord]:
        """Return the starts whose runs have ended without a bundle: all of their processes are gone."""
        open_ones = [
            path  # of whose run it is first known that it has ended: until then it can be sealed
            for path in chains.records(self.chain / STARTS)
            if not chains.is_held(path) and not (self.chain / path.stem / SUMS).exists()
        ]
        return [read_start(path.read_bytes(), path.name) for path in open_ones]


def evidence_in(folder: Path) -> dict[str, Path]:
    """Return the files of a run's folder that are evidence, by their names in the bundle; no link is followed."""
    found = {name: folder / name for name in FILES}
    found |= {name: folder / source for source, name in MOVED.items()}
    for tree in FOLDERS:
        found |= {str(path.relative_to(folder)): path for path in sorted((folder / tree).rglob("*"))}
    return {name: path for name, path in found.items() if path.is_file() and not path.is_symlink()}


def chain_of(config: Config) -> Path:
    """Return the folder of the chain that a run with this configuration belongs to."""
    return Path(config.evidence.folder) / chain_name(config.profile_name, config.target_name)


def open_keeper(config: Config, environment: Mapping[str, str]) -> Keeper:
    """Return the keeper of a configuration.

    Raises ConfigError for a key that cannot be used, NotSealed where AWS does not answer.
    """
    return Keeper(
        chain_of(config),
        open_seal(config.evidence, environment, lambda: _clients(config)),
        store_of(config),
        SystemClock(),
        configured_key(config.evidence),
    )


def store_of(config: Config) -> Store | None:
    """Return the second place of the evidence, None where there is none; calls no AWS yet."""
    return open_store(config.evidence, lambda: _clients(config))


def _clients(config: Config) -> Clients:
    if isinstance(config.profile, SandboxProfile):
        raise ConfigError(
            f"evidence: expected a key in a file or a variable, and a folder as store, since the AWS of profile "
            f'"{config.profile_name}" begins and ends with the run; found {config.evidence.key or "no key"} and '
            f"{config.evidence.store or 'no store'}: set others in [profiles.{config.profile_name}.evidence]"
        )
    from drills.aws import sides  # loads boto3, which a run in the sandbox never needs here

    return sides.open_source(config, role="evidence")


def open_for_run(config: Config, environment: Mapping[str, str]) -> Keeper:
    """Return the keeper for a run that is about to begin. Raises DrillError where it could not be sealed: it must not begin."""
    try:
        keeper = open_keeper(config, environment)
        if keeper.store:
            keeper.store.check()
    except NotSealed as error:
        raise DrillError(f"{error}: the run was not begun, since it would leave no evidence") from error
    return keeper


def try_key(config: Config, environment: Mapping[str, str]) -> str:
    """Return how a run would be signed, for a dry run: a key in a file or a variable signs a trial, and KMS is asked nothing.

    Raises DrillError as the run would, also where the chain goes on with another key. Writes nothing.
    """
    evidence = config.evidence
    if evidence.key and is_kms_key(evidence.key):
        if isinstance(config.profile, SandboxProfile):
            _clients(config)  # refuses
        return f"by {evidence.key}, which was not asked: the run needs kms:GetPublicKey and kms:Sign"
    seal = open_seal(evidence, environment, lambda: _clients(config))
    chains.refuse_other_seal(chain_of(config), seal, configured_key(evidence))
    if seal.signer is None:
        return "by nobody, since [evidence] names no key"
    data = b"a dry run"
    if not load_public_key(seal.signer.public_pem.encode(), str(evidence.key)).verify(data, seal.signer.sign(data)):
        raise ConfigError(f"{evidence.key}: expected a key whose signature verifies, found one whose does not")
    return f"by {evidence.key}, which can sign, fingerprint {seal.fingerprint}"


def planned_level(config: EvidenceConfig) -> EvidenceLevel:
    """Return the level that a run's evidence will have, as its configuration says; opens no key."""
    if not config.key:
        return "L0"
    if not is_kms_key(config.key):
        return "L1"
    return "L3" if config.timestamp_url or config.lock == "compliance" else "L2"


def is_over(start: StartRecord, now: datetime, limit_seconds: float) -> bool:
    """Return whether a run that nobody hears of must have ended by now: it can run on another machine."""
    return (now - start.started_at).total_seconds() > limit_seconds
