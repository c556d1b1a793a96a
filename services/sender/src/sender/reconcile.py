"""messages.status -> what became of our messages, a whole batch in one transaction.

A status is matched by its tag, else by the message's id. One that matches nothing is parked: it may
have overtaken the answer to its own send, for Meta promises no order, or be another app's.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from common.events import StatusReceived
from common.outbox import OutboxRow, add
from common.postgres.database import Database
from common.service import metrics
from common.service.clock import Clock
from common.work import Hint
from sender import statuses
from sender.announce import replies_ended
from sender.follow import Following, News
from sender.tables import DELIVERY
from sender.tag import Tags

log = structlog.get_logger()
SWEEP_EVERY = 5.0
FORGET_EVERY = 600.0


class Effects(NamedTuple):
    """Rows to publish after the commit, and deliveries that became due."""

    rows: Sequence[OutboxRow]
    hints: Sequence[Hint]


class Reconcile:
    """The handler of messages.status."""

    def __init__(self, tags: Tags, clock: Clock) -> None:
        self._tags, self._clock = tags, clock

    def __call__(self, connection: Connection, batch: Sequence[StatusReceived]) -> Effects:
        return self.settle(connection, [self._news(status) for status in batch])

    def _news(self, status: StatusReceived) -> News:
        return News(
            status.tenant_id,
            status.wamid,
            status.status,
            status.status_at,
            status.error_code,
            status.error_title,
            self._tags.delivery_of(status.tenant_id, status.tag),
        )

    def settle(self, connection: Connection, news: Sequence[News]) -> Effects:
        """A delivery that a status proves sent is ended; the next of the conversation may leave."""
        following = Following(statuses.lock(connection, news))
        for one in news:
            following.apply(one)
        after = [*statuses.settling(following.changes), *statuses.parking(following.strangers)]
        report(following)
        ended, now = following.ended, self._clock.now()
        drafts = [*following.drafts, *replies_ended(connection, ended, now, after)]
        hints = DELIVERY.successors(connection, [delivery.id for delivery in ended])
        return Effects(add(connection, drafts), hints)

    def settle_parked(self, connection: Connection) -> Effects:
        news = statuses.take_known(connection)
        return self.settle(connection, news) if news else Effects((), ())


def report(following: Following) -> None:
    for change in following.changes.values():
        metrics.DELIVERIES.labels(change.status).inc()
    for delivery in following.doubles:
        metrics.DELIVERIES.labels("duplicate_suspected").inc()
        log.warning("duplicate_suspected", delivery_id=delivery.delivery_id)


class Parked:
    """A Component: settles parked statuses once their message is known, forgets the others in time.

    A sweep, for a status and the answer to its send can commit at the same moment, each blind to
    the other.
    """

    def __init__(
        self, database: Database, reconcile: Reconcile, then: Callable[[Effects], None]
    ) -> None:
        self._database, self._reconcile, self._then = database, reconcile, then
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        self._ended.set()
        if self._task:
            await self._task

    async def _sweep(self) -> None:
        sweeps = 0
        while not self._ended.is_set():
            try:
                if sweeps % (FORGET_EVERY // SWEEP_EVERY) == 0:
                    await self._database.transaction(statuses.forget)
                self._then(await self._database.transaction(self._reconcile.settle_parked))
            except Exception as error:
                log.warning("parked_waits", exc_info=error)
            sweeps += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), SWEEP_EVERY)
