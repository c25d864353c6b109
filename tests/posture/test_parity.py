"""The comparison of two configurations: what differs is named once, with what it leads to and what to type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.config.load import Config, load
from drills.errors import ConfigError
from drills.model.parity import (
    FAMILIES,
    IDENTITY,
    SETTING_RULES,
    NotVerified,
    compare,
    not_verified,
    rule_for,
    show_value,
    unused_allowances,
)
from tests.support.paths import CHECKOUT

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(0, 90), st.text("abc-", max_size=6), st.lists(st.text("abc", max_size=3))
)
SETTINGS = st.dictionaries(st.sampled_from([*SETTING_RULES, "parameter.work_mem", "tag.backup", "odd"]), VALUES)


@given(SETTINGS)
def test_a_configuration_does_not_differ_from_itself(settings: dict[str, object]) -> None:
    """An exact copy gives no finding, whatever is set."""
    assert compare(settings, dict(settings), {}) == ()


@given(SETTINGS, st.sampled_from([*SETTING_RULES, "parameter.work_mem", "tag.backup", "odd"]), VALUES, VALUES)
def test_one_change_is_one_finding(settings: dict[str, object], name: str, before: object, now: object) -> None:
    """Exactly the setting that was changed is named, with both values; nothing at all where both mean the same."""
    found = compare(settings | {name: before}, settings | {name: now}, {})

    if show_value(before) == show_value(now) == "not there" or (before == now and type(before) is type(now)):
        assert found == ()
    else:
        assert [(each.object, each.expected, each.found) for each in found] == [
            (name, show_value(before), show_value(now))
        ]


@given(SETTINGS, SETTINGS)
def test_a_difference_is_one_from_either_side(left: dict[str, object], right: dict[str, object]) -> None:
    """What differs does not depend on which side is called the left one."""
    one, other = compare(left, right, {}), compare(right, left, {})

    assert {each.object for each in one} == {each.object for each in other}
    assert [each.severity for each in one] == sorted(
        (each.severity for each in one), key=["error", "warning", "information"].index
    )


@pytest.mark.parametrize("setting", [*SETTING_RULES, *(f"{family}.x" for family in FAMILIES)])
def test_each_setting_has_a_consequence_and_a_remedy(setting: str) -> None:
    """A finding says what it leads to and what to type or to do, whichever side has the value."""
    row = rule_for(setting)

    assert row.consequence
    for before, now in (("a", "b"), (True, False), (False, True), (["a"], []), ([], ["a"]), (None, "b")):
        (finding,) = compare({setting: before}, {setting: now}, {})
        consequence, _, remedy = finding.message.partition(": ")
        assert consequence == row.consequence
        assert remedy
        assert "{" not in remedy.replace("'{", "")


@pytest.mark.parametrize(
    ("setting", "before", "now", "typed"),
    [
        ("multi_az", True, False, "--multi-az"),
        ("deletion_protection", False, True, "--no-deletion-protection"),
        ("backup_retention_days", 7, 0, "--backup-retention-period 7"),
        ("security_groups", ["sg-1", "sg-2"], ["sg-3"], "--vpc-security-group-ids sg-1 sg-2"),
        (
            "log_exports",
            ["postgresql"],
            ["upgrade"],
            """--cloudwatch-logs-export-configuration '{"EnableLogTypes": ["postgresql"], "DisableLogTypes": ["upgrade"]}'""",
        ),
    ],
)
def test_a_remedy_is_the_command_that_mends_it(setting: str, before: object, now: object, typed: str) -> None:
    """It names the instance on the right and the value of the left."""
    (finding,) = compare({setting: before}, {"instance_id": "orders", setting: now}, {})

    command = "aws rds modify-db-instance --db-instance-identifier orders --apply-immediately"
    assert finding.message.endswith(f"{command} {typed}")


@pytest.mark.parametrize(
    ("before", "now", "typed"),
    [
        ("it's", None, """--tags Key=team,Value='it'"'"'s'"""),
        (None, "orders", "--tag-keys team"),
    ],
)
def test_a_tag_is_put_back_or_taken_away(before: str | None, now: str | None, typed: str) -> None:
    """As it was on the left, quoted for a shell."""
    (finding,) = compare({"tag.team": before}, {"tag.team": now}, {})

    assert finding.message.endswith(typed)


def test_what_tells_two_instances_apart_is_no_difference() -> None:
    """A restored instance has a name, a resource id and an ARN of its own."""
    assert compare(dict.fromkeys(IDENTITY, "old"), dict.fromkeys(IDENTITY, "new"), {}) == ()


@pytest.mark.parametrize("allowed", ["multi_az", "tag.*"])
def test_an_allowed_difference_is_information_with_its_reason(allowed: str) -> None:
    """It is shown, by name or by family, and is no fault; other differences stay what they are."""
    left, right = {"multi_az": True, "tag.team": "a", "port": 1}, {"multi_az": False, "tag.team": "b", "port": 2}
    found = {each.object: each for each in compare(left, right, {allowed: "a small copy"})}
    (name,) = [name for name, each in found.items() if each.severity == "information"]

    assert found[name].message == "allowed: a small copy"
    assert name == {"multi_az": "multi_az", "tag.*": "tag.team"}[allowed]
    assert found["port"].severity == "error"


def test_an_allowance_that_nothing_needs_is_named() -> None:
    """It would hide the next difference."""
    assert unused_allowances({"port": 1}, {"port": 2}, {"port": "x", "iops": "y"}) == ("iops",)


@pytest.mark.parametrize("left", [True, False])
def test_what_one_side_could_not_read_is_not_compared(left: bool) -> None:
    """It is "not verified" with its reason, a whole family too, and never a difference or a pass."""
    unread: dict[str, Any] = {"proxies": NotVerified("denied"), "parameter": NotVerified("not here")}
    read: dict[str, Any] = {"proxies": ["one"], "parameter.work_mem": "4MB"}
    sides = (unread, read) if left else (read, unread)

    assert compare(*sides, {}) == ()
    assert [(each.what, each.reason) for each in not_verified(*sides)] == [
        ("parameter", "not here"),
        ("proxies", "denied"),
    ]


def test_only_settings_that_exist_can_be_allowed(tmp_path: Path) -> None:
    """drill.toml names a setting or a family and a reason; a slip is one sentence with what there is."""

    def config(text: str) -> Config:
        path = tmp_path / "drill.toml"
        path.write_text(f"[targets.orders.parity]\nallowed = {{ {text} }}\n")
        return load(path, profile=None, target=None, environment={})

    assert dict(config('multi_az = "small", "tag.*" = "own tags"').target.parity.allowed) == {
        "multi_az": "small",
        "tag.*": "own tags",
    }
    for text, said in (('multiaz = "x"', "multi_az"), ('multi_az = " "', "reason"), ('"tag." = "x"', "tag")):
        with pytest.raises(ConfigError, match=said):
            config(text)


def test_the_document_holds_the_table_of_settings() -> None:
    """docs/parity.md names each setting with its severity and what a difference leads to, and no other."""
    text = (CHECKOUT / "docs" / "parity.md").read_text(encoding="utf-8")
    rows = {**SETTING_RULES, **{f"{family}.NAME": row for family, row in FAMILIES.items()}}

    assert [line for line in text.splitlines() if line.startswith("| `")] == [
        f"| `{name}` | {row.severity} | {row.consequence} |" for name, row in rows.items()
    ]
