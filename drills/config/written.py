"""Writes what of a target judges a copy as drill.toml has it, and reads it again: an auditor judges by the same configuration.

What names files of the machine, or how a copy is reached, judges nothing and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from drills.config.file import validate_table
from drills.config.table import Table
from drills.config.target import Target
from drills.durations import write_duration

# of a target, by the name of the field
JUDGING = (
    *(
        "instance",
        "table",
        "volume",
        "file_system",
        "bucket",
        "items",
        "objects",
        "cluster",
        "engine",
        "vault",
        "copy_vault",
        "databases",
        "rto",
        "rpo",
        "rto_clock",
        "allowances",
        "disaster",
    ),
    *("sample", "loss_tolerance", "expects", "restore", "tables", "posture", "scenarios", "acknowledged", "blocking"),
    *("checks", "tier", "content_budget", "trust_code", "manifests"),
)
_LEFT_OUT = frozenset({"external_id", "ca_bundle", "public_key"})


def write_target(target: Target) -> dict[str, Any]:
    """Return the keys of a target that judge, as JSON can hold them; `read_target` gives an equal target of them. Pure."""
    fields = Target.model_fields
    return {
        fields[name].alias or name: _written(value)
        for name in JUDGING
        if (value := getattr(target, name)) is not None and name in target.model_fields_set | {"instance"}
    }


def read_target(raw: Mapping[str, Any]) -> Target:
    """Return the target that `write_target` wrote. Raises ConfigError."""
    known = dict(raw)
    if entries := known.get("acknowledged"):
        known["acknowledged"] = [{**each, "until": date.fromisoformat(each["until"])} for each in entries]
    return validate_table(Target, known, Path(), "", "target")


def _written(value: Any) -> Any:
    if isinstance(value, Table):
        return {
            field.alias or name: _written(each)
            for name, field in type(value).model_fields.items()
            if (each := getattr(value, name)) is not None and name in value.model_fields_set - _LEFT_OUT
        }
    if isinstance(value, Mapping):
        return {str(name): _written(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_written(each) for each in value]
    if isinstance(value, timedelta):
        return write_duration(value)
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, bool | int | float | str) else str(value)
