"""What was observed of a copy is judged by the part of the manifest that it is about, and by nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from drills.checks.base.outcome import CheckOutcome
from drills.checks.canary.chain import CanaryState
from drills.checks.catalog.check import Catalog
from drills.checks.catalog.extensions import MEMBERS
from drills.checks.catalog.scope import REST_OF_SERVER
from drills.checks.content.check import Contents, TableContent
from drills.checks.content.fingerprint import FAST, MD5, STABLE, STRONG
from drills.checks.content.large_objects import LargeObjects
from drills.checks.content.rows import RowLocation
from drills.checks.content.sequences import Sequences
from drills.checks.content.tables import Membership
from drills.checks.judging import Judge, across_versions, canary_result, harmless_result
from drills.checks.manifest import FORMAT, DatabaseManifest, Manifest
from drills.checks.observed import (
    ActivitySeen,
    CanarySeen,
    CatalogSeen,
    ClusterSeen,
    ContentSeen,
    LargeObjectsSeen,
    OutcomeSeen,
    SequencesSeen,
    ServerSeen,
    SettingsSeen,
)
from drills.checks.server.harmless import Activity
from drills.model.finding import Finding, NotChecked
from drills.model.policy import TablePolicy
from tests.support.clock import NOON

SHOP: Catalog = {"relations": {"public.a": '{"kind": "table"}'}}
ROLES: Catalog = {"roles": {"owner": '{"login": "true"}'}}
A = TableContent(10, "a" * 32)
LEFT = NotChecked("a thing", "for a reason")
SERVER = ServerSeen(17, "c17")


def database(**parts: Any) -> DatabaseManifest:
    """What a database should contain: one table of ten rows, unless said otherwise."""
    whole = DatabaseManifest(SHOP, Sequences(), Contents(FAST, {"public.a": A}, encoding="UTF8"), LargeObjects(), None)
    return dataclasses.replace(whole, **parts)


def manifest(shop: DatabaseManifest | None = None, **parts: Any) -> Manifest:
    """The manifest of a server 17 with the identifier 7 and a database `shop`."""
    whole = Manifest(
        FORMAT, NOON, 170_004, "PostgreSQL 17.4", ROLES, {"shop": shop or database()}, system_identifier="7",
        calibration="c17", settings={"TimeZone": "UTC"}, passwords={"owner": "1" * 16},
    )  # fmt: skip
    return dataclasses.replace(whole, **parts)


def contents(tables: dict[str, TableContent] | None = None, identifier: str = "7", **parts: Any) -> ContentSeen:
    """Contents as they are seen of a copy in the same encoding: the one table, unless said otherwise."""
    found = Contents(FAST, {"public.a": A} if tables is None else tables, not_read={}, encoding="UTF8")
    return dataclasses.replace(ContentSeen(found, identifier, "UTF8", "whole"), **parts)


def severities(outcome: CheckOutcome) -> list[tuple[str, str]]:
    """What was found, and how grave it is."""
    return [(each.object, each.severity) for each in outcome.findings]


def whats(left: Sequence[NotChecked]) -> list[str]:
    """What was not compared."""
    return [each.what for each in left]


@pytest.mark.parametrize("known", [None, manifest()], ids=["no manifest", "manifest"])
def test_what_the_server_judged_needs_no_manifest(known: Manifest | None) -> None:
    """An outcome is that, whoever noted it; what a server is says nothing by itself, and an activity is found by itself."""
    outcome, judge = CheckOutcome(3, excluded=(LEFT,)), Judge(known)

    assert judge.judge("shop", outcome) is outcome
    assert judge.judge("shop", OutcomeSeen(outcome)) is outcome
    assert judge.judge("", SERVER) == CheckOutcome()
    acting = judge.judge("", ActivitySeen(Activity({"shared_preload_libraries": "pg_cron"}, {})))
    assert severities(acting) == [("shared_preload_libraries", "error")]


def test_what_cannot_be_judged_is_no_outcome() -> None:
    """Without a manifest nothing is compared with one, and what is no observation of a copy is refused by its name."""
    with pytest.raises(ValueError, match=r"^expected a manifest to judge CatalogSeen by, found none$"):
        Judge(None).judge("shop", CatalogSeen(SHOP, "7"))
    with pytest.raises(ValueError, match=r"^expected an observation that can be judged, found str$"):
        Judge(manifest()).judge("shop", "seen")


# -- catalog ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("here", "there", "severity"),
    [("7", "7", "error"), ("8", "7", "warning"), ("", "7", "warning"), ("8", "", "warning"), ("", "", "warning")],
)
def test_members_of_an_extension_are_a_physical_copy_s_to_the_last(here: str, there: str, severity: str) -> None:
    """Another server makes an extension anew, which may hold fewer; one that is not known may be another. Tables are tables."""
    wanted: Catalog = {MEMBERS: {"cron 1.6": '{"members": "5"}'}, **SHOP}
    seen: Catalog = {MEMBERS: {"cron 1.6": '{"members": "4"}'}}
    known = manifest(database(catalog=wanted), cluster=wanted, system_identifier=there)

    for database_name, each in (("shop", CatalogSeen(seen, here)), ("", ClusterSeen(seen, {}, here))):
        found = Judge(known).judge(database_name, each)
        assert {finding.severity for finding in found.findings if "cron" in finding.object} == {severity}
        assert {finding.severity for finding in found.findings if "cron" not in finding.object} == {"error"}
        assert found.compared == 2


@pytest.mark.parametrize("side", ["source", "copy"])
def test_what_of_a_catalog_cannot_be_compared_is_listed_of_both_sides(side: str) -> None:
    """Secrets that were read without the key, options that a server keeps for itself, and what a newer PostgreSQL has."""
    secret = '{"options": "(not compared)"}'
    hidden: Catalog = {
        "user mappings": {"m": secret},
        "objects of a newer PostgreSQL": {"pg_catalog.x": '{"rows": "4"}'},
    }
    hidden["columns"] = {"public.a.b": '{"options": "pg_attver=1"}'}
    plain: Catalog = {"columns": {"public.a.b": "{}"}, "user mappings": {"m": '{"options": "1"}'}}
    before, after = (hidden, plain) if side == "source" else (plain, hidden)

    found = Judge(manifest(database(catalog=before))).judge("shop", CatalogSeen(after, "7"))
    assert whats(found.excluded) == ["options of m", "option pg_attver of 1 column", "4 rows of pg_catalog.x"]
    assert found.compared == sum(map(len, before.values()))


def test_the_server_is_compared_with_its_passwords() -> None:
    """Roles and passwords are findings of the catalog; of a manifest of one database the rest of the server is left out."""
    seen = ClusterSeen({}, {"owner": "2" * 16}, "7")
    found = Judge(manifest()).judge("", seen)

    assert severities(found) == [("owner", "error"), ("role owner", "warning")]
    assert {finding.check for finding in found.findings} == {"catalog"}
    assert (found.compared, found.excluded) == (2, ())
    assert Judge(manifest(only="shop")).judge("", seen).excluded == (REST_OF_SERVER,)
    assert whats(Judge(manifest(passwords=None)).judge("", seen).excluded) == ["passwords of roles"]
    assert "on the copy" in Judge(manifest()).judge("", ClusterSeen({}, None, "7")).excluded[0].reason


def test_a_catalog_is_compared_section_by_section() -> None:
    """The result names what the manifest's format does not know; without a manifest there is none to know less."""
    outcomes = [CheckOutcome(2), CheckOutcome(3, excluded=(LEFT,))]
    result = Judge(manifest()).catalog_result(iter(outcomes))

    assert (result.name, result.compared, result.not_checked) == ("catalog", 5, (LEFT,))
    assert result.sentence == "5 catalog entries compared, no difference"
    older = Judge(manifest(format=3)).catalog_result(outcomes)
    assert whats(older.not_checked) == ["a thing", "catalog: objects of a newer PostgreSQL"]
    assert Judge(None).catalog_result(outcomes).not_checked == (LEFT,)


