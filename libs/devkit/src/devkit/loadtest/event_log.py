"""Reads what Kafka holds of a run: outcomes, and the wamids inside dead letters."""

import re
import time
from collections.abc import Callable

from common.events import OutcomeRecorded
from common.kafka.reader import ReadStopped, TopicReader, TopicUnavailable
from common.kafka.record import Record
from common.service.settings import KafkaSettings
from common.topics import ALL, MESSAGES_OUTCOME, dlq_of
from devkit.loadtest.evidence import Outcome

WAMID = re.compile(rb"wamid\.[A-Za-z0-9_.=+/-]+")
TOPICS = (MESSAGES_OUTCOME, *(dlq_of(topic) for topic in ALL if topic.dlq))
TIMEOUT = 30.0


class EventLog:
    """Follows messages.outcome and every dead-letter topic from the earliest offset.

    Blocking: call `read_on` in a thread. Raises TopicUnavailable when the broker cannot be reached.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self.outcomes: dict[str, list[Outcome]] = {}
        self.dead_letters: set[str] = set()
        self._readers = [TopicReader(kafka, topic.name) for topic in TOPICS]
        self._next = {reader.topic: beginnings_of(reader) for reader in self._readers}

    def read_on(self) -> int:
        """Up to where every partition ends now; the number of new records.

        Raises TimeoutError when the end is not reached within 30 s.
        """
        deadline = time.monotonic() + TIMEOUT

        def is_late() -> bool:
            return time.monotonic() > deadline

        try:
            return sum(self._read(reader, is_late) for reader in self._readers)
        except ReadStopped:
            raise TimeoutError("the end of the outcomes was not reached") from None

    def close(self) -> None:
        for reader in self._readers:
            reader.close()

    def _read(self, reader: TopicReader, is_late: Callable[[], bool]) -> int:
        starts, new = self._next[reader.topic], 0
        for record in reader.read_to_end(dict(starts), is_late, TIMEOUT):
            starts[record.partition] = record.offset + 1
            self._take(record)
            new += 1
        reader.assign({})  # a question about offsets would wait behind the fetches
        return new

    def _take(self, record: Record) -> None:
        value = record.value or b""
        if record.topic != MESSAGES_OUTCOME.name:
            self.dead_letters.update(wamid.decode() for wamid in WAMID.findall(value))
            return
        event = OutcomeRecorded.decode(value)
        outcome = Outcome(event.event_id, event.outcome, event.reason, event.corrects)
        self.outcomes.setdefault(event.wamid, []).append(outcome)


def beginnings_of(reader: TopicReader) -> dict[int, int]:
    """Of every partition; none of a topic that is not there."""
    try:
        return reader.beginnings(TIMEOUT)
    except TopicUnavailable as error:
        if error.missing == "topic":
            return {}
        raise
