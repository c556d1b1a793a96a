"""Outbox rows that can never be published: how they are told, and where they are kept.

An operator looks at them in the table `outbox_refused`; nothing reads it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException

from common.postgres.connection import SqlConnection
from common.postgres.rows import arrays, names, unnest
from common.topics import Topic

TABLE = """
create table outbox_refused (
  id bigint primary key,
  topic text not null,
  key text not null,
  payload bytea,
  trace_id text not null,
  created_at timestamptz not null,
  reason text not null,
  refused_at timestamptz not null default now()
);
"""
REFUSAL = {"id": "bigint", "reason": "text"}
# Moves the rows out of the way.
SET_ASIDE = f"""
with refused as (
  delete from outbox using (select {names(REFUSAL)} from {unnest(REFUSAL)}) refusal
  where outbox.id = refusal.id returning outbox.*, refusal.reason)
insert into outbox_refused (id, topic, key, payload, trace_id, created_at, reason)
select id, topic, key, payload, trace_id, created_at, reason from refused
"""


class Refusal(NamedTuple):
    """Why an outbox row can never be published."""

    id: int
    reason: str


class EventTooLarge(ValueError):
    """Its topic would not take it, so it was not written. Sizes in bytes."""

    def __init__(self, topic: str, size: int, limit: int) -> None:
        self.topic, self.size, self.limit = topic, size, limit
        super().__init__(f"{topic}: an event of {size} bytes; at most {limit}")


def set_aside(connection: SqlConnection, refusals: Sequence[Refusal]) -> None:
    connection.exec_driver_sql(SET_ASIDE, arrays(REFUSAL, refusals))


def code_of(error: BaseException | None) -> KafkaError | None:
    """None for what is no answer of the broker or its client, such as a full queue."""
    cause = error.args[0] if isinstance(error, KafkaException) else None
    return cause if isinstance(cause, KafkaError) else None


def is_final(code: KafkaError, topic: Topic, size: int) -> bool:
    """Whether a value of this size can never be published.

    What an operator can mend is not final: a missing right or topic, or a limit of the topic that
    is lower than it should be.
    """
    if code.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return size > topic.max_value_bytes
    return code.code() == KafkaError.INVALID_RECORD
