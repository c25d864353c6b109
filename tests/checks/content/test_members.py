"""Tables of extensions and in PostgreSQL's schemas: compared as far as a copy can have them, the rest listed."""

from __future__ import annotations

import dataclasses

from drills.checks.base.outcome import CheckOutcome
from drills.checks.content.check import Contents, TableContent, judge
from drills.checks.content.members import settle
from drills.checks.content.model import Carried
from drills.checks.content.tables import Membership
from drills.model.policy import TablePolicy

TABLE = "public.jobs"
NONE = TableContent(0, "0" * 32)
FIFTY = TableContent(50, "a" * 32)


def outcome(
    before: TableContent | None,
    after: TableContent | None,
    policy: str = "",
    *,
    other_server: bool = False,
    not_read: dict[str, str] | None = {},  # noqa: B006
) -> CheckOutcome:
    """What comparing one table of two databases gives."""
    expected = Contents("record/md5/2", {TABLE: before} if before else {}, not_read=not_read)
    found = Contents("record/md5/2", {TABLE: after} if after else {}, not_read={})
    policies = {TABLE: TablePolicy("exact")} if policy == "exact" else {}
    if policy == "skip":
        policies = {TABLE: TablePolicy("skip", reason="so wanted")}
    settled = settle(expected, found, policies, other_server=other_server)
    return judge(settled.expected, settled.found, policies) + settled.outcome


def member(table: TableContent, oid: int, condition: str = "", *, configuration: bool = False) -> TableContent:
    """The same as a table of an extension."""
    return dataclasses.replace(table, member=Membership("cron 1.6", oid, configuration or bool(condition), condition))


def test_a_physical_copy_has_all_rows_of_an_extension() -> None:
    """A table with the source's OID was copied with its files, so that a lost row is a loss."""
    found = outcome(member(FIFTY, 20000), member(NONE, 20000))

    assert [each.message for each in found.findings] == [f"{TABLE} lost 50 of 50 rows"]


def test_a_dump_carries_what_an_extension_marks_as_configuration() -> None:
    """The rows of such a table are the user's: fifty that are gone are fifty lost rows."""
    found = outcome(member(FIFTY, 20000, configuration=True), member(NONE, 30000, configuration=True))

    assert [each.object for each in found.findings] == [TABLE]


def test_the_condition_of_an_extension_says_which_rows_are_compared() -> None:
    """Rows that the extension's script brings may differ between versions, the user's rows may not."""
    condition = "where not standard"
    whole = dataclasses.replace(member(FIFTY, 20000, condition), carried=Carried(7, "b" * 32))
    fewer = dataclasses.replace(member(NONE, 30000, condition), carried=Carried(7, "b" * 32))
    lost = dataclasses.replace(fewer, carried=Carried(6, "c" * 32))

    healthy, harmed = outcome(whole, fewer), outcome(whole, lost)

    assert (healthy.findings, healthy.compared) == ((), 1)
    assert condition in healthy.not_checked[0].reason
    assert [each.message for each in harmed.findings] == [f"{TABLE} lost 1 of 7 rows"]


def test_rows_that_no_dump_carries_are_listed_with_their_numbers() -> None:
    """They are neither called lost nor passed over in silence."""
    found = outcome(member(FIFTY, 20000), member(NONE, 30000))

    assert (found.compared, found.findings) == (0, ())
    assert [each.what for each in found.not_checked] == [TABLE]
    assert "cron 1.6" in found.not_checked[0].reason
    assert "50 rows on the source, 0 here" in found.not_checked[0].reason


def test_the_same_oid_on_another_server_is_no_physical_copy() -> None:
    """Two new servers number their objects alike."""
    assert outcome(member(FIFTY, 20000), member(NONE, 20000), other_server=True).findings == ()


def test_a_policy_makes_it_a_table_like_others() -> None:
    """Who names it in drill.toml wants it compared, or skipped."""
    assert outcome(member(FIFTY, 20000), member(NONE, 30000), "exact").findings
    assert not outcome(member(FIFTY, 20000), member(NONE, 30000), "skip").findings


def test_another_condition_is_listed() -> None:
    """Two versions of an extension may tell the user's rows from its own in different ways."""
    one = dataclasses.replace(member(FIFTY, 20000, "where id > 10"), carried=Carried(7, "b" * 32))
    other = dataclasses.replace(member(NONE, 30000, "where id > 20"), carried=Carried(6, "c" * 32))

    found = outcome(one, other)

    assert (found.compared, found.findings) == (0, ())
    assert "another condition" in found.not_checked[0].reason


def test_a_missing_table_that_the_catalog_does_not_name_is_found() -> None:
    """A dump leaves out what lies in PostgreSQL's schemas; the rows are lost all the same."""
    system = dataclasses.replace(FIFTY, system_schema=True)

    for table in (system, member(FIFTY, 20000)):
        assert [each.expected for each in outcome(table, None).findings] == ["a table with 50 rows"]
    assert outcome(None, system).findings
    assert outcome(FIFTY, None).findings == ()  # which the catalog check reports


def test_an_older_manifest_lists_what_it_does_not_know() -> None:
    """A manifest from before such tables were read says nothing of them: the copy's are listed, and no finding."""
    found = outcome(None, member(FIFTY, 20000), not_read=None)

    assert found.findings == ()
    assert [each.what for each in found.not_checked] == [TABLE]
    assert "take it again" in found.not_checked[0].reason


def test_a_table_that_only_the_copy_s_extension_has_is_listed() -> None:
    """A later version of an extension may bring more of them."""
    found = outcome(None, member(FIFTY, 20000))

    assert (found.findings, [each.what for each in found.not_checked]) == ((), [TABLE])


def view(table: TableContent, oid: int) -> TableContent:
    """The same as a materialised view."""
    return dataclasses.replace(table, view_oid=oid)


def test_a_materialised_view_that_a_dump_filled_anew_is_listed_and_no_loss() -> None:
    """The source's was older than its tables; the restore of a dump runs its query."""
    found = outcome(view(NONE, 20000), view(FIFTY, 30000))

    assert found.findings == ()
    assert [(left.what, "0 rows on the source, 50 here" in left.reason) for left in found.excluded] == [(TABLE, True)]


def test_a_materialised_view_of_a_physical_copy_has_the_same_rows() -> None:
    """With the source's OID nothing has filled it anew; nor is another one's taken for it where the server is another."""
    assert [each.object for each in outcome(view(FIFTY, 20000), view(NONE, 20000)).findings] == [TABLE]
    assert outcome(view(FIFTY, 20000), view(NONE, 20000), other_server=True).findings == ()
    assert [each.object for each in outcome(view(FIFTY, 1), view(NONE, 2), "exact").findings] == [TABLE]


def test_a_materialised_view_with_the_same_rows_is_compared() -> None:
    """A dump of one that is up to date is compared as any table is."""
    found = outcome(view(FIFTY, 20000), view(FIFTY, 30000))
    assert (found.compared, found.findings, found.excluded) == (1, (), ())
