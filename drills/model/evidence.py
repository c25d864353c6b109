"""The values of a run's evidence that its record holds: its place in the chain, and what the owner's plan says.

All are frozen. Digests are SHA-256 in lower-case hexadecimal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# L0 unsigned, L1 a key in a file, L2 a key in AWS KMS, L3 such a key and a time stamp or a lock that nobody can lift.
EvidenceLevel = Literal["L0", "L1", "L2", "L3"]


@dataclass(frozen=True, slots=True)
class EvidenceSummary:
    """The run's place in the chain of its target's runs, as its start record has it.

    `chain` is the name of the chain, `sequence` counts from 1 within it. `previous` is the digest of the bundle before
    ("" for the first), `start` that of start.json. `key` is the fingerprint of the public key: the digest of its DER form
    (SubjectPublicKeyInfo), "" where nothing is signed. `store` is where bundles go besides the folder, "" for nowhere.
    """

    chain: str
    sequence: int
    level: EvidenceLevel = "L0"
    previous: str = ""
    start: str = ""
    key: str = ""
    store: str = ""


@dataclass(frozen=True, slots=True)
class Initiator:
    """By whom a run was carried out; "" for what is not known.

    `arn` is AWS's word: what sts:GetCallerIdentity gave
    (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html), or "not known: " and why; "" where no
    account is used. The rest is self-declared: `user` and `host` by the operating system, `actor` and the address of the `job`
    by the environment of a CI server.
    """

    arn: str = ""
    user: str = ""
    host: str = ""
    actor: str = ""
    job: str = ""


@dataclass(frozen=True, slots=True)
class PlanReferences:
    """What the owner's contingency plan says of the target, word for word from drill.toml; "" is "not supplied"."""

    version: str = ""
    business_impact: str = ""
    tabletop: str = ""
    objectives_owner: str = ""
    objectives_approved: str = ""
    reviewer: str = ""
    approver: str = ""
    tickets: tuple[str, ...] = ()
