"""What the run of a target proved, and what it leaves to trust, in plain words: a line of each in the scorecard. Pure.

What is proved is read from the run's checks. What is taken on trust is what its checks left out, and what no drill of such a thing
looks at (docs/dynamodb.md, docs/ebs.md, docs/efs.md, docs/s3.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from drills.model.finding import CheckResult
from drills.model.instance import SourceKind
from drills.model.record import RunRecord
from drills.plural import counted

SETTINGS = "settings"
NAMED = 4  # checks that were not verified; the report has all
_OF_DATABASES = (
    ("catalog", "{n} entries of the schema are as they were"),
    ("content", "every row of {n} tables is as it was"),
    ("large objects", "so are {n} large objects"),
    ("constraints", "{n} constraints hold"),
    ("invariants", "{n} rules of the owner hold"),
)
_PROVED: Mapping[SourceKind, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "instance": _OF_DATABASES,
        "cluster": _OF_DATABASES,
        "table": (
            ("items", "every attribute of all {n} items is as it was"),
            ("settings", "{n} settings are as a restore brings them back"),
        ),
        "volume": (
            ("available", "a volume can be made of the recovery point"),
            ("settings", "{n} settings are those of the source"),
            ("lineage", "its snapshot was taken of the source"),
        ),
        "file system": (
            ("available", "a file system can be made of the recovery point"),
            ("settings", "{n} settings are those of the source"),
        ),
        "bucket": (("objects", "all {n} objects of the backup were read and are as they were"),),
    }
)
_UNSEEN: Mapping[SourceKind, tuple[str, ...]] = MappingProxyType(
    {
        "table": ("that its indexes hold what it holds",),
        "volume": ("what is on it, and of when: no block was read", "that an instance can attach and mount it"),
        "file system": ("which files it has, and of when: nothing has mounted it",),
        "bucket": ("its ACLs, older versions and the tags' values of its objects: none is restored or compared",),
    }
)
# by the words above
_SAID: Mapping[SourceKind, frozenset[str]] = MappingProxyType(
    {"volume": frozenset({"contents"}), "file system": frozenset({"contents"})}
)


def proved(record: RunRecord) -> tuple[str, ...]:
    """Return what the checks of the copy found as it was, nothing where none was made."""
    met = {each.name: each for each in _checks(record) if each.outcome == "met" and each.compared}
    words = _PROVED.get(record.kind, ())
    return tuple(said.format(n=f"{_as_it_was(met[name]):,}") for name, said in words if name in met)


def _as_it_was(check: CheckResult) -> int:
    """Return how many things a check that is met found as they were: settings that are to be set up by hand are not."""
    return check.compared - (len(check.findings) if check.name == SETTINGS else 0)


def on_trust(record: RunRecord) -> tuple[str, ...]:
    """Return what the run leaves unproved: all of it where no copy was checked."""
    checks = _checks(record)
    if not checks:
        return ("everything: no copy was checked",)
    return (*_by_hand(record, checks), *_UNSEEN.get(record.kind, ()), *_left_out(record, checks))


def _by_hand(record: RunRecord, checks: tuple[CheckResult, ...]) -> Iterator[str]:
    """Yield the settings of what is no database that the copy has not: nobody proves that they are set up in a disaster."""
    lost = [finding.object for each in checks if each.name == SETTINGS for finding in each.findings]
    if lost and not record.is_of_database:
        yield f"that somebody sets up by hand: {', '.join(lost)}"


def _left_out(record: RunRecord, checks: tuple[CheckResult, ...]) -> Iterator[str]:
    said = _SAID.get(record.kind, frozenset())
    names = [each.name for each in checks if each.outcome == "not verified" and each.name not in said]
    if names:
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        yield f"not verified: {', '.join(names[:NAMED])}{more}"
    parts = sum(len(each.not_checked) for each in checks if each.outcome != "not verified")
    if parts:
        yield f"{counted(parts, 'thing')} compared in part or not at all"


def _checks(record: RunRecord) -> tuple[CheckResult, ...]:
    return next((each.checks for each in record.restorations if each.purpose == "recovery"), ())
