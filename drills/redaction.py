"""The one place where what looks like a password is taken out of text, and where a connection string is looked at before libpq.

libpq ends the password of a URL at the first "@" and begins the path at the first "/"
(https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS). Of a password that holds either of
them and is not percent-encoded it takes a part for the host, the port or the database, and repeats that part in its messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from drills.errors import ConfigError

MASK = "****"

_URL = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://)(?P<user>[^\s:/@'\"]*)(?P<colon>:?)(?P<secret>[^\s'\"]*)@", re.I)
_NAMED = re.compile(
    r"(?P<before>[\w-]*(?:password|passwd|passphrase|secret|token|signature|PGPASSWORD|secret_?access_?key)[\w-]*"
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

    An ARN of a secret is its name and not its value, and stays.
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
    return found[0] if _ARN.match(found["secret"].strip("'\"")) else found["before"] + MASK


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


def hide_arguments(text: str, arguments: Iterable[str]) -> str:
    """Return the text with each argument of the command line that can hold a password replaced by its scheme and host."""
    for argument in sorted(filter(holds_secret, arguments), key=len, reverse=True):
        value = argument.partition("=")[2] if argument.startswith("--") else argument
        for each in (argument, value, repr(argument)[1:-1], repr(value)[1:-1]):
            text = text.replace(each, show_address(value)) if each else text
    return redact(text)
