"""Writes drills/config/drill-toml.schema.json, the JSON Schema of drill.toml for editors: `python -m drills.config.schema`.

It follows from the tables, as an author writes them: durations, policies and rules are text, a key that may be left out has no
null. What one key demands of another only `drills run --dry-run` knows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from drills.config.file import BY_PROFILE
from drills.config.profiles import KINDS, PROFILES
from drills.config.target import DrillTable, Target

SCHEMA_FILE = Path(__file__).parent / "drill-toml.schema.json"
DIALECT = "http://json-schema.org/draft-04/schema#"  # the newest one that Taplo, the language server of editors, says it reads
DURATION = (
    r"^\s*([0-9]+(\.[0-9]+)?\s*"
    r"(milliseconds?|seconds?|minutes?|hours?|days?|weeks?|ms|[smhdwSMHDW])\s*)+$"
)


class _AsWritten(GenerateJsonSchema):
    """JSON Schema of what stands in the file, and not of what becomes of it."""

    def timedelta_schema(self, schema: core_schema.TimedeltaSchema) -> JsonSchemaValue:
        return {"type": "string", "pattern": DURATION}

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        return {"type": "string"}  # a policy, a rule, a choice of recovery points

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        return {"enum": list(schema["expected"])}

    def get_title_from_name(self, name: str) -> str:
        return name


def json_schema() -> dict[str, Any]:
    """Return the schema of the whole file."""
    definitions: dict[str, Any] = {}

    def table(model: type[Any]) -> dict[str, Any]:
        made = model.model_json_schema(schema_generator=_AsWritten, ref_template="#/definitions/{model}")
        definitions.update(made.pop("$defs", {}))
        definitions[model.__name__] = made
        return {"$ref": f"#/definitions/{model.__name__}"}

    drill, target = table(DrillTable), table(Target)
    definitions["Target"].pop("required")  # its instance is called as the target is, unless it says otherwise
    return {
        "$schema": DIALECT,
        "title": "drill.toml",
        "description": "What is drilled, on which AWS, and against which objectives: docs/configuration.md",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "drill": drill,
            **{name: table(model) for name, model in BY_PROFILE.items()},
            "profiles": {
                "type": "object",
                "properties": {kind: _profile(kind) for kind in KINDS},
                "additionalProperties": _profile(""),
            },
            "targets": {"type": "object", "additionalProperties": target},
        },
        "definitions": definitions,
    }


def _profile(name: str) -> dict[str, Any]:
    """Return what a profile may hold: that of the kind that it names or is called by, and tables of its own."""
    choices = []
    for kind in KINDS:
        own = PROFILES[kind].model_json_schema(schema_generator=_AsWritten)
        tables = {table: {"$ref": f"#/definitions/{model.__name__}"} for table, model in BY_PROFILE.items()}
        keys = {**own["properties"], **tables}
        needed = {} if kind == name else {"required": ["kind"]}
        choices.append({"type": "object", "properties": keys, "additionalProperties": False} | needed)
    return {"oneOf": choices}


def schema_text() -> str:
    """The schema as it stands in the file: indented, keys in order, ending in a newline."""
    return json.dumps(json_schema(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
