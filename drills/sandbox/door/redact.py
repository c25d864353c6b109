"""What the sandbox's log may show of a request or an answer: no secret, and nothing longer than a reader wants.

A value is a secret when its name says so, when botocore's model marks its shape `sensitive`, when it stands beside a name
that says so (`{"name": "DB_PASSWORD", "value": …}`, as in an ECS container's environment), or when it is the password
inside of a URL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

MASK = "****"
LONGEST_TEXT = 2_000  # characters
LONGEST_LIST = 50  # members
DEEPEST = 40  # levels: more is no AWS request, and could end a recursion

_SECRET = re.compile(
    r"password|passwd|secretstring|secretbinary|secretkey|secretaccesskey|securitytoken|sessiontoken|authorizationtoken"
    r"|privatekey|keymaterial|plaintext|credentialsecret|presignedurl|xamzsignature"
)
_PAIRS = {"name": "value", "key": "value", "parametername": "parametervalue"}
_URL_PASSWORD = re.compile(r"(\b[A-Za-z][\w+.-]*://[^\s:/@]*):[^\s/]+@")


def is_secret(name: str) -> bool:
    """Whether a value of this name is a secret; case and what is between the words do not matter."""
    return bool(_SECRET.search(re.sub(r"[^a-z0-9]", "", name.lower())))


def redacted(value: Any, name: str = "", depth: int = 0) -> Any:
    """The value as a JSON value without secrets; instants become ISO 8601, bytes their number."""
    if is_secret(name):
        return MASK
    if depth > DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        hidden = _beside_a_secret_name(value)
        return {
            str(key): MASK if str(key).lower() in hidden else redacted(inner, str(key), depth + 1)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted(inner, name, depth + 1) for inner in value]
    if isinstance(value, str):
        return _URL_PASSWORD.sub(rf"\1:{MASK}@", value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes>"
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _beside_a_secret_name(value: Mapping[Any, Any]) -> set[str]:
    """The keys, in small letters, of the values in pairs whose name is a secret's; `Env.1.Name` and `Env.1.Value` too."""
    low = {str(key).lower(): inner for key, inner in value.items()}
    found = set()
    for key, inner in low.items():
        before, dot, last = key.rpartition(".")
        if last in _PAIRS and isinstance(inner, str) and is_secret(inner):
            found.add(before + dot + _PAIRS[last])
    return found


def hidden(shape: Any, value: Any) -> Any:
    """The same value with everything that botocore's shape, if any, marks `sensitive` replaced by stars."""
    if shape is None or value is None:
        return value
    if shape.metadata.get("sensitive"):
        return MASK
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        return {key: hidden(shape.members.get(key), inner) for key, inner in value.items()}
    if kind == "list" and isinstance(value, list):
        return [hidden(shape.member, inner) for inner in value]
    if kind == "map" and isinstance(value, Mapping):
        return {key: hidden(shape.value, inner) for key, inner in value.items()}
    return value


def shortened(value: Any) -> Any:
    """The same JSON value with long texts and lists cut, which the value then says."""
    if isinstance(value, Mapping):
        return {key: shortened(inner) for key, inner in value.items()}
    if isinstance(value, list):
        kept = [shortened(inner) for inner in value[:LONGEST_LIST]]
        return kept if len(value) <= LONGEST_LIST else [*kept, f"… and {len(value) - LONGEST_LIST} more"]
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"{value[:LONGEST_TEXT]}… and {len(value) - LONGEST_TEXT} more characters"
    return value
