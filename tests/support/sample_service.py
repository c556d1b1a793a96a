"""A small service out of all mechanisms, as a process: `python -m tests.support.sample_service`.

messages.inbound -> a row and a job per message -> an effect per job -> replies.outbound. Its tables
have no unique key on effects, so that something done twice is seen.
"""

import asyncio
import os
from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection
from tests.support.builders import a_reply

from common import outbox, outbox_refused
from common.events import MessageReceived
from common.kafka.consumer import BatchConsumer
from common.kafka.dead_letter import DeadLetters
from common.kafka.producer import Producer
from common.outbox import Outbox, OutboxRow
from common.postgres.database import Database, driver_url, in_transaction, wait_reason
from common.postgres.rows import arrays, names, rows_as, unnest
from common.service import lifecycle
from common.service.lifecycle import Components, Lifecycle, StopTogether
from common.service.settings import ServiceSettings
from common.topics import MESSAGES_INBOUND, REPLIES_OUTBOUND
from common.work import (
    Claim,
    Done,
    Handled,
    Hint,
    Outcome,
    Owner,
    Runner,
    WorkLimits,
    WorkTable,
    owner,
)
from common.work.table import COLUMNS, STORAGE

SCHEMA = "sample"
JOBS = WorkTable("job", serial="contact")
TABLES = f"""
create schema {SCHEMA};
set search_path = {SCHEMA};
create table received (
  id bigint generated always as identity primary key, contact text, n int, wamid text unique);
create table job ({COLUMNS}, contact text not null, n int not null) {STORAGE};
create index job_contact on job (contact, id) where finished_at is null;
create table effect (
  id bigint generated always as identity primary key, job bigint, contact text, n int, pid int);
{JOBS.indexes()}
{owner.SEQUENCE}
{outbox.TABLE}
{outbox_refused.TABLE}
"""
# Stores each message once, and makes a job for each that is new.
RECEIVED = {"contact": "text", "n": "int", "wamid": "text"}
RECEIVE = f"""
with new as (
  insert into received ({names(RECEIVED)})
  select {names(RECEIVED)} from {unnest(RECEIVED)} order by ordinality
  on conflict (wamid) do nothing returning id, contact, n)
insert into job (tenant_id, contact, n) select 1, contact, n from new order by id
returning id, tenant_id
"""
# The jobs of claims.
LOAD = "select id, contact, n from job where id = any(%(ids)s)"
# What was done, and by which process.
DONE = {"id": "bigint", "contact": "text", "n": "int"}
EFFECT = f"""
insert into effect (job, contact, n, pid) select {names(DONE)}, %(pid)s from {unnest(DONE)}
"""


class SampleSettings(ServiceSettings):
    database_url: str
    handle_seconds: float = 0.0
    slots: int = 50


class Job(NamedTuple):
    id: int
    contact: str
    n: int


class JobHandler:
    """The work: waits, then stores what was done."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def load(self, connection: Connection, claims: Sequence[Claim]) -> list[Job]:
        rows = connection.exec_driver_sql(LOAD, {"ids": [claim.id for claim in claims]})
        jobs = {job.id: job for job in rows_as(Job, rows)}
        return [jobs[claim.id] for claim in claims]

    async def handle(self, claim: Claim, item: Job) -> Outcome[Job]:
        await asyncio.sleep(self._seconds)
        return Done(item)

    def store(
        self, connection: Connection, handled: Sequence[Handled[Job, Job]]
    ) -> tuple[list[OutboxRow], list[Hint]]:
        jobs = [each.item for each in handled if isinstance(each.outcome, Done)]
        connection.exec_driver_sql(EFFECT, arrays(DONE, jobs) | {"pid": os.getpid()})
        return outbox.add(connection, [reply_of(job) for job in jobs]), []


def reply_of(job: Job) -> outbox.EventDraft:
    event = a_reply(str(job.n), contact_id=job.contact, reply_id=f"{job.contact}-{job.n}")
    return outbox.draft(REPLIES_OUTBOUND, event.conversation, event)


def receive(connection: Connection, events: Sequence[MessageReceived]) -> list[Hint]:
    values = {
        "contact": [event.contact_id for event in events],
        "n": [int(event.text) for event in events],
        "wamid": [event.wamid for event in events],
    }
    return [Hint(id, tenant, 0) for id, tenant in connection.exec_driver_sql(RECEIVE, values)]


def create_tables(url: str) -> None:
    engine = sa.create_engine(driver_url(url))
    with engine.begin() as connection:
        connection.exec_driver_sql(TABLES)
    engine.dispose()


def build(settings: SampleSettings, life: Lifecycle) -> Components:
    database = Database(settings.database_url, SCHEMA, life)
    producer = Producer(settings.kafka_bootstrap_servers, life, deadline_ms=0)
    publishing = Outbox(database, producer, life)
    holder = Owner(database, JOBS, life)
    runner = Runner(
        JOBS,
        JobHandler(settings.handle_seconds),
        WorkLimits(slots=settings.slots, deadline=10),
        database=database,
        outbox=publishing,
        owner=holder,
        life=life,
    )
    consumer = BatchConsumer(
        settings.kafka_bootstrap_servers,
        MESSAGES_INBOUND,
        MessageReceived,
        in_transaction(database, receive, runner.hint),
        life=life,
        dead_letters=DeadLetters(life.service, producer, life.loop),
        wait_reason=wait_reason,
    )
    return [database, producer, publishing, holder, StopTogether([runner, consumer])]


if __name__ == "__main__":
    lifecycle.run("sample", SampleSettings, build)
