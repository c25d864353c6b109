"""Manifests of tables as text: read back whole, and refused with a sentence where they are none."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from drills.errors import ConfigError
from drills.tables.fingerprint import Sums
from drills.tables.manifest import TableManifest, from_json, to_json

AT = datetime(2026, 11, 23, 14, 15, tzinfo=UTC)


def taken() -> TableManifest:
    """A manifest of a table with three items."""
    sums = Sums(("id",))
    sums.add([{"id": {"S": text}, "secret": {"S": "hunter2"}} for text in "abc"])
    settings = {"key_schema": "id HASH", "billing_mode": "PAY_PER_REQUEST"}
    return TableManifest("orders", "id-1", AT, AT, True, settings, ("tag",), sums.fingerprint())


def test_a_manifest_is_read_as_it_was_written_and_holds_no_value() -> None:
    """Nothing is lost, and no attribute's value stands in the text."""
    text = to_json(taken())
    assert from_json(text, "orders.json") == taken()
    assert "hunter2" not in text
    assert json.loads(text)["count"] == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "database"}, "the kind 'database'"),
        ({"schema_version": 9}, "use a newer one"),
        ({"algorithm": "item/md5/0"}, "take it anew"),
        ({"count": 4}, "256 buckets with 4 items"),
        ({"buckets": []}, "256 buckets"),
        ({"buckets": [["x", "y"]]}, "ValueError"),
        ({"began_at": "2026-11-23T14:15:00"}, "offset"),
        ({"settings": []}, "AttributeError"),
    ],
)
def test_what_is_no_manifest_is_refused_in_one_sentence(change: dict[str, object], told: str) -> None:
    """Whatever was edited, the error names the file and says what it holds."""
    with pytest.raises(ConfigError, match=r"orders\.json") as refused:
        from_json(json.dumps(json.loads(to_json(taken())) | change), "orders.json")
    assert told in str(refused.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", "no JSON", "null"])
def test_another_file_is_refused(text: str) -> None:
    """An empty file, a list or a text is no manifest."""
    with pytest.raises(ConfigError, match="no manifest of a table"):
        from_json(text, "orders.json")
