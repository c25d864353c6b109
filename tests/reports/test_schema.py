"""The JSON Schema of the run record."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from drills.model.record import RunRecord
from drills.record import from_json, to_json
from reports import schema
from tests.support.example_record import failing_drill, green_drill, interrupted_drill, running_drill

EXAMPLES = [green_drill(), failing_drill(), interrupted_drill(), running_drill()]


def stored() -> dict[str, Any]:
    """The schema in the repository."""
    loaded: dict[str, Any] = json.loads(schema.SCHEMA_FILE.read_text(encoding="utf-8"))
    return loaded


def test_stored_schema_is_the_records() -> None:
    """The file holds what the record's values are; `python -m reports.schema` makes it anew."""
    assert schema.SCHEMA_FILE.read_text(encoding="utf-8") == schema.schema_text()


@pytest.mark.parametrize("record", EXAMPLES)
def test_records_are_valid_and_come_back(record: RunRecord) -> None:
    """A record as it is written is valid against the schema, and reading it gives the same values."""
    text = to_json(record)
    jsonschema.Draft202012Validator(stored()).validate(json.loads(text))
    assert from_json(text) == record


@pytest.mark.parametrize(("field", "value"), [("run_id", 7), ("simulated", None), ("phases", [{"name": "x"}])])
def test_schema_refuses_what_is_no_record(field: str, value: object) -> None:
    """A field of the wrong kind is not valid."""
    raw = json.loads(to_json(green_drill())) | {field: value}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(stored()).validate(raw)
