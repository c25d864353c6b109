"""Compare the passwords of roles by keyed digests of what the server stores of them.

Only a superuser may read that, or a role that may read all data; elsewhere it is "not verified". A role whose password
was set again to the same one has another verifier, since each is salted: that is a warning, a lost password an error.
The role that reads is left out, as whoever restores a copy gives it a password of its own.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

import psycopg

from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.session import SERVICE_DATABASES, Connection
from drills.model.finding import Finding, NotChecked
from drills.sql import literal

Passwords = dict[str, str]
"""Role and the keyed digest of its stored password, or `NONE`."""
NONE = "no password"
_QUERY = """
select pg_catalog.quote_ident(rolname), rolpassword from pg_catalog.pg_authid
where rolname !~ '^pg_' and rolname not in (session_user, current_user)
"""
_WHAT = "passwords of roles"


def observe(connection: Connection, key: bytes | None) -> Passwords | None:
    """Return the digests of every role but the reader's; None without a key or the right to read them."""
    if key is None:
        return None
    try:
        with connection.transaction():
            rows = connection.execute(_QUERY).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        return None
    # the service's own role has the name of its database; no owner can set its password, and a restore does
    return {
        str(role): hmac.new(key, verifier.encode(), hashlib.sha256).hexdigest()[:16] if verifier else NONE
        for role, verifier in rows
        if role not in SERVICE_DATABASES
    }


def judge(check: str, expected: Mapping[str, str] | None, found: Mapping[str, str] | None) -> CheckOutcome:
    """Compare the roles that both sides have; the catalog check reports a missing role. Pure."""
    if expected is None or found is None:
        side = "source" if expected is None else "copy"
        reason = f"not verified: needs a superuser or pg_read_all_data on the {side}, and the manifest's key"
        return CheckOutcome(excluded=(NotChecked(_WHAT, reason),))
    common = sorted(expected.keys() & found.keys())
    return CheckOutcome(
        len(common),
        tuple(_finding(check, role, expected[role], found[role]) for role in common if expected[role] != found[role]),
    )


def _finding(check: str, role: str, before: str, after: str) -> Finding:
    one = {True: NONE, False: "a password"}
    expected, actual = one[before == NONE], one[after == NONE]
    lost = NONE in (before, after)
    if lost:
        message = f"role {role} has {actual}, expected {expected}"
    else:
        expected, actual = "the verifier that the source keeps", "another one"
        message = f"role {role} has another password, or the same one set anew"
    query = "select rolpassword is null, pg_catalog.md5(rolpassword) from pg_catalog.pg_authid "
    query += f"where pg_catalog.quote_ident(rolname) = {literal(role)}"
    return Finding(check, "error" if lost else "warning", f"role {role}", expected, actual, message, query)
