"""Exports a run as one trace of OpenTelemetry, a span for each phase, by OTLP over HTTP, from its record.

The ids are made of the run's, so that a run that is exported again is the same trace. OpenTelemetry's conventions for pipelines and
tests are in development (https://opentelemetry.io/docs/specs/semconv/cicd/cicd-spans/), so that the attributes are ours: drill.*.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from drills import __version__
from drills.errors import DrillError
from drills.history.line import outcome_of
from drills.metrics.samples import SIMULATED, labels_of
from drills.model.phases import current_name
from drills.model.record import RunRecord
from drills.model.timing import Phase

SECONDS = 10
EXTRA = "expected the packages of OpenTelemetry, found none: pip install '.[traces]' in the checkout"


def trace_id(run_id: str) -> int:
    """Return the id of a run's trace: 16 bytes, never 0."""
    return int.from_bytes(hashlib.sha256(f"trace {run_id}".encode()).digest()[:16], "big") or 1


def span_id(run_id: str, number: int) -> int:
    """Return the id of a span, numbered from 0: 8 bytes, never 0."""
    return int.from_bytes(hashlib.sha256(f"span {run_id} {number}".encode()).digest()[:8], "big") or 1


def export(url: str, record: RunRecord) -> None:
    """Send the trace of a run that has ended. Raises DrillError."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import SpanExportResult
    except ImportError:
        raise DrillError(EXTRA) from None
    exporter: Any = OTLPSpanExporter(endpoint=url, timeout=SECONDS)
    try:
        result = exporter.export(spans_of(record))
    finally:
        exporter.shutdown()
    if result is not SpanExportResult.SUCCESS:
        raise DrillError(f"expected {url} to take the trace within {SECONDS} s, found that it did not")


def spans_of(record: RunRecord) -> Sequence[Any]:
    """Return the spans: of the run, and of each phase that has ended, as its children."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, TraceFlags
    from opentelemetry.trace.status import Status, StatusCode

    resource = Resource({"service.name": "drills", "service.version": __version__})

    def context(number: int) -> SpanContext:
        flags = TraceFlags(TraceFlags.SAMPLED)
        return SpanContext(trace_id(record.run_id), span_id(record.run_id, number), is_remote=False, trace_flags=flags)

    def span(number: int, name: str, start: datetime, end: datetime, attributes: dict[str, Any], **more: Any) -> Any:
        return ReadableSpan(
            name=name,
            context=context(number),
            parent=context(0) if number else None,
            resource=resource,
            attributes=attributes,
            start_time=_nanoseconds(start),
            end_time=_nanoseconds(end),
            **more,
        )

    assert record.ended_at
    status = Status(StatusCode.OK) if record.code == 0 else Status(StatusCode.ERROR, outcome_of(record))
    target = record.target.name if record.target else ""
    name = f"{SIMULATED} drill {target}" if record.simulated else f"drill {target}"
    made = [span(0, name, record.started_at, record.ended_at, dict(_of_run(record)), status=status)]
    for number, phase in enumerate(_ended(record), start=1):
        assert phase.ended_at
        attributes = {"drill.clock": phase.clock or "none", "drill.phase.source": phase.source}
        made.append(span(number, current_name(phase.name), phase.started_at, phase.ended_at, attributes))
    return made


def _ended(record: RunRecord) -> Iterator[Phase]:
    return (each for each in record.phases if each.ended_at is not None)


def _of_run(record: RunRecord) -> Iterator[tuple[str, Any]]:
    yield "drill.run_id", record.run_id
    for name, value in labels_of(record):
        yield f"drill.{name}", record.simulated if name == "simulated" else value
    yield "drill.outcome", outcome_of(record)
    yield "drill.exit_code", record.code
    for each in record.measurements:
        if each.name in ("RTA", "RPA") and each.seconds is not None:
            yield f"drill.{each.name.lower()}_seconds", each.seconds
    for name, objective in (("rto", record.objectives.rto_seconds), ("rpo", record.objectives.rpo_seconds)):
        if objective is not None:
            yield f"drill.{name}_seconds", objective


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1_000
