"""Read the rows of tables as fingerprints: each large table by a query of its own or piece by piece, many small ones by one.

Each query is rolled back to a savepoint, which releases the locks that it took on tables and their indexes: a server has
room for few (`max_locks_per_transaction`), and a change of a table waits for the query that reads it and no longer
(https://www.postgresql.org/docs/current/explicit-locking.html).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import psycopg

from drills.checks.base.batches import in_batches, small_tables
from drills.checks.base.budget import Budget
from drills.checks.base.outcome import first_line, is_damage, is_lost, is_too_long, lacking
from drills.checks.base.session import Connection
from drills.checks.base.side_by_side import side_by_side
from drills.checks.base.timeouts import set_statement_timeout
from drills.checks.content import fingerprint, ranges
from drills.checks.content.bounds import UNBOUNDED, Bounds
from drills.checks.content.fingerprint import FAST, Algorithm
from drills.checks.content.key_parts import KeyPart, Turn, read_part
from drills.checks.content.model import Contents, ReadOptions, TableContent
from drills.checks.content.pieces import SERVER, Size, large_tables
from drills.checks.content.ranges import Ranges
from drills.checks.content.shares import Share, read_share, share_out
from drills.checks.content.summing import summed, unread
from drills.checks.content.tables import ListedTable, not_read, tables
from drills.checks.content.watermark import newest
from drills.model.policy import TablePolicy
from drills.sql import Quoted, execute

EXACT = TablePolicy("exact")
_PlannedTable = tuple[ListedTable, TablePolicy]
_Job = Sequence[_PlannedTable] | Share | KeyPart
# One connection is helped by workers of the server. Of several none is: they are as many as there are processors, and a
# worker more only takes one from another (docs/decisions.md).
_PARALLEL = b"set local max_parallel_workers_per_gather = 2"


def observe(
    connection: Connection,
    *,
    algorithm: Algorithm = FAST,
    policies: Mapping[str, TablePolicy] | None = None,
    expected: Contents | None = None,
    helpers: Sequence[Connection] = (),
    ranged: bool = False,
    key: bytes | None = None,
    within: Bounds = UNBOUNDED,
) -> Contents:
    """Read every table but those that a policy skips (quoted `schema.table` names); many small ones by one query.

    With `ranged` the ranges of keys are summed as well, those of keys that are neither integer nor uuid under `key`.
    `helpers` are further connections with the same snapshot: each takes tables of its own, and pieces of the large ones.

    A table with an "up to" policy is read up to the watermark that `expected` has, or to its newest value where there
    is no `expected`, that is where a manifest is taken. What is not `within` the bounds is unreadable for that
    reason; what was proved earlier is not read again where nobody has written to it since.
    """
    encoding = server_encoding(connection)
    contents = Contents(algorithm, not_read=not_read(connection), encoding=encoding)
    converts = fingerprint.conversion(algorithm, encoding, expected.encoding if expected else None)
    options = ReadOptions(expected, ranged, key, within.budget, converts)
    listed = [(table, policy_of(table.name, table.root, policies or {})) for table in tables(connection)]
    wanted = [each for each in listed if each[1].kind != "skip"]
    code = within.code.tables
    contents.unreadable.update((table.name, code[table.name]) for table, _ in wanted if table.name in code)
    left = [each for each in wanted if each[0].name not in code]
    if earlier := within.earlier:
        contents.tables.update(earlier.take_over(connection, [table for table, _ in left], within.budget))
        left = [each for each in left if each[0].name not in contents.tables]

    def done(names: Iterable[str]) -> None:
        if earlier:
            earlier.note(names, contents, expected)

    connections, turn = (connection, *helpers), within.turn
    if turn:
        jobs = _jobs_in_turn(connection, left, contents, options, turn, len(connections))
    else:
        jobs = _jobs(connection, left, options, len(connections))
    began = _spent(within.budget)
    _read_all(connections, jobs, _Noting(contents, options, done, turn))
    if turn:
        turn.began, turn.ended = began, _spent(within.budget)
        done(turn.put_together({table.name: table for table, _ in left}, contents, options))
    return contents.in_order()


def _spent(budget: Budget | None) -> float:
    return budget.seconds - budget.left() if budget else 0.0


@dataclass(frozen=True, slots=True)
class _Noting:
    """Where what is read goes: `done` is told which tables have been read, `turn` how long that took."""

    contents: Contents
    options: ReadOptions
    done: Callable[[Iterable[str]], None]
    turn: Turn | None

    def took(self, job: _Job, seconds: float, *, ended: bool) -> None:
        """Note how long a job took; `ended`: of a table that is shared it was the last."""
        budget = self.options.budget
        if self.turn is None or budget is None:
            return
        if isinstance(job, KeyPart):
            self.turn.part_took(job, seconds, budget)
        elif isinstance(job, Share):
            name = job.of.table.name
            self.turn.took([name], seconds, budget, ended=name in self.contents.tables if ended else None)
        else:
            names = [table.name for table, _ in job]
            self.turn.took(names, seconds, budget, ended=all(name in self.contents.tables for name in names))


def _read_all(
    connections: Sequence[Connection],
    jobs: Sequence[_Job],
    noting: _Noting,
) -> None:
    """Do the jobs with all connections, each of which takes the next one that is left."""
    work, taking = iter(jobs), Lock()

    def take() -> _Job | None:
        with taking:
            return next(work, None)

    first, *others = connections
    if not others or first.info.server_version < SERVER:
        for each in connections:
            each.execute(_PARALLEL)
    if others:
        side_by_side(connections, lambda each: _work(each, take, noting))
    else:
        _work(first, take, noting)


def server_encoding(connection: Connection) -> str:
    """Return the encoding of the database that a connection is in, such as "UTF8"."""
    return connection.info.parameter_status("server_encoding") or ""


def _work(connection: Connection, take: Callable[[], _Job | None], noting: _Noting) -> None:
    """Read until there is nothing left."""
    budget = noting.options.budget
    while (job := take()) is not None:
        began = budget.left() if budget else 0.0
        ended = _do(connection, job, noting)
        if budget and began:
            noting.took(job, began - budget.left(), ended=ended)
    if budget:
        connection.execute("set local statement_timeout = 0")


def _do(connection: Connection, job: _Job, noting: _Noting) -> bool:
    """Read what a job says; return whether nothing more of it is being read."""
    contents, options = noting.contents, noting.options
    if isinstance(job, KeyPart):
        read_part(connection, job, contents.algorithm, contents, options)
    elif not isinstance(job, Share):
        _read_batch(connection, job, contents, options)
        noting.done(table.name for table, _ in job)
    elif read_share(connection, job, contents.algorithm, options):
        _put_together(connection, job, contents, options)
        noting.done((job.of.table.name,))
    else:
        return False
    return True


def _put_together(connection: Connection, last: Share, contents: Contents, options: ReadOptions) -> None:
    """Note the content of a table all of whose shares have ended; where it has none, read the table whole."""
    found, table = last.of.content(), last.of.table
    if found:
        contents.tables[table.name] = found
    else:
        _read(connection, table, last.of.policy, contents, options)


def policy_of(table: str, root: str, policies: Mapping[str, TablePolicy]) -> TablePolicy:
    """Return a table's own policy, else that of the table that it is a partition of, else exact."""
    return policies.get(table) or policies.get(root) or EXACT


