"""Reads the topics from a time on, one after the other, and keeps what is about one message."""

from collections.abc import Iterator
from datetime import datetime

from common.events import DeliveryChanged, ReplyReady
from common.kafka.reader import TopicReader, TopicUnavailable
from common.kafka.record import Record
from common.service.settings import KafkaSettings
from common.topics import (
    ALL,
    CONVERSATIONS_COMMANDS,
    CONVERSATIONS_EVENTS,
    DELIVERIES_EVENTS,
    MESSAGES_INBOUND,
    MESSAGES_OUTCOME,
    MESSAGES_STATUS,
    REPLIES_OUTBOUND,
    TURNS_PROGRESS,
    WEBHOOKS_QUARANTINE,
    WEBHOOKS_RAW,
    dlq_of,
)
from tenant_admin.message_trace.stages import KnownIds, Stage, stage_of, without_copies
from tenant_admin.replay.read import SILENCE_SECONDS, refuse_unavailable

# Each tells ids that the later ones are searched for.
TOPICS = (
    WEBHOOKS_RAW,
    WEBHOOKS_QUARANTINE,
    MESSAGES_INBOUND,
    MESSAGES_OUTCOME,
    REPLIES_OUTBOUND,
    DELIVERIES_EVENTS,
    MESSAGES_STATUS,
    TURNS_PROGRESS,
    CONVERSATIONS_COMMANDS,
    CONVERSATIONS_EVENTS,
    *(dlq_of(topic) for topic in ALL if topic.dlq),
)
MOST_STAGES = 1000
TIMEOUT_SECONDS = 10.0
# What librdkafka holds of each partition that is read.
LITTLE_MEMORY = {"queued.max.messages.kbytes": 1024, "queued.min.messages": 1000}


def find_stages(kafka: KafkaSettings, wamid: str, since: datetime) -> list[Stage]:
    """In the order of time, at most 1,000; of a message that we sent, the stages of what it
    answers. RequestRefused when the broker is away."""
    known = KnownIds(wamid)
    stages = stages_in(kafka, known, since)
    if not stages and (answered := answered_by(kafka, wamid, since)):
        stages = stages_in(kafka, KnownIds(answered), since)
    return without_copies(stages)


def stages_in(kafka: KafkaSettings, known: KnownIds, since: datetime) -> list[Stage]:
    stages: list[Stage] = []
    for topic in TOPICS:
        for record in records(kafka, topic.name, since):
            if len(stages) < MOST_STAGES and (stage := stage_of(record, known)):
                stages.append(stage)
    return stages


def answered_by(kafka: KafkaSettings, sent: str, since: datetime) -> str | None:
    """The contact's message that a message of ours answers."""
    reply_ids = {
        event.reply_id
        for record in records(kafka, DELIVERIES_EVENTS.name, since)
        if sent.encode() in (record.value or b"")
        and (event := DeliveryChanged.decode(record.value)).wamid == sent
    }
    for record in records(kafka, REPLIES_OUTBOUND.name, since) if reply_ids else ():
        if any(each.encode() in (record.value or b"") for each in reply_ids):
            return ReplyReady.decode(record.value).answers[-1]
    return None


def records(kafka: KafkaSettings, topic: str, since: datetime) -> Iterator[Record]:
    """A topic that is not there holds none."""
    with TopicReader(kafka, topic, LITTLE_MEMORY) as reader:
        try:
            starts = reader.offsets_at(since, TIMEOUT_SECONDS)
            yield from reader.read_to_end(starts, timeout=TIMEOUT_SECONDS, silence=SILENCE_SECONDS)
        except TopicUnavailable as error:
            if error.missing != "topic":
                refuse_unavailable(topic, error)
