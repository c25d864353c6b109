"""Cases whose source has something that the lab's has not; their manifest is taken with it."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.dumps import Dumps
from tests.faults.lab import DATABASE, MASTER
from tests.faults.logical import rows
from tests.faults.model import DumpCase, Observation, SqlCase

_ROWS = "as select n as id, 'x' || n as body from generate_series(1, 50) as n"
_SYSTEM = "set allow_system_table_mods = on"
_BUILTINS = "select count(*), md5(string_agg(proname || prosrc, '|' order by oid)) from pg_proc where pronamespace = 11"
_FOUND_BUILTINS = ("connection", "content", "integrity")


def emptied(number: str, name: str, damage: str, table: str, *more: str) -> SqlCase:
    """A fault that loses every row of a table in a copy whose tables have the source's OIDs, as a physical one's."""
    return SqlCase(
        id=number, name=name, damage=damage, statements=(f"truncate {table}",), probe=rows(table),
        source=(f"create table {table} {_ROWS}", f"alter table {table} owner to {MASTER}", *more),
        found_by=("content",), names=table,
    )  # fmt: skip


def builtin(number: str, name: str, damage: str, names: str, *statements: str) -> SqlCase:
    """A fault of what came with PostgreSQL."""
    return SqlCase(
        id=number, name=name, damage=damage, statements=(_SYSTEM, *statements), probe=_BUILTINS,
        found_by=_FOUND_BUILTINS, names=names,
    )  # fmt: skip


FAULTS = (
    emptied("L86", "extension-table-emptied", "a table of an extension is empty in a physical copy", "lab.member",
            "alter extension plpgsql add table lab.member"),
    emptied("L86b", "extension-configuration-lost", "a table that an extension marks as configuration is empty", "lab.config",
            "alter extension plpgsql add table lab.config",
            "update pg_extension set extconfig = array['lab.config'::regclass]::oid[], extcondition = array[''] "
            "where extname = 'plpgsql'"),
    emptied("L87", "table-in-systems-schema-emptied", "a user's table in information_schema is empty",
            "information_schema.mine", f"grant usage on schema information_schema to {MASTER}"),
    builtin("L88", "builtin-replaced", "the function that fingerprints rest on gives one answer for all",
            "hashtextextended", "alter function pg_catalog.hashtextextended(text, bigint) rename to former",
            "create function pg_catalog.hashtextextended(text, bigint) returns bigint language sql immutable "
            "as 'select 7::bigint'"),
    builtin("L88b", "builtin-edited", "integers are written by another function", "functions",
            "update pg_proc set prosrc = 'int2out' where proname = 'int4out'"),
    SqlCase(id="L89", name="table-added-to-pg_catalog", damage="a table is in pg_catalog that the source did not have",
            statements=(_SYSTEM, f"create table pg_catalog.hidden {_ROWS}"),
            probe="select to_regclass('pg_catalog.hidden') is null", found_by=("content", "integrity"), names="pg_catalog"),
)  # fmt: skip


def as_source(number: str, name: str, damage: str, *source: str, whole_server: bool = False) -> SqlCase:
    """A copy that has what the source has, which is nothing to accuse."""
    return SqlCase(
        id=number, name=name, damage=damage, source=source, statements=(), probe="", harmless=True,
        whole_server=whole_server,
    )  # fmt: skip


def dump_of(*statements: str) -> Callable[[Dumps], Observation]:
    """A dump and its restore, of a source with something more."""

    def harm(dumps: Dumps) -> Observation:
        with dumps.lab.source.connect(DATABASE) as admin:
            for statement in statements:
                admin.execute(statement.encode())
        dumps.expected = dumps.lab.take_manifest(dumps.lab.source)
        return dumps.load_plain(dumps.plain())

    return harm


HARMLESS = (
    as_source("N24", "nan-in-geometric-index", "nothing: a GiST index holds a circle whose centre is not a number",
              "create table lab.round (id int, area circle)", f"alter table lab.round owner to {MASTER}",
              "insert into lab.round select n, circle(point(n, n), 1) from generate_series(1, 50) as n",
              "insert into lab.round values (51, '<(NaN,NaN),1>'), (52, '<(1,NaN),2>')",
              "create index round_area on lab.round using gist (area)"),
    as_source("N25", "check-needs-search-path", "nothing: a CHECK needs the search_path of a role in the database",
              "create function lab.least_of() returns int language sql immutable as 'select 0'",
              "create function lab.fits(n int) returns boolean language plpgsql immutable as "
              "'begin return n > least_of(); end'", "set search_path = lab",
              "create table lab.fitting (n int constraint fits check (lab.fits(n)))",
              "insert into lab.fitting select n from generate_series(1, 20) as n",
              f"alter table lab.fitting owner to {MASTER}",
              f"alter role {MASTER} in database {DATABASE} set search_path = lab, public"),
    as_source("N28", "row-security-forced-on-source", "nothing: row-level security is forced, and the verifier may bypass it",
              f"alter role {MASTER} bypassrls", "alter table lab.account force row level security", whole_server=True),
    as_source("N29", "check-refuses-the-verifier", "nothing: a CHECK answers otherwise for who verifies, and the rows are equal",
              "create function lab.planted(n int) returns boolean language plpgsql as "
              f"'begin return current_user <> ''{MASTER}''; end'",
              "create table lab.trap (n int constraint planted check (lab.planted(n)))",
              "insert into lab.trap select n from generate_series(1, 20) as n", f"alter table lab.trap owner to {MASTER}"),
    DumpCase(id="N26", name="stale-matview-dumped", damage="a materialised view was stale, and a dump's restore filled it anew",
             harmless=True, listed=r"lab\.totals",
             harm=dump_of("set session_replication_role = replica",
                          "update lab.orders set total = total + 1 where id = 5")),
    DumpCase(id="N27", name="untyped-null-dumped", damage="a dump gives a view with an untyped null in a union another text",
             harmless=True,
             harm=dump_of("create view lab.nulls as select id, null as gap from lab.place union all "
                          "select id, null from lab.place", f"alter view lab.nulls owner to {MASTER}")),
)  # fmt: skip
CASES = (*HARMLESS, *FAULTS)
