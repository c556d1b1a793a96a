"""Uploads to WhatsApp: `POST /{phone_number_id}/media`, multipart, one attempt each.

An upload sends nothing to anybody, so it may be repeated. The id lives 30 days.
https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media
"""

import asyncio
import io
import ssl
from typing import Literal, NamedTuple

import httpx

from common.lenient_json import integer_at, parse_json, text_at
from common.service import metrics
from common.service.proxies import Proxies

CONNECT_SECONDS, UPLOAD_SECONDS = 5.0, 60.0
LONGEST_ANSWER = 64 << 10  # bytes
# Meta's codes: the token is not valid, or may not do this with this number.
TOKEN_CODES = frozenset({0, 3, 10, 190, 131005, *range(200, 300)})
OBJECT_HIDDEN = 33  # subcode: the token may not see this number
PASSING = frozenset({408, 429})  # and all from 500
PASSING_CODES = frozenset({1, 2, 4, 80007, 130429, 131000, 131016, 131057})
UploadCause = Literal["token", "file", "away"]


class UploadNumber(NamedTuple):
    """The number that sends the file, and a token that may."""

    phone_number_id: str
    token: str


class UploadFailure(NamedTuple):
    """cause: what is refused, or that Graph is away. reason: such as `HTTP 400, code 190`."""

    cause: UploadCause
    reason: str


class MediaUploads:
    """default_token: for clients that have none of their own."""

    def __init__(
        self, graph_url: str, default_token: str | None, seconds: float = UPLOAD_SECONDS
    ) -> None:
        """seconds: the deadline of an upload."""
        self._graph_url = graph_url.rstrip("/")
        self.default_token = default_token
        self._seconds = seconds

    async def upload(
        self, number: UploadNumber, filename: str, content: bytes, mime_type: str
    ) -> str | UploadFailure:
        """The id of the file at WhatsApp."""
        result = await self._upload(number, filename, content, mime_type)
        label = result.cause if isinstance(result, UploadFailure) else "accepted"
        metrics.GRAPH_CALLS.labels("upload", label).inc()
        return result

    async def _upload(
        self, number: UploadNumber, filename: str, content: bytes, mime_type: str
    ) -> str | UploadFailure:
        try:
            # As a file it leaves in pieces of 64 KiB, and is let go when it is closed: httpx keeps
            # its request in a cycle of objects, with the bytes, until Python looks for those.
            with io.BytesIO(content) as file:
                return await self._post(number, (filename, file, mime_type))
        except TimeoutError:
            return UploadFailure("away", "deadline")
        except (httpx.HTTPError, OSError) as error:
            return UploadFailure("away", type(error).__name__)

    async def _post(
        self, number: UploadNumber, file: tuple[str, io.BytesIO, str]
    ) -> str | UploadFailure:
        """file: its name, bytes and type."""
        async with (
            asyncio.timeout(self._seconds),
            self._client() as http,
            http.stream(
                "POST",
                f"{self._graph_url}/{number.phone_number_id}/media",
                headers={"Authorization": f"Bearer {number.token}"},
                data={"messaging_product": "whatsapp", "type": file[2]},
                files={"file": file},
            ) as response,
        ):
            return read_answer(response.status_code, await beginning(response))

    def _client(self) -> httpx.AsyncClient:
        """As the other clients of Graph: the environment's proxy and no ~/.netrc, the system's
        certificates, no redirect, which would carry the file elsewhere."""
        return httpx.AsyncClient(
            trust_env=False,
            proxy=Proxies().of(self._graph_url),
            verify=ssl.create_default_context(),
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            follow_redirects=False,
            headers={"Accept-Encoding": "identity"},
        )


async def beginning(response: httpx.Response) -> bytes:
    """What is longer than Graph's answers is no JSON then."""
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > LONGEST_ANSWER:
            break
    return bytes(content)


def read_answer(status: int, content: bytes) -> str | UploadFailure:
    answer = parse_json(content)
    if status == 200 and (media_id := text_at(answer, "id")):
        return media_id
    code = integer_at(answer, "error", "code")
    is_hidden = integer_at(answer, "error", "error_subcode") == OBJECT_HIDDEN
    reason = f"HTTP {status}" if code is None else f"HTTP {status}, code {code}"
    if status == 401 or code in TOKEN_CODES or is_hidden:
        return UploadFailure("token", reason)
    passes = status < 400 or status >= 500 or status in PASSING or code in PASSING_CODES
    return UploadFailure("away" if passes else "file", reason)
