"""An HTTP client of a JSON API."""

from typing import Any, Self

import aiohttp


class CallRefused(RuntimeError):
    """The answer was an error; the message holds all of it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class JsonClient:
    """Use it in `async with`."""

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        self._url, self._headers = url, headers

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(self._url, headers=self._headers)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The answer's JSON. Raises CallRefused."""
        async with self._http.request(method, path, json=body, params=query) as response:
            answer = await response.json(content_type=None)
            if response.status >= 400:
                raise CallRefused(response.status, f"{method} {path}: {response.status} {answer}")
            return answer
