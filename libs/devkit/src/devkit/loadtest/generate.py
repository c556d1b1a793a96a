"""Posts signed webhooks open-loop: by the schedule, however long the answers take."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import aiohttp

from devkit.emulators.whatsapp import payloads
from devkit.loadtest.evidence import Acked
from devkit.loadtest.plan import Due, Endpoints, LoadPlan, schedule

POST_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5)
FIRST_RETRY = 0.5
LONGEST_RETRY = 8.0
AHEAD = 0.001  # shorter waits are not worth a timer


@dataclass(slots=True)
class Sent:
    """What left and what came back. `refusals` counts answers other than 200 by status, 0 for
    none; `unacked` are messages that were never answered 200."""

    acked: list[Acked] = field(default_factory=list)
    unacked: list[str] = field(default_factory=list)
    posts: int = 0
    refusals: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0


class Generator:
    """One run. A conversation's next message waits for the ack of the one before: without that
    their order would mean nothing."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        plan: LoadPlan,
        endpoints: Endpoints,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.session, self.plan, self.endpoints, self.clock = session, plan, endpoints, clock
        self.sent = Sent()
        self._last: dict[str, asyncio.Task[None]] = {}
        self._copies: set[asyncio.Task[bool]] = set()

    async def run(self) -> Sent:
        start, tasks = self.clock(), list[asyncio.Task[None]]()
        for due in schedule(self.plan):
            ahead = start + due.after - self.clock()
            await asyncio.sleep(ahead if ahead > AHEAD else 0)
            before = self._last.get(due.contact.user_id)
            task = asyncio.create_task(self._send(due, start + due.after, before))
            self._last[due.contact.user_id] = task
            tasks.append(task)
        await asyncio.gather(*tasks)
        self.sent.seconds = self.clock() - start
        await asyncio.gather(*self._copies)
        return self.sent

    async def _send(self, due: Due, due_at: float, before: asyncio.Task[None] | None) -> None:
        if before:
            await before
        body = self._body(due)
        copies = [self._copy(body, number) for number in range(self.plan.duplicates)]
        self._copies.update(copies)
        if await any_true(copies):
            self.sent.acked.append(Acked(due.token, due.wamid, due_at, self.clock()))
        else:
            self.sent.unacked.append(str(due.token))

    def _copy(self, body: bytes, number: int) -> asyncio.Task[bool]:
        task = asyncio.create_task(self._deliver(body, number * self.plan.duplicate_spacing))
        task.add_done_callback(self._copies.discard)
        return task

    def _body(self, due: Due) -> bytes:
        text = f"{self.plan.text} {due.token}"
        message = payloads.text(due.contact, due.wamid, self.clock(), text)
        return payloads.encode(payloads.inbound(due.tenant.business, due.contact, message))

    async def _deliver(self, body: bytes, after: float) -> bool:
        """Whether it was answered 200 before the retries were used up."""
        await asyncio.sleep(after)
        give_up, wait = self.clock() + self.plan.retry_seconds, FIRST_RETRY
        while True:
            status = await self._post(body)
            if status == 200:
                return True
            self.sent.refusals[status] = self.sent.refusals.get(status, 0) + 1
            if self.clock() + wait > give_up:
                return False
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_RETRY)

    async def _post(self, body: bytes) -> int:
        self.sent.posts += 1
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": payloads.sign(self.endpoints.app_secret, body),
        }
        try:
            async with self.session.post(
                self.endpoints.webhook_url, data=body, headers=headers
            ) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 0


async def any_true(tasks: Iterable[asyncio.Task[bool]]) -> bool:
    """As soon as one is."""
    for finished in asyncio.as_completed(tasks):
        if await finished:
            return True
    return False


def client(connections: int) -> aiohttp.ClientSession:
    """Keep-alive connections, as Meta's."""
    connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=60)
    return aiohttp.ClientSession(connector=connector, timeout=POST_TIMEOUT)
