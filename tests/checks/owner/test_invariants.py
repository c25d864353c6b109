"""What the owner says is always true: rows that break it are counted, and a file that says nothing is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from drills.checks.owner import invariants
from drills.checks.owner.invariants import Invariant, load
from drills.errors import ConfigError
from tests.support.checked import Checked, checked
from tests.support.cluster import module_state

__all__ = ["checked", "module_state"]
LINES = """-- Every order has lines.
select id from orders as o where not exists (select from order_line as l where l.order_id = o.id);
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a sentence"),
        ("select 1", "expected a sentence"),
        ("-- It is so.\n-- database: x\n", "expected a query"),
        ("-- It is so.\nselect 1 where false; select ';';\n", "expected one query, found 2 statements"),
        ("-- It is so.\ndelete from a\n", "expected a query .select, with, values or table., found delete"),
    ],
)
def test_a_file_that_says_nothing_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    """It names the file."""
    (tmp_path / "rule.sql").write_text(text)
    with pytest.raises(ConfigError, match=message) as raised:
        load(tmp_path)
    assert "rule.sql" in str(raised.value)


def test_a_folder_without_rules_is_refused(tmp_path: Path) -> None:
    """Nothing would be evaluated."""
    with pytest.raises(ConfigError, match="found none in"):
        load(tmp_path)


@pytest.mark.postgres
def test_rows_that_break_a_rule_are_counted(checked: Checked, tmp_path: Path) -> None:
    """With the sentence and the query; one that cannot be asked is not verified; a rule can change nothing."""
    (tmp_path / "lines.sql").write_text(LINES)
    rules = (
        *load(tmp_path),
        Invariant("unknown", "It is there.", "select * from nowhere"),
        Invariant(
            "writes", "Nothing is written.", "with gone as (delete from shop.payment returning 1) select * from gone"
        ),
    )
    with checked.copy() as copy:
        checked.harm(copy, f"alter database {copy} set search_path = shop")
        with checked.snapshot(copy) as connection:
            honest = invariants.evaluate(connection, rules)
        checked.harm(copy, "delete from shop.order_line where order_id = 77")
        with checked.snapshot(copy) as connection:
            (finding,) = invariants.evaluate(connection, rules).findings

    assert (honest.compared, honest.findings) == (1, ())
    assert [left.what for left in honest.unverified] == ["invariant unknown", "invariant writes"]
    assert (finding.object, finding.expected, finding.found) == ("invariant lines", "Every order has lines.", "1 row")
    assert finding.message == "Every order has lines. 1 row breaks that"
