"""The outbox on a real database: published after the commit, in order per key, swept when left."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

import pytest
from confluent_kafka import KafkaError, KafkaException
from tests.support.components import FakeProducer, running_components
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase
from tests.support.processes import ROOT
from tests.support.records import read_records
from tests.support.sample_service import SCHEMA, Job, create_tables, reply_of
from tests.support.sample_work import query, session
from tests.support.waiting import eventually, eventually_async

from common import outbox_rows
from common.events import ReplyReady
from common.outbox import Outbox
from common.postgres.database import Database
from common.service.lifecycle import Component, Lifecycle
from common.topics import REPLIES_OUTBOUND

pytestmark = pytest.mark.integration

COMMIT_AND_DIE = """
import os, sys
from tests.support.sample_service import Job, reply_of
from tests.support.sample_work import session
from common import outbox_rows
with session(sys.argv[1]) as connection:
    jobs = [Job(1, contact, n) for n in range(3) for contact in "ab"]
    outbox_rows.add(connection, [reply_of(job) for job in jobs])
os.kill(os.getpid(), 9)
"""

FORBID_DELETES = """
create function forbid() returns trigger language plpgsql as
  $$ begin raise exception 'forbidden'; end $$;
create trigger forbid before delete on outbox for each row execute function forbid();
"""


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    made = new_database()
    create_tables(made)
    return made


class Desk:
    """An outbox alive in this test with a producer that records."""

    def __init__(self, url: str) -> None:
        self.url, self.producer = url, FakeProducer()
        self.outbox: Outbox
        self.database: Database

    def __call__(self, life: Lifecycle) -> Sequence[Component]:
        self.database = Database(self.url, SCHEMA, life)
        self.outbox = Outbox(self.database, self.producer, life)
        return [self.database, self.outbox]

    async def write(self, contact: str, *numbers: int) -> None:
        drafts = [reply_of(Job(1, contact, number)) for number in numbers]
        rows = await self.database.transaction(
            lambda connection: outbox_rows.add(connection, drafts)
        )
        self.outbox.publish(rows)

    @property
    def sent(self) -> list[str]:
        return [ReplyReady.decode(value).reply_id for _, _, value in self.producer.sent]


def left(url: str) -> int:
    count: int = query(url, "select count(*) from outbox")[0][0]
    return count


def make_old(url: str) -> None:
    query(url, "update outbox set created_at = created_at - interval '20 seconds'")


async def test_rows_are_published_after_the_commit_and_deleted_once_acked(url: str) -> None:
    desk = Desk(url)
    async with running_components(desk):
        desk.producer.hold = True
        await desk.write("a", 0, 1)
        assert desk.sent == ["a-0", "a-1"]
        assert left(url) == 2
        for ack in desk.producer.waiting:
            ack.set_result(None)
        await eventually_async(lambda: left(url) == 0)


def test_a_transaction_that_fails_leaves_nothing_to_publish(url: str) -> None:
    with suppress(ZeroDivisionError), session(url) as connection:
        outbox_rows.add(connection, [reply_of(Job(1, "a", 0))])
        raise ZeroDivisionError
    assert left(url) == 0


async def test_what_a_dead_process_committed_is_swept_in_order(url: str) -> None:
    dying = [sys.executable, "-c", COMMIT_AND_DIE, url]
    environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(dying, env=environment, cwd=ROOT, check=False).returncode == -9
    assert left(url) == 6
    make_old(url)
    desk = Desk(url)
    async with running_components(desk):
        await eventually_async(lambda: left(url) == 0)
    assert desk.sent == ["a-0", "b-0", "a-1", "b-1", "a-2", "b-2"]


async def test_a_young_row_is_left_to_its_own_process(url: str) -> None:
    with session(url) as connection:
        outbox_rows.add(connection, [reply_of(Job(1, "young", 0))])
    make_old(url)
    with session(url) as connection:
        outbox_rows.add(connection, [reply_of(Job(1, "younger", 0))])
    desk = Desk(url)
    async with running_components(desk):
        await eventually_async(lambda: left(url) == 1)
    assert desk.sent == ["young-0"]


async def test_a_key_waits_while_its_older_row_could_not_be_sent(url: str) -> None:
    desk = Desk(url)
    async with running_components(desk):
        desk.producer.full = True
        await desk.write("a", 0)
        desk.producer.full = False
        await desk.write("b", 0)
        await desk.write("a", 1)
        assert desk.sent == ["b-0"]
        await eventually_async(lambda: left(url) == 0)
    assert desk.sent == ["b-0", "a-0", "a-1"]


async def test_a_lost_row_is_sent_again(url: str) -> None:
    desk = Desk(url)
    async with running_components(desk):
        desk.producer.hold = True
        await desk.write("a", 0)
        desk.producer.hold = False
        desk.producer.waiting[0].set_exception(KafkaException(KafkaError(1)))
        await eventually_async(lambda: left(url) == 0)
    assert desk.sent == ["a-0", "a-0"]


async def test_what_another_process_has_just_written_is_left_to_it(url: str) -> None:
    writer, other = Desk(url), Desk(url)
    async with running_components(writer), running_components(other):
        drafts = [reply_of(Job(1, "a", 0))]
        rows = await writer.database.transaction(lambda one: outbox_rows.add(one, drafts))
        await other.write("a", 1)
        assert other.sent == []
        writer.outbox.publish(rows)
        await eventually_async(lambda: left(url) == 0)
    assert (writer.sent, other.sent) == (["a-0"], ["a-1"])


async def test_who_publishes_a_key_first_publishes_its_older_rows_of_another_process(
    url: str,
) -> None:
    stalled, other = Desk(url), Desk(url)
    async with running_components(stalled), running_components(other):
        drafts = [reply_of(Job(1, "a", 0))]
        late = await stalled.database.transaction(lambda one: outbox_rows.add(one, drafts))
        await other.write("a", 1)
        await eventually_async(lambda: other.sent == ["a-0", "a-1"])
        stalled.outbox.publish(late)
        await eventually_async(lambda: left(url) == 0)


async def test_a_tombstone_is_a_record_without_a_value(url: str) -> None:
    desk = Desk(url)
    async with running_components(desk):
        tombstone = outbox_rows.EventDraft(REPLIES_OUTBOUND, "a", None, "0" * 32)
        rows = await desk.database.transaction(lambda one: outbox_rows.add(one, [tombstone]))
        desk.outbox.publish(rows)
        await eventually_async(lambda: left(url) == 0)
    assert desk.producer.sent == [("replies.outbound", "a", None)]


async def test_stopping_waits_for_what_flies_and_leaves_the_rest(url: str) -> None:
    desk = Desk(url)
    async with running_components(desk) as life:
        desk.producer.hold = True
        await desk.write("a", 0)
        life.loop.call_later(0.2, desk.producer.waiting[0].set_result, None)
    assert left(url) == 0


def test_two_processes_that_write_the_same_keys_publish_in_commit_order(
    kafka: Broker, url: str
) -> None:
    writer = [sys.executable, "-m", "tests.support.sample_writer", url, "120"]
    variables = {"PATH": os.defpath, "PYTHONPATH": str(ROOT)}
    environment = variables | kafka.settings.kafka_environment()
    rivals = [subprocess.Popen(writer, env=environment, cwd=ROOT) for _ in range(2)]
    try:
        assert [rival.wait(40) for rival in rivals] == [0, 0]
    finally:
        for rival in rivals:
            rival.kill()
    eventually(lambda: left(url) == 0, "an empty outbox")
    for key in ("c0", "c1", "c2"):
        seen = [
            ReplyReady.decode(record.value).text
            for record in read_records(kafka.settings, REPLIES_OUTBOUND)
            if ReplyReady.decode(record.value).contact_id == key
        ]
        assert list(dict.fromkeys(map(int, seen))) == list(range(80)), key


async def test_rows_that_cannot_be_deleted_end_the_process(url: str) -> None:
    """Otherwise they would pile up unseen, and all be published again at the next start."""
    desk = Desk(url)
    async with running_components(desk) as life:
        query(url, FORBID_DELETES)
        await desk.write("a", 1)
        await eventually_async(lambda: life.fatals)
        assert life.fatals == ["outbox_delete_failed"]
