"""Spans: a tree of what went on, no words in it, and nothing at all where none are wanted."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.trace import SpanKind

from service import metrics, tracing
from service.core.errors import BadFile

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def spans(path: Path) -> dict[str, dict[str, object]]:
    return {span["name"]: span for span in map(json.loads, path.read_text().splitlines())}


def test_without_a_place_for_them_there_are_none() -> None:
    with tracing.recorded(None), tracing.span("part") as part:
        assert (part.is_recording(), tracing.trace_id()) == (False, None)


def test_a_part_belongs_to_the_request_and_the_request_to_its_callers_trace(tmp_path: Path) -> None:
    path = tmp_path / "spans"
    with (
        tracing.recorded(f"file:{path}"),
        tracing.request_span("POST", [(b"traceparent", CALLER.encode())]),
        tracing.span("part", kind=SpanKind.CLIENT),
    ):
        assert tracing.trace_id() == CALLER.split("-")[1]
        tracing.note(cache="hit", cost_usd=None)
        tracing.event("retry")
    found = spans(path)
    part, whole = found["part"], found["POST"]
    assert part["parent_id"] == whole["context"]["span_id"]  # type: ignore[index]
    assert whole["parent_id"] == "0x" + CALLER.split("-")[2]
    assert part["attributes"] == {"grader.cache": "hit"}
    assert [event["name"] for event in part["events"]] == ["retry"]  # type: ignore[attr-defined]


def test_a_traceparent_that_makes_no_sense_begins_a_new_trace(tmp_path: Path) -> None:
    path = tmp_path / "spans"
    with tracing.recorded(f"file:{path}"), tracing.request_span("GET", [(b"traceparent", b"\xff nonsense")]):
        pass
    assert spans(path)["GET"]["parent_id"] is None


def test_of_an_exception_the_type_is_told_and_not_the_message(tmp_path: Path) -> None:
    path = tmp_path / "spans"
    with tracing.recorded(f"file:{path}"), pytest.raises(ValueError, match="secret"), tracing.span("part"):
        raise ValueError("secret")
    assert spans(path)["part"]["attributes"] == {"error.type": "ValueError"}
    assert "secret" not in path.read_text()


async def test_tasks_keep_to_the_span_in_which_they_began(tmp_path: Path) -> None:
    path = tmp_path / "spans"

    async def work(name: str) -> None:
        with tracing.span(name):
            await asyncio.sleep(0)

    with tracing.recorded(f"file:{path}"), tracing.span("whole"):
        await asyncio.gather(work("one"), work("other"))
    found = spans(path)
    assert {found[name]["parent_id"] for name in ("one", "other")} == {found["whole"]["context"]["span_id"]}  # type: ignore[index]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="traces cannot be written there"), tracing.recorded(f"file:{tmp_path}"):
        pass


@contextmanager
def collector(received: list[ExportTraceServiceRequest]) -> Iterator[str]:
    """Takes spans by OTLP over HTTP; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            received.append(ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_collector_is_sent_all_spans_before_the_end_and_told_who_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[ExportTraceServiceRequest] = []
    with collector(received) as address:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=tests")
        with tracing.recorded("otlp"), tracing.span("whole"), tracing.span("part"):
            pass
    told = [resource for request in received for resource in request.resource_spans]
    names = {span.name for resource in told for scope in resource.scope_spans for span in scope.spans}
    assert names == {"whole", "part"}
    who = {pair.key: pair.value.string_value for pair in told[0].resource.attributes}
    assert (who["service.name"], who["deployment.environment.name"]) == ("answer-grader", "tests")


def test_a_time_is_shown_with_the_trace_in_which_it_was_taken(tmp_path: Path) -> None:
    seconds = metrics.labelled(metrics.JUDGE_SECONDS, "exemplary")
    metrics.observe(seconds, 0.07)
    assert "trace_id" not in exemplary()
    with tracing.recorded(f"file:{tmp_path / 'spans'}"), tracing.span("part"):
        trace_id = tracing.trace_id()
        metrics.observe(seconds, 0.07)
    assert f'# {{trace_id="{trace_id}"}} 0.07' in exemplary()


def exemplary() -> str:
    page, _ = metrics.exposition("application/openmetrics-text; version=1.0.0")
    return "\n".join(line for line in page.decode().splitlines() if 'model="exemplary"' in line)
