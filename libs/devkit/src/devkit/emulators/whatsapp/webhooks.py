"""Delivery of webhooks: signed, over kept-alive connections, again until the answer is 200."""

import asyncio
import secrets
from collections import Counter
from typing import Any

import aiohttp
import structlog

from devkit.emulators.whatsapp import payloads
from devkit.emulators.whatsapp.config import Knobs

log = structlog.get_logger()
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # Meta waits longer, up to 7 days
TIMEOUT = aiohttp.ClientTimeout(total=10)
CONCURRENT = 64


class Webhooks:
    """`counts`: delivered, attempts, and refusals by HTTP status or error name."""

    def __init__(self, url: str | None, app_secret: str, knobs: Knobs) -> None:
        self._url, self._secret, self._knobs = url, app_secret, knobs
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[bool]] = set()
        self.counts: Counter[str] = Counter()

    @property
    def pending(self) -> int:
        return len(self._tasks)

    async def start(self) -> None:
        connector = aiohttp.TCPConnector(limit=CONCURRENT)
        self._session = aiohttp.ClientSession(connector=connector, timeout=TIMEOUT)

    async def close(self) -> None:
        await self.cancel()
        if self._session is not None:
            await self._session.close()

    async def cancel(self) -> None:
        """Give up what is still undelivered."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def send(self, webhook: payloads.Json) -> asyncio.Task[bool]:
        """A task that ends when the webhook was answered 200 (True) or has no URL (False)."""
        body = payloads.encode(webhook)
        return self.send_raw(body, payloads.sign(self._secret, body))

    def send_raw(self, body: bytes, signature: str) -> asyncio.Task[bool]:
        if self._knobs.duplicate_webhooks:
            self._start(body, signature)
        return self._start(body, signature)

    def _start(self, body: bytes, signature: str) -> asyncio.Task[bool]:
        task = asyncio.create_task(self._deliver(body, signature))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def sign(self, body: bytes) -> str:
        return payloads.sign(self._secret, body)

    async def _deliver(self, body: bytes, signature: str) -> bool:
        if self._url is None:
            return False
        wait = FIRST_WAIT
        while not await self._attempt(self._url, body, signature):
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        return True

    async def _attempt(self, url: str, body: bytes, signature: str) -> bool:
        assert self._session is not None, "start() was not called"
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": signature}
        self.counts["attempts"] += 1
        try:
            async with self._session.post(url, data=body, headers=headers) as response:
                outcome = "delivered" if response.status == 200 else f"status_{response.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            outcome = type(error).__name__
        self.counts[outcome] += 1
        return outcome == "delivered"


class Handshake:
    """Meta's GET when a webhook URL is registered, tried until the receiver is there.

    `result` is "verified", or begins with waiting, refused (with what came back) or none.
    """

    def __init__(self, url: str | None, verify_token: str) -> None:
        self._url, self._verify_token = url, verify_token
        self.result = "waiting" if url else "none: no webhook URL is set"

    async def run(self, wait: float = 0.5) -> None:
        if self._url is None:
            return
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            while not await self._verified(session, self._url):
                await asyncio.sleep(wait)
        log.info("webhook_verified")

    async def _verified(self, session: aiohttp.ClientSession, url: str) -> bool:
        challenge = str(secrets.randbelow(10**9))
        query: dict[str, Any] = {
            "hub.mode": "subscribe",
            "hub.challenge": challenge,
            "hub.verify_token": self._verify_token,
        }
        try:
            async with session.get(url, params=query) as response:
                body = (await response.content.read(100)).decode(errors="replace")
                result = handshake_result(response.status, body, challenge)
        except (aiohttp.ClientError, TimeoutError) as error:
            result = f"waiting: nobody answers ({type(error).__name__})"
        if result not in (self.result, "verified"):
            log.warning("webhook_not_verified", url=url, reason=result)
        self.result = result
        return result == "verified"


def handshake_result(status: int, body: str, challenge: str) -> str:
    if status != 200:
        return f"refused: HTTP {status}; is the verify token the same on both sides?"
    return "verified" if body == challenge else "refused: the answer is not the challenge"
