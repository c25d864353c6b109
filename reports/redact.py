"""The one place where text is cleared of what looks like a password before it goes into a report."""

from __future__ import annotations

import re

MASK = "****"

_URL = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://[^\s:/@'\"]*:)(?P<secret>[^\s'\"]*)(?=@)", re.IGNORECASE)
_NAMED = re.compile(
    r"(?P<before>[\w-]*(?:password|passwd|passphrase|secret|token|PGPASSWORD|secret_?access_?key)[\w-]*[\"']?\s*[=:]\s*)"
    r"(?!\d+(?:\.\d+)? (?:ms|[smhd])\b)"  # "set the master password: 0.6 s" is a phase and how long it took
    r"(?P<secret>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s,;&)\]}'\"]+)",
    re.IGNORECASE,
)
_SQL = re.compile(r"(?P<before>\bpassword\s+)(?P<secret>'(?:[^']|'')*')", re.IGNORECASE)
_ARN = re.compile(r"arn:aws[\w-]*:secretsmanager:", re.IGNORECASE)


def redact(text: str) -> str:
    """The text with passwords masked: in URLs (`user:…@host`), after `password=`, `"token":`, `PASSWORD '…'`.

    An ARN of a secret is its name and not its value, and stays.
    """
    text = _URL.sub(lambda found: found["before"] + MASK, text)
    text = _SQL.sub(lambda found: found["before"] + MASK, text)
    return _NAMED.sub(_mask_named, text)


def _mask_named(found: re.Match[str]) -> str:
    return found[0] if _ARN.match(found["secret"].strip("'\"")) else found["before"] + MASK
