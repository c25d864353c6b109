"""Errors of the server get into reports without values of rows."""

from __future__ import annotations

import io
import logging
import sys
import traceback

import psycopg
import pytest

from drills.redaction import CleanFormatter, ServerError, clean_error, server_message, show_error
from drills.sandbox.postgres.cluster import Cluster
from tests.support.cluster import default, state

__all__ = ["default", "state"]
LEFT_OUT = "what the server said is left out, since it can quote a value"
VALUE = "mustermann"  # in lower case, as names that are looked up are
SETUP = """
create table t (id int primary key, e text unique check (e <> 'bad'), n int);
insert into t values (1, 'mustermann', 0);
create type en as enum ('a');
create function says(a text) returns int language plpgsql as 'begin raise exception ''bad %'', a; end';
create function lies(a text) returns int language plpgsql as
  'begin raise exception ''%'', a using errcode = ''XX000''; end';
create function runs(a text) returns int language plpgsql as 'begin execute ''select '' || a; end';
create function odd(a text) returns int language plpgsql as 'begin execute a || '' foo''; end';
create function lost(a text) returns int language plpgsql as 'begin perform nothing(); return 1; end';
"""
QUOTING = [
    *(f"select e::{kind} from t" for kind in ("int", "date", "en", "uuid", "inet", "point", "int[]", "t", "bool")),
    *(f"select e::{kind} from t" for kind in ("regclass", "regtype", "regproc", "regrole", "regconfig")),
    *(
        f"select {name}(e) from t"
        for name in ("says", "lies", "runs", "odd", "nextval", "current_setting", "pg_read_file")
    ),
    "select row_to_json(t)::text::int from t",
    "select (e || ' & & ')::tsquery from t",
    "select ('[' || e)::int4range from t",
    "select now() at time zone e from t",
    "select decode(e, 'hex') from t",
    "insert into t values (2, 'mustermann', 0)",
    "insert into t values (1, 'x', 0)",
    "insert into t select 3, e, 0 from t",
    "alter table t add check (e <> 'mustermann')",
    "create unique index on t (length(e)); insert into t values (4, '0123456789', 0)",
]
TOLD = {
    "select nothing from t": 'column "nothing" does not exist',
    "select * from nowhere": 'relation "nowhere" does not exist',
    "select id form t": 'syntax error at or near "t"',
    "select 1 / n from t": "division by zero",
    "select lost('a')": "function nothing() does not exist",
    "insert into t values (1, 'x', 0)": 'duplicate key value violates unique constraint "t_pkey"',
    "insert into t values (2, 'bad', 0)": 'new row for relation "t" violates check constraint "t_e_check"',
    "select convert_from('\\xff41', 'UTF8')": 'invalid byte sequence for encoding "UTF8": …',
    "select e::regclass from t": f"undefined table (SQLSTATE 42P01; {LEFT_OUT})",
    "select e::int from t": f"invalid text representation (SQLSTATE 22P02; {LEFT_OUT})",
}


@pytest.mark.postgres
def test_no_error_of_the_server_quotes_a_row(default: Cluster) -> None:
    """PostgreSQL quotes the value in each of these, and nothing that is shown of them does; what names objects stays."""
    with default.connect() as session:
        session.execute(SETUP)
        quoted = 0
        for statement in QUOTING:
            with pytest.raises(psycopg.Error) as refused:
                session.execute(statement.encode())
            error = refused.value
            quoted += VALUE in str(error)
            assert VALUE not in show_error(error)
            clean_error(error)
            assert VALUE not in "".join(traceback.format_exception(error))
        for statement, said in TOLD.items():
            with pytest.raises(psycopg.Error) as refused:
                session.execute(statement.encode())
            assert show_error(refused.value) == said
    assert quoted > len(QUOTING) / 2


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ServerError("XX001", "invalid page in block 3 of relation base/5/1", "bufmgr.c"), "invalid page in block 3"),
        (ServerError("XX000", "Max Muster", "plv8.cc"), "internal error (SQLSTATE XX000;"),
        (ServerError("XX000", "Max Muster", "plpy_elog.c"), "internal error (SQLSTATE XX000;"),
        (ServerError("HV000", "Max Muster"), "fdw error (SQLSTATE HV000;"),
        (ServerError("ZZ123", "Max Muster"), "an error (SQLSTATE ZZ123;"),
        (ServerError("42501", "permission denied for table t"), "permission denied for table t"),
        (ServerError("57P01", "terminating connection\nMax Muster"), "terminating connection"),
    ],
)
def test_what_is_shown_of_an_error_is_listed(error: ServerError, said: str) -> None:
    """A message is shown where its SQLSTATE is known to name objects alone and PostgreSQL wrote it; any other is not."""
    assert server_message(error).startswith(said)
    assert "Muster" not in server_message(error)


def test_errors_behind_an_error_are_cleaned_too() -> None:
    """Causes and contexts, also where they lead back to each other, and what psycopg itself says of a value."""
    inner, outer = psycopg.errors.InvalidTextRepresentation(f'"{VALUE}"'), psycopg.DataError(f"too large: {VALUE}")
    inner.__context__ = outer
    try:
        raise outer from inner
    except psycopg.Error as error:
        clean_error(error)
    assert VALUE not in "".join(traceback.format_exception(outer))
    assert "invalid text representation" in str(inner)


def test_a_log_quotes_neither_a_row_nor_a_password() -> None:
    """Of a traceback in a log the frames stay."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(CleanFormatter("%(message)s"))
    try:
        raise psycopg.errors.UniqueViolation(f"duplicate key\nDETAIL:  Key (e)=({VALUE}) already exists.")
    except psycopg.Error:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "password=%s", ("Gehe1m",), None)
        record.exc_info = sys.exc_info()
        handler.emit(record)
    assert VALUE not in stream.getvalue()
    assert "Gehe1m" not in stream.getvalue()
    assert "test_server_errors.py" in stream.getvalue()
