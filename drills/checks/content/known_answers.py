"""Hold the functions that the checks lean on against known answers: a server that errs in these can prove nothing.

With another `int4out()` or `hashtextextended()` different rows look the same. The answers are computed here; those of the
fast hashes are constants, the same on every little-endian platform of PostgreSQL 14 to 18.
"""

from __future__ import annotations

import hashlib

from drills.checks.base.session import Connection
from drills.checks.content.fingerprint import TEXT_CALIBRATION, calibration
from drills.checks.content.typed import CALIBRATION
from drills.model.finding import Finding
from drills.sql import Quoted, execute

_FAST = {
    "hashtextextended": (TEXT_CALIBRATION, "e7307f96983dc14ebcf49639876ee94f"),
    "that hash values by their types": (CALIBRATION, "9c91a3302594d08c58cf6c0c3bdcf0a3"),
}
_ASKED = ", ".join(f"({query})" for query, _ in _FAST.values())
_LITTLE_ENDIAN = ("x86_64", "aarch64", "arm64", "amd64")
_TEXT = "drills 0123456789"
# What is asked, as a query of one text, by the functions that answer it.
_QUESTIONS: dict[str, tuple[str, str]] = {
    "md5": (f"pg_catalog.md5('{_TEXT}')", hashlib.md5(_TEXT.encode(), usedforsecurity=False).hexdigest()),
    "sha256": (
        f"pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to('{_TEXT}', 'UTF8')), 'hex')",
        hashlib.sha256(_TEXT.encode()).hexdigest(),
    ),
    "int2out, int4out, int8out": ("row(g::int2, g * 100001, g::int8 * 10000000000)::text", "(7,700007,70000000000)"),
    "numeric_out, float8out": ("row(g::numeric / 8, g::float8 / 8)::text", "(0.87500000000000000000,0.875)"),
    "textout, boolout, byteaout": ("row('a b' || g, g > 6, '\\x0aff'::bytea)::text", '("a b7",t,"\\\\x0aff")'),
    "timestamptz_out, date_out, uuid_out": (
        "row('2026-11-29 01:02:03+00'::timestamptz, '2026-11-29'::date, '00000000-0000-0000-0000-00000000000f'::uuid)::text",
        '("2026-11-29 01:02:03+00",2026-11-29,00000000-0000-0000-0000-00000000000f)',
    ),
    "concat, octet_length, date_send, timestamptz_send": (
        "row(pg_catalog.concat(g, 'x '), pg_catalog.octet_length('ab '::pg_catalog.bpchar), pg_catalog.date_send('2000-01-08'), "
        "pg_catalog.timestamptz_send('2000-01-01 00:00:07+00'))::text",
        f'("7x ",3,"\\\\x00000007","\\\\x{7_000_000:016x}")',
    ),
    "count, sum, max": (
        "(select pg_catalog.format('%s %s %s', count(*) filter (where n > 3), sum(n), max(n)) "
        "from pg_catalog.generate_series(1, 1000) as n)",
        "997 500500 1000",
    ),
    "num_nulls, the order of texts": (
        "row(pg_catalog.num_nulls(1, null), 'B' < 'a' collate \"C\", 'a' = 'b')::text",
        "(1,t,f)",
    ),
}


def check(connection: Connection, check: str) -> tuple[Finding, ...]:
    """Return a finding of this check's name for each question that a pinned session answers otherwise."""
    query = "select " + ", ".join(question for question, _ in _QUESTIONS.values())
    # from a series, so that nothing is computed while the query is planned
    row = execute(connection, f"{query} from pg_catalog.generate_series(7, 7) as g").fetchone() or ()
    found = [
        _finding(check, names, question, wanted, str(answer))
        for (names, (question, wanted)), answer in zip(_QUESTIONS.items(), row, strict=True)
        if answer != wanted
    ]
    server, *hashed = execute(connection, f"select pg_catalog.version(), {_ASKED}").fetchone() or ("", "", "")
    if any(word in server for word in _LITTLE_ENDIAN):
        digests = calibration(*map(str, hashed)).split(":")
        found += [
            _finding(check, names, f"({query})", f"text with the digest {wanted}", digest)
            for (names, (query, wanted)), digest in zip(_FAST.items(), digests, strict=True)
            if digest != wanted
        ]
    return tuple(found)


def _finding(check: str, names: str, question: str, wanted: str, answer: str) -> Finding:
    message = (
        f"PostgreSQL's own {names} answered {answer}, expected {wanted}: nothing that this server says can be relied on"
    )
    query = Quoted(f"select {question} from pg_catalog.generate_series(7, 7) as g")
    return Finding(check, "error", f"functions {names}", wanted, answer, message, query)