def _jobs(
    connection: Connection, listed: Sequence[_PlannedTable], options: ReadOptions, connections: int
) -> list[_Job]:
    """Return what is read by one query: the pieces of the largest tables, each large one, then many small ones together."""
    goes_together, sizes = _together(connection, options), _large(connection, connections)
    alone = [each for each in listed if not goes_together(*each)]
    alone.sort(key=lambda each: -sizes[each[0].name].size if each[0].name in sizes else 0)
    shares = share_out(connection, alone, sizes, options, connections)
    jobs: list[_Job] = []
    for each in alone:
        jobs += shares.get(each[0].name, [[each]])
    return [*jobs, *in_batches([each for each in listed if goes_together(*each)])]


def _large(connection: Connection, connections: int) -> dict[Quoted, Size]:
    """Return the tables that several connections share, by their names."""
    return large_tables(connection) if connections > 1 else {}


def _together(connection: Connection, options: ReadOptions) -> Callable[[ListedTable, TablePolicy], bool]:
    """Return what says whether a table is read together with others."""
    small = small_tables(connection)

    def goes_together(table: ListedTable, policy: TablePolicy) -> bool:
        known = options.expected.tables.get(table.name) if options.expected else None
        whole = policy.kind != "up to" and not (table.member and table.member.condition)
        return table.name in small and whole and (known is None or known.form == "row")

    return goes_together


def _jobs_in_turn(
    connection: Connection,
    listed: Sequence[_PlannedTable],
    contents: Contents,
    options: ReadOptions,
    turn: Turn,
    connections: int,
) -> list[_Job]:
    """Return the jobs of the units whose turn it is, in their order; what else the manifest has is noted as left.

    Neighbours in the order that are small go together. What the manifest does not have comes last.
    """
    goes_together, sizes = _together(connection, options), _large(connection, connections)
    left = {str(each[0].name): each for each in listed}
    expected = options.expected.tables if options.expected else {}
    units = [unit for unit in turn.units if unit.table in left]
    named = {unit.table for unit in units}
    if options.budget:
        late = [name for name in left if name in expected and name not in named]
        contents.unreadable.update(dict.fromkeys(late, options.budget.reason))
    alone = [left[unit.table] for unit in units if unit.part is None and not goes_together(*left[unit.table])]
    shares = share_out(connection, alone, sizes, options, connections)
    jobs: list[_Job] = []
    together: list[_PlannedTable] = []
    for unit in units:
        (table, policy), known = left[unit.table], expected.get(unit.table)
        if unit.part is None and goes_together(table, policy):
            together.append((table, policy))
            continue
        jobs += in_batches(together)
        together = []
        if unit.part is None:
            jobs += shares.get(table.name, [[(table, policy)]])
        elif known and known.ranges:
            jobs.append(KeyPart(table, policy, known, known.ranges, unit.part, turn))
    unknown = [each for name, each in left.items() if name not in named and name not in expected]
    return [*jobs, *in_batches(together), *([each] for each in unknown)]


