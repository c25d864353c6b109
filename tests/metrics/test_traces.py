"""A run as a trace, as a collector takes it over HTTP."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from drills.config.load import load
from drills.metrics import traces
from drills.metrics.traces import export, span_id, trace_id
from drills.metrics.write import write
from drills.model.record import RunRecord
from tests.support.example_record import PHASES, failing_drill, green_drill
from tests.support.listening import http_server
from tests.support.ports import free_port


def received(record: RunRecord) -> ExportTraceServiceRequest:
    """What a collector on this machine got."""
    with http_server() as server, pytest.MonkeyPatch.context() as patient:
        patient.setattr(traces, "SECONDS", 120)  # more than a run waits: the server is a thread on a busy machine
        export(f"{server.url}/v1/traces", record)
    assert server.heads[0][:2] == ("POST", "/v1/traces")
    assert server.heads[0][2]["content-type"] == "application/x-protobuf"
    request = ExportTraceServiceRequest()
    request.ParseFromString(server.bodies[0])
    return request


def spans(record: RunRecord) -> list[Span]:
    """The spans of the request."""
    return [span for each in received(record).resource_spans for scope in each.scope_spans for span in scope.spans]


def attributes(span: Span) -> dict[str, object]:
    """The attributes of a span."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value") or "") for each in span.attributes}


def test_a_run_is_one_trace_with_a_span_for_each_phase() -> None:
    """Phases are children of the run, with the instants that the record has."""
    record = dataclasses.replace(green_drill(), code=0, all_codes=(0,))
    root, *phases = spans(record)

    assert root.name == "SIMULATED drill orders"
    assert not root.parent_span_id
    assert [each.name for each in phases] == [name for name, _, _ in PHASES]
    assert {each.parent_span_id for each in phases} == {root.span_id}
    assert {each.trace_id for each in (root, *phases)} == {trace_id(record.run_id).to_bytes(16, "big")}
    restore = next(each for each in phases if each.name == "restore")
    assert restore.end_time_unix_nano - restore.start_time_unix_nano == 9_700_000_000
    assert root.status.code == root.status.STATUS_CODE_OK


def test_the_root_says_what_became_of_the_run() -> None:
    """Outcome, code, numbers and labels; a failure is an error of the span."""
    root = spans(dataclasses.replace(failing_drill(), profile="aws", simulated=False))[0]
    found = attributes(root)

    assert root.name == "drill orders"
    assert root.status.code == root.status.STATUS_CODE_ERROR
    assert found["drill.outcome"] == root.status.message == "verification failed"
    assert found["drill.run_id"] == failing_drill().run_id
    assert (found["drill.target"], found["drill.profile"], found["drill.simulated"]) == ("orders", "aws", False)
    assert found["drill.rto_seconds"] == failing_drill().objectives.rto_seconds


def test_the_same_run_is_the_same_trace() -> None:
    """Exported again by hand, it takes its own place; another run has other ids."""
    assert [each.span_id for each in spans(green_drill())] == [each.span_id for each in spans(green_drill())]
    assert trace_id("a") != trace_id("b")
    assert len({span_id("a", number) for number in range(100)} | {span_id("b", 0)}) == 101


@pytest.mark.parametrize("status", [400, 0])
def test_a_collector_that_refuses_or_is_not_there_is_said(tmp_path: Path, status: int) -> None:
    """In one sentence."""
    with http_server(status=status or 200) as server:
        url = (server.url if status else f"http://127.0.0.1:{free_port()}") + "/v1/traces"
        (tmp_path / "drill.toml").write_text(f'[metrics]\ntraces = "{url}"\n[targets.orders]\n')
        config = load(tmp_path / "drill.toml", profile=None, target=None, environment={})
        written = write(green_drill(), config)

    assert [each.place for each in written] == [f"traces {url}"]
    assert written[0].problem.startswith(f"expected {url} to take the trace")


def test_without_the_packages_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with what to type."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(Exception, match=r"pip install '\.\[traces\]'"):
        export("http://localhost", green_drill())
