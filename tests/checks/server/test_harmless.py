"""Whether a copy could act on the world: what could is an error, what cannot be seen is no pass."""

from __future__ import annotations

import pytest

from drills.checks.server import harmless
from drills.checks.server.harmless import Activity

QUIET = {
    "max_logical_replication_workers": "0",
    "archive_mode": "off",
    "archive_command": "(disabled)",
    "archive_library": "",
    "shared_preload_libraries": "pg_stat_statements",
}


def test_a_quiet_copy_gives_no_finding() -> None:
    """An enabled subscription cannot act where no worker may start."""
    outcome = harmless.judge(Activity(QUIET, {}, ("feed",)))
    assert (outcome.findings, outcome.not_checked, outcome.compared) == ((), (), 6)


@pytest.mark.parametrize(
    ("setting", "value", "things"),
    [
        ("max_logical_replication_workers", "4", ["max_logical_replication_workers", "subscription feed"]),
        ("shared_preload_libraries", "pg_stat_statements,pg_cron", ["shared_preload_libraries"]),
    ],
)
def test_what_could_act_is_named(setting: str, value: str, things: list[str]) -> None:
    """A worker that may start, its subscriptions, and a library that runs jobs."""
    outcome = harmless.judge(Activity({**QUIET, setting: value}, {}, ("feed",)))
    assert [finding.object for finding in outcome.findings] == things


def test_a_live_worker_is_named_whatever_the_settings_say() -> None:
    """Live processes count, and not only the settings."""
    outcome = harmless.judge(Activity(QUIET, {"pg_cron launcher": 1}))
    assert [(finding.object, finding.found) for finding in outcome.findings] == [("pg_cron launcher", "1 live")]


@pytest.mark.parametrize(
    "more",
    [
        {"archive_command": "cp %p /archive/%f"},
        {"archive_command": "cp %p /archive/%f # /etc/rds/dbbin/pgscripts/rds_wal_archive %p"},
        {"archive_library": "basic_archive"},
    ],
)
def test_archiving_of_the_owners_own_is_named(more: dict[str, str]) -> None:
    """A copy that archives would write into the production's archive."""
    outcome = harmless.judge(Activity({**QUIET, "archive_mode": "on", **more}, {}))
    assert [finding.object for finding in outcome.findings] == ["archive_command"]


@pytest.mark.parametrize("place", ["", "/tmp/drills-work/state/w2"])
def test_the_services_own_archiver_is_said_and_is_no_finding(place: str) -> None:
    """No owner can turn it off on RDS, and it writes to the service's storage; so does the local AWS's."""
    command = f"{place}/etc/rds/dbbin/pgscripts/rds_wal_archive %p"
    outcome = harmless.judge(Activity({**QUIET, "archive_mode": "on", "archive_command": command}, {}))
    assert outcome.findings == ()
    assert [left.what for left in outcome.excluded] == ["archive_command"]


def test_what_the_reader_may_not_see_is_no_pass() -> None:
    """Settings and processes that are hidden from a weak role are listed with the right that it needs."""
    settings = {name: value for name, value in QUIET.items() if name != "shared_preload_libraries"}
    outcome = harmless.judge(Activity(settings, None))
    assert [left.reason for left in outcome.unverified] == ["needs pg_read_all_settings", "needs pg_read_all_stats"]