# -- canary, and what acts on others ----------------------------------------------------------------------------------


def test_a_canary_is_compared_with_the_one_of_its_database() -> None:
    """Its rows count as compared; where the manifest has none of that database, or there is no manifest, it stands for itself."""
    ahead, behind = (CanaryState(rows, rows, NOON, "d" * 64) for rows in (5, 4))
    known = Judge(manifest(database(canary=ahead)))

    short = known.judge("shop", CanarySeen(behind))
    assert (short.compared, severities(short)) == (4, [("drill_canary.beat", "error")])
    assert known.judge("shop", CanarySeen(ahead)) == CheckOutcome(5)
    lost = known.judge("shop", CanarySeen(None))
    assert (lost.compared, [each.message for each in lost.findings]) == (0, ["the canary is missing from the copy"])
    for other, name in ((known, "other"), (Judge(None), "shop"), (Judge(manifest()), "shop")):
        assert other.judge(name, CanarySeen(behind)) == CheckOutcome(4)
        assert other.judge(name, CanarySeen(None)) == CheckOutcome()


@pytest.mark.parametrize(
    ("outcome", "verdict", "requirement", "sentence"),
    [
        (CheckOutcome(), "not verified", "optional", "the copy holds no canary, and none was expected"),
        (CheckOutcome(excluded=(LEFT,)), "not verified", "optional", "the copy holds no canary, and none was expected"),
        (CheckOutcome(4), "met", "required", "4 canary rows compared, no difference; its chain is whole"),
        (CheckOutcome(unverified=(LEFT,)), "not verified", "required", "a thing: for a reason; 1 not compared"),
        (CheckOutcome(0, (Finding("canary", "error", "o", "e", "f", "it is lost"),)), "missed", "required", "it is lost"),
    ],
)  # fmt: skip
def test_a_canary_that_nobody_expected_is_optional(
    outcome: CheckOutcome, verdict: str, requirement: str, sentence: str
) -> None:
    """One that was found, is missing, or could not be read is required."""
    result = canary_result(outcome)
    assert (result.name, result.outcome, result.requirement, result.sentence) == (
        "canary", verdict, requirement, sentence,
    )  # fmt: skip


