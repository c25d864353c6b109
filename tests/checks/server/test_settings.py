"""Settings of the server, and passwords of its roles: what a restored server may not have otherwise."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.aws.databases.requests import HARMLESS
from drills.checks.catalog import passwords
from drills.checks.catalog.passwords import NONE
from drills.checks.server import settings
from drills.checks.server.settings import COMPARED
from tests.support.checked import Checked, checked
from tests.support.cluster import module_state

__all__ = ["checked", "module_state"]
KEY = b"k" * 32


@pytest.mark.postgres
def test_settings_are_the_servers_and_not_the_readers(checked: Checked) -> None:
    """What the session, its role or its database sets is left out; the catalog compares the latter two."""
    with checked.connect("orders") as connection:
        before = settings.observe(connection)
        connection.execute("set timezone = 'Asia/Tokyo'")
        after = settings.observe(connection)
    with checked.snapshot("orders") as pinned:
        least = settings.observe(pinned)

    assert "TimeZone" in before
    assert before.keys() - after.keys() == {"TimeZone"}
    assert {"TimeZone", "row_security"}.isdisjoint(least)
    assert {"fsync", "data_checksums", "track_commit_timestamp", "default_transaction_isolation"} <= before.keys()


def test_a_setting_that_differs_weighs_as_much_as_it_spoils() -> None:
    """On a copy of the same server; where that is unknown, it is a warning."""
    before, after = {"fsync": "on", "autovacuum": "on", "TimeZone": "UTC"}, {"fsync": "off", "autovacuum": "off"}
    same, unknown = settings.judge(before, after, same=True), settings.judge(before, after, same=None)

    assert [(each.object, each.severity) for each in same.findings] == [
        ("setting fsync", "error"),
        ("setting autovacuum", "warning"),
    ]
    assert {each.severity for each in unknown.findings} == {"warning"}
    assert same.compared == 2


def test_another_server_has_settings_of_its_own() -> None:
    """A dump that was restored elsewhere has no finding for them; they are listed."""
    outcome = settings.judge({"TimeZone": "UTC"}, {"TimeZone": "Asia/Tokyo"}, same=False)

    assert outcome.findings == ()
    assert outcome.excluded[0].reason == "of another server: TimeZone is Asia/Tokyo, was UTC"
    assert settings.judge({"TimeZone": "UTC"}, {"TimeZone": "UTC"}, same=False).excluded == ()


def test_what_a_scratch_copy_has_otherwise_on_purpose_is_not_compared() -> None:
    """Archiving and replication are shut off, and what a drill's restore keeps no backups for."""
    apart = {
        *HARMLESS,
        "archive_mode",
        "archive_command",
        "shared_preload_libraries",
        "wal_level",
        "synchronous_standby_names",
    }

    assert apart.isdisjoint(COMPARED)


@given(st.dictionaries(st.sampled_from(sorted(COMPARED)), st.text(max_size=3)), st.sampled_from([True, False, None]))
def test_equal_settings_are_no_difference(stored: dict[str, str], same: bool | None) -> None:
    """Whatever they are."""
    outcome = settings.judge(stored, stored, same=same)

    assert (outcome.compared, outcome.findings, outcome.excluded) == (len(stored), (), ())


@pytest.mark.postgres
def test_passwords_are_compared_by_a_keyed_digest(checked: Checked) -> None:
    """One that was changed or lost is named; nothing of it is stored, and the reader's own is left out."""
    first, second = secrets.token_urlsafe(), secrets.token_urlsafe()
    with checked.cluster.connect() as admin, admin.transaction(force_rollback=True):
        for role, password in (("steady", first), ("changing", first), ("losing", first)):
            admin.execute(f"create role {role} login password '{password}'".encode())
        before = passwords.observe(admin, KEY)
        admin.execute(f"alter role changing password '{second}'".encode())
        admin.execute("alter role losing password null")
        after = passwords.observe(admin, KEY)
        own = admin.info.user
        admin.execute("set local role steady")
        hidden = passwords.observe(admin, KEY)

    assert before is not None
    assert after is not None
    outcome = passwords.judge("catalog", before, after)
    assert [(each.object, each.severity) for each in outcome.findings] == [
        ("role changing", "warning"),
        ("role losing", "error"),
    ]
    assert own not in before
    assert after["losing"] == NONE
    assert all(stored == NONE or len(stored) == 16 for stored in before.values())
    assert hidden is None


def test_passwords_that_may_not_be_read_are_not_verified() -> None:
    """Neither without the right nor without the key; a role that one side lacks is the catalog's finding."""
    (left,) = passwords.judge("catalog", None, {}).excluded

    assert "needs a superuser or pg_read_all_data on the source" in left.reason
    assert "on the copy" in passwords.judge("catalog", {}, None).excluded[0].reason
    assert passwords.judge("catalog", {"a": NONE}, {"b": NONE}).compared == 0
