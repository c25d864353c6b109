"""The sample application: the same rows every time, all of them the master's, and a living application to lose."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from drills.sandbox.postgres.cluster import Cluster
from drills.sandbox.seeds import load as seed_load
from drills.sandbox.seeds import sample
from tests.support.seed import MASTER, OWNER, Lab, fingerprint, lab, target

__all__ = ["lab", "target"]

pytestmark = pytest.mark.postgres

USED = {
    "enums": "SELECT count(*) FROM pg_type WHERE typtype = 'e' AND typnamespace = 'shop'::regnamespace",
    "domain checks": "SELECT count(*) FROM pg_constraint WHERE contypid <> 0 AND connamespace = 'shop'::regnamespace",
    "composite types": "SELECT count(*) FROM pg_class WHERE relkind = 'c' AND relnamespace = 'shop'::regnamespace",
    "partitions": "SELECT count(*) FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE relkind = 'r'",
    "foreign keys": "SELECT count(*) FROM pg_constraint WHERE contype = 'f'",
    "exclusion constraints": "SELECT count(*) FROM pg_constraint WHERE contype = 'x'",
    "identity columns": "SELECT count(*) FROM pg_attribute WHERE attidentity <> '' AND attrelid >= 16384",
    "generated columns": "SELECT count(*) FROM pg_attribute WHERE attgenerated <> '' AND attrelid >= 16384",
    "sequences of their own": "SELECT count(*) FROM pg_class AS c WHERE relkind = 'S' AND NOT EXISTS "
    "(SELECT FROM pg_depend WHERE objid = c.oid AND deptype IN ('a', 'i'))",
    "expression indexes": "SELECT count(*) FROM pg_index WHERE indexprs IS NOT NULL AND indexrelid >= 16384",
    "partial indexes": "SELECT count(*) FROM pg_index WHERE indpred IS NOT NULL AND indexrelid >= 16384",
    "filled materialised views": "SELECT count(*) FROM pg_matviews WHERE ispopulated",
    "views": "SELECT count(*) FROM pg_views WHERE schemaname = 'shop'",
    "triggers": "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal",
    "policies": "SELECT count(*) FROM pg_policies",
    "column grants": "SELECT count(*) FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid >= 16384",
    "default privileges": "SELECT count(*) FROM pg_default_acl",
    "comments": "SELECT count(*) FROM pg_description WHERE objoid >= 16384",
    "extended statistics": "SELECT count(*) FROM pg_statistic_ext",
    "large objects of several pieces": "SELECT count(*) FROM "
    "(SELECT loid FROM pg_largeobject GROUP BY 1 HAVING count(*) > 1) AS big",
    "NULL beside empty text": "SELECT least(count(*) FILTER (WHERE note IS NULL), count(*) FILTER (WHERE note = '')) "
    "FROM shop.customer",
}


def test_two_loads_give_the_same_rows(lab: Lab, target: Cluster) -> None:
    """The sample's rows, large objects, sequence positions and functions are the same in every load."""
    second = seed_load.load("sample", target, MASTER, lab.work)
    with lab.source.connect(sample.DATABASE) as one, target.connect(sample.DATABASE) as other:
        expected, found = fingerprint(one), fingerprint(other)
    for unlike in (expected, found):
        del unlike["grants"]  # they name the master, which differs here
        unlike["large objects"] = tuple(row[:2] for row in unlike["large objects"])  # type: ignore[index]
    assert found == expected
    assert (second.rows, second.tables) == (lab.first_load.rows, lab.first_load.tables)


def test_it_is_about_100_000_rows_of_what_real_schemas_use(lab: Lab) -> None:
    """The sample uses every kind of object that a drill must be able to miss."""
    assert 95_000 <= lab.first_load.rows <= 105_000
    assert lab.first_load.roles_created == sample.ROLES
    with lab.source.connect(sample.DATABASE) as session:
        absent = [what for what, query in USED.items() if not session.execute(query.encode()).fetchone()[0]]  # type: ignore[index]
    assert absent == []


def test_the_master_owns_and_reads_all_of_it(lab: Lab) -> None:
    """Nothing in the sample belongs to another role, and its master, no superuser, reads every row and large object."""
    with lab.source.connect(sample.DATABASE) as session:
        strangers = session.execute(
            "SELECT c.relname FROM pg_class AS c WHERE c.oid >= 16384 AND pg_get_userbyid(relowner) <> %s "
            "AND relnamespace::regnamespace::text !~ '^pg_' "
            "UNION ALL SELECT oid::text FROM pg_largeobject_metadata WHERE pg_get_userbyid(lomowner) <> %s "
            "UNION ALL SELECT proname FROM pg_proc WHERE oid >= 16384 AND pg_get_userbyid(proowner) <> %s "
            "UNION ALL SELECT nspname FROM pg_namespace WHERE nspname = 'shop' AND pg_get_userbyid(nspowner) <> %s",
            [OWNER] * 4,
        ).fetchall()
        assert strangers == []
        everything = fingerprint(session)
        session.execute(sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(OWNER)))
        assert fingerprint(session) == everything
        assert session.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)


def test_a_placed_order_adds_up(lab: Lab) -> None:
    """What the living application writes is an order of now whose total is the sum of its lines."""
    with lab.source.connect(sample.DATABASE) as session:
        session.execute(sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(OWNER)))
        with session.transaction(force_rollback=True):
            numbers = [session.execute(sample.PLACE_ORDER).fetchone() for _ in range(20)]
            orders = session.execute(
                "SELECT o.id, o.total = (SELECT sum(amount) FROM shop.order_line AS l WHERE l.order_id = o.id), "
                "now() - o.placed_at < interval '1 minute' FROM shop.orders AS o WHERE o.id > 24000 ORDER BY 1"
            ).fetchall()
            paid = session.execute("SELECT count(*) FROM shop.payment WHERE order_id > 24000").fetchone()
            noted = session.execute("SELECT count(*) FROM shop.status_change WHERE order_id > 24000").fetchone()
    assert orders == [(number[0], True, True) for number in numbers if number]
    assert paid is not None
    assert paid[0] > 0
    assert noted == paid


def test_row_level_security_hides_rows_from_the_readers(lab: Lab) -> None:
    """A role that the policies name sees only its country's customers, and never the column it was not granted."""
    with lab.source.connect(sample.DATABASE) as session:
        everybody = session.execute("SELECT count(*) FROM shop.customer").fetchone()
        session.execute("SET ROLE shop_readonly; SET shop.country = 'DE'")
        seen = session.execute("SELECT count(*), count(DISTINCT country) FROM shop.customer").fetchone()
        assert everybody is not None
        assert seen is not None
        assert 0 < seen[0] < everybody[0]
        assert seen[1] == 1
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("SELECT payer FROM shop.payment")
