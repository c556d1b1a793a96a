"""A whole sender on real parts, with what goes in and what comes out."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from tests.support.kafka import PARTITIONS

from common.events import (
    DeliveryChanged,
    Event,
    MessageReceived,
    OutcomeRecorded,
    ReplyReady,
    StatusReceived,
    TenantConfig,
    event_id,
)
from common.kafka.compacted import CompactedView
from common.kafka.producer import Producer
from common.kafka.record import as_bytes
from common.postgres.database import driver_url
from common.sealed import KeyRing
from common.service.lifecycle import Lifecycle
from common.topics import (
    DELIVERIES_EVENTS,
    MESSAGES_INBOUND,
    MESSAGES_OUTCOME,
    MESSAGES_STATUS,
    REPLIES_OUTBOUND,
    TENANTS_CONFIG,
    Topic,
)
from sender.settings import Settings
from sender.wiring import build

E = TypeVar("E", bound=Event)
NUMBER, CONTACT, PHONE = "100000000000001", "ES.13491208655302741918", "34600111222"
TRACE = "0af7651916cd43dd8448eb211c80319c"
TOKEN = "token-of-all-numbers"
OUT = (DELIVERIES_EVENTS, MESSAGES_OUTCOME)
WITHIN = 20.0


def a_tenant(tenant_id: int = 1, **fields: Any) -> TenantConfig:
    now = datetime.now(UTC)
    return TenantConfig(
        **{
            "event_id": event_id("tenant", tenant_id, now),
            "trace_id": TRACE,
            "tenant_id": tenant_id,
            "occurred_at": now,
            "name": "Panadería Sol",
            "phone_number": "+34911000001",
            "phone_number_id": NUMBER,
            "assistant_id": "asst_1",
            "active": True,
            "version": 1,
            "updated_at": now,
        }
        | fields
    )


def a_reply(reply_id: str, **fields: Any) -> ReplyReady:
    now = datetime.now(UTC)
    return ReplyReady(
        **{
            "event_id": event_id("reply", reply_id),
            "trace_id": TRACE,
            "tenant_id": 1,
            "occurred_at": now,
            "phone_number_id": NUMBER,
            "contact_id": CONTACT,
            "reply_id": reply_id,
            "kind": "answer",
            "text": f"answer {reply_id}",
            "answers": (f"wamid.IN-{reply_id}",),
            "wa_id": PHONE,
            "last_inbound_at": now - timedelta(seconds=3),
        }
        | fields
    )


def a_status(wamid: str, status: str, **fields: Any) -> StatusReceived:
    now = datetime.now(UTC)
    return StatusReceived(
        **{
            "event_id": event_id("status", wamid, status),
            "trace_id": TRACE,
            "tenant_id": 1,
            "occurred_at": now,
            "phone_number_id": NUMBER,
            "contact_id": CONTACT,
            "wamid": wamid,
            "status": status,
            "status_at": now,
        }
        | fields
    )


def a_message(wamid: str, **fields: Any) -> MessageReceived:
    now = datetime.now(UTC)
    return MessageReceived(
        **{
            "event_id": event_id("message", wamid),
            "trace_id": TRACE,
            "tenant_id": 1,
            "occurred_at": now,
            "phone_number_id": NUMBER,
            "contact_id": CONTACT,
            "wamid": wamid,
            "kind": "text",
            "text": "hola",
            "sent_at": now,
            "received_at": now,
        }
        | fields
    )


class Heard:
    """What the sender publishes, in the order of each key, without the second copies that an
    at-least-once outbox may send."""

    def __init__(self, bootstrap: str) -> None:
        self._values: dict[str, list[bytes]] = {topic.name: [] for topic in OUT}
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "tests"})
        self._consumer.assign(
            [
                TopicPartition(topic.name, partition, OFFSET_BEGINNING)
                for topic in OUT
                for partition in range(PARTITIONS)
            ]
        )

    def so_far(self, topic: Topic, event: type[E]) -> list[E]:
        for message in self._consumer.consume(1000, 0.05):
            if message.error() is None:
                self._values[message.topic() or ""].append(as_bytes(message.value()) or b"")
        decoded = [event.decode(value) for value in self._values[topic.name]]
        return list({each.event_id: each for each in decoded}.values())

    def close(self) -> None:
        self._consumer.close()


@dataclass
class RunningSender:
    database_url: str
    ring: KeyRing
    producer: Producer
    heard: Heard
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
        await eventually(lambda: self.tenants.get(tenant.phone_number_id))

    async def reply(self, *replies: ReplyReady) -> None:
        for reply in replies:
            await self.publish(REPLIES_OUTBOUND, reply.conversation, reply)

    async def status(self, *statuses: StatusReceived) -> None:
        for status in statuses:
            await self.publish(MESSAGES_STATUS, status.conversation, status)

    async def message(self, *messages: MessageReceived) -> None:
        for message in messages:
            await self.publish(MESSAGES_INBOUND, message.conversation, message)

    def rows(self, columns: str = "status") -> list[tuple[Any, ...]]:
        query = f"select {columns} from delivery order by id"
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def execute(self, statement: str) -> int:
        with self.engine.begin() as connection:
            return connection.exec_driver_sql(statement).rowcount

    def hurried(self, condition: Callable[[], Any]) -> Callable[[], Any]:
        """The condition, asked after what waits for its time was made due."""

        def ask() -> Any:
            self.execute("update delivery set due_at = now() where state = 0")
            return condition()

        return ask

    def statuses(self) -> list[str]:
        return [row[0] for row in self.rows()]

    def deliveries(self) -> list[DeliveryChanged]:
        return self.heard.so_far(DELIVERIES_EVENTS, DeliveryChanged)

    def outcomes(self) -> list[OutcomeRecorded]:
        return self.heard.so_far(MESSAGES_OUTCOME, OutcomeRecorded)


async def eventually(condition: Callable[[], Any], seconds: float = WITHIN) -> Any:
    """The first true value of `condition`, asked in a thread."""
    deadline = time.monotonic() + seconds
    while not (value := await asyncio.to_thread(condition)):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.02)
    return value


@asynccontextmanager
async def running_sender(
    bootstrap: str, database_url: str, graph_url: str, folder: Path, **settings: Any
) -> AsyncIterator[RunningSender]:
    """Started and ready; drained at the end."""
    ring = KeyRing.fresh()
    ring_file = folder / "ring.json"
    if ring_file.exists():
        ring = KeyRing.read(ring_file)
    ring_file.write_text(ring.model_dump_json())
    life = Lifecycle("sender")
    given: dict[str, Any] = {
        "kafka_bootstrap_servers": bootstrap,
        "database_url": database_url,
        "whatsapp_graph_url": graph_url,
        "whatsapp_access_token": TOKEN,
        "key_ring_file": ring_file,
        "slots": 20,
    }
    producer, heard = Producer(bootstrap), Heard(bootstrap)
    parts = [producer, *build(Settings(**given | settings), life)]
    started = []
    try:
        for part in parts:
            started.append(part)
            await part.start()
        tenants = next(part for part in parts if isinstance(part, CompactedView))
        yield RunningSender(database_url, ring, producer, heard, tenants)
    finally:
        heard.close()
        for part in reversed(started):
            await part.stop()
