"""How the text of a dump is read: as psql would read it, a line at a time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drills.errors import SeedError
from drills.sandbox.seeds import rules
from drills.sandbox.seeds.lexer import Piece, pieces
from drills.sandbox.seeds.text import major_of, scan, sections

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
    assert scan(lines).complete
    read = b"".join(piece.text for _, piece in sections(lines, 1 << 20)).decode()
    expected = "SELECT 1;" if place == "a comment" else HARMLESS[place]
    assert "".join(expected.split()) in "".join(read.split())


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
        scan(dump(HARMFUL[place]))


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
        )
    )
    assert (facts.server, facts.tool, facts.major) == ("15.18", "18.4", 18)
    assert (facts.database, facts.encoding, facts.makes_public) == ("orders", "LATIN1", True)
    named = "dba reader granter maker taker one two mapped watcher speaker tuned"
    assert facts.roles == {'Shop "Owner"', *named.split()}
    assert facts.extensions == {"pg_trgm": "public", "uuid-ossp": None}


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("COPY t FROM PROGRAM 'id';", "a COPY with a program in line "),
        ("copy public.t (a, b)\n  from program $$id$$;", "a COPY with a program in line "),
        ("COPY t FROM '/etc/passwd';", "a COPY with a file of the server in line "),
        ("COPY (SELECT 1) TO E'/tmp/x';", "a COPY with a file of the server in line "),
        ("COPY t (a) FROM stdin WITH (NULL 'FROM PROGRAM ''id''');\n1\n\\.", ""),
        ('COPY "a FROM \'b" FROM stdin;\n1\n\\.', ""),
        ("COPY t FROM stdin;\nCOPY t FROM PROGRAM 'id';\n\\.", ""),
        ("COMMENT ON TABLE t IS 'COPY t FROM PROGRAM ''id'';';", ""),
    ],
)
def test_a_copy_that_leaves_the_dump_is_found(statement: str, found: str) -> None:
    """A program, or a file of the server, that the text would have started or read; rows and texts are none."""
    outside = scan(dump(f"{statement}\n")).outside
    assert found in outside
    assert bool(found) == bool(outside)


def test_a_dump_is_whole_only_when_nothing_follows_its_last_line() -> None:
    """The trailer counts at the end, outside data and strings."""
    assert scan(dump("SELECT 1;\n")).complete
    assert not scan(split(HEAD + "SELECT 1;\n")).complete
    assert not scan(split(HEAD + "COPY t FROM stdin;\n" + TAIL.replace("\\unrestrict abc\n", ""))).complete
    assert scan([line.replace(b"\n", b"\r\n") for line in dump("")]).complete


def test_other_sql_may_follow_a_whole_dump_but_a_second_dump_must_be_whole() -> None:
    """A backup script may append its own SQL or another dump; what is cut off is still seen."""
    roles = split("CREATE ROLE late;\nGRANT SELECT ON TABLE t TO late;\n")
    facts = scan([*dump(""), *roles])
    assert facts.complete
    assert "late" in facts.roles
    assert scan([*dump(""), *dump("SELECT 1;\n")]).complete
    assert not scan([*dump(""), *split(HEAD + "SELECT 1;\n")]).complete
    assert not scan([*dump(""), b"CREATE TABLE more (\n"]).complete


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    """Windows PowerShell writes one; the first statement is read all the same."""
    first, *rest = dump("CREATE ROLE own;\n")
    assert [piece.text for _, piece in sections([b"\xef\xbb\xbf" + first], 99)] == [first]
    assert scan([b"\xef\xbb\xbf" + first, *rest]).roles == {"own"}


def test_roles_that_only_the_data_name_are_found() -> None:
    """The values of a regrole column are roles, in COPY's own columns and quoted as SQL quotes them."""
    body = "CREATE TABLE public.job (\n    id integer,\n    owner regrole NOT NULL\n);\n"
    body += 'COPY public.job (id, owner) FROM stdin;\n1\tnightly\n2\t"Odd ""One"""\n3\t\\N\n4\t-\n5\t12345\n\\.\n'
    body += "COPY public.other (id, owner) FROM stdin;\n1\tnobody_at_all\n\\.\n"
    assert scan(dump(body)).roles == {"nightly", 'Odd "One"'}


CLUSTER = (
    "--\n-- PostgreSQL database cluster dump\n--\n\nSET client_encoding = 'UTF8';\nCREATE ROLE boss;\nCREATE ROLE staff;\n"
    "ALTER ROLE boss WITH SUPERUSER INHERIT LOGIN PASSWORD 'SCRAM-SHA-256$x';\nGRANT staff TO boss GRANTED BY boss;\n"
    '--\n-- Database "template1" dump\n--\n\\connect template1\n' + HEAD + TAIL
)


