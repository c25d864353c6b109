"""What may be a secret in a definition is a keyed digest, and what is none can be read."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.checks import manifest, suite
from drills.checks.base.session import SingleDatabase, pin
from drills.checks.catalog import check as catalog
from drills.checks.catalog.check import Catalog
from drills.checks.catalog.secret_literals import SINCE, conceal
from drills.checks.suite import Comparison
from drills.clock import SystemClock
from drills.sandbox.postgres.cluster import Cluster
from tests.support.cluster import default, state

__all__ = ["default", "state"]
SECRET = [
    ("columns", "default", "'geheim'::text", "s.t.note"),
    ("columns", "default", "E'a\\\\b'::character varying", "s.t.note"),
    ("columns", "default", "'it''s'::text", "s.t.note"),
    ("columns", "default", "'geheim'::s.word", "s.t.password"),
    ("columns", "default", "'sk_live_51Hx'::s.word", "s.t.a"),
    ("columns", "default", '\'{"pw": "x"}\'::jsonb', "s.t.a"),
    ("columns", "default", "'1234'::text", "s.t.pin"),
    ("types", "default", "'geheim'::text", "s.word"),
    (
        "triggers",
        "definition",
        "CREATE TRIGGER t BEFORE INSERT ON s.t EXECUTE FUNCTION s.call('geheim')",
        "trigger t on s.t",
    ),
    ("policies", "using", "(current_setting('app.token'::text) = 'geheim'::text)", "policy p on s.t"),
    ("relations", "definition", " SELECT public.pgp_sym_decrypt(a, 'geheim'::text) FROM s.t;", "s.v"),
    ("constraints", "definition", "CHECK ((a <> 'S3cret!pw'::text))", "constraint c on s.t"),
    ("indexes", "definition", "CREATE INDEX i ON s.t USING btree (a) WHERE (b = 'https://u:pw@host/')", "s.i"),
]
READABLE = [
    ("columns", "default", "nextval('s.t_id_seq'::regclass)", "s.t.id"),
    ("columns", "default", "'2026-01-01'::date", "s.t.a"),
    ("columns", "default", "'new'::s.state", "s.t.a"),
    ("columns", "default", "'{}'::jsonb", "s.t.a"),
    ("columns", "default", "'0.5'::text", "s.t.a"),
    ("constraints", "definition", "CHECK ((state = ANY (ARRAY['new'::text, 'paid'::text])))", "constraint c on s.t"),
    ("relations", "definition", " SELECT a AS \"geheim's\" FROM s.t WHERE b = 'open'::text;", "s.v"),
    ("types", "labels", "'S3cret!pw', 'b'", "s.state"),
    ("columns", "type", "character varying(3)", "s.t.password"),
]


@pytest.mark.parametrize(("section", "part", "text", "name"), SECRET)
def test_a_constant_that_may_be_a_secret_is_a_digest(section: str, part: str, text: str, name: str) -> None:
    """Its text is not in the catalog; under the same key it has the same digest, under another one another."""
    one, other = (conceal(section, part, text, name, key) for key in (b"1", b"2"))

    assert one != other
    assert one == conceal(section, part, text, name, b"1") == conceal(section, part, one, name, b"1")
    assert not [
        word for word in ("geheim", "S3cret", "sk_live", "pw@", '"pw"', "1234", "a\\\\b", "it''s") if word in one
    ]


@pytest.mark.parametrize(("section", "part", "text", "name"), READABLE)
def test_what_is_no_secret_can_be_read(section: str, part: str, text: str, name: str) -> None:
    """Sequences, moments, numbers, labels of enums, plain words in conditions and quoted names stay as they are."""
    assert conceal(section, part, text, name, b"1") == text


def one(text: str, key: bytes | None) -> Catalog:
    """A catalog of one column with this default."""
    return {
        "columns": {"s.t.a": catalog.definition(json.dumps({"type": "text", "default": text}), key, "columns", "s.t.a")}
    }


@given(st.text(alphabet="ab'\\x9 ", max_size=500), st.text(alphabet="ab'\\x9 ", max_size=500))
def test_other_constants_are_a_difference_and_without_the_key_are_listed(before: str, after: str) -> None:
    """Digests are compared as the constants would be, in long definitions too; without the key nobody is accused."""
    texts = [f"(a || {quoted(each)}::text)" for each in (before, after)]
    sides = [one(text, b"1") for text in texts]
    blind = one(texts[1], None)

    assert bool(catalog.judge(*sides)) == (texts[0] != texts[1])
    assert catalog.judge(sides[1], blind) == ()
    assert bool(catalog.uncompared_secrets(blind)) == (sides[1] != blind)


def quoted(text: str) -> str:
    """A constant as PostgreSQL writes it."""
    escaped = text.replace("'", "''")
    return "E'" + escaped.replace("\\", "\\\\") + "'" if "\\" in text else f"'{escaped}'"


@pytest.mark.postgres
def test_no_catalog_holds_the_secret_of_a_definition(default: Cluster) -> None:
    """What PostgreSQL itself writes of defaults, views, policies, triggers and rules is searched for the constant."""
    with default.connect() as session:
        session.execute("create domain word as text default 'S3cret-1'")
        session.execute(
            "create table t (a text default 'S3cret-2', b word, c varchar(20) default E'S3cret\\\\3', d int)"
        )
        session.execute("create view v as select encode(sha256('S3cret-4'::bytea), 'hex') as a, 'open'::text as b")
        session.execute("create policy p on t using (current_setting('app.token') = 'S3cret-5')")
        session.execute("create function f() returns trigger language plpgsql as 'begin return new; end'")
        session.execute("create trigger tr before insert on t for each row execute function f('S3cret-6', 'plain')")
        session.execute("create rule r as on delete to t do also select 'S3cret-7'")
        session.execute(
            "alter table t add check (a <> 'S3cret-8'), add e text generated always as (a || 'S3cret-9') stored"
        )
        session.execute("create index on t (d) where a = 'S3cret-10'")
        session.execute("create function g() returns text begin atomic select 'S3cret-11'; end")
        session.execute("create procedure h(a text default 'S3cret-12') language sql as 'select 1'")
        pin(session)
        found, older = (catalog.observe(session, key=b"1", format=format) for format in (SINCE, SINCE - 1))

    assert "S3cret" not in json.dumps(found)
    assert "'open'" in json.dumps(found)
    assert {f"S3cret-{number}" for number in range(5, 12)} <= set(re.findall(r"S3cret-\d+", json.dumps(older)))
    taken = manifest.take(SingleDatabase(default.connect, "postgres"), key=b"1")
    for format, entries in ((SINCE, found), (SINCE - 1, catalog.restrict_to_format(SINCE - 1, older))):
        of_database = replace(taken.databases["postgres"], catalog=entries)
        expected = replace(taken, format=format, databases={"postgres": of_database})
        comparison = Comparison(SingleDatabase(default.connect, "postgres"), expected, SystemClock(), key=b"1")
        (result,) = suite.run(comparison, [catalog.NAME])
        assert (result.outcome, result.findings) == ("met", ())
