"""Share a large table out among several connections, piece by piece, with the sums that one query would give."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

import psycopg

from drills.checks.base.outcome import is_lost
from drills.checks.base.session import Connection
from drills.checks.base.timeouts import set_statement_timeout
from drills.checks.content import pieces, ranges
from drills.checks.content.fingerprint import Algorithm
from drills.checks.content.model import ReadOptions, TableContent
from drills.checks.content.pieces import Piece, Size, Sums
from drills.checks.content.summing import Ranged, ranged_by, sum_rows, summed_up, unread
from drills.checks.content.tables import ListedTable
from drills.model.policy import TablePolicy
from drills.sql import Quoted


@dataclass
class SharedTable:
    """A table whose pieces are read by several connections: what they are to find, and what they have found.

    `files` are those that the pieces were read from. `failed` once a piece could not be read: the table is then read whole,
    so that what is wrong is said as of any other.
    """

    table: ListedTable
    policy: TablePolicy
    wanted: TableContent
    by: Ranged | None
    pieces: tuple[Piece, ...]
    failed: bool = False
    sums: list[Sums] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    files: set[int | None] = field(default_factory=set)
    ended: int = 0
    lock: Lock = field(default_factory=Lock)

    def note(self, read: tuple[Sums, str, int | None] | None) -> bool:
        """Note what a piece has, None where it could not be read; return whether it was the last one."""
        with self.lock:
            if read is None:
                self.failed = True
            else:
                sums, cells, file = read
                self.sums.append(sums)
                self.cells.append(cells)
                self.files.add(file)
            self.ended += 1
            return self.ended == len(self.pieces)

    def content(self) -> TableContent | None:
        """Return the content of the table; None where its pieces cannot be put together."""
        if self.failed or len(self.sums) != len(self.pieces) or len(self.files) != 1:
            return None
        total = sum(self.sums, Sums())
        found = self.by.of(total.rows, ranges.merge(self.cells)) if self.by else None
        return summed_up(self.wanted, total, found)


@dataclass(frozen=True, slots=True)
class Share:
    """One piece of a shared table."""

    of: SharedTable
    piece: Piece


def share_out(
    connection: Connection,
    listed: Sequence[tuple[ListedTable, TablePolicy]],
    sizes: Mapping[Quoted, Size],
    options: ReadOptions,
    connections: int,
) -> dict[Quoted, list[Share]]:
    """Return the shares of each of these tables that is worth it, by its name."""
    piece_bytes = pieces.piece_size(sizes.values(), connections)
    found = {}
    for table, policy in listed:
        divided = pieces.split(sizes[table.name], piece_bytes) if table.name in sizes else ()
        wanted = _wanted(table, policy, options)
        if len(divided) < 2 or wanted is None:
            continue
        try:
            with connection.transaction(force_rollback=True):
                by = ranged_by(connection, table, options)
        except psycopg.DatabaseError as error:
            if is_lost(error):
                raise  # nothing more can be read on this connection
            continue
        shared = SharedTable(table, policy, wanted, by, divided)
        found[table.name] = [Share(shared, piece) for piece in divided]
    return found


def _wanted(table: ListedTable, policy: TablePolicy, options: ReadOptions) -> TableContent | None:
    """Return what is to be read of a table, None where it takes more than one query over its rows. Pure."""
    known = options.expected.tables.get(table.name) if options.expected else None
    if table.member and table.member.condition:
        return None
    wanted = dataclasses.replace(unread(table), form=known.form if known else "row")
    if policy.kind != "up to":
        return wanted
    if known is None or known.column != policy.column or not known.up_to:
        return None
    return dataclasses.replace(wanted, column=known.column, up_to=known.up_to)


def read_share(connection: Connection, share: Share, algorithm: Algorithm, options: ReadOptions) -> bool:
    """Read a piece; return whether all of its table have ended."""
    shared = share.of
    if shared.failed or (options.budget and not options.budget.left()):
        return shared.note(None)
    try:
        with connection.transaction(force_rollback=True):
            if options.budget:
                set_statement_timeout(connection, options.budget.left())
            connection.execute(pieces.SETTINGS)
            sums, cells = sum_rows(
                connection, shared.table, algorithm, shared.wanted, options, by=shared.by, piece=share.piece
            )
            return shared.note((sums, cells, pieces.file_of(connection, shared.table.name)))
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # nothing more can be read on this connection
        return shared.note(None)
