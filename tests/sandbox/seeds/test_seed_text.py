"""How the text of a dump is read: as psql would read it, a line at a time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drills.errors import SeedError
from drills.sandbox.seeds.text import classify_lines, loadable_lines, major_of, scan

HEAD = "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n-- Dumped from database version 15.18 (Debian)\n"
HEAD += "-- Dumped by pg_dump version 18.4\n\nSET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n"
TAIL = "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n"


def split(text: str) -> list[bytes]:
    """The lines of a text as a file gives them."""
    return text.encode().splitlines(keepends=True)


def dump(body: str) -> list[bytes]:
    """A dump around `body`."""
    return split(HEAD + body + TAIL)


HARMLESS = {
    "a string": "SELECT 'a\n\\! touch x\n';\n",
    "a string with quotes": "SELECT 'it''s\n\\! touch x\n';\n",
    "an escaped string": "SELECT E'it\\'s\n\\! touch x\n';\n",
    "an identifier": 'SELECT 1 AS "a\n\\! touch x";\n',
    "a function body": "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $_$\n\\! touch x\nCOPY t FROM stdin;\n$_$;\n",
    "a body within a body": "DO $a$ BEGIN EXECUTE $b$ ; \n\\! x\n $b$; END $a$;\n",
    "a comment": "/* one /* two */\n\\! touch x\n*/ SELECT 1;\n",
    "a line comment": "SELECT 1; -- it's \\! touch x\n",
    "data": 'COPY shop.t (a, "b c") FROM stdin;\n\\! touch x\n\\N\tit\'s\n\\.\n',
    "data after a name with a dollar": "COPY a$b FROM stdin;\n$x$\n\\.\n",
    "dollar signs in names": "SELECT a$b$c, 1 AS d$;\n",
    "old strings": "SET standard_conforming_strings = off;\nSELECT 'it\\'s';\nSELECT 'a\n\\! x';\n",
}


@pytest.mark.parametrize("place", HARMLESS)
def test_a_backslash_that_psql_does_not_take_as_a_command_is_let_through(place: str) -> None:
    """Text inside strings, bodies, comments and data is never a command, and is loaded unchanged."""
    lines = dump(HARMLESS[place])
    assert scan(lines, plain=True).complete
    assert HARMLESS[place] in b"".join(loadable_lines(lines)).decode()


HARMFUL = {
    "within a statement that goes on": "ALTER TABLE t \\! touch x\n OWNER TO own;\n",
    "at a line's start": "\\! touch x\n",
    "behind a statement": "SELECT 1 \\g |touch x\n",
    "after a string's end": "SELECT 'a\n' \\! touch x\n",
    "after data's end": "COPY t FROM stdin;\n1\n\\.\n\\! touch x\n",
    "after a body's end": "DO $a$ $b$ $a$;\n\\! touch x\n",
    "where COPY reads a file": "COPY t FROM '/dev/null' WHERE a IS DISTINCT FROM stdin;\n\\! touch x\n",
    "where COPY writes": "COPY (SELECT 1) TO '/dev/null'; SELECT 1 FROM stdin;\n\\! touch x\n",
    "in a standard body": "CREATE FUNCTION f() RETURNS void BEGIN ATOMIC;\nCOPY t FROM stdin;\n\\! touch x\n",
    # the word END of the CASE must not be taken for the end of the body
    "after a standard body": "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE 1 WHEN 1 THEN 1 END; END;\n\\! x\n",
    "where a backslash ends no string": "SELECT 'a\\';\n\\! touch x\n",
    "as restrict with more": "\\restrict abc \\! touch x\n",
    "as a comment's neighbour": "/* */ \\! touch x\n",
}


@pytest.mark.parametrize("place", HARMFUL)
def test_a_command_that_psql_would_run_is_refused(place: str) -> None:
    """Wherever psql would see a command, so does the scan, and names its line."""
    with pytest.raises(SeedError, match=r"line \d+ has the psql command \\"):
        scan(dump(HARMFUL[place]), plain=True)


def test_the_text_says_what_loading_needs() -> None:
    """Versions, database, encoding, roles, extensions and owners who must be superusers are read from the text."""
    facts = scan(
        dump(
            "CREATE DATABASE orders WITH TEMPLATE = template0 ENCODING = 'LATIN1' LOCALE = 'C';\n"
            "ALTER DATABASE orders OWNER TO dba;\n\\connect orders\nCREATE SCHEMA public;\n"
            'ALTER TABLE public."a OWNER TO b;" OWNER TO "Shop ""Owner""";\n'
            "GRANT SELECT(a),INSERT(b) ON TABLE public.t TO reader WITH GRANT OPTION GRANTED BY granter;\n"
            "REVOKE ALL ON SCHEMA public FROM PUBLIC;\n"
            "ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA public GRANT SELECT ON TABLES TO taker;\n"
            "CREATE POLICY p ON public.t FOR SELECT TO one, two USING ((a = 'TO three'::text));\n"
            "CREATE USER MAPPING FOR mapped SERVER far OPTIONS (\n    \"user\" 'x'\n);\n"
            "ALTER EVENT TRIGGER watch OWNER TO watcher;\nSET SESSION AUTHORIZATION 'speaker';\n"
            "ALTER ROLE tuned IN DATABASE orders SET work_mem TO '1MB';\n"
            'CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;\nCREATE EXTENSION IF NOT EXISTS "uuid-ossp";\n'
            "SELECT 'x\nALTER TABLE a OWNER TO nobody_at_all;\n';\n"
            "COPY t FROM stdin;\nALTER TABLE a OWNER TO nobody_at_all;\n\\.\n"
        ),
        plain=True,
    )
    assert (facts.server, facts.tool, facts.major) == ("15.18", "18.4", 18)
    assert (facts.database, facts.encoding, facts.makes_public) == ("orders", "LATIN1", True)
    named = "dba reader granter maker taker one two mapped watcher speaker tuned"
    assert facts.roles == {'Shop "Owner"', *named.split()}
    assert facts.extensions == {"pg_trgm", "uuid-ossp"}
    assert facts.superuser_owners == {"watcher"}


