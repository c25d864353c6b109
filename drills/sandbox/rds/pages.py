"""Answers by pages: MaxRecords and Marker as RDS has them (moto's own paging fails with RDS's answers)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from moto.core.utils import get_pagination_model, get_value, set_value
from moto.rds.exceptions import InvalidParameterValue

_LEAST, _MOST = 20, 100  # "Default: 100. Constraints: Minimum 20, maximum 100." (RDS API reference, MaxRecords)


def page(operation: str, given: Mapping[str, Any], result: Any) -> None:
    """Leave that page of a result that is asked for, with the Marker of the next one; others stay as they are."""
    model = get_pagination_model("rds").get(operation)
    if model is None or not isinstance(result, dict):
        return
    rows = list(get_value(result, model["result_key"]))
    size, start = _size(given.get("MaxRecords")), _start(given.get("Marker"))
    set_value(result, model["result_key"], rows[start : start + size])
    if start + size < len(rows):
        set_value(result, model["output_token"], base64.b64encode(str(start + size).encode()).decode())


def _size(asked: Any) -> int:
    size = _MOST if asked is None else int(asked)
    if not _LEAST <= size <= _MOST:
        raise InvalidParameterValue(f"Invalid value {size} for MaxRecords. Must be between {_LEAST} and {_MOST}")
    return size


def _start(marker: Any) -> int:
    try:
        return int(base64.b64decode(marker, validate=True)) if marker else 0
    except (binascii.Error, ValueError) as error:
        raise InvalidParameterValue("The Marker is none that an answer gave.") from error
