"""Who may use the sandbox: its owner. Other users of this machine, and pages in a browser, are refused at the door.

The server listens on 127.0.0.1, which every user of the machine and every page in a browser can connect to. So:

- a request must name this machine in `Host`: a page whose name was rebound to 127.0.0.1 sends its own name;
- a request that a browser sends for a page of another origin is refused, by `Origin` and `Sec-Fetch-Site`
  (https://www.w3.org/TR/fetch-metadata/);
- AWS requests are signed with the sandbox's access key (`drills.sandbox.door.signature`), and `/_sandbox/` wants its token
  (RFC 6750). Both are made at random for each sandbox, and lie in a file that only its owner can read. A client asks
  `/_sandbox/keys` where that file is.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from drills.files import write_privately

FILE = "keys.json"
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_OWN_SITE = ("", "none", "same-origin")  # no browser, an address that was typed, a page of the sandbox itself


@dataclass(frozen=True, slots=True)
class Keys:
    """The access key of AWS requests, and the token of `/_sandbox/`; `file` is where the owner finds them."""

    file: Path
    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)

    @classmethod
    def create(cls, state: Path, endpoint: str) -> Keys:
        """Make keys at random and write them to a file of mode 0600 in the sandbox's state folder."""
        keys = cls(
            state / FILE, f"LOCAL{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30), secrets.token_urlsafe(30)
        )
        facts = {
            "endpoint": endpoint,
            "access_key": keys.access_key,
            "secret_key": keys.secret_key,
            "token": keys.token,
        }
        write_privately(keys.file, json.dumps(facts))
        return keys

    def allow(self, environ: Mapping[str, Any]) -> bool:
        """Return whether a request to `/_sandbox/` carries the token."""
        given = str(environ.get("HTTP_AUTHORIZATION", ""))
        return hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode())


def refuse_foreign(environ: Mapping[str, Any]) -> str:
    """Return why a request comes from elsewhere, in a sentence; empty for one that was meant for this sandbox."""
    host = str(environ.get("HTTP_HOST", ""))
    name = _host_name(host)
    if name not in _HERE and not name.endswith(".localhost"):
        return (
            f"The sandbox answers to localhost, 127.0.0.1, [::1] and *.localhost, found the Host {host[:80]!r}; "
            "use the address that it printed."
        )
    origin = str(environ.get("HTTP_ORIGIN", ""))
    if origin and origin.lower() != f"http://{host.lower()}":
        return f"The sandbox takes no request of a page in a browser, found one of the Origin {origin[:80]!r}."
    site = str(environ.get("HTTP_SEC_FETCH_SITE", "")).lower()
    if site not in _OWN_SITE:
        return f"The sandbox takes no request of a page in a browser, found a {site[:20]!r} one."
    return ""


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
