"""The only place where the sender's objects are built."""

from typing import TypeVar

from common.events import Event, MessageReceived, ReplyReady, StatusReceived, TenantConfig
from common.kafka.broker_health import BrokerHealth
from common.kafka.compacted import CompactedView
from common.kafka.consumers import KafkaConsumers
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
from common.service.lifecycle import (
    STOP_SECONDS,
    Component,
    Components,
    Lifecycle,
    StopTogether,
)
from common.service.periodic import Periodic
from common.tenant_secrets import TenantSecrets
from common.topics import (
    DELIVERIES_EVENTS,
    MESSAGES_INBOUND,
    MESSAGES_STATUS,
    REPLIES_OUTBOUND,
    TENANTS_CONFIG,
)
from common.work import Owner, Runner
from sender.accept import accept
from sender.deliver import DEADLINE, Deliver, limits
from sender.pacing import Pacing
from sender.reconcile import SWEEP_EVERY, AfterCommit, ParkedStatuses, Reconcile, log_failed_sweep
from sender.settings import Settings
from sender.show_typing import MAX_IN_FLIGHT, ShowTyping
from sender.tables import DELIVERY, SCHEMA, DeliveryUpdate, DueDelivery
from sender.wake_held import WAKE_EVERY, WakeHeld, log_failed_wake
from sender.whatsapp.graph_client import CALL_SECONDS, MAX_BODY_BYTES, GraphClient
from sender.whatsapp.tag import Tags

E = TypeVar("E", bound=Event)
STATUSES_WAIT_MS = 150  # each message has three statuses; larger batches cost a tenth
TYPING_WAITS_MS = 150
EVENTS_WAIT_MS = 500  # no one waits for the sender's events


def build(settings: Settings, life: Lifecycle, call_seconds: float = CALL_SECONDS) -> Components:
    """The components in the order to start them. call_seconds: the deadline of a call of Graph."""
    bootstrap = settings.kafka_bootstrap_servers
    database = Database(settings.database_url.get_secret_value(), SCHEMA, life)
    # Without a deadline: a gap would break a key's order.
    producer = Producer(
        bootstrap, life, deadline_ms=0, linger_ms=EVENTS_WAIT_MS, reports_ms=REPORTS_MS
    )
    outbox, owner = Outbox(database, producer, life), Owner(database, DELIVERY, life)
    tenants = CompactedView(bootstrap, TENANTS_CONFIG, TenantConfig, life)
    http = JsonHttpClient(settings.slots + MAX_IN_FLIGHT, MAX_BODY_BYTES)
    graph = GraphClient(settings.whatsapp_graph_url, http, call_seconds)
    ring, wake, clock = KeyRing.read(settings.key_ring_file), WakeHeld(database), SystemClock()
    tokens = TenantSecrets("access_token", ring, settings.default_access_token)
    tags, pacing = Tags(ring), Pacing(settings.number_per_second)
    deliver = Deliver(tenants.get, graph, tokens, tags, pacing, clock, wake)
    runner = Runner(
        DELIVERY,
        deliver,
        limits(settings.slots),
        database=database,
        outbox=outbox,
        owner=owner,
        life=life,
    )
    show_typing = ShowTyping(tenants.get, graph, tokens, clock, life.loop)
    dead_letters = DeadLetters(life.service, producer, life.loop)
    kafka = KafkaConsumers(bootstrap, life, dead_letters, wait_reason, is_timeout)
    consumers: list[Component] = [
        kafka.consumer(REPLIES_OUTBOUND, ReplyReady, runner.store_and_claim(accept)),
        *statuses(kafka, database, Reconcile(tags, clock), outbox, runner),
    ]
    if settings.send_typing:
        consumers.append(
            kafka.consumer(MESSAGES_INBOUND, MessageReceived, show_typing.handle, TYPING_WAITS_MS)
        )
    return [
        database,
        SchemaReady(database, "sender"),
        producer,
        BrokerHealth(producer, DELIVERIES_EVENTS, life),
        tenants,
        http,
        owner,
        outbox,
        OutboxAge(database, life),
        show_typing,
        waking(tenants, deliver, wake),
        StopTogether([runner, *consumers], DEADLINE + STOP_SECONDS),
    ]


def waking(tenants: CompactedView[TenantConfig], deliver: Deliver, wake: WakeHeld) -> Component:
    """What was held back goes on when its hold ends or its client is changed."""
    tenants.after_changes(deliver.tenant_changed)
    return Periodic(wake.wake, WAKE_EVERY, log_failed_wake)


def statuses(
    kafka: KafkaConsumers,
    database: Database,
    reconcile: Reconcile,
    outbox: Outbox,
    runner: Runner[DueDelivery, DeliveryUpdate],
) -> list[Component]:
    def publish_and_hint(result: AfterCommit) -> None:
        outbox.publish(result.rows)
        runner.hint(result.hints)

    handle = in_transaction(database, reconcile.store, publish_and_hint)
    parked = ParkedStatuses(database, reconcile, publish_and_hint)
    return [
        kafka.consumer(MESSAGES_STATUS, StatusReceived, handle, STATUSES_WAIT_MS),
        Periodic(parked.sweep, SWEEP_EVERY, log_failed_sweep),
    ]
