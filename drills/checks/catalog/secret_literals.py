"""Keep string constants that may be secrets out of a catalog: their keyed digest stands in their place.

A default such as `'…'::text` is a value that an application writes, and the arguments of a trigger are as free: of these
every constant is replaced but numbers, moments, and words of a type that is no text. In the other expressions (views,
rules, policies, constraints, indexes, bodies written in SQL) a constant is replaced where it looks like a secret: beside
a word for one, long, or a mixture of letters and digits. Definitions stay readable, and equal ones stay equal. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from drills.redaction import CONSTANTS, may_be_secret, names_secret

NOT_COMPARED = "(not compared)"
DIGEST = re.compile(r" \((?:[0-9a-f]{16}|not compared)\)")
SINCE = 4  # the format of a manifest; before it constants stood as they are
_EXPRESSIONS = frozenset({"default", "generated", "definition", "using", "check", "filter"})
_FREE = frozenset({("columns", "default"), ("types", "default"), ("triggers", "definition")})
_NO_TEXT = re.compile(
    r"::(?:reg\w+|date|time|interval|numeric|integer|bigint|smallint|real|double|boolean|uuid|bit|oid|money|inet|cidr|point|"
    r"box|circle|\w*range)\b"
)
_NUMBERS = re.compile(r"[-+0-9:.,/ ]*|[{}\[\]]{2}")


def conceal(section: str, part: str, text: str, name: str, key: bytes | None) -> str:
    """Return a part of a definition with digests in place of what may be secret; `name` is the object's."""
    if part not in _EXPRESSIONS or "'" not in text:
        return text
    free, named = (section, part) in _FREE, names_secret(name)

    def replace(found: re.Match[str]) -> str:
        constant = found["text"]
        if constant is None:
            return found[0]
        cast, content = found["type"] or "", constant[constant.index("'") + 1 : -1]
        suspicious = named or may_be_secret(content, text[: found.start()])
        if (_NUMBERS.fullmatch(content) and not named) or _NO_TEXT.match(cast):
            return found[0]
        if not (suspicious or (free and "." not in cast)):
            return found[0]
        return f"literal ({digest_of(constant, key)}){cast}"

    return CONSTANTS.sub(replace, text)


def digest_of(value: str, key: bytes | None) -> str:
    """Return 16 hexadecimal digits of a keyed digest, "not compared" without a key."""
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:16] if key else NOT_COMPARED[1:-1]
