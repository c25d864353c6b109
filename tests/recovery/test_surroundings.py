"""Who else would act on a copy: the tags that it has from its source, and the backup plans that mean it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from drills.aws import plans
from drills.aws.databases.requests import ScratchGroups
from drills.errors import Refused
from drills.recovery import surroundings
from tests.support.guarded import live, source

GROUPS = ScratchGroups("parameters", "subnets", "sg-1", {"drills:run": "run-1"})
tags = st.dictionaries(st.sampled_from(["team", "env", "drills:run", "aws:x"]), st.sampled_from(["a", "b"]))


class Backup:
    """Clients whose plans have these selections, or may not be read."""

    region, account = "eu-central-1", "123456789012"

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *selections: dict[str, Any], denied: bool = False) -> None:
        def pages(_: Any, operation: str, *__: Any, **___: Any) -> list[dict[str, Any]]:
            if denied:
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)
            rows = [{"SelectionId": str(number)} for number in range(len(selections))]
            return [{"BackupPlanId": "p", "BackupPlanName": "nightly"}] if operation == "list_backup_plans" else rows

        monkeypatch.setattr(plans, "pages", pages)
        self.backup = self
        self._selections = selections

    def get_backup_selection(self, SelectionId: str, **_: Any) -> dict[str, Any]:
        """As AWS Backup answers."""
        return {"BackupSelection": {"SelectionName": f"s{SelectionId}", **self._selections[int(SelectionId)]}}


BY_TAG = {"ListOfTags": [{"ConditionType": "STRINGEQUALS", "ConditionKey": "backup", "ConditionValue": "daily"}]}
UNLESS = {"Conditions": {"StringNotEquals": [{"ConditionKey": "aws:ResourceTag/backup", "ConditionValue": "no"}]}}


@given(tags, tags, tags)
def test_a_tag_is_inherited_where_nobody_else_can_have_set_it(
    copy: dict[str, str], source: dict[str, str], given_: dict[str, str]
) -> None:
    """What the copy shares with its source, without what the run gave it and what AWS sets."""
    found = surroundings.inherited_tags(copy, source, given_)

    assert set(found) == {key for key in copy if source.get(key) == copy[key] and key not in given_ and key != "aws:x"}


@pytest.mark.parametrize(
    ("selection", "copy_tags", "by"),
    [
        (BY_TAG, {"backup": "daily"}, ["tag"]),
        (BY_TAG, {"backup": "no"}, []),
        (UNLESS, {}, ["tag"]),
        (UNLESS, {"backup": "no"}, []),
        ({"Resources": ["arn:aws:rds:*:*:db:drill-*"]}, {}, ["ARN"]),
        ({"Resources": ["*"]}, {}, ["everything"]),
        ({"Resources": ["*"], "NotResources": ["arn:aws:rds:*:*:db:drill-*"]}, {}, []),
    ],
)
def test_the_plans_that_mean_a_copy_are_found(
    monkeypatch: pytest.MonkeyPatch, selection: dict[str, Any], copy_tags: dict[str, str], by: list[str]
) -> None:
    """By the conditions of their selections, with what the copy has."""
    clients: Any = Backup(monkeypatch, selection)
    copy = source(id="drill-1", arn="arn:aws:rds:eu-central-1:123456789012:db:drill-1", tags=tuple(copy_tags.items()))

    around = surroundings.read(clients, copy, source(), GROUPS)

    assert [(each.plan, each.selection, each.by) for each in around.selected] == [
        ("nightly", "s0", each) for each in by
    ]
    assert (around.security_group, around.subnet_group, around.unread) == ("sg-1", "subnets", "")


def test_plans_that_may_not_be_read_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """And without a source there is nothing to have inherited from, which is another thing than nothing inherited."""
    clients: Any = Backup(monkeypatch, denied=True)

    around = surroundings.read(clients, source(id="drill-1"), None, GROUPS)

    assert (around.inherited, around.selected) == (None, ())
    assert around.unread.startswith("the backup plans could not be read: An error occurred (AccessDenied)")


@pytest.mark.parametrize(
    ("selections", "given_"),
    [(({"Resources": ["*"]},), {}), ((BY_TAG,), {"backup": "no"}), ((), {}), (None, {"backup": "daily"})],
    ids=["everything", "another value", "no plan", "denied"],
)
def test_tags_that_no_plan_selects_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, selections: Any, given_: dict[str, str]
) -> None:
    """What means everything, or may not be read, is left to the check of the copy."""
    clients: Any = Backup(monkeypatch, *(selections or ()), denied=selections is None)
    surroundings.check_tags(live(tmp_path), clients, given_)


def test_tags_that_a_plan_selects_are_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On AWS alone: a sandbox has the plans that a run made there itself."""
    clients: Any = Backup(monkeypatch, BY_TAG)
    with pytest.raises(Refused, match=r"selection s0 of nightly means it by its tag: correct targets\.orders\.tags"):
        surroundings.check_tags(live(tmp_path), clients, {"backup": "daily"})
    surroundings.check_tags(live(tmp_path, "", profile="sandbox"), clients, {"backup": "daily"})
