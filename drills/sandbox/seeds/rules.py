"""Decides for each statement of a dump who runs it: the seed's login, the server's superuser, or nobody.

The seed's login has no power, so that a dump's code can reach neither programs nor files. The superuser runs only what
an ordinary dump has, what PostgreSQL keeps to superusers, and what by its grammar can hold no expression and no code:
each such statement is held against a whole pattern here. Amazon RDS allows its master user much the same
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.html).
"""

from __future__ import annotations

import re
from typing import Literal

from drills.sandbox.seeds.lexer import IDENT
from drills.sandbox.seeds.text import identifier

Who = Literal["login", "superuser", "superuser, last", "nobody"]

_LITERAL = rb"E?'(?:[^'\\]|'')*'"
_OPTION = rb"%(n)s %(l)s" % {b"n": IDENT, b"l": _LITERAL}
_PARTS = {
    b"n": IDENT,
    b"q": rb"%(n)s(?:\.%(n)s)?" % {b"n": IDENT},
    b"l": _LITERAL,
    b"options": rb"OPTIONS \(\s*%(o)s(?:,\s*%(o)s)*\s*\)" % {b"o": _OPTION},
    b"set": rb"%(n)s = (?:%(l)s|%(n)s|[0-9]+)" % {b"n": IDENT, b"l": _LITERAL},
}


def _patterns(*texts: bytes) -> tuple[re.Pattern[bytes], ...]:
    return tuple(re.compile(text % _PARTS + rb"\s*;$", re.DOTALL) for text in texts)


_NOT_LOADED = re.compile(
    rb"(?:DROP |SELECT pg_catalog\.lo_unlink\(|CREATE DATABASE |CREATE EXTENSION |CREATE SCHEMA public;"
    rb"|SET default_tablespace = [^']|SET default_tablespace = '[^']"
    rb"|ALTER (?:TABLE|DOMAIN|FOREIGN TABLE|VIEW) [^;]* DROP (?:CONSTRAINT|DEFAULT|IDENTITY)\b"
    rb"|ALTER [^;]* SET TABLESPACE )"
)
_SUPERUSER = _patterns(
    rb"COMMENT ON (?:EXTENSION|FOREIGN DATA WRAPPER|PUBLICATION|SUBSCRIPTION) %(n)s IS (?:%(l)s|NULL)",
    # without a handler: one of C code could be given the options of another wrapper, unchecked
    rb"CREATE FOREIGN DATA WRAPPER %(n)s(?: NO HANDLER)?(?: NO VALIDATOR)?(?:\s*%(options)s)?",
    rb"CREATE PUBLICATION %(n)s FOR ALL TABLES(?: WITH \(%(set)s(?:, %(set)s)*\))?",
    rb"ALTER PUBLICATION %(n)s ADD TABLES IN SCHEMA %(n)s",
    rb"CREATE SUBSCRIPTION %(n)s CONNECTION %(l)s PUBLICATION %(n)s(?:, %(n)s)* WITH \(connect = false(?:, %(set)s)*\)",
)
_LAST = _patterns(
    rb"CREATE EVENT TRIGGER %(n)s ON %(n)s(?:\s+WHEN TAG IN \(%(l)s(?:,\s*%(l)s)*\))?"
    rb"\s+EXECUTE (?:FUNCTION|PROCEDURE) %(q)s\(\)",
    rb"ALTER EVENT TRIGGER %(n)s (?:DISABLE|ENABLE(?: REPLICA| ALWAYS)?)",
    rb"COMMENT ON EVENT TRIGGER %(n)s IS (?:%(l)s|NULL)",
    rb"ALTER (?:EVENT TRIGGER|FOREIGN DATA WRAPPER|SUBSCRIPTION) %(n)s OWNER TO %(n)s",
)
_MADE = re.compile(rb"CREATE PUBLICATION (%(n)s) FOR ALL TABLES" % {b"n": IDENT})
_OWNER = re.compile(rb"ALTER ([A-Z ]+) (%(n)s) OWNER TO (%(n)s);$" % {b"n": IDENT})
SCHEMA = re.compile(rb"CREATE SCHEMA (?:IF NOT EXISTS )?(%(n)s);$" % {b"n": IDENT})
_ANY_OWNER = re.compile(rb"ALTER .* OWNER TO (%(n)s);$" % {b"n": IDENT}, re.DOTALL)
_DATABASE_OWNER = re.compile(rb"ALTER DATABASE %(n)s OWNER TO (%(n)s);$" % {b"n": IDENT})
_SETTING = re.compile(
    rb"ALTER (?:DATABASE %(n)s|ROLE (?P<role>%(n)s) IN DATABASE %(n)s) SET (?P<name>%(n)s(?:\.%(n)s)?) (?:TO|=) "
    rb"(?P<value>(?:%(l)s|%(n)s|-?[0-9.]+)(?:, (?:%(l)s|%(n)s|-?[0-9.]+))*);$" % _PARTS
)
_AUTHORIZATION = re.compile(rb"(SET|RESET) SESSION AUTHORIZATION\b(.*);$", re.DOTALL)
# what a superuser alone may set, and what can do no more than write to the server's own log or measure
_HARMLESS_SETTING = re.compile(
    r"log_\w+|track_\w+|auto_explain\.\w+|pg_stat_statements\.\w+|deadlock_timeout|lc_messages|temp_file_limit"
    r"|compute_query_id|session_replication_role"
)


