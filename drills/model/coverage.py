"""What drills of one target have proved of its tables over time, and what is still to be proved.

Each drill restores a copy of its own: what several have proved says that the backups keep being right, and nothing of one copy.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Proof:
    """The run that proved something on its copy, and when."""

    run_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ProvedKeys:
    """The rows with integer keys from `low` up to and without `high`, which were those of the manifest."""

    low: int
    high: int
    proof: Proof


@dataclass(frozen=True, slots=True)
class Speed:
    """The seconds in which one connection read so many bytes; `cut`: it was ended then, and would have taken longer."""

    size: int
    seconds: float
    cut: bool = False


@dataclass(frozen=True, slots=True)
class TableKnown:
    """What earlier drills have proved of a table, whole and by keys, and how long it took to read it in either way.

    `policy` is how it was compared, as drill.toml writes it, "" where all of its rows were.
    """

    whole: Proof | None = None
    keys: tuple[ProvedKeys, ...] = ()
    speed: Speed | None = None
    speed_by_key: Speed | None = None
    policy: str = ""

    def under(self, policy: str) -> TableKnown:
        """Return what of it holds where the table is to be compared by this policy: a laxer one has proved nothing for it."""
        return self if self.policy in ("", policy) else replace(self, whole=None, keys=(), policy="")


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier drills have proved, by database and table.

    `rate` is how many bytes a connection reads in a second, None before it was measured; `overhead` the seconds of the budget in
    which no row is read: connecting, listing and planning.
    """

    tables: dict[str, dict[str, TableKnown]] = field(default_factory=dict)
    rate: float | None = None
    overhead: float = 0.0

    def of(self, database: str, table: str) -> TableKnown:
        """Return what is known of a table."""
        return self.tables.get(database, {}).get(table) or _NOTHING


_NOTHING = TableKnown()


@dataclass(frozen=True, slots=True)
class Measured:
    """How fast one drill read: on the whole (bytes a second of one connection), and large tables by database and name.

    `overhead` is how many seconds of its budget were gone without a row being read, None where it had none.
    """

    rate: float | None = None
    overhead: float | None = None
    whole: dict[str, dict[str, Speed]] = field(default_factory=dict)
    by_key: dict[str, dict[str, Speed]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Learned:
    """What one drill has proved: tables whole, others by ranges of keys (`low`, and `high` without it), and how fast it read.

    `policies` has those of the proved tables of which not all rows are compared; `differed` are the tables that were not alike.
    """

    run_id: str
    at: datetime
    whole: dict[str, tuple[str, ...]] = field(default_factory=dict)
    by_key: dict[str, dict[str, tuple[tuple[int, int], ...]]] = field(default_factory=dict)
    measured: Measured = field(default_factory=Measured)
    policies: dict[str, dict[str, str]] = field(default_factory=dict)
    differed: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def policy_of(self, database: str, table: str) -> str:
        """Return the policy by which a table was compared, "" where all of its rows were."""
        return self.policies.get(database, {}).get(table, "")


@dataclass(frozen=True, slots=True)
class ProvedTogether:
    """The tables that one run was the last to prove whole."""

    proof: Proof
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProvedByParts:
    """A table of which `proved` of `parts` were proved since it was last proved whole, the `oldest` and the `newest` by these."""

    table: str
    parts: int
    proved: int
    oldest: Proof
    newest: Proof


@dataclass(frozen=True, slots=True)
class Outlook:
    """After how many more drills at the budget everything will have been proved; None: not at this budget.

    `cycle` is how many drills it takes to prove everything anew, `too_large` what no drill at the budget can prove, with the
    reason: it takes longer, or could not be read. `assumed`: nothing was measured yet, so that the rate of reading is a guess.
    """

    drills: int | None
    cycle: int | None
    too_large: tuple[tuple[str, str], ...] = ()
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Coverage:
    """The tables of a target that is compared within a budget, `tables` in all, and when each was last proved.

    `whole` has those that were ever compared whole, the longest ago first; `by_parts` those of which parts were proved since or
    instead, and `unproved` the names of those that are proved neither whole nor by all of their parts. `learned` is this run's.
    """

    budget_seconds: float | None
    tables: int
    learned: Learned
    whole: tuple[ProvedTogether, ...] = ()
    by_parts: tuple[ProvedByParts, ...] = ()
    unproved: tuple[str, ...] = ()
    outlook: Outlook = Outlook(None, None)

    @property
    def whole_now(self) -> int:
        """How many tables this run has compared whole."""
        return sum(map(len, self.learned.whole.values()))

    @property
    def counted_now(self) -> int:
        """Of how many of these the rows were counted alone, as their policies say."""
        of = self.learned
        return sum(
            of.policy_of(database, name).startswith("at least")
            for database, names in of.whole.items()
            for name in names
        )

    @property
    def is_full_proof(self) -> bool:
        """Whether this run has compared every table whole, on its one copy."""
        return self.whole_now == self.tables
