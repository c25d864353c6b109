"""Compare the content of a copy by turns within a budget: what is read of each database, and what drills have proved by then.

Planning asks each database for the sizes of its tables. All else is pure: whoever has what was noted plans and judges the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from drills.checks.base.budget import OUT_OF_TIME
from drills.checks.base.relations import FIRST_USER_OID
from drills.checks.base.runner import observe_each
from drills.checks.base.session import Connection, Connector, index_scans
from drills.checks.content import check as content
from drills.checks.content import key_parts, pieces
from drills.checks.content.key_parts import Turn
from drills.checks.content.read import server_encoding
from drills.checks.judging import Judge
from drills.checks.manifest import Manifest
from drills.checks.observed import ContentSeen, TurnsSeen
from drills.model.coverage import (
    Coverage,
    Known,
    Learned,
    Measured,
    Outlook,
    Proof,
    ProvedByParts,
    ProvedTogether,
    Speed,
    TableKnown,
)
from drills.model.policy import TablePolicy
from drills.sql import execute
from drills.turns import known as knowing
from drills.turns import plan as planning
from drills.turns.plan import Budgeted, Table, Unit

Policies = Mapping[str, TablePolicy]
_SIZES = f"""
select c.oid::pg_catalog.regclass::text,
       pg_catalog.pg_relation_size(c.oid) + coalesce(pg_catalog.pg_relation_size(nullif(c.reltoastrelid, 0)), 0)
from pg_catalog.pg_class as c
where c.relkind in ('r', 'm') and c.relpersistence <> 't' and c.oid >= {FIRST_USER_OID}
"""


@dataclass
class InTurn:
    """The comparison of one copy by turns: what is known from earlier drills, and what this one, begun `at`, adds to it."""

    known: Known
    at: datetime
    sizes: dict[str, dict[str, int]] = field(default_factory=dict)
    whole_only: set[str] = field(default_factory=set)
    plans: dict[str, tuple[Unit, ...]] = field(default_factory=dict)
    turns: dict[str, Turn] = field(default_factory=dict)
    seen: TurnsSeen | None = None
    contents: list[tuple[str, ContentSeen]] = field(default_factory=list)

    def plan(
        self, connect: Connector, manifest: Manifest, policies: Policies, databases: Sequence[str], budget: Budgeted
    ) -> tuple[str, ...]:
        """Plan what is read of each database; return the databases in the order in which they are read."""

        def observe(connection: Connection, database: str) -> dict[str, int]:
            encoding = manifest.databases[database].contents.encoding
            if encoding not in ("", server_encoding(connection)):
                self.whole_only.add(database)
            with index_scans(connection):
                return {name: int(size) for name, size in execute(connection, _SIZES)}

        for database, seen in observe_each(connect, databases, content.NAME, observe):
            self.sizes[database] = seen if isinstance(seen, dict) else {}
        tables = tables_of(manifest, policies, self._seen(budget), self.known)
        there = Budgeted.of(budget.seconds, budget.connections, self.known)
        planned = planning.plan([each for each in tables if each.database in databases], self.known.rate, there)
        order = tuple(dict.fromkeys((*(unit.database for unit in planned.now), *databases)))
        last = max((order.index(unit.database) for unit in planned.now), default=0)
        for place, database in enumerate(order):
            later = planned.later if place >= last else ()  # another database is waiting for what is left of the budget
            self.plans[database] = tuple(unit for unit in (*planned.now, *later) if unit.database == database)
        return order

    def of(self, database: str) -> Turn | None:
        """Return what is read of a database, begun anew; None where everything is."""
        if database not in self.plans:
            return None
        self.turns[database] = Turn(self.plans[database], self.sizes.get(database, {}))
        return self.turns[database]

    def end(self, contents: Iterable[tuple[str, ContentSeen]], budget: Budgeted | None) -> TurnsSeen:
        """Return what was seen, for the run's evidence, once the contents were."""
        self.contents = list(contents)
        self.seen = self._seen(budget)
        return self.seen

    def _seen(self, budget: Budgeted | None) -> TurnsSeen:
        seconds = sum(turn.seconds for turn in self.turns.values())
        read = sum(turn.bytes_read for turn in self.turns.values())
        measured = Measured(
            round(read / seconds, 1) if seconds and read else None,
            self._overhead(),
            _by_database(self.turns, lambda turn: turn.whole),
            _by_database(self.turns, lambda turn: turn.by_key),
        )
        return TurnsSeen(
            self.known,
            self.at,
            budget.seconds if budget else None,
            budget.connections if budget else 1,
            self.sizes,
            tuple(sorted(self.whole_only)),
            measured,
        )

    def _overhead(self) -> float | None:
        """Return the seconds of the budget in which no row was read, None where nothing was read in turn."""
        reached, gone = 0.0, 0.0
        for turn in sorted(self.turns.values(), key=lambda each: each.began):
            gone += turn.began - reached
            reached = turn.ended
        return round(gone, 6) if self.turns else None


def _by_database(turns: Mapping[str, Turn], of: Callable[[Turn], dict[str, Speed]]) -> dict[str, dict[str, Speed]]:
    return {database: dict(sorted(found.items())) for database, turn in turns.items() if (found := of(turn))}


