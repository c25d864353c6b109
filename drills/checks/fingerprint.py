"""The SQL that fingerprints a table: a row count and 128 bits that neither order nor duplicates can fool.

The row's text is built once by `format('%L,%L', …)`: a quoted literal a column, `NULL` for null, so that no two rows of
different contents have the same text. It stands behind a call that is volatile and parallel-safe (clock_timestamp),
which keeps the planner from building it once for each hash and leaves parallel workers possible. Columns are taken in
the order of their names: a column that was dropped and added again makes no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Algorithm = Literal["hashtextextended/2", "md5/2"]
FAST: Algorithm = "hashtextextended/2"
STABLE: Algorithm = "md5/2"
# PostgreSQL promises hashtextextended to be the same only within a major version and architecture; md5 always is.
_HASHES: dict[Algorithm, tuple[str, str]] = {
    FAST: (
        'pg_catalog.hashtextextended(t collate "C", 0)',
        'pg_catalog.hashtextextended(t collate "C", 7046029254386353131)',
    ),
    STABLE: (
        "('x' || pg_catalog.substr(pg_catalog.md5(t), 1, 16))::bit(64)::bigint",
        "('x' || pg_catalog.substr(pg_catalog.md5(t), 17, 16))::bit(64)::bigint",
    ),
}
_ARGUMENTS = 90  # a function takes at most 100 arguments (PostgreSQL's FUNC_MAX_ARGS)


def row_text(columns: Sequence[str]) -> str:
    """An SQL expression for the text of a row; `columns` are quoted names in any order."""
    parts = []
    names = sorted(columns)
    for start in range(0, len(names), _ARGUMENTS):
        chunk = names[start : start + _ARGUMENTS]
        template = ",".join(["%L"] * len(chunk))
        parts.append(f"pg_catalog.format('{template}', {', '.join(f'r.{name}' for name in chunk)})")
    return " || '|' || ".join(parts) if parts else "''"


def query(table: str, columns: Sequence[str], algorithm: Algorithm, where: str = "") -> str:
    """One row: count, and the two sums of 64-bit hashes as numerics, for a quoted table name and column names."""
    first, second = _HASHES[algorithm]
    condition = f" where {where}" if where else ""
    return (
        f"select count(*), coalesce(sum({first}), 0), coalesce(sum({second}), 0) from ("
        f"select case when pg_catalog.clock_timestamp() is not null then {row_text(columns)} end as t "
        f"from only {table} as r{condition}) as rows"
    )


def digest(first: int, second: int) -> str:
    """The two sums as 32 hexadecimal digits."""
    return f"{first % 2**64:016x}{second % 2**64:016x}"
