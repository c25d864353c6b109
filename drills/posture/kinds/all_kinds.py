"""Every kind that posture judges. One that is added has its line here, and its words in drills/posture/subjects.py."""

from __future__ import annotations

from drills.config.load import Target
from drills.errors import ConfigError
from drills.posture.kinds import bucket, database, file_system, table, volume
from drills.posture.kinds.kind import SourceKind

KINDS: tuple[SourceKind, ...] = (
    *(database.OF_INSTANCES, database.OF_CLUSTERS, table.KIND, volume.KIND, file_system.KIND),
    bucket.KIND,
)


def kind_of(target: Target) -> SourceKind:
    """Return the kind of a target. Raises ConfigError for one whose posture nobody judges."""
    word = target.other.source if target.other else target.kind
    if all(each.subject.word != word for each in KINDS):
        target.require_database("drills posture")
    if owner := target.vault_access.account:
        raise ConfigError(
            f"drills posture: expected a target whose vault this account owns, found vault_access.account {owner}: its backups are "
            "judged in the account of the source, by a target without vault_access"
        )
    return of_word(word)


def of_word(word: str) -> SourceKind:
    """Return the kind of what is called so."""
    return next(each for each in KINDS if each.subject.word == word)
