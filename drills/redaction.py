"""The one place where passwords and values of rows are taken out of text, and where a connection string is looked at before libpq.

**Errors of the server** quote values: `invalid input syntax for type integer: "…"`, `Failing row contains (…)`. Of an error only
its first line is shown, and that only where its SQLSTATE says that it names objects, settings or resources
(https://www.postgresql.org/docs/current/errcodes-appendix.html). Of any other the condition is named.

libpq ends the password of a URL at the first "@" and begins the path at the first "/"
(https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS). Of a password that holds either of
them and is not percent-encoded it takes a part for the host, the port or the database, and repeats that part in its messages.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from drills.errors import ConfigError

if TYPE_CHECKING:
    import psycopg

MASK = "****"

_URL = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://)(?P<user>[^\s:/@'\"]*)(?P<colon>:?)(?P<secret>[^\s'\"]*)@", re.I)
_NAMED = re.compile(
    r"(?P<name>arn:aws[\w-]*:secretsmanager:[\w-]*:\d*:secret:[\w/+.@-]++(?!=|:\S)"  # of a secret, and no value of it
    r"|\bsecretsmanager:(?:Create|Delete|Describe|Get|List|Put|Restore|Tag|Untag|Update)"  # a right of IAM
    r"(?:Secret(?:Value)?|Secrets|Resource|RandomPassword|ResourcePolicy)\b(?!=|:\S))"
    r"|(?P<before>[\w-]*(?:password|passwd|passphrase|secret|token|signature|PGPASSWORD|secret_?access_?key)[\w-]*"
    r"[\"']?\s*[=:]\s*)"
    r"(?!\d+(?:\.\d+)? (?:ms|[smhd])\b)"  # "set the master password: 0.6 s" is a phase and how long it took
    r"(?P<secret>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s,;&)\]}'\"]+)",
    re.IGNORECASE,
)
_SQL = re.compile(r"(?P<before>\bpassword\s+)(?P<secret>'(?:[^']|'')*')", re.IGNORECASE)
_ARN = re.compile(r"arn:aws[\w-]*:secretsmanager:", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}://")
_SECRET_KEYWORD = re.compile(r"(?:ssl)?pass(?:word|wd|file)?\s*=", re.IGNORECASE)
_HOST = re.compile(r"[\w.:,\[\]-]*")


def redact(text: str) -> str:
    """Return the text with passwords masked: in URLs (`user:…@host`), after `password=`, `"token":`, `PASSWORD '…'`.

    The ARN of a secret is its name and not its value, and a right such as `secretsmanager:GetSecretValue` is none: both stay.
    """
    text = _SQL.sub(lambda found: found["before"] + MASK, mask_urls(text))
    return _NAMED.sub(_mask_named, text)


def mask_urls(text: str) -> str:
    """Return the text with the passwords of URLs masked; a password reaches to the last "@" before a blank or a quote."""
    return _URL.sub(_mask_url, text)


def _mask_url(found: re.Match[str]) -> str:
    if found["colon"]:
        return f"{found['before']}{found['user']}:{MASK}@"
    return f"{found['before']}{MASK}@" if "@" in found["secret"] else found[0]


def _mask_named(found: re.Match[str]) -> str:
    if found["name"] or _ARN.match(found["secret"].strip("'\"")):
        return found[0]
    return f"{found['before']}{MASK}"


def holds_secret(text: str) -> bool:
    """Return whether an argument can hold a password: a URL with a user or a password, or a string of keywords."""
    return bool(_SECRET_KEYWORD.search(text)) or (":" in text and "@" in text)


def show_address(text: str) -> str:
    """Return what may be shown of a connection string that cannot be relied upon: its scheme, and the host after its last "@".

    Nothing is shown of what stands before, which may be a part of the password, and nothing of a string of keywords.
    """
    scheme = _SCHEME.match(text)
    if not scheme:
        return MASK
    before, _, after = text[scheme.end() :].rpartition("@")
    host = _HOST.match(after)
    shown = host[0] if host and "?" not in before and (before or not _SECRET_KEYWORD.search(after)) else ""
    return f"{scheme[0]}{MASK}{'@' if shown else ''}{shown}"


def check_url(url: str, name: str) -> None:
    """Raise ConfigError where a URL's user or password is not percent-encoded; nothing before its last "@" is repeated.

    `name` says where the URL was given. A string that is no URL is not looked at.
    """
    scheme = _SCHEME.match(url)
    if not scheme:
        return
    rest = url[scheme.end() :]
    user, at, _ = rest.partition("@")
    stray = rest.count("@") > 1 or (at and "/" in user)
    if not stray and not re.search(r"%(?![0-9A-Fa-f]{2})", rest) and not re.search(r"\s", rest):
        return
    raise ConfigError(
        f"{name}: expected a libpq URL whose user and password are percent-encoded, found {show_address(url)} with a "
        'character that is not: write "@" as %40, "/" as %2F, ":" as %3A, "%" as %25, or leave it out and set PGPASSWORD'
    )


def redact_seed(seed: str) -> str:
    """Return a seed as a report may show it: a URL without user, password and options, a file by its name."""
    if "://" not in seed:
        return Path(seed).name
    try:
        check_url(seed, "--seed")
    except ConfigError:
        return show_address(seed)
    scheme, _, rest = seed.partition("://")
    return (
        f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
        if "?" not in rest.rpartition("@")[0]
        else show_address(seed)
    )


def hide_arguments(text: str, arguments: Iterable[str]) -> str:
    """Return the text with each argument of the command line that can hold a password replaced by its scheme and host."""
    for argument in sorted(filter(holds_secret, arguments), key=len, reverse=True):
        value = argument.partition("=")[2] if argument.startswith("--") else argument
        for each in (argument, value, repr(argument)[1:-1], repr(value)[1:-1]):
            text = text.replace(each, show_address(value)) if each else text
    return redact(text)


# In an expression of SQL: a name in double quotes, which is passed over, or a constant as PostgreSQL writes it with its cast.
CONSTANTS = re.compile(
    r'"(?:[^"]|"")*"|(?P<text>\bE?\'(?:[^\']|\'\')*\'|(?<!\w)\'(?:[^\']|\'\')*\')(?P<type>::[\w". ]+)?'
)
_SECRET_WORDS = re.compile(
    r"passw|passphrase|pwd|secret|token|credential|crypt|hmac|digest|auth|private|salt|api|(?:^|[^a-z])(?:key|pin|pass)",
    re.IGNORECASE,
)
_SECRET_KEY = re.compile(r"passw|passphrase|secret|token|private_?key|access_?key|^pwd$|api_?key", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z_ .,:/%-]{0,32}|[-+0-9:.,/ TZ]{0,40}|.{0,3}", re.DOTALL)
_BEFORE = 60  # characters before a constant in which a word is looked for
_NAME_CAST = re.compile(r"::(?:pg_catalog\.)?reg")
_NAME = re.compile(r"\bto_reg\w+\($")


def looks_secret(key: str) -> bool:
    """Return whether a key's name says that its value is a secret, which then is neither taken nor shown."""
    return bool(_SECRET_KEY.search(key))


