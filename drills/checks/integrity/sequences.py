"""Check that no sequence has fallen behind the column that it feeds: its next number would be taken already.

The columns are those that own a sequence (identity, serial) and those whose default calls nextval().
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

import psycopg

from drills.checks.base.copy_code import NOTHING, CopyCode
from drills.checks.base.outcome import CheckOutcome, first_line, is_damage, is_lost, lacking
from drills.checks.base.relations import made_by_users
from drills.checks.base.session import Connection
from drills.checks.content.sequences import Sequences
from drills.model.finding import Finding, NotChecked, Severity
from drills.sql import Quoted, execute

NAME = "sequences and columns"
_PAIRS = f"""
with fed (seq, rel, num) as (
    select d.objid, d.refobjid, d.refobjsubid::int from pg_catalog.pg_depend as d
    join pg_catalog.pg_class as s on s.oid = d.objid and s.relkind = 'S'
    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjsubid > 0 and d.deptype in ('a', 'i')
    union
    select d.refobjid, f.adrelid, f.adnum::int from pg_catalog.pg_depend as d
    join pg_catalog.pg_attrdef as f on f.oid = d.objid
    join pg_catalog.pg_class as s on s.oid = d.refobjid and s.relkind = 'S'
    where d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
        and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        and pg_catalog.pg_get_expr(f.adbin, f.adrelid) like 'nextval(%'
)
select fed.seq::pg_catalog.regclass::text, fed.rel::pg_catalog.regclass::text, pg_catalog.quote_ident(a.attname),
    q.seqincrement, array(select t.relid::pg_catalog.regclass::text from pg_catalog.pg_partition_tree(fed.rel) as t
        where t.isleaf)
from fed join pg_catalog.pg_class as c on c.oid = fed.rel join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_attribute as a on a.attrelid = fed.rel and a.attnum = fed.num and not a.attisdropped
join pg_catalog.pg_sequence as q on q.seqrelid = fed.seq
join pg_catalog.pg_class as s on s.oid = fed.seq
where not q.seqcycle and a.atttypid in ('int2'::pg_catalog.regtype, 'int4'::pg_catalog.regtype, 'int8'::pg_catalog.regtype)
    and c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence = 'p' and s.relpersistence = 'p'
    and {made_by_users("c.oid")} order by 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class _Pair:
    sequence: Quoted
    table: Quoted
    column: Quoted
    increment: int
    leaves: tuple[Quoted, ...]

    @property
    def query(self) -> str:
        edge = "max" if self.increment > 0 else "min"
        return f"select s.last_value, s.is_called, (select {edge}({self.column}) from {self.table}) from {self.sequence} as s"


def check(
    connection: Connection, expected: Sequences | None, identical: Set[str] | None, code: CopyCode = NOTHING
) -> CheckOutcome:
    """Compare each sequence with the columns that it feeds.

    Where the source's sequence stood in the same place (`expected`) and its table held the same rows (`identical`), the
    source was behind as well; without a manifest it is a warning. Tables that `code` names are not read.
    """
    total = CheckOutcome()
    for row in execute(connection, _PAIRS).fetchall():
        pair = _Pair(row[0], row[1], row[2], int(row[3]), tuple(row[4]) or (row[1],))
        if reason := code.of("", 0, (pair.table, *pair.leaves)):
            total += CheckOutcome(unverified=(NotChecked(f"sequence {pair.sequence}", reason),))
            continue
        total += _check_pair(connection, pair, expected, identical)
    return total


def _check_pair(
    connection: Connection, pair: _Pair, expected: Sequences | None, identical: Set[str] | None
) -> CheckOutcome:
    name = f"sequence {pair.sequence}"
    try:
        with connection.transaction(force_rollback=True):  # releases the locks
            row = execute(connection, pair.query).fetchone()
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # nothing more can be read on this connection
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            return CheckOutcome(unverified=(NotChecked(name, lacking(error, [pair.sequence, pair.table])),))
        if is_damage(error):
            message = f"{name} cannot be compared with {pair.table}: {first_line(error)}"
            found = Finding(
                NAME, "error", pair.sequence, "data that can be read", first_line(error), message, pair.query
            )
            return CheckOutcome(1, (found,))
        return CheckOutcome(unverified=(NotChecked(name, first_line(error)),))
    last, called, edge = row or (0, False, None)
    upcoming = last + pair.increment if called else last
    if edge is None or (upcoming > edge if pair.increment > 0 else upcoming < edge):
        return CheckOutcome(1)
    position = f"last_value={last}, is_called={'true' if called else 'false'}"
    severity = _severity(pair, position, expected, identical)
    message = f"{name} would give {upcoming} next, {pair.table}.{pair.column} holds {edge} already"
    if severity == "information":
        message += ", as on the source"
    beyond = f"beyond {edge}, the last of {pair.table}.{pair.column}"
    return CheckOutcome(1, (Finding(NAME, severity, pair.sequence, beyond, position, message, pair.query),))


def _severity(pair: _Pair, position: str, expected: Sequences | None, identical: Set[str] | None) -> Severity:
    if expected is None or identical is None:
        return "warning"
    same = expected.positions.get(pair.sequence) == position and set(pair.leaves) <= identical
    return "information" if same else "error"