def test_what_acts_on_others_is_checked_and_not_compared() -> None:
    """A quiet copy says of what it is quiet."""
    result = harmless_result(CheckOutcome(4))
    assert (result.name, result.sentence) == (
        "harmless",
        "4 facts checked, no difference; no replication worker, archiver or job runner is live",
    )


# -- what a database holds beside its tables --------------------------------------------------------------------------


def test_sequences_and_large_objects_are_those_of_their_database() -> None:
    """Each database is compared with its own part of the manifest."""
    shop = database(sequences=Sequences({"public.s": "9"}), large_objects=LargeObjects({"1": "9 bytes"}))
    judge = Judge(manifest(databases={"shop": shop, "other": database()}))

    for same in (SequencesSeen(Sequences({"public.s": "9"})), LargeObjectsSeen(LargeObjects({"1": "9 bytes"}))):
        assert judge.judge("shop", same) == CheckOutcome(1)
    moved = judge.judge("shop", SequencesSeen(Sequences({"public.s": "8"})))
    assert severities(moved) == [("public.s", "error")]
    lost = judge.judge("shop", LargeObjectsSeen(LargeObjects()))
    assert severities(lost) == [("large object 1", "error")]
    assert judge.judge("other", LargeObjectsSeen(LargeObjects())) == CheckOutcome()


