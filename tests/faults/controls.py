"""Harmless differences: what an honest copy may differ in, and must not be accused of."""

from __future__ import annotations

from tests.faults.model import SqlCase

_WHERE = "select pg_relation_filenode('lab.customer'), pg_relation_filenode('lab.item')"


def harmless(number: str, name: str, damage: str, statements: tuple[str, ...], probe: str) -> SqlCase:
    """A difference that no check may tell of."""
    return SqlCase(id=number, name=name, damage=damage, statements=statements, probe=probe, harmless=True)


CASES = (
    harmless("N01", "template-copy", "nothing: the database was copied as a template", (), ""),
    harmless("N05", "column-added-again", "a column was dropped and added again, which leaves a gap in the numbering", (
        "create temp table kept as select id, photo from lab.customer", "alter table lab.customer drop column photo",
        "alter table lab.customer add column photo bytea",
        "update lab.customer c set photo = k.photo from kept k where k.id = c.id",
    ), "select max(attnum) from pg_attribute where attrelid = 'lab.customer'::regclass"),
    harmless("N06", "statistics-absent", "the planner has no statistics", ("delete from pg_statistic",
        "delete from pg_statistic_ext_data"), "select count(*) from pg_statistic"),
    harmless("N07", "vacuum-full", "every table was written anew", ("vacuum full",), _WHERE),
    harmless("N08", "other-order", "the rows lie in another order", (
        "cluster lab.customer using customer_email_key", "cluster lab.item using one_label",
        "alter table lab.customer set without cluster", "alter table lab.item set without cluster",
    ), "select md5(string_agg(id::text, ',')) from lab.customer"),
    harmless("N09", "reindexed", "the indexes of two tables were built anew",
             ("reindex table lab.customer", "reindex table lab.item"), "select pg_relation_filenode('lab.customer_pkey')"),
    harmless("N10", "bloated", "the tables are full of dead rows", ("update lab.customer set note = note",),
             "select min(ctid) from lab.customer"),
    harmless("N11", "table-made-again", "a table was made again with the same definition, rows, rights and rules", (
        "create table lab.pair_2 (n integer not null)", "insert into lab.pair_2 select n from lab.pair order by n desc",
        "drop table lab.pair", "alter table lab.pair_2 rename to pair",
        "alter table lab.pair replica identity full", "alter table lab.pair owner to master",
    ), "select 'lab.pair'::regclass::oid"),
    harmless("N12", "statistics-fresh", "the planner's statistics are newer", ("analyze",),
             "select md5(string_agg(xmin::text, '' order by xmin::text)) from pg_statistic"),
    harmless("N13", "frozen", "every row is frozen", ("vacuum (freeze, disable_page_skipping)",
        "update lab.pair set n = n", "vacuum (freeze) lab.pair"), "select min(xmin::text), min(ctid) from lab.pair"),
    SqlCase(id="N23", name="servers-own-option", damage="the server keeps an option of its own for each column",
            statements=("update pg_attribute set attoptions = coalesce(attoptions, '{}') || '{pg_attver=1}' where attrelid "
                        "in (select oid from pg_class where oid >= 16384 and relkind in ('r', 'p', 'v', 'm', 'f'))",),
            probe="select count(attoptions) from pg_attribute", harmless=True, listed="option pg_attver of"),
)  # fmt: skip
