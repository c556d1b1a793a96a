"""messages.inbound -> "read" and "typing…", at best effort: nothing waits for it or fails with it.

Marking the newest message also marks the earlier ones. Typing shows until the reply, at most 25 s,
so an old message is not marked.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from common.events import MessageReceived, TenantConfig
from common.service import metrics
from common.service.clock import Clock
from common.tenant_secrets import NoSecret, TenantSecrets
from sender.whatsapp.graph_client import GraphClient
from sender.whatsapp.payloads import read_and_typing

log = structlog.get_logger()
MAX_AGE = timedelta(seconds=20)
MARK_EVERY_SECONDS = 1.0  # at most one mark per conversation in this time, for bursts
MAX_IN_FLIGHT = 50
MAX_CONVERSATIONS = 10_000


class ShowTyping:
    """messages.inbound: `handle` runs on the consumer's thread, `schedule` on the loop's."""

    def __init__(
        self,
        tenant_of: Callable[[str], TenantConfig | None],
        graph: GraphClient,
        tokens: TenantSecrets,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._tenant_of = tenant_of
        self._graph = graph
        self._tokens = tokens
        self._clock = clock
        self._loop = loop
        self._marked: OrderedDict[str, float] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def handle(self, messages: Sequence[MessageReceived]) -> None:
        self._loop.call_soon_threadsafe(self.schedule, messages)

    def schedule(self, messages: Sequence[MessageReceived]) -> None:
        """Not for what only changes an earlier message or the contact."""
        newest = {message.conversation: message for message in messages if not message.is_change}
        for message in newest.values():
            if tenant := self._tenant_to_mark(message):
                self._record_mark(message.conversation)
                task = self._loop.create_task(self._mark(tenant, message))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _tenant_to_mark(self, message: MessageReceived) -> TenantConfig | None:
        """The tenant to mark the message for; None where it is not to be marked."""
        tenant = self._tenant_of(message.phone_number_id)
        marked = self._marked.get(message.conversation, -MARK_EVERY_SECONDS)
        if (
            tenant is None
            or not tenant.active
            or tenant.tenant_id != message.tenant_id
            or self._clock.now() - message.sent_at > MAX_AGE
            or self._clock.monotonic() - marked < MARK_EVERY_SECONDS
        ):
            return None
        if len(self._tasks) >= MAX_IN_FLIGHT:
            metrics.GRAPH_CALLS.labels("mark", "dropped").inc()
            return None
        return tenant

    def _record_mark(self, conversation: str) -> None:
        self._marked[conversation] = self._clock.monotonic()
        self._marked.move_to_end(conversation)
        if len(self._marked) > MAX_CONVERSATIONS:
            self._marked.popitem(last=False)

    async def _mark(self, tenant: TenantConfig, message: MessageReceived) -> None:
        try:
            token = self._tokens.secret_of(tenant)
            await self._graph.mark_read(
                tenant.phone_number_id, token, read_and_typing(message.wamid)
            )
        except NoSecret:
            return
        except Exception as error:
            log.warning("mark_failed", exc_info=error)

    async def start(self) -> None:
        """Nothing to start: the consumer brings the work."""

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
