"""Answers by pages: MaxRecords and Marker of RDS (moto's own paging fails on the answers of RDS)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from moto.core.utils import get_pagination_model, get_value, set_value
from moto.rds.exceptions import InvalidParameterValue

_MIN_SIZE, _MAX_SIZE = 20, 100  # "Default: 100. Constraints: Minimum 20, maximum 100." (RDS API reference, MaxRecords)


def keep_page(operation: str, request: Mapping[str, Any], result: Any) -> None:
    """Cut a result down to the requested page and add the Marker of the next; leave a result without pages alone."""
    model = get_pagination_model("rds").get(operation)
    if model is None or not isinstance(result, dict):
        return
    rows = list(get_value(result, model["result_key"]))
    size, start = _size(request.get("MaxRecords")), _start(request.get("Marker"))
    set_value(result, model["result_key"], rows[start : start + size])
    if start + size < len(rows):
        set_value(result, model["output_token"], base64.b64encode(str(start + size).encode()).decode())


def _size(max_records: Any) -> int:
    size = _MAX_SIZE if max_records is None else int(max_records)
    if not _MIN_SIZE <= size <= _MAX_SIZE:
        raise InvalidParameterValue(f"Invalid value {size} for MaxRecords. Must be between {_MIN_SIZE} and {_MAX_SIZE}")
    return size


def _start(marker: Any) -> int:
    try:
        return int(base64.b64decode(marker, validate=True)) if marker else 0
    except (binascii.Error, ValueError) as error:
        raise InvalidParameterValue("The Marker is none that an answer gave.") from error
