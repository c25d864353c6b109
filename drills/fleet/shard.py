"""Which targets of a fleet one of several machines drills. Pure.

The targets are dealt out in the order of their names, as cards are: shares differ by one target at most, and each target is in
exactly one. That holds where every machine knows the same targets; `drills report merge` compares what they knew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from drills.errors import ConfigError

_SHARD = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class Shard:
    """The share `index` of `count`, counted from 1."""

    index: int
    count: int

    def __str__(self) -> str:
        """As `--shard` takes it."""
        return f"{self.index}/{self.count}"

    def of(self, targets: Iterable[str]) -> tuple[str, ...]:
        """Return the targets of this share, by name."""
        return tuple(sorted(set(targets)))[self.index - 1 :: self.count]


WHOLE = Shard(1, 1)


def parse(text: str) -> Shard:
    """Read "2/5". Raises ConfigError."""
    found = _SHARD.fullmatch(text.strip())
    if found and 1 <= int(found[1]) <= int(found[2]):
        return Shard(int(found[1]), int(found[2]))
    zero = (
        "shares are counted from 1, so add one to an index that begins with 0"
        if found and not int(found[1])
        else "type --shard 2/5 for the second of five machines"
    )
    raise ConfigError(f'--shard: expected a share I/N from 1/N to N/N, such as 2/5, found "{text}": {zero}')
