"""Compare every large object: its length and a SHA-256, computed in the server."""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg

from drills.checks.base.outcome import CheckOutcome, first_line, is_damage, is_lost
from drills.checks.base.session import Connection
from drills.model.finding import Finding, NotChecked

NAME = "large objects"
_UNREADABLE = "unreadable: "
_CHUNK = 4 * 1024 * 1024  # bytes read at once by the server
# The chunks are hashed one by one and their hashes once more: an object may be larger than a bytea can be. lo_get is
# volatile, so that the inner query stays one of its own and each chunk is read once and let go.
_HASH = """
with recursive chunk(at, size, digest) as (
    select 0::bigint, pg_catalog.length(d), pg_catalog.sha256(d)
    from (select pg_catalog.lo_get(%(oid)s::pg_catalog.oid, 0, %(size)s) as d) as first
    union all
    select at, pg_catalog.length(d), pg_catalog.sha256(d)
    from (select at + %(size)s as at, pg_catalog.lo_get(%(oid)s::pg_catalog.oid, at + %(size)s, %(size)s) as d
          from chunk where size = %(size)s) as next
)
select coalesce(sum(size), 0),
       pg_catalog.encode(pg_catalog.sha256(pg_catalog.string_agg(digest, ''::bytea order by at)), 'hex')
from chunk
"""


@dataclass(frozen=True, slots=True)
class LargeObjects:
    """Large objects by their oid; `unreadable` says which right was lacking."""

    objects: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)


def observe(connection: Connection) -> LargeObjects:
    """Return length and digest of every large object, as text by oid."""
    found = LargeObjects()
    oids = [oid for (oid,) in connection.execute("select oid from pg_catalog.pg_largeobject_metadata order by oid")]
    for oid in oids:
        try:
            with connection.transaction():
                row = connection.execute(_HASH, {"oid": oid, "size": _CHUNK}).fetchone()
        except psycopg.errors.InsufficientPrivilege:
            found.unreadable[str(oid)] = f"needs SELECT on large object {oid}"
        except psycopg.DatabaseError as error:
            if is_lost(error):
                raise  # nothing more can be read on this connection
            if is_damage(error):
                found.objects[str(oid)] = f"{_UNREADABLE}{first_line(error)}"
            else:
                found.unreadable[str(oid)] = first_line(error)
        else:
            found.objects[str(oid)] = f"{row[0]} bytes, sha256 {row[1][:32]}" if row else "absent"
    return found


def read(connection: Connection) -> CheckOutcome:
    """Read every large object where no manifest says what it should be; find those that the server cannot read."""
    found = observe(connection).objects
    broken = {oid: reason for oid, reason in found.items() if reason.startswith(_UNREADABLE)}
    return CheckOutcome(
        len(found), tuple(_finding(oid, "one that can be read", reason) for oid, reason in broken.items())
    )


def judge(expected: LargeObjects, found: LargeObjects) -> CheckOutcome:
    """Compare large objects by oid, which a restore and a dump both keep. Pure."""
    unread = {**expected.unreadable, **found.unreadable}
    everything = sorted({*expected.objects, *found.objects} - set(unread), key=int)
    return CheckOutcome(
        len(everything),
        tuple(
            _finding(oid, expected.objects.get(oid), found.objects.get(oid))
            for oid in everything
            if expected.objects.get(oid) != found.objects.get(oid)
        ),
        tuple(NotChecked(f"large object {oid}", unread[oid]) for oid in sorted(unread, key=int)),
    )


def is_unreadable(finding: Finding) -> bool:
    """Return whether a finding is of a large object that the server cannot read."""
    return finding.found.startswith(_UNREADABLE)


def _finding(oid: str, before: str | None, after: str | None) -> Finding:
    name = f"large object {oid}"
    what = "is missing" if after is None else "was not there before" if before is None else "has other contents"
    return Finding(
        check=NAME,
        severity="error",
        object=name,
        expected=before or "none",
        found=after or "none",
        message=f"{name} {what}",
        query=f"select oid, length(lo_get(oid)), md5(lo_get(oid)) from pg_catalog.pg_largeobject_metadata where oid = {oid}",
    )
