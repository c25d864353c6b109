"""The base class of the tables of drill.toml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from drills.config.values import unknown_key


class Table(BaseModel):
    """A table of drill.toml: knows its keys, refuses others, and cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @classmethod
    def known_keys(cls) -> tuple[str, ...]:
        """Return the keys that the table may have, as the file spells them."""
        return tuple(field.alias or name for name, field in cls.model_fields.items())

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, raw: Any) -> Any:
        for key in raw if isinstance(raw, Mapping) else ():
            if key not in cls.known_keys():
                raise unknown_key(str(key), cls.known_keys())
        return raw
