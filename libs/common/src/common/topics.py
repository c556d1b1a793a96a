"""The map: every topic, who writes it, who reads it, its key and what it holds.

No topic name stands anywhere else. A topic with `dlq=True` has a `<name>.dlq` beside it.
"""

from dataclasses import dataclass

from common.events import (
    AccountNews,
    AssistantConfig,
    ConversationChanged,
    ConversationCommand,
    DeliveryChanged,
    Event,
    MessageReceived,
    OutcomeRecorded,
    ReplyReady,
    StatusReceived,
    TenantConfig,
    TurnProgress,
    UsageRecorded,
)

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS
DLQ_MARKS_BYTES = 64 << 10  # a dead letter is its record and headers that say why
LARGEST_MESSAGE = (4 << 20) + DLQ_MARKS_BYTES
BESIDE_VALUE_BYTES = 1024  # a batch with one record: its header, the key, our headers
MESSAGE_PARTITIONS = 24  # hard to change later: a key would move to another partition
HISTORY_PARTITIONS = 3  # nothing waits for these: a producer sends fewer, larger requests


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `event` is None where the value is the webhook's exact bytes."""

    name: str
    key: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    event: type[Event] | None = None
    partitions: int = MESSAGE_PARTITIONS
    retention_ms: int = 7 * DAY_MS
    compacted: bool = False
    dlq: bool = False
    max_message_bytes: int = 1 << 20

    @property
    def max_value_bytes(self) -> int:
        """The largest value that the broker takes."""
        return self.max_message_bytes - BESIDE_VALUE_BYTES


WEBHOOKS_RAW = Topic(
    "webhooks.raw",
    key="phone_number_id",
    producers=("ingress", "router", "operator"),  # router: release; operator: replay
    consumers=("router",),
    retention_ms=14 * DAY_MS,  # Meta retries for 7 days
    dlq=True,
    max_message_bytes=4 << 20,  # a payload may be 3 MB
)
WEBHOOKS_QUARANTINE = Topic(
    "webhooks.quarantine",
    key="phone_number_id",
    producers=("router",),
    consumers=("router",),
    retention_ms=14 * DAY_MS,
    max_message_bytes=4 << 20,
)
MESSAGES_INBOUND = Topic(
    "messages.inbound",
    key="conversation",
    producers=("router",),
    consumers=("assistant",),
    event=MessageReceived,
    dlq=True,
)
MESSAGES_STATUS = Topic(
    "messages.status",
    key="conversation",
    producers=("router",),
    consumers=("sender",),
    event=StatusReceived,
    dlq=True,
)
MESSAGES_OUTCOME = Topic(
    "messages.outcome",
    key="conversation",
    producers=("router", "assistant", "sender"),
    consumers=(),
    event=OutcomeRecorded,
    partitions=HISTORY_PARTITIONS,
    retention_ms=30 * DAY_MS,
)
TURNS_PROGRESS = Topic(
    "turns.progress",
    key="conversation",
    producers=("assistant",),
    consumers=("sender",),  # read marks and typing
    event=TurnProgress,
    partitions=HISTORY_PARTITIONS,
    retention_ms=HOUR_MS,
    dlq=True,
)
REPLIES_OUTBOUND = Topic(
    "replies.outbound",
    key="conversation",
    producers=("assistant",),
    consumers=("sender",),
    event=ReplyReady,
    dlq=True,
)
DELIVERIES_EVENTS = Topic(
    "deliveries.events",
    key="conversation",
    producers=("sender",),
    consumers=("assistant", "tenant-admin"),  # whose reply a wamid is; counts replies
    event=DeliveryChanged,
    partitions=HISTORY_PARTITIONS,
    retention_ms=30 * DAY_MS,
    dlq=True,
)
CONVERSATIONS_COMMANDS = Topic(
    "conversations.commands",
    key="conversation",
    producers=("tenant-admin", "router"),  # router: what a person wrote in WhatsApp's app
    consumers=("assistant",),
    event=ConversationCommand,
    dlq=True,
)
CONVERSATIONS_EVENTS = Topic(
    "conversations.events",
    key="conversation",
    producers=("assistant",),
    consumers=("sender",),  # holds back replies made before it
    event=ConversationChanged,
    retention_ms=30 * DAY_MS,
    dlq=True,
)
USAGE_EVENTS = Topic(
    "usage.events",
    key="tenant_id",
    producers=("assistant",),
    consumers=("tenant-admin",),
    event=UsageRecorded,
    partitions=HISTORY_PARTITIONS,
    retention_ms=30 * DAY_MS,
    dlq=True,
)
ACCOUNTS_EVENTS = Topic(
    "accounts.events",
    key="waba_id",  # phone_number_id of what is about a number
    producers=("router",),
    consumers=("sender", "tenant-admin"),  # sender: what stops a number, and its throughput
    event=AccountNews,
    partitions=HISTORY_PARTITIONS,
    retention_ms=30 * DAY_MS,
    dlq=True,
)
TENANTS_CONFIG = Topic(
    "tenants.config",
    key="phone_number_id",
    producers=("tenant-admin",),
    consumers=("router", "assistant", "sender", "tenant-admin"),  # compares it with its database
    event=TenantConfig,
    partitions=3,
    compacted=True,
)
ASSISTANTS_CONFIG = Topic(
    "assistants.config",
    key="assistant_id",
    producers=("tenant-admin",),
    consumers=("assistant", "tenant-admin"),
    event=AssistantConfig,
    partitions=3,
    compacted=True,
)

ALL = (
    WEBHOOKS_RAW,
    WEBHOOKS_QUARANTINE,
    MESSAGES_INBOUND,
    MESSAGES_STATUS,
    MESSAGES_OUTCOME,
    TURNS_PROGRESS,
    REPLIES_OUTBOUND,
    DELIVERIES_EVENTS,
    CONVERSATIONS_COMMANDS,
    CONVERSATIONS_EVENTS,
    USAGE_EVENTS,
    ACCOUNTS_EVENTS,
    TENANTS_CONFIG,
    ASSISTANTS_CONFIG,
)
BY_NAME = {topic.name: topic for topic in ALL}


def dlq_of(topic: Topic) -> Topic:
    """Where this topic's unusable records go: original bytes, one partition, 30 days."""
    return Topic(
        f"{topic.name}.dlq",
        key=topic.key,
        producers=topic.consumers,
        consumers=("operator",),
        partitions=1,
        retention_ms=30 * DAY_MS,
        max_message_bytes=topic.max_message_bytes + DLQ_MARKS_BYTES,
    )


def every_topic() -> tuple[Topic, ...]:
    """All topics to create, dead letters included."""
    return ALL + tuple(dlq_of(topic) for topic in ALL if topic.dlq)
