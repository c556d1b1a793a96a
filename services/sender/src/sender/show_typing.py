"""turns.progress -> "read" and "typing…", at best effort: nothing waits for it or fails with it.

Marking the newest message also marks the earlier ones. WhatsApp shows "typing…" until a message
comes, for 25 s at most, and it cannot be taken back; so only the assistant knows when it is due.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence

import structlog

from common.events import ReplyReady, TenantConfig, TurnProgress
from common.service import metrics
from common.service.clock import Clock
from common.tenant_secrets import NoSecret, TenantSecrets
from sender.whatsapp.graph_client import GraphClient
from sender.whatsapp.payloads import read, read_and_typing

log = structlog.get_logger()
MARKS = {"answering": read_and_typing, "still_answering": read_and_typing, "recorded": read}
MAX_IN_FLIGHT = 50
MAX_ANSWERED = 10_000  # messages, of the last replies


class ShowTyping:
    """turns.progress: `handle` and `note_replies` run on the consumers' threads.

    silenced(events): conversations that were opted out, or got a person, since their turn began.
    """

    def __init__(
        self,
        tenant_of: Callable[[str], TenantConfig | None],
        silenced: Callable[[Sequence[TurnProgress]], Collection[str]],
        graph: GraphClient,
        tokens: TenantSecrets,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._tenant_of = tenant_of
        self._silenced = silenced
        self._graph = graph
        self._tokens = tokens
        self._clock = clock
        self._loop = loop
        self._answered: OrderedDict[str, None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def handle(self, events: Sequence[TurnProgress]) -> None:
        """A turn that has lasted for long may have been overtaken by a command."""
        newest = {event.conversation: event for event in events}
        long = [event for event in newest.values() if event.state == "still_answering"]
        for conversation in self._silenced(long) if long else ():
            del newest[conversation]
        self._loop.call_soon_threadsafe(self.schedule, list(newest.values()))

    def note_replies(self, replies: Sequence[ReplyReady]) -> None:
        """Nothing shows "typing…" after the reply."""
        wamids = [wamid for reply in replies for wamid in reply.answers]
        self._loop.call_soon_threadsafe(self._note_answered, wamids)

    def _note_answered(self, wamids: Sequence[str]) -> None:
        self._answered.update(dict.fromkeys(wamids))
        while len(self._answered) > MAX_ANSWERED:
            self._answered.popitem(last=False)

    def schedule(self, events: Sequence[TurnProgress]) -> None:
        for event in events:
            if tenant := self._tenant_to_mark(event):
                task = self._loop.create_task(self._mark(tenant, event))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _tenant_to_mark(self, event: TurnProgress) -> TenantConfig | None:
        """The tenant to mark the message for; None where it is not to be marked."""
        tenant = self._tenant_of(event.phone_number_id)
        if (
            event.state not in MARKS
            or tenant is None
            or not tenant.active
            or tenant.tenant_id != event.tenant_id
            or self._clock.now() >= event.until
        ):
            return None
        if len(self._tasks) >= MAX_IN_FLIGHT:
            metrics.GRAPH_CALLS.labels("mark", "dropped").inc()
            return None
        return tenant

    async def _mark(self, tenant: TenantConfig, event: TurnProgress) -> None:
        mark = read if event.wamid in self._answered else MARKS[event.state]
        try:
            token = self._tokens.secret_of(tenant)
            await self._graph.mark_read(tenant.phone_number_id, token, mark(event.wamid))
        except NoSecret:
            return
        except Exception as error:
            log.warning("mark_failed", exc_info=error)

    async def start(self) -> None:
        """Nothing to start: the consumer brings the work."""

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
