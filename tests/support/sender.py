"""A whole sender on a real broker and database, with what goes in and what comes out."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from tests.support import builders
from tests.support.components import keep_running
from tests.support.postgres import driver_url
from tests.support.records import TopicFollower
from tests.support.waiting import eventually_in_thread

from common.events import (
    DeliveryChanged,
    Event,
    OutcomeRecorded,
    ReplyReady,
    StatusReceived,
    TenantConfig,
    TurnProgress,
)
from common.kafka.compacted import CompactedView
from common.kafka.producer import Producer
from common.kafka.record import Record
from common.key_rings import KeyRing, KeyRings
from common.service.lifecycle import Lifecycle
from common.service.settings import KafkaSettings
from common.topics import (
    DELIVERIES_EVENTS,
    MESSAGES_OUTCOME,
    MESSAGES_STATUS,
    REPLIES_OUTBOUND,
    TENANTS_CONFIG,
    TURNS_PROGRESS,
    Topic,
)
from common.work import WorkState
from sender.settings import Settings
from sender.whatsapp.graph_client import CALL_SECONDS
from sender.wiring import build

E = TypeVar("E", bound=Event)
T = TypeVar("T")
PHONE, TOKEN = "34600111222", "token-of-all-numbers"
PUBLISHED = (DELIVERIES_EVENTS, MESSAGES_OUTCOME)


def moments(*names: str) -> dict[str, datetime]:
    """Now: the sender minds WhatsApp's 24 hours."""
    return dict.fromkeys(("occurred_at", *names), datetime.now(UTC))


def a_tenant(tenant_id: int = 1, **fields: Any) -> TenantConfig:
    return builders.a_tenant(tenant_id=tenant_id, **moments("updated_at") | fields)


def a_reply(reply_id: str, **fields: Any) -> ReplyReady:
    values: dict[str, Any] = {
        "reply_id": reply_id,
        "answers": (f"wamid.IN-{reply_id}",),
        "wa_id": PHONE,
    }
    values |= {"text": f"answer {reply_id}"} | moments("last_inbound_at") | fields
    return builders.a_reply(**values)


def a_status(wamid: str, status: str, **fields: Any) -> StatusReceived:
    return builders.a_status(status, wamid=wamid, **moments("status_at") | fields)


def progress(state: str, wamid: str, **fields: Any) -> TurnProgress:
    soon = {"until": datetime.now(UTC) + timedelta(seconds=60)}
    return builders.a_progress(state, wamid=wamid, **moments("since") | soon | fields)


class PublishedEvents:
    """What the sender publishes, in the order of each key, without the second copies that an
    at-least-once outbox may send."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._records: list[Record] = []
        self._follower = TopicFollower(kafka, PUBLISHED)

    def so_far(self, topic: Topic, event: type[E]) -> list[E]:
        self._records += self._follower.read_on()
        values = [record.value for record in self._records if record.topic == topic.name]
        decoded = [event.decode(value) for value in values]
        return list({each.event_id: each for each in decoded}.values())

    def close(self) -> None:
        self._follower.close()


@dataclass
class RunningSender:
    database_url: str
    ring: KeyRing
    producer: Producer
    published: PublishedEvents
    tenants: CompactedView[TenantConfig]
    engine: sa.Engine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = sa.create_engine(
            driver_url(self.database_url), connect_args={"options": "-c search_path=sender"}
        )

    async def publish(self, topic: Topic, key: str, *events: Event) -> None:
        for event in events:
            await self.producer.send(topic, key, event.encode())

    async def add_tenant(self, tenant: TenantConfig) -> None:
        """Returns once the sender knows the number: another topic may overtake this one."""
        await self.publish(TENANTS_CONFIG, tenant.phone_number_id, tenant)
        await eventually_in_thread(lambda: self.tenants.get(tenant.phone_number_id))

    async def reply(self, *replies: ReplyReady) -> None:
        for reply in replies:
            await self.publish(REPLIES_OUTBOUND, reply.conversation, reply)

    async def status(self, *statuses: StatusReceived) -> None:
        for status in statuses:
            await self.publish(MESSAGES_STATUS, status.conversation, status)

    async def progress(self, *events: TurnProgress) -> None:
        for event in events:
            await self.publish(TURNS_PROGRESS, event.conversation, event)

    def rows(self, columns: str = "status") -> list[tuple[Any, ...]]:
        query = f"select {columns} from delivery order by id"
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def states(self) -> dict[str, datetime]:
        """Since when conversations are opted out or have a person."""
        with self.engine.connect() as connection:
            rows = connection.exec_driver_sql("select conversation, since from conversation_state")
            return {row[0]: row[1] for row in rows}

    def execute(self, statement: str) -> int:
        with self.engine.begin() as connection:
            return connection.exec_driver_sql(statement).rowcount

    async def transaction(self, body: Callable[[sa.Connection], T]) -> T:
        """Beside the sender's own; here, so that nothing else of the test goes on meanwhile."""
        with self.engine.begin() as connection:
            return body(connection)

    def hurried(self, condition: Callable[[], Any]) -> Callable[[], Any]:
        """The condition, asked after what waits for its time was made due."""

        def ask() -> Any:
            self.execute(
                "update delivery set due_at = now() - interval '1 second'"
                f" where state = {WorkState.WAITING:d}"
            )
            return condition()

        return ask

    def statuses(self) -> list[str]:
        return [row[0] for row in self.rows()]

    def deliveries(self) -> list[DeliveryChanged]:
        return self.published.so_far(DELIVERIES_EVENTS, DeliveryChanged)

    def outcomes(self) -> list[OutcomeRecorded]:
        return self.published.so_far(MESSAGES_OUTCOME, OutcomeRecorded)


@asynccontextmanager
async def running_sender(
    kafka: KafkaSettings,
    database_url: str,
    graph_url: str,
    folder: Path,
    call_seconds: float = CALL_SECONDS,
    **settings: Any,
) -> AsyncIterator[RunningSender]:
    """Started and ready; drained at the end. call_seconds: the deadline of a call of Graph."""
    ring = KeyRing.fresh()
    ring_file = folder / "ring.json"
    if ring_file.exists():
        ring = KeyRings.read(ring_file).ring("access_token")
    ring_file.write_text(KeyRings(access_token=ring).text())
    life = Lifecycle("sender")
    given: dict[str, Any] = {
        **kafka.model_dump(),
        "database_url": database_url,
        "whatsapp_graph_url": graph_url,
        "whatsapp_access_token": TOKEN,
        "key_ring_file": ring_file,
        "slots": 20,
    }
    producer, published = Producer(kafka, life), PublishedEvents(kafka)
    components = [producer, *build(Settings(**given | settings), life, call_seconds)]
    with closing(published):
        async with keep_running(components):
            tenants = next(view for view in components if isinstance(view, CompactedView))
            yield RunningSender(database_url, ring, producer, published, tenants)
