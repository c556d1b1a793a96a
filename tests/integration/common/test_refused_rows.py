"""Outbox rows that no broker takes: set aside, shown, and no hindrance to their key's next rows."""

from collections.abc import Sequence

import pytest
from tests.support.components import RecordingLifecycle, keep_running, running_components
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase
from tests.support.records import read_records
from tests.support.sample_service import SCHEMA, Job, create_tables, reply_of
from tests.support.sample_work import query, session
from tests.support.waiting import eventually_async

from common import outbox_rows
from common.events import ReplyReady
from common.kafka.producer import Producer
from common.outbox import Outbox
from common.outbox_age import OutboxAge
from common.outbox_refused import EventTooLarge
from common.postgres.database import Database
from common.service.lifecycle import Component, Lifecycle
from common.service.settings import KafkaSettings
from common.topics import REPLIES_OUTBOUND

pytestmark = pytest.mark.integration

# As an older version wrote them: the client refuses the first, the broker the second.
TOO_LARGE = """
insert into outbox (topic, key, payload, trace_id)
select 'replies.outbound', %(key)s, convert_to(repeat('x', size), 'UTF8'), repeat('0', 32)
from unnest(array[5000000, 2000000]) size
"""
REFUSED = "select key, reason, length(payload) from outbox_refused order by id"


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    made = new_database()
    create_tables(made)
    return made


class Publishing:
    """An outbox on the real broker."""

    def __init__(self, kafka: KafkaSettings, url: str) -> None:
        self.kafka, self.url = kafka, url
        self.outbox: Outbox
        self.database: Database

    def __call__(self, life: Lifecycle) -> Sequence[Component]:
        producer = Producer(self.kafka, life, deadline_ms=0)
        self.database = Database(self.url, SCHEMA, life)
        self.outbox = Outbox(self.database, producer, life)
        return [self.database, producer, self.outbox]


async def test_rows_that_are_too_large_are_set_aside_and_their_key_goes_on(
    kafka: Broker, url: str
) -> None:
    next_row = reply_of(Job(1, "a", 1))
    query(url, TOO_LARGE, {"key": next_row.key})
    publishing = Publishing(kafka.settings, url)
    async with running_components(publishing):
        rows = await publishing.database.transaction(lambda one: outbox_rows.add(one, [next_row]))
        assert len(rows) == 3
        publishing.outbox.publish(rows)
        await eventually_async(lambda: query(url, "select count(*) from outbox") == [(0,)])
    published = read_records(kafka.settings, REPLIES_OUTBOUND)
    assert [ReplyReady.decode(record.value).reply_id for record in published] == ["a-1"]
    reason = "MSG_SIZE_TOO_LARGE"
    sizes = [5_000_000, 2_000_000]
    assert query(url, REFUSED) == [(next_row.key, reason, size) for size in sizes]


async def test_a_row_that_nobody_publishes_shows(url: str) -> None:
    life = RecordingLifecycle()
    database = Database(url, SCHEMA, life)
    age = OutboxAge(database, life)
    async with keep_running([database, age]):
        await age.measure()
        assert "outbox" not in life.health.not_ready()
        with session(url) as connection:
            outbox_rows.add(connection, [reply_of(Job(1, "a", 0))])
            connection.exec_driver_sql("update outbox set created_at = now() - interval '1 hour'")
        await age.measure()
        assert "outbox" in life.health.not_ready()


def test_what_is_too_large_is_not_written(url: str) -> None:
    long = reply_of(Job(1, "a", 0))
    assert long.event is not None
    text = "é" * (REPLIES_OUTBOUND.max_message_bytes // 2)
    event = long.event.model_copy(update={"text": text})
    with pytest.raises(EventTooLarge, match=r"replies\.outbound"), session(url) as connection:
        outbox_rows.add(connection, [outbox_rows.draft(REPLIES_OUTBOUND, long.key, event)])
    assert query(url, "select count(*) from outbox") == [(0,)]
