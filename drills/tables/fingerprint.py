"""The fingerprint of a table's items: counts, and sums of digests modulo 2^128, which no order and no segment changes. Pure.

The items lie in buckets by the digest of their key, so that a difference is told apart: a key that is lost or added changes the sum
of the keys, an item that is changed the sum of the items alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from drills.tables.canonical import Item, of_item, of_key

ALGORITHM = "item/sha256/1"
BUCKETS = 256
_MODULUS = 1 << 128


@dataclass(frozen=True, slots=True)
class Bucket:
    """The items whose keys fall into one bucket: how many, and the sums of the digests of their keys and of themselves."""

    count: int = 0
    keys: int = 0
    items: int = 0


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A table's items, in BUCKETS buckets."""

    buckets: tuple[Bucket, ...]

    @property
    def count(self) -> int:
        """How many items there are."""
        return sum(each.count for each in self.buckets)

    @property
    def digest(self) -> str:
        """All of it in one digest, to be shown."""
        text = ";".join(f"{each.count},{each.keys:x},{each.items:x}" for each in self.buckets)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(slots=True)
class Sums:
    """Sums up the items of one segment; `key` names the attributes of the primary key, the partition key first."""

    key: tuple[str, ...]
    _counts: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    _keys: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    _items: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    def add(self, items: Iterable[Item]) -> None:
        """Add items. Raises canonical.Unknown for a value of a type that is not known."""
        for item in items:
            digest = hashlib.sha256(b"key" + of_key(item, self.key)).digest()
            at = digest[16]
            self._counts[at] += 1
            self._keys[at] += int.from_bytes(digest[:16], "big")
            self._items[at] += int.from_bytes(hashlib.sha256(b"item" + of_item(item)).digest()[:16], "big")

    @property
    def count(self) -> int:
        """How many items have been added."""
        return sum(self._counts)

    def fingerprint(self) -> Fingerprint:
        """Return the fingerprint of the items so far."""
        columns = zip(self._counts, self._keys, self._items, strict=True)
        return Fingerprint(tuple(Bucket(n, keys % _MODULUS, items % _MODULUS) for n, keys, items in columns))


def merge(parts: Iterable[Fingerprint]) -> Fingerprint:
    """Return the fingerprint of a table whose segments have these."""
    columns = zip(*(part.buckets for part in parts), strict=True)
    return Fingerprint(
        tuple(
            Bucket(
                sum(each.count for each in column),
                sum(each.keys for each in column) % _MODULUS,
                sum(each.items for each in column) % _MODULUS,
            )
            for column in columns
        )
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """How two tables differ, at least: items of one that the other has not, and buckets of which items were changed."""

    missing: int
    added: int
    exchanged: int
    changed: int

    def __bool__(self) -> bool:
        """Whether they differ at all."""
        return any((self.missing, self.added, self.exchanged, self.changed))


def compare(expected: Fingerprint, found: Fingerprint) -> Difference:
    """Return how the items found differ from those expected.

    `missing` and `added` are items fewer or more in a bucket; `exchanged` buckets have as many, of other keys; `changed` ones have
    the same keys with other attributes.
    """
    missing = added = exchanged = changed = 0
    for one, other in zip(expected.buckets, found.buckets, strict=True):
        missing += max(0, one.count - other.count)
        added += max(0, other.count - one.count)
        same_count = one.count == other.count
        exchanged += same_count and one.keys != other.keys
        changed += same_count and one.keys == other.keys and one.items != other.items
    return Difference(missing, added, exchanged, changed)
