"""Writes to three keys under row locks and publishes: `python -m tests.support.sample_writer`.

Arguments: database URL, number of transactions; the broker's settings are in the environment. Two
of them compete for the same keys; the n of an event is its place in the commit order of its key.
"""

import asyncio
import sys
from functools import partial

from tests.support.components import keep_running
from tests.support.sample_service import SCHEMA, Job, reply_of

from common import outbox_rows
from common.kafka.producer import Producer
from common.outbox import Outbox
from common.outbox_rows import OutboxRow
from common.postgres.connection import Connection
from common.postgres.database import Database
from common.service.lifecycle import Lifecycle
from common.service.settings import KafkaSettings, load

# Counts up the key under its row lock.
LOCK = """
insert into counter (key) values (%(key)s) on conflict (key) do update set n = counter.n + 1
returning n
"""
TABLE = "create table if not exists counter (key text primary key, n int not null default 0)"


def write(connection: Connection, key: str) -> list[OutboxRow]:
    number = connection.exec_driver_sql(LOCK, {"key": key}).scalar()
    return outbox_rows.add(connection, [reply_of(Job(1, key, int(number or 0)))])


def create(connection: Connection) -> None:
    connection.exec_driver_sql("select pg_advisory_xact_lock(1)")
    connection.exec_driver_sql(TABLE)


async def main(kafka: KafkaSettings, url: str, count: int) -> None:
    life = Lifecycle("writer")
    database, producer = Database(url, SCHEMA, life), Producer(kafka, life, deadline_ms=0)
    publishing = Outbox(database, producer, life)
    async with keep_running([database, producer, publishing]):
        await database.transaction(create)
        for number in range(count):
            rows = await database.transaction(partial(write, key=f"c{number % 3}"))
            publishing.publish(rows)


if __name__ == "__main__":
    asyncio.run(main(load(KafkaSettings), sys.argv[1], int(sys.argv[2])))