class Rules:
    """The rules, with what the dump's earlier statements made: a publication that only a superuser can hand on."""

    def __init__(self) -> None:
        self._publications: set[bytes] = set()

    def who(self, text: bytes) -> Who:
        """Return who runs a statement."""
        if _NOT_LOADED.match(text):
            return "nobody"
        if any(pattern.match(text) for pattern in _SUPERUSER):
            if made := _MADE.match(text):
                self._publications.add(made[1])
            return "superuser"
        if any(pattern.match(text) for pattern in _LAST):
            return "superuser, last"
        if (found := _OWNER.match(text)) and found[1] == b"PUBLICATION" and found[2] in self._publications:
            return "superuser, last"
        return "login"


def last_owner(text: bytes) -> str | None:
    """Return the new owner in a statement that changes one, None for another statement."""
    found = _OWNER.match(text)
    return identifier(found[3]) if found else None


def database_owner(text: bytes) -> str | None:
    """Return the new owner of the database in `ALTER DATABASE … OWNER TO`, None for another statement."""
    found = _DATABASE_OWNER.match(text)
    return identifier(found[1]) if found else None


def setting(text: bytes) -> tuple[str | None, str, bytes] | None:
    """Return role (None: the database's own), name and values of a setting kept with the database; None for others."""
    found = _SETTING.match(text)
    if found is None:
        return None
    return (
        identifier(found["role"]) if found["role"] else None,
        found["name"].decode("utf-8", "replace"),
        found["value"],
    )


def is_harmless_setting(name: str, context: str | None, extensions: frozenset[str]) -> bool:
    """Return whether a superuser may keep a setting for others. `context`: of pg_settings, None where it has not the name.

    A name of two parts that no extension at hand owns is the application's own; an extension could run what its settings
    say, as `plperl.on_plperl_init` does.
    """
    if context == "user" or _HARMLESS_SETTING.fullmatch(name):
        return True
    return context is None and "." in name and name.split(".")[0] not in extensions | {"plperl", "plpgsql", "pltcl"}


def for_login(text: bytes) -> bytes:
    """Return a statement as a login can run it that is a member of the dump's roles: SET ROLE for a session's user."""
    found = _AUTHORIZATION.match(text)
    if found is None:
        return text
    argument = found[2].strip()
    if found[1] == b"RESET" or argument.upper() == b"DEFAULT":
        return b"RESET ROLE;"
    return b"SET ROLE " + argument + b";"


def any_owner(text: bytes) -> str | None:
    """Return the new owner in any `ALTER … OWNER TO`, None for another statement."""
    found = _ANY_OWNER.match(text)
    return identifier(found[1]) if found else None


def without_option(text: bytes, name: str) -> bytes:
    """Return a statement without one storage option of its `SET (…)` or `WITH (…)`, unchanged where it has none."""
    option = rb"(?:toast\.)?%b\s*=\s*(?:'(?:[^']|'')*'|[^,()\s]+)" % re.escape(name.encode())
    head = rb"((?:SET|WITH)\s*\((?:[^()]*,)?)\s*"
    shorter = re.sub(head + option + rb"\s*(?:,\s*|(?=\)))", rb"\1", text, count=1)
    shorter = re.sub(rb",\s*\)", b")", shorter, count=1) if shorter != text else shorter
    return re.sub(rb"\s*WITH\s*\(\s*\)", b"", shorter, count=1)


def sets_nothing(text: bytes) -> bool:
    """Return whether a statement's list of options is empty."""
    return re.search(rb"\bSET\s*\(\s*\)\s*;$", text) is not None
