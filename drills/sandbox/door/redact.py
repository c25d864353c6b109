"""Removes secrets from the requests and responses in the call log, and shortens long values.

A value is a secret when its name says so, when botocore's model marks its shape `sensitive`, when it stands beside a name
that says so (`{"name": "DB_PASSWORD", "value": …}`, as in an ECS container's environment), or when it is the password
inside of a URL.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from drills.redaction import MASK, mask_urls

LONGEST_TEXT = 2_000  # characters
LONGEST_LIST = 50  # members
DEEPEST = 40  # levels: more is no AWS request, and could end a recursion

_SECRET = re.compile(
    r"password|passwd|secretstring|secretbinary|secretkey|secretaccesskey|securitytoken|sessiontoken|authorizationtoken"
    r"|privatekey|keymaterial|plaintext|credentialsecret|presignedurl|xamzsignature"
)
_PAIRS = {"name": "value", "key": "value", "parametername": "parametervalue"}


@functools.lru_cache(4096)  # the members of AWS's answers are few, and each call has them again
def is_secret(name: str) -> bool:
    """Return whether a value of this name is a secret; case and separators do not matter."""
    return bool(_SECRET.search(re.sub(r"[^a-z0-9]", "", name.lower())))


def redact(value: Any, name: str = "", depth: int = 0) -> Any:
    """Return the value as a JSON value without secrets; instants become ISO 8601, bytes their number."""
    if is_secret(name):
        return MASK
    if depth > DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        masked = _paired_with_secret_name(value)
        return {
            str(key): MASK if str(key).lower() in masked else redact(inner, str(key), depth + 1)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(inner, name, depth + 1) for inner in value]
    if isinstance(value, str):
        return mask_urls(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes>"
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _paired_with_secret_name(value: Mapping[Any, Any]) -> set[str]:
    """Return the keys, in lower case, of values whose paired name is a secret's; `Env.1.Name` and `Env.1.Value` too."""
    lower = {str(key).lower(): inner for key, inner in value.items()}
    found = set()
    for key, inner in lower.items():
        before, dot, last = key.rpartition(".")
        if last in _PAIRS and isinstance(inner, str) and is_secret(inner):
            found.add(before + dot + _PAIRS[last])
    return found


def mask_sensitive(shape: Any, value: Any) -> Any:
    """Return the value with everything that botocore's shape, if any, marks `sensitive` replaced by stars."""
    if shape is None or value is None:
        return value
    if shape.metadata.get("sensitive"):
        return MASK
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        return {key: mask_sensitive(shape.members.get(key), inner) for key, inner in value.items()}
    if kind == "list" and isinstance(value, list):
        return [mask_sensitive(shape.member, inner) for inner in value]
    if kind == "map" and isinstance(value, Mapping):
        return {key: mask_sensitive(shape.value, inner) for key, inner in value.items()}
    return value


def shorten(value: Any) -> Any:
    """Return the JSON value with long texts and lists cut; a cut value ends with what is missing."""
    if isinstance(value, Mapping):
        return {key: shorten(inner) for key, inner in value.items()}
    if isinstance(value, list):
        first = [shorten(inner) for inner in value[:LONGEST_LIST]]
        return first if len(value) <= LONGEST_LIST else [*first, f"… and {len(value) - LONGEST_LIST} more"]
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"{value[:LONGEST_TEXT]}… and {len(value) - LONGEST_TEXT} more characters"
    return value
