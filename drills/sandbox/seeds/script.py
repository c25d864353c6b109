"""Runs a dump's SQL text in a database, statement by statement, each as the role that drills/sandbox/seeds/rules.py says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import psycopg
from psycopg import pq, sql

from drills.errors import SeedError
from drills.redaction import ServerError, server_message
from drills.sandbox.seeds import privileges, rules
from drills.sandbox.seeds.lexer import COPY, Piece
from drills.sandbox.seeds.text import identifier
from drills.sql import execute

LONGEST = 1 << 30  # bytes of a statement: PostgreSQL takes none that is longer (MaxAllocSize)
_HELD = 8 << 20  # bytes of COPY data that are kept so that they can be sent once more
_NO_ROLE = re.compile(r'role "(.+)" does not exist$', re.DOTALL)
_NO_OPTION = re.compile(r'unrecognized parameter "(?:\w+\.)?(\w+)"')
_NO_SETTING = re.compile(r'unrecognized configuration parameter "(.+)"')
_DENIED = re.compile(r"permission denied for (schema|database|foreign-data wrapper) (.+)$", re.DOTALL)
_LENT = {
    "schema": ("CREATE", "SCHEMA", "SELECT nspacl IS NULL FROM pg_catalog.pg_namespace WHERE nspname = %s"),
    "database": ("CREATE", "DATABASE", "SELECT datacl IS NULL FROM pg_catalog.pg_database WHERE datname = %s"),
    "foreign-data wrapper": (
        "USAGE",
        "FOREIGN DATA WRAPPER",
        "SELECT fdwacl IS NULL FROM pg_catalog.pg_foreign_data_wrapper WHERE fdwname = %s",
    ),
}
_DEFAULT_AGAIN = {
    "schema": "UPDATE pg_catalog.pg_namespace SET nspacl = NULL WHERE nspname = %s",
    "database": "UPDATE pg_catalog.pg_database SET datacl = NULL WHERE datname = %s",
    "foreign-data wrapper": "UPDATE pg_catalog.pg_foreign_data_wrapper SET fdwacl = NULL WHERE fdwname = %s",
}
_MINE = {
    "schema": "SELECT pg_catalog.pg_has_role(%s, nspowner, 'MEMBER') FROM pg_catalog.pg_namespace WHERE nspname = %s",
    "database": "SELECT pg_catalog.pg_has_role(%s, datdba, 'MEMBER') FROM pg_catalog.pg_database WHERE datname = %s",
    "foreign-data wrapper": "SELECT %s <> '' FROM pg_catalog.pg_foreign_data_wrapper WHERE fdwname = %s",
}
_AS_OWNER = (b"REFRESH MATERIALIZED VIEW ", b"CREATE INDEX ", b"CREATE UNIQUE INDEX ")
_OWNERS = """
    SELECT DISTINCT r.rolname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_roles AS r ON r.oid = c.relowner
    WHERE NOT r.rolsuper AND NOT pg_catalog.pg_has_role(r.oid, 'pg_read_all_data', 'MEMBER')"""
_WITH_ROWS = (b"INSERT", b"COPY", b"SELECT", b"UPDATE", b"DELETE", b"WITH", b"VALUES", b"DO")
_NOT_ALL = ("01006", "01007")  # warning_privilege_not_revoked, warning_privilege_not_granted
_NOBODY_MAY_CALL = """
    SELECT NOT pg_catalog.bool_and(pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE'))
    FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    WHERE pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.proname) = %s"""


class Refused(Exception):
    """The server refused a statement: its SQLSTATE, its message, and what of it may be shown, which holds no value of a row."""

    def __init__(self, result: pq.abc.PGresult | None, text: str = "") -> None:
        def part(which: pq.DiagnosticField) -> str:
            return (result.error_field(which) or b"").decode("utf-8", "replace") if result is not None else ""

        self.state = part(pq.DiagnosticField.SQLSTATE)
        self.message = text or part(pq.DiagnosticField.MESSAGE_PRIMARY)
        source = part(pq.DiagnosticField.SOURCE_FILE), part(pq.DiagnosticField.SOURCE_FUNCTION)
        self.shown = text or server_message(ServerError(self.state, self.message, *source))
        super().__init__(self.shown)

    def shown_of(self, statement: bytes) -> str:
        """Return what may be shown where this statement was refused: one that brings no rows can be quoted, as names are."""
        of_names = self.state.startswith("42") and not statement.upper().startswith(_WITH_ROWS)
        return self.message if of_names else self.shown


@dataclass
class Script:
    """One load. `login` and `superuser` are sessions in `database`; `make_role` creates one that the data name.

    `left_out` counts, by what they have in common, the statements that were not loaded although the dump has them.
    """

    login: psycopg.Connection
    superuser: psycopg.Connection
    database: str
    extensions: frozenset[str]
    prepared_schemas: frozenset[str]
    make_role: Callable[[str], bool]
    trusted: bool = False
    left_out: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Listen to the warnings of the login's session, and let the superuser see nothing but PostgreSQL's own names."""
        self.superuser.execute("SET search_path = pg_catalog, pg_temp")
        self._rules = rules.Rules()
        self._last: list[bytes] = []
        self._warnings: list[str] = []
        self.login.add_notice_handler(lambda notice: self._warnings.append(notice.sqlstate or ""))

    def run(self, parts: Iterable[Piece]) -> None:
        """Run all pieces, but for what must come last. Raises SeedError with the first error and its line."""
        stream = iter(parts)
        for piece in stream:
            if piece.kind == "unfinished":
                raise SeedError(f"line {piece.line}: the text ends within a statement")
            if piece.kind != "statement":
                continue
            try:
                self._statement(piece.text, stream)
            except Refused as error:
                raise SeedError(_sentence(piece, error)) from None

    def finish(self) -> None:
        """Run what makes event triggers, and hands on what only a superuser can own, with owners raised meanwhile.

        In PostgreSQL only a superuser can own an event trigger, a foreign-data wrapper or, before 16, a subscription; on
        RDS other roles may own them, and they keep them when they are no superusers any more. Event triggers come at the
        very end, since they fire for the superuser's statements too.
        """
        statements = sorted(self._last, key=lambda text: b" EVENT TRIGGER " in text)
        owners = {owner for text in statements if (owner := rules.last_owner(text))}
        known = self.superuser.execute(
            "SELECT rolname FROM pg_catalog.pg_roles WHERE NOT rolsuper AND rolname = ANY (%s)", [sorted(owners)]
        ).fetchall()
        names = [sql.Identifier(str(row[0])) for row in known]
        try:
            for name in names:
                self.superuser.execute(sql.SQL("ALTER ROLE {} SUPERUSER").format(name))
            for text in statements:
                self._as_superuser(text)
        except Refused as error:
            raise SeedError(error.shown_of(b"")) from None
        finally:
            for name in names:
                self.superuser.execute(sql.SQL("ALTER ROLE {} NOSUPERUSER").format(name))

    def _statement(self, text: bytes, stream: Iterator[Piece]) -> None:
        if b"\0" in text or len(text) >= LONGEST:
            raise Refused(None, "a statement with a zero byte or of more than 1 GiB")
        who = self._rules.who(text)
        if who == "nobody" or self._is_prepared(text):
            return
        if who == "superuser":
            self._as_superuser(text)
        elif who == "superuser, last":
            self._last.append(text)
        elif owner := rules.database_owner(text):
            self._hand_on_database(owner)
        elif found := rules.setting(text):
            self._keep_setting(*found)
        elif COPY.match(text):
            self._copy(text, stream)
        else:
            self._as_login(text if self.trusted else rules.for_login(text))

    def _is_prepared(self, text: bytes) -> bool:
        found = rules.SCHEMA.match(text)
        return found is not None and identifier(found[1]) in self.prepared_schemas

    # -- the seed's login ------------------------------------------------------------------------------------------

    def _as_login(self, text: bytes) -> None:
        while True:
            self._warnings.clear()
            try:
                _check(self.login.pgconn.exec_(text))
            except Refused as error:
                mended = self._mended(text, error)
                if mended is None:
                    return
                text = mended
                continue
            if set(self._warnings) & set(_NOT_ALL) and (change := privileges.read_change(text)):
                self._change(change, text)
            return

    def _mended(self, text: bytes, error: Refused) -> bytes | None:
        """Return the statement to try once more, or None where it is done or left out. Raises `error` again otherwise."""
        if self.login.pgconn.transaction_status != pq.TransactionStatus.IDLE:
            raise error
        if error.state == "42704" and (found := _NO_ROLE.search(error.message)) and self.make_role(found[1]):
            return text
        if error.state == "42704" and (found := _NO_SETTING.search(error.message)) and text.startswith(b"SET "):
            self.left_out[f"the setting {found[1]}, which this server does not know"] += 1
            return None
        if error.state == "22023" and (found := _NO_OPTION.search(error.message)):
            return self._without_option(text, found[1], error)
        if error.state == "42501":
            if rules.any_owner(text) == self.superuser.info.user:  # RDS's own superuser has the same name
                self.left_out[f"that something belonged to {self.superuser.info.user}: it is the master user's"] += 1
                return None
            if change := privileges.read_change(text):
                self._change(change, text)
                return None
            if text.startswith(_AS_OWNER):
                self._with_reading(text)
                return None
            if found := _DENIED.search(error.message):
                self._with_lent(text, found[1], found[2], error)
                return None
        raise error

    def _with_reading(self, text: bytes) -> None:
        """Run what the server does as an owner who was a superuser where the dump was made, and who may read all meanwhile."""
        owners = [sql.Identifier(str(row[0])) for row in self.superuser.execute(_OWNERS).fetchall()]
        for owner in owners:
            self.superuser.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(owner))
        try:
            _check(self.login.pgconn.exec_(text))
        finally:
            for owner in owners:
                self.superuser.execute(sql.SQL("REVOKE pg_read_all_data FROM {}").format(owner))

    def _without_option(self, text: bytes, name: str, error: Refused) -> bytes | None:
        """Return the statement without a storage option that no server takes; None where nothing is left of it."""
        shorter = rules.without_option(text, name)
        if shorter == text:
            raise error
        self.left_out[f"the option {name}, which this server does not know"] += 1
        return None if rules.sets_nothing(shorter) else shorter

    def _with_lent(self, text: bytes, kind: str, name: str, error: Refused) -> None:
        """Run a statement whose role lacks a privilege that a superuser's load needs not; take it back afterwards."""
        whom = rules.any_owner(text) or self.login.info.user
        privilege, word, has_default = _LENT[kind]
        mine = execute(self.superuser, _MINE[kind], [self.login.info.user, name]).fetchone()
        if mine is None or not mine[0]:
            raise error
        row = execute(self.superuser, has_default, [name]).fetchone()
        parts = (sql.SQL(privilege), sql.SQL(word), sql.Identifier(name), sql.Identifier(whom))
        self.superuser.execute(sql.SQL("GRANT {} ON {} {} TO {}").format(*parts))
        try:
            _check(self.login.pgconn.exec_(text))
        finally:
            self.superuser.execute(sql.SQL("REVOKE {} ON {} {} FROM {}").format(*parts))
            if row and row[0]:
                execute(self.superuser, _DEFAULT_AGAIN[kind], [name])

    def _copy(self, text: bytes, stream: Iterator[Piece]) -> None:
        """Send the rows of a COPY; once more where a role that they name had to be made, if they are few."""
        held: list[bytes] = []
        size = 0
        self._begin_copy(text)
        for piece in stream:
            if piece.kind != "data":
                break
            self.login.pgconn.put_copy_data(piece.text)
            size += len(piece.text)
            if size <= _HELD:
                held.append(piece.text)
        while True:
            try:
                self._end_copy()
                return
            except Refused as error:
                found = _NO_ROLE.search(error.message) if error.state == "42704" else None
                if size > _HELD or found is None or not self.make_role(found[1]):
                    raise
            self._begin_copy(text)
            for row in held:
                self.login.pgconn.put_copy_data(row)

    def _begin_copy(self, text: bytes) -> None:
        result = self.login.pgconn.exec_(text)
        if result.status != pq.ExecStatus.COPY_IN:
            _check(result)
            raise Refused(None, "a COPY that takes no data")

    def _end_copy(self) -> None:
        connection = self.login.pgconn
        connection.put_copy_end()
        failed = None
        while result := connection.get_result():
            if result.status == pq.ExecStatus.FATAL_ERROR:
                failed = result
        if failed is not None:
            raise Refused(failed)

    # -- the superuser ---------------------------------------------------------------------------------------------

    def _as_superuser(self, text: bytes) -> None:
        # the extended protocol takes one statement alone, whatever its text makes of quotes
        _check(self.superuser.pgconn.exec_params(text, None))

    def _change(self, change: privileges.Change, text: bytes) -> None:
        nobody = None
        if change.kind in ("FUNCTION", "PROCEDURE", "ROUTINE"):
            name = change.object.split("(", maxsplit=1)[0]
            nobody = execute(self.superuser, _NOBODY_MAY_CALL, [name]).fetchone()
        if change.is_harmless(nobody is not None and nobody[0] is False):
            self._as_superuser(text)
        else:
            self.left_out[f"the grant on {change.object}, which would reach the server's own files or programs"] += 1

    def _is_superuser(self, role: str) -> bool:
        row = self.superuser.execute("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = %s", [role]).fetchone()
        return row is not None and bool(row[0])

    def _hand_on_database(self, owner: str) -> None:
        if self._is_superuser(owner):
            self.left_out[f"the owner {owner} of the database, who is a superuser here"] += 1
            return
        self.superuser.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(self.database), sql.Identifier(owner))
        )

    def _keep_setting(self, role: str | None, name: str, value: bytes) -> None:
        row = self.superuser.execute("SELECT context FROM pg_catalog.pg_settings WHERE name = %s", [name]).fetchone()
        context = str(row[0]) if row else None
        if role is not None and self._is_superuser(role):
            self.left_out[f"the setting {name} of the role {role}, who is a superuser here"] += 1
            return
        if not rules.is_harmless_setting(name, context, self.extensions):
            self.left_out[f"the setting {name} of the database or of a role, which only a superuser may give"] += 1
            return
        where = sql.SQL("DATABASE {}").format(sql.Identifier(self.database))
        if role is not None:
            where = sql.SQL("ROLE {} IN {}").format(sql.Identifier(role), where)
        head = sql.SQL("ALTER {} SET {} TO ").format(where, sql.SQL(name))
        self._as_superuser(head.as_string(self.superuser).encode() + value)


def _check(result: pq.abc.PGresult) -> None:
    if result.status == pq.ExecStatus.FATAL_ERROR:
        raise Refused(result)
    if result.status in (pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH):
        raise Refused(None, "a COPY that pg_dump does not write")


def _sentence(piece: Piece, error: Refused) -> str:
    shown = error.shown_of(piece.text)
    if error.state == "42501" or "superuser" in error.message:
        return (
            f"line {piece.line}: {shown}, which takes a superuser, and neither a seed nor a master user of RDS is one"
        )
    return f"line {piece.line}: {shown}"
