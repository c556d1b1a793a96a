"""Meta's answers, told apart."""

import json

import pytest

from common.service.json_http import HttpAnswer
from sender.whatsapp.send_result import Accepted, Ambiguous, Refused, Retry, SendResult, classify


def refusal(code: object, **more: object) -> bytes:
    return json.dumps({"error": {"message": f"(#{code}) Said", "code": code} | more}).encode()


def answer(status: int, body: bytes | None, retry_after: str | None = None) -> HttpAnswer:
    return HttpAnswer(status, {"Retry-After": retry_after} if retry_after else {}, body)


RETRIES = {
    Retry.NEVER: "33 100 130403 130472 130497 131008 131009 131021 131026 131030 131047 131049"
    " 131050 131051 131052 131053 131062 132000 135000 137000 999999",
    Retry.BACKOFF: "1 2 4 80007 130429 131000 131016 131057 133004",
    Retry.PAIR: "131056",
    Retry.TENANT: "0 3 10 190 200 299 368 131005 131031 131037 131042 131045 131048 133010",
}


PAIRS = [(int(code), retry) for retry, codes in RETRIES.items() for code in codes.split()]


@pytest.mark.parametrize(("code", "retry"), PAIRS)
def test_a_code_tells_whether_to_retry(code: int, retry: Retry) -> None:
    assert classify(answer(400, refusal(code))) == Refused(code, "Said", retry)


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
        (502, None, Ambiguous("http_502")),
        (502, b"<html>Bad Gateway</html>", Ambiguous("http_502")),
        (500, b'{"error":"oops"}', Ambiguous("http_500")),
        (500, refusal("2"), Ambiguous("http_500")),
        (500, b"\xff\xfe", Ambiguous("http_500")),
        (500, refusal(999999), Refused(999999, "Said", Retry.BACKOFF)),
        (429, refusal(999999), Refused(999999, "Said", Retry.BACKOFF)),
        (400, refusal(999999, is_transient=True), Refused(999999, "Said", Retry.BACKOFF)),
        (500, refusal(100), Refused(100, "Said", Retry.NEVER)),
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
