"""Meta's answers, told apart."""

import json

import pytest

from common.service.json_http import HttpAnswer
from sender.whatsapp.graph_errors import FINAL, GRAPH_ERRORS, LATER
from sender.whatsapp.send_result import (
    Accepted,
    Ambiguous,
    Refused,
    SendResult,
    classify,
    is_graphs,
)


def refusal(code: object, **more: object) -> bytes:
    return json.dumps({"error": {"message": f"(#{code}) Said", "code": code} | more}).encode()


def answer(status: int, body: bytes | None, retry_after: str | None = None) -> HttpAnswer:
    return HttpAnswer(status, {"Retry-After": retry_after} if retry_after else {}, body)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"messages":[{"id":"wamid.1"}]}', Accepted("wamid.1")),
        (200, b"", Ambiguous("200_without_wamid")),
        (200, b'{"messages":[]}', Ambiguous("200_without_wamid")),
        (200, b'{"messages":[{"id":7}]}', Ambiguous("200_without_wamid")),
        (200, b"<html>", Ambiguous("200_without_wamid")),
        (200, None, Ambiguous("200_without_wamid")),
        (302, b"", Ambiguous("http_302")),
        (502, None, Ambiguous("http_502", outage=True)),
        (502, b"<html>Bad Gateway</html>", Ambiguous("http_502", outage=True)),
        (500, b'{"error":"oops"}', Ambiguous("http_500", outage=True)),
        (500, refusal("2"), Ambiguous("http_500", outage=True)),
        (500, b"\xff\xfe", Ambiguous("http_500", outage=True)),
        (500, refusal(999999), Refused(999999, "Said", LATER)),
        (429, refusal(999999), Refused(999999, "Said", LATER)),
        (400, refusal(999999), Refused(999999, "Said", FINAL)),
        (500, b"[" * 60_000, Ambiguous("http_500", outage=True)),
        (400, refusal(190, error_subcode="463"), Refused(190, "Said", GRAPH_ERRORS[190])),
        (400, refusal(100, error_subcode=33), Refused(100, "Said", GRAPH_ERRORS[100, 33])),
        (400, refusal(999999, is_transient=True), Refused(999999, "Said", LATER)),
        (500, refusal(100), Refused(100, "Said", FINAL)),
    ],
)
def test_only_graphs_own_words_are_an_answer(
    status: int, body: bytes | None, expected: SendResult
) -> None:
    assert classify(answer(status, body)) == expected


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("999999", 3600.0), ("soon", 0.0), (None, 0.0)]
)
def test_retry_after_is_read_as_seconds(header: str | None, seconds: float) -> None:
    refused = classify(answer(429, refusal(130429), header))
    assert isinstance(refused, Refused)
    assert refused.retry_after == seconds


@pytest.mark.parametrize(
    ("status", "body", "graphs"),
    [
        (200, b'{"success":true}', True),
        (400, refusal(100), True),
        (503, refusal(131016), True),
        (200, b"<html>", False),
        (503, b"<html>", False),
        (403, b'{"error":"blocked"}', False),
    ],
)
def test_what_stands_before_graph_is_not_graph(status: int, body: bytes, graphs: bool) -> None:
    assert is_graphs(answer(status, body)) is graphs
