"""The fingerprints that a manifest stores of a database's tables, and the options of reading them."""

from __future__ import annotations

from dataclasses import dataclass, field

from drills.checks.base.budget import Budget
from drills.checks.content import ranges
from drills.checks.content.fingerprint import Algorithm, Form
from drills.checks.content.ranges import Key, Ranges
from drills.checks.content.tables import ListedTable, Membership


@dataclass(frozen=True, slots=True)
class Carried:
    """Rows and fingerprint of what a dump carries of an extension's table."""

    rows: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class TableContent:
    """How many rows a table has, and their fingerprint: 32 hexadecimal digits, 128 bits.

    With a watermark both cover the rows up to `up_to` in `column` only. `root` is the table that it is a partition of.
    `form` says how a row was turned into text, and `ranges` where a difference will be (in manifests, if rows have a
    key). A table in a schema of PostgreSQL's, or with a `member`, the extension that it belongs to, is none that the
    catalog check names. `carried` is what a dump carries of it, where the extension sets a condition.
    `view_oid` is the OID of a materialised view, which a physical copy keeps; 0 of a table.
    """

    rows: int
    fingerprint: str
    root: str = ""
    unlogged: bool = False
    column: str = ""
    up_to: str = ""
    form: Form = "row"
    ranges: Ranges | None = None
    system_schema: bool = False
    view_oid: int = 0
    member: Membership | None = None
    carried: Carried | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """The tables of one database as they were read.

    `unreadable` says which right was lacking, `damaged` the server's error for a table that it could not read. `not_read`
    names relations without rows that can be read, and why; None in a manifest from before tables of extensions and those
    in schemas of PostgreSQL's were read. `encoding` is the database's, "" in a manifest from before it was stored.
    """

    algorithm: Algorithm
    tables: dict[str, TableContent] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)
    not_read: dict[str, str] | None = None
    encoding: str = ""

    def in_order(self) -> Contents:
        """Return the same, sorted by name: several connections read in no order."""
        return Contents(
            self.algorithm,
            dict(sorted(self.tables.items())),
            dict(sorted(self.unreadable.items())),
            dict(sorted(self.damaged.items())),
            self.not_read,
            self.encoding,
        )


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How tables are read: for a manifest with ranges, for a copy as the manifest's `expected` says.

    `convert` is the encoding that text is converted to before it is hashed, "" where it is hashed as it is.
    """

    expected: Contents | None
    ranged: bool
    key: bytes | None
    budget: Budget | None = None
    convert: str = ""

    def key_of(self, table: ListedTable) -> Key | None:
        """Return the key whose ranges are summed; None where none are, or where it would have to be hashed without a
        key for it.
        """
        if not self.ranged or table.key is None or (table.key.kind == "hash" and self.key is None):
            return None
        return table.key

    def seed_of(self, key: Key) -> int:
        """Return the seed under which a key is hashed."""
        return ranges.seed_of(self.key if key.kind == "hash" else None)