def names_secret(name: str) -> bool:
    """Return whether a name has a word for a secret in it."""
    return bool(_SECRET_WORDS.search(name))


def may_be_secret(content: str, before: str) -> bool:
    """Return whether a constant in SQL looks like a secret: a word for one stands before it, it is long, or a mixture."""
    return names_secret(before[-_BEFORE:]) or not _PLAIN.fullmatch(content)


def hide_constants(statement: str) -> str:
    """Return SQL with stars in place of the constants that may be secrets; names of objects in quotes stay. Pure."""

    def replace(found: re.Match[str]) -> str:
        constant, cast = found["text"], found["type"] or ""
        before = statement[: found.start()]
        if constant is None or _NAME_CAST.match(cast) or _NAME.search(before[-40:]):
            return found[0]
        return f"'{MASK}'{cast}" if may_be_secret(constant[constant.index("'") + 1 : -1], before) else found[0]

    return CONSTANTS.sub(replace, statement)


# Classes whose messages name objects, roles, settings, limits, files or what is damaged. Not 22 (data exception), 38 and 39
# (routines), HV (foreign data) and P0 (RAISE).
_NAMING = re.compile(
    "0[1238ABLP]|2[1345678BDF]|3[4BDF]|4[04]|5[34578]|F0|XX"  # the first two characters of a SQLSTATE
)
# string data right truncation, division by zero, and text that is not in its encoding, of which the bytes are left out
_CONSTANT = frozenset({"22001", "22012", "22021", "22P05"})
_UNDEFINED = frozenset({"42P01", "42703", "42883", "42704", "3F000"})
_INSUFFICIENT_PRIVILEGE = "42501"
_BYTES = re.compile(r"0x[0-9a-f]{2}(?: 0x[0-9a-f]{2})*")
# Where a message is a function's own text and has any SQLSTATE: RAISE, and languages whose source is not C (PL/v8, PL/Rust).
_RAISE = "exec_stmt_raise"
_QUOTING_FILES = frozenset({"plpy_elog.c", "plpy_plpymodule.c", "plperl.c", "pltcl.c", "genfile.c", "be-fsstubs.c"})
# of what has the class 42 and no place in a statement: the protocol, libraries of functions, and amcheck name their own things
_OWN_FILES = frozenset({"postgres.c", "dfmgr.c", "verify_nbtree.c", "verify_common.c", "verify_heapam.c"})
_OF_POSTGRES = re.compile(r".*\.[chly]", re.DOTALL)


