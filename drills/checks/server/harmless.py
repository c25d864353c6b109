"""Check that a restored copy cannot act on other systems: replicate, archive, or run jobs.

A copy of a publisher's or subscriber's data directory has its subscriptions enabled, and pg_cron its schedule
(https://www.postgresql.org/docs/current/logical-replication-subscription.html).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.session import Connection
from drills.model.finding import Finding, NotChecked

NAME = "harmless"
_SETTINGS = """
select name, setting from pg_catalog.pg_settings
where name in ('max_logical_replication_workers', 'archive_mode', 'archive_command', 'archive_library',
               'shared_preload_libraries')
"""
_WORKERS = """
select backend_type, count(*) from pg_catalog.pg_stat_activity
where backend_type like 'logical replication apply%' or backend_type like 'logical replication parallel%'
   or backend_type like 'logical replication tablesync%' or backend_type like 'pg_cron%'
   or backend_type like '%TimescaleDB%'
group by backend_type
"""
_SUBSCRIPTIONS = (
    "select pg_catalog.quote_ident(subname) from pg_catalog.pg_subscription where subenabled order by subname"
)
_MAY_SEE_WORKERS = "select pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'usage')"
JOB_RUNNERS = ("pg_cron", "timescaledb", "pg_partman_bgw", "citus", "pglogical")
# Amazon RDS archives to its own storage by a command that no parameter group can change (DescribeDBParameters gives
# archive_command as IsModifiable false, "/etc/rds/dbbin/pgscripts/rds_wal_archive %p").
# The local AWS calls its own archiver so too, below its work folder.
_SERVICE_ARCHIVER = re.compile(r"/etc/rds/|\S*/etc/rds/dbbin/pgscripts/rds_wal_archive %p")


@dataclass(frozen=True, slots=True)
class Activity:
    """The settings by which a server acts on others, and the processes and subscriptions that do.

    `settings` as pg_settings shows them, without those that the reader may not see; `workers` counts live processes by
    backend type and is None where the reader may not see them; `subscriptions` names those that are enabled.
    """

    settings: dict[str, str]
    workers: dict[str, int] | None
    subscriptions: tuple[str, ...] = ()


def observe(connection: Connection) -> Activity:
    """Read the server's own settings, processes and subscriptions, those of every database."""
    settings = {str(name): str(setting) for name, setting in connection.execute(_SETTINGS)}
    may = connection.execute(_MAY_SEE_WORKERS).fetchone()
    workers = {str(kind): int(count) for kind, count in connection.execute(_WORKERS)} if may and may[0] else None
    return Activity(settings, workers, tuple(str(name) for (name,) in connection.execute(_SUBSCRIPTIONS)))


def judge(found: Activity) -> CheckOutcome:
    """Report whatever could act as an error, and list what cannot be seen. Pure."""
    facts: list[tuple[str, str, str, str]] = []
    hidden: list[NotChecked] = []
    subscribers = found.settings.get("max_logical_replication_workers", "0")
    if subscribers != "0":
        facts.append(("max_logical_replication_workers", "0", subscribers, _SETTINGS))
        facts += [(f"subscription {name}", "disabled", "enabled", _SUBSCRIPTIONS) for name in found.subscriptions]
    preloaded = found.settings.get("shared_preload_libraries")
    if preloaded is None:
        hidden.append(NotChecked("shared_preload_libraries", "needs pg_read_all_settings"))
    elif runners := [name for name in JOB_RUNNERS if name in preloaded]:
        facts.append(("shared_preload_libraries", "no library that runs jobs", ", ".join(runners), _SETTINGS))
    excluded = _archiving(found.settings, facts)
    if found.workers is None:
        hidden.append(NotChecked("background workers", "needs pg_read_all_stats"))
    else:
        facts += [(kind, "no such process", f"{count} live", _WORKERS) for kind, count in sorted(found.workers.items())]
    findings = tuple(
        Finding(
            NAME,
            "error",
            what,
            expected,
            actual,
            f"the copy could act on the world: {what} is {actual}",
            " ".join(query.split()),
        )
        for what, expected, actual, query in facts
    )
    return CheckOutcome(len(found.settings) + (found.workers is not None), findings, tuple(hidden), excluded)


def _archiving(settings: dict[str, str], facts: list[tuple[str, str, str, str]]) -> tuple[NotChecked, ...]:
    """Add an archiver of the owner's to `facts`; return one of the service's own, which no owner can change."""
    if settings.get("archive_mode", "off") == "off":
        return ()
    command, library = settings.get("archive_command", ""), settings.get("archive_library", "")
    if _SERVICE_ARCHIVER.match(command):
        return (NotChecked("archive_command", "the service archives to its own storage, which no owner can change"),)
    if command not in ("", "(disabled)") or library:
        facts.append(("archive_command", "archiving off", "archiving on", _SETTINGS))
    return ()
