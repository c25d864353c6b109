"""What is said and signed of a manifest in a store: the target and the point that it is of, its instant, and its digest.

    STORE/TARGET/times/20261129T031502Z-1f9a03c4/    the manifest of that instant
    STORE/TARGET/points/arn:aws:backup:…/            the manifest of that recovery point
        manifest.json  about.json.sig  about.json    in the order in which they are written
    STORE/TARGET/keys/NAME.key                       the key of its digests, for fewer readers

The signature is of about.json, so that a manifest which is put in another's place, or under another target, is found out; it is
checked with `openssl dgst -sha256 -verify`, and the manifest with `sha256sum`.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from urllib.parse import quote

MANIFEST, ABOUT, SIGNATURE = "manifest.json", "about.json", "about.json.sig"
TIMES, POINTS, KEYS = "times", "points", "keys"
FORMAT = 1
_NAME = re.compile(r"(\d{8}T\d{6}Z)-[0-9a-f]{8}")
# What a drill looks up: the ARN of a snapshot or a recovery point (RDS user guide, "Amazon Resource Names"; AWS Backup API
# reference, DescribeRecoveryPoint). Not an instance's, nor that of its automated backups, which every moment has.
_POINT = re.compile(
    r"arn:aws[a-z-]*:(?:rds:[a-z0-9-]+:[0-9]{12}:snapshot:[A-Za-z][A-Za-z0-9:-]*"
    r"|backup:[a-z0-9-]+:[0-9]{12}:recovery-point:[A-Za-z0-9:-]+)"
)
_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class About:
    """What is signed of a stored manifest. `point` is "" for one that is stored by its time; `sha256` is of manifest.json."""

    target: str
    point: str
    taken_at: datetime
    sha256: str
    format: int = FORMAT


def write_about(about: About) -> bytes:
    """Return about.json: less than the 4,096 bytes that AWS KMS signs as they are."""
    raw = asdict(about) | {"taken_at": about.taken_at.astimezone(UTC).isoformat()}
    return (json.dumps(raw, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def read_about(data: bytes) -> About:
    """Return what about.json says. ValueError where it is none, or of a newer version."""
    raw = json.loads(data)
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise ValueError(f"expected format {FORMAT}")
    texts = {name: raw.get(name) for name in ("target", "point", "sha256")}
    if not all(isinstance(each, str) for each in texts.values()):
        raise ValueError("expected target, point and sha256 as texts")
    taken_at = datetime.fromisoformat(str(raw.get("taken_at")))
    if taken_at.tzinfo is None:
        raise ValueError("expected an instant with its offset from UTC")
    return About(str(texts["target"]), str(texts["point"]), taken_at.astimezone(UTC), str(texts["sha256"]))


def digest_of(manifest: bytes) -> str:
    """Return the SHA-256 of a manifest's file, hexadecimal."""
    return hashlib.sha256(manifest).hexdigest()


# -- names ------------------------------------------------------------------------------------------------------------


def folder_of(target: str) -> str:
    """Return the folder of a target in a store; no two targets have one, and none leads out of the store."""
    return quote(target, safe="") if target.strip(".") else target.replace(".", "%2E")


def name_of_time(taken_at: datetime, chance: str) -> str:
    """Return the name of a manifest by its time, to the second; `chance` are 8 hexadecimal digits."""
    return f"{taken_at.astimezone(UTC):{_STAMP}}-{chance}"


def time_of(name: str) -> datetime | None:
    """Return the second that a name says; None for a name that is none."""
    found = _NAME.fullmatch(name)
    try:
        return datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


def is_point(text: str) -> bool:
    """Return whether a text has the form of a recovery point's ARN, under which a drill finds a manifest. Pure."""
    return bool(_POINT.fullmatch(text))


def name_of_point(point: str) -> str:
    """Return the name of a manifest by the ARN of its recovery point."""
    return quote(point, safe=":")


def entry_path(target: str, kind: str, name: str) -> str:
    """Return the path of an entry, of kind `TIMES` or `POINTS`, in a store."""
    return f"{folder_of(target)}/{kind}/{name}"


def key_path(target: str, name: str) -> str:
    """Return the path of the key of an entry."""
    return f"{folder_of(target)}/{KEYS}/{name}.key"
