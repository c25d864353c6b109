"""A database whose objects have names that SQL, format strings and placeholders read otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from drills.checks.base.session import Connection

NAMES = (
    "{}", "{0}", "%s", "%", "%(x)s", '"', "'", "\\", "a\nb", " ", "$1", "x" * 63, "select", "🐘", "a.b", "a: b",
    "a on b", "domain a", "[/x]", "\x1b[31m",
)  # fmt: skip
# One statement each, all formatted with the names `a` to `h`, which differ from one another.
_IN_EACH = """
create role {role}
create schema {a}
create type {a}.{g} as enum ({l}, 'other')
create domain {a}.{h} as text default {l} constraint {a} check (value <> 'never')
create table {a}.{a} ({a} integer constraint {d} primary key, {b} text default {l}, {c} {a}.{g}, {d} {a}.{h}, \
{e} text[], {f} point, {g} integer generated always as identity, constraint {b} check ({b} <> 'never'), \
constraint {c} unique ({b}, {a}))
insert into {a}.{a} ({a}, {b}, {c}, {d}, {e}, {f}) select n, n::text, {l}, {l}, array[{l}, n::text], point(n, n) \
from generate_series(1, 40) as n
create index {e} on {a}.{a} using hash ({b})
create index {f} on {a}.{a} using gin ({e}) where {b} <> {l}
create index {g} on {a}.{a} using gist ({f})
create index {h} on {a}.{a} using brin ({a})
create index on {a}.{a} ((lower({b})))
create schema {two}
create view {two}.{a} as select {a}, {b} from {a}.{a} where {b} <> {l}
create materialized view {two}.{b} as select {a}, {b} from {a}.{a}
create sequence {two}.{c}
create table {two}.{d} ({d} integer) partition by list ({d})
create table {two}.{e} partition of {two}.{d} for values in (1)
create table {two}.{f} ({a} integer constraint {a} references {a}.{a}, {b} text, exclude using gist ({f} with ~=)) \
inherits ({a}.{a})
create function {a}.{a}({b} integer) returns integer language sql as 'select 1'
create function {a}.{b}() returns trigger language plpgsql as 'begin return new; end'
create trigger {a} before insert on {a}.{a} for each row execute function {a}.{b}({l})
create rule {a} as on delete to {two}.{e} do instead nothing
create policy {a} on {a}.{a} to {role} using ({b} <> {l})
create statistics {a}.{a} on {a}, {b} from {a}.{a}
create collation {a}.{a} from "C"
create text search configuration {a}.{a} (copy = simple)
create operator family {a}.{a} using hash
create foreign data wrapper {a}
create server {a} foreign data wrapper {a} options ({a} {l})
create user mapping for {role} server {a} options ({b} {l})
create foreign table {two}.{g} ({a} integer options ({a} {l})) server {a} options ({c} {l})
create publication {a} for table {a}.{a}
create event trigger {a} on ddl_command_end when tag in ('CREATE CAST') execute function public.nothing()
comment on table {a}.{a} is {l}
comment on column {a}.{a}.{a} is {l}
comment on constraint {b} on {a}.{a} is {l}
comment on policy {a} on {a}.{a} is {l}
grant select ({a}) on {a}.{a} to {role}
grant execute on function {a}.{a}(integer) to {role}
grant usage on schema {a} to {role}
grant usage on foreign server {a} to {role}
alter default privileges for role {role} in schema {a} grant select on tables to public
alter role {role} set search_path = {a}
analyze {a}.{a}
"""


def formatted(names: tuple[str, ...]) -> Iterator[dict[str, sql.Composable]]:
    """For each name what stands for it: `a` to `h` are it and those after it, `two` a second schema, `l` it as a text."""
    for place, name in enumerate(names):
        letters: dict[str, sql.Composable] = {
            letter: sql.Identifier(names[(place + n) % len(names)]) for n, letter in enumerate("abcdefgh")
        }
        role, two = sql.Identifier(f"{name}!"[-63:]), sql.Identifier(f"2{name}"[:63])
        yield {**letters, "role": role, "two": two, "l": sql.Literal(name)}


def fill(session: Connection, names: tuple[str, ...] = NAMES) -> None:
    """Make every kind of object once for each name, in the database that a superuser's session is in."""
    session.execute("create function public.nothing() returns event_trigger language plpgsql as 'begin end'")
    for letters in formatted(names):
        with session.transaction():
            for line in _IN_EACH.strip().splitlines():
                session.execute(sql.SQL(line).format(**letters))
