"""Writes reports/drill.schema.json, the JSON Schema of the run record: `python -m reports.schema`."""

from __future__ import annotations

import json
from pathlib import Path

from drills.record import json_schema

SCHEMA_FILE = Path(__file__).parent / "drill.schema.json"


def schema_text() -> str:
    """The schema as it stands in the file: indented, keys in order, ending in a newline."""
    return json.dumps(json_schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
