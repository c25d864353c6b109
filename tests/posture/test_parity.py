"""The comparison of two configurations: what differs is named once, with what it leads to and what to type."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.model import ServiceModel
from hypothesis import given
from hypothesis import strategies as st

from drills.aws.databases.requests import ScratchGroups, cluster_request
from drills.config.load import Config, load
from drills.errors import ConfigError
from drills.model.engine import NOT_ENROLLED
from drills.model.parity import IDENTITY, NotVerified, compare, not_verified, rule_for, show_value, unused_allowances
from drills.model.point import RecoveryPoint
from drills.model.settings.clusters import CLUSTER_FAMILIES, CLUSTER_RULES, RESTORED, STATES
from drills.model.settings.rules import FAMILIES, SETTING_RULES, SettingRule
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


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        *(("instance", each) for each in (*SETTING_RULES, *(f"{family}.x" for family in FAMILIES))),
        *(("cluster", each) for each in (*CLUSTER_RULES, *(f"{family}.x" for family in CLUSTER_FAMILIES))),
    ],
)
def test_each_setting_has_a_consequence_and_a_remedy(kind: str, setting: str) -> None:
    """A finding says what it leads to and what to type or to do, whichever side has the value."""
    row = rule_for(setting, kind)

    assert row.consequence
    for before, now in (("a", "b"), (True, False), (False, True), (["a"], []), ([], ["a"]), (None, "b")):
        (finding,) = compare({setting: before}, {"kind": kind, setting: now}, {})
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
    ("setting", "typed"),
    [
        ("port", "modify-db-cluster --db-cluster-identifier books --apply-immediately --port 5433"),
        ("http_endpoint", "aws rds enable-http-endpoint --resource-arn ARN, or disable-http-endpoint"),
        (
            "promotion_tier",
            "modify-db-instance --db-instance-identifier books-1 --apply-immediately --promotion-tier 5433",
        ),
    ],
)
def test_a_remedy_for_a_cluster_changes_the_cluster_or_its_writer(setting: str, typed: str) -> None:
    """It names whichever of both has the setting."""
    (finding,) = compare({setting: 5433}, {"kind": "cluster", "instance_id": "books", "writer_id": "books-1"}, {})

    assert finding.message.endswith(typed)


@functools.cache
def rds_model() -> ServiceModel:
    """botocore's model of RDS, which takes seconds to read."""
    return botocore.session.get_session().get_service_model("rds")


@functools.cache
def members_of(operation: str) -> set[str]:
    """The members of a request, by botocore's model, as the AWS CLI calls its options."""
    shape = rds_model().operation_model(operation).input_shape
    assert shape is not None
    return {xform_name(member, "-") for member in shape.members}


@pytest.mark.parametrize("rules", [SETTING_RULES, CLUSTER_RULES], ids=["instance", "cluster"])
def test_each_option_is_one_of_the_command(rules: Mapping[str, SettingRule]) -> None:
    """What a remedy tells to type is a parameter of ModifyDBInstance or ModifyDBCluster, by botocore's model of RDS."""
    for name, row in rules.items():
        if row.option:
            option = row.option.split()[0].removeprefix("--")
            assert option in members_of("ModifyDBCluster" if row.of == "cluster" else "ModifyDBInstance"), name


def test_what_a_restore_gives_is_said_of_each_setting_of_a_cluster() -> None:
    """By a parameter that the operation has, or by a sentence with its source; "unknown" stands where AWS says nothing."""
    families = {name for name in CLUSTER_FAMILIES if name not in ("server", "replication_slot")}
    assert RESTORED.keys() == (CLUSTER_RULES.keys() | families) - STATES
    for name, row in RESTORED.items():
        rule, asked = (
            rule_for(name if name in CLUSTER_RULES else f"{name}.x", "cluster"),
            xform_name(row.parameter, "-"),
        )
        assert row.parameter or row.source, name
        if row.parameter and (rule.of == "writer" or name.startswith("writer_")):
            assert asked in members_of("CreateDBInstance"), name
        elif row.parameter:
            assert asked in members_of("RestoreDBClusterFromSnapshot") & members_of("RestoreDBClusterToPointInTime"), (
                name
            )


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


def rows_of(heading: str) -> list[str]:
    """The rows of the table of settings under a heading of docs/parity.md."""
    text = (CHECKOUT / "docs" / "parity.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| `")]


def test_the_document_holds_the_table_of_settings() -> None:
    """docs/parity.md names each setting with its severity and what a difference leads to, and no other."""
    rows = {**SETTING_RULES, **{f"{family}.NAME": row for family, row in FAMILIES.items()}}

    assert rows_of("The settings") == [
        f"| `{name}` | {row.severity} | {row.consequence} |" for name, row in rows.items()
    ]


def row_of_a_cluster(name: str) -> str:
    """A row of the table of clusters: whose it is, what a difference leads to, what a restore gives, and what says so."""
    rule, restored = CLUSTER_RULES.get(name) or CLUSTER_FAMILIES[name], RESTORED.get(name)
    shown = f"`{name}`" if name in CLUSTER_RULES else f"`{name}.NAME`"
    of = "writer" if name.startswith("writer_") else "cluster" if name in CLUSTER_FAMILIES else rule.of
    if restored is None:
        return f"| {shown} | {of} | {rule.severity} | {rule.consequence} | a state | |"
    after = restored.snapshot if restored.snapshot == restored.moment else f"{restored.snapshot} / {restored.moment}"
    says = "; ".join(each for each in (restored.parameter and f"`{restored.parameter}`", restored.source) if each)
    return f"| {shown} | {of} | {rule.severity} | {rule.consequence} | {after} | {says} |"


def test_the_document_holds_the_table_of_the_settings_of_clusters() -> None:
    """docs/parity.md names each setting of a cluster, what a restore gives, and which parameter or page of AWS's says so."""
    families = [name for name in CLUSTER_FAMILIES if name not in ("server", "replication_slot")]

    assert rows_of("The settings of clusters") == [row_of_a_cluster(name) for name in (*CLUSTER_RULES, *families)]


def test_the_document_names_what_a_drill_asks_for() -> None:
    """docs/parity.md names each parameter of a drill's own restore that gives a setting."""
    point = RecoveryPoint(
        arn="arn:aws:rds:eu-central-1:1:cluster-snapshot:one", kind="manual", snapshot_id="one", vault=None, status="available",
        instance_id="books", dbi_resource_id="cluster-B", created_at=None, completed_at=None, data_time=None, data_time_source="",
    )  # fmt: skip
    asked = cluster_request("copy", ScratchGroups("shared", "inner", "sg-1"), point, NOT_ENROLLED, (1, 2), [])
    section = (
        (CHECKOUT / "docs" / "parity.md")
        .read_text(encoding="utf-8")
        .partition("The copy of a drill")[2]
        .partition("| set")[0]
    )
    giving = {row.parameter for row in RESTORED.values()}

    assert {name for name in asked.parameters if name in giving} == set(re.findall("`(\\w+)`", section))