@pytest.mark.parametrize(
    ("here", "there", "found", "listed"),
    [
        ("7", "7", [("setting TimeZone", "error")], []),
        ("8", "7", [], ["settings"]),
        ("", "7", [("setting TimeZone", "warning")], []),
        ("8", "", [("setting TimeZone", "warning")], []),
    ],
)
def test_settings_weigh_as_much_as_the_server_is_the_source_s(
    here: str, there: str, found: list[tuple[str, str]], listed: list[str]
) -> None:
    """A physical copy has the source's, another server its own; where nobody knows which it is, a difference is a warning."""
    outcome = Judge(manifest(system_identifier=there)).judge("", SettingsSeen({"TimeZone": "CET"}, here))
    assert (severities(outcome), whats(outcome.excluded), outcome.compared) == (found, listed, 1)
    older = Judge(manifest(settings=None)).judge("", SettingsSeen({"TimeZone": "CET"}, here))
    assert older == CheckOutcome()


# -- content ----------------------------------------------------------------------------------------------------------


def member(rows: int, oid: int) -> TableContent:
    """A table of an extension that no dump carries."""
    return TableContent(rows, f"{rows:032d}", member=Membership("cron 1.6", oid, configuration=False))


@pytest.mark.parametrize(
    ("here", "there", "lost"), [("7", "7", True), ("8", "7", False), ("", "7", True), ("8", "", True), ("", "", True)]
)
def test_a_table_of_an_extension_is_the_same_one_on_the_source_s_server_only(here: str, there: str, lost: bool) -> None:
    """On a server that is known to be another, the same OID is chance: what it holds is listed, and its rows do not count."""
    known = manifest(database(contents=Contents(FAST, {"jobs": member(50, 20000)})), system_identifier=there)
    seen = contents({"jobs": member(40, 20000)}, here)

    found, rows = Judge(known).judge("shop", seen), Judge(known).rows_compared("shop", seen)
    assert severities(found) == ([("jobs", "error")] if lost else [])
    assert (whats(found.excluded), rows) == (([], 50) if lost else (["jobs"], 0))


@pytest.mark.parametrize(
    ("how", "listed", "text"),
    [
        ("by count", ["public.a", "public.j"], "LATIN1, the copy's UTF8; take the manifest again"),
        ("as bytes", ["public.a", "public.j"], "LATIN1, the copy's UTF8, and one of them does not say"),
        ("as text", ["public.j"], "LATIN1, the copy's UTF8, by whose bytes its columns"),
    ],
)
def test_contents_of_another_encoding_are_compared_as_far_as_that_goes(how: Any, listed: list[str], text: str) -> None:
    """Both encodings are named, and the tables whose text depends on them are not accused."""
    tables = {"public.a": A, "public.j": A}
    other = {name: dataclasses.replace(each, fingerprint="b" * 32) for name, each in tables.items()}
    seen = contents(other, source_encoding="LATIN1", how=how, byte_ordered=frozenset({"public.j"}))
    judge = Judge(manifest(database(contents=Contents(FAST, tables))))

    found = judge.judge("shop", seen)
    assert whats(found.unverified) == listed
    assert all(text in each.reason for each in found.unverified)
    assert judge.rows_compared("shop", seen) == 10 * (2 - len(listed))


def test_a_policy_and_a_location_belong_to_their_table() -> None:
    """What drill.toml leaves out is listed; where rows differ is said of the table that they are in."""
    judge = Judge(
        manifest(database(contents=Contents(FAST, {"public.a": A, "public.b": A}))),
        {"public.b": TablePolicy("skip", reason="so wanted")},
    )
    seen = contents(
        {"public.a": dataclasses.replace(A, rows=9), "public.b": A}, locations={"public.a": RowLocation("id 7")}
    )

    found = judge.judge("shop", seen)
    assert [each.message for each in found.findings] == ["public.a lost 1 of 10 rows: id 7"]
    assert found.excluded == (NotChecked("public.b", "so wanted"),)
    assert judge.rows_compared("shop", seen) == 10


