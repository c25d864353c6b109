"""Pushes the numbers of a run to a Pushgateway, which keeps them for Prometheus to fetch.

Numbers are added to those that are there (the method POST,
https://github.com/prometheus/pushgateway#put-method): a run that failed leaves the last success. A group is never forgotten, so
that it has few labels: target, profile and scenario.
"""

from __future__ import annotations

from urllib.error import HTTPError

from prometheus_client import pushadd_to_gateway

from drills.metrics.samples import FAMILIES, LAST_RUN, LAST_SUCCESS, Numbers
from drills.metrics.text import registry_of

JOB = "recovery-drills"
SECONDS = 10.0


def push(url: str, numbers: Numbers) -> None:
    """Push the numbers. Raises OSError. The last success goes along only where this run is it: the gateway may know a later one."""
    names = frozenset(FAMILIES)
    if numbers.value(LAST_SUCCESS) != numbers.value(LAST_RUN):
        names -= {LAST_SUCCESS}
    labels = dict(numbers.labels)
    group = {name: labels[name] for name in ("target", "profile", "scenario")}
    try:
        pushadd_to_gateway(url, job=JOB, registry=registry_of(numbers, names), grouping_key=group, timeout=SECONDS)
    except HTTPError as error:
        error.close()  # which holds the answer, and with it the connection
        raise
