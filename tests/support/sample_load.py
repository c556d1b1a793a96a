"""Messages of several contacts, each numbered from 0, sent at a steady rate from a thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, Message, Producer
from tests.support.builders import a_message

from common.kafka.producer import producer_config
from common.service.settings import KafkaSettings
from common.topics import Topic

FLUSH_SECONDS = 30


class NumberedMessages:
    """Sends until stopped."""

    def __init__(
        self, kafka: KafkaSettings, topic: Topic, *, contacts: int, per_second: float
    ) -> None:
        self._producer = Producer(producer_config(kafka, deadline_ms=0, linger_ms=0))
        self._topic = topic
        self._contacts = contacts
        self._pause = 1 / per_second
        self._stopping = threading.Event()
        self.sent: dict[str, int] = {}  # contact -> how many
        self.errors: list[str] = []

    def run(self) -> None:
        number = 0
        while not self._stopping.wait(self._pause):
            contact = f"c{number % self._contacts}"
            count = self.sent.get(contact, 0)
            event = a_message(str(count), contact_id=contact, wamid=f"{contact}-{count}")
            self._producer.produce(
                self._topic.name, event.encode(), key=event.conversation, on_delivery=self._note
            )
            self._producer.poll(0)
            self.sent[contact] = count + 1
            number += 1

    def _note(self, error: KafkaError | None, _: Message) -> None:
        if error:
            self.errors.append(error.name())

    def stop(self) -> None:
        self._stopping.set()

    def flush(self) -> None:
        assert self._producer.flush(FLUSH_SECONDS) == 0
        assert self.errors == []


@contextmanager
def numbered_messages(
    kafka: KafkaSettings, topic: Topic, *, contacts: int, per_second: float
) -> Iterator[NumberedMessages]:
    """Sends while the block runs; at its end the broker has everything."""
    load = NumberedMessages(kafka, topic, contacts=contacts, per_second=per_second)
    thread = threading.Thread(target=load.run)
    thread.start()
    try:
        yield load
    finally:
        load.stop()
        thread.join()
        load.flush()
