"""Spans: what a request went through, and how long each part took. Without `recorded`, nothing at next to no cost.

A span never holds what a candidate or a model wrote, nor an exception's message, which may quote them.
"""

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagate import extract
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from service import __version__
from service.core.errors import BadFile

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request that is being answered, for logs to name it."""

FILE = "file:"
_NOTHING = nullcontext(INVALID_SPAN)
_tracer: Tracer | None = None  # a process has one, as it has one registry of metrics


@contextmanager
def recorded(where: str | None) -> Iterator[None]:
    """Spans begun inside are exported: `otlp`, to where OTEL_EXPORTER_OTLP_* say; `file:PATH`, a line of JSON each.

    None records nothing; else the `traces` extra has to be there. All are out when this ends. Raises BadFile.
    """
    global _tracer  # noqa: PLW0603
    if where is None:
        yield
        return
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    ours = Resource({SERVICE_NAME: "answer-grader", SERVICE_VERSION: __version__})
    with _exporter(where) as exporter:
        provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()))
        provider.add_span_processor(BatchSpanProcessor(exporter))
        _tracer = provider.get_tracer("answer_grader", __version__)
        try:
            yield
        finally:
            _tracer = None
            provider.shutdown()


def span(
    name: str, attributes: Mapping[str, AttributeValue] | None = None, *, kind: SpanKind = SpanKind.INTERNAL
) -> AbstractContextManager[Span]:
    """A part of what goes on now. One that is left by an exception bears its type.

    Not to be held across a `yield` whose consumer may go on in another task.
    """
    return _NOTHING if _tracer is None else _recorded(_tracer, name, attributes, kind)


def request_span(method: str, headers: Iterable[tuple[bytes, bytes]]) -> AbstractContextManager[Span]:
    """The whole of an HTTP request; a part of the caller's trace, where `traceparent` names one."""
    if _tracer is None:
        return _NOTHING
    caller = extract({name.decode("latin-1"): value.decode("latin-1") for name, value in headers})
    return _recorded(_tracer, method, {"http.request.method": method}, SpanKind.SERVER, caller)


def note(**attributes: AttributeValue | None) -> None:
    """Of the span that is open now, under names that begin with `grader.`; what is None stays unsaid."""
    if _tracer is not None:
        noted_on(trace.get_current_span(), **attributes)


def noted_on(open_span: Span, **attributes: AttributeValue | None) -> None:
    """As `note`, of this span."""
    for name, value in attributes.items():
        if value is not None:
            open_span.set_attribute(f"grader.{name}", value)


def event(name: str) -> None:
    """A moment in the span that is open now."""
    if _tracer is not None:
        trace.get_current_span().add_event(name)


def trace_id() -> str | None:
    """Of the trace that is being recorded now; None where none is."""
    if _tracer is None:
        return None
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.trace_flags.sampled else None


@contextmanager
def _recorded(
    tracer: Tracer,
    name: str,
    attributes: Mapping[str, AttributeValue] | None,
    kind: SpanKind,
    context: Context | None = None,
) -> Iterator[Span]:
    with tracer.start_as_current_span(
        name, context, kind, attributes, record_exception=False, set_status_on_exception=False
    ) as begun:
        try:
            yield begun
        except GeneratorExit:
            raise
        except BaseException as error:
            begun.set_attribute("error.type", type(error).__name__)
            begun.set_status(StatusCode.ERROR)
            raise


@contextmanager
def _exporter(where: str) -> "Iterator[SpanExporter]":
    if not where.startswith(FILE):
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        yield OTLPSpanExporter()
        return
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter

    path = Path(where.removeprefix(FILE))
    try:
        # Whole lines, and at the end of what there is: several processes may share the file.
        out = io.TextIOWrapper(path.open("ab", buffering=0), encoding="utf-8", write_through=True)
    except OSError as error:
        raise BadFile(path, [(None, f"traces cannot be written there: {error.strerror}")]) from error
    with out:
        yield ConsoleSpanExporter(out=out, formatter=lambda done: done.to_json(indent=None) + "\n")
