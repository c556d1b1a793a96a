"""The only place where the assistant's objects are built."""

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from assistant.openai.client import LONGEST_BODY, ResponsesClient
from assistant.openai.gateway import ModelGateway
from assistant.prompt import identifier_key
from assistant.receive import MessageReceiver
from assistant.reply_wamids import GATHER_MS, store_reply_wamids
from assistant.settings import Settings
from assistant.tables import TURNS
from assistant.turn import TurnHandler
from common.events import AssistantConfig, DeliveryChanged, Event, MessageReceived, TenantConfig
from common.kafka.broker_health import BrokerHealth
from common.kafka.compacted import CompactedView
from common.kafka.consumer import BatchConsumer
from common.kafka.dead_letter import DeadLetters
from common.kafka.producer import REPORTS_MS, Producer
from common.outbox import Outbox
from common.outbox_age import OutboxAge
from common.postgres.database import Database, in_transaction
from common.postgres.errors import is_timeout, wait_reason
from common.postgres.wait_for_schema import SchemaReady
from common.sealed import KeyRing
from common.service.clock import SystemClock
from common.service.json_http import JsonHttpClient
from common.service.lifecycle import STOP_SECONDS, Components, Lifecycle, StopTogether
from common.tenant_secrets import TenantSecrets
from common.topics import (
    ASSISTANTS_CONFIG,
    DELIVERIES_EVENTS,
    MESSAGES_INBOUND,
    REPLIES_OUTBOUND,
    TENANTS_CONFIG,
    Topic,
)
from common.work import Owner, Runner, WorkLimits

E = TypeVar("E", bound=Event)


def build(settings: Settings, life: Lifecycle) -> Components:
    bootstrap = settings.kafka_bootstrap_servers
    database = Database(settings.database_url.get_secret_value(), "assistant", life)
    tenants = CompactedView(bootstrap, TENANTS_CONFIG, TenantConfig, life)
    assistants = CompactedView(bootstrap, ASSISTANTS_CONFIG, AssistantConfig, life)
    producer = Producer(bootstrap, life, deadline_ms=0, reports_ms=REPORTS_MS)
    outbox = Outbox(database, producer, life)
    owner = Owner(database, TURNS, life)
    http = JsonHttpClient(connections=settings.slots, longest_answer=LONGEST_BODY)
    ring = KeyRing.read(settings.key_ring_file) if settings.key_ring_file else None
    api_keys = TenantSecrets("openai_api_key", ring, settings.openai_api_key.get_secret_value())
    clock, deadline = SystemClock(), settings.turn_deadline
    model = ModelGateway(ResponsesClient(settings.openai_base_url, http), clock, deadline)
    identifiers = identifier_key(ring)
    turns = TurnHandler(
        tenants.get, assistants.get, model, api_keys, identifiers, clock, random.random
    )
    limits = WorkLimits(slots=settings.slots, deadline=2 * deadline + 5)
    runner = Runner(TURNS, turns, limits, database=database, outbox=outbox, owner=owner, life=life)
    receiver = MessageReceiver(tenants.get, outbox.publish)
    store = runner.store_and_claim(receiver.store, receiver.after_commit)
    messages = consume(bootstrap, MESSAGES_INBOUND, MessageReceived, store, life, producer)
    store_wamids = in_transaction(database, store_reply_wamids)
    deliveries = consume(
        bootstrap, DELIVERIES_EVENTS, DeliveryChanged, store_wamids, life, producer, GATHER_MS
    )
    return [
        database,
        SchemaReady(database, "assistant"),
        producer,
        BrokerHealth(producer, REPLIES_OUTBOUND, life),
        tenants,
        assistants,
        http,
        outbox,
        OutboxAge(database, life),
        owner,
        StopTogether([runner, messages, deliveries], limits.deadline + STOP_SECONDS),
    ]


def consume(
    bootstrap: str,
    topic: Topic,
    event: type[E],
    handle: Callable[[Sequence[E]], None],
    life: Lifecycle,
    producer: Producer,
    gather_ms: int = 0,
) -> BatchConsumer[E]:
    return BatchConsumer(
        bootstrap,
        topic,
        event,
        handle,
        life=life,
        dead_letters=DeadLetters(life.service, producer, life.loop),
        wait_reason=wait_reason,
        is_timeout=is_timeout,
        gather_ms=gather_ms,
    )
