"""A copy in another encoding has the same characters in other bytes: no row of it is called lost or changed."""

from __future__ import annotations

import pytest

from drills.checks.content.check import Contents, TableContent
from drills.checks.content.encodings import Comparable, Encodings, comparable, settle
from drills.checks.content.fingerprint import FAST, STABLE, Algorithm, conversion
from drills.checks.content.members import settle as settle_members
from drills.model.policy import TablePolicy

ONE = TableContent(3, "a" * 32)
OTHER = TableContent(3, "b" * 32)
FEWER = TableContent(2, "b" * 32)
SKIP = {"s.t": TablePolicy("skip", reason="so wanted")}


def left(how: Comparable, before: TableContent, after: TableContent, ordered: frozenset[str] = frozenset()) -> str:
    """Why the one table cannot be compared, "" where it can."""
    one, two = Contents(STABLE, {"s.t": before}), Contents(STABLE, {"s.t": after})
    expected, found, outcome = settle(one, two, {}, Encodings("LATIN1", "UTF8", how, ordered))
    assert expected.tables.keys() == found.tables.keys()
    assert ("s.t" in expected.tables) is not bool(outcome.unverified)
    return outcome.unverified[0].reason if outcome.unverified else ""


@pytest.mark.parametrize(
    ("algorithm", "stored", "source", "copy", "how"),
    [
        (FAST, "UTF8", "UTF8", "UTF8", "whole"),
        (FAST, "LATIN1", "LATIN1", "UTF8", "by count"),
        (STABLE, "LATIN1", "LATIN1", "UTF8", "as text"),
        (STABLE, "UTF8", "UTF8", "EUC_JP", "as text"),
        (STABLE, "", "LATIN1", "UTF8", "by count"),
        (STABLE, "", "", "UTF8", "whole"),
        (FAST, "SQL_ASCII", "SQL_ASCII", "UTF8", "as bytes"),
        (STABLE, "LATIN1", "LATIN1", "SQL_ASCII", "as bytes"),
    ],
)
def test_what_two_encodings_allow(algorithm: Algorithm, stored: str, source: str, copy: str, how: Comparable) -> None:
    """The portable algorithm compares characters, the fast one bytes; `stored` is what the manifest says."""
    assert comparable(Contents(algorithm, encoding=stored), source, copy) == how


@pytest.mark.parametrize(
    ("algorithm", "server", "source", "to"),
    [
        (STABLE, "LATIN1", None, "UTF8"),
        (STABLE, "UTF8", None, ""),
        (STABLE, "LATIN1", "UTF8", "UTF8"),
        (STABLE, "LATIN1", "LATIN1", "UTF8"),
        (STABLE, "LATIN1", "", ""),
        (STABLE, "SQL_ASCII", None, ""),
        (STABLE, "LATIN1", "SQL_ASCII", ""),
        (FAST, "LATIN1", None, ""),
    ],
)
def test_the_portable_algorithm_hashes_utf8(algorithm: Algorithm, server: str, source: str | None, to: str) -> None:
    """Whatever a database's encoding is; what an older manifest hashed is hashed as it was."""
    assert conversion(algorithm, server, source) == to


def test_rows_that_differ_as_text_are_a_difference() -> None:
    """The characters are compared, so that other ones are a finding, but for types that are ordered by their bytes."""
    assert left("as text", ONE, OTHER) == ""
    assert "jsonb" in left("as text", ONE, OTHER, frozenset({"s.t"}))
    assert left("as text", ONE, ONE, frozenset({"s.t"})) == ""


def test_equal_bytes_in_two_encodings_are_other_characters() -> None:
    """Where bytes alone were hashed nothing can be said, whether they are equal or not."""
    for after in (ONE, OTHER):
        assert "drills manifest --portable" in left("by count", ONE, after)


def test_bytes_without_an_encoding_can_only_be_equal() -> None:
    """SQL_ASCII says nothing of characters: equal bytes are equal, others may be the same text."""
    assert left("as bytes", ONE, ONE) == ""
    assert "does not say which characters" in left("as bytes", ONE, OTHER)


@pytest.mark.parametrize("how", ["as text", "as bytes", "by count"])
def test_a_lost_row_is_found_in_any_encoding(how: Comparable) -> None:
    """Rows are counted whatever they hold."""
    assert left(how, ONE, FEWER) == ""


def test_what_a_policy_skips_is_not_listed_again() -> None:
    """It is listed with the owner's reason."""
    contents = Contents(FAST, {"s.t": ONE})
    settled = settle_members(contents, contents, SKIP)
    *_, outcome = settle(settled.expected, settled.found, SKIP, Encodings("LATIN1", "UTF8", "by count"))
    assert outcome.not_checked == ()
