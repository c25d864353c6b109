"""Tables of extensions and in PostgreSQL's schemas: compared as far as a copy can have them, the rest listed."""

from __future__ import annotations

import dataclasses

import pytest

from drills.checks.base.outcome import CheckOutcome
from drills.checks.content.check import Contents, TableContent, judge
from drills.checks.content.members import settle
from drills.checks.content.model import Carried
from drills.checks.content.ranges import Key, Ranges
from drills.checks.content.tables import Membership
from drills.model.finding import Finding
from drills.model.policy import TablePolicy
from drills.sql import Quoted

SKIP = TablePolicy("skip", reason="so wanted")
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
        policies = {TABLE: SKIP}
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


@pytest.mark.parametrize(
    ("after", "policy", "listed"),
    [(FIFTY, "", [TABLE]), (FIFTY, "skip", []), (NONE, "", [])],
    ids=["rows", "left out", "no rows"],
)
def test_a_table_with_rows_that_the_manifest_does_not_know_is_not_compared(
    after: TableContent, policy: str, listed: list[str]
) -> None:
    """It is no loss, and its rows are no proof; one without rows, or that the owner leaves out, holds nothing to compare."""
    found = outcome(None, after, policy)

    assert (found.compared, found.findings) == (0, ())
    assert [each.what for each in found.unverified] == listed
    assert all("no fingerprint" in each.reason for each in found.unverified)


@pytest.mark.parametrize("known", ["unreadable", "damaged", "not_read"])
def test_a_table_that_the_source_could_not_read_is_listed_once(known: str) -> None:
    """The manifest says why it has no fingerprint, which is what stands in the result."""
    expected = Contents("record/md5/2", **{known: {TABLE: "for a reason"}})  # type: ignore[arg-type]
    found = judge(expected, Contents("record/md5/2", {TABLE: FIFTY}), {})

    assert [each for each in found.not_checked if "no fingerprint" in each.reason] == []


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


SYSTEM = dataclasses.replace(FIFTY, system_schema=True)
NO_QUERY = "select count(*) from only {}"


def lacking(name: str, message: str) -> Finding:
    """The finding of a table of fifty rows that the copy does not have."""
    return Finding("content", "error", name, "a table with 50 rows", "no such table", message, NO_QUERY.format(name))


def test_every_such_table_has_its_own_line() -> None:
    """One that is refilled, left out, not to be compared or gone hides none behind it."""
    expected = {
        "a view": view(NONE, 1), "b skipped": member(FIFTY, 1), "c user's": FIFTY, "d gone": SYSTEM,
        "e gone": member(FIFTY, 1), "f dumped": member(FIFTY, 1), "g dumped": member(FIFTY, 1),
        "h view": view(NONE, 1), "i unreadable": SYSTEM, "j damaged": member(FIFTY, 1), "k gone": SYSTEM,
    }  # fmt: skip
    found = {
        "a view": view(FIFTY, 2), "c user's": FIFTY, "f dumped": member(NONE, 2), "g dumped": member(NONE, 2),
        "h view": view(FIFTY, 2), "l new": SYSTEM, "m new": member(FIFTY, 1), "n new": SYSTEM, "o new": FIFTY,
    }  # fmt: skip
    copy = Contents("record/md5/2", found, {"i unreadable": "needs a right"}, {"j damaged": "is broken"})
    settled = settle(
        Contents("record/md5/2", expected, not_read={"p temporary": "has no rows"}), copy, {"b skipped": SKIP}
    )

    def added(name: str) -> Finding:
        message = f"{name} lies in a schema of PostgreSQL's, and the source does not have it"
        query = NO_QUERY.format(name)
        return Finding("content", "error", name, "no such table", "a table with 50 rows", message, query)

    assert settled.outcome.findings == (
        lacking("d gone", "d gone is missing, and with it 50 rows"),
        lacking("e gone", "e gone of extension cron 1.6 is missing, and with it 50 rows"),
        lacking("k gone", "k gone is missing, and with it 50 rows"),
        added("l new"),
        added("n new"),
    )
    assert settled.outcome.compared == 5
    dumped = (
        "belongs to extension cron 1.6, which does not mark it as configuration, so that a dump does not carry its rows: 50 rows "
        'on the source, 0 here; the policy "exact" compares it all the same'
    )
    refilled = (
        "materialised view that the restore of a dump has filled anew: 0 rows on the source, 50 here; "
        '"exact" compares it all the same'
    )
    assert [(each.what, each.reason) for each in settled.outcome.excluded] == [
        ("a view", refilled),
        ("f dumped", dumped),
        ("g dumped", dumped),
        ("h view", refilled),
        ("m new", "belongs to extension cron 1.6, and the source does not have it: not compared"),
        ("p temporary", "has no rows"),
    ]
    left = {"a view", "f dumped", "g dumped", "h view"}
    assert (set(settled.expected.tables), set(settled.found.tables)) == (expected.keys() - left, found.keys() - left)


