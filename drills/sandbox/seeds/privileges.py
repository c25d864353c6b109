"""Decides which GRANT or REVOKE of a dump the superuser carries out, on objects that are his own.

pg_dump writes the changed privileges of what extensions and PostgreSQL itself bring. A grant that would open the server's
files or programs is none of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from drills.sandbox.seeds.lexer import IDENT

_PRIVILEGE = rb"[A-Z]+(?: [A-Z]+)*(?:\s?\(%(n)s(?:,\s?%(n)s)*\))?" % {b"n": IDENT}
_CHANGE = re.compile(
    rb"(?P<verb>GRANT|REVOKE) (?:GRANT OPTION FOR )?(?P<privileges>%(p)s(?:,\s?%(p)s)*) ON "
    rb"(?P<kind>TABLE|SEQUENCE|FUNCTION|PROCEDURE|ROUTINE|TYPE|SCHEMA|LANGUAGE|FOREIGN DATA WRAPPER) "
    rb"(?P<object>.+) (?:TO|FROM) %(n)s(?:, %(n)s)*(?: WITH GRANT OPTION)?(?: CASCADE)?;$"
    % {b"p": _PRIVILEGE, b"n": IDENT},
    re.DOTALL,
)
# functions that PUBLIC may not call, and that show or reset no more than numbers
_OF_NUMBERS = re.compile(r"(?:\w+\.)?(?:pg_stat_(?!file\b)\w+|pg_buffercache\w*|pgstat\w+)\([^()]*\)")


@dataclass(frozen=True, slots=True)
class Change:
    """A GRANT or REVOKE on one object: its kind, and the object as the dump writes it."""

    revokes: bool
    privileges: str
    kind: str
    object: str

    def is_harmless(self, everybody_may: bool) -> bool:
        """Return whether the superuser may carry it out. `everybody_may`: PUBLIC may call the function anyway."""
        if self.revokes or self.kind in ("TABLE", "SEQUENCE", "TYPE", "LANGUAGE", "FOREIGN DATA WRAPPER"):
            return True
        if self.kind == "SCHEMA":
            return self.privileges == "USAGE"
        return everybody_may or bool(_OF_NUMBERS.fullmatch(self.object))


def read_change(text: bytes) -> Change | None:
    """Return the change of privileges that a statement makes, None for one of another kind (a role's membership too)."""
    found = _CHANGE.match(text)
    if found is None:
        return None
    parts = (found[part].decode("utf-8", "replace") for part in ("privileges", "kind", "object"))
    return Change(found["verb"] == b"REVOKE", *parts)
