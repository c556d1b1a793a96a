"""A small service out of all mechanisms, as a process: `python -m tests.support.sample_service`.

messages.inbound -> a row and a job per message -> an effect per job -> replies.outbound. Its tables
have no unique key on effects, so that something done twice is seen.
"""

import asyncio
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from tests.support.builders import a_reply
from tests.support.postgres import driver_url

from common import outbox_refused, outbox_rows
from common.events import MessageReceived
from common.kafka.consumer import BatchConsumer
from common.kafka.dead_letter import DeadLetters
from common.kafka.producer import Producer
from common.outbox import Outbox
from common.postgres.connection import Connection, Statement
from common.postgres.database import Database
from common.postgres.errors import wait_reason
from common.postgres.rows import arrays, names, unnest
from common.service import lifecycle
from common.service.lifecycle import Components, Lifecycle, StopTogether
from common.service.settings import ServiceSettings
from common.topics import MESSAGES_INBOUND, REPLIES_OUTBOUND
from common.work import (
    Claim,
    Done,
    Handled,
    Hint,
    Later,
    Lease,
    Outcome,
    Owner,
    Runner,
    Stored,
    WorkLimits,
    WorkTable,
    owner,
)
from common.work.schema import BLOCKED, COLUMNS, STORAGE, block_successors, count_failures, indexes
from common.work.statements import CLAIM, written_now

SCHEMA = "sample"
JOBS = WorkTable("job", serial="contact", claimed="t.contact, t.n")
TABLES = f"""
create schema {SCHEMA};
set search_path = {SCHEMA};
create table received (
  id bigint generated always as identity primary key, contact text, n int, wamid text unique);
create table job ({COLUMNS}, contact text not null, n int not null) {STORAGE};
create index job_contact on job (contact, id) where finished_at is null;
create table effect (
  id bigint generated always as identity primary key, job bigint, contact text, n int, pid int);
{indexes("job")}
{count_failures("job")}
{block_successors("job", "contact")}
{owner.SEQUENCE}
{outbox_rows.TABLE}
{outbox_refused.TABLE}
"""
# Stores each message once.
RECEIVED = {"contact": "text", "n": "int", "wamid": "text"}
RECEIVE = f"""
insert into received ({names(RECEIVED)})
select {names(RECEIVED)} from {unnest(RECEIVED)} order by ordinality
on conflict (wamid) do nothing
"""
# A job for each message that is new; the first of a contact without open ones is claimed at once.
ADD_JOBS = f"""
with new as (select id, contact, n from received where {written_now("received")}),
locked as materialized (
  select contact from job where contact = any(array(select contact from new))
    and finished_at is null order by id for update),
placed as (
  select new.*, row_number() over (partition by contact order by id) as place,
    contact in (select contact from locked) as behind from new)
insert into job as t (tenant_id, contact, n, {names(JOBS.claim_columns)})
select 1, contact, n, {
    JOBS.claim_values(
        "place = 1 and not behind", f"case when place > 1 or behind then {BLOCKED} else 0 end"
    )
} from placed order by id
returning {names(CLAIM, "t.")}, t.contact, t.n, t.state = 1 as running, 0.0::float8 as delay
"""
# What was done, and by which process.
DONE = {"id": "bigint", "contact": "text", "n": "int"}
EFFECT = f"""
insert into effect (job, contact, n, pid) select {names(DONE)}, %(pid)s from {unnest(DONE)}
"""
# Which jobs stood, and what may run next.
CHECK = f"""
select (select json_agg(json_build_array(id, epoch)) from job
    where id = any(%(id)s::bigint[]) and {written_now("job")}) as stood,
  (select json_agg(json_build_array(id, tenant_id, delay)) from ({JOBS.successors}) next) as next
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

    def item_of(self, row: Any, claimed_at: float) -> Job:
        return Job(row.id, row.contact, row.n)

    def key_of(self, item: Job) -> str:
        return reply_of(item).key

    def finish_columns(self, handled: Handled[Job, Job]) -> None:
        """A job has none of its own."""

    async def handle(self, claim: Claim, item: Job) -> Outcome[Job]:
        await asyncio.sleep(self._seconds)
        return Done(item)

    def store(
        self,
        connection: Connection,
        finish: Sequence[Statement],
        handled: Sequence[Handled[Job, Job]],
    ) -> Stored:
        ended = [each.item.id for each in handled if not isinstance(each.outcome, Later)]
        values = {"id": [each.item.id for each in handled], "ended": ended}
        (row,) = connection.execute_together([*finish, *JOBS.unblock(ended), (CHECK, values)])
        stood = {(id, epoch) for id, epoch in row.stood or ()}
        jobs = [
            each.item
            for each in handled
            if isinstance(each.outcome, Done) and each.claim.key in stood
        ]
        connection.exec_driver_sql(EFFECT, arrays(DONE, jobs) | {"pid": os.getpid()})
        rows = outbox_rows.add(connection, [reply_of(job) for job in jobs])
        return Stored(stood, rows, [Hint(*hint) for hint in row.next or ()])


def reply_of(job: Job) -> outbox_rows.EventDraft:
    event = a_reply(str(job.n), contact_id=job.contact, reply_id=f"{job.contact}-{job.n}")
    return outbox_rows.draft(REPLIES_OUTBOUND, event.conversation, event)


def receive(connection: Connection, events: Sequence[MessageReceived], lease: Lease) -> Any:
    values = {
        "contact": [event.contact_id for event in events],
        "n": [int(event.text) for event in events],
        "wamid": [event.wamid for event in events],
    }
    statements = [(RECEIVE, values), (ADD_JOBS, lease.values)]
    return connection.execute_together(statements, commit=True).all()


def create_tables(url: str) -> None:
    engine = sa.create_engine(driver_url(url))
    with engine.begin() as connection:
        connection.exec_driver_sql(TABLES)
    engine.dispose()


def build(settings: SampleSettings, life: Lifecycle) -> Components:
    database = Database(settings.database_url, SCHEMA, life)
    producer = Producer(settings, life, deadline_ms=0)
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
        settings,
        MESSAGES_INBOUND,
        MessageReceived,
        runner.store_and_claim(receive),
        life=life,
        dead_letters=DeadLetters(life.service, producer, life.loop),
        wait_reason=wait_reason,
    )
    return [database, producer, publishing, holder, StopTogether([runner, consumer])]


if __name__ == "__main__":
    lifecycle.run("sample", SampleSettings, build)