def test_a_dump_is_whole_only_when_nothing_follows_its_last_line() -> None:
    """The trailer counts at the end, outside data and strings."""
    assert scan(dump("SELECT 1;\n"), plain=True).complete
    assert not scan(split(HEAD + "SELECT 1;\n"), plain=True).complete
    assert not scan(split(HEAD + "COPY t FROM stdin;\n" + TAIL.replace("\\unrestrict abc\n", "")), plain=True).complete
    assert not scan([*dump(""), b"CREATE TABLE more ();\n"], plain=True).complete
    assert scan([line.replace(b"\n", b"\r\n") for line in dump("")], plain=True).complete


def test_what_an_empty_database_does_not_need_is_left_out() -> None:
    """Statements that drop, choose a tablespace or make the database itself are not loaded; all others are."""
    kept = "CREATE TABLE t ();\nCREATE FUNCTION f() RETURNS void LANGUAGE sql AS '\nDROP TABLE t;\n';\n"
    kept += "COPY t FROM stdin;\nDROP TABLE t;\n\\connect x\n\\.\n"
    kept += "SET default_tablespace = '';\nALTER TABLE t ALTER a DROP NOT NULL;\n"
    left_out = "DROP TABLE public.t;\nALTER TABLE ONLY public.t DROP CONSTRAINT c;\nDROP DATABASE orders;\n"
    left_out += "SELECT pg_catalog.lo_unlink('7');\n"
    left_out += "ALTER TABLE public.t ALTER COLUMN id DROP DEFAULT;\n"
    left_out += "ALTER TABLE t ALTER COLUMN id DROP IDENTITY IF EXISTS;\n"
    left_out += "CREATE DATABASE orders WITH TEMPLATE = template0;\n\\connect orders\nSET default_tablespace = fast;\n"
    assert b"".join(loadable_lines(split(left_out + kept))).decode() == kept


def test_lines_are_handed_on_as_they_come() -> None:
    """A dump is never held: each line is out before the next is asked for."""
    asked = 0

    def endless() -> Iterator[bytes]:
        nonlocal asked
        yield b"COPY t FROM stdin;\n"
        while True:
            asked += 1
            yield b"1\n"

    stream = loadable_lines(endless())
    assert [next(stream) for _ in range(4)] == [b"COPY t FROM stdin;\n", b"1\n", b"1\n", b"1\n"]
    assert asked == 3


def test_a_line_without_an_end_is_read() -> None:
    """The last line needs no line end, and a statement left open is seen."""
    assert [kind for kind, _, closed in classify_lines([b"SELECT (1,\n", b"2)"]) if not closed] == ["statement", "more"]


@pytest.mark.parametrize(("version", "major"), [("15.18", 15), ("9.6.24", 9), ("18beta1", 18), ("", 0)])
def test_a_major_version_is_the_first_number(version: str, major: int) -> None:
    """Beta versions and those before 10 have a major version too."""
    assert major_of(version) == major


@pytest.mark.parametrize(
    "statement", ['ALTER TABLE public."a\nb" OWNER TO own;\n', 'GRANT SELECT ON TABLE public."a\n\nb" TO own;\n']
)
def test_a_role_is_found_behind_a_name_of_several_lines(statement: str) -> None:
    """A line end in a name does not hide the role that stands after it, as it must be made before the load."""
    assert scan(dump(statement), plain=True).roles == {"own"}
