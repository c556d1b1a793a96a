"""The Graph API: one request is one attempt, with a total deadline and no retry.

Any failure after the connect is ambiguous: Meta has no idempotency key.
"""

from pydantic import HttpUrl

from common.service import metrics
from common.service.json_http import FAILED, NOT_SENT, HttpAnswer, JsonHttpClient, timeout
from sender.whatsapp.payloads import JsonObject
from sender.whatsapp.send_result import Accepted, Ambiguous, NotSent, Refused, SendResult, classify

DEADLINE = 10.0
MAX_BODY_BYTES = 64 << 10  # a longer answer is not Graph's


class GraphClient:
    """`POST /{phone_number_id}/messages` with the tenant's token."""

    def __init__(self, url: HttpUrl, http: JsonHttpClient) -> None:
        self._url, self._http = str(url).rstrip("/"), http

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

    async def _post(
        self, phone_number_id: str, token: str, body: JsonObject
    ) -> HttpAnswer | NotSent | Ambiguous:
        url = f"{self._url}/{phone_number_id}/messages"
        try:
            return await self._http.post(url, token, body, timeout(DEADLINE))
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
