"""What the broker knows of a member of the router's group."""

import asyncio
from collections.abc import Iterable
from typing import Any

from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from common.kafka.kafka_access import client_config
from common.service.settings import KafkaSettings

ANSWER_SECONDS = 5.0
REBALANCING = frozenset(
    {ConsumerGroupState.PREPARING_REBALANCING, ConsumerGroupState.COMPLETING_REBALANCING}
)


class GroupLag:
    """Asks by a client of its own: Faust's may be what hangs."""

    def __init__(self, kafka: KafkaSettings, group: str, seconds: float = ANSWER_SECONDS) -> None:
        """`group`: without the installation's prefix. `seconds`: for each of three answers."""
        self._config = client_config(kafka)
        self._group = kafka.group_name(group)
        self._seconds = seconds

    async def is_behind(self, member_id: str) -> bool:
        """Whether the group goes on without this member, or records wait in its partitions beyond
        the committed offsets.

        Raises KafkaException or TimeoutError when the broker is away or refuses to answer.
        """
        return await asyncio.to_thread(self._ask, member_id)

    def _ask(self, member_id: str) -> bool:
        admin = AdminClient(self._config)
        group = self._answer(admin.describe_consumer_groups([self._group], **self._timeout))
        for member in group.members:
            if member.member_id == member_id:
                return self._record_waits(admin, member.assignment.topic_partitions)
        return group.state not in REBALANCING

    def _record_waits(self, admin: AdminClient, partitions: list[TopicPartition]) -> bool:
        """Retention may have deleted what a committed offset points to."""
        if not partitions:
            return False
        asked = ConsumerGroupTopicPartitions(self._group, partitions)
        committed = self._answer(admin.list_consumer_group_offsets([asked], **self._timeout))
        first = self._offsets(admin, partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        end = self._offsets(admin, partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return any(end[each] > max(first[each], each.offset) for each in committed.topic_partitions)

    def _offsets(
        self, admin: AdminClient, partitions: Iterable[TopicPartition], spec: OffsetSpec
    ) -> dict[TopicPartition, int]:
        asked = admin.list_offsets(
            dict.fromkeys(partitions, spec),
            isolation_level=IsolationLevel.READ_UNCOMMITTED,
            **self._timeout,
        )
        return {each: answer.result(self._seconds).offset for each, answer in asked.items()}

    @property
    def _timeout(self) -> dict[str, float]:
        return {"request_timeout": self._seconds}

    def _answer(self, asked: dict[str, Any]) -> Any:
        (answer,) = asked.values()
        return answer.result(self._seconds)
