"""One trace per webhook, a span of its own per hop; foreign rubbish begins a new trace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.service.tracing import new_trace_id, trace_headers, trace_id_of, traceparent


def test_a_trace_survives_its_headers_with_a_new_span_each_time() -> None:
    trace = new_trace_id()
    assert trace_id_of(dict(trace_headers(trace))) == trace
    assert traceparent(trace) != traceparent(trace)


@pytest.mark.parametrize(
    "header",
    [b"", b"00-0-0-01", b"00-" + b"0" * 32 + b"-" + b"1" * 16 + b"-01", b"\xff\xfe", b"x" * 9000],
)
def test_a_malformed_header_begins_a_new_trace(header: bytes) -> None:
    first, second = trace_id_of({"traceparent": header}), trace_id_of({"traceparent": header})
    assert len(first) == 32
    assert first != second


@given(st.binary(max_size=80))
def test_no_header_is_a_reason_to_fail(header: bytes) -> None:
    assert len(trace_id_of({"traceparent": header})) == 32