def test_a_policy_makes_a_table_of_an_extension_one_like_others() -> None:
    """The owner's word stands above what a dump carries, and above the encodings: counted rows are only counted."""
    known = manifest(database(contents=Contents(FAST, {"jobs": member(50, 20000), "public.a": A})))
    seen = contents({"jobs": member(40, 1), "public.a": dataclasses.replace(A, fingerprint="b" * 32)}, how="by count")
    judge = Judge(known, {"jobs": TablePolicy("exact"), "public.a": TablePolicy("at least", 99)})

    found = judge.judge("shop", seen)
    assert ([each.object for each in found.findings], found.unverified) == (["jobs"], ())
    assert judge.rows_compared("shop", seen) == 60


def test_large_objects_count_as_rows_that_were_compared() -> None:
    """A source of nothing but large objects is no empty one; without a manifest nothing was compared."""
    shop = database(large_objects=LargeObjects({"1": "9 bytes", "2": "9 bytes"}))
    assert Judge(manifest(shop)).rows_compared("shop", contents()) == 12
    assert Judge(None).rows_compared("shop", contents()) == 0


def test_the_result_of_the_content_is_that_of_every_database() -> None:
    """Tables are counted over all of them; a policy that fits no table of any is listed."""
    known = manifest(databases={"shop": database(), "other": database(contents=Contents(FAST, {"public.b": A}))})
    policies = {"public.b": TablePolicy("at least", 50), "public.zz": TablePolicy("at least", 50)}
    seen = [("", SERVER), ("shop", contents()), ("other", contents({"public.b": dataclasses.replace(A, rows=6)}))]

    result = Judge(known, policies).content_result(seen, expects_nothing=False)
    assert (result.name, result.outcome, result.compared) == ("content", "met", 2)
    assert result.sentence == "2 tables and materialized views compared, no difference"
    assert whats(result.not_checked) == ["public.b", "public.zz"]
    with pytest.raises(ValueError, match=r"^expected a manifest to compare the contents with, found none$"):
        Judge(None).content_result(seen, expects_nothing=False)


def test_what_another_version_hashes_otherwise_is_not_compared() -> None:
    """Nothing is judged then: the difference would be the hash function's."""
    seen = [("", ServerSeen(18, "c18")), ("shop", contents({}))]
    result = Judge(manifest()).content_result(seen, expects_nothing=False)

    reason = (
        "needs a manifest of PostgreSQL 18 or a portable one (drills manifest --portable), found one of 17: their hash "
        "functions differ"
    )
    assert (result.name, result.outcome, result.not_checked) == (
        "content", "not verified", (NotChecked("content", reason),),
    )  # fmt: skip
    assert result.sentence == f"content: {reason}; 1 not compared"


def test_what_was_compared_across_versions_is_said() -> None:
    """A reader learns that the copy's PostgreSQL is another one."""
    result = Judge(manifest()).content_result(
        [("", ServerSeen(18, "c17")), ("shop", contents())], expects_nothing=False
    )
    assert (result.outcome, whats(result.not_checked)) == ("met", ["versions"])


def test_a_comparison_of_no_row_is_none() -> None:
    """A wiped source and its copy do not differ; who expects nothing says so, and is warned where rows were."""
    empty = database(contents=Contents(FAST, {"public.a": dataclasses.replace(A, rows=0)}))
    seen = [("shop", contents({"public.a": dataclasses.replace(A, rows=0)}))]

    assert Judge(manifest(empty)).content_result(seen, expects_nothing=True).outcome == "met"
    result = Judge(manifest(empty)).content_result(seen, expects_nothing=False)
    assert result.outcome == "not verified"
    assert "nothing was in the source's 1 table" in result.sentence
    warned = Judge(manifest()).content_result([("shop", contents())], expects_nothing=True)
    assert [each.message for each in warned.findings] == ["expected a source without rows, found 10 rows in 1 table"]
    assert Judge(manifest()).content_result([("shop", contents())], expects_nothing=False).findings == ()