def tables_of(
    manifest: Manifest, policies: Policies, seen: TurnsSeen, known: Known, *, labelled: bool = False
) -> list[Table]:
    """Return the tables of the manifest that are compared, with what is known of each. Pure.

    `labelled`: by the names that people read, which have the database where there are several.
    """
    found = []
    for database, of in manifest.databases.items():
        sizes = seen.sizes.get(database, {})
        for name, table in of.contents.tables.items():
            policy = content.policy_of(name, table.root, policies)
            if policy.kind == "skip":
                continue
            divisible = database not in seen.whole_only and key_parts.can_be_divided(table, policy)
            size = sizes.get(name, 0)
            found.append(
                Table(
                    database,
                    label(manifest, database, name) if labelled else name,
                    size,
                    key_parts.parts_of(table) if divisible else (),
                    seen.connections > 1 and size >= 2 * pieces.LEAST_BYTES,
                    known.of(database, name).under(_words(policy)),
                )
            )
    return found


def _words(policy: TablePolicy) -> str:
    """Return a policy as what is known of a table has it: "" where all rows are compared."""
    return "" if policy.kind == "exact" else str(policy)


def label(manifest: Manifest, database: str, table: str) -> str:
    """Return the name of a table for people: with its database where there are several."""
    several = sum(bool(each.contents.tables) for each in manifest.databases.values()) > 1
    return f"{database}: {table}" if several else table


def coverage(judge: Judge, seen: TurnsSeen, contents: Iterable[tuple[str, ContentSeen]], run_id: str) -> Coverage:
    """Return what drills have proved of the tables once this one has. Pure."""
    manifest = judge.manifest
    if manifest is None:
        raise ValueError("expected a manifest that says which tables there are, found none")
    contents = list(contents)
    learned = _learned(judge, manifest, contents, Learned(run_id, seen.at, measured=seen.measured))
    known = knowing.after(seen.known, learned)
    tables = tables_of(manifest, judge.policies, seen, known, labelled=True)
    limit = seen.budget_seconds
    budget = Budgeted.of(limit, seen.connections, known) if limit is not None else None
    return Coverage(
        seen.budget_seconds,
        len(tables),
        learned,
        _together(tables),
        tuple(found for table in tables if (found := _by_parts(table))),
        tuple(table.name for table in tables if table.last() is None),
        _but_for(_unreadable(manifest, contents), tables, planning.outlook(tables, known, budget)),
    )


def _learned(
    judge: Judge, manifest: Manifest, contents: Iterable[tuple[str, ContentSeen]], learned: Learned
) -> Learned:
    """Return what a drill has proved, and what differed; `learned` has none of it yet."""
    for database, each in contents:
        outcome = judge.judge(database, each)
        differed = {found.object for found in outcome.findings if found.severity == "error"}
        doubtful = differed | {left.what for left in outcome.unverified}
        tables = manifest.databases[database].contents.tables
        policies = {name: content.policy_of(name, table.root, judge.policies) for name, table in tables.items()}
        compared = [name for name in tables if name in each.found.tables and policies[name].kind != "skip"]
        whole, by_key = tuple(name for name in compared if name not in doubtful), _proved_keys(manifest, database, each)
        lax = {name: words for name in (*whole, *by_key) if (words := _words(policies[name]))}
        if whole:
            learned.whole[database] = whole
        if by_key:
            learned.by_key[database] = by_key
        if lax:
            learned.policies[database] = lax
        if differed:
            learned.differed[database] = tuple(name for name in tables if name in differed)
    return learned


def _unreadable(manifest: Manifest, contents: Iterable[tuple[str, ContentSeen]]) -> dict[str, str]:
    """Return the tables that could not be read for another reason than lack of time, and why, by the names that people read."""
    return {
        label(manifest, database, name): reason
        for database, each in contents
        for name, reason in each.found.unreadable.items()
        if not reason.startswith(OUT_OF_TIME)
    }


def _but_for(unreadable: Mapping[str, str], tables: Sequence[Table], found: Outlook) -> Outlook:
    """Return an outlook in which what cannot be read is never proved, however many drills there are."""
    unproved = {table.name for table in tables if table.last() is None}
    never = tuple((name, f"could not be read: {why}") for name, why in sorted(unreadable.items()) if name in unproved)
    return Outlook(None, None, (*never, *found.too_large), found.assumed) if never else found


def _proved_keys(manifest: Manifest, database: str, seen: ContentSeen) -> dict[str, tuple[tuple[int, int], ...]]:
    """Return the ranges of keys whose rows were those of the manifest, of tables that were not read whole."""
    found = {}
    for name, parts in seen.parts.items():
        known = manifest.databases[database].contents.tables[name]
        numbers = {part.number for part in parts if known.ranges and key_parts.is_proved(known.ranges, part)}
        keys = [(part.low, part.high) for part in key_parts.parts_of(known) if part.number in numbers]
        if joined := _joined(keys):
            found[name] = joined
    return found


def _joined(keys: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    joined: list[tuple[int, int]] = []
    for low, high in keys:
        if joined and joined[-1][1] == low:
            joined[-1] = (joined[-1][0], high)
        else:
            joined.append((low, high))
    return tuple(joined)


def _together(tables: Sequence[Table]) -> tuple[ProvedTogether, ...]:
    """Return the tables by the run that was the last to prove them whole, the longest ago first."""
    found: dict[Proof, list[str]] = {}
    for table in tables:
        if table.known.whole:
            found.setdefault(table.known.whole, []).append(table.name)
    return tuple(
        ProvedTogether(proof, tuple(found[proof])) for proof in sorted(found, key=lambda one: (one.at, one.run_id))
    )


def _by_parts(table: Table) -> ProvedByParts | None:
    known: TableKnown = table.known
    proofs = [proof for part in table.parts if (proof := knowing.proof_of(known.keys, part.low, part.high))]
    if not proofs:
        return None
    oldest, *_ = ordered = sorted(proofs, key=lambda one: (one.at, one.run_id))
    return ProvedByParts(table.name, len(table.parts), len(proofs), oldest, ordered[-1])
