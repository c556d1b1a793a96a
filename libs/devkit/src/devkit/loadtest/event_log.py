"""Reads what Kafka holds of a run: outcomes, and the wamids inside dead letters."""

import re
import time
from collections.abc import Iterable, Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message
from confluent_kafka import TopicPartition as Partition

from common.events import OutcomeRecorded
from common.topics import ALL, MESSAGES_OUTCOME, Topic, dlq_of
from devkit.loadtest.evidence import Outcome

WAMID = re.compile(rb"wamid\.[A-Za-z0-9_.=+/-]+")
DEAD_LETTER_TOPICS = tuple(dlq_of(topic) for topic in ALL if topic.dlq)
TIMEOUT = 10.0


class EventLog:
    """Follows messages.outcome and every dead-letter topic from the earliest offset.

    Outside any consumer group. Blocking: call `read_on` in a thread. Raises KafkaException when the
    broker cannot be reached within 10 s.
    """

    def __init__(self, bootstrap: str) -> None:
        self.outcomes: dict[str, list[Outcome]] = {}
        self.dead_letters: set[str] = set()
        config = {
            "bootstrap.servers": bootstrap,
            "group.id": "devkit.loadtest",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
        # Two, because a question about offsets waits behind the fetches of the same connection.
        self._consumer, self._asker = Consumer(config), Consumer(config)
        self._partitions = list(self._every_partition((MESSAGES_OUTCOME, *DEAD_LETTER_TOPICS)))
        self._consumer.assign(self._partitions)

    def read_on(self) -> int:
        """Up to where every partition ends now; the number of new records.

        Raises TimeoutError when the end is not reached within 10 s.
        """
        ends = [(one.topic, one.partition, self._end_of(one)) for one in self._partitions]
        new, deadline = 0, time.monotonic() + TIMEOUT
        while any(self._position(topic, number) < end for topic, number, end in ends):
            if time.monotonic() > deadline:
                raise TimeoutError("the end of the outcomes was not reached")
            for message in self._consumer.consume(500, timeout=0.1):
                new += self._take(message)
        return new

    def close(self) -> None:
        self._consumer.close()
        self._asker.close()

    def _every_partition(self, topics: Iterable[Topic]) -> Iterator[Partition]:
        known = self._asker.list_topics(timeout=TIMEOUT).topics
        for topic in topics:
            if topic.name in known:
                for number in known[topic.name].partitions:
                    yield Partition(topic.name, number, OFFSET_BEGINNING)

    def _end_of(self, partition: Partition) -> int:
        low, high = self._asker.get_watermark_offsets(partition, timeout=TIMEOUT)
        return high if high > low else 0

    def _position(self, topic: str, number: int) -> int:
        return max(0, self._consumer.position([Partition(topic, number)])[0].offset)

    def _take(self, message: Message) -> int:
        if message.error():  # librdkafka goes on by itself; a lasting one ends in TimeoutError
            return 0
        value = message.value() or b""
        if message.topic() == MESSAGES_OUTCOME.name:
            self._take_outcome(OutcomeRecorded.decode(value))
        else:
            self.dead_letters.update(wamid.decode() for wamid in WAMID.findall(value))
        return 1

    def _take_outcome(self, event: OutcomeRecorded) -> None:
        outcome = Outcome(event.event_id, event.outcome, event.reason)
        self.outcomes.setdefault(event.wamid, []).append(outcome)
