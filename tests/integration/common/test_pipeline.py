"""The mechanisms together, as processes under load: members come, go and die; everything stops.

Whatever happens, each message sent is stored once and in order, has exactly one effect, and is
published at least once, first copies in order.
"""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.builders import a_message
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase, driver_url
from tests.support.processes import drain
from tests.support.records import produce, read_records
from tests.support.sample_load import numbered_messages
from tests.support.sample_processes import sample_processes
from tests.support.sample_service import SCHEMA, create_tables
from tests.support.waiting import eventually

from common.events import ReplyReady
from common.service.settings import KafkaSettings
from common.topics import MESSAGES_INBOUND, REPLIES_OUTBOUND, dlq_of, every_topic
from common.work import WorkState
from devkit.stack.kafka import LocalKafka
from devkit.stack.ports import free_ports
from devkit.stack.postgres import LocalPostgres
from ops.create_topics import create

pytestmark = [pytest.mark.integration, pytest.mark.faults]
CONTACTS, PER_SECOND = 12, 80
Numbers = dict[str, list[int]]
RUNNING = f"select contact, n from job where state = {WorkState.RUNNING}"


@pytest.fixture
def own_kafka(home: Path) -> Iterator[LocalKafka]:
    """Ours to stop: the session's broker serves other tests."""
    port, controller = free_ports(2)
    kafka = LocalKafka.start(home / f"kafka-{port}", port, controller)
    create(kafka.settings, every_topic(), partitions=6)
    yield kafka
    kafka.stop()


@pytest.fixture
def own_postgres(home: Path) -> Iterator[LocalPostgres]:
    port = free_ports(1)[0]
    postgres = LocalPostgres.start(home / f"postgres-{port}", port)
    yield postgres
    postgres.stop()


def test_members_that_die_freeze_join_and_leave_lose_nothing(
    kafka: Broker, new_database: NewDatabase, tmp_path: Path
) -> None:
    url = new_database()
    create_tables(url)
    with sample_processes(kafka.settings, url, tmp_path, HANDLE_SECONDS="0.05") as group:
        first, second = group.start(), group.start()
        eventually(lambda: "service_ready" in group.log(1), "two members")
        with numbered_messages(
            kafka.settings, MESSAGES_INBOUND, contacts=CONTACTS, per_second=PER_SECOND
        ) as sending:
            eventually(lambda: effects(url), "the first effects")
            first.kill()
            third = group.start()
            pass_time(2)
            assert drain(second) == 0
            fourth = group.start()
            pass_time(2)
            third.send_signal(signal.SIGSTOP)
            pass_time(2)
            third.send_signal(signal.SIGCONT)
        wait_for_the_end(url, sending.sent)
        eventually(lambda: "service_ready" in group.log(3), "the last to join")
        assert drain(fourth) == 0
        assert drain(third) == 0
    assert_whole(kafka.settings, url, sending.sent)


def test_a_database_and_a_broker_away_for_ten_seconds_delay_and_lose_nothing(
    own_kafka: LocalKafka, own_postgres: LocalPostgres, tmp_path: Path
) -> None:
    url = own_postgres.url()
    create_tables(url)
    with sample_processes(own_kafka.settings, url, tmp_path, HANDLE_SECONDS="0.05") as group:
        group.start(), group.start()
        eventually(lambda: "service_ready" in group.log(1), "two members")
        with numbered_messages(
            own_kafka.settings, MESSAGES_INBOUND, contacts=CONTACTS, per_second=PER_SECOND
        ) as sending:
            eventually(lambda: effects(url), "the first effects")
            own_postgres.kill()
            pass_time(5)
            own_kafka.kill()
            pass_time(5)
            own_postgres.restart()
            pass_time(5)
            own_kafka.restart()
        wait_for_the_end(url, sending.sent)
        assert [process.poll() for process in group.processes] == [None, None]
        assert [drain(process) for process in group.processes] == [0, 0]
    assert_whole(own_kafka.settings, url, sending.sent)


def test_a_frozen_broker_keeps_a_service_neither_from_draining_nor_from_its_end(
    own_kafka: LocalKafka, new_database: NewDatabase, tmp_path: Path
) -> None:
    """The client waits for it without end: leaving the group, committing, publishing."""
    url = new_database()
    create_tables(url)
    with sample_processes(own_kafka.settings, url, tmp_path, HANDLE_SECONDS="3") as group:
        process = group.start()
        eventually(lambda: "service_ready" in group.log(0), "a member")
        messages = [a_message("0", contact_id=str(n), wamid=f"w{n}") for n in range(20)]
        records = [(message.conversation, message.encode()) for message in messages]
        produce(own_kafka.settings, MESSAGES_INBOUND, records)
        eventually(lambda: len(query(url, RUNNING)) == len(records), "every job in hand")
        own_kafka.process.send_signal(signal.SIGSTOP)
        try:
            assert drain(process) == 0
        finally:
            own_kafka.process.send_signal(signal.SIGCONT)
        assert len(effects(url)) == len(records), group.log(0)


def pass_time(seconds: float) -> None:
    """The fault lasts this long; there is no condition to wait for."""
    time.sleep(seconds)


def wait_for_the_end(url: str, sent: dict[str, int]) -> None:
    wanted = sum(sent.values())
    try:
        eventually(lambda: len(effects(url)) >= wanted and not pending(url), "all effects")
    except AssertionError as error:
        counts = {
            table: query(url, f"select count(*), max(id) from {table}")
            for table in ("received", "job", "effect", "outbox")
        }
        raise AssertionError(f"{wanted} sent, but (count, highest id): {counts}") from error


def assert_whole(kafka: KafkaSettings, url: str, sent: dict[str, int]) -> None:
    wanted = {contact: list(range(count)) for contact, count in sent.items()}
    assert numbers(query(url, "select contact, n from received order by id")) == wanted
    assert numbers(effects(url)) == wanted
    assert first_copies(kafka) == wanted
    assert read_records(kafka, dlq_of(MESSAGES_INBOUND)) == []


def first_copies(kafka: KafkaSettings) -> Numbers:
    found: Numbers = {}
    for record in read_records(kafka, REPLIES_OUTBOUND):
        reply = ReplyReady.decode(record.value)
        contact, _, number = reply.reply_id.rpartition("-")
        seen = found.setdefault(contact, [])
        if int(number) not in seen:
            seen.append(int(number))
    return found


def numbers(rows: list[tuple[str, int]]) -> Numbers:
    found: Numbers = {}
    for contact, number in rows:
        found.setdefault(contact, []).append(number)
    return found


def effects(url: str) -> list[tuple[str, int]]:
    return query(url, "select contact, n from effect order by id")


def pending(url: str) -> list[tuple[str, int]]:
    return query(url, "select key, id from outbox")


def query(url: str, statement: str) -> list[tuple[str, int]]:
    options = {"options": f"-c search_path={SCHEMA}"}
    engine = sa.create_engine(driver_url(url), connect_args=options, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return [(row[0], row[1]) for row in connection.exec_driver_sql(statement)]
