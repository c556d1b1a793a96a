"""messages.inbound -> "read" and "typing…", at best effort: nothing waits for it or fails by it.

A mark of the newest message also marks the earlier ones. Typing shows until the reply, at most
25 s, so a message that comes late is left alone.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from common.events import MessageReceived, TenantConfig
from common.service import metrics
from common.service.clock import Clock
from sender.graph import Graph
from sender.payloads import read_and_typing
from sender.tokens import NoToken, Tokens

log = structlog.get_logger()
FRESH = timedelta(seconds=20)
QUIET_SECONDS = 1.0  # at most one mark per conversation in this time: bursts
IN_FLIGHT = 50
REMEMBERED = 10_000


class ShowTyping:
    """The handler of messages.inbound; `take` runs on the loop's thread, the handler on any."""

    def __init__(
        self,
        tenant_of: Callable[[str], TenantConfig | None],
        graph: Graph,
        tokens: Tokens,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._tenant_of, self._graph, self._tokens = tenant_of, graph, tokens
        self._clock, self._loop = clock, loop
        self._marked: OrderedDict[str, float] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, messages: Sequence[MessageReceived]) -> None:
        self._loop.call_soon_threadsafe(self.take, messages)

    def take(self, messages: Sequence[MessageReceived]) -> None:
        newest = {message.conversation: message for message in messages}
        for message in newest.values():
            if tenant := self._wanted(message):
                self._remember(message.conversation)
                task = self._loop.create_task(self._mark(tenant, message))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _wanted(self, message: MessageReceived) -> TenantConfig | None:
        """The client to show typing for, or None."""
        tenant = self._tenant_of(message.phone_number_id)
        marked = self._marked.get(message.conversation, -QUIET_SECONDS)
        if (
            tenant is None
            or not tenant.active
            or tenant.tenant_id != message.tenant_id
            or self._clock.now() - message.sent_at > FRESH
            or self._clock.monotonic() - marked < QUIET_SECONDS
        ):
            return None
        if len(self._tasks) >= IN_FLIGHT:
            metrics.GRAPH_CALLS.labels("mark", "dropped").inc()
            return None
        return tenant

    def _remember(self, conversation: str) -> None:
        self._marked[conversation] = self._clock.monotonic()
        self._marked.move_to_end(conversation)
        if len(self._marked) > REMEMBERED:
            self._marked.popitem(last=False)

    async def _mark(self, tenant: TenantConfig, message: MessageReceived) -> None:
        try:
            token = self._tokens.of(tenant)
            await self._graph.mark(tenant.phone_number_id, token, read_and_typing(message.wamid))
        except NoToken:
            return
        except Exception as error:
            log.warning("mark_failed", exc_info=error)

    async def start(self) -> None:
        """Nothing to start: the consumer brings the work."""

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
