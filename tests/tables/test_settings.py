"""The settings of tables: each one changed alone is found, an error where a restore brings it back, else a thing to do."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from drills.model.finding import NotChecked
from drills.tables import settings

KEYS = [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}]
TURNED = [{"AttributeName": "id", "KeyType": "RANGE"}, {"AttributeName": "at", "KeyType": "HASH"}]
TABLE: dict[str, Any] = {
    "TableName": "orders",
    "KeySchema": KEYS,
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "at", "AttributeType": "N"},
        {"AttributeName": "who", "AttributeType": "S"},
    ],
    "ProvisionedThroughput": {"ReadCapacityUnits": 10, "WriteCapacityUnits": 5},
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-who",
            "KeySchema": [{"AttributeName": "who", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["total"]},
            "ProvisionedThroughput": {"ReadCapacityUnits": 2, "WriteCapacityUnits": 2},
        }
    ],
    "LocalSecondaryIndexes": [
        {
            "IndexName": "by-total",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "who", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    "SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": "arn:aws:kms:r:1:key/a"},
    "DeletionProtectionEnabled": True,
    "TableClassSummary": {"TableClass": "STANDARD_INFREQUENT_ACCESS"},
}
SEEN: dict[str, Any] = {
    "table": TABLE,
    "tags": [{"Key": "team", "Value": "sales"}, {"Key": "aws:cloudformation:stack-name", "Value": "s"}],
    "expiry": {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"},
    "backups": {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED"}},
}
Change = Callable[[dict[str, Any]], Any]


def read(seen: dict[str, Any]) -> dict[str, str]:
    """The settings from the four answers about a table."""
    return settings.of_table(seen["table"], seen["tags"], seen["expiry"], seen["backups"])


CHANGES: dict[str, tuple[str, str, Change]] = {
    "sort key": ("key_schema", "error", lambda seen: seen["table"].update(KeySchema=TURNED)),
    "key type": ("key_types", "error", lambda seen: seen["table"]["AttributeDefinitions"][1].update(AttributeType="S")),
    "index gone": ("index.by-who", "error", lambda seen: seen["table"].update(GlobalSecondaryIndexes=[])),
    "index key": (
        "index.by-who",
        "error",
        lambda seen: seen["table"]["GlobalSecondaryIndexes"][0]["KeySchema"][0].update(AttributeName="at"),
    ),
    "index projection": (
        "index.by-who",
        "error",
        lambda seen: seen["table"]["GlobalSecondaryIndexes"][0]["Projection"].update(NonKeyAttributes=["id"]),
    ),
    "index capacity": (
        "index.by-who",
        "error",
        lambda seen: seen["table"]["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"].update(ReadCapacityUnits=1),
    ),
    "local index": (
        "index.by-total",
        "error",
        lambda seen: seen["table"]["LocalSecondaryIndexes"][0]["Projection"].update(ProjectionType="ALL"),
    ),
    "reads": (
        "read_capacity",
        "error",
        lambda seen: seen["table"]["ProvisionedThroughput"].update(ReadCapacityUnits=1),
    ),
    "writes": (
        "write_capacity",
        "error",
        lambda seen: seen["table"]["ProvisionedThroughput"].update(WriteCapacityUnits=1),
    ),
    "key of encryption": (
        "kms_key",
        "error",
        lambda seen: seen["table"]["SSEDescription"].update(KMSMasterKeyArn="arn:aws:kms:r:1:key/b"),
    ),
    "stream": ("stream", "warning", lambda seen: seen["table"].pop("StreamSpecification")),
    "stream view": (
        "stream",
        "warning",
        lambda seen: seen["table"]["StreamSpecification"].update(StreamViewType="KEYS_ONLY"),
    ),
    "expiry": ("time_to_live", "warning", lambda seen: seen["expiry"].update(TimeToLiveStatus="DISABLED")),
    "expiry attribute": ("time_to_live", "warning", lambda seen: seen["expiry"].update(AttributeName="until")),
    "tag": ("tag.team", "warning", lambda seen: seen["tags"].pop(0)),
    "tag value": ("tag.team", "warning", lambda seen: seen["tags"][0].update(Value="other")),
    "moments": (
        "point_in_time_recovery",
        "warning",
        lambda seen: seen["backups"]["PointInTimeRecoveryDescription"].update(PointInTimeRecoveryStatus="DISABLED"),
    ),
    "protection": (
        "deletion_protection",
        "warning",
        lambda seen: seen["table"].update(DeletionProtectionEnabled=False),
    ),
    "class": ("table_class", "warning", lambda seen: seen["table"].pop("TableClassSummary")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_setting_that_is_changed_alone_is_found_alone(name: str) -> None:
    """One finding, of that setting, and missed only where a restore brings the setting back."""
    changed = copy.deepcopy(SEEN)
    setting, severity, change = CHANGES[name]
    change(changed)
    result = settings.compare(read(SEEN), read(changed))
    assert [(each.object, each.severity) for each in result.findings] == [(setting, severity)]
    assert result.outcome == ("missed" if severity == "error" else "met")
    assert setting in result.sentence


def test_each_setting_is_changed_by_a_test() -> None:
    """A setting without a change of its own here would be one that nobody has seen found."""
    families = {setting.split(".")[0] for setting, _, _ in CHANGES.values()}
    assert families | {"billing_mode", "encryption"} == set(settings.RESTORED) | set(settings.BY_HAND)


@pytest.mark.parametrize(
    ("name", "lost", "gained"),
    [
        ("index gone", "queries on the index fail", "it is charged for, and the source has no such index"),
        ("stream", "what reads the stream sees no change", "changes of the copy are streamed"),
        ("expiry", "nothing expires", "items of the copy expire and are deleted"),
        ("tag", "leaves the table out", "takes the table in"),
        ("moments", "there is no moment to go back to", "the copy can go back to moments"),
        ("protection", "anybody with the right can delete it", "nobody can delete the copy"),
    ],
)
def test_what_follows_is_said_of_the_side_that_has_the_setting(name: str, lost: str, gained: str) -> None:
    """A copy that expires items where the source does not is not said to expire nothing, and so with each that can be off."""
    without = copy.deepcopy(SEEN)
    CHANGES[name][2](without)
    [one] = settings.compare(read(SEEN), read(without)).findings
    [other] = settings.compare(read(without), read(SEEN)).findings
    assert lost in one.message
    assert gained in other.message
    assert lost not in other.message


def test_a_tag_whose_value_is_off_is_a_tag() -> None:
    """Of it another value is said, and not that there is none."""
    [one] = settings.compare({"tag.state": "off"}, {"tag.state": "on"}).findings
    assert one.message.endswith("what goes by the tag takes the table for another one, its own backups too")


def test_another_billing_mode_and_another_kind_of_encryption_are_found() -> None:
    """On demand has no capacity to compare, and a key of DynamoDB no key of KMS: both are named beside."""
    on_demand = copy.deepcopy(SEEN)
    on_demand["table"]["BillingModeSummary"] = {"BillingMode": "PAY_PER_REQUEST"}
    found = {each.object for each in settings.compare(read(SEEN), read(on_demand)).findings}
    assert found == {"billing_mode", "read_capacity", "write_capacity", "index.by-who"}
    by_default = copy.deepcopy(SEEN)
    del by_default["table"]["SSEDescription"]
    found = {each.object for each in settings.compare(read(SEEN), read(by_default)).findings}
    assert found == {"encryption", "kms_key"}


def test_an_honest_copy_has_no_finding_and_its_own_tags_are_no_difference() -> None:
    """Tags of AWS and of the drill belong to the copy alone and are not compared."""
    same = copy.deepcopy(SEEN)
    same["tags"] = [each for each in same["tags"] if each["Key"] == "team"] + [{"Key": "drills:run", "Value": "x"}]
    result = settings.compare(read(SEEN), read(same))
    assert (result.outcome, result.findings) == ("met", ())
    assert result.compared == len(read(SEEN))


def test_what_could_not_be_read_is_not_compared_and_not_met() -> None:
    """A setting that was refused is no difference, and the check is not verified."""
    unread = settings.of_table(TABLE, (), None, SEEN["backups"])
    told = [NotChecked("tag", "refused"), NotChecked("time_to_live", "refused")]
    result = settings.compare(read(SEEN), unread, told)
    assert (result.outcome, result.findings, result.unverified) == ("not verified", (), 2)
