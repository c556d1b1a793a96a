"""A table or a right that is missing is our fault: consumers wait for it and give nothing up."""

from collections.abc import Iterator, Sequence

import pytest
import sqlalchemy as sa
from tests.support.builders import a_message
from tests.support.components import running_components
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase
from tests.support.records import produce, read_records
from tests.support.sample_service import SCHEMA, create_tables, receive
from tests.support.sample_work import query
from tests.support.waiting import eventually_async

from common.events import MessageReceived
from common.kafka.consumer import BatchConsumer
from common.kafka.dead_letter import DeadLetters
from common.kafka.producer import Producer
from common.postgres.connection import Connection
from common.postgres.database import Database, in_transaction
from common.postgres.errors import wait_reason
from common.service.lifecycle import Component, Lifecycle
from common.service.settings import KafkaSettings
from common.topics import MESSAGES_INBOUND, dlq_of
from common.work import Lease

pytestmark = pytest.mark.integration
CHECK = f"consumer:{MESSAGES_INBOUND.name}"
USER, PASSWORD = "of_the_consumer", "of-a-test"


@pytest.fixture
def url(new_database: NewDatabase) -> Iterator[str]:
    """As its owner; the consumer's user has rights of its own."""
    made = new_database()
    create_tables(made)
    query(made, f"create role {USER} login password '{PASSWORD}'")
    query(made, f"grant usage on schema {SCHEMA} to {USER}")
    query(made, f"grant select, insert, update on all tables in schema {SCHEMA} to {USER}")
    yield made
    query(made, f"drop owned by {USER}")
    query(made, f"drop role {USER}")


def store(connection: Connection, events: Sequence[MessageReceived]) -> None:
    receive(connection, events, Lease(None, 0))


def consuming(kafka: KafkaSettings, url: str, life: Lifecycle) -> Sequence[Component]:
    own = sa.engine.make_url(url).set(username=USER, password=PASSWORD)
    database = Database(own.render_as_string(hide_password=False), SCHEMA, life)
    producer = Producer(kafka, life)
    consumer = BatchConsumer(
        kafka,
        MESSAGES_INBOUND,
        MessageReceived,
        in_transaction(database, store),
        life=life,
        dead_letters=DeadLetters("tests", producer, life.loop),
        wait_reason=wait_reason,
    )
    return [database, producer, consumer]


@pytest.mark.parametrize(
    ("fault", "cure"),
    [
        ("alter table received rename to gone", "alter table gone rename to received"),
        (f"revoke insert on received from {USER}", f"grant insert on received to {USER}"),
    ],
)
async def test_consumers_wait_until_an_operator_has_mended_it(
    kafka: Broker, url: str, fault: str, cure: str
) -> None:
    query(url, fault)
    messages = [a_message(str(n), wamid=f"w{n}") for n in range(30)]
    records = [(str(n), message.encode()) for n, message in enumerate(messages)]
    produce(kafka.settings, MESSAGES_INBOUND, records)
    async with running_components(lambda life: consuming(kafka.settings, url, life)) as life:
        await eventually_async(lambda: CHECK in life.health.not_ready(), "the check to fail")
        query(url, cure)
        stored = "select count(*) from received"
        await eventually_async(lambda: query(url, stored) == [(30,)], "every message stored")
        await eventually_async(lambda: CHECK not in life.health.not_ready(), "the check to pass")
        assert life.fatals == []
    assert read_records(kafka.settings, dlq_of(MESSAGES_INBOUND)) == []