class ServerError(NamedTuple):
    """What the server says of an error beside its details: https://www.postgresql.org/docs/current/protocol-error-fields.html.

    `position` is set where the message is about the text of the statement, `internal_position` where it is about a statement of
    a function, which `context` says more of.
    """

    state: str
    message: str
    source_file: str = ""
    source_function: str = ""
    position: str = ""
    internal_position: str = ""
    context: str = ""


def server_message(error: ServerError) -> str:
    """Return the first line of what the server said where it can quote no value of a row, else the name of its condition. Pure."""
    if _names_alone(error):
        return _BYTES.sub("…", error.message.strip().partition("\n")[0])
    return f"{_condition(error.state)} (SQLSTATE {error.state}; what the server said is left out, since it can quote a value)"


def _names_alone(error: ServerError) -> bool:
    if error.source_function == _RAISE or error.source_file in _QUOTING_FILES:
        return False
    if error.source_file and not _OF_POSTGRES.fullmatch(error.source_file):
        return False
    if error.state.startswith("42"):  # syntax error or access rule violation
        written = bool(error.internal_position) and "EXECUTE" not in error.context  # and not made from what was read
        if error.state == _INSUFFICIENT_PRIVILEGE or error.source_file in _OWN_FILES:
            return True
        return bool(error.position) or (error.state in _UNDEFINED and written)
    return bool(_NAMING.match(error.state)) or error.state in _CONSTANT


def _condition(state: str) -> str:
    import psycopg  # is loaded where there is such an error

    try:
        name = psycopg.errors.lookup(state).__name__
    except KeyError:
        return "an error"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.rstrip("_")).lower()


def show_error(error: psycopg.Error) -> str:
    """Return what may be shown of an error of psycopg: `server_message` of what the server said, the first line of libpq's own."""
    import psycopg

    if error.sqlstate is None:
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | psycopg.ProgrammingError):
            return str(error).strip().partition("\n")[0]  # of the connection
        return f"{type(error).__name__} (what psycopg said is left out, since it can quote a value)"
    diag = error.diag
    return server_message(
        ServerError(
            error.sqlstate,
            diag.message_primary or str(error),
            diag.source_file or "",
            diag.source_function or "",
            diag.statement_position or "",
            diag.internal_position or "",
            diag.context or "",
        )
    )


def clean_error(error: BaseException | None) -> None:
    """Let an error, and those behind it, say no more than may be shown, before a traceback or a report repeats it."""
    import psycopg

    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is None or any(each is one for one in seen):
            continue
        seen.append(each)
        if isinstance(each, psycopg.Error):
            each.args = (show_error(each),)
        waiting += [each.__cause__, each.__context__]


class CleanFormatter(logging.Formatter):
    """Writes a log in which tracebacks quote no value of a row, and passwords are masked."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of the log, with its traceback."""
        if record.exc_info:
            clean_error(record.exc_info[1])
        return redact(super().format(record))