def test_an_older_manifest_lists_each_table_that_it_does_not_know() -> None:
    """Whether of an extension or in a schema of PostgreSQL's; nothing was left out of it by name."""
    found = Contents("record/md5/2", {"a": SYSTEM, "b": member(FIFTY, 1), "c": SYSTEM})
    settled = settle(Contents("record/md5/2"), found, {})

    assert settled.outcome.findings == ()
    assert [each.what for each in settled.outcome.excluded] == ["a", "b", "c"]
    assert len({each.reason for each in settled.outcome.excluded}) == 1


@pytest.mark.parametrize(
    ("after", "extension"), [(member(NONE, 2, "where id > 20"), "cron 1.6"), (NONE, "no extension")]
)
def test_what_the_copy_s_extension_says_of_the_table_is_told(after: TableContent, extension: str) -> None:
    """Another condition, or none at all since the table is no extension's there."""
    before = dataclasses.replace(member(FIFTY, 1, "where id > 10"), carried=Carried(7, "b" * 32))
    found = outcome(before, dataclasses.replace(after, carried=Carried(6, "c" * 32)))

    assert (found.findings, [each.reason for each in found.excluded]) == (
        (),
        [
            f"belongs to extension cron 1.6, in the copy to {extension}, with another condition for what a dump carries: 50 rows "
            'on the source, 0 here; the policy "exact" compares it all the same'
        ],
    )


def test_what_a_dump_carries_has_no_ranges() -> None:
    """They are of all rows: where rows differ they would point to those that no dump carries."""
    condition = "where not standard"
    ranged = dataclasses.replace(
        member(FIFTY, 1, condition),
        carried=Carried(7, "b" * 32),
        ranges=Ranges(Key("integer", (Quoted("id"),)), 0, 1, ""),
    )
    settled = settle(
        Contents("record/md5/2", {TABLE: ranged}),
        Contents("record/md5/2", {TABLE: dataclasses.replace(ranged, member=member(FIFTY, 2, condition).member)}),
        {},
    )

    for side in (settled.expected, settled.found):
        assert (side.tables[TABLE].rows, side.tables[TABLE].fingerprint) == (7, "b" * 32)
        assert side.tables[TABLE].ranges is None
    assert [(each.what, each.reason) for each in settled.outcome.excluded] == [
        (TABLE, f"belongs to extension cron 1.6: compared as far as a dump carries it: {condition}")
    ]


def test_a_table_that_both_sides_carry_alike_is_compared_whole() -> None:
    """With the same rows there is nothing that a dump has left out, whatever the extension says of it."""
    found = outcome(member(FIFTY, 1), member(FIFTY, 2))
    assert (found.compared, found.findings, found.excluded) == (1, (), ())
    other = outcome(member(FIFTY, 1), member(dataclasses.replace(FIFTY, fingerprint="b" * 32), 2))
    assert (other.compared, [each.what for each in other.excluded]) == (0, [TABLE])


def test_a_table_that_was_an_extension_s_and_is_one_s_own_was_not_copied_with_its_files() -> None:
    """Its OID is not known to be the same: what no dump carries of it is not lost."""
    assert outcome(member(FIFTY, 1), NONE).findings == ()