LATE = "not compared for lack of time: the budget of 5 s was used up"


def test_what_time_was_too_short_for_is_told_in_numbers() -> None:
    """How many of all tables were compared, and the first that was not for that reason; a difference that was found stands."""
    two = database(contents=Contents(FAST, {"public.a": A, "public.b": A, "public.c": A}))
    found = Contents(FAST, {"public.a": A}, {"public.b": "needs SELECT on public.b", "public.c": LATE}, encoding="UTF8")
    seen = contents(found=found)

    result = Judge(manifest(two)).content_result([("shop", seen)], expects_nothing=False)
    assert result.outcome == "not verified"
    assert result.sentence == f"1 of 3 tables and materialized views compared; public.c: {LATE}"

    denied = dataclasses.replace(found, unreadable={"public.b": "needs SELECT on public.b"})
    plain = Judge(manifest(two)).content_result([("shop", contents(found=denied))], expects_nothing=False)
    assert plain.sentence.startswith("public.b: could not be read on the copy")

    lost = dataclasses.replace(found, tables={"public.a": dataclasses.replace(A, rows=9)})
    missed = Judge(manifest(two)).content_result([("shop", contents(found=lost))], expects_nothing=False)
    assert (missed.outcome, missed.sentence) == ("missed", "public.a lost 1 of 10 rows")


ACROSS = "content compared between PostgreSQL 17 and"


@pytest.mark.parametrize(
    ("algorithm", "calibration", "server", "comparable", "said"),
    [
        (FAST, "c17", ServerSeen(17, "c17"), True, ""),
        (FAST, "c17", ServerSeen(18, "c17"), True, f"{ACROSS} 18: their fast hash functions give the same for 400 values"),
        (FAST, "c17", ServerSeen(18, "c18"), False, ""),
        (FAST, "c17", ServerSeen(17, "other"), False, ""),
        (FAST, "", ServerSeen(17, "c17"), True, ""),
        (FAST, "", ServerSeen(18, "c18"), False, ""),
        (FAST, "c17:t17", ServerSeen(18, "c17:t18"), False, ""),
        (STRONG, "c17:t17", ServerSeen(17, "c17:t18"), True, ""),
        (STRONG, "c17", ServerSeen(17, "c17:t17"), True, ""),
        (STRONG, "c17", ServerSeen(17, "c18:t17"), False, ""),
        (MD5, "", ServerSeen(17, "other"), True, ""),
        (STABLE, "c17", ServerSeen(17, "other"), True, ""),
        (STABLE, "c17", ServerSeen(18, "c18"), True, f"{ACROSS} 18: by the portable algorithm"),
        (STABLE, "", ServerSeen(18, "c18"), True, f"{ACROSS} 18: by the portable algorithm"),
    ],
)  # fmt: skip
def test_fingerprints_are_compared_where_both_servers_hash_alike(
    algorithm: Any, calibration: str, server: ServerSeen, comparable: bool, said: str
) -> None:
    """What the servers make of known values decides, of texts where these are hashed; an older manifest has only its version."""
    known = manifest(database(contents=Contents(algorithm)), calibration=calibration, server_version_num=179_999)
    why, listed = across_versions(known, server)

    assert (why == "") == comparable
    assert listed == ((NotChecked("versions", said),) if said else ())


def test_one_database_that_is_hashed_the_fast_way_makes_a_manifest_no_portable_one() -> None:
    """All of them must be portable."""
    both = {"shop": database(contents=Contents(STABLE)), "other": database(contents=Contents(FAST))}
    why, _ = across_versions(manifest(databases=both), ServerSeen(18, "c18"))
    assert why.startswith("needs a manifest of PostgreSQL 18 or a portable one")
