"""Compare the server's settings with its source's, where one changes what data mean, what survives a crash, or who sees
it.

Sizes, costs, logging and places of files differ between honest servers and are not compared. Nor is what a scratch copy
has otherwise on purpose (drills/aws/scratch.py, drills/checks/server/harmless.py): archiving, replication, libraries
that run jobs; and `wal_level`, which Amazon RDS lowers for an instance that keeps no backups of its own. Settings of
roles and databases are entries of the catalog and compared there, so that what comes from one of them is left out here.
"""

from __future__ import annotations

from collections.abc import Mapping

from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.session import Connection
from drills.model.finding import Finding, NotChecked, Severity

NAME = "settings"
Settings = dict[str, str]

_MEANING, _SAFETY, _SIGHT = "what data mean", "what survives a crash", "who sees and changes what"
# Setting, what it changes, and how much a difference weighs: an error spoils data or answers, a warning may be meant so.
COMPARED: dict[str, tuple[str, Severity]] = {
    "default_transaction_isolation": (_MEANING, "error"),
    "default_transaction_read_only": (_SIGHT, "error"),
    "TimeZone": (_MEANING, "error"),
    "timezone_abbreviations": (_MEANING, "error"),
    "DateStyle": (_MEANING, "error"),
    "IntervalStyle": (_MEANING, "error"),
    "bytea_output": (_MEANING, "warning"),
    "extra_float_digits": (_MEANING, "warning"),
    "xmlbinary": (_MEANING, "warning"),
    "xmloption": (_MEANING, "warning"),
    "lc_monetary": (_MEANING, "warning"),
    "lc_numeric": (_MEANING, "warning"),
    "lc_time": (_MEANING, "warning"),
    "default_text_search_config": (_MEANING, "error"),
    "search_path": (_MEANING, "error"),
    "standard_conforming_strings": (_MEANING, "error"),
    "backslash_quote": (_MEANING, "warning"),
    "array_nulls": (_MEANING, "error"),
    "transform_null_equals": (_MEANING, "error"),
    "gin_fuzzy_search_limit": (_MEANING, "error"),
    "default_table_access_method": (_MEANING, "warning"),
    "default_toast_compression": (_MEANING, "warning"),
    "fsync": (_SAFETY, "error"),
    "full_page_writes": (_SAFETY, "error"),
    "synchronous_commit": (_SAFETY, "error"),
    "data_checksums": (_SAFETY, "error"),
    "zero_damaged_pages": (_SAFETY, "error"),
    "ignore_checksum_failure": (_SAFETY, "error"),
    "ignore_system_indexes": (_SAFETY, "error"),
    "ignore_invalid_pages": (_SAFETY, "error"),
    "track_commit_timestamp": (_SAFETY, "error"),
    "max_prepared_transactions": (_SAFETY, "warning"),
    "autovacuum": (_SAFETY, "warning"),
    "row_security": (_SIGHT, "error"),
    "session_replication_role": (_SIGHT, "error"),
    "event_triggers": (_SIGHT, "error"),
    "lo_compat_privileges": (_SIGHT, "error"),
    "password_encryption": (_SIGHT, "warning"),
}
# What a role, a database or the client has set is not the server's. The session has the search_path of its database:
# operators and types are named with their schema, so that none of its owner's are called.
_QUERY = """
select name, setting from pg_catalog.pg_settings
where name operator(pg_catalog.=) any (%s::pg_catalog.text[]) and source operator(pg_catalog.<>)
    all ('{database,user,"database user",client,session,interactive,test}'::pg_catalog.text[])
"""


def observe(connection: Connection) -> Settings:
    """Return the compared settings of a server, as a session sees them that has set nothing itself: not a pinned
    one.
    """
    return {str(name): str(setting) for name, setting in connection.execute(_QUERY, (list(COMPARED),))}


def judge(expected: Mapping[str, str], found: Mapping[str, str], *, same: bool | None) -> CheckOutcome:
    """Compare the settings that both sides have. Pure.

    `same`: whether it is the source's own server or a physical copy of it, None where that is unknown. A server that a
    dump was restored to has settings of its own: their differences are listed and are no findings.
    """
    common = [name for name in COMPARED if name in expected and name in found]
    differing = [name for name in common if expected[name] != found[name]]
    if same is False:
        described = ", ".join(f"{name} is {found[name]}, was {expected[name]}" for name in differing)
        return CheckOutcome(
            len(common), excluded=(NotChecked(NAME, f"of another server: {described}"),) if differing else ()
        )
    return CheckOutcome(len(common), tuple(_finding(name, expected[name], found[name], same) for name in differing))


def _finding(name: str, before: str, after: str, same: bool | None) -> Finding:
    what, severity = COMPARED[name]
    message = f"setting {name} is {after}, expected {before}: it changes {what}"
    return Finding(
        NAME, severity if same else "warning", f"setting {name}", before, after, message,
        f"select name, setting, source from pg_settings where name = '{name}'",
    )  # fmt: skip
