"""Damage on purpose, where a database does not make it easy."""

from __future__ import annotations

import os

import pytest

from drills.sandbox.postgres.cluster import Cluster
from drills.sandbox.postgres.roles import prepare_roles
from drills.sandbox.seeds.damage import KINDS, damage
from tests.support.cluster import default, state

__all__ = ["default", "state"]
MASTER = "master"
IDENTITY = "select relreplident from pg_class where relname = 'keyless'"


@pytest.mark.postgres
@pytest.mark.parametrize("kind", ["row", "row-value"])
@pytest.mark.parametrize("identity", ["default", "nothing"])
def test_a_table_that_publishes_without_a_key_can_be_damaged(default: Cluster, kind: str, identity: str) -> None:
    """PostgreSQL refuses to delete from it; the damage is done all the same and nothing else is different."""
    with default.connect("postgres") as session:
        session.execute("create table keyless as select g::text as t from generate_series(1, 9) as g")
        session.execute(f"alter table keyless replica identity {identity}".encode())
        session.execute("create publication everything for all tables")
        before = session.execute(IDENTITY).fetchone()
        found = KINDS[kind](session)

        assert found is not None
        assert found[0] == "public.keyless"
        assert session.execute(IDENTITY).fetchone() == before
        assert session.execute("select count(*) from keyless").fetchone() == (8 if kind == "row" else 9,)


MIXED = """
    create role app_owner; create role loader; create role reader; create role other; grant app_owner, loader to master;
    create schema app authorization app_owner;
    create table app.a (id int default 7, t text); alter table app.a owner to loader;
    insert into app.a values (1, 'x');
    grant select on app.a to other with grant option;
"""
TRAP = """
    create function app.fire() returns trigger language plpgsql as $$ begin
        execute 'copy (select 1) to program ''touch {0}'' '; return old;
        exception when insufficient_privilege then return old; end $$;
    create trigger fire before delete on app.a for each row execute function app.fire();
    alter table app.a enable always trigger fire;
"""


@pytest.mark.postgres
def test_a_copy_of_several_owners_is_damaged_and_its_code_reaches_nothing(default: Cluster) -> None:
    """An owner who may not use the schema is no obstacle, and a trigger that is always on starts no program."""
    mark = default.run_dir.parent / "mark"
    prepare_roles(default, MASTER, "x" * 12, None)
    with default.connect("postgres") as session:
        session.execute((MIXED + TRAP.format(mark)).encode())
        roles = session.execute("select rolname from pg_roles order by 1").fetchall()
    default.stop()
    done = damage(default, ("grant", "row", "default"), {})
    assert [each.what for each in done] == [
        "SELECT revoked from other",
        "one row deleted",
        "the column default dropped",
    ]
    assert not mark.exists()
    default.run_dir.mkdir(exist_ok=True)
    if default.user:
        os.chown(default.run_dir, default.user.uid, default.user.gid)
    default.start()
    with default.connect("postgres") as session:
        assert session.execute("select rolname from pg_roles order by 1").fetchall() == roles