def of_database(name: str, body: str) -> str:
    """What pg_dumpall writes for one database."""
    made = f"CREATE DATABASE {name} WITH TEMPLATE = template0 ENCODING = 'UTF8';\nALTER DATABASE {name} OWNER TO o_{name};\n"
    return f'--\n-- Database "{name}" dump\n--\n' + HEAD + made + f"\\connect {name}\n" + body + TAIL


CLUSTER_TAIL = "--\n-- PostgreSQL database cluster dump complete\n--\n"


def test_one_database_of_a_whole_cluster_is_read() -> None:
    """Its roles and their members come with it, the other databases' needs do not."""
    text = CLUSTER + of_database("a", "CREATE EXTENSION one;\n") + of_database("b", "CREATE EXTENSION two;\n")
    facts = scan(split(text + CLUSTER_TAIL), "b")
    assert (facts.database, facts.chosen, facts.complete) == ("b", "b", True)
    assert facts.roles == {"boss", "staff", "o_b"}
    assert facts.memberships == {("staff", "boss")}
    assert facts.extensions == {"two": None}
    assert not scan(split(text), "b").complete


def test_several_databases_are_listed_where_none_is_named() -> None:
    """The sentence names them and the option; one alone needs no option, and one that is not there is refused."""
    a, b = of_database("a", "CREATE TABLE t ();\n"), of_database("b", "CREATE TABLE t ();\n")
    with pytest.raises(SeedError, match="2 databases: a, b; name the one to load with --database"):
        scan(split(CLUSTER + a + b + CLUSTER_TAIL))
    with pytest.raises(SeedError, match="no database c, only a, b"):
        scan(split(CLUSTER + a + b + CLUSTER_TAIL), "c")
    assert scan(split(CLUSTER + a + CLUSTER_TAIL)).database == "a"


def test_what_an_empty_database_does_not_need_is_left_out() -> None:
    """Statements that drop, choose a tablespace or make the database itself are not loaded; all others are."""
    kept = "CREATE TABLE t ();\nCREATE FUNCTION f() RETURNS void LANGUAGE sql AS '\nDROP TABLE t;\n';\n"
    kept += "SET default_tablespace = '';\nALTER TABLE t ALTER a DROP NOT NULL;\n"
    left_out = "DROP TABLE public.t;\nALTER TABLE ONLY public.t DROP CONSTRAINT c;\nDROP DATABASE orders;\n"
    left_out += "SELECT pg_catalog.lo_unlink('7');\n"
    left_out += "ALTER TABLE public.t ALTER COLUMN id DROP DEFAULT;\n"
    left_out += "ALTER TABLE t ALTER COLUMN id DROP IDENTITY IF EXISTS;\n"
    left_out += "CREATE DATABASE orders WITH TEMPLATE = template0;\nSET default_tablespace = fast;\n"
    left_out += "CREATE EXTENSION pg_trgm;\n"
    who = [rules.Rules().who(piece.text) for piece in pieces(split(left_out + kept), 1 << 20)]
    assert who == ["nobody"] * 9 + ["login"] * 4


def test_pieces_are_handed_on_as_they_come() -> None:
    """A dump is never held: each piece is out before the next line is asked for."""
    asked = 0

    def endless() -> Iterator[bytes]:
        nonlocal asked
        yield b"COPY t FROM stdin;\n"
        while True:
            asked += 1
            yield b"1\n"

    stream = pieces(endless(), 99)
    assert [next(stream).kind for _ in range(4)] == ["statement", "data", "data", "data"]
    assert asked == 3


def test_a_line_without_an_end_is_read() -> None:
    """The last line needs no line end, and a statement left open is seen."""
    assert list(pieces([b"SELECT (1,\n", b"2)"], 99)) == [Piece("unfinished", b"SELECT (1,\n2)", 1)]


@pytest.mark.parametrize(("version", "major"), [("15.18", 15), ("9.6.24", 9), ("18beta1", 18), ("", 0)])
def test_a_major_version_is_the_first_number(version: str, major: int) -> None:
    """Beta versions and those before 10 have a major version too."""
    assert major_of(version) == major


@pytest.mark.parametrize(
    "statement",
    [
        'ALTER TABLE public."a\nb" OWNER TO own;\n',
        'GRANT SELECT ON TABLE public."a\n\nb" TO own;\n',
        'CREATE POLICY "a\nb" ON public.t TO own USING (true);\n',
        'CREATE POLICY p ON public."a\nb" TO own WITH CHECK (true);\n',
        'CREATE USER MAPPING FOR own SERVER "a\nb";\n',
        'ALTER DEFAULT PRIVILEGES FOR ROLE own IN SCHEMA "a\nb" GRANT SELECT ON TABLES TO own;\n',
    ],
)
def test_a_role_is_found_behind_a_name_of_several_lines(statement: str) -> None:
    """A line end in a name does not hide the role that stands after it, as it must be made before the load."""
    assert scan(dump(statement)).roles == {"own"}