def _read_batch(
    connection: Connection, portion: Sequence[_PlannedTable], contents: Contents, options: ReadOptions
) -> None:
    """Read a batch by one query; where that fails, each table by itself, so that it is named."""
    if len(portion) > 1 and not (options.budget and not options.budget.left()):
        listed = [table for table, _ in portion]
        try:
            with connection.transaction(force_rollback=True):
                _limit(connection, options.budget)
                found = _summed_together(connection, listed, contents.algorithm, options)
        except psycopg.DatabaseError as error:
            if is_lost(error):
                raise  # nothing more can be read on this connection
        else:
            contents.tables.update(zip((table.name for table in listed), found, strict=True))
            return
    for table, policy in portion:
        _read(connection, table, policy, contents, options)


def _summed_together(
    connection: Connection, listed: Sequence[ListedTable], algorithm: Algorithm, options: ReadOptions
) -> list[TableContent]:
    """Return the contents of several tables in their order."""
    texts = [table.row(algorithm, convert=options.convert) for table in listed]
    keys = [options.key_of(table) for table in listed]
    if options.ranged:
        seeds = [options.seed_of(key) if key else 0 for key in keys]
        each = [ranges.Part(*part) for part in zip((table.name for table in listed), texts, keys, seeds, strict=True)]
        query = ranges.query_together(each, algorithm)
    else:
        query = fingerprint.query_together([table.name for table in listed], texts, algorithm)
    found = [dataclasses.replace(unread(table), fingerprint=fingerprint.digest(0, 0)) for table in listed]
    for place, count, first, second, *rest in execute(connection, query, binary=True).fetchall():
        key = keys[place]
        found[place] = dataclasses.replace(
            found[place],
            rows=int(count),
            fingerprint=fingerprint.digest(int(first), int(second)),
            ranges=Ranges(key, rest[0], rest[1], ranges.pack(rest[2])) if options.ranged and key else None,
        )
    return found


def _limit(connection: Connection, budget: Budget | None) -> None:
    """Let no query of this transaction take longer than the budget has left."""
    if budget:
        set_statement_timeout(connection, budget.left())


def _read(
    connection: Connection, table: ListedTable, policy: TablePolicy, contents: Contents, options: ReadOptions
) -> None:
    if options.budget and not options.budget.left():
        contents.unreadable[table.name] = options.budget.reason
        return
    known = options.expected.tables.get(table.name) if options.expected else None
    try:
        with connection.transaction(force_rollback=True):
            _limit(connection, options.budget)
            column = policy.column or "" if policy.kind == "up to" else ""
            up_to = _up_to(connection, table, column, contents, options.expected) if column else ""
            if column and not up_to:
                return
            form = known.form if known else "row"
            before = dataclasses.replace(unread(table), column=column, up_to=up_to, form=form)
            contents.tables[table.name] = _fingerprint(connection, table, contents.algorithm, before, options)
    except psycopg.errors.InsufficientPrivilege as error:
        contents.unreadable[table.name] = lacking(error, [table.name])
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # nothing more can be read on this connection
        if options.budget and isinstance(error, psycopg.errors.QueryCanceled):
            contents.unreadable[table.name] = options.budget.reason
            return
        if options.convert and isinstance(error, psycopg.errors.UntranslatableCharacter):
            contents.unreadable[table.name] = f"holds characters that {options.convert} lacks: {first_line(error)}"
            return
        where = contents.damaged if is_damage(error) else contents.unreadable
        where[table.name] = (
            f"a row is too long to be compared: {first_line(error)}" if is_too_long(error) else first_line(error)
        )


def _fingerprint(
    connection: Connection, table: ListedTable, algorithm: Algorithm, wanted: TableContent, options: ReadOptions
) -> TableContent:
    """Read a table; where a row is longer than a text may be, again by the hashes of its values."""
    try:
        with connection.transaction():
            return summed(connection, table, algorithm, wanted, options)
    except psycopg.DatabaseError as error:
        if algorithm == FAST or wanted.form == "columns" or options.expected is not None or not is_too_long(error):
            raise
    return summed(connection, table, algorithm, dataclasses.replace(wanted, form="columns"), options)


def _up_to(
    connection: Connection, table: ListedTable, column: str, contents: Contents, expected: Contents | None
) -> str:
    if expected is None:
        up_to, problem = newest(connection, table.name, table.columns, column)
        if problem:
            contents.unreadable[table.name] = problem
        return up_to
    known = expected.tables.get(table.name)
    return known.up_to if known and known.column == column else ""
