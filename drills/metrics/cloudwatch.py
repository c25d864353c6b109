"""Puts the numbers of a run into CloudWatch, and the age of the last success, on which an alarm stands.

The metrics are called NAME-… in the namespace of infra/terraform/schedule, whose alarm is on NAME-last-success-age, and have no
dimensions, as that has none. Of a simulated run they are called SIMULATED-NAME-…: no alarm takes one for a run on AWS.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.read import error_code
from drills.errors import DrillError
from drills.metrics.samples import LAST_RUN, LAST_SUCCESS, SIMULATED, Numbers

NAMESPACE = "RecoveryDrills"
AGE = "last-success-age"
# the end of each metric's name, of which number it is, and its unit (CloudWatch API reference, MetricDatum)
NAMES = (
    ("rta", "dr_drill_rta_seconds", "Seconds"),
    ("rto", "dr_drill_rto_seconds", "Seconds"),
    ("rpa", "dr_drill_rpa_seconds", "Seconds"),
    ("rpo", "dr_drill_rpo_seconds", "Seconds"),
    ("worst-case-rpo", "dr_drill_worst_case_rpo_seconds", "Seconds"),
    ("orphans", "dr_drill_orphans", "Count"),
)


def metric_name(name: str, end: str, simulated: bool) -> str:
    """Return the whole name of a metric."""
    return f"{SIMULATED}-{name}-{end}" if simulated else f"{name}-{end}"


def put_numbers(client: Any, name: str, numbers: Numbers, now: datetime) -> None:
    """Put the numbers of a run at its end, and the age of the last success now. Raises DrillError.

    The caller needs cloudwatch:PutMetricData. CloudWatch takes none of more than two weeks ago (API reference, PutMetricData).
    """
    simulated = dict(numbers.labels)["simulated"] == "true"
    ended = datetime.fromtimestamp(numbers.value(LAST_RUN) or 0.0, UTC)
    data = [
        {"MetricName": metric_name(name, end, simulated), "Value": value, "Unit": unit, "Timestamp": ended}
        for end, value, unit in _values(numbers)
    ]
    success = numbers.value(LAST_SUCCESS)
    if success is not None:
        data.append(_age(name, simulated, now.timestamp() - success, now))
    _put(client, data)


def put_age(client: Any, name: str, simulated: bool, seconds: float, now: datetime) -> None:
    """Put the age of the last success alone. Raises DrillError."""
    _put(client, [_age(name, simulated, seconds, now)])


def _age(name: str, simulated: bool, seconds: float, now: datetime) -> dict[str, Any]:
    return {
        "MetricName": metric_name(name, AGE, simulated),
        "Value": max(0.0, seconds),
        "Unit": "Seconds",
        "Timestamp": now,
    }


def _values(numbers: Numbers) -> Iterator[tuple[str, float, str]]:
    passed = next(each.value for each in numbers.samples if each.labels == (("result", "passed"),))
    yield "passed", passed, "Count"
    for end, number, unit in NAMES:
        value = numbers.value(number)
        if value is not None:
            yield end, value, unit


def _put(client: Any, data: list[dict[str, Any]]) -> None:
    try:
        client.put_metric_data(Namespace=NAMESPACE, MetricData=data)
    except ClientError as error:
        raise DrillError(
            f"expected CloudWatch to take the metrics, found {error_code(error)}: the caller needs cloudwatch:PutMetricData, and "
            "the run must have ended within two weeks"
        ) from error
    except BotoCoreError as error:
        raise DrillError(f"expected CloudWatch to take the metrics, found: {error}") from error
