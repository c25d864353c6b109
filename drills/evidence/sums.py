"""SHA256SUMS, as `sha256sum` writes it and `sha256sum -c` reads it: digest, two blanks, name. Pure.

The lines are sorted by the bytes of the names, as `LC_ALL=C sort` does; Python sorts text by its code points, which is the same
order in UTF-8 (https://www.rfc-editor.org/rfc/rfc3629, section 1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from drills.errors import ConfigError

SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
STAMP = "SHA256SUMS.sig.tsr"
VERIFY = "VERIFY.md"  # in the list, and written with it
# what is not listed, since it is made from the list
SEALS = (SUMS, SIGNATURE, STAMP)
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


class SumsError(ValueError):
    """A list that is not as `write_sums` writes it; one sentence."""


def write_sums(digests: Mapping[str, str]) -> str:
    """Return the list for digests (SHA-256 in hexadecimal) by name, each a relative path with "/".

    ConfigError for a name that a list or another file system could not hold: see `refuse_name`.
    """
    for name in digests:
        refuse_name(name)
    folded: dict[str, str] = {}
    for name in digests:
        if (other := folded.setdefault(name.casefold(), name)) != name:
            raise ConfigError(f'expected names that differ by more than their case, found "{other}" and "{name}"')
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))


def read_sums(text: str) -> dict[str, str]:
    """Return the digests by name. SumsError for what `write_sums` would not have written: an odd line, an order, a name twice."""
    if not text.endswith("\n"):
        raise SumsError("expected a line break at its end, found none")
    found: dict[str, str] = {}
    for number, line in enumerate(text[:-1].split("\n"), 1):
        parts = _LINE.fullmatch(line)
        if parts is None:
            raise SumsError(f"line {number}: expected a digest, two blanks and a name")
        try:
            refuse_name(parts[2])
        except ConfigError as error:
            raise SumsError(f"line {number}: {error}") from None
        found[parts[2]] = parts[1]
    try:
        again = write_sums(found)
    except ConfigError as error:
        raise SumsError(str(error)) from None
    if again != text:
        raise SumsError("expected each name once, sorted by bytes")
    return found


def refuse_name(name: str) -> None:
    r"""Raise ConfigError for a name that cannot stand in a list.

    `sha256sum` escapes a backslash and a line break, and reads "-" as its standard input; a path that is absolute or
    holds ".." would leave the folder.
    """
    parts = name.split("/")
    expected = "the relative path of a file, without backslash, line break or other control character"
    if not name.isprintable() or "\\" in name or any(part in ("", ".", "..") for part in parts) or name == "-":
        raise ConfigError(f"expected {expected}, found {name!r}")
    if name in SEALS:
        raise ConfigError(f"expected the name of a file that is sealed, found {name}, which belongs to the seal")
