"""Creates what topics.py maps and is not there yet: `python -m ops.create_topics`.

Services never create topics; a missing one keeps them waiting, not ready, with a clear message.
"""

import sys
from collections.abc import Iterable
from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from common.service.settings import KafkaSettings, load
from common.topics import DAY_MS, MESSAGE_PARTITIONS, Topic, every_topic

DEADLINE = 30.0


class TopicSettings(KafkaSettings):
    """topic_replicas: 3 on a real cluster; min.insync.replicas follows (one less, at least 1)."""

    topic_replicas: int = 1
    topic_partitions: int | None = None


def create(
    bootstrap: str, topics: Iterable[Topic], replicas: int = 1, partitions: int | None = None
) -> list[str]:
    """Names of the topics it created. Raises KafkaException when the broker refuses one."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
    new = [new_topic(topic, replicas, partitions) for topic in topics]
    results = admin.create_topics(new, operation_timeout=DEADLINE, request_timeout=DEADLINE)
    return [name for name, result in results.items() if wait_until_created(result)]


def new_topic(topic: Topic, replicas: int, partitions: int | None) -> NewTopic:
    """`partitions` overrides the count of message topics; others keep theirs."""
    config = {
        "cleanup.policy": "compact" if topic.compacted else "delete",
        "max.message.bytes": str(topic.max_message_bytes),
        "min.insync.replicas": str(max(1, replicas - 1)),
    }
    if topic.compacted:
        config |= {"min.cleanable.dirty.ratio": "0.1", "segment.ms": "3600000"}
    else:
        config["retention.ms"] = str(topic.retention_ms)
        if topic.retention_ms < DAY_MS:  # a segment is kept until its last record is too old
            config["segment.ms"] = str(topic.retention_ms)
    count = topic.partitions
    if partitions and count == MESSAGE_PARTITIONS:
        count = partitions
    return NewTopic(topic.name, num_partitions=count, replication_factor=replicas, config=config)


def wait_until_created(result: Future[None]) -> bool:
    """False for a topic that was there already."""
    try:
        result.result(DEADLINE)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        raise
    return True


def main() -> None:
    settings = load(TopicSettings)
    names = create(
        settings.kafka_bootstrap_servers,
        every_topic(),
        settings.topic_replicas,
        settings.topic_partitions,
    )
    sys.stdout.write(f"topics created: {', '.join(names) or 'none, all were there'}\n")


if __name__ == "__main__":
    main()
