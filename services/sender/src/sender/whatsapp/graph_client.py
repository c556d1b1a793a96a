"""The Graph API: one request is one attempt, with a total deadline and no retry.

Any failure after the connect is ambiguous: Meta has no idempotency key.
"""

from pydantic import HttpUrl

from common.service import metrics
from common.service.json_http import FAILED, NOT_SENT, HttpAnswer, JsonHttpClient, Timeout, timeout
from sender.whatsapp.payloads import JsonObject, read
from sender.whatsapp.send_result import (
    Accepted,
    Ambiguous,
    NotSent,
    Refused,
    SendResult,
    classify,
    is_graphs,
)

CALL_SECONDS = 10.0
PROBE_CALL_SECONDS = 5.0
MAX_BODY_BYTES = 64 << 10  # a longer answer is not Graph's


class GraphClient:
    """`POST /{phone_number_id}/messages` with the tenant's token."""

    def __init__(
        self, url: HttpUrl, http: JsonHttpClient, call_seconds: float = CALL_SECONDS
    ) -> None:
        self._url, self._http = str(url).rstrip("/"), http
        self._timeout = timeout(call_seconds)
        self._probe_timeout = timeout(min(call_seconds, PROBE_CALL_SECONDS))

    async def send(self, phone_number_id: str, token: str, message: JsonObject) -> SendResult:
        with metrics.GRAPH_SECONDS.time():
            answer = await self._post(phone_number_id, token, message)
        result = classify(answer) if isinstance(answer, HttpAnswer) else answer
        metrics.GRAPH_CALLS.labels("send", result_label(result)).inc()
        return result

    async def mark_read(self, phone_number_id: str, token: str, mark: JsonObject) -> bool:
        """Whether Meta accepted it; a failure is not retried."""
        answer = await self._post(phone_number_id, token, mark)
        accepted = isinstance(answer, HttpAnswer) and answer.status == 200
        metrics.GRAPH_CALLS.labels("mark", "accepted" if accepted else "failed").inc()
        return accepted

    async def answers(self, phone_number_id: str, token: str, wamid: str) -> bool:
        """Whether Graph answers at all, asked by what does no harm: a read mark, or its refusal."""
        mark = read(wamid)
        answer = await self._post(phone_number_id, token, mark, self._probe_timeout)
        answered = isinstance(answer, HttpAnswer) and is_graphs(answer)
        metrics.GRAPH_CALLS.labels("probe", "answered" if answered else "silent").inc()
        return answered

    async def _post(
        self, phone_number_id: str, token: str, body: JsonObject, limit: Timeout | None = None
    ) -> HttpAnswer | NotSent | Ambiguous:
        url = f"{self._url}/{phone_number_id}/messages"
        try:
            return await self._http.post(url, token, body, limit or self._timeout)
        except NOT_SENT as error:
            return NotSent(type(error).__name__)
        except FAILED as error:
            return Ambiguous(type(error).__name__)


def result_label(result: SendResult) -> str:
    match result:
        case Accepted():
            return "accepted"
        case Refused(code=code):
            return str(code)
        case NotSent():
            return "not_sent"
        case Ambiguous():
            return "ambiguous"
