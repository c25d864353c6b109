"""Check that the files which the catalog knows exist and are as long as they were: an empty file reads as an empty
table.

A relation whose file is missing or was cut is answered by PostgreSQL with fewer rows, not with an error, and neither
page checksums nor a dump notice (docs/detection.md). The catalog holds the number of pages from before the loss.
"""

from __future__ import annotations

from typing import Any

from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.session import Connection
from drills.model.finding import Finding, NotChecked, Severity
from drills.plural import counted
from drills.sql import execute, literal

NAME = "files"
# Unlogged relations are emptied by every restore, and temporary ones are nobody's.
_STORED = "c.relkind in ('r', 'm', 't', 'i', 'S') and c.relpersistence = 'p'"
_KIND = """case c.relkind when 'r' then 'table' when 'm' then 'materialised view' when 't' then 'TOAST table'
    when 'i' then 'index' else 'sequence' end || ' ' || c.oid::pg_catalog.regclass"""
# A catalog that all databases share has a number of pages in each: VACUUM corrects that of its own database alone, so that
# the others' are too high once it has cut empty pages off (seen on 15).
# PostgreSQL 18 does not correct pg_class's entry about itself when VACUUM FULL writes it anew (seen, not on 15 and 16).
_BY_RELATION = "pg_catalog.pg_relation_size(c.oid)"
# The length of the file is asked without opening the relation, which takes longer. A relation of more than one segment (1 GB,
# counted in blocks by the setting) has more files than that.
_SEGMENT = "(select setting::int from pg_catalog.pg_settings where name = 'segment_size')"
_BY_FILE = f"""case when c.relpages >= {_SEGMENT} then {_BY_RELATION}
    else coalesce((pg_catalog.pg_stat_file(pg_catalog.pg_relation_filepath(c.oid), true)).size, 0) end"""
_LENGTHS = f"""
select name, pages, blocks from (
    select {_KIND} as name, c.relpages as pages,
        {{size}} / pg_catalog.current_setting('block_size')::int as blocks
    from pg_catalog.pg_class as c where {_STORED} and not c.relisshared) as r
where blocks < pages and name <> 'table pg_class' order by 1
"""
# An index that is not ready was never built: a CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY that failed leaves it empty.
_EMPTY_INDEXES = f"""
select {_KIND}, 1, 0 from pg_catalog.pg_class as c join pg_catalog.pg_am as a on a.oid = c.relam
where {_STORED} and c.relkind = 'i' and c.relpages = 0 and a.amname in ('btree', 'hash', 'gin', 'gist', 'spgist', 'brin')
    and pg_catalog.pg_relation_size(c.oid) = 0
    and not exists (select from pg_catalog.pg_index as x where x.indexrelid = c.oid and not x.indisready)
union all select {_KIND}, 1, 0 from pg_catalog.pg_class as c
where {_STORED} and c.relkind = 'S' and c.relpages = 0 and pg_catalog.pg_relation_size(c.oid) = 0 order by 1
"""
_MAY_STAT = "select pg_catalog.has_function_privilege('pg_catalog.pg_stat_file(text, boolean)', 'execute')"
_MISSING = f"""
select {_KIND} from pg_catalog.pg_class as c
where {_STORED} and (pg_catalog.pg_stat_file(pg_catalog.pg_relation_filepath(c.oid), true)).size is null order by 1
"""
_FILE = "pg_catalog.pg_stat_file(pg_catalog.pg_relation_filepath(oid), true) is not null"
_COUNT = f"select count(*) from pg_catalog.pg_class as c where {_STORED}"
# Since PostgreSQL 18 statistics, the number of pages among them, can come with a dump: they are then another server's.
_IMPORTED_STATISTICS = 180000


def check(connection: Connection) -> CheckOutcome:
    """Check the files of one database. A missing file can be distinguished from an empty one only with pg_stat_file."""
    may_stat = bool(_one(connection, _MAY_STAT))
    missing = [str(name) for (name,) in execute(connection, _MISSING)] if may_stat else []
    lengths = _LENGTHS.format(size=_BY_FILE if may_stat else _BY_RELATION)
    cut = [(str(name), int(pages), int(blocks)) for name, pages, blocks in execute(connection, lengths)]
    cut += [(str(name), int(pages), int(blocks)) for name, pages, blocks in execute(connection, _EMPTY_INDEXES)]
    findings = judge(missing, cut, imported=connection.info.server_version >= _IMPORTED_STATISTICS)
    left = () if may_stat else (NotChecked("files of empty relations", "needs EXECUTE on pg_stat_file"),)
    return CheckOutcome(int(_one(connection, _COUNT)), findings, excluded=left)


def judge(missing: list[str], cut: list[tuple[str, int, int]], *, imported: bool) -> tuple[Finding, ...]:
    """Report missing files, and relations with fewer blocks than the catalog has pages (name, pages, blocks). Pure.

    `imported`: where statistics can come from another server, a shorter file may be that of a source without dead rows.
    """
    findings = [
        Finding(NAME, "error", name, "a file", "none", f"the file of {name} is missing", _query(name, _FILE))
        for name in missing
    ]
    for name, pages, blocks in cut:
        if name in missing:
            continue
        severity: Severity = "information" if imported and blocks else "error"
        message = f"{name} has {counted(blocks, 'block')}, the catalog has {pages:,}: "
        message += "its file was cut" if severity == "error" else "of a source with dead rows, or its file was cut"
        findings.append(
            Finding(NAME, severity, name, counted(pages, "block"), counted(blocks, "block"), message, _query(name))
        )
    return tuple(findings)


def _query(name: str, shown: str = "relpages, pg_catalog.pg_relation_size(oid)") -> str:
    relation = name.removeprefix("TOAST ").removeprefix("materialised ").partition(" ")[2]
    return f"select {shown} from pg_catalog.pg_class where oid = pg_catalog.to_regclass({literal(relation)})"


def _one(connection: Connection, query: str) -> Any:
    row = execute(connection, query).fetchone()
    return row[0] if row else None
