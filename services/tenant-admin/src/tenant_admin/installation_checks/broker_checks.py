"""Facts of the broker: who answers how, topics, groups that are behind, what was set aside."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka._model import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.admin._resource import ResourceType

from common.kafka.kafka_access import client_config, remedy_of
from common.kafka.subscription import group_of
from common.postgres.dsn import is_near
from common.service.settings import KafkaSettings
from common.topics import ALL, WEBHOOKS_QUARANTINE, Topic, dlq_of, every_topic
from tenant_admin.installation_checks.assess import (
    TopicFacts,
    assess_broker,
    assess_lag,
    assess_set_aside,
    assess_topics,
)
from tenant_admin.installation_checks.finding import Check, Finding, NotRun

SECONDS = 4.0
DAY = timedelta(hours=24)
SETTINGS = ("cleanup.policy", "max.message.bytes", "retention.ms")
NOT_ALLOWED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)
RIGHTS = "run python -m ops.create_topics --acls, or set OPERATOR_KAFKA_USERNAME and its password"


@dataclass(frozen=True, slots=True)
class BrokerChecks:
    kafka: KafkaSettings

    def checks(self) -> dict[str, Check]:
        return {
            "broker": self.broker,
            "topics": self.topics,
            "consumer groups": self.groups,
            "set aside": self.set_aside,
        }

    def broker(self) -> Iterable[Finding]:
        brokers = len(self._metadata(self._admin()).brokers)
        hosts = [part.rpartition(":")[0] for part in self._servers]
        near = all(map(is_near, hosts))
        user = self.kafka.kafka_username if self.kafka.uses_sasl else None
        return assess_broker(self.kafka.protocol, user, near, brokers)

    def topics(self) -> Iterable[Finding]:
        admin, expected = self._admin(), every_topic()
        there = self._metadata(admin).topics
        names = {topic.name: self.kafka.topic_name(topic.name) for topic in expected}
        settings = settings_of(admin, [name for name in names.values() if name in there])
        found = {
            name: TopicFacts(len(there[ours].partitions), settings.get(ours))
            if ours in there
            else None
            for name, ours in names.items()
        }
        return assess_topics(expected, found)

    def groups(self) -> Iterable[Finding]:
        admin = self._admin()
        ends = self._offsets(admin, [topic for topic in ALL if not topic.compacted], LATEST)
        lags = {
            group_of(service, topic): lag_of(self._committed(admin, service, topic), ends, topic)
            for topic in ALL
            if not topic.compacted
            for service in topic.consumers
        }
        return assess_lag(lags)

    def set_aside(self) -> Iterable[Finding]:
        admin = self._admin()
        topics = [WEBHOOKS_QUARANTINE, *(dlq_of(topic) for topic in ALL if topic.dlq)]
        ends = self._offsets(admin, topics, LATEST)
        yesterday = int((datetime.now(UTC) - DAY).timestamp() * 1000)
        begins = self._offsets(admin, topics, OffsetSpec.for_timestamp(yesterday))
        counts = {
            topic.name: sum(
                ends[where] - begin
                for where, begin in begins.items()
                if where[0] == topic.name and begin >= 0
            )
            for topic in topics
        }
        return assess_set_aside(counts)

    @property
    def _servers(self) -> list[str]:
        return self.kafka.kafka_bootstrap_servers.split(",")

    def _admin(self) -> AdminClient:
        return AdminClient(client_config(self.kafka) | {"error_cb": lambda _: None})

    def _metadata(self, admin: AdminClient) -> Any:
        try:
            return admin.list_topics(timeout=SECONDS)
        except KafkaException as error:
            raise refused(error) from None

    def _offsets(
        self, admin: AdminClient, topics: Iterable[Topic], spec: OffsetSpec
    ) -> dict[tuple[str, int], int]:
        """By the name in topics.py and the partition; -1: there is no such record."""
        there = self._metadata(admin).topics
        asked = {
            TopicPartition(ours, number): (topic.name, number)
            for topic in topics
            if (ours := self.kafka.topic_name(topic.name)) in there
            for number in there[ours].partitions
        }
        answers = admin.list_offsets(dict.fromkeys(asked, spec), request_timeout=SECONDS)
        return {asked[place]: result_of(answer).offset for place, answer in answers.items()}

    def _committed(self, admin: AdminClient, service: str, topic: Topic) -> dict[int, int]:
        """By partition; without those that the group has not read."""
        group = self.kafka.group_name(group_of(service, topic))
        asked = [ConsumerGroupTopicPartitions(group)]
        answer = admin.list_consumer_group_offsets(asked, request_timeout=SECONDS)[group]
        name = self.kafka.topic_name(topic.name)
        places = result_of(answer).topic_partitions or []
        return {each.partition: each.offset for each in places if each.topic == name}


LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]


def settings_of(admin: AdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    """By topic; without those that this user may not see."""
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    if not asked:
        return found
    for resource, answer in admin.describe_configs(asked, request_timeout=SECONDS).items():
        try:
            entries = answer.result(SECONDS)
        except KafkaException as error:
            if error.args[0].code() not in NOT_ALLOWED:
                raise
        else:
            found[resource.name] = {
                name: str(entries[name].value) for name in SETTINGS if name in entries
            }
    return found


def lag_of(committed: dict[int, int], ends: dict[tuple[str, int], int], topic: Topic) -> int | None:
    if not any(offset >= 0 for offset in committed.values()):
        return None
    return sum(
        end - max(0, committed.get(partition, 0))
        for (name, partition), end in ends.items()
        if name == topic.name
    )


def result_of(answer: Any) -> Any:
    """Raises NotRun where this user may not look."""
    try:
        return answer.result(SECONDS)
    except KafkaException as error:
        raise refused(error) from None


def refused(error: KafkaException) -> Exception:
    reason: KafkaError = error.args[0]
    if reason.code() in NOT_ALLOWED:
        return NotRun(f"this Kafka user may not look: {reason.name()}", RIGHTS)
    remedy = remedy_of(reason)
    words = f"{reason.name()}: {reason.str()}"
    return RuntimeError(f"{words}; {remedy[0]}: {remedy[1]}" if remedy else words)
