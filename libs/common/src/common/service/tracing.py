"""W3C trace context in Kafka and HTTP headers: one trace per webhook, a new span per hop."""

import os
from collections.abc import Mapping

from opentelemetry.trace import INVALID_TRACE_ID, format_trace_id, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

HEADER = "traceparent"


def new_trace_id() -> str:
    return os.urandom(16).hex()


def traceparent(trace_id: str) -> str:
    """A sampled traceparent of this trace with a span of its own."""
    return f"00-{trace_id}-{os.urandom(8).hex()}-01"


def trace_headers(trace_id: str) -> list[tuple[str, bytes]]:
    return [(HEADER, traceparent(trace_id).encode())]


def trace_id_of(headers: Mapping[str, bytes]) -> str:
    """The trace of a record, or a new one when the header is absent or malformed."""
    carrier = {HEADER: headers.get(HEADER, b"").decode("latin-1")}
    context = TraceContextTextMapPropagator().extract(carrier)
    trace_id = get_current_span(context).get_span_context().trace_id
    return new_trace_id() if trace_id == INVALID_TRACE_ID else format_trace_id(trace_id)
