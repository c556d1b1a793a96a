"""The assistant as its own process, so that it can be killed; fed and read through Kafka."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from confluent_kafka import Producer
from tests.support.postgres import driver_url
from tests.support.processes import Process, drain, kill, start_module
from tests.support.records import read_events
from tests.support.waiting import eventually

from common.events import Event, MessageReceived, ReplyReady
from common.kafka.producer import producer_config
from common.service.settings import KafkaSettings
from common.topics import MESSAGES_INBOUND, REPLIES_OUTBOUND, Topic
from devkit.stack.ports import free_ports

STORED = "select count(*) from message where role = 'u'"
WAITING_TO_STORE = (
    "select count(*) from pg_stat_activity where datname = current_database()"
    " and wait_event_type = 'Lock' and query like '%given as (%'"
)


@dataclass
class AssistantProcess:
    """Started and killed at will; what it has stored and published is looked at from outside."""

    kafka: KafkaSettings
    url: str
    model_url: str
    log: Path
    processes: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = sa.create_engine(driver_url(self.url), isolation_level="AUTOCOMMIT")

    def start(self) -> None:
        environment = {
            **self.kafka.kafka_environment(),
            "DATABASE_URL": self.url,
            "OPENAI_API_KEY": "key-of-these-tests",
            "OPENAI_BASE_URL": f"{self.model_url}/v1",
            "HEALTH_PORT": str(free_ports(1)[0]),
        }
        self.processes.append(start_module("assistant.main", environment, self.log))

    def kill(self) -> None:
        kill(self.processes[-1])

    def drain(self) -> int:
        """SIGTERM; the exit code."""
        return drain(self.processes[-1])

    def publish(self, topic: Topic, *pairs: tuple[str, Event]) -> None:
        producer = Producer(producer_config(self.kafka, deadline_ms=20_000, linger_ms=5))
        for key, event in pairs:
            producer.produce(topic.name, key=key.encode(), value=event.encode())
        assert producer.flush(20) == 0

    def send(self, messages: Sequence[MessageReceived]) -> None:
        self.publish(MESSAGES_INBOUND, *((message.conversation, message) for message in messages))

    def count(self, query: str) -> int:
        with self.engine.connect() as connection:
            connection.exec_driver_sql("set search_path = assistant")
            count: Any = connection.execute(sa.text(query)).scalar()
            return int(count)

    @contextmanager
    def turns_locked(self) -> Iterator[None]:
        """Meanwhile no turn can be claimed or finished."""
        with self.engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
            connection.exec_driver_sql("lock table assistant.turn in share row exclusive mode")
            yield

    def wait_until_settled(self, messages: int) -> None:
        """Until so many messages are stored, no turn is open and every event is out."""
        eventually(lambda: self.count(STORED) == messages, "messages to be stored")
        eventually(self._is_settled, "turns to end")

    def _is_settled(self) -> bool:
        open_turns = self.count("select count(*) from turn where finished_at is null")
        return open_turns + self.count("select count(*) from outbox") == 0

    def replies(self) -> list[ReplyReady]:
        return read_events(self.kafka, REPLIES_OUTBOUND, ReplyReady)

    def stop(self) -> None:
        for process in self.processes:
            kill(process)
        self.engine.dispose()
